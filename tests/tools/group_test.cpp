// evf group: what it shows of inactive, active and dividing groups, and how it moves and deletes them.

#include "fabric/delivery/consumer.hpp"
#include "fabric/delivery/producer.hpp"
#include "tests/support/child.hpp"
#include "tests/tools/evf_fixture.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;
using fabric::testing::eventually;

class GroupVerbTest : public EvfFixture {
 protected:
  void SetUp() override {
    ok({"topic", "create", "orders", "--partitions", "2", "--slots", "64"});
    auto fabric = Fabric::open(directory());
    auto producer = Producer::open(*fabric, "orders");
    for (std::uint32_t partition = 0; partition < 2; ++partition)
      for (int i = 0; i < 10; ++i)
        ASSERT_EQ(producer->publisher(partition).publish(as_bytes(std::to_string(i))), ipc::PublishOutcome::published);
  }
  Consumer member(const ConsumerOptions& options = {.group = "billing"}) const {
    return std::move(*Consumer::join(*Fabric::open(directory()), "orders", options));
  }
  void consume(std::uint64_t most) const {
    auto consumer = member();
    consumer.poll([](const Delivery&) {}, {}, most);
    ASSERT_TRUE(consumer.ack());
  }
  Json group() const { return json({"group", "describe", "billing"}, "evf.group/1")["groups"][0]; }
  std::uint64_t position(std::size_t partition) const { return group()["cursors"][partition]["position"]; }
};

TEST_F(GroupVerbTest, lists_and_describes_a_group_without_members) {
  EXPECT_TRUE(json({"group", "list"}, "evf.group-list/1")["groups"].empty());
  consume(4);
  const auto listed = json({"group", "list", "orders"}, "evf.group-list/1")["groups"];
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0]["group"], "billing");
  EXPECT_EQ(listed[0]["state"], "inactive");
  EXPECT_EQ(listed[0]["members"], 0);
  EXPECT_EQ(listed[0]["lag_records"], 16);
  EXPECT_EQ(position(0), 4U);
  EXPECT_THAT(ok({"group", "list"}), HasSubstr("0 of 2"));
  EXPECT_THAT(ok({"group", "describe", "billing", "--topic", "orders"}), HasSubstr("billing of orders: inactive, 0 members, 16 records behind"));
}

