#pragma once
// A ring at one moment, for people and machines that watch it: positions, publishers, cursors, arena, lag.
//
// Read-only: works on live rings, dead ones and copied files, and writes nothing. Every word is input. On a live ring the words
// are read one after the other, in an order in which each looks plausible beside the ones before (a cursor is never ahead of the
// tail, for example). Allocates. Thread-safe. Cost: a line per publisher and cursor in use, and a pass over the arena's block table.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipc/cursor.hpp"
#include "ipc/inspect.hpp"

namespace fabric::ipc {

// One publisher line in use.
struct PublisherInfo {
  std::uint32_t index = 0;
  MemberId owner = 0;
  std::uint64_t claim_first = 0, claim_end = 0;    // sequences that it may still write; empty: none
  bool busy = false;                               // inside a publish
  std::uint64_t incarnation = 0;                   // how many owners the line has had
  std::uint64_t published = 0, voided = 0;         // by this owner
  std::uint64_t blocked_since_ns = 0;              // CLOCK_MONOTONIC, 0: not blocked
  std::optional<std::uint32_t> blocked_by{};       // cursor index
};
std::vector<PublisherInfo> list_publishers(const RingMap& map);

// Blocks of the arena by state; `needed` are stamped and not yet passed by the gate, `orphaned` held by a line that has a new owner.
struct ArenaUse {
  std::uint64_t blocks = 0, free = 0, held = 0, needed = 0, passed = 0, orphaned = 0, damaged = 0;
};
ArenaUse count_blocks(const RingMap& map) noexcept;

struct RingSnapshot {
  std::uint64_t oldest = 0, head = 0, tail = 0;  // see inspect.hpp
  std::uint64_t limit = 0;                       // publishers may claim below it
  std::uint64_t horizon = 0;
  std::uint64_t lease_epoch = 0;                 // one writer
  std::optional<std::uint32_t> lease_line;
  std::uint64_t sleepers = 0;
  std::optional<std::uint64_t> oldest_ns, newest_ns;  // time stamps, unverified
  std::vector<PublisherInfo> publishers;
  std::vector<CursorInfo> cursors;
  std::optional<std::uint32_t> slowest;          // index of the cursor that publishers would wait for first

  std::uint64_t retained() const noexcept { return head - oldest; }
};
RingSnapshot take_snapshot(const RingMap& map);

// Sequences of the ring that gating cursors have not acked, of slot_count: at 1 publishers wait.
double unacked_share(const RingMap& map, const RingSnapshot& snapshot) noexcept;

// How far a cursor is behind, in records and in time.
struct Lag {
  std::uint64_t records = 0;
  std::uint64_t span_ns = 0;  // from the first record that is not acked to the newest
  std::uint64_t age_ns = 0;   // from the first record that is not acked to now
};
// `now_ns`: ring_now_ns(). Time stamps are unverified; what makes no sense becomes 0.
Lag lag_at(const RingMap& map, std::uint64_t position, std::uint64_t now_ns) noexcept;

// Now on the clock of the ring's time stamps; of a ring of another boot, the wall clock.
std::uint64_t ring_now_ns(const RingFile& file) noexcept;

}  // namespace fabric::ipc
