// The decision table of settling a record (fabric/DESIGN.md, Acks), row by row.

#include <gmock/gmock.h>

#include <random>
#include <set>
#include <stdexcept>

#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::eventually;
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

TEST_F(AckTest, an_ack_after_a_nack_takes_it_back) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.nack(0, 2));
  for (const auto sequence : {0U, 1U, 2U}) EXPECT_TRUE(consumer.ack(0, sequence));
  EXPECT_EQ(cursor(), 3U);
  EXPECT_TRUE(consumer.ack());
  EXPECT_EQ(cursor(), 3U) << "what is behind it still comes again";
  EXPECT_THAT(poll(consumer), ElementsAre(3, 4, 5));
  for (const auto sequence : {3U, 4U, 5U}) EXPECT_TRUE(consumer.ack(0, sequence));
  EXPECT_EQ(cursor(), 6U) << "the floor has not fallen";
}

TEST_F(AckTest, a_nack_of_the_last_record_that_is_acked_after_all) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.nack(0, 5));
  for (std::uint64_t sequence = 0; sequence < 6; ++sequence) EXPECT_TRUE(consumer.ack(0, sequence));
  EXPECT_EQ(cursor(), 6U);
  EXPECT_THAT(poll(consumer), IsEmpty());
}

TEST_F(AckTest, what_was_acked_by_itself_does_not_come_again_after_an_ack_of_everything) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.ack(0, 4));
  EXPECT_TRUE(consumer.nack(0, 2));
  EXPECT_TRUE(consumer.ack());
  EXPECT_EQ(cursor(), 2U);
  EXPECT_THAT(poll(consumer), ElementsAre(2, 3, 5));
}

TEST_F(AckTest, what_was_not_delivered_cannot_be_acked) {
  auto consumer = member();
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{100}, ~std::uint64_t{0}, std::uint64_t{1} << 60})
    EXPECT_FALSE(consumer.ack(0, sequence));
  EXPECT_THAT(poll(consumer), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_FALSE(consumer.ack(0, 6));
  EXPECT_EQ(cursor(), 0U);
}

TEST_F(AckTest, what_comes_again_can_be_settled_before_it_comes) {
  auto consumer = member();
  poll(consumer);
  EXPECT_TRUE(consumer.nack(0, 1));
  EXPECT_EQ(consumer.poll([](const Delivery& delivery) { EXPECT_EQ(delivery.record.sequence, 1U); }, {}, 1), 1U);
  EXPECT_TRUE(consumer.ack(0, 3)) << "it was delivered before";
  EXPECT_TRUE(consumer.nack(0, 4)) << "comes again anyway";
  EXPECT_THAT(poll(consumer), ElementsAre(2, 4, 5));
  EXPECT_EQ(cursor(), 0U);
}

TEST_F(AckTest, a_nacked_record_that_publishers_have_passed_is_reported_lost) {
  auto consumer = this->consumer("orders", {.group = "sampler", .gating = false});
  poll(consumer);
  EXPECT_TRUE(consumer.nack(0, 2));
  auto producer = this->producer("orders");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(producer.publish("", "more"));
  std::vector<std::uint64_t> sequences;
  ipc::LostRange lost;
  const auto handler = [&](const Delivery& delivery) { sequences.push_back(delivery.record.sequence); };
  consumer.poll(handler, [&](const Gap& gap) {
    EXPECT_EQ(gap.why, ipc::ReadOutcome::lost);
    if (lost.end == 0) lost.first = gap.range.first;
    EXPECT_TRUE(lost.end == 0 || lost.end == gap.range.first);
    lost.end = gap.range.end;
  });
  EXPECT_EQ(lost.first, 2U);
  ASSERT_FALSE(sequences.empty());
  EXPECT_EQ(lost.end, sequences.front());
  for (const auto sequence : sequences) EXPECT_TRUE(consumer.ack(0, sequence));
  EXPECT_EQ(ipc::find_cursor(consumer.topic().ring(0)->map(), "sampler")->position, sequences.back() + 1) << "what is lost needs no ack";
}

TEST_F(AckTest, a_ring_full_of_what_needs_no_ack_holds_nobody_up) {
  const auto topic = must(open().topic("orders"));
  auto publisher = must(ipc::Publisher::attach(topic->ring(0), {}));
  for (const auto mode : {AckMode::automatic, AckMode::manual}) {
    auto consumer = member(mode);
    for (const auto sequence : poll(consumer)) consumer.ack(0, sequence);
    for (int i = 0; i < 200; ++i) {
      ASSERT_NE(publisher.publish(as_bytes("not an envelope"), {.flags = ipc::kExtended}), ipc::PublishOutcome::too_large);
      EXPECT_THAT(poll(consumer), IsEmpty());
    }
    EXPECT_EQ(publisher.publish(as_bytes("7")), ipc::PublishOutcome::published);
  }
}

