// What one thread pays for a record: publishing by size and way, polling, and what must not matter: idle consumers and
// ring size.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "bench/bench_ring.hpp"
#include "ipc/snapshot.hpp"

namespace fabric::bench {
namespace {

using ipc::PublishOutcome;
using ipc::WriterMode;

constexpr std::size_t kBatch = 64;

WriterMode mode_of(const benchmark::State& state) { return state.range(1) == 1 ? WriterMode::one : WriterMode::many; }

void count(benchmark::State& state, std::size_t records_per_iteration, std::size_t bytes) {
  const auto records = state.iterations() * static_cast<std::int64_t>(records_per_iteration);
  state.SetItemsProcessed(records);
  state.SetBytesProcessed(records * static_cast<std::int64_t>(bytes));
}

void check(benchmark::State& state, PublishOutcome outcome) {
  if (outcome != PublishOutcome::published) state.SkipWithError(ipc::to_string(outcome));
}

// No cursor gates, so nothing ever blocks the publisher.
void publish(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const BenchRing ring(ring_for(bytes, mode_of(state)));
  auto publisher = ring.publisher();
  const auto payload = payload_of(bytes);
  auto outcome = PublishOutcome::published;
  for (auto _ : state) benchmark::DoNotOptimize(outcome = publisher.publish(payload));
  check(state, outcome);
  count(state, 1, bytes);
}

void publish_batch(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const BenchRing ring(ring_for(bytes, mode_of(state)));
  auto publisher = ring.publisher();
  const auto payload = payload_of(bytes);
  const std::vector<std::span<const std::byte>> batch(kBatch, payload);
  auto outcome = PublishOutcome::published;
  std::size_t published = 0;
  for (auto _ : state) benchmark::DoNotOptimize(outcome = publisher.publish_batch(batch, published));
  check(state, outcome);
  count(state, kBatch, bytes);
}

// Zero-copy: only the first eight bytes are written, as somebody would who fills in a message in place.
void claim_commit(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const BenchRing ring(ring_for(bytes, mode_of(state)));
  auto publisher = ring.publisher();
  auto outcome = PublishOutcome::published;
  std::uint64_t stamp = 0;
  for (auto _ : state) {
    auto claim = publisher.claim(bytes);
    std::memcpy(claim.bytes().data(), &++stamp, sizeof stamp);
    benchmark::DoNotOptimize(outcome = claim.commit(bytes));
  }
  check(state, outcome);
  count(state, 1, bytes);
}

void publish_arena(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  auto options = ring_for(64, mode_of(state), 64 * 128);
  options.arena_bytes = std::max<std::uint64_t>(std::uint64_t{4} * options.slot_count * bytes, std::uint64_t{16} << 20);
  const BenchRing ring(options);
  auto publisher = ring.publisher();
  const auto payload = payload_of(bytes);
  auto outcome = PublishOutcome::published;
  for (auto _ : state) benchmark::DoNotOptimize(outcome = publisher.publish(payload));
  check(state, outcome);
  count(state, 1, bytes);
}

// Reading in place with the checksum verified; the records were published by the same thread and lie in its cache.
void poll(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const BenchRing ring(ring_for(bytes, WriterMode::many, 512 << 10));
  auto publisher = ring.publisher();
  auto reader = ring.reader(state.range(1) == 1);
  const auto payload = payload_of(bytes);
  const auto records = std::min<std::uint64_t>(ring.ring()->map().slot_count / 2, 1024);
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < records; ++i) check(state, publisher.publish(payload));
    const auto start = std::chrono::steady_clock::now();
    const auto result = reader.poll([&](const ipc::RecordView& view) { sum += view.sequence; }, records);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    if (result.records != records || !reader.ack()) return state.SkipWithError(ipc::to_string(result.outcome));
  }
  benchmark::DoNotOptimize(sum);
  count(state, records, bytes);
}

void poll_empty(benchmark::State& state) {
  const BenchRing ring(ring_for(32, WriterMode::many));
  auto reader = ring.reader();
  ipc::RecordView view;
  for (auto _ : state) benchmark::DoNotOptimize(reader.next(view));
}

