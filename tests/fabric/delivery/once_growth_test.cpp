// Publishing once and handling once while a topic grows: keys move to other partitions, their ids are known there.

#include "fabric/delivery/id_index.hpp"
#include "fabric/topic_route.hpp"
#include "tests/fabric/delivery/publish_around.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::testing {
namespace {

using ipc::PublishOutcome;

constexpr int kKeys = 40;

class OnceGrowth : public FabricFixture {
 protected:
  OnceGrowth() { create(small_topic("orders", 2, 256)); }
  Producer once() const { return must(Producer::open(open(), "orders", {.idempotent = true})); }
  void grow(std::uint32_t partitions) const { ASSERT_NO_FAILURE(open().grow_topic("orders", partitions)); }
  static std::string key(int i) { return "key-" + std::to_string(i); }
  static std::string id(int i) { return "order-" + std::to_string(i); }
  // All of them; how many were there already.
  static int publish_all(Producer& producer) {
    int repeated = 0;
    for (int i = 0; i < kKeys; ++i) {
      const auto name = id(i);
      const auto sent = producer.publish(key(i), "1", {.id = name});
      EXPECT_TRUE(sent) << to_string(sent.outcome);
      repeated += sent.repeated ? 1 : 0;
    }
    return repeated;
  }
};

TEST_F(OnceGrowth, ARepeatIsRecognisedInThePartitionThatTheKeyWasIn) {
  auto old = once();
  ASSERT_EQ(publish_all(old), 0);
  grow(4);
  EXPECT_EQ(publish_all(old), kKeys) << "who was there";
  auto fresh = once();
  EXPECT_EQ(publish_all(fresh), kKeys) << "who came later";
  grow(16);
  EXPECT_EQ(publish_all(old), kKeys);
  EXPECT_EQ(publish_all(fresh), kKeys);
  const auto topic = must(open().topic("orders"));
  std::uint64_t records = 0;
  for (std::uint32_t partition = 0; partition < 16; ++partition) records += topic->ring(partition)->map().tail();
  EXPECT_EQ(records, static_cast<std::uint64_t>(kKeys));
  const auto again = fresh.publish(key(0), "1", {.id = id(0)});
  EXPECT_LT(again.partition, 2U) << "where it is";
}

TEST_F(OnceGrowth, WhatIsUnderWayInTheOldPartitionIsFeared) {
  auto producer = once();
  grow(4);
  const auto topic = must(open().topic("orders"));
  int moved = 0;
  while (topic->partition_of(as_bytes(key(moved))) != 2) ++moved;  // from 0
  auto publisher = must(ipc::Publisher::attach(topic->ring(0)));
  Published refused;
  // Claimed for the old route, before the grower changed it: so below the hand-over.
  topic->ring(2)->map().control->follows.store(0);
  const auto publish_late = [&] { refused = producer.publish(key(moved), "1", {.id = "late"}); };
  ASSERT_EQ(publish_around(publisher, IdIndex::hash("late"), publish_late), PublishOutcome::published);
  EXPECT_EQ(refused.outcome, PublishOutcome::refused);
  EXPECT_FALSE(producer.publish(key(moved), "1", {.id = "late"}).repeated) << "it was another record after all";
}

TEST_F(OnceGrowth, TheGuardKnowsWhatTheGroupHandledInTheOldPartition) {
  auto out = producer("orders");
  std::uint64_t handled = 0;
  const auto poll = [&](Consumer& consumer) {
    handled += consumer.poll([](const Delivery&) {});
    consumer.ack();
    return true;
  };
  auto in = consumer("orders", {.group = "billing", .dedupe = true});
  publish_all(out);
  ASSERT_TRUE(eventually([&] { return poll(in) && handled == kKeys; }));
  grow(8);
  publish_all(out);
  auto late = consumer("orders", {.group = "billing", .dedupe = true});
  ASSERT_TRUE(eventually([&] { return poll(in) && poll(late) && in.repeats() + late.repeats() == kKeys; }));
  EXPECT_EQ(handled, static_cast<std::uint64_t>(kKeys));
  // A group that was not there then has handled nothing.
  auto other = consumer("orders", {.group = "other", .start = {ipc::StartAt::Kind::latest, 0}, .dedupe = true});
  publish_all(out);
  handled = 0;
  EXPECT_TRUE(eventually([&] { return poll(other) && handled == kKeys; }));
  EXPECT_EQ(other.repeats(), 0U);
}

}  // namespace
}  // namespace fabric::testing
