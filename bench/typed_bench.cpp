// What contract and types cost: publish and poll of a 32-byte native event, typed against the bare ring, in turns of
// one run.
//
//   typed    TypedProducer::publish, Consumer::poll, TypedReader::view      (aim: at most 15 % more)
//   in_place TypedProducer::claim and commit instead of publish
//   bare     ipc::Publisher::publish, ipc::Reader::poll
//   direct   TypedProducer::publish, ipc::Reader::poll, TypedReader::view: without the group's consumer
//
// Counters are medians over the turns, in ns a record; `more` is what typed takes more than bare (0.15: 15 %).

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "bench/bench_ring.hpp"
#include "fabric/delivery/typed_producer.hpp"
#include "fabric/delivery/typed_reader.hpp"

namespace fabric::bench {

struct Tick {
  std::uint64_t instrument = 0;
  std::int64_t price = 0;
  std::uint32_t quantity = 0;
  std::uint32_t venue = 0;
  std::uint64_t flags = 0;
};
BOOST_DESCRIBE_STRUCT(Tick, (), (instrument, price, quantity, venue, flags))
static_assert(sizeof(Tick) == 32);

namespace {

constexpr std::uint64_t kRecords = 1024;

contract::Registry open_registry(const Fabric& fabric) {
  contract::Formats formats;
  formats.add(std::make_shared<contract::NativeFormat>());
  return value_or_abort(contract::Registry::open(fabric, formats));
}

// Two topics of the same geometry, one for each side.
class World {
 public:
  World() : fabric_(value_or_abort(Fabric::open(workspace_.path()))), registry_(open_registry(fabric_)) {
    for (const auto* topic : {"typed", "bare"}) {
      const auto made =
          fabric_.create_topic({.name = topic, .ring = ring_for(sizeof(Tick), ipc::WriterMode::many, 512 << 10)});
      if (!made) std::abort();
    }
  }
  const Fabric& fabric() const { return fabric_; }
  const contract::Registry& registry() const { return registry_; }
  std::shared_ptr<ipc::Ring> ring(const char* topic) const { return value_or_abort(fabric_.topic(topic))->ring(0); }
  static ipc::Reader reader(const std::shared_ptr<ipc::Ring>& ring) {
    return value_or_abort(ipc::Reader::attach(ring, {.cursor = ipc::CursorOptions{.name = "bench"}}));
  }

 private:
  Workspace workspace_;
  Fabric fabric_;
  contract::Registry registry_;
};

double ns_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() /
         static_cast<double>(kRecords);
}

class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  double median() {
    const auto middle = values_.begin() + static_cast<std::ptrdiff_t>(values_.size() / 2);
    std::nth_element(values_.begin(), middle, values_.end());
    return *middle;
  }

 private:
  std::vector<double> values_;
};

// One turn of each: publish kRecords, poll them.
template <class Bare, class Typed>
void compare(benchmark::State& state, Bare&& bare, Typed&& typed) {
  Samples bare_publish, bare_poll, typed_publish, typed_poll, bare_ns, typed_ns;
  const auto turn = [](auto& side, Samples& publish, Samples& poll, Samples& both) {
    auto start = std::chrono::steady_clock::now();
    side.publish();
    const auto published_ns = ns_since(start);
    start = std::chrono::steady_clock::now();
    side.poll();
    const auto polled_ns = ns_since(start);
    publish.add(published_ns);
    poll.add(polled_ns);
    both.add(published_ns + polled_ns);
  };
  for (auto _ : state) {
    turn(bare, bare_publish, bare_poll, bare_ns);
    turn(typed, typed_publish, typed_poll, typed_ns);
  }
  if (bare.records != typed.records || bare.records == 0) state.SkipWithError("records are missing");
  state.counters["bare_publish"] = bare_publish.median();
  state.counters["bare_poll"] = bare_poll.median();
  state.counters["typed_publish"] = typed_publish.median();
  state.counters["typed_poll"] = typed_poll.median();
  state.counters["more"] = typed_ns.median() / bare_ns.median() - 1;
}

