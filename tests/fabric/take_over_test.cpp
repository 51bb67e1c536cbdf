// A member dies, stops, or is fenced: what its group still gets, and who is blamed meanwhile.

#include "tests/fabric/fabric_fixture.hpp"
#include "tests/fabric/shared_log.hpp"

namespace fabric {
namespace {

using testing::Channel;
using testing::Child;
using testing::FabricFixture;
using testing::Ledger;
using testing::must;
using testing::SharedLog;

constexpr std::uint64_t kLong = 30'000'000'000;  // only a defect reaches it

class TakeOverTest : public FabricFixture {
 protected:
  void SetUp() override { create(small_topic("orders")); }

  // A member of "billing" that writes down, acks, and goes on until it is killed. Tells when it first holds all
  // partitions.
  int consume(SharedLog& log, const Channel& parent) const {
    auto consumer = this->consumer("orders", {.group = "billing"});
    parent.tell(consumer.partitions_held());
    bool told = consumer.partitions_held() == 4;
    for (;;) {
      const auto records = consumer.poll([&](const Delivery& delivery) { log.add(delivery); });
      if (!told && consumer.partitions_held() == 4) {
        told = true;
        parent.tell(ipc::monotonic_ns());
      }
      if (!consumer.ack()) return 1;
      if (records == 0) consumer.wait(kLong);
    }
  }
  int publish(std::uint64_t keys, std::uint64_t each) const {
    auto producer = this->producer("orders");
    for (std::uint64_t ordinal = 0; ordinal < each; ++ordinal)
      for (std::uint64_t key = 0; key < keys; ++key)
        if (!producer.publish_within(as_bytes("key" + std::to_string(key)), as_bytes(std::to_string(ordinal)), kLong))
          return 1;
    return 0;
  }
};

TEST_F(TakeOverTest, of_a_killed_member_by_one_that_stands_by) {
  constexpr std::uint64_t kKeys = 50, kEach = 400, kRecords = kKeys * kEach;
  SharedLog first_log, second_log;
  Child first([&](const Channel& parent) { return consume(first_log, parent); });
  EXPECT_EQ(first.hear(), 4U);
  Child second([&](const Channel& parent) { return consume(second_log, parent); });
  EXPECT_EQ(second.hear(), 0U) << "all partitions have a live owner";
  Child producer([&](const Channel&) { return publish(kKeys, kEach); });
  EXPECT_TRUE(testing::eventually([&] { return first_log.count() > kRecords / 3; }));
  const auto killed_ns = ipc::monotonic_ns();
  first.kill();
  const auto took_ns = second.hear() - killed_ns;
  EXPECT_EQ(producer.wait(), 0) << "publishers went on";
  EXPECT_TRUE(testing::eventually([&] {
    Ledger so_far;
    so_far.add_member(first_log);
    so_far.add_member(second_log);
    return so_far.unique == kRecords;
  }));
  second.kill();
  Ledger ledger;
  ledger.add_member(first_log);
  const auto at_kill = ledger.unique;
  ledger.add_member(second_log);
  EXPECT_EQ(ledger.fault, "");
  EXPECT_EQ(ledger.unique, kRecords) << "at least once";
  EXPECT_EQ(first_log.count() + second_log.count(), kRecords + ledger.redelivered);
  EXPECT_LT(at_kill, kRecords) << "it was killed on the way";
  EXPECT_LE(ledger.redelivered, 4 * 64U) << "no more than was polled and not acked";
  EXPECT_LT(took_ns, 2'000'000'000U) << "milliseconds on an idle machine; no time-out is involved";
  RecordProperty("take_over_us", static_cast<int>(took_ns / 1000));
}

TEST_F(TakeOverTest, starts_with_what_was_not_acked) {
  auto producer = this->producer("orders");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(producer.publish("key", std::to_string(i)));
  const auto partition = producer.topic().partition_of(as_bytes("key"));
  Child dying([&](const Channel& parent) {
    auto consumer = this->consumer("orders", {.group = "billing", .most_per_partition = 5});
    parent.tell(consumer.poll([](const Delivery&) {}));
    parent.tell(consumer.ack() ? 1 : 0);
    parent.tell(consumer.poll([](const Delivery&) {}));  // and dies before it acks
    return Channel::stay();
  });
  EXPECT_EQ(dying.hear(), 5U);
  EXPECT_EQ(dying.hear(), 1U);
  EXPECT_EQ(dying.hear(), 5U);
  auto successor = consumer("orders", {.group = "billing"});
  EXPECT_EQ(successor.partitions_held(), 0U) << "the owner lives, whatever it does";
  dying.kill();
  std::vector<std::uint64_t> sequences;
  EXPECT_TRUE(testing::eventually([&] {
    successor.poll([&](const Delivery& delivery) { sequences.push_back(delivery.record.sequence); });
    return sequences.size() == 15;
  }));
  for (std::size_t i = 0; i < sequences.size(); ++i) EXPECT_EQ(sequences[i], 5 + i);
  EXPECT_TRUE(successor.ack());
  EXPECT_EQ(successor.state()[partition].acked, 20U);
}

TEST_F(TakeOverTest, a_member_that_leaves_hands_over_at_once) {
  auto producer = this->producer("orders");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(producer.publish("key", std::to_string(i)));
  std::string got;
  const auto handler = [&](const Delivery& delivery) { got += as_text(delivery.event.payload); };
  {
    auto first = consumer("orders", {.group = "billing", .most_per_partition = 4});
    first.poll(handler);
    EXPECT_TRUE(first.ack());
    first.poll([](const Delivery&) {});  // not acked
  }
  auto second = consumer("orders", {.group = "billing"});
  EXPECT_EQ(second.partitions_held(), 4U);
  second.poll(handler);
  EXPECT_EQ(got, "0123456789");
}

TEST_F(TakeOverTest, a_stopped_member_gates_is_blamed_and_goes_on) {
  SharedLog log;
  Child stopped([&](const Channel& parent) { return consume(log, parent); });
  EXPECT_EQ(stopped.hear(), 4U);
  auto producer = this->producer("orders");
  const auto partition = producer.topic().partition_of(as_bytes("key"));
  std::uint64_t published = 0;
  for (; published < 10; ++published) ASSERT_TRUE(producer.publish("key", std::to_string(published)));
  const auto map = producer.topic().ring(partition)->map();
  EXPECT_TRUE(testing::eventually([&] { return ipc::find_cursor(map, "billing")->position == 10; }));
  stopped.stop();
  while (producer.publish("key", std::to_string(published))) ++published;
  EXPECT_EQ(published, 10 + 64U) << "exactly one ring beyond what is acked";
  const auto refused = producer.publish_within(as_bytes("key"), as_bytes("x"), 20'000'000);
  EXPECT_EQ(refused.outcome, ipc::PublishOutcome::back_pressure);
  const auto blame = producer.blame(partition);
  EXPECT_EQ(blame.cursor, "billing");
  EXPECT_EQ(blame.position, 10U);
  EXPECT_NE(blame.owner, 0U);
  EXPECT_TRUE(producer.topic().ring(partition)->is_alive(blame.owner)) << "stopped is not dead";
  EXPECT_GE(blame.blocked_ns, 20'000'000U);
  const auto other =
      producer.topic().partition_of(as_bytes("another")) != partition ? "another" : "key of another partition";
  EXPECT_TRUE(producer.publish(other, "0")) << "other partitions are not held up yet";
  auto standby = consumer("orders", {.group = "billing"});
  EXPECT_EQ(standby.partitions_held(), 0U);
  stopped.resume();
  EXPECT_TRUE(producer.publish_within(as_bytes("key"), as_bytes(std::to_string(published++)), kLong));
  EXPECT_EQ(producer.blame(partition).cursor, "") << "nobody any more";
  EXPECT_TRUE(testing::eventually([&] { return log.count() == published + 1; }));
  Ledger ledger;
  ledger.add_member(log);
  EXPECT_EQ(ledger.fault, "");
  EXPECT_EQ(ledger.redelivered, 0U);
}

// Takes one partition by force, as an operator would.
ipc::Reader take_by_force(const Topic& topic, std::uint32_t partition) {
  return must(ipc::Reader::attach(topic.ring(partition),
                                  {.cursor = ipc::CursorOptions{.name = "billing", .take_over = true}, .start = {}}));
}

TEST_F(TakeOverTest, a_fenced_zombie_is_refused) {
  auto producer = this->producer("orders");
  const auto partition = producer.topic().partition_of(as_bytes("key"));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(producer.publish("key", std::to_string(i)));
  Child zombie([&](const Channel& parent) {
    auto consumer = this->consumer("orders", {.group = "billing", .most_per_partition = 5});
    consumer.poll([](const Delivery&) {});
    ::raise(SIGSTOP);  // a long pause between poll and ack
    parent.tell(consumer.ack() ? 1 : 0);
    parent.tell(consumer.partitions_held());
    std::uint64_t records = 0;  // now it stands by
    parent.hear();
    while (records == 0)
      records = consumer.poll([&](const Delivery& delivery) { parent.tell(delivery.record.sequence); });
    parent.tell(consumer.ack() ? 1 : 0);
    return 0;
  });
  zombie.wait_until_stopped();
  const auto topic = must(open().topic("orders"));
  {
    auto successor = take_by_force(*topic, partition);
    ipc::RecordView view;
    for (std::uint64_t i = 0; i < 8; ++i) {
      ASSERT_EQ(successor.next(view), ipc::ReadOutcome::record);
      EXPECT_EQ(view.sequence, i) << "nothing was acked before";
    }
    ASSERT_TRUE(successor.ack());
    zombie.resume();
    EXPECT_EQ(zombie.hear(), 0U) << "its ack is refused";
    EXPECT_EQ(zombie.hear(), 3U) << "it drops that partition and keeps the others";
    EXPECT_EQ(successor.acked(), 8U);
    EXPECT_EQ(ipc::find_cursor(topic->ring(partition)->map(), "billing")->position, 8U) << "the zombie moved nothing";
    EXPECT_TRUE(successor.ack());
  }
  zombie.tell(1);
  for (std::uint64_t i = 8; i < 13; ++i) EXPECT_EQ(zombie.hear(), i) << "it may take it again when it is free";
  EXPECT_EQ(zombie.hear(), 1U);
  EXPECT_EQ(zombie.wait(), 0);
}

TEST_F(TakeOverTest, an_idle_member_learns_from_poll_that_it_was_fenced) {
  auto idle = consumer("orders", {.group = "billing"});
  Child taker([&](const Channel& parent) {
    const auto topic = must(open().topic("orders"));
    const auto reader = take_by_force(*topic, 2);
    parent.tell(1);
    return Channel::stay();
  });
  taker.hear();
  std::vector<std::uint32_t> fenced;
  EXPECT_TRUE(testing::eventually([&] {
    idle.poll([](const Delivery&) {},
              [&](const Gap& gap) {
                EXPECT_EQ(gap.why, ipc::ReadOutcome::fenced);
                fenced.push_back(gap.partition);
              });
    return !fenced.empty();
  }));
  EXPECT_EQ(fenced, std::vector<std::uint32_t>{2});
  EXPECT_EQ(idle.partitions_held(), 3U);
  EXPECT_TRUE(idle.ack()) << "what it still holds is its own";
  taker.kill();
  EXPECT_TRUE(testing::eventually([&] {
    idle.poll([](const Delivery&) {});
    return idle.partitions_held() == 4;
  }));
}

TEST_F(TakeOverTest, nothing_is_inherited_by_fork) {
  auto consumer = this->consumer("orders", {.group = "billing"});
  auto producer = this->producer("orders");
  Child child([&](const Channel& parent) {
    parent.tell(producer.publish("key", "x").outcome == ipc::PublishOutcome::wrong_process ? 1 : 0);
    std::uint64_t refused = 0;
    consumer.poll([](const Delivery&) {},
                  [&](const Gap& gap) { refused += gap.why == ipc::ReadOutcome::wrong_process ? 1 : 0; });
    parent.tell(refused);
    return 0;
  });
  EXPECT_EQ(child.hear(), 1U);
  EXPECT_EQ(child.hear(), 4U);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(producer.publish("key", "x")) << "the parent's are untouched";
  EXPECT_EQ(consumer.poll([](const Delivery&) {}), 1U);
  EXPECT_TRUE(consumer.ack());
}

}  // namespace
}  // namespace fabric
