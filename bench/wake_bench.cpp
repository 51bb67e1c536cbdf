// From a publish until a reader that sleeps in the kernel has the record, beside a bare futex wake between the same two
// threads. The two alternate, so that `ratio` (of the medians) is one of the same moments of the machine.

#include <benchmark/benchmark.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <thread>
#include <vector>

#include "bench/bench_ring.hpp"
#include "fabric/observe/histogram.hpp"
#include "ipc/waiter.hpp"

namespace fabric::bench {
namespace {

constexpr std::uint64_t kFallAsleepNs = 150'000;
constexpr std::uint64_t kTimeoutNs = 1'000'000'000;

void wait_ns(std::uint64_t ns) {
  const auto end = ipc::monotonic_ns() + ns;
  while (ipc::monotonic_ns() < end) {
  }
}

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  ::syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

// What both threads see.
struct Meeting {
  alignas(128) std::atomic<std::uint32_t> bell{0};
  alignas(128) std::atomic<std::uint64_t> woken_at_ns{0};
  alignas(128) std::atomic<bool> stop{false};
};

// In turn by the futex and by the ring.
void sleep_in_turn(const BenchRing& ring, Meeting& meeting) {
  pin_to_nth(1);
  auto reader = ring.reader();
  ipc::RecordView view;
  meeting.woken_at_ns.store(1, std::memory_order_release);  // ready
  for (std::uint32_t bell = 0; !meeting.stop.load(std::memory_order_acquire);) {
    while (meeting.bell.load(std::memory_order_acquire) == bell && !meeting.stop.load(std::memory_order_acquire))
      futex(meeting.bell, FUTEX_WAIT, bell);
    meeting.woken_at_ns.store(ipc::monotonic_ns(), std::memory_order_release);
    ++bell;
    while (reader.next(view) != ipc::ReadOutcome::record && !meeting.stop.load(std::memory_order_acquire)) {
      const auto target = reader.wait_target();
      ipc::sleep_on({&target, 1}, kTimeoutNs, 50'000);
    }
    meeting.woken_at_ns.store(ipc::monotonic_ns(), std::memory_order_release);
    reader.ack();
  }
}

// Wakes by `wake`, once the other has had time to fall asleep. Nanoseconds until it ran.
template <class Wake>
std::uint64_t measure_wake(Meeting& meeting, Wake wake) {
  wait_ns(kFallAsleepNs);
  meeting.woken_at_ns.store(0, std::memory_order_relaxed);
  const auto start = ipc::monotonic_ns();
  wake();
  std::uint64_t woken = 0;
  while ((woken = meeting.woken_at_ns.load(std::memory_order_acquire)) == 0) {
  }
  return woken - start;
}

void wake_sleeping_reader(benchmark::State& state) {
  const BenchRing ring(ring_for(32, ipc::WriterMode::one));
  auto publisher = ring.publisher();
  const auto payload = payload_of(32);
  Meeting meeting;
  pin_to_nth(0);
  std::thread sleeper([&] { sleep_in_turn(ring, meeting); });
  while (meeting.woken_at_ns.load(std::memory_order_acquire) == 0) {
  }
  Histogram bare, ours;
  for (auto _ : state) {
    bare.record(measure_wake(meeting, [&] {
      meeting.bell.fetch_add(1, std::memory_order_release);
      futex(meeting.bell, FUTEX_WAKE, INT_MAX);
    }));
    const auto ns = measure_wake(meeting, [&] { benchmark::DoNotOptimize(publisher.publish(payload)); });
    ours.record(ns);
    state.SetIterationTime(static_cast<double>(ns) * 1e-9);
  }
  meeting.stop.store(true, std::memory_order_release);
  meeting.bell.fetch_add(1, std::memory_order_release);
  futex(meeting.bell, FUTEX_WAKE, INT_MAX);
  benchmark::DoNotOptimize(publisher.publish(payload));
  sleeper.join();
  const auto p50 = [](const Histogram& histogram) { return static_cast<double>(histogram.percentile(0.5)); };
  state.counters["futex_p50_ns"] = p50(bare);
  state.counters["ring_p50_ns"] = p50(ours);
  state.counters["ratio"] = p50(ours) / p50(bare);
}

BENCHMARK(wake_sleeping_reader)->Iterations(1000)->UseManualTime();

// Aim: nothing measurable. Consumers of another ring sleep throughout; a consumer of this one would not be idle.
void publish_beside_sleepers(benchmark::State& state) {
  const BenchRing ring(ring_for(32, ipc::WriterMode::one)), quiet(ring_for(32, ipc::WriterMode::one));
  auto publisher = ring.publisher();
  const auto payload = payload_of(32);
  std::atomic<bool> stop{false};
  std::vector<std::thread> sleepers;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    sleepers.emplace_back([&] {
      const auto reader = quiet.reader();
      const auto target = reader.wait_target();
      while (!stop.load(std::memory_order_acquire)) ipc::sleep_on({&target, 1}, kTimeoutNs, kTimeoutNs, &stop);
    });
  }
  wait_ns(kFallAsleepNs);
  for (auto _ : state) benchmark::DoNotOptimize(publisher.publish(payload));
  stop.store(true, std::memory_order_seq_cst);
  ipc::wake_sleepers(*quiet.ring()->map().control);
  for (auto& sleeper : sleepers) sleeper.join();
}

BENCHMARK(publish_beside_sleepers)->ArgName("sleepers")->Arg(0)->Arg(1)->Arg(16);

}  // namespace
}  // namespace fabric::bench
