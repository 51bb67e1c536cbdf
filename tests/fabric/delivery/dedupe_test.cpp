// The dedupe guard: what a group leaves out, whoever of it reads, and what it never leaves out.

#include <map>

#include "fabric/delivery/cause.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::testing {
namespace {

class DedupeTest : public FabricFixture {
 protected:
  DedupeTest() { create(small_topic("orders", 1)); }
  Consumer member(ConsumerOptions options = {}) const {
    options.group = "billing";
    options.dedupe = true;
    return consumer("orders", options);
  }
  static std::vector<std::string> poll(Consumer& consumer, bool ack = true) {
    std::vector<std::string> handled;
    consumer.poll([&](const Delivery& delivery) {
      handled.push_back(to_string(delivery.event.envelope.id()) + ":" + std::string(as_text(delivery.event.payload)));
    });
    if (ack) consumer.ack();
    return handled;
  }
  static void publish(Producer& producer, const std::string& id, const std::string& payload) {
    ASSERT_TRUE(producer.publish("key", payload, {.id = id}));
  }
  using Handled = std::vector<std::string>;
};

TEST_F(DedupeTest, ARepeatIsLeftOutAndCountsAsAcked) {
  auto out = producer("orders");
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  auto in = member({.on_repeat = [&](const Delivery& delivery, std::uint64_t first) {
    told.emplace_back(delivery.record.sequence, first);
  }});
  publish(out, "a", "1");
  publish(out, "b", "2");
  publish(out, "a", "3");
  EXPECT_EQ(poll(in), (Handled{"a:1", "b:2"}));
  EXPECT_EQ(in.repeats(), 1U);
  EXPECT_EQ(told, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{2, 0}}));
  EXPECT_EQ(ipc::find_cursor(in.topic().ring(0)->map(), "billing")->position, 3U);
  publish(out, "b", "4");
  EXPECT_EQ(poll(in, false), (Handled{}));
  EXPECT_EQ(ipc::find_cursor(in.topic().ring(0)->map(), "billing")->position, 4U) << "nobody had to ack it";
}

TEST_F(DedupeTest, WithoutTheGuardOrAnIdNothingIsLeftOut) {
  auto out = producer("orders");
  auto plain = consumer("orders", {.group = "plain"});
  auto in = member();
  for (int i = 0; i < 2; ++i) publish(out, "a", "1");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(out.publish("key", "2"));
  EXPECT_EQ(poll(plain).size(), 4U);
  EXPECT_EQ(poll(in).size(), 3U);
}

TEST_F(DedupeTest, WhoTakesOverKnowsWhatWasAckedAndHandlesTheRest) {
  auto out = producer("orders");
  publish(out, "a", "1");
  publish(out, "b", "2");
  publish(out, "c", "3");
  {
    auto in = member();
    in.poll([&](const Delivery& delivery) {
      if (delivery.record.sequence < 2) in.ack(delivery);
    });
  }
  publish(out, "a", "4");
  publish(out, "b", "5");
  publish(out, "c", "6");
  auto successor = member();
  EXPECT_EQ(poll(successor), (Handled{"c:3"})) << "c was handed out but not acked; it comes, once";
  EXPECT_EQ(successor.repeats(), 3U);
}

TEST_F(DedupeTest, ANackedRecordComesAgainAndItsRepeatDoesNot) {
  auto out = producer("orders");
  auto in = member();
  publish(out, "a", "1");
  publish(out, "a", "2");
  in.poll([&](const Delivery& delivery) { in.nack(delivery); });
  EXPECT_EQ(poll(in), (Handled{"a:1"}));
}

TEST_F(DedupeTest, WhatComesAgainIsNoRepeatOfItself) {
  auto out = producer("orders");
  auto in = member();
  publish(out, "a", "1");
  publish(out, "b", "2");
  publish(out, "a", "3");
  publish(out, "c", "4");
  EXPECT_EQ(poll(in, false), (Handled{"a:1", "b:2", "c:4"}));
  EXPECT_TRUE(in.nack(0, 0));
  EXPECT_EQ(poll(in), (Handled{"a:1", "b:2", "c:4"}))
      << "the guard has seen all of them, and a later one with the id of the first";
}

// A group that began later has handled nothing of what was before.
TEST_F(DedupeTest, WhatTheGroupNeverSawIsNoReasonToLeaveAnythingOut) {
  auto out = producer("orders");
  publish(out, "a", "1");
  {
    auto in = member({.start = {ipc::StartAt::Kind::latest, 0}});
    publish(out, "a", "2");
    publish(out, "a", "3");
    EXPECT_EQ(poll(in, false), (Handled{"a:2"}));
  }
  auto in = member();  // which was not there when the group began
  EXPECT_EQ(poll(in), (Handled{"a:2"}));
}

