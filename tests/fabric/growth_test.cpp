// Topics that grow: what stays, what moves, who is told, and the order of keys.

#include <algorithm>
#include <map>
#include <string>

#include "fabric/topic_growth.hpp"
#include "tests/fabric/delivery/group_fixture.hpp"
#include "tests/fabric/delivery/key_ledger.hpp"

namespace fabric::testing {
namespace {

class GrowthTest : public GroupFixture {
 protected:
  static constexpr std::uint64_t kKeys = 40;

  void grow(std::uint32_t partitions) const {
    const auto done = open().grow_topic("orders", partitions);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  // One more record of each key.
  void publish(Producer& to) {
    for (std::uint64_t key = 0; key < kKeys; ++key) {
      const auto payload = std::to_string(ordinals_[key]++);
      const auto published = to.publish_within(as_bytes(KeyLedger::key(key)), as_bytes(payload), 30'000'000'000);
      ASSERT_EQ(ipc::to_string(published.outcome), std::string("published"));
      where_[key] = published.partition;
    }
  }
  std::uint64_t all() const {
    std::uint64_t sum = 0;
    for (const auto& [key, count] : ordinals_) sum += count;
    return sum;
  }
  Consumer::Handler into(KeyLedger& ledger) const {
    return [&ledger](const Delivery& delivery) { ledger.add(delivery); };
  }
  void drain(Consumer& from, KeyLedger& ledger) {
    EXPECT_TRUE(eventually(
        [&] {
          poll(from, into(ledger));
          return ledger.unique() == all();
        },
        std::chrono::seconds(30)))
        << ledger.unique() << " of " << all() << describe(from);
    EXPECT_EQ(ledger.faults(), 0U);
    EXPECT_EQ(ledger.redelivered(), 0U);
  }

  static std::string describe(const Consumer& consumer) {
    std::string text;
    for (const auto& state : consumer.state()) {
      const auto& control = *consumer.topic().ring(state.partition)->map().control;
      text += "\n  " + std::to_string(state.partition) + (state.held ? " held" : "") +
              (state.held_back ? " held back" : "") + " at " + std::to_string(state.position) + ", acked " +
              std::to_string(state.acked) + " of " + std::to_string(control.tail.load()) + ", follows " +
              std::to_string(control.follows.load()) + " " + state.trouble;
    }
    return text;
  }

  std::map<std::uint64_t, std::uint64_t> ordinals_;
  std::map<std::uint64_t, std::uint32_t> where_;
};

TEST_F(GrowthTest, keys_stay_or_go_to_their_childs) {
  create(small_topic("orders", 3, 1024));
  auto out = producer("orders");
  publish(out);
  const auto before = where_;
  grow(12);
  publish(out);
  const auto topic = must(open().topic("orders"));
  EXPECT_EQ(topic->partitions(), 12U);
  EXPECT_EQ(topic->base(), 3U);
  std::size_t stayed = 0;
  for (const auto& [key, partition] : where_) {
    EXPECT_EQ(partition % 3, before.at(key)) << key;
    EXPECT_EQ(partition, hash_of_key(as_bytes(KeyLedger::key(key))) % 12) << "as if it had been made with 12";
    EXPECT_EQ(partition, topic->partition_of(as_bytes(KeyLedger::key(key))));
    stayed += partition == before.at(key) ? 1 : 0;
  }
  EXPECT_GT(stayed, 0U);
  EXPECT_LT(stayed, kKeys);
  EXPECT_EQ(out.publish("", "x").partition, 0U) << "empty keys stay in partition 0";
  const auto info = must(open().describe_topic("orders"));
  EXPECT_EQ(info.partitions, 12U);
  EXPECT_EQ(info.base, 3U);
  EXPECT_FALSE(info.growing);
}

TEST_F(GrowthTest, numbers_that_cannot_be_are_refused_with_those_that_can) {
  create(small_topic("orders", 4));
  const auto fabric = open();
  EXPECT_FAILURE(fabric.grow_topic("orders", 6), ErrorCode::invalid_argument,
                 "it can have 8, 16, 32, 64, 128, 256, 512, 1024");
  EXPECT_FAILURE(fabric.grow_topic("orders", 2), ErrorCode::invalid_argument, "has 4 partitions and cannot have 2");
  EXPECT_FAILURE(fabric.grow_topic("orders", 2048), ErrorCode::invalid_argument, "cannot have 2048");
  EXPECT_FAILURE(fabric.grow_topic("orders", 0), ErrorCode::invalid_argument, "cannot have 0");
  EXPECT_FAILURE(fabric.grow_topic("nothing", 8), ErrorCode::not_found, "nothing");
  grow(4);
  EXPECT_EQ(must(fabric.describe_topic("orders")).partitions, 4U);
  grow(8);
  grow(8);
  EXPECT_FAILURE(fabric.grow_topic("orders", 4), ErrorCode::invalid_argument, "has 8 partitions");
}

TEST_F(GrowthTest, a_member_takes_the_new_partitions_and_keeps_the_order) {
  create(small_topic("orders", 2, 1024));
  auto out = producer("orders");
  auto in = consumer("orders", {.group = "billing"});
  KeyLedger ledger(kKeys);
  publish(out);
  grow(4);
  publish(out), publish(out);
  drain(in, ledger);
  EXPECT_EQ(in.partitions_held(), 4U);
  grow(16);
  publish(out), publish(out);
  drain(in, ledger);
  EXPECT_EQ(in.partitions_held(), 16U);
  EXPECT_FALSE(in.trouble().has_value());
}

TEST_F(GrowthTest, a_new_partition_waits_for_the_acks_of_the_old_one) {
  create(small_topic("orders", 1, 1024));
  auto out = producer("orders");
  auto in = consumer("orders", {.group = "billing"});
  publish(out);
  grow(2);
  publish(out);
  std::uint64_t from_new = 0, from_old = 0;
  const auto count = [&](const Delivery& delivery) { ++(delivery.partition == 1 ? from_new : from_old); };
  ASSERT_TRUE(eventually([&] { return in.poll(count), in.partitions_held() == 2; }));
  for (int i = 0; i < 100; ++i) in.poll(count), in.wait(1'000'000);
  EXPECT_GE(from_old, kKeys);
  EXPECT_EQ(from_new, 0U) << "nothing of the old partition is acked";
  const auto states = in.state();
  EXPECT_TRUE(std::any_of(states.begin(), states.end(), [](const auto& state) { return state.held_back; }));
  ASSERT_TRUE(in.ack());
  ASSERT_TRUE(eventually([&] { return in.poll(count), from_old + from_new == 2 * kKeys; }));
  EXPECT_GT(from_new, 0U);
}

// q2 = the child of a child that never got a record: what its keys had two partitions before is waited for all the
// same.
TEST_F(GrowthTest, it_waits_for_the_partition_before_the_last_one_too) {
  create(small_topic("orders", 1, 1024));
  auto out = producer("orders");
  auto in = consumer("orders", {.group = "billing"});
  publish(out);
  grow(4);
  publish(out);
  std::uint64_t from_new = 0;
  for (int i = 0; i < 100; ++i)
    in.poll([&](const Delivery& delivery) { from_new += delivery.partition == 3 ? 1 : 0; }), in.wait(1'000'000);
  EXPECT_EQ(from_new, 0U);
  KeyLedger ledger(kKeys);
  in.ack();
  ASSERT_TRUE(eventually(
      [&] { return poll(in, [&](const Delivery& d) { from_new += d.partition == 3 ? 1 : 0; }), from_new != 0; }));
}

TEST_F(GrowthTest, an_observer_reads_the_old_partition_first) {
  create(small_topic("orders", 2, 1024));
  auto out = producer("orders");
  for (const bool read_only : {false, true}) {
    auto in = consumer("orders", {.most_per_partition = 1, .read_only = read_only});
    KeyLedger ledger(kKeys);
    publish(out), grow(read_only ? 8 : 4), publish(out);
    drain(in, ledger);
  }
}

TEST_F(GrowthTest, an_observer_of_what_comes_misses_nothing_of_the_new_partitions) {
  create(small_topic("orders", 1, 1024));
  auto out = producer("orders");
  publish(out);
  auto in = consumer("orders", {.start = {ipc::StartAt::Kind::latest, 0}});
  grow(2);
  publish(out);
  std::uint64_t count = 0;
  ASSERT_TRUE(eventually([&] { return in.poll([&](const Delivery&) { ++count; }), count == kKeys; })) << count;
}

TEST_F(GrowthTest, groups_gate_the_new_partitions_from_the_start) {
  create(small_topic("orders", 1, 64));
  { auto gone = consumer("orders", {.group = "billing"}); }
  auto lossy = consumer("orders", {.group = "lossy", .gating = false});
  auto out = producer("orders");
  grow(2);
  const auto topic = must(open().topic("orders"));
  const auto cursor = ipc::find_cursor(topic->ring(1)->map(), "billing");
  ASSERT_TRUE(cursor.has_value());
  EXPECT_TRUE(cursor->gating);
  EXPECT_EQ(cursor->position, 0U);
  EXPECT_EQ(cursor->owner, 0U);
  ASSERT_TRUE(ipc::find_cursor(topic->ring(1)->map(), "lossy").has_value());
  EXPECT_FALSE(ipc::find_cursor(topic->ring(1)->map(), "lossy")->gating);
  auto outcome = ipc::PublishOutcome::published;
  std::uint32_t partition = 0;
  for (int i = 0; i < 1000 && outcome == ipc::PublishOutcome::published; ++i) {
    const auto published = out.publish(KeyLedger::key(static_cast<std::uint64_t>(i)), "x");
    outcome = published.outcome, partition = published.partition;
  }
  EXPECT_EQ(outcome, ipc::PublishOutcome::back_pressure);
  EXPECT_EQ(out.blame(partition).cursor, "billing");
}

TEST_F(GrowthTest, a_new_group_at_the_end_starts_at_the_end_everywhere) {
  create(small_topic("orders", 1, 1024));
  auto out = producer("orders");
  publish(out), grow(4), publish(out);
  auto in = consumer("orders", {.group = "late", .start = {ipc::StartAt::Kind::latest, 0}});
  std::uint64_t count = 0;
  for (int i = 0; i < 20; ++i) in.poll([&](const Delivery&) { ++count; }), in.wait(1'000'000);
  EXPECT_EQ(count, 0U);
  publish(out);
  ASSERT_TRUE(eventually([&] { return poll(in, [&](const Delivery&) { ++count; }), count == kKeys; })) << count;
}

TEST_F(GrowthTest, a_sleeping_member_is_woken) {
  create(small_topic("orders", 1, 1024));
  Child member([&](const Channel& channel) {
    auto in = must(Consumer::join(open(), "orders", {.group = "billing"}));
    channel.tell(0);
    for (std::uint64_t count = 0; count < kKeys;) {
      if (in.poll([&](const Delivery&) { ++count; }) == 0) in.wait(3'600'000'000'000);
      in.ack();
    }
    return 0;
  });
  EXPECT_EQ(member.hear(), 0U);
  grow(8);
  auto out = producer("orders");
  publish(out);
  EXPECT_EQ(member.wait(), 0);
}

TEST_F(GrowthTest, one_writer_topics_grow) {
  auto options = small_topic("orders", 2, 1024);
  options.ring.writers = ipc::WriterMode::one;
  create(options);
  auto out = producer("orders");
  auto in = consumer("orders", {.group = "billing"});
  KeyLedger ledger(kKeys);
  publish(out), grow(4), publish(out);  // within its strides, it notices nothing
  drain(in, ledger);
  grow(8);
  publish(out), publish(out);
  drain(in, ledger);
  grow(16);
  for (int i = 0; i < 10; ++i) publish(out);
  drain(in, ledger);
}

TEST_F(GrowthTest, a_member_that_was_told_its_partitions_takes_their_children) {
  create(small_topic("orders", 2, 1024));
  auto out = producer("orders");
  auto first = consumer("orders", {.group = "billing", .partitions = {0}});
  auto second = consumer("orders", {.group = "billing", .partitions = {1}});
  KeyLedger ledger(kKeys);
  publish(out), grow(8), publish(out);
  EXPECT_TRUE(eventually([&] {
    poll(first, into(ledger)), poll(second, into(ledger));
    return ledger.unique() == all();
  }));
  EXPECT_EQ(ledger.faults(), 0U);
  EXPECT_EQ(first.partitions_held(), 4U);
  for (const auto& state : first.state()) EXPECT_EQ(state.partition % 2, 0U);
}

TEST_F(GrowthTest, deliveries_from_before_stay_valid) {
  create(small_topic("orders", 1, 1024));
  auto out = producer("orders");
  auto in = consumer("orders", {.group = "billing"});
  publish(out);
  std::vector<Delivery> kept;
  in.poll([&](const Delivery& delivery) { kept.push_back(delivery); });
  grow(4);
  ASSERT_TRUE(eventually([&] { return in.poll([](const Delivery&) {}), in.partitions_held() == 4; }));
  ASSERT_EQ(kept.size(), kKeys);
  for (const auto& delivery : kept) EXPECT_EQ(delivery.topic->name(), "orders");
  for (const auto& delivery : kept) EXPECT_TRUE(in.ack(delivery));
}

TEST_F(GrowthTest, a_damaged_route_is_told) {
  create(small_topic("orders", 2));
  auto out = producer("orders");
  const auto topic = must(open().topic("orders"));
  for (std::uint32_t partition = 0; partition < 2; ++partition) topic->ring(partition)->map().control->route.store(77);
  EXPECT_EQ(out.publish("key", "x").outcome, ipc::PublishOutcome::damaged);
  ASSERT_TRUE(out.trouble().has_value());
  EXPECT_NE(out.trouble()->message.find("route word is damaged"), std::string::npos);
  EXPECT_FAILURE(open().grow_topic("orders", 4), ErrorCode::corrupt, "route word is damaged");
  EXPECT_FAILURE(Producer::open(open(), "orders"), ErrorCode::corrupt, "route word is damaged");
}

// What was on its way to the disk is lost: a hand-over that was made is made again before anybody publishes; where it was is unknown.
TEST_F(GrowthTest, after_a_reboot_the_hand_over_is_made_again) {
  create(small_topic("orders", 2, 1024));
  KeyLedger ledger(kKeys);
  {
    auto out = producer("orders");
    auto in = consumer("orders", {.group = "billing"});
    publish(out), grow(4), publish(out);
    const auto topic = must(open().topic("orders"));
    topic->ring(0)->map().control->route.store(RouteWord::make({.count = 2, .growing = true}));
    topic->ring(3)->map().control->follows.store(0);
  }
  for (std::uint32_t partition = 0; partition < 4; ++partition)
    ASSERT_NO_FAILURE(must(ipc::RingFile::attach_for_recovery(open().partition_path("orders", partition))).adopt_boot({1, 2, 3}));
  auto out = producer("orders");
  const auto topic = must(open().topic("orders"));
  for (std::uint32_t partition = 0; partition < 2; ++partition)
    EXPECT_EQ(topic->ring(partition)->map().control->route.load(), RouteWord::make({.count = 4})) << partition;
  publish(out);
  auto in = consumer("orders", {.group = "billing"});
  drain(in, ledger);
}

TEST_F(GrowthTest, publisher_lines_that_are_used_up_are_told_and_waited_for) {
  auto options = small_topic("orders", 1, 1024);
  options.ring.max_publishers = 1;
  create(options);
  auto out = producer("orders");
  grow(2);
  const auto topic = must(open().topic("orders"));
  auto other = std::make_unique<ipc::Publisher>(must(ipc::Publisher::attach(topic->ring(1), {})));
  EXPECT_EQ(out.publish("key", "x").outcome, ipc::PublishOutcome::moved);
  ASSERT_TRUE(out.trouble().has_value());
  EXPECT_NE(out.trouble()->message.find("publisher lines are in use"), std::string::npos) << out.trouble()->message;
  other.reset();
  publish(out);
  EXPECT_FALSE(out.trouble().has_value());
  EXPECT_EQ(must(open().count_leftovers()), 0U);
}

}  // namespace
}  // namespace fabric::testing
