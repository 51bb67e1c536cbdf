#pragma once
// What the living do for the dead: give back lines, cursors and arena blocks, and bring a ring of an earlier boot back.
//
// Every step is one CAS or is repeated harmlessly, so whoever repairs may die too. Nothing here is done for an owner whose death is
// not proven (liveness.hpp). Thread-safe. Not for hot paths: a system call per line in use.

#include "ipc/ring.hpp"

namespace fabric::ipc {

// Frees the publisher line `index` if its owner is dead. Its unfinished claims are then voided by the first reader or successor
// that meets them (no intent covers them any more). False: free already, or its owner is alive.
bool reclaim_publisher_line(const Ring& ring, std::uint32_t index) noexcept;

struct Reclaimed {
  std::uint32_t publishers = 0, cursors = 0;
};
// All lines of dead publishers and all cursors of dead readers: durable ones lose their owner, others are freed.
Reclaimed reclaim_dead(const Ring& ring) noexcept;

// Frees the cursor `index` if it is not durable and its owner is dead. True: it no longer gates.
bool reclaim_cursor(const Ring& ring, std::uint32_t index) noexcept;

// Brings a ring file of an earlier boot (on disk) into this one: tail, gate and verdicts are rebuilt from the records' checksums, owners
// and sleepers forgotten, cursors kept. Never beside anybody who has the ring attached for writing, whatever the boot ids say.
// Errors: busy (attached by live processes; or, with EAGAIN, being recovered by another), those of RingFile::attach. Idempotent:
// the record of the new boot is written last.
struct Recovered {
  std::uint64_t records = 0, voided = 0;  // of [first, tail)
  std::uint64_t first = 0, tail = 0;
  std::uint32_t damaged_cursors = 0;  // whose position could not be believed: they start again at `first`
};
Result<Recovered> recover_ring(const std::string& path);

}  // namespace fabric::ipc
