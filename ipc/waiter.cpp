#include "ipc/waiter.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "ipc/clock.hpp"
#include "ipc/fence.hpp"
#include "ipc/verdict.hpp"

namespace fabric::ipc {
namespace {

constexpr std::uint64_t kShortestNapNs = 50'000, kLongestNapNs = 5'000'000;
constexpr std::size_t kMostRings = 128;
constexpr std::uint64_t kShortestRun = 4, kSlowestStreamNs = 250;
constexpr std::uint32_t kShortestPauseNs = 1'000, kLongestPauseNs = 8'000;

inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

timespec to_timespec(std::uint64_t ns) noexcept {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

void nap(std::uint64_t ns) noexcept {
  const auto time = to_timespec(ns);
  nanosleep(&time, nullptr);
}

// Somebody is inside a publish at or above the position: it may have committed, or be about to, and die before it wakes us.
bool publisher_is_busy(const RingMap& map, std::uint64_t position) noexcept {
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
    const auto intent = map.publishers[i].intent.load(std::memory_order_seq_cst);
    if (intent != IntentWord::kNone && IntentWord::busy(intent) && IntentWord::end(intent) > position) return true;
  }
  return false;
}

void futex_wait_all(std::span<const WaitTarget> targets, std::span<const std::uint32_t> values, std::uint64_t ns) noexcept {
  if (targets.size() == 1) {
    const auto time = to_timespec(ns);
    syscall(SYS_futex, &targets[0].map->control->wake_futex, FUTEX_WAIT, values[0], &time, nullptr, 0);
    return;
  }
#ifdef SYS_futex_waitv
  std::array<futex_waitv, FUTEX_WAITV_MAX> waits{};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    waits[i].val = values[i];
    waits[i].uaddr = reinterpret_cast<std::uintptr_t>(&targets[i].map->control->wake_futex);
    waits[i].flags = FUTEX_32;
  }
  timespec deadline{};
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  const auto end = static_cast<std::uint64_t>(deadline.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(deadline.tv_nsec) + ns;
  deadline = to_timespec(end);
  if (syscall(SYS_futex_waitv, waits.data(), targets.size(), 0, &deadline, CLOCK_MONOTONIC) >= 0 || errno != ENOSYS) return;
#endif
  nap(std::min(ns, kShortestNapNs));
}

}  // namespace

bool something_to_read(const WaitTarget& target) noexcept {
  const auto& map = *target.map;
  const auto word = map.slot(target.position).word.load(std::memory_order_acquire);
  if (!SlotWord::valid(word) || SlotWord::lap(word) >= map.lap(target.position)) return true;
  if (target.route != WaitTarget::kAnyRoute && map.control->route.load(std::memory_order_seq_cst) != target.route) return true;
  if (target.position < map.control->horizon.load(std::memory_order_acquire) &&
      VerdictWord::lap(load_verdict(map, target.position)) >= map.lap(target.position))
    return true;
  return map.writers == WriterMode::many && map.tail() > target.position;
}

void wake_sleepers(ControlLines& control) noexcept {
  auto sleep = control.sleep.load(std::memory_order_seq_cst);
  const auto tickets = sleep >> 32;
  if (tickets == (sleep & 0xffffffff)) return;
  control.wake_futex.fetch_add(1, std::memory_order_seq_cst);
  syscall(SYS_futex, &control.wake_futex, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  // Only now: killed before this line, the next publisher wakes again. A new ticket fails the CAS and keeps its wake-up.
  control.sleep.compare_exchange_strong(sleep, tickets << 32 | tickets, std::memory_order_seq_cst);
}

void sleep_on(std::span<const WaitTarget> all, std::uint64_t timeout_ns, std::uint64_t nap_ns,
              const std::atomic<bool>* cancel) noexcept {
  if (all.empty() || timeout_ns == 0) return;
  const auto targets = all.first(std::min(all.size(), kMostRings));
  std::array<std::uint32_t, kMostRings> values{};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto& control = *targets[i].map->control;
    values[i] = control.wake_futex.load(std::memory_order_seq_cst);
    control.sleep.fetch_add(std::uint64_t{1} << 32, std::memory_order_seq_cst);
  }
  heavy_fence();  // SYNC: sleep-ticket
  if (cancel != nullptr && cancel->load(std::memory_order_seq_cst)) return;
  // Intents first, slots second: the other way round a publisher could commit, die and have its line cleared in between.
  bool nap_only = all.size() > kMostRings;
  for (const auto& target : targets) nap_only |= publisher_is_busy(*target.map, target.position);
  for (const auto& target : targets) nap_only |= something_to_read(target);
  futex_wait_all(targets, values, nap_only ? std::min(timeout_ns, nap_ns) : timeout_ns);
}

Idler::Idler(WaitStrategy strategy) noexcept : strategy_(strategy) {
  constexpr std::uint64_t kPauses = 64;
  std::uint64_t fastest = 1'000'000;
  for (int i = 0; i < 3; ++i) {  // the fastest: the others may have been interrupted
    const auto start = monotonic_ns();
    for (std::uint64_t j = 0; j < kPauses; ++j) cpu_pause();
    fastest = std::min(fastest, monotonic_ns() - start);
  }
  pauses_per_us_ = static_cast<std::uint32_t>(std::max<std::uint64_t>(kPauses * 1000 / std::max<std::uint64_t>(fastest, 1), 1));
}

void Idler::delivered(std::uint64_t records) noexcept {
  run_ += records;
  empty_polls_ = 0;
  nap_ns_ = kShortestNapNs;
}

void Idler::adapt() noexcept {
  const bool fast = run_ >= kShortestRun && run_ * kSlowestStreamNs >= pause_ns_;
  const auto wanted = fast ? std::max(pause_ns_ * 2, kShortestPauseNs) : pause_ns_ / 2;
  pause_ns_ = wanted < kShortestPauseNs ? 0 : std::min(wanted, kLongestPauseNs);
  run_ = 0;
}

void Idler::pause() const noexcept {
  const auto pauses = pause_ns_ * pauses_per_us_ / 1000;
  for (std::uint32_t i = 0; i < pauses; ++i) cpu_pause();
}

void Idler::idle(std::span<const WaitTarget> targets, std::uint64_t timeout_ns) noexcept {
  ++empty_polls_;
  if (empty_polls_ == 1) {
    adapt();
    if (pause_ns_ != 0) return pause();
  }
  pause_ns_ = 0;
  switch (strategy_) {
    case WaitStrategy::spin:
      cpu_pause();
      return;
    case WaitStrategy::yield:
      if (empty_polls_ > 256) sched_yield(); else cpu_pause();
      return;
    case WaitStrategy::back_off:
      if (empty_polls_ <= 256) return cpu_pause();
      if (empty_polls_ <= 320) return static_cast<void>(sched_yield());
      if (timeout_ns != 0)
        nap(std::min<std::uint64_t>({timeout_ns, std::uint64_t{1000} << std::min<std::uint32_t>(empty_polls_ - 320, 10), 1'000'000}));
      return;
    case WaitStrategy::block:
      if (empty_polls_ <= 256) return cpu_pause();
      sleep_on(targets, timeout_ns, nap_ns_);
      nap_ns_ = std::min(nap_ns_ * 2, kLongestNapNs);  // while a publisher stands still inside a publish
      return;
  }
}

}  // namespace fabric::ipc
