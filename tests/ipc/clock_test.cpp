#include "ipc/clock.hpp"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/support/child.hpp"

namespace fabric::ipc {

// Reaches into a Clock to damage what it relies on.
struct ClockPeer {
  static void distrust_counter(Clock& clock) { clock.counter_ = false; }
  static bool uses_counter(const Clock& clock) { return clock.counter_; }
  static std::uint64_t& anchor_ticks(Clock& clock) { return clock.anchor_ticks_; }
  static std::uint64_t& anchor_ns(Clock& clock) { return clock.anchor_ns_; }
  static std::uint64_t& factor(Clock& clock) { return clock.factor_; }
  static std::uint64_t renew_ticks(const Clock& clock) { return clock.renew_ticks_; }
};

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kTolerance = 1000;  // ns

// How far the clock's answer lies outside of two readings of CLOCK_MONOTONIC around it: exact however long the three
// take.
std::uint64_t error_of(Clock& clock) {
  const std::uint64_t before = monotonic_ns();
  const std::uint64_t now = clock.now_ns();
  const std::uint64_t after = monotonic_ns();
  if (now < before) return before - now;
  return now > after ? now - after : 0;
}

std::uint64_t worst_error(Clock& clock, std::chrono::nanoseconds length) {
  std::uint64_t worst = 0;
  const std::uint64_t end = monotonic_ns() + static_cast<std::uint64_t>(length.count());
  while (monotonic_ns() < end) worst = std::max(worst, error_of(clock));
  return worst;
}

TEST(ClockTest, FollowsMonotonicTimeWithinAMicrosecond) {
  Clock clock;
  EXPECT_LE(worst_error(clock, 300ms), kTolerance);
}

TEST(ClockTest, IsRightAfterEveryKindOfPause) {
  Clock clock;
  for (const auto pause : {0ns, 1000ns, 900'000ns, 5'000'000ns, 11'000'000ns, 200'000'000ns}) {
    std::this_thread::sleep_for(pause);
    EXPECT_LE(error_of(clock), kTolerance) << pause.count();
  }
}

TEST(ClockTest, NeverStepsBack) {
  Clock clock;
  std::uint64_t last = 0;
  for (int i = 0; i < 3'000'000; ++i) {
    const std::uint64_t now = clock.now_ns();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(ClockTest, ClocksOfTwoThreadsAgree) {
  Clock mine;
  std::thread([] {
    Clock theirs;
    EXPECT_LE(worst_error(theirs, 50ms), kTolerance);
  }).join();
  EXPECT_LE(worst_error(mine, 50ms), kTolerance);
}

TEST(ClockTest, FirstUseBlocksShortly) {
  // CTest runs each case in a process of its own, so the children calibrate. The best of several: the machine may be
  // busy.
  std::uint64_t best = ~std::uint64_t{0};
  for (int i = 0; i < 5; ++i) {
    fabric::testing::Child child([](const fabric::testing::Channel& parent) {
      const std::uint64_t start = monotonic_ns();
      Clock clock;
      clock.now_ns();
      parent.tell(monotonic_ns() - start);
      return 0;
    });
    best = std::min(best, child.hear());
  }
  EXPECT_LT(best, 4'000'000U);
}

TEST(ClockTest, WithoutTheCounterItIsMonotonicTime) {
  Clock clock;
  ClockPeer::distrust_counter(clock);
  EXPECT_EQ(worst_error(clock, 5ms), 0U);
  EXPECT_FALSE(ClockPeer::uses_counter(clock));
}

TEST(ClockTest, SlewedRateIsCorrectedAtTheNextAnchor) {
  if (!Clock::uses_counter()) return;  // nothing to slew: covered by WithoutTheCounterItIsMonotonicTime
  Clock clock;
  for (int i = 0; i < 2; ++i) {  // just made, and in use for long enough to renew its anchor as rarely as it ever will
    std::uint64_t& factor = ClockPeer::factor(clock);
    factor -= factor / 2000;  // 500 ppm too slow, as after a change of NTP's rate
    EXPECT_LE(worst_error(clock, 40ms), 10'000U);
    EXPECT_LE(worst_error(clock, 60ms), kTolerance);
  }
}

TEST(ClockTest, CounterThatJumpedIsNotBelieved) {
  if (!Clock::uses_counter()) return;
  for (const std::uint64_t jump : {std::uint64_t{1} << 50, ~std::uint64_t{0} - (std::uint64_t{1} << 50)}) {
    Clock clock;
    const std::uint64_t before = clock.now_ns();
    ClockPeer::anchor_ticks(clock) += jump;  // ahead of the counter, or far behind it
    EXPECT_LE(error_of(clock), kTolerance);
    EXPECT_GE(clock.now_ns(), before);
    EXPECT_LE(worst_error(clock, 20ms), kTolerance);
    EXPECT_TRUE(ClockPeer::uses_counter(clock)) << "one jump is no reason to give up";
  }
}

TEST(ClockTest, JumpsNowAndThenAreNoReasonToGiveUp) {
  if (!Clock::uses_counter()) return;
  Clock clock;
  for (int i = 0; i < 32; ++i) {
    ClockPeer::anchor_ticks(clock) -= std::uint64_t{1} << 50;
    clock.now_ns();
    std::this_thread::sleep_for(3ms);
    EXPECT_LE(error_of(clock), kTolerance);
  }
  EXPECT_TRUE(ClockPeer::uses_counter(clock));
}

TEST(ClockTest, CounterOfWrongRateIsGivenUp) {
  if (!Clock::uses_counter()) return;
  Clock clock;
  for (int i = 0; i < 16 && ClockPeer::uses_counter(clock); ++i) {
    ClockPeer::anchor_ticks(clock) -= 4 * ClockPeer::renew_ticks(clock);  // looks as if it ran several times too fast
    clock.now_ns();
  }
  EXPECT_FALSE(ClockPeer::uses_counter(clock));
  EXPECT_EQ(worst_error(clock, 5ms), 0U);
}

TEST(ClockTest, AnAnchorAheadOfTimeHoldsTheClockStill) {
  if (!Clock::uses_counter()) return;
  Clock clock;
  ClockPeer::anchor_ns(clock) += 20'000'000;
  std::uint64_t last = clock.now_ns();
  ASSERT_GT(last, monotonic_ns());
  while (monotonic_ns() <= last) {
    const std::uint64_t now = clock.now_ns();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_LE(worst_error(clock, 20ms), kTolerance);
}

TEST(ClockTest, DecisionTableOfTrust) {
  const struct {
    const char* source;
    bool invariant, trusted;
  } table[] = {
      {"tsc", true, true},        {"tsc", false, true},
      {"kvm-clock", true, true},  {"kvm-clock", false, false},
      {"hpet", true, false},      {"hyperv_clocksource_tsc_page", true, true},
      {"acpi_pm", true, false},   {"hyperv_clocksource_tsc_page", false, false},
      {"tsc-early", true, false}, {"", true, false},
  };
  for (const auto& row : table) EXPECT_EQ(counter_is_trusted(row.source, row.invariant), row.trusted) << row.source;
}

TEST(ClockTest, UnixTimeIsMonotonicTimePlusBias) {
  timespec time{};
  const std::int64_t bias = realtime_bias_ns();
  ::clock_gettime(CLOCK_REALTIME, &time);
  const auto after = static_cast<std::int64_t>(monotonic_ns()) + bias;
  const std::int64_t unix_ns = std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  EXPECT_LE(unix_ns, after + 2000);
  EXPECT_NEAR(static_cast<double>(realtime_bias_ns() - bias), 0.0, 10'000.0);
}

TEST(ClockTest, BootIdIsSetAndStays) {
  const auto id = boot_id();
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_NE(*id, BootId{});
  EXPECT_EQ(*id, *boot_id());
  EXPECT_EQ((*id)[6] >> 4, 4) << "a random UUID, version 4";
}

}  // namespace
}  // namespace fabric::ipc
