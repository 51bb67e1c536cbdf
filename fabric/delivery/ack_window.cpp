#include "fabric/delivery/ack_window.hpp"

#include <algorithm>
#include <bit>

namespace fabric {

std::size_t AckWindow::words_for(std::uint64_t capacity) noexcept {
  return std::bit_ceil(std::max<std::uint64_t>(capacity, 64)) / 64;
}

void AckWindow::reset(std::uint64_t floor) noexcept {
  if (above_ != 0) std::fill(bits_.begin(), bits_.end(), 0);
  floor_ = floor;
  above_ = 0;
}

void AckWindow::mark(std::uint64_t first, std::uint64_t end) noexcept {
  if (end > floor_ && end - floor_ > capacity()) {
    const auto new_floor = end - capacity();
    if (new_floor - floor_ >= capacity()) {
      reset(new_floor);
    } else {
      for (; floor_ < new_floor; ++floor_) {
        above_ -= test(floor_) ? 1 : 0;
        word(floor_) &= ~(std::uint64_t{1} << (floor_ % 64));
      }
    }
  }
  for (auto sequence = std::max(first, floor_); sequence < end; ++sequence) {
    if (test(sequence)) continue;
    word(sequence) |= std::uint64_t{1} << (sequence % 64);
    ++above_;
  }
  raise_floor();
}

void AckWindow::raise_floor() noexcept {
  while (above_ != 0 && test(floor_)) {
    word(floor_) &= ~(std::uint64_t{1} << (floor_ % 64));
    ++floor_;
    --above_;
  }
}

}  // namespace fabric