void ack(benchmark::State& state) {
  const BenchRing ring(ring_for(32, WriterMode::many));
  auto publisher = ring.publisher();
  auto reader = ring.reader();
  const auto payload = payload_of(32);
  ipc::RecordView view;
  for (auto _ : state) {
    check(state, publisher.publish(payload));
    benchmark::DoNotOptimize(reader.next(view));
    benchmark::DoNotOptimize(reader.ack());
  }
}

// Aim: flat. Gating consumers that have nothing to do stand at the head: here they are moved there twice a lap.
void publish_with_idle_cursors(benchmark::State& state) {
  const bool gating = state.range(1) == 1;
  const BenchRing ring(ring_for(32, WriterMode::one));
  auto publisher = ring.publisher();
  std::vector<ipc::Reader> idle;
  for (std::int64_t i = 0; i < state.range(0); ++i) idle.push_back(ring.reader(gating));
  const auto payload = payload_of(32);
  const auto half_lap = ring.ring()->map().slot_count / 2;
  std::uint64_t until_move = half_lap;
  auto outcome = PublishOutcome::published;
  for (auto _ : state) {
    benchmark::DoNotOptimize(outcome = publisher.publish(payload));
    if (--until_move != 0) continue;
    state.PauseTiming();
    until_move = half_lap;
    for (auto& reader : idle) {
      if (gating && !(reader.seek({.kind = ipc::StartAt::Kind::latest}) && reader.ack()))
        state.SkipWithError("a cursor was taken");
    }
    state.ResumeTiming();
  }
  check(state, outcome);
  count(state, 1, 32);
}

// Aim: flat while the ring fits the cache.
void publish_by_ring_size(benchmark::State& state) {
  const BenchRing ring(ring_for(32, WriterMode::one, static_cast<std::size_t>(state.range(0))));
  auto publisher = ring.publisher();
  const auto payload = payload_of(32);
  auto outcome = PublishOutcome::published;
  for (auto _ : state) benchmark::DoNotOptimize(outcome = publisher.publish(payload));
  check(state, outcome);
  count(state, 1, 32);
}

// Aim: within 2 %. A monitor takes a snapshot of the ring at 10 Hz, through a read-only mapping of its own.
void publish_beside_monitor(benchmark::State& state) {
  const BenchRing ring(ring_for(32, WriterMode::one));
  auto publisher = ring.publisher();
  const auto payload = payload_of(32);
  std::atomic<bool> stop{false};
  std::thread monitor([&] {
    const auto watched = value_or_abort(ipc::Ring::attach(ring.path(), {.access = ipc::Access::read_only}));
    while (state.range(0) == 1 && !stop.load(std::memory_order_acquire)) {
      benchmark::DoNotOptimize(ipc::take_snapshot(watched->map()));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  auto outcome = PublishOutcome::published;
  for (auto _ : state) benchmark::DoNotOptimize(outcome = publisher.publish(payload));
  stop.store(true, std::memory_order_release);
  monitor.join();
  check(state, outcome);
  count(state, 1, 32);
}

const std::vector<std::int64_t> kSizes{32, 256, 1024, 4096}, kWriters{1, 2};

BENCHMARK(publish)->ArgNames({"bytes", "writers"})->ArgsProduct({kSizes, kWriters});
BENCHMARK(publish_batch)->ArgNames({"bytes", "writers"})->ArgsProduct({kSizes, kWriters});
BENCHMARK(claim_commit)->ArgNames({"bytes", "writers"})->ArgsProduct({kSizes, {1}});
BENCHMARK(publish_arena)->ArgNames({"bytes", "writers"})->ArgsProduct({{1024, 16384, 262144, 1048576}, {1}});
BENCHMARK(poll)->ArgNames({"bytes", "gating"})->ArgsProduct({kSizes, {1, 0}})->UseManualTime();
BENCHMARK(poll_empty);
BENCHMARK(ack);
BENCHMARK(publish_with_idle_cursors)->ArgNames({"cursors", "gating"})->ArgsProduct({{0, 1, 8, 32}, {0, 1}});
BENCHMARK(publish_beside_monitor)->ArgName("monitor")->Arg(0)->Arg(1);
BENCHMARK(publish_by_ring_size)->ArgName("ring_bytes")->RangeMultiplier(8)->Range(64 << 10, 256 << 20);

}  // namespace
}  // namespace fabric::bench
