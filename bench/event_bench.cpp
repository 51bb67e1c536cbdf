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

// What a traced, idempotent publisher says: an id of its own, trace context, correlation and causation.
void publish_with_metadata(benchmark::State& state) {
  const BenchTopic topic;
  auto producer = topic.producer();
  const auto payload = payload_of(32);
  const auto key = key_of(8);
  const auto cause = EventId::of_place({1, 2}, 3);
  const Extension extensions[] = {{"region", "eu"}};
  EventAttributes attributes{.id = "order-17"};
  if (state.range(0) > 1) {
    attributes.traceparent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    attributes.correlation = attributes.causation = cause;
  }
  if (state.range(0) > 2) attributes.extensions = extensions;
  Published published;
  for (auto _ : state) {
    if (state.range(0) > 1) attributes.id = derive_id(cause, "billing", std::uint64_t{1});
    benchmark::DoNotOptimize(published = producer.publish(as_bytes(key), payload, attributes));
  }
  check(state, published);
  state.SetItemsProcessed(state.iterations());
}

void derive_ids(benchmark::State& state) {
  const auto cause = EventId::of_place({1, 2}, 3);
  std::uint64_t step = 0;
  for (auto _ : state) benchmark::DoNotOptimize(derive_id(cause, "billing", ++step));
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
// 1: an id; 2: a derived id, trace context, correlation, causation; 3: and an extension.
BENCHMARK(publish_with_metadata)->ArgName("level")->DenseRange(1, 3);
BENCHMARK(derive_ids);
BENCHMARK(poll_events)->ArgName("key_bytes")->Arg(0)->Arg(8)->Arg(36);

}  // namespace
}  // namespace fabric::bench
