#pragma once
// One clock for the whole host: nanoseconds of CLOCK_MONOTONIC, read from the time-stamp counter where that is
// invariant.
//
// A Clock is a private, uncontended object: each publisher and reader has its own. It extrapolates from an anchor, a
// pair (counter, CLOCK_MONOTONIC), with a factor measured between its last two anchors, and takes a new anchor about
// every 10 ms of use (a vDSO call, no system call, about 70 ns). So it does not drift, follows the slewing of NTP (at
// most 500 ppm, 5 us in 10 ms, when the rate has just changed; tens of ns otherwise), and survives a counter that
// jumps. It never steps back. Two Clocks of one host differ by less than a microsecond while the rate of
// CLOCK_MONOTONIC is steady to 50 ppm. Cost: a counter read (8-10 ns in a virtual machine) plus 1 ns. The first Clock
// of a process calibrates for 1 ms. Where the counter is not trusted (or not x86) now_ns() is clock_gettime: 20-25 ns.
// Not thread-safe: one per thread of use.

#include <array>
#include <cstdint>
#include <string_view>

#include "ipc/result.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace fabric::ipc {

// The raw time-stamp counter; 0 where there is none.
inline std::uint64_t read_counter() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return 0;
#endif
}

class Clock {
 public:
  // The counter where it can be trusted, else CLOCK_MONOTONIC. Blocks 1 ms the first time in a process.
  Clock() noexcept;
  // CLOCK_MONOTONIC in nanoseconds; never less than an earlier answer of this Clock.
  std::uint64_t now_ns() noexcept {
    std::uint64_t now = 0;
    if (!counter_) [[unlikely]] {
      now = system_ns();
    } else {
      const std::uint64_t distance = read_counter() - anchor_ticks_;  // a counter that went back looks very far away
      // distance * factor_ < 2^64: renew_ticks_ is at most some 10 ms.
      now = distance < renew_ticks_ ? anchor_ns_ + ((distance * factor_) >> 32) : renewed_ns();
    }
    if (now > last_ns_) last_ns_ = now;
    return last_ns_;
  }
  // Whether this machine's counter is used. Thread-safe. Blocks like the constructor.
  static bool uses_counter() noexcept;

 private:
  friend struct ClockPeer;  // tests: damages the anchor

  static std::uint64_t system_ns() noexcept;
  std::uint64_t renewed_ns() noexcept;

  std::uint64_t anchor_ticks_ = 0, anchor_ns_ = 0;  // the pair that now_ns() extrapolates from
  std::uint64_t renew_ticks_ = 0;                   // distance from the anchor at which it is renewed
  std::uint64_t factor_ = 0;                        // ns per tick, 32.32 fixed point
  std::uint64_t last_ns_ = 0;
  std::uint32_t doubts_ = 0;  // consecutive anchors that contradict the calibrated rate
  bool counter_ = false;
};

// Whether the counter may be used, given the kernel's current clock source and CPUID's invariant-TSC flag. Pure.
//   | clock source                                          | flag    | use it | | tsc | any     | yes: the kernel
//   itself has checked and uses it  | | kvm-clock, hyperv_clocksource_tsc_page                | set     | yes: derived
//   from it, and invariant             | | same                                                  | not set | no | | any
//   other (hpet, acpi_pm, xen, jiffies), or unreadable | any    | no: the kernel may have found it unstable       |
bool counter_is_trusted(std::string_view clock_source, bool invariant_flag) noexcept;

// CLOCK_MONOTONIC by the vDSO: for cold paths and for whoever needs no Clock of its own. Thread-safe.
std::uint64_t monotonic_ns() noexcept;
// CLOCK_REALTIME, likewise: Unix time. Thread-safe.
std::uint64_t unix_ns() noexcept;
// Unix time minus CLOCK_MONOTONIC, now; exact to about 100 ns. Thread-safe.
std::int64_t realtime_bias_ns() noexcept;

// This boot's id (/proc/sys/kernel/random/boot_id), never all zero. Not remembered: three system calls. Thread-safe.
// Errors: unsupported (not there, or no id), system (no descriptor left).
using BootId = std::array<std::uint8_t, 16>;
Result<BootId> boot_id();

}  // namespace fabric::ipc
