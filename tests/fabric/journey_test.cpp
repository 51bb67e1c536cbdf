// One event's way, step by step, in the order in which the README tells it. Each step looks at what the step left
// behind, not at what the next one makes of it.

#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "fabric/catalog/lint.hpp"
#include "fabric/catalog/load.hpp"
#include "fabric/catalog/snapshot.hpp"
#include "fabric/contract/native.hpp"
#include "fabric/delivery/typed_producer.hpp"
#include "fabric/delivery/typed_reader.hpp"
#include "ipc/checksum.hpp"
#include "ipc/record.hpp"
#include "tests/fabric/fabric_fixture.hpp"

struct TradeDone {
  std::uint64_t order = 0;
  double price = 0;
  std::uint32_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(TradeDone, (), (order, price, quantity))

namespace other {
// What somebody takes for the same event.
struct TradeDone {
  std::uint64_t order = 0;
  float price = 0;
};
BOOST_DESCRIBE_STRUCT(TradeDone, (), (order, price))
}  // namespace other

namespace fabric {
namespace {

using testing::Child;
using testing::Channel;
using testing::eventually;
using testing::FabricFixture;
using testing::must;

class Journey : public FabricFixture {
 protected:
  static const contract::Formats& formats() {
    static const contract::Formats kFormats = [] {
      contract::Formats known;
      known.add(std::make_shared<contract::NativeFormat>());
      return known;
    }();
    return kFormats;
  }
  contract::Registry registry() const { return must(contract::Registry::open(open(), formats())); }

