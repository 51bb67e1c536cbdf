// What a consumer does when something is wrong with one of its partitions, or with itself while it polls; how much one
// poll delivers.

#include <map>
#include <stdexcept>

#include "ipc/ring_reader.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using testing::Channel;
using testing::Child;
using testing::FabricFixture;
using testing::must;

class ConsumerTest : public FabricFixture {
 protected:
  // A topic with `each` records in every partition.
  void fill(std::uint32_t partitions, int each, std::uint32_t max_cursors = 8) {
    auto options = small_topic("orders", partitions);
    options.ring.max_cursors = max_cursors;
    create(options);
    auto producer = this->producer("orders");
    for (std::uint32_t p = 0; p < partitions; ++p)
      for (int i = 0; i < each; ++i)
        ASSERT_EQ(producer.publisher(p).publish(as_bytes("x")), ipc::PublishOutcome::published);
  }
};

// Takes the group's cursor by force, as an operator would.
ipc::Reader take_by_force(const Topic& topic, std::uint32_t partition) {
  return must(ipc::Reader::attach(topic.ring(partition),
                                  {.cursor = ipc::CursorOptions{.name = "billing", .take_over = true}, .start = {}}));
}

TEST_F(ConsumerTest, a_handler_that_acks_is_told_that_it_was_fenced_and_gets_no_more_of_that_partition) {
  fill(2, 10);
  auto consumer = this->consumer("orders", {.group = "billing"});
  std::optional<ipc::Reader> taker;
  std::map<std::uint32_t, std::uint64_t> records;
  std::vector<bool> acked;
  const auto delivered = consumer.poll([&](const Delivery& delivery) {
    ++records[delivery.partition];
    if (delivery.partition == 0 && delivery.record.sequence == 3) taker.emplace(take_by_force(consumer.topic(), 0));
    acked.push_back(consumer.ack());
    EXPECT_EQ(consumer.partitions_held(), taker ? 1U : 2U);
    EXPECT_EQ(consumer.state()[0].held, !taker);
    EXPECT_EQ(consumer.poll([](const Delivery&) { FAIL() << "a poll in a handler delivers nothing"; }), 0U);
  }, [](const Gap&) { FAIL() << "its ack told it already"; });
  EXPECT_EQ(delivered, 4 + 10U);
  EXPECT_EQ(records[0], 4U) << "nothing that its new owner will deliver";
  EXPECT_EQ(records[1], 10U) << "the other partition is not concerned";
  EXPECT_EQ(std::count(acked.begin(), acked.end(), false), 1) << "it is said once";
  EXPECT_FALSE(acked[3]);
  EXPECT_EQ(consumer.partitions_held(), 1U);
  EXPECT_TRUE(consumer.ack());
  EXPECT_EQ(taker->acked(), 3U) << "what was acked before it was taken";
  taker.reset();
  std::vector<std::uint64_t> later;
  EXPECT_TRUE(testing::eventually([&] {
    consumer.poll([&](const Delivery& delivery) { later.push_back(delivery.record.sequence); });
    return later.size() == 7;
  }));
  EXPECT_EQ(later.front(), 3U);
  EXPECT_EQ(consumer.partitions_held(), 2U);
}

TEST_F(ConsumerTest, what_a_handler_was_given_stays_until_it_returns_whatever_its_ack_says) {
  create(small_topic("orders", 1));
  auto producer = this->producer("orders");
  const std::string payload(90, 'p');
  ASSERT_TRUE(producer.publish("", payload));
  auto consumer = this->consumer("orders", {.group = "billing", .gating = false});  // copies records out
  std::optional<ipc::Reader> taker;
  std::vector<std::vector<char>> others;
  const auto delivered = consumer.poll([&](const Delivery& delivery) {
    taker.emplace(must(ipc::Reader::attach(
        consumer.topic().ring(0),
        {.cursor = ipc::CursorOptions{.name = "billing", .gating = false, .take_over = true}, .start = {}})));
    EXPECT_FALSE(consumer.ack());
    for (std::size_t bytes = 16; bytes <= 256; bytes += 16) others.emplace_back(bytes, 'o');  // whatever became free
    EXPECT_EQ(as_text(delivery.event.payload), payload);
  });
  EXPECT_EQ(delivered, 1U);
}

