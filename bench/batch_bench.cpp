// What a batch saves: 64 events of 32 bytes with one key, published one by one and with one claim, nothing polled in between.

#include <benchmark/benchmark.h>

#include <vector>

#include "bench/bench_ring.hpp"
#include "fabric/delivery/producer.hpp"

namespace fabric::bench {
namespace {

constexpr std::size_t kBatch = 64, kPayloadBytes = 32;

class World {
 public:
  explicit World(ipc::WriterMode writers) : fabric_(value_or_abort(Fabric::open(workspace_.path()))) {
    if (!fabric_.create_topic({.name = "t", .ring = ring_for(kPayloadBytes + 24, writers, 512 << 10)})) std::abort();
  }
  Producer producer() const { return value_or_abort(Producer::open(fabric_, "t")); }

 private:
  Workspace workspace_;
  Fabric fabric_;
};

ipc::WriterMode writers_of(const benchmark::State& state) {
  return state.range(0) == 1 ? ipc::WriterMode::one : ipc::WriterMode::many;
}

void report(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}

void one_by_one(benchmark::State& state) {
  const World world(writers_of(state));
  auto producer = world.producer();
  const std::vector<std::byte> payload(kPayloadBytes, std::byte{7});
  for (auto _ : state)
    for (std::size_t i = 0; i < kBatch; ++i)
      benchmark::DoNotOptimize(producer.publish(as_bytes("customer-17"), payload));
  report(state);
}

void one_claim(benchmark::State& state) {
  const World world(writers_of(state));
  auto producer = world.producer();
  const std::vector<std::byte> payload(kPayloadBytes, std::byte{7});
  const std::vector<std::span<const std::byte>> batch(kBatch, payload);
  std::size_t published = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(producer.publish_batch(as_bytes("customer-17"), batch, published));
    if (published != kBatch) return state.SkipWithError("records are missing");
  }
  report(state);
}

BENCHMARK(one_by_one)->ArgName("writers")->Arg(1)->Arg(2);
BENCHMARK(one_claim)->ArgName("writers")->Arg(1)->Arg(2);

}  // namespace
}  // namespace fabric::bench
