// The machine's own limits, between the same two processes as everything else: one cache line to and fro, and memcpy
// into shared memory and out of it.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "tools/evf/bench_pair.hpp"

namespace fabric::evf::bench {
namespace {

constexpr std::size_t kChunk = 16 * 1024;
constexpr std::uint64_t kEnoughRoundTrips =
    2000;                                // on a busy machine the two are seldom on their processors at the same time
constexpr std::uint64_t kPatience = 10;  // budgets

// Between two looks at a line, as a spinning reader of a ring does: without it the line is stolen from whoever is about
// to write it.
inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

// Odd values go forth, even ones come back, both in one line; every round trip has the next line.
void lead_ping_pong(const Order& order, SharedMemory& shared, Watch& watch, Histogram& round_trips) {
  ipc::Clock clock;
  const auto start = clock.now_ns();
  auto last = start;
  std::uint64_t i = 0;
  for (; last - start < order.ns || (i < kEnoughRoundTrips && last - start < kPatience * order.ns); ++i) {
    auto& ball = shared.balls[i % kBalls].line.value;
    ball.store(2 * i + 1, std::memory_order_release);
    while (ball.load(std::memory_order_acquire) != 2 * i + 2) {
      if (watch.over()) return;
      pause();
    }
    const auto now = clock.now_ns();
    round_trips.record(now - last);
    last = now;
  }
  shared.balls[i % kBalls].line.value.store(kEnd, std::memory_order_release);
}

void follow_ping_pong(SharedMemory& shared, Watch& watch) {
  for (std::uint64_t i = 0;; ++i) {
    auto& ball = shared.balls[i % kBalls].line.value;
    for (;;) {
      const auto value = ball.load(std::memory_order_acquire);
      if (value == 2 * i + 1) break;
      if (value == kEnd || watch.over()) return;
      pause();
    }
    ball.store(2 * i + 2, std::memory_order_release);
  }
}

void lead_copy(const Order& order, SharedMemory& shared, Watch& watch) {
  const auto chunks = std::max<std::uint64_t>(order.what.ring_bytes / kChunk, 2);
  const std::vector<std::byte> source(kChunk, std::byte{0x5a});
  const Budget budget(order);
  ipc::Clock clock;
  std::uint64_t out = 0;
  for (std::uint64_t in = 0; !budget.spent(in * kChunk / order.what.size_bytes, clock.now_ns()); ++in) {
    while (in - out >= chunks) {
      out = shared.copied_out.value.load(std::memory_order_acquire);
      if (in - out >= chunks && watch.over()) return;
    }
    std::memcpy(shared.copy_ring.data() + in % chunks * kChunk, source.data(), kChunk);
    shared.copied_in.value.store(in + 1, std::memory_order_release);
  }
  shared.copied_in.value.fetch_or(std::uint64_t{1} << 63, std::memory_order_release);  // that was the last
}

Answer follow_copy(const Order& order, SharedMemory& shared, Watch& watch) {
  const auto chunks = std::max<std::uint64_t>(order.what.ring_bytes / kChunk, 2);
  std::vector<std::byte> target(kChunk);
  ipc::Clock clock;
  std::uint64_t first_ns = 0, out = 0;
  for (bool ended = false; !ended;) {
    const auto word = shared.copied_in.value.load(std::memory_order_acquire);
    const auto in = word & ~(std::uint64_t{1} << 63);
    if (in == out && word == in && watch.over()) return {};
    if (in != 0 && first_ns == 0) first_ns = clock.now_ns();
    for (; out < in; ++out) {
      std::memcpy(target.data(), shared.copy_ring.data() + out % chunks * kChunk, kChunk);
      shared.copied_out.value.store(out + 1, std::memory_order_release);
    }
    ended = word != in;
  }
  return {.ok = true, .records = out * kChunk, .ns = clock.now_ns() - first_ns};
}

}  // namespace fabric::evf::bench
