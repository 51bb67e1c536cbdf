// Producers and consumers in processes of their own: order per key, groups beside each other, waiting, gaps.

#include <array>
#include <tuple>

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

class DeliveryTest : public FabricFixture {
 protected:
  // Publishes `each` records for each of `keys` keys, round robin; the payload is the record's ordinal.
  int publish_all(const std::string& prefix, std::uint64_t keys, std::uint64_t each) const {
    auto producer = this->producer("orders");
    for (std::uint64_t ordinal = 0; ordinal < each; ++ordinal) {
      for (std::uint64_t key = 0; key < keys; ++key) {
        const auto published =
            producer.publish_within(as_bytes(prefix + std::to_string(key)), as_bytes(std::to_string(ordinal)), kLong);
        if (!published) return 1;
      }
    }
    return 0;
  }
  // Consumes until the log has `records`.
  int consume_all(const ConsumerOptions& options, SharedLog& log, std::uint64_t records,
                  const Channel* parent = nullptr) const {
    auto consumer = this->consumer("orders", options);
    if (parent != nullptr) parent->tell(1);
    while (log.count() < records) {
      if (consumer.poll([&](const Delivery& delivery) { log.add(delivery); }) == 0) consumer.wait(kLong);
      if (!consumer.ack()) return 1;
    }
    return 0;
  }
};

TEST_F(DeliveryTest, key_order_holds_across_partitions_and_groups_are_independent) {
  constexpr std::uint64_t kKeys = 23, kEach = 400, kRecords = 2 * kKeys * kEach;
  create(small_topic("orders"));  // 64 slots: wraps often, and gates
  SharedLog billing, audit;
  {
    const Child first(
        [&](const Channel& parent) { return consume_all({.group = "billing"}, billing, kRecords, &parent); });
    const Child second(
        [&](const Channel& parent) { return consume_all({.group = "audit"}, audit, kRecords, &parent); });
    first.hear(), second.hear();
    Child a([&](const Channel&) { return publish_all("a", kKeys, kEach); });
    Child b([&](const Channel&) { return publish_all("b", kKeys, kEach); });
    EXPECT_EQ(a.wait(), 0);
    EXPECT_EQ(b.wait(), 0);
    EXPECT_TRUE(testing::eventually([&] { return billing.count() == kRecords && audit.count() == kRecords; }));
  }
  std::array<std::vector<std::vector<std::uint64_t>>, 2> orders;  // of each group: the keys of each partition, in order
  for (const auto* log : {&billing, &audit}) {
    Ledger ledger;
    ledger.add_member(*log);
    EXPECT_EQ(ledger.fault, "");
    EXPECT_EQ(ledger.unique, kRecords);
    EXPECT_EQ(ledger.redelivered, 0U);
    EXPECT_EQ(ledger.next_of_key.size(), 2 * kKeys);
    auto& order = orders[log == &billing ? 0 : 1];
    order.resize(4);
    for (const auto& seen : log->seen()) order[seen.partition].push_back(seen.key_hash);
    for (const auto& partition : order) EXPECT_FALSE(partition.empty()) << "keys are spread over all partitions";
  }
  EXPECT_EQ(orders[0], orders[1]) << "both groups saw each partition in the same order";
}

TEST_F(DeliveryTest, a_group_that_stands_still_does_not_hold_up_another) {
  create(small_topic("orders", 1));
  auto producer = this->producer("orders");
  auto slow = consumer("orders", {.group = "slow"}), quick = consumer("orders", {.group = "quick"});
  std::uint64_t got = 0;
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(producer.publish("k", std::to_string(i)));
  EXPECT_EQ(quick.poll([&](const Delivery&) { ++got; }), 64U);
  EXPECT_TRUE(quick.ack());
  EXPECT_EQ(quick.state().front().acked, 64U);
  EXPECT_EQ(slow.state().front().acked, 0U);
  EXPECT_EQ(producer.publish("k", "full").outcome, ipc::PublishOutcome::back_pressure);
  EXPECT_EQ(producer.blame(0).cursor, "slow");
}

TEST_F(DeliveryTest, a_group_that_comes_late_gets_what_is_still_there) {
  create(small_topic("orders", 1, 1024));
  for (int run = 0; run < 3; ++run) {  // each of them joins the gate anew
    auto producer = this->producer("orders");
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(producer.publish("k", std::to_string(i)));
  }
  auto late = consumer("orders", {.group = "late", .most_per_partition = 1024});
  EXPECT_EQ(late.poll([](const Delivery&) {}), 300U);
}