struct Bare {
  explicit Bare(const World& world)
      : ring(world.ring("bare")),
        publisher(value_or_abort(ipc::Publisher::attach(ring))),
        reader(World::reader(ring)) {}
  void publish() {
    Tick tick;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      tick.instrument = i;
      benchmark::DoNotOptimize(publisher.publish(std::as_bytes(std::span(&tick, 1)), {.schema = 1}));
    }
  }
  void poll() {
    const auto result = reader.poll(
        [&](const ipc::RecordView& view) { sum += reinterpret_cast<const Tick*>(view.payload.data())->instrument; },
        kRecords);
    records += result.records;
    benchmark::DoNotOptimize(reader.ack());
  }
  std::shared_ptr<ipc::Ring> ring;
  ipc::Publisher publisher;
  ipc::Reader reader;
  std::uint64_t records = 0, sum = 0;
};

struct Typed {
  explicit Typed(const World& world)
      : producer(value_or_abort(TypedProducer<Tick>::open(world.fabric(), world.registry(), "typed"))),
        reader(value_or_abort(TypedReader<Tick>::open(world.registry(), "typed"))) {}
  void publish() {
    Tick tick;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      tick.instrument = i;
      benchmark::DoNotOptimize(producer.publish("", tick));
    }
  }
  void publish_in_place() {
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      auto claim = producer.claim("");
      claim->instrument = i;
      benchmark::DoNotOptimize(claim.commit());
    }
  }
  TypedProducer<Tick> producer;
  TypedReader<Tick> reader;
  std::uint64_t records = 0, sum = 0;
};

struct Grouped : Typed {
  explicit Grouped(const World& world)
      : Typed(world),
        consumer(value_or_abort(
            Consumer::join(world.fabric(), "typed", {.group = "bench", .most_per_partition = kRecords}))) {}
  void poll() {
    records += reader.poll(
        consumer, [&](const Tick& tick, const Delivery&) { sum += tick.instrument; },
        [](ViewOutcome, const Delivery&) {});
    benchmark::DoNotOptimize(consumer.ack());
  }
  Consumer consumer;
};

struct InPlace : Grouped {
  using Grouped::Grouped;
  void publish() { publish_in_place(); }
};

struct Direct : Typed {
  explicit Direct(const World& world) : Typed(world), ring_reader(World::reader(world.ring("typed"))) {}
  void poll() {
    const auto result = ring_reader.poll(
        [&](const ipc::RecordView& view) {
          if (const auto tick = reader.view(view.schema, view.payload)) sum += tick->instrument;
        },
        kRecords);
    records += result.records;
    benchmark::DoNotOptimize(ring_reader.ack());
  }
  ipc::Reader ring_reader;
};

template <class Side>
void typed_against_bare(benchmark::State& state) {
  const World world;
  Bare bare(world);
  Side side(world);
  compare(state, bare, side);
}
BENCHMARK(typed_against_bare<Grouped>)->Name("typed");
BENCHMARK(typed_against_bare<InPlace>)->Name("in_place");
BENCHMARK(typed_against_bare<Direct>)->Name("direct");

// Off the hot path: the first record of a schema, and a look at a registry in which nothing is new.
void schema_lookup(benchmark::State& state) {
  const World world;
  const auto id = value_or_abort(TypedProducer<Tick>::open(world.fabric(), world.registry(), "typed")).schema_id();
  for (auto _ : state) benchmark::DoNotOptimize(world.registry().by_id(id));
}
BENCHMARK(schema_lookup);

void registry_refresh(benchmark::State& state) {
  const World world;
  for (auto _ : state) benchmark::DoNotOptimize(world.registry().refresh());
}
BENCHMARK(registry_refresh);

}  // namespace
}  // namespace fabric::bench