TEST_F(GroupVerbTest, shows_members_and_who_asks_whom) {
  auto first = member();
  EXPECT_EQ(group()["state"], "active");
  EXPECT_EQ(group()["members"], 1);
  auto second = member({.group = "billing", .lease_ns = 60'000'000'000});  // asks when it joins
  EXPECT_EQ(group()["state"], "rebalancing");
  EXPECT_EQ(group()["members"], 2);
  EXPECT_TRUE(eventually([&] {
    first.poll([](const Delivery&) {});
    second.poll([](const Delivery&) {});
    first.ack();
    second.ack();
    return second.partitions_held() == 1 && first.partitions_held() == 1;
  }));
  const auto now = group();
  EXPECT_EQ(now["state"], "active");
  EXPECT_EQ(now["members"], 2) << "two consumers of one process";
  EXPECT_NE(now["cursors"][0]["reader"], now["cursors"][1]["reader"]);
  EXPECT_THAT(ok({"group", "describe", "billing"}), HasSubstr("until death"));
}

TEST_F(GroupVerbTest, tail_takes_its_share_and_gives_it_back) {
  auto here = member();
  Command tail(words({"tail", "orders", "--group", "billing", "--follow"}), options());
  EXPECT_TRUE(eventually([&] {
    here.poll([](const Delivery&) {});
    here.ack();
    return here.partitions_held() == 1;
  }));
  tail.signal(SIGINT);
  EXPECT_EQ(tail.wait().code, 0);
  EXPECT_TRUE(eventually([&] {
    here.poll([](const Delivery&) {});
    here.ack();
    return here.partitions_held() == 2;
  }));
}

TEST_F(GroupVerbTest, tail_gives_away_what_another_asks_for) {
  Command tail(words({"tail", "orders", "--group", "billing", "--follow"}), options());
  EXPECT_TRUE(eventually([&] { return evf({"group", "describe", "billing"}).code == 0 && group()["owned_partitions"] == 2; }));
  std::uint64_t records = 0;
  auto here = member();
  EXPECT_TRUE(eventually([&] {
    records += here.poll([](const Delivery&) {});
    here.ack();
    return here.partitions_held() == 1;
  }));
  EXPECT_EQ(records, 0U) << "it had acked what it wrote";
}

TEST_F(GroupVerbTest, reset_is_a_preview_unless_executed) {
  consume(20);
  const auto preview = json({"group", "reset", "billing", "-t", "orders", "--to", "3"}, "evf.group-reset/1");
  EXPECT_FALSE(preview["executed"].get<bool>());
  EXPECT_EQ(preview["moves"][1], Json({{"partition", 1}, {"from", 10}, {"to", 3}, {"head", 10}, {"redelivered", 7}, {"skipped", 0}}));
  EXPECT_EQ(position(0), 10U);
  const auto executed = evf({"group", "reset", "billing", "-t", "orders", "--to", "3", "--execute"});
  EXPECT_EQ(executed.code, 0) << executed.err;
  EXPECT_THAT(executed.out, HasSubstr("7 records again"));
  EXPECT_EQ(position(0), 3U);
  EXPECT_EQ(position(1), 3U);
  ok({"group", "reset", "billing", "-t", "orders", "--to", "latest", "--partition", "1", "--execute"});
  EXPECT_EQ(position(0), 3U);
  EXPECT_EQ(position(1), 10U);
  EXPECT_THAT(ok({"group", "reset", "billing", "-t", "orders", "--to", "latest"}), HasSubstr("7 records skipped"));
  std::uint64_t records = 0;
  auto consumer = member();
  consumer.poll([&](const Delivery&) { ++records; });
  EXPECT_EQ(records, 7U);
}

TEST_F(GroupVerbTest, reset_and_delete_are_refused_while_somebody_reads) {
  auto consumer = member();
  for (const auto* execute : {"--execute", "--json"}) {
    const auto reset = evf({"group", "reset", "billing", "-t", "orders", "--to", "earliest", execute});
    EXPECT_EQ(reset.code, 1);
    EXPECT_THAT(reset.err, HasSubstr("group 'billing' is active: "));
  }
  EXPECT_EQ(evf({"group", "delete", "billing", "-t", "orders", "--execute"}).code, 1);
}

TEST_F(GroupVerbTest, delete_removes_the_cursors) {
  consume(2);
  ok({"group", "delete", "billing", "-t", "orders"});
  EXPECT_EQ(json({"group", "list"}, "evf.group-list/1")["groups"].size(), 1U) << "a preview";
  ok({"group", "delete", "billing", "-t", "orders", "--execute"});
  EXPECT_TRUE(json({"group", "list"}, "evf.group-list/1")["groups"].empty());
}

TEST_F(GroupVerbTest, what_is_not_there_is_named) {
  refused({"group", "describe", "nobody"}, 3, "no topic has a group 'nobody'");
  refused({"group", "describe", "nobody", "-t", "orders"}, 3, "topic 'orders' has no group 'nobody'");
  refused({"group", "reset", "nobody", "-t", "orders", "--to", "latest"}, 3, "topic 'orders' has no group 'nobody'");
  refused({"group", "list", "invoices"}, 3, "invoices");
  consume(1);
  refused({"group", "reset", "billing", "-t", "orders", "--to", "latest", "--partition", "2"}, 3, "topic 'orders' has no partition 2");
  refused({"group", "reset", "billing", "-t", "orders", "--to", "soon"}, 2, "'soon' is not a place");
  refused({"group", "reset", "billing", "-t", "orders"}, 2, "--to");
}

}  // namespace
}  // namespace fabric::evf::testing
