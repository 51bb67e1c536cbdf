#pragma once
// Which records of a partition are acked, when acks come out of order: the ack floor and what is acked above it.
//
// Invariants: everything below floor() is acked; the record at floor() is not. The cursor follows the floor, so a successor gets every
// record that was not acked, and some that were acked above the floor once more. Not thread-safe. No allocation after the constructor.

#include <cstdint>
#include <vector>

namespace fabric {

class AckWindow {
 public:
  // `capacity`: how far above the floor acks are remembered; rounded up to a power of two, 64 at least.
  explicit AckWindow(std::uint64_t capacity = 64) : bits_(words_for(capacity)) {}

  std::uint64_t floor() const noexcept { return floor_; }
  // Everything below `floor` is acked, nothing above it.
  void reset(std::uint64_t floor) noexcept;
  // Acks [first, end). What lies further above the floor than the capacity lets the floor up: it is for readers that may lose records.
  void mark(std::uint64_t first, std::uint64_t end) noexcept;
  bool is_acked(std::uint64_t sequence) const noexcept {
    return sequence < floor_ || (above_ != 0 && sequence - floor_ < capacity() && test(sequence));
  }
  // Records acked above the floor.
  std::uint64_t above() const noexcept { return above_; }

 private:
  static std::size_t words_for(std::uint64_t capacity) noexcept;
  std::uint64_t capacity() const noexcept { return bits_.size() * 64; }
  bool test(std::uint64_t sequence) const noexcept { return (word(sequence) >> (sequence % 64) & 1) != 0; }
  const std::uint64_t& word(std::uint64_t sequence) const noexcept { return bits_[sequence / 64 & (bits_.size() - 1)]; }
  std::uint64_t& word(std::uint64_t sequence) noexcept { return bits_[sequence / 64 & (bits_.size() - 1)]; }
  void raise_floor() noexcept;

  std::vector<std::uint64_t> bits_;  // of [floor, floor + capacity), by sequence modulo capacity
  std::uint64_t floor_ = 0, above_ = 0;
};

}  // namespace fabric
