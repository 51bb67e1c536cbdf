// Many records of one key with one claim: order, counts, and where it stops.
#include <gmock/gmock.h>

#include <set>

#include "fabric/contract/native.hpp"
#include "fabric/delivery/typed_producer.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using ipc::PublishOutcome;
using testing::FabricFixture;
using testing::must;

struct Fill {
  std::uint64_t id = 0;
};
BOOST_DESCRIBE_STRUCT(Fill, (), (id))

class BatchTest : public FabricFixture {
 protected:
  struct Seen {
    std::vector<std::string> payloads;
    std::set<std::uint64_t> times;
    std::set<std::string> keys;
    std::set<std::uint32_t> partitions, schemas;
  };
  Seen see(Consumer& consumer) {
    Seen seen;
    consumer.poll(
        [&](const Delivery& delivery) {
          seen.payloads.emplace_back(as_text(delivery.event.payload));
          seen.times.insert(delivery.record.timestamp_ns);
          seen.keys.emplace(as_text(delivery.event.envelope.key));
          seen.partitions.insert(delivery.partition);
          seen.schemas.insert(delivery.record.schema);
        },
        [](const Gap& gap) { ADD_FAILURE() << ipc::to_string(gap.why); });
    return seen;
  }
  Seen see(const std::string& topic) {
    auto observer = consumer(topic, {.most_per_partition = 10'000});
    return see(observer);
  }
  static std::vector<std::string> texts(std::size_t count, std::size_t longer = 0) {
    std::vector<std::string> made;
    for (std::size_t i = 0; i < count; ++i) made.push_back(std::to_string(i) + std::string(i % (longer + 1), 'x'));
    return made;
  }
  static std::vector<std::span<const std::byte>> spans(const std::vector<std::string>& texts) {
    std::vector<std::span<const std::byte>> made;
    for (const auto& text : texts) made.push_back(as_bytes(text));
    return made;
  }
};

TEST_F(BatchTest, one_claim_for_many_of_one_key) {
  create(small_topic("orders", 4, 1024));
  auto producer = this->producer("orders");
  const auto payloads = texts(200, 20);
  std::size_t published = 9;
  const auto done = producer.publish_batch(as_bytes("anna"), spans(payloads), published, 7);
  EXPECT_TRUE(done);
  EXPECT_EQ(published, 200U);
  EXPECT_EQ(done.sequence, 199U);
  EXPECT_EQ(done.partition, producer.topic().partition_of(as_bytes("anna")));
  const auto seen = see("orders");
  EXPECT_EQ(seen.payloads, payloads);
  EXPECT_EQ(seen.keys, std::set<std::string>{"anna"});
  EXPECT_EQ(seen.partitions, std::set{done.partition});
  EXPECT_EQ(seen.schemas, std::set{7U});
  EXPECT_LE(seen.times.size(), 4U) << "one time stamp for up to 64";
}

// Each length of key and payload around what a slot takes.
TEST_F(BatchTest, what_does_not_fit_a_slot_goes_one_by_one_in_order) {
  auto options = small_topic("orders", 1, 1024);
  options.ring.arena_bytes = 1 << 20;
  create(options);
  auto producer = this->producer("orders");
  std::vector<std::string> all;
  for (const std::size_t key_bytes : {0U, 1U, 60U, 88U, 96U, 100U, 4096U}) {
    auto payloads = texts(40, 30);
    payloads[3] = std::string(5'000, 'a');
    payloads[4].clear();
    payloads[39] = std::string(300, 'z');
    std::size_t published = 0;
    EXPECT_TRUE(producer.publish_batch(as_bytes(std::string(key_bytes, 'k')), spans(payloads), published)) << key_bytes;
    EXPECT_EQ(published, payloads.size());
    all.insert(all.end(), payloads.begin(), payloads.end());
  }
  EXPECT_EQ(see("orders").payloads, all);
}

TEST_F(BatchTest, stops_at_the_first_that_is_not_in) {
  create(small_topic("orders", 1, 64));
  auto consumer = this->consumer("orders", {.group = "g"});
  auto producer = this->producer("orders");
  const auto payloads = texts(100);
  const auto views = spans(payloads);
  std::size_t published = 0;
  for (const auto* key : {"", "anna"}) {
    auto done = producer.publish_batch(as_bytes(key), views, published);
    EXPECT_EQ(done.outcome, PublishOutcome::back_pressure);
    EXPECT_EQ(published, 64U);
    EXPECT_EQ(done.sequence % 64, 63U) << "the last that is in";
    const auto before = done.sequence;
    done = producer.publish_batch(as_bytes(key), views, published);
    EXPECT_EQ(published, 0U);
    EXPECT_EQ(see(consumer).payloads, texts(64));
    ASSERT_TRUE(consumer.ack());
    EXPECT_TRUE(producer.publish_batch(as_bytes(key), std::span(views).subspan(64), published));
    EXPECT_EQ(published, 36U);
    EXPECT_EQ(see(consumer).payloads.front(), "64") << before;
    ASSERT_TRUE(consumer.ack());
    ASSERT_TRUE(producer.publish_batch(as_bytes(key), std::span(views).first(28), published));  // a whole lap
    see(consumer);
    ASSERT_TRUE(consumer.ack());
  }
}

TEST_F(BatchTest, too_large_is_said_where_it_stands) {
  create(small_topic("orders", 1, 64));
  auto producer = this->producer("orders");
  auto payloads = texts(10);
  payloads[6] = std::string(200, 'x');
  std::size_t published = 0;
  const auto done = producer.publish_batch(as_bytes("anna"), spans(payloads), published);
  EXPECT_EQ(done.outcome, PublishOutcome::too_large);
  EXPECT_EQ(published, 6U);
  EXPECT_EQ(done.sequence, 5U);
  EXPECT_EQ(producer.publish_batch(as_bytes(std::string(kMaxKeyBytes + 1, 'k')), spans(payloads), published).outcome,
            PublishOutcome::too_large);
  EXPECT_EQ(published, 0U);
  EXPECT_TRUE(producer.publish_batch(as_bytes("anna"), {}, published)) << "nothing is published";
  EXPECT_EQ(see("orders").payloads.size(), 6U);
}

TEST_F(BatchTest, typed_events_of_one_key_share_claims) {
  create(small_topic("fills", 2, 1024));
  contract::Formats formats;
  formats.add(std::make_shared<contract::NativeFormat>());
  auto producer = must(TypedProducer<Fill>::open(open(), must(contract::Registry::open(open(), formats)), "fills"));
  std::vector<Fill> fills(150);
  for (std::size_t i = 0; i < fills.size(); ++i) fills[i].id = i;
  std::size_t published = 0;
  const auto sent = producer.publish_batch("anna", fills, published);
  EXPECT_TRUE(sent);
  EXPECT_EQ(published, 150U);
  EXPECT_EQ(sent.sequence, 149U);
  const auto seen = see("fills");
  ASSERT_EQ(seen.payloads.size(), 150U);
  EXPECT_EQ(seen.payloads[149], std::string(as_text(std::as_bytes(std::span(&fills[149], 1)))));
  EXPECT_LE(seen.times.size(), 3U);
  EXPECT_EQ(seen.keys, std::set<std::string>{"anna"});
}

}  // namespace
}  // namespace fabric
