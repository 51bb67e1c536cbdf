// The decision table of settling a record (fabric/DESIGN.md, Acks), row by row.

#include <gmock/gmock.h>

#include <stdexcept>

#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::FabricFixture;
using testing::must;

class AckTest : public FabricFixture {
 protected:
  void SetUp() override {
    create(small_topic("orders", 1));
    auto producer = this->producer("orders");
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(producer.publish("", std::to_string(i)));
  }
  std::vector<std::uint64_t> poll(Consumer& consumer) {
    std::vector<std::uint64_t> sequences;
    consumer.poll([&](const Delivery& delivery) { sequences.push_back(delivery.record.sequence); });
    return sequences;
  }
  std::uint64_t cursor() const {
    return ipc::find_cursor(must(open().topic("orders"))->ring(0)->map(), "billing")->position;
  }
  Consumer member(AckMode ack = AckMode::manual) { return consumer("orders", {.group = "billing", .ack = ack}); }
  // What a successor gets.
  std::vector<std::uint64_t> after(Consumer consumer) {
    { const auto gone = std::move(consumer); }
    auto successor = member();
    return poll(successor);
  }
};

TEST_F(AckTest, the_cursor_follows_the_floor) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.ack(0, 1));
  EXPECT_TRUE(consumer.ack(0, 2));
  EXPECT_EQ(cursor(), 0U) << "the first record is not acked";
  EXPECT_TRUE(consumer.ack(0, 0));
  EXPECT_EQ(cursor(), 3U);
  EXPECT_TRUE(consumer.ack(0, 0)) << "twice does nothing";
  EXPECT_TRUE(consumer.ack(0, 5));
  EXPECT_EQ(cursor(), 3U);
  EXPECT_THAT(after(std::move(consumer)), ElementsAre(3, 4, 5)) << "what was acked above the floor comes again";
}

TEST_F(AckTest, all_that_was_delivered) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.ack(0, 4));
  EXPECT_TRUE(consumer.ack());
  EXPECT_EQ(cursor(), 6U);
  EXPECT_THAT(after(std::move(consumer)), IsEmpty());
}

TEST_F(AckTest, a_nack_brings_the_record_again_and_what_is_behind_it_unless_acked) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.ack(0, 3));
  EXPECT_TRUE(consumer.nack(0, 4));
  EXPECT_TRUE(consumer.nack(0, 2));
  EXPECT_THAT(poll(consumer), ElementsAre(2, 4, 5));
  EXPECT_EQ(cursor(), 0U);
  EXPECT_TRUE(consumer.ack(0, 0));
  EXPECT_TRUE(consumer.ack(0, 1));
  EXPECT_EQ(cursor(), 2U);
  EXPECT_TRUE(consumer.ack());
  EXPECT_EQ(cursor(), 6U);
}

TEST_F(AckTest, what_was_acked_after_the_nack_does_not_come_again) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.nack(0, 0));
  std::vector<std::uint64_t> again;
  const auto note = [&](const Delivery& delivery) { again.push_back(delivery.record.sequence); };
  EXPECT_EQ(consumer.poll(note, {}, 1), 1U);
  for (const auto sequence : {1U, 2U, 0U}) EXPECT_TRUE(consumer.ack(0, sequence));  // a worker had them all the time
  EXPECT_EQ(cursor(), 3U);
  consumer.poll(note);
  EXPECT_THAT(again, ElementsAre(0, 3, 4, 5)) << "also not what is below the floor by now";
}

TEST_F(AckTest, an_ack_of_everything_stops_at_a_nack) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.nack(0, 4));
  EXPECT_TRUE(consumer.ack());
  EXPECT_EQ(cursor(), 4U);
  EXPECT_THAT(poll(consumer), ElementsAre(4, 5));
}

TEST_F(AckTest, a_nack_in_a_handler_ends_the_delivery_of_its_partition_in_this_poll) {
  auto consumer = member();
  std::vector<std::uint64_t> seen;
  bool nacked = false;
  const auto handler = [&](const Delivery& delivery) {
    seen.push_back(delivery.record.sequence);
    if (delivery.record.sequence == 2 && !std::exchange(nacked, true)) {
      EXPECT_TRUE(consumer.nack(delivery));
    }
  };
  EXPECT_EQ(consumer.poll(handler), 3U);
  consumer.poll(handler);
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 2, 3, 4, 5));
}

