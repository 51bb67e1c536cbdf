// What the checksum of a record costs, beside a plain copy of its payload.

#include <benchmark/benchmark.h>

#include <cstring>

#include "bench/bench_ring.hpp"
#include "ipc/checksum.hpp"

namespace fabric::bench {
namespace {

void hash_payload(benchmark::State& state) {
  auto payload = payload_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(payload.data());
    benchmark::DoNotOptimize(ipc::hash_bytes(payload.data(), payload.size()));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void copy_payload(benchmark::State& state) {
  const auto from = payload_of(static_cast<std::size_t>(state.range(0)));
  auto to = payload_of(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// The second step: header and payload hash. Each result feeds the next, so this is latency.
void seal_record(benchmark::State& state) {
  ipc::RecordMeta meta{
      .committed_word = 1, .timestamp_ns = 2, .content = 32, .arena_reference = 0};
  std::uint64_t hash = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(meta);
    hash = ipc::record_checksum(meta, hash, 42);
  }
  benchmark::DoNotOptimize(hash);
}

BENCHMARK(hash_payload)->ArgName("bytes")->Arg(32)->Arg(256)->Arg(1024)->Arg(4096)->Arg(65536);
BENCHMARK(copy_payload)->ArgName("bytes")->Arg(32)->Arg(256)->Arg(1024)->Arg(4096)->Arg(65536);
BENCHMARK(seal_record);

}  // namespace
}  // namespace fabric::bench