TEST_F(DedupeTest, NorIsWhatItSkipped) {
  auto out = producer("orders");
  { auto in = member(); }
  publish(out, "a", "1");
  publish(out, "b", "2");
  const auto ring = must(open().topic("orders"))->ring(0);
  ASSERT_NO_FAILURE(ipc::move_cursor(*ring, "billing", 1));
  publish(out, "a", "3");
  publish(out, "b", "4");
  auto in = member();
  EXPECT_EQ(poll(in), (Handled{"b:2", "a:3"})) << "a was skipped, so its repeat is the first that is handled";
}

TEST_F(DedupeTest, MovedBackItHandlesOnceMoreWhatItReadsAgain) {
  auto out = producer("orders");
  publish(out, "a", "1");
  publish(out, "b", "2");
  publish(out, "a", "3");
  {
    auto in = member({.start = {ipc::StartAt::Kind::sequence, 1}});
    EXPECT_EQ(poll(in), (Handled{"b:2", "a:3"}));
  }
  const auto ring = must(open().topic("orders"))->ring(0);
  ASSERT_NO_FAILURE(ipc::move_cursor(*ring, "billing", 0));
  auto in = member();
  EXPECT_EQ(poll(in), (Handled{"a:1", "b:2"}));
  publish(out, "b", "4");
  EXPECT_EQ(poll(in), (Handled{}));
}

TEST_F(DedupeTest, OverTheWholeRetainedLog) {
  auto out = producer("orders");
  auto in = member();
  for (int i = 0; i < 1000; ++i) {
    publish(out, "order-" + std::to_string(i), std::to_string(i));
    EXPECT_EQ(poll(in).size(), 1U) << i;
    publish(out, "order-" + std::to_string(std::max(i - 31, 0)), "again");  // 62 records before
    EXPECT_EQ(poll(in).size(), 0U) << i;
  }
}

// Consume, derive, publish: killed anywhere, the effect is there once, because the handler's events have the same ids
// when it runs again.
TEST_F(DedupeTest, AHandlerThatIsKilledPublishesItsEventsOnce) {
  constexpr std::uint64_t kOrders = 3000;
  auto orders = small_topic("placed", 1, 4096);
  auto invoices = small_topic("invoices", 1, 8192);
  orders.ring.slot_bytes = invoices.ring.slot_bytes = 256;
  create(orders);
  create(invoices);
  auto out = producer("placed");
  for (std::uint64_t i = 0; i < kOrders; ++i)
    ASSERT_TRUE(out.publish("key-" + std::to_string(i % 7), std::to_string(i)));
  const auto handle = [&](const Channel&) {
    auto in =
        consumer("placed", {.group = "billing", .start = {ipc::StartAt::Kind::earliest, 0}, .most_per_partition = 16});
    auto effect = must(Producer::open(open(), "invoices", {.idempotent = true}));
    std::uint64_t handled = 0;
    const auto head = ipc::find_head(in.topic().ring(0)->map());
    while (in.state()[0].acked < head) {
      handled += in.poll([&](const Delivery& delivery) {
        const Cause cause(delivery, "billing");
        const auto key = delivery.event.envelope.key;
        for (std::uint64_t step = 0; step < 2; ++step)
          if (!effect.publish_within(key, delivery.event.payload, 10'000'000'000, cause.attributes(step))) std::abort();
      });
      in.ack();
    }
    return 0;
  };
  auto worker = std::make_unique<Child>(handle);
  const auto topic = must(open().topic("invoices"));
  for (std::uint64_t at = 400; at < kOrders * 2 - 400; at += 700) {
    ASSERT_TRUE(eventually([&] { return topic->ring(0)->map().tail() >= at; }));
    worker->kill();
    worker = std::make_unique<Child>(handle);
  }
  EXPECT_EQ(worker->wait(), 0);
  std::map<std::string, unsigned> effects;
  auto all = consumer("invoices", {.start = {ipc::StartAt::Kind::earliest, 0}});
  read_all(all, [&](const Delivery& delivery) { ++effects[to_string(delivery.event.envelope.id())]; });
  EXPECT_EQ(effects.size(), kOrders * 2);
  for (const auto& [id, times] : effects) EXPECT_EQ(times, 1U) << id;
}

}  // namespace
}  // namespace fabric::testing