  // The file that the README writes.
  static std::string catalog_of_the_readme() {
    std::ostringstream readme;
    readme << std::ifstream(std::string(EVF_SOURCE_DIR) + "/README.md").rdbuf();
    const std::string text = readme.str(), begin = "<<'END'\n";
    const auto from = text.find(begin, text.find("## One event's journey")) + begin.size();
    return text.substr(from, text.find("END\n", from) - from);
  }
  // Envelope and payload side by side, as a slot has them.
  static std::vector<std::byte> record_of(std::span<const std::byte> key, std::span<const std::byte> payload) {
    const Envelope envelope{.key = key};
    std::vector<std::byte> bytes(envelope_bytes(envelope));
    encode_envelope(envelope, bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
  }

  void publish_and_handle_once();
  void grow(TypedProducer<TradeDone>& producer);

  // Step 1: what is declared is in force, and in the registry.
  void declare() {
    catalog::Problems problems;
    const auto declared = catalog::load_texts({{"market.yaml", catalog_of_the_readme()}}, problems);
    catalog::lint(declared, {.formats = &formats()}, problems);
    for (const auto& problem : problems.all()) ADD_FAILURE() << catalog::to_string(problem);
    const auto before = registry();
    EXPECT_FALSE(before.latest("TradeDone"));
    const auto applied = must(catalog::apply(open(), declared, {.formats = &formats(), .registry = &before}));
    EXPECT_EQ(applied.number, 1U);
    EXPECT_EQ(must(catalog::load_snapshot(open()))->catalog, declared);
    EXPECT_EQ(must(registry().latest("TradeDone")).version, 1U);
    EXPECT_EQ(declared.find("TradeDone")->topic, "trades");
  }

  // Step 2: who keeps the contract attaches; who does not writes nothing.
  TypedProducer<TradeDone> attach() {
    const ContractOptions as_declared{.subject = "TradeDone", .register_schema = false};
    const auto refused = TypedProducer<other::TradeDone>::open(open(), registry(), "trades", {.subject = "TradeDone"});
    EXPECT_EQ(refused.error().code, ErrorCode::incompatible);
    auto producer = must(TypedProducer<TradeDone>::open(open(), registry(), "trades", as_declared));
    EXPECT_EQ(producer.schema_id(), must(registry().latest("TradeDone")).id);
    for (std::uint32_t partition = 0; partition < 4; ++partition)
      EXPECT_EQ(must(open().topic("trades"))->ring(partition)->map().tail(), 0U);
    return producer;
  }

  // Steps 4 and 5: one claim in one partition, and what lies in the slot behind it.
  void look_at_the_slot(const Topic& topic, std::uint32_t partition, std::span<const std::byte> key, const TradeDone& event,
                        std::uint32_t schema) {
    for (std::uint32_t other = 0; other < 4; ++other)
      EXPECT_EQ(topic.ring(other)->map().tail(), other == partition ? 1U : 0U);
    const auto& map = topic.ring(partition)->map();
    auto& slot = map.slot(0);
    EXPECT_EQ(slot.word.load(), ipc::SlotWord::committed(1)) << "the commit: lap 1 of this slot";
    const auto expected = record_of(key, std::as_bytes(std::span(&event, 1)));
    ASSERT_EQ(slot.content, ipc::ContentWord::make(static_cast<std::uint32_t>(expected.size()), schema, ipc::kExtended));
    EXPECT_EQ(std::memcmp(map.payload(slot), expected.data(), expected.size()), 0);
    const auto header = ipc::load_header(slot);
    EXPECT_TRUE(ipc::verify(map, map.committed_word(0), header, 0, expected));
    EXPECT_FALSE(ipc::verify(map, map.committed_word(map.slot_count), header, 0, expected)) << "a lap later it is not valid";
    auto flipped = expected;
    flipped.back() ^= std::byte{1};
    EXPECT_FALSE(ipc::verify(map, map.committed_word(0), header, 0, flipped)) << "nor with a flipped bit";
  }
};

void Journey::publish_and_handle_once() {
  auto group = must(Consumer::join(open(), "trades", {.group = "once", .start = {ipc::StartAt::Kind::latest, 0}, .dedupe = true}));
  auto once = must(Producer::open(open(), "trades", {.idempotent = true}));
  const auto first = once.publish(17, "filled", {.id = "fill-1"});
  ASSERT_TRUE(first);
  const auto again = must(Producer::open(open(), "trades", {.idempotent = true})).publish(17, "filled", {.id = "fill-1"});
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.sequence, first.sequence);
  ASSERT_TRUE(must(Producer::open(open(), "trades")).publish(17, "filled", {.id = "fill-1"})) << "one that does not ask";
  int handled = 0;
  EXPECT_TRUE(eventually([&] {
    group.poll([&](const Delivery&) { ++handled; });
    group.ack();
    return group.repeats() == 1;
  }));
  EXPECT_EQ(handled, 1);
}

void Journey::grow(TypedProducer<TradeDone>& producer) {
  ASSERT_NO_FAILURE(open().grow_topic("trades", 8));
  auto all = must(Consumer::join(open(), "trades", {.group = "grown", .start = {ipc::StartAt::Kind::earliest, 0}}));
  std::uint64_t order = 1000;
  for (; order < 1040; ++order) ASSERT_TRUE(producer.publish(order % 4, TradeDone{.order = order}));
  std::map<std::string, std::uint64_t> last;
  std::uint64_t seen = 0;
  auto reader = must(TypedReader<TradeDone>::open(registry(), "TradeDone"));
  EXPECT_TRUE(eventually([&] {
    all.poll([&](const Delivery& delivery) {
      const auto view = reader.view(delivery);
      if (!view || view->order < 1000) return;
      auto& before = last[std::string(as_text(delivery.event.envelope.key))];
      EXPECT_LT(before, view->order);
      before = view->order;
      ++seen;
    });
    all.ack();
    return seen == 40;
  }));
}

// Joins, says how many partitions it has, delivers what there is and acks nothing, until it is killed.
int be_a_member(const std::string& directory, const Channel& channel) {
  auto consumer = must(Consumer::join(must(Fabric::open(directory)), "trades", {.group = "risk"}));
  std::uint64_t told = 99;
  for (;;) {
    const auto delivered = consumer.poll([&](const Delivery& delivery) { channel.tell(100 + delivery.partition); });
    if (delivered == 0 && told != consumer.partitions_held()) channel.tell(told = consumer.partitions_held());
    consumer.wait(10'000'000);
  }
}

// Steps 6 to 9: this process and another one as members of a group.
class TwoMembers {
 public:
  TwoMembers(const std::string& directory, const contract::Registry& registry)
      : other_([directory](const Channel& channel) { return be_a_member(directory, channel); }),
        consumer_(must(Consumer::join(must(Fabric::open(directory)), "trades", {.group = "risk"}))),
        reader_(must(TypedReader<TradeDone>::open(registry, "TradeDone"))) {}

  void divide() {
    EXPECT_TRUE(eventually([&] {
      poll();
      if (!here_.empty()) consumer_.ack();
      return consumer_.partitions_held() == 2;
    }));
    while (other_.hear() != 2) {
    }
  }