// Acks and nacks in any order, in and outside of handlers, against a plain model: nothing is left out, the cursor never passes what is not
// acked, and once all is acked it stands at the end.
TEST_F(AckTest, any_sequence_of_settlements) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    const auto mode = seed % 3 == 0 ? AckMode::automatic : AckMode::manual;
    auto consumer = this->consumer("orders", {.group = "group" + std::to_string(seed % 8), .ack = mode});
    const auto& map = consumer.topic().ring(0)->map();
    const auto position = [&] { return ipc::find_cursor(map, "group" + std::to_string(seed % 8))->position; };
    std::set<std::uint64_t> open_ones;  // delivered, neither acked
    const auto start = position();
    std::uint64_t next = start;
    const auto settle = [&](std::uint64_t sequence) {
      if (random() % 3 == 0) {
        consumer.nack(0, sequence);
      } else if (consumer.ack(0, sequence)) {
        open_ones.erase(sequence);
      }
    };
    for (int step = 0; step < 60; ++step) {
      try {
        consumer.poll([&](const Delivery& delivery) {
          const auto sequence = delivery.record.sequence;
          EXPECT_LE(sequence, next) << seed << ": one was left out";
          next = std::max(next, sequence + 1);
          open_ones.insert(sequence);
          if (random() % 4 == 0) settle(start + random() % (next - start));
          if (random() % 8 == 0) throw std::runtime_error("handler");
        }, {}, 1 + random() % 6);
      } catch (const std::runtime_error&) {
      }
      if (next != start) settle(start + random() % (next - start));
      if (mode == AckMode::manual && !open_ones.empty()) {
        ASSERT_LE(position(), *open_ones.begin()) << seed << ": passed what was not acked";
      }
    }
    EXPECT_TRUE(eventually([&] { return consumer.poll([](const Delivery&) {}), consumer.ack() && position() == 6; })) << seed;
    const auto moved = ipc::move_cursor(*consumer.topic().ring(0), "group" + std::to_string(seed % 8), 0, true);
    ASSERT_TRUE(moved.has_value()) << moved.error().message;
  }
}

// The first partition's handler always throws.
TEST_F(AckTest, a_handler_that_throws_does_not_starve_the_other_partitions) {
  create(small_topic("wide", 3));
  auto producer = this->producer("wide");
  for (std::uint32_t p = 0; p < 3; ++p) ASSERT_EQ(producer.publisher(p).publish(as_bytes("x")), ipc::PublishOutcome::published);
  auto consumer = this->consumer("wide", {.group = "billing", .ack = AckMode::automatic});
  std::set<std::uint32_t> handled;
  for (int i = 0; i < 6; ++i) {
    try {
      consumer.poll([&](const Delivery& delivery) {
        if (delivery.partition == 0) throw std::runtime_error("handler");
        handled.insert(delivery.partition);
      });
    } catch (const std::runtime_error&) {
    }
  }
  EXPECT_THAT(handled, ElementsAre(1, 2));
}

// on_change may do anything with the consumer; what it does comes between two steps of it.
TEST_F(AckTest, a_change_that_is_answered_by_polls_and_acks) {
  create(small_topic("wide", 2));
  auto producer = this->producer("wide");
  for (std::uint32_t p = 0; p < 2; ++p) ASSERT_EQ(producer.publisher(p).publish(as_bytes("x")), ipc::PublishOutcome::published);
  auto owner = std::make_optional(this->consumer("wide", {.group = "billing"}));
  std::optional<Consumer> consumer;
  std::optional<ipc::Reader> taker;
  std::vector<std::pair<PartitionChange::Kind, std::uint32_t>> changes;
  consumer.emplace(this->consumer("wide", {.group = "billing", .on_change = [&](const PartitionChange& change) {
    changes.emplace_back(change.kind, change.partition);
    if (changes.size() != 1) return;
    taker.emplace(must(ipc::Reader::attach(consumer->topic().ring(1),
                                           {.cursor = ipc::CursorOptions{.name = "billing", .take_over = true}, .start = {}})));
    EXPECT_EQ(consumer->poll([](const Delivery&) {}), 2U);
    EXPECT_FALSE(consumer->ack());
  }}));
  owner.reset();
  EXPECT_TRUE(eventually([&] { return consumer->poll([](const Delivery&) {}), consumer->partitions_held() == 1; }));
  EXPECT_THAT(changes, ElementsAre(std::pair(PartitionChange::Kind::taken, 0U), std::pair(PartitionChange::Kind::lost, 1U)));
  EXPECT_EQ(ipc::find_cursor(consumer->topic().ring(0)->map(), "billing")->position, 1U);
}

}  // namespace
}  // namespace fabric
