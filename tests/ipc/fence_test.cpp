#include "ipc/fence.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <new>
#include <thread>
#include <vector>

#include "ipc/clock.hpp"
#include "tests/support/child.hpp"
#include "tests/support/seccomp.hpp"

namespace fabric::ipc {
namespace {

using fabric::testing::Channel;
using fabric::testing::Child;
using fabric::testing::refuse_system_call;

// Store buffering. Each round both sides store to their own variable, fence, and read the other's.
//
//   | frequent reads | rare reads | allowed                                                    |
//   | 0              | 1          | yes: frequent came first                                   |
//   | 1              | 0          | yes: rare came first                                       |
//   | 1              | 1          | yes: at once                                               |
//   | 0              | 0          | FORBIDDEN: each missed the other (a wake-up or void is lost) |
struct Litmus {
  alignas(64) std::atomic<std::uint64_t> x{0};  // frequent's
  alignas(64) std::atomic<std::uint64_t> y{0};  // rare's
  alignas(64) std::atomic<std::uint64_t> round{0};
  alignas(64) std::atomic<std::uint64_t> done{0};
  alignas(64) std::atomic<std::uint64_t> seen{0};  // by frequent, of y
  alignas(64) std::atomic<bool> stop{false};
};

// Waits for `word` to reach `value`. False: told to stop.
bool await(const std::atomic<std::uint64_t>& word, std::uint64_t value, const std::atomic<bool>& stop) {
  for (unsigned spins = 0; word.load(std::memory_order_acquire) != value; ++spins) {
    if (stop.load(std::memory_order_relaxed)) return false;
    if (spins % 1024 == 1023) std::this_thread::yield();
  }
  return true;
}

void linger(std::uint64_t ns) {
  const std::uint64_t start = monotonic_ns();
  while (monotonic_ns() - start < ns) {
  }
}

// A store becomes visible only after all stores before it. Some that miss the cache keep it in the processor's store
// buffer for long, while the load behind it is done at once: the machine at its most forgetful.
class ColdLines {
 public:
  void store() noexcept {
    for (int i = 0; i < 24; ++i) {
      at_ = (at_ + kStride) % bytes_.size();
      static_cast<volatile char&>(bytes_[at_]) = 1;
    }
  }

 private:
  static constexpr std::size_t kStride = 64 * 8191;
  std::vector<char> bytes_ = std::vector<char>(std::size_t{64} << 20);
  std::size_t at_ = 0;
};

void frequent_side(Litmus& litmus) {
  ColdLines cold;
  for (std::uint64_t round = 1; await(litmus.round, round, litmus.stop); ++round) {
    cold.store();
    litmus.x.store(round, std::memory_order_relaxed);
    light_fence();
    litmus.seen.store(litmus.y.load(std::memory_order_relaxed), std::memory_order_relaxed);
    litmus.done.store(round, std::memory_order_release);
  }
}

// Returns how often the forbidden outcome was seen. A busy machine plays fewer rounds.
std::uint64_t rare_side(Litmus& litmus) {
  constexpr std::uint64_t kRounds = 30'000;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  std::uint64_t forbidden = 0;
  const std::atomic<bool> never{false};
  for (std::uint64_t round = 1; round <= kRounds && std::chrono::steady_clock::now() < end; ++round) {
    litmus.round.store(round, std::memory_order_release);
    linger(round % 61 * 40);  // so that in some rounds the two meet
    litmus.y.store(round, std::memory_order_relaxed);
    heavy_fence();
    const std::uint64_t x = litmus.x.load(std::memory_order_relaxed);
    await(litmus.done, round, never);
    if (x != round && litmus.seen.load(std::memory_order_relaxed) != round) ++forbidden;
  }
  litmus.stop = true;
  return forbidden;
}

TEST(FenceTest, ForbiddenOutcomeIsNeverSeenBetweenThreads) {
  ASSERT_TRUE(enable_asymmetric_fences());
  Litmus litmus;
  std::thread frequent([&] { frequent_side(litmus); });
  EXPECT_EQ(rare_side(litmus), 0U);
  frequent.join();
}

TEST(FenceTest, ForbiddenOutcomeIsNeverSeenBetweenProcesses) {
  ASSERT_TRUE(enable_asymmetric_fences());
  void* shared = ::mmap(nullptr, sizeof(Litmus), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& litmus = *new (shared) Litmus;
  Child frequent([&](const Channel&) {
    if (!enable_asymmetric_fences()) return 1;
    frequent_side(litmus);
    return 0;
  });
  EXPECT_EQ(rare_side(litmus), 0U);
  EXPECT_EQ(frequent.wait(), 0);
  ::munmap(shared, sizeof(Litmus));
}

TEST(FenceTest, EnablingIsIdempotentAndThreadSafe) {
  std::thread other([] { EXPECT_TRUE(enable_asymmetric_fences()); });
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(enable_asymmetric_fences());
  other.join();
}

TEST(FenceTest, RefusedMembarrierIsUnsupportedWhateverErrnoSays) {
  for (const int refusal : {EPERM, ENOSYS, EINVAL}) {
    Child child([&](const Channel&) {
      if (!refuse_system_call(SYS_membarrier, static_cast<unsigned>(refusal))) return 1;
      const auto enabled = enable_asymmetric_fences();
      return !enabled && enabled.error().code == ErrorCode::unsupported && enabled.error().system_errno == refusal ? 0
                                                                                                                   : 2;
    });
    EXPECT_EQ(child.wait(), 0) << refusal;
  }
}

TEST(FenceDeathTest, HeavyFenceThatCannotFenceAborts) {
  EXPECT_DEATH(
      {
        if (refuse_system_call(SYS_membarrier, ENOSYS)) heavy_fence();
      },
      "membarrier refused");
}

}  // namespace
}  // namespace fabric::ipc