TEST_F(AckTest, what_is_acked_or_was_not_delivered_cannot_be_nacked) {
  auto consumer = member();
  EXPECT_FALSE(consumer.nack(0, 0));
  poll(consumer);
  EXPECT_TRUE(consumer.ack(0, 1));
  EXPECT_FALSE(consumer.nack(0, 1));
  EXPECT_FALSE(consumer.nack(0, 6));
  EXPECT_FALSE(consumer.nack(7, 0)) << "no such partition";
  EXPECT_FALSE(consumer.ack(7, 0));
  EXPECT_THAT(poll(consumer), IsEmpty());
}

TEST_F(AckTest, automatic_acks_follow_the_handler) {
  auto consumer = member(AckMode::automatic);
  EXPECT_THAT(poll(consumer), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(cursor(), 6U);
}

TEST_F(AckTest, automatic_a_record_whose_handler_throws_comes_again) {
  auto consumer = member(AckMode::automatic);
  std::vector<std::uint64_t> seen;
  const auto handler = [&](const Delivery& delivery) {
    seen.push_back(delivery.record.sequence);
    if (delivery.record.sequence == 3 && seen.size() == 4) throw std::runtime_error("handler");
  };
  EXPECT_THROW(consumer.poll(handler), std::runtime_error);
  EXPECT_EQ(cursor(), 3U) << "those before it are acked";
  consumer.poll(handler);
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 3, 4, 5));
  EXPECT_EQ(cursor(), 6U);
}

TEST_F(AckTest, automatic_a_nack_keeps_what_is_before_it_acked) {
  auto consumer = member(AckMode::automatic);
  bool nacked = false;
  std::vector<std::uint64_t> seen;
  const auto handler = [&](const Delivery& delivery) {
    seen.push_back(delivery.record.sequence);
    if (delivery.record.sequence == 1 && !std::exchange(nacked, true)) consumer.nack(delivery);
  };
  consumer.poll(handler);
  EXPECT_EQ(cursor(), 1U);
  consumer.poll(handler);
  EXPECT_THAT(seen, ElementsAre(0, 1, 1, 2, 3, 4, 5));
  EXPECT_EQ(cursor(), 6U);
}

TEST_F(AckTest, damage_and_what_is_no_event_need_no_ack) {
  const auto topic = must(open().topic("orders"));
  auto publisher = must(ipc::Publisher::attach(topic->ring(0), {}));
  ASSERT_EQ(publisher.publish(as_bytes("not an envelope"), {.flags = ipc::kExtended}), ipc::PublishOutcome::published);
  ASSERT_EQ(publisher.publish(as_bytes("7")), ipc::PublishOutcome::published);
  auto consumer = member();
  EXPECT_THAT(poll(consumer), ElementsAre(0, 1, 2, 3, 4, 5, 7));
  for (const auto sequence : {0U, 1U, 2U, 3U, 4U, 5U}) EXPECT_TRUE(consumer.ack(0, sequence));
  EXPECT_EQ(cursor(), 7U) << "the one at 6 was reported";
  EXPECT_TRUE(consumer.ack(0, 7));
  EXPECT_EQ(cursor(), 8U);
}

TEST_F(AckTest, a_fenced_member_is_refused_whatever_it_settles) {
  auto consumer = member();
  poll(consumer);
  const auto taker = must(ipc::Reader::attach(consumer.topic().ring(0),
                                              {.cursor = ipc::CursorOptions{.name = "billing", .take_over = true}, .start = {}}));
  EXPECT_TRUE(consumer.ack(0, 1)) << "above the floor nothing is written yet";
  EXPECT_FALSE(consumer.ack(0, 0));
  EXPECT_EQ(consumer.partitions_held(), 0U);
  EXPECT_FALSE(consumer.ack(0, 2));
  EXPECT_FALSE(consumer.nack(0, 2));
  EXPECT_EQ(taker.acked(), 0U);
}

}  // namespace
}  // namespace fabric