  void deliver() {
    std::uint64_t ours = 0;
    for (const auto& state : consumer_.state()) ours += state.held ? state.head - state.position : 0;
    here_.clear();
    EXPECT_TRUE(eventually([&] {
      poll();
      return here_.size() == ours;
    }));
    ASSERT_TRUE(read_);
    EXPECT_GE(read_->order, 100U);
    EXPECT_EQ(read_->quantity, 1U);
    const auto word = other_.hear();
    ASSERT_GE(word, 100U) << "the other one has its share, and acks nothing";
    theirs_ = static_cast<std::uint32_t>(word - 100);
  }

  void ack() {
    const auto last = here_.back();
    EXPECT_LT(cursor(last), tail(last)) << "delivered is not acked";
    EXPECT_TRUE(consumer_.ack());
    EXPECT_EQ(cursor(last), tail(last));
    EXPECT_LT(cursor(theirs_), tail(theirs_));
  }

  void take_over() {
    other_.kill();
    here_.clear();
    EXPECT_TRUE(eventually([&] {
      poll();
      consumer_.ack();
      return consumer_.partitions_held() == 4;
    }));
    poll();
    EXPECT_TRUE(consumer_.ack());
    EXPECT_THAT(here_, ::testing::Contains(theirs_)) << "what was not acked comes again";
    for (std::uint32_t partition = 0; partition < 4; ++partition) EXPECT_EQ(cursor(partition), tail(partition));
  }

 private:
  void poll() {
    consumer_.poll([&](const Delivery& delivery) {
      here_.push_back(delivery.partition);
      if (const auto view = reader_.view(delivery)) read_ = *view;
    });
  }
  const ipc::RingMap& map(std::uint32_t partition) const { return consumer_.topic().ring(partition)->map(); }
  std::uint64_t cursor(std::uint32_t partition) const { return ipc::find_cursor(map(partition), "risk")->position; }
  std::uint64_t tail(std::uint32_t partition) const { return map(partition).tail(); }

  Child other_;  // forked first
  Consumer consumer_;
  TypedReader<TradeDone> reader_;
  std::vector<std::uint32_t> here_;  // partitions of what was delivered here
  std::optional<TradeDone> read_;    // the last one
  std::uint32_t theirs_ = 0;         // a partition of which the other one has a record in its hands
};

TEST_F(Journey, of_one_event) {
  // 1. The catalog declares it.
  declare();
  ASSERT_NO_FAILURE(open().create_topic({.name = "trades", .partitions = 4}));

  // 2. The producer attaches under its contract.
  auto producer = attach();
  const auto& topic = producer.contract().producer().topic();

  // 3. The key picks the partition: the same from every process and every language, for ever.
  const IntegerKey key(17);
  const auto partition = topic.partition_of(key.bytes());
  EXPECT_EQ(partition, ipc::hash_bytes("\x11\0\0\0\0\0\0\0", 8) % 4);

  // 4, 5. It claims the next sequence there, writes, commits.
  const TradeDone event{.order = 17, .price = 431.2, .quantity = 5};
  const auto sent = producer.publish(17, event);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent.partition, partition);
  EXPECT_EQ(sent.sequence, 0U);
  look_at_the_slot(topic, partition, key.bytes(), event, producer.schema_id());
  const auto& line = topic.ring(partition)->map().publishers[producer.contract().producer().publisher(partition).line()];
  EXPECT_EQ(line.intent.load(), ipc::IntentWord::kNone) << "it is about nothing more";

  // 6. Two members of a group, in two processes, divide the partitions.
  TwoMembers members(directory(), registry());
  members.divide();

  // 7. Each event is delivered to the member that has its partition: verified, and as the struct it is.
  for (std::uint64_t order = 100; order < 140; ++order)
    ASSERT_TRUE(producer.publish(order, TradeDone{.order = order, .quantity = 1}));
  members.deliver();

  // 8. The ack moves the group's cursors.
  members.ack();

  // 9. The other one is killed: its partitions are ours.
  members.take_over();

  // 10. An event with an id is published once, and handled once.
  publish_and_handle_once();

  // 11. The topic grows; the key stays in order, wherever it belongs by then.
  grow(producer);
}

}  // namespace
}  // namespace fabric
