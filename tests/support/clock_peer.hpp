#pragma once
// A clock that stands still: single-stepped, a child would see time pass and take other branches than at full speed.

#include "ipc/clock.hpp"

namespace fabric::ipc {

struct ClockPeer {
  static void hold(Clock& clock) noexcept {
    clock.anchor_ns_ = clock.now_ns();
    clock.counter_ = true;  // also where the counter is not trusted: nothing of it is used any more
    clock.factor_ = 0;
    clock.renew_ticks_ = ~std::uint64_t{0};
  }
  static void advance(Clock& clock, std::uint64_t ns) noexcept { clock.anchor_ns_ += ns; }
};

}  // namespace fabric::ipc
