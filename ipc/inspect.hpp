#pragma once
// Looking at a ring from outside: how far it is, what it retains, where a reader should start, what state a slot is in.
// Read-only; works on live rings, dead ones and copied files. Thread-safe. Every word is input.

#include <cstdint>
#include <optional>

#include "ipc/record.hpp"
#include "ipc/ring_file.hpp"

namespace fabric::ipc {

struct StartAt {
  enum class Kind : std::uint8_t { latest, earliest, sequence, time, last } kind = Kind::latest;
  std::uint64_t value = 0;  // sequence: the first to read; time: Unix nanoseconds; last: how many records
};

// The sequence behind the last record: `tail`, less what a one-writer publisher claimed ahead and has not used.
std::uint64_t find_head(const RingMap& map) noexcept;
// The oldest sequence whose slot has not been claimed again.
std::uint64_t oldest_sequence(const RingMap& map) noexcept;
// The same, as far as it makes sense beside a `head` that was found before: within [head - slot_count, head], though the tail jumps between
// the two (damage). Whoever loops from the one to the other is bounded by this.
std::uint64_t oldest_below(const RingMap& map, std::uint64_t head) noexcept;
// Time stamp of the record at `sequence`, unverified; nullopt where no record of it is committed.
std::optional<std::uint64_t> timestamp_of(const RingMap& map, std::uint64_t sequence) noexcept;
// Where to start; within [oldest, head]. `time`: the first record not older, by binary search.
std::uint64_t find_start(const RingMap& map, StartAt start) noexcept;

enum class SlotCondition : std::uint8_t {
  whole,        // committed and its checksum holds
  voided,       // a claim that came to nothing
  unfinished,   // claimed, neither committed nor settled
  damaged,      // committed (or the word is no word), and the checksum does not hold
  payload_gone, // committed, its arena extent was reused: nobody needs it any more
  overwritten,  // a later lap stands there (while a live ring moves on)
};
const char* to_string(SlotCondition condition) noexcept;
SlotCondition examine_slot(const RingMap& map, std::uint64_t sequence) noexcept;

// Whether the record `sequence` is whole but for its payload in the arena, blocks of which belong to something else by now. For a record
// that does not verify: what is damaged in the slot itself is never taken for this.
bool payload_is_gone(const RingMap& map, std::uint64_t sequence, const HeaderCopy& header, const ArenaSlot& place) noexcept;

}  // namespace fabric::ipc
