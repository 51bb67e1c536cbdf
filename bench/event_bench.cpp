// What the event layer adds to a record: key, metadata, and taking both apart again.

#include <benchmark/benchmark.h>

#include <string>

#include "bench/bench_ring.hpp"
#include "fabric/delivery/consumer.hpp"
#include "fabric/delivery/producer.hpp"

namespace fabric::bench {
namespace {

constexpr std::uint64_t kRecords = 1024;

// A topic of one partition in a directory of its own; nothing gates, unless a consumer joins.
class BenchTopic {
 public:
  BenchTopic() : fabric_(value_or_abort(Fabric::open(workspace_.path() + "/fabric"))) {
    const auto created = fabric_.create_topic(
        {.name = "t", .partitions = 1, .ring = {.slot_count = std::uint64_t{4} * kRecords, .slot_bytes = 512}});
    if (created) return;
    std::fprintf(stderr, "bench: %s\n", created.error().message.c_str());
    std::abort();
  }
  Producer producer() const { return value_or_abort(Producer::open(fabric_, "t")); }
  Consumer consumer() const { return value_or_abort(Consumer::join(fabric_, "t", {.group = "g"})); }

 private:
  Workspace workspace_;
  Fabric fabric_;
};

std::string key_of(std::int64_t bytes) { return std::string(static_cast<std::size_t>(bytes), 'k'); }

void check(benchmark::State& state, const Published& published) {
  if (!published) state.SkipWithError(ipc::to_string(published.outcome));
}

void publish_event(benchmark::State& state) {
  const BenchTopic topic;
  auto producer = topic.producer();
  const auto payload = payload_of(32);
  const auto key = key_of(state.range(0));
  Published published;
  for (auto _ : state) benchmark::DoNotOptimize(published = producer.publish(as_bytes(key), payload));
  check(state, published);
  state.SetItemsProcessed(state.iterations());
}

void poll_events(benchmark::State& state) {
  const BenchTopic topic;
  auto producer = topic.producer();
  auto consumer = topic.consumer();
  const auto payload = payload_of(32);
  const auto key = key_of(state.range(0));
  std::size_t sum = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (std::uint64_t i = 0; i < kRecords; ++i) check(state, producer.publish(as_bytes(key), payload));
    state.ResumeTiming();
    std::uint64_t polled = 0;
    while (polled < kRecords)
      polled += consumer.poll([&](const Delivery& delivery) { sum += delivery.event.envelope.key.size(); });
    consumer.ack();
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRecords));
}

BENCHMARK(publish_event)->ArgName("key_bytes")->Arg(0)->Arg(8)->Arg(36);
BENCHMARK(poll_events)->ArgName("key_bytes")->Arg(0)->Arg(8)->Arg(36);

}  // namespace
}  // namespace fabric::bench
