#pragma once
// What has become of a claimed sequence, for whoever has to know about every record below a claim of its own (Admission, ring_writer.hpp).
//
// Unlike a reader it does not stop at a claim that is not finished: it says so, and who is about to finish it. Contested claims are
// settled on the way, where the ring is attached for writing. Thread-safe, lock-free, no allocation. Every word is input.

#include <cstdint>
#include <span>

#include "ipc/record.hpp"
#include "ipc/ring.hpp"

namespace fabric::ipc {

enum class Standing : std::uint8_t {
  record,      // committed for good, or what was committed is damaged
  nothing,     // void, or no longer retained
  unfinished,  // its publisher may still commit it
};
// `sequence` is below the tail. An unfinished one-writer stride is `unfinished` as well.
Standing standing_of(const Ring& ring, std::uint64_t sequence) noexcept;

// Whether a live publisher may still commit an unfinished sequence of whose claim it has announced this (Admission). False also when it was
// finished meanwhile: ask standing_of() once more. Several intents may cover a sequence: of those but one the claim failed, or is to fail.
bool is_announced(const Ring& ring, std::uint64_t sequence, std::uint64_t announced) noexcept;

// The bytes of a record where they lie, unverified: others may write to them at any moment. What was made of them counts only if
// is_retained(sequence) after that, and if it is not believed without a checksum. Empty: they lie nowhere.
struct RecordInPlace {
  HeaderCopy header{};
  std::span<const std::byte> payload{};
};
RecordInPlace look_at_record(const RingMap& map, std::uint64_t sequence) noexcept;
bool is_retained(const RingMap& map, std::uint64_t sequence) noexcept;

}  // namespace fabric::ipc
