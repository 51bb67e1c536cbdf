#pragma once
// Named cursors: where a group stands in a ring, durable or for the life of its reader, gating publishers or not.
//
// A name is claimed by putting its hash into the state word of a free line, and then looking whether another line has it too:
// whoever sees another gives way. Of two that create one name at the same time at most one goes on; both may give way and
// try again. A line whose creator died is freed by the next. No lock between processes, so nobody waits for a stopped creator,
// mover or deleter: its name is `busy`, and may be taken from it by force.
//
// Whoever changes a line owns it first (cursor_line.hpp). Thread-safe: all functions; the threads of one process take turns. Not for
// hot paths. In a forked child, whose rings are its parent's, everything that changes something is refused as invalid_argument.

#include <optional>
#include <string>
#include <vector>

#include "ipc/gate.hpp"
#include "ipc/ring.hpp"

namespace fabric::ipc {

struct CursorOptions {
  std::string name{};       // 1 to 63 bytes; empty: a nameless cursor for the life of its reader
  bool gating = true;       // publishers wait for it; otherwise it may be overrun
  bool durable = true;      // stays when its reader leaves or dies
  bool take_over = false;   // from a live owner, by force; it is fenced
  std::optional<std::uint64_t> only_from_epoch{};  // with take_over: not from an owner that came after the one with this epoch
};

// An owned cursor. Plain data; release_cursor() gives it back.
struct OwnedCursor {
  std::uint32_t index = 0;
  std::uint64_t position_word = 0;  // as last written by us: what an ack expects
  std::uint64_t state_word = 0;     // as we left it: another generation says that the cursor was taken
  std::uint64_t started = 0;        // what lies before was never read through this cursor, or nobody can say so any more
  bool created = false;
};

// Finds or creates the cursor and takes it. A new one starts at `start`, or as near after it as publishers still allow.
// Errors: invalid_argument (name; flags that differ from the existing cursor's), busy (its owner is alive, or it is being created),
// no_space (all cursor lines in use), permission (read-only ring), corrupt (it stands beyond the tail).
Result<OwnedCursor> acquire_cursor(const Ring& ring, const CursorOptions& options, std::uint64_t start);

// Leaves the cursor: durable ones keep their position, others are freed. Nothing happens if we were fenced.
void release_cursor(const Ring& ring, const OwnedCursor& cursor) noexcept;

// Moves an owner-less cursor (or with `take_over` any: its owner is fenced, and one that is still being created is undone) to
// `sequence`, or as near after it as publishers still allow. It is nobody's afterwards. Errors: not_found, busy, permission,
// invalid_argument (not a sequence that the ring retains for gating readers; an ephemeral cursor).
Result<void> move_cursor(const Ring& ring, const std::string& name, std::uint64_t sequence, bool take_over = false);
// Deletes an owner-less cursor. Errors: not_found, busy, permission.
Result<void> delete_cursor(const Ring& ring, const std::string& name);

// One reader of a process: the process's id and a number that it gave to the reader. Of the id only the lowest 56 bits find room in the
// word: the index in the members file, and 203 days of generations. Whose it is, is looked up there.
using ReaderId = std::uint64_t;  // MemberId << 8 | number; 0 is nobody, number 0 is one that said nothing
inline constexpr ReaderId reader_id(MemberId member, std::uint8_t number) noexcept { return member << 8 | number; }

struct CursorInfo {
  std::uint32_t index = 0;
  std::string name{};
  std::uint64_t position = 0;   // next sequence not acked
  std::uint64_t epoch = 0;
  std::uint64_t started = 0;    // what lies before was never handled through it (layout.hpp)
  bool gating = false, durable = false, joining = false;
  MemberId owner = 0;
  std::uint64_t acked_at_ns = 0, created_at_ns = 0;  // the ring's clock (Unix time)
  std::uint64_t lease = 0;      // the owner's LeaseWord (layout.hpp); 0: none
  ReaderId requested_by = 0;    // who asks for it, dead or alive
};
// Cursors in use. Works on read-only rings; every byte is treated as input.
std::vector<CursorInfo> list_cursors(const RingMap& map);
std::optional<CursorInfo> find_cursor(const RingMap& map, const std::string& name);

}  // namespace fabric::ipc