TEST_F(DeliveryTest, wait_ends_when_a_record_comes) {
  create(small_topic("orders"));
  Child waiting([&](const Channel& parent) {
    auto consumer = this->consumer("orders", {.group = "billing"});
    parent.tell(1);
    std::uint64_t records = 0;
    while (records == 0) {
      records = consumer.poll([](const Delivery&) {});
      if (records == 0) consumer.wait(600'000'000'000);  // beyond the patience of any test
    }
    parent.tell(records);
    return 0;
  });
  waiting.hear();
  const auto topic = must(open().topic("orders"));
  auto asleep = [&] {  // in all partitions
    for (std::uint32_t p = 0; p < 4; ++p)
      if (!ipc::somebody_sleeps(*topic->ring(p)->map().control)) return false;
    return true;
  };
  EXPECT_TRUE(testing::eventually(asleep));
  EXPECT_TRUE(producer("orders").publish("key", "payload"));
  EXPECT_EQ(waiting.hear(), 1U);
}

TEST_F(DeliveryTest, partitions_can_be_divided) {
  create(small_topic("orders"));
  auto producer = this->producer("orders");
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(producer.publish("key" + std::to_string(i), "x"));
  auto left = consumer("orders", {.group = "g", .partitions = {0, 2}}),
       right = consumer("orders", {.group = "g", .partitions = {1, 3}});
  std::uint64_t records = 0;
  records += left.poll([](const Delivery& d) { EXPECT_EQ(d.partition % 2, 0U); });
  records += right.poll([](const Delivery& d) { EXPECT_EQ(d.partition % 2, 1U); });
  EXPECT_EQ(records, 40U);
  EXPECT_FAILURE(Consumer::join(open(), "orders", {.group = "g", .partitions = {4}}), ErrorCode::invalid_argument,
                 "no partition 4");
}

TEST_F(DeliveryTest, an_overrun_group_is_told_the_exact_range) {
  create(small_topic("orders", 1));
  auto producer = this->producer("orders");
  auto slow = consumer("orders", {.group = "monitor", .gating = false});
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(producer.publish("k", std::to_string(i)));
  std::uint64_t next = 0, lost = 0, delivered = 0;
  const auto gaps = [&](const Gap& gap) {
    EXPECT_EQ(gap.why, ipc::ReadOutcome::lost);
    EXPECT_EQ(gap.range.first, next);
    lost += gap.range.end - gap.range.first;
    next = gap.range.end;
  };
  const auto handler = [&](const Delivery& delivery) {
    EXPECT_EQ(delivery.record.sequence, next++);
    EXPECT_EQ(as_text(delivery.event.payload), std::to_string(delivery.record.sequence));
    ++delivered;
  };
  while (slow.poll(handler, gaps) != 0) {
  }
  EXPECT_EQ(next, 1000U);
  EXPECT_GE(lost, 1000U - 64U);
  EXPECT_EQ(lost + delivered, 1000U);
}

TEST_F(DeliveryTest, what_is_no_event_is_reported_with_its_bytes) {
  create(small_topic("orders", 1));
  auto consumer = this->consumer("orders", {.group = "g"});
  auto publisher = must(ipc::Publisher::attach(must(open().topic("orders"))->ring(0)));
  EXPECT_EQ(publisher.publish(as_bytes("not an envelope"), {.flags = ipc::kExtended}), ipc::PublishOutcome::published);
  EXPECT_EQ(publisher.publish(as_bytes("plain")), ipc::PublishOutcome::published);
  std::vector<std::string> raw, payloads;
  const auto records = consumer.poll([&](const Delivery& d) { payloads.emplace_back(as_text(d.event.payload)); },
                                     [&](const Gap& gap) {
                                       EXPECT_EQ(gap.why, ipc::ReadOutcome::damaged);
                                       EXPECT_EQ(gap.range.first, 0U);
                                       EXPECT_EQ(gap.range.end, 1U);
                                       raw.emplace_back(as_text(gap.raw));
                                     });
  EXPECT_EQ(records, 1U);
  EXPECT_EQ(raw, std::vector<std::string>{"not an envelope"});
  EXPECT_EQ(payloads, std::vector<std::string>{"plain"}) << "and reading goes on behind it";
}

TEST_F(DeliveryTest, sizes_and_schemas) {
  auto options = small_topic("orders", 1);
  options.ring.arena_bytes = 1 << 20;
  create(options);
  auto producer = this->producer("orders");
  auto consumer = this->consumer("orders", {.group = "g"});
  const std::string long_key(kMaxKeyBytes, 'k'), large(100'000, 'p');
  EXPECT_EQ(producer.publish(long_key + "k", "p").outcome, ipc::PublishOutcome::too_large);
  EXPECT_EQ(producer.publish("k", std::string(2 << 20, 'p')).outcome, ipc::PublishOutcome::too_large);
  EXPECT_TRUE(producer.publish(long_key, large, 7));
  EXPECT_TRUE(producer.publish("", large, kMaxSchema));
  EXPECT_TRUE(producer.publish("k", "", 0));
  EXPECT_TRUE(producer.publish("", "", 0));
  std::vector<std::tuple<std::size_t, std::size_t, std::uint32_t>> got;  // key, payload, schema
  consumer.poll([&](const Delivery& d) {
    got.emplace_back(d.event.envelope.key.size(), d.event.payload.size(), d.record.schema);
  });
  const decltype(got) expected{{kMaxKeyBytes, 100'000, 7}, {0, 100'000, kMaxSchema}, {1, 0, 0}, {0, 0, 0}};
  EXPECT_EQ(got, expected);
}

TEST_F(DeliveryTest, options_that_make_no_sense_are_refused) {
  create(small_topic("orders", 1));
  EXPECT_FAILURE(Consumer::join(open(), "orders", {.group = "g", .most_per_partition = 0}), ErrorCode::invalid_argument,
                 "most_per_partition");
  EXPECT_FAILURE(Consumer::join(open(), "orders", {.group = "g", .read_only = true}), ErrorCode::invalid_argument,
                 "cannot read only");
  EXPECT_FAILURE(Consumer::join(open(), "orders", {.group = std::string(64, 'g')}), ErrorCode::invalid_argument,
                 "63 bytes");
  EXPECT_FAILURE(Consumer::join(open(), "other", {.group = "g"}), ErrorCode::not_found, "'other'");
  const auto group = consumer("orders", {.group = "g"});
  EXPECT_FAILURE(Producer::open(open(), "other"), ErrorCode::not_found, "'other'");
}

TEST_F(DeliveryTest, an_observer_sees_everything_and_gates_nobody) {
  create(small_topic("orders", 1));
  auto producer = this->producer("orders");
  for (const bool read_only : {false, true}) {
    auto observer = consumer("orders", {.start = {ipc::StartAt::Kind::last, 3}, .read_only = read_only});
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(producer.publish("k", std::to_string(i)));
    std::uint64_t records = 0;
    while (const auto more = observer.poll([](const Delivery&) {})) records += more;
    EXPECT_GT(records, 0U);
    EXPECT_TRUE(observer.ack());
    EXPECT_TRUE(ipc::list_cursors(observer.topic().ring(0)->map()).empty());
    const auto before = ipc::monotonic_ns();
    observer.wait(1'000'000);
    EXPECT_LT(ipc::monotonic_ns() - before, kLong);
  }
}

TEST_F(DeliveryTest, one_writer_topics_have_one_producer) {
  auto options = small_topic("orders", 2);
  options.ring.writers = ipc::WriterMode::one;
  create(options);
  auto group = consumer("orders", {.group = "g"});
  auto first = producer("orders");
  EXPECT_TRUE(first.publish("k", "1"));
  EXPECT_FAILURE(Producer::open(open(), "orders"), ErrorCode::busy, "lease");
  auto second = must(Producer::open(open(), "orders", {.take_over = true}));
  EXPECT_TRUE(second.publish("k", "2"));
  for (int i = 0; i < 100; ++i) {  // the rest of its stride was voided
    if (const auto late = first.publish("k", "3"); late.outcome == ipc::PublishOutcome::fenced) break;
    ASSERT_LT(i, 99);
  }
  std::string got;
  group.poll([&](const Delivery& d) { got += as_text(d.event.payload); });
  EXPECT_EQ(got, "12");
}

}  // namespace
}  // namespace fabric