TEST_F(ConsumerTest, a_gap_handler_may_ack_what_it_was_told_is_lost_to_it) {
  fill(1, 10);
  auto consumer = this->consumer("orders", {.group = "billing", .most_per_partition = 5});
  consumer.poll([](const Delivery&) {});
  const auto taker = take_by_force(consumer.topic(), 0);
  unsigned told = 0;
  EXPECT_TRUE(testing::eventually([&] {
    consumer.poll([](const Delivery&) {},
                  [&](const Gap& gap) {
                    told += gap.why == ipc::ReadOutcome::fenced ? 1 : 0;
                    EXPECT_TRUE(consumer.ack()) << "nothing is held, so nothing is refused";
                    EXPECT_EQ(consumer.partitions_held(), 0U);
                  });
    return told != 0;
  }));
  EXPECT_EQ(told, 1U);
  EXPECT_EQ(consumer.partitions_held(), 0U);
}

TEST_F(ConsumerTest, a_throwing_handler_leaves_a_consumer_that_goes_on) {
  fill(1, 10);
  auto consumer = this->consumer("orders", {.group = "billing"});
  std::optional<ipc::Reader> taker;
  EXPECT_THROW(consumer.poll([&](const Delivery& delivery) {
    if (delivery.record.sequence != 2) return;
    taker.emplace(take_by_force(consumer.topic(), 0));
    EXPECT_FALSE(consumer.ack());
    throw std::runtime_error("handler");
  }),
               std::runtime_error);
  EXPECT_EQ(consumer.partitions_held(), 0U);
  taker.reset();
  std::uint64_t records = 0;
  EXPECT_TRUE(testing::eventually([&] { return (records += consumer.poll([](const Delivery&) {})) == 10; }));
  EXPECT_TRUE(consumer.ack());
}

TEST_F(ConsumerTest, a_partition_that_cannot_be_taken_does_not_keep_the_others_from_being_delivered) {
  fill(3, 2, 1);
  const auto topic = must(open().topic("orders"));
  std::optional<ipc::Reader> other = must(  // has the only cursor line there
      ipc::Reader::attach(topic->ring(0), {.cursor = ipc::CursorOptions{.name = "other", .durable = false}, .start = {}}));
  auto consumer = this->consumer("orders", {.group = "billing"});
  EXPECT_EQ(consumer.partitions_held(), 2U);
  EXPECT_EQ(consumer.poll([](const Delivery&) {}), 4U);
  EXPECT_TRUE(consumer.ack());
  ASSERT_TRUE(consumer.trouble().has_value());
  EXPECT_EQ(ipc::to_string(consumer.trouble()->code), std::string(ipc::to_string(ErrorCode::no_space)));
  EXPECT_NE(consumer.trouble()->message.find("topic 'orders', partition 0: "), std::string::npos)
      << consumer.trouble()->message;
  const auto state = consumer.state();
  EXPECT_FALSE(state[0].held);
  EXPECT_NE(state[0].trouble, "");
  EXPECT_EQ(state[1].trouble, "");
  EXPECT_TRUE(state[1].held);
  other.reset();
  EXPECT_TRUE(testing::eventually([&] {
    consumer.poll([](const Delivery&) {});
    return consumer.partitions_held() == 3;
  }));
  EXPECT_FALSE(consumer.trouble().has_value()) << "it is over";
  EXPECT_EQ(consumer.state()[0].trouble, "");
}

