#pragma once
// Hints to the processor's caches. None of them is an access: the line may be anybody's, and what it holds is not looked at.
//
// A slot's lines are in another core's cache when their turn comes: the last to touch them was the other side. A core has room for
// the misses of two or three records at a time (its reorder buffer holds some 500 instructions), so a stream of small records runs at
// the latency of a line unless lines are asked for earlier. Measured in bench/README.md.

#include <array>
#include <cstddef>

#include "ipc/ring_file.hpp"

namespace fabric::ipc {

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kLinesAhead = 32;         // how far ahead of the record at hand
inline constexpr std::size_t kMostLinesFetched = 33;   // of a slot: a larger copy is long enough to hide its own misses

// Asks for lines that are about to be written: they are taken from whoever holds them.
[[gnu::always_inline]] inline void fetch_to_write(const void* first, std::size_t lines) noexcept {
  const auto* line = static_cast<const std::byte*>(first);
  for (std::size_t i = 0; i < lines; ++i, line += kCacheLine) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" ::"m"(*line));  // as a builtin it needs an architecture option
#else
    __builtin_prefetch(line, 1);
#endif
  }
}

// Always inlined: gcc 12 drops the call of a function that does nothing but this.
[[gnu::always_inline]] inline void fetch_to_read(const void* first, std::size_t lines) noexcept {
  const auto* line = static_cast<const std::byte*>(first);
  for (std::size_t i = 0; i < lines; ++i, line += kCacheLine) __builtin_prefetch(line);
}

inline constexpr std::size_t lines_of(std::size_t inline_bytes) noexcept {
  return (sizeof(SlotHeader) + inline_bytes + kCacheLine - 1) / kCacheLine;
}

// How many slots ahead of a record of so many lines to ask for; 0: not at all. A table, not a division.
inline constexpr auto kSlotsAhead = [] {
  std::array<std::uint8_t, kMostLinesFetched + 1> slots{};
  for (std::size_t lines = 1; lines <= kMostLinesFetched; ++lines)
    slots[lines] = static_cast<std::uint8_t>(std::max<std::size_t>(kLinesAhead / lines, 1));
  return slots;
}();
inline std::uint64_t slots_ahead(std::size_t lines) noexcept { return lines > kMostLinesFetched ? 0 : kSlotsAhead[lines]; }

}  // namespace fabric::ipc