TEST_F(ConsumerTest, a_standby_takes_over_what_it_can_from_the_dead) {
  fill(4, 1);
  Child owner([&](const Channel& parent) {
    auto consumer = this->consumer("orders", {.group = "billing"});
    parent.tell(consumer.partitions_held());
    return Channel::stay();
  });
  EXPECT_EQ(owner.hear(), 4U);
  auto standby = consumer("orders", {.group = "billing"});
  EXPECT_EQ(standby.partitions_held(), 0U);
  EXPECT_FALSE(standby.trouble().has_value()) << "to stand by is no trouble";
  const auto& map = standby.topic().ring(0)->map();
  auto& state = map.cursors[ipc::find_cursor(map, "billing")->index].state;
  state.fetch_xor(std::uint64_t{ipc::kGating} << 4);  // as damage could: now it differs from what the group asks for
  owner.kill();
  EXPECT_TRUE(testing::eventually([&] {
    standby.poll([](const Delivery&) {});
    return standby.partitions_held() == 3;
  }));
  EXPECT_TRUE(standby.trouble().has_value());
  EXPECT_NE(standby.state()[0].trouble, "");
}

TEST_F(ConsumerTest, join_fails_when_nothing_could_be_taken_and_nobody_has_anything) {
  fill(2, 1, 1);
  const auto topic = must(open().topic("orders"));
  std::vector<ipc::Reader> others;
  for (std::uint32_t p = 0; p < 2; ++p)
    others.push_back(
        must(ipc::Reader::attach(topic->ring(p), {.cursor = ipc::CursorOptions{.name = "other"}, .start = {}})));
  EXPECT_FAILURE(Consumer::join(open(), "orders", {.group = "billing"}), ErrorCode::no_space, "partition 0: ");
}

TEST_F(ConsumerTest, takes_nothing_of_a_deleted_topic_and_says_so) {
  fill(2, 1);
  Child owner([&](const Channel& parent) {
    auto consumer = this->consumer("orders", {.group = "billing"});
    parent.tell(consumer.partitions_held());
    return Channel::stay();
  });
  EXPECT_EQ(owner.hear(), 2U);
  auto standby = consumer("orders", {.group = "billing"});
  ASSERT_NO_FAILURE(open().delete_topic("orders", true));
  fill(2, 1);
  owner.kill();
  EXPECT_TRUE(testing::eventually([&] {
    EXPECT_EQ(standby.poll([](const Delivery&) {}), 0U);
    return standby.trouble().has_value();
  }));
  EXPECT_EQ(ipc::to_string(standby.trouble()->code), std::string(ipc::to_string(ErrorCode::not_found)));
  EXPECT_EQ(standby.partitions_held(), 0U);
  EXPECT_EQ(consumer("orders", {.group = "billing"}).partitions_held(), 2U);
}

TEST_F(ConsumerTest, one_poll_delivers_at_most_what_it_is_told_and_starves_nobody) {
  fill(3, 10);
  auto consumer = this->consumer("orders", {.group = "billing", .most_per_partition = 4});
  std::vector<std::uint32_t> from;
  const auto handler = [&](const Delivery& delivery) { from.push_back(delivery.partition); };
  EXPECT_EQ(consumer.poll(handler, {}, 0), 0U);
  EXPECT_EQ(consumer.poll(handler, {}, 6), 6U);
  EXPECT_EQ(from, (std::vector<std::uint32_t>{0, 0, 0, 0, 1, 1}));
  from.clear();
  EXPECT_EQ(consumer.poll(handler, {}, 3), 3U);
  EXPECT_EQ(from, (std::vector<std::uint32_t>{2, 2, 2})) << "behind the one that it ended with";
  from.clear();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(consumer.poll(handler, {}, 1), 1U);
  EXPECT_EQ(from, (std::vector<std::uint32_t>{0, 1, 2, 0, 1, 2}));
  std::uint64_t rest = 0;
  while (const auto more = consumer.poll([](const Delivery&) {})) rest += more;
  EXPECT_EQ(rest, 30 - 6 - 3 - 6U);
}

}  // namespace
}  // namespace fabric
