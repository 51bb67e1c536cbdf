// evf topic, list and lag.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <thread>

#include "tests/tools/evf_fixture.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;

class TopicVerbs : public EvfFixture {};

TEST_F(TopicVerbs, EveryOptionOfCreateReachesTheRing) {
  std::filesystem::permissions(directory(), std::filesystem::perms(0770));
  create("all", {"--partitions",
                 "2",
                 "--writers",
                 "one",
                 "--slots",
                 "1K",
                 "--slot-bytes",
                 "128",
                 "--arena-bytes",
                 "1M",
                 "--arena-block-bytes",
                 "1K",
                 "--max-publishers",
                 "3",
                 "--max-cursors",
                 "5",
                 "--void-after",
                 "2ms",
                 "--sync",
                 "every-10",
                 "--mode",
                 "0640",
                 "--prefault"});
  const auto topic = json({"topic", "describe", "all"}, "evf.topic/1");
  EXPECT_EQ(topic["partitions"].size(), 2U);
  EXPECT_EQ(topic["writers"], "one");
  EXPECT_EQ(topic["slots"], 1024);
  EXPECT_EQ(topic["slot_bytes"], 128);
  EXPECT_EQ(topic["arena_bytes"], 1 << 20);
  EXPECT_EQ(topic["arena_block_bytes"], 1024);
  EXPECT_EQ(topic["max_publishers"], 3);
  EXPECT_EQ(topic["max_cursors"], 5);
  EXPECT_EQ(topic["void_after_ns"], 2'000'000);
  EXPECT_EQ(topic["sync"], "every-10");
}

TEST_F(TopicVerbs, BadValuesAreUsageErrorsThatSayWhatIsAllowed) {
  const auto bad = [&](const std::string& option, const std::string& value, const std::string& message) {
    refused({"topic", "create", "x", option, value}, kUsage, message);
  };
  bad("--slots", "1000", "use 1024");
  bad("--slots", "5Q", "is no size");
  bad("--slots", "4G", "2^30");
  bad("--slot-bytes", "100", "use 128");
  bad("--slot-bytes", "0", "use 64");
  bad("--arena-block-bytes", "1000", "power of two");
  bad("--partitions", "0", "partition");
  bad("--partitions", "-1", "no number");
  bad("--partitions", "5000", "partition");
  bad("--writers", "two", "many|one");
  bad("--sync", "every-0", "every-N");
  bad("--mode", "0888", "0640");
  bad("--mode", "0440", "0640");
  bad("--void-after", "5", "is no duration");
  bad("--max-publishers", "0", "max_publishers");
  bad("--group", "no-such-group", "no-such-group");
  refused({"topic", "create", "a/b"}, kUsage, "a/b");
  refused({"topic", "create", ""}, kUsage, "is empty");
  EXPECT_EQ(ok({"list"}), "") << "nothing was created";
}

TEST_F(TopicVerbs, CreateRefusesWhatExistsAndWhatDoesNotFit) {
  create("orders");
  refused({"topic", "create", "orders"}, kFailed, "exists");
  refused({"topic", "create", "huge", "--slots", "1G", "--slot-bytes", "4K"}, kFailed, "No space left");
  EXPECT_EQ(json({"list"}, "evf.list/1")["topics"].size(), 1U);
}

TEST_F(TopicVerbs, ListCountsRecordsAndNamesGroups) {
  create("orders", {"--partitions", "2", "--slots", "16"});
  ok({"pub", "orders", "--key", "k"}, "1\n2\n3\n");
  ok({"tail", "orders", "--group", "billing"});
  for (const auto& verb : std::vector<Words>{{"list"}, {"topic", "list"}}) {
    const auto topic = json(verb, "evf.list/1")["topics"][0];
    EXPECT_EQ(topic["topic"], "orders");
    EXPECT_EQ(topic["partitions"], 2);
    EXPECT_EQ(topic["records"], 3);
    EXPECT_EQ(topic["retained"], 3);
    EXPECT_EQ(topic["publishers_alive"], 0);
    EXPECT_EQ(topic["groups"], Json::array({"billing"}));
    EXPECT_THAT(ok(verb), HasSubstr("billing"));
  }
}

TEST_F(TopicVerbs, ADamagedTopicIsListedWithItsError) {
  create("good");
  create("bad");
  write_file(ring_path("bad"), "this is no ring");
  const auto finished = evf({"list"});
  EXPECT_EQ(finished.code, kCorrupt);
  EXPECT_THAT(finished.out, HasSubstr("corrupt"));
  EXPECT_THAT(finished.out, HasSubstr("good"));
  EXPECT_EQ(json({"list"}, "evf.list/1", kCorrupt)["topics"][0]["error"]["code"], "corrupt");
}

TEST_F(TopicVerbs, DescribeShowsALivePublisherAndWhoBlocksIt) {
  create("orders", {"--slots", "16"});
  ok({"pub", "orders"}, "0\n");
  ok({"tail", "orders", "--group", "billing"});  // leaves a cursor that gates and that nobody reads for
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += std::to_string(i) + "\n";
  Command publisher(words({"pub", "orders"}), options(lines));
  ASSERT_TRUE(publisher.wait_for_error("group 'billing'"));
  const auto partition = json({"topic", "describe", "orders"}, "evf.topic/1")["partitions"][0];
  ASSERT_EQ(partition["publishers"].size(), 1U);
  EXPECT_EQ(partition["publishers"][0]["owner"]["pid"], publisher.pid());
  EXPECT_EQ(partition["publishers"][0]["owner"]["name"], "evf");
  EXPECT_EQ(partition["publishers"][0]["published"], 16);
  EXPECT_EQ(partition["publishers"][0]["blocked"]["by"], "billing");
  EXPECT_EQ(partition["cursors"][0]["owner"], nullptr);
  EXPECT_DOUBLE_EQ(partition["unacked_share"].get<double>(), 1.0);
  EXPECT_THAT(ok({"topic", "describe", "orders"}), HasSubstr("by billing"));
  EXPECT_THAT(ok({"lag", "orders"}), HasSubstr("blocked: publisher " + std::to_string(publisher.pid())));
  const auto lag = json({"lag"}, "evf.lag/1");
  EXPECT_EQ(lag["rows"][0]["lag_records"], 16);
  EXPECT_EQ(lag["blocked"][0]["line"], 0);
  refused({"topic", "delete", "orders"}, kFailed, "--force");
  ok({"topic", "delete", "orders", "--force"});
  refused({"topic", "describe", "orders"}, kNotFound, "orders");
}

TEST_F(TopicVerbs, LagIsInRecordsAndInTime) {
  create("orders");
  ok({"pub", "orders"}, "1\n2\n3\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ok({"pub", "orders"}, "4\n5\n");
  ok({"tail", "orders", "--group", "billing", "--limit", "2"});
  const auto row = json({"lag", "orders"}, "evf.lag/1")["rows"][0];
  EXPECT_EQ(row["topic"], "orders");
  EXPECT_EQ(row["partition"], 0);
  EXPECT_EQ(row["group"], "billing");
  EXPECT_EQ(row["position"], 2);
  EXPECT_EQ(row["head"], 5);
  EXPECT_EQ(row["lag_records"], 3);
  EXPECT_EQ(row["gating"], true);
  EXPECT_GE(row["lag_ns"].get<double>(), 20e6);
  EXPECT_GT(row["age_ns"].get<double>(), row["lag_ns"].get<double>());
  refused({"lag", "ordres"}, kNotFound, "did you mean 'orders'?");
}

TEST_F(TopicVerbs, DeleteRemovesWhatNobodyUses) {
  create("orders");
  refused({"topic", "delete", "order"}, kNotFound, "did you mean 'orders'?");
  ok({"topic", "delete", "orders"});
  EXPECT_EQ(ok({"list"}), "");
}

TEST_F(TopicVerbs, GrowAddsPartitionsThatGroupsReadOn) {
  create("orders", {"--partitions", "2", "--slots", "64"});
  std::string first, second;
  for (int i = 0; i < 30; ++i) first += "k" + std::to_string(i) + "\t1\n", second += "k" + std::to_string(i) + "\t2\n";
  const auto publish = [&](const std::string& lines) { ok({"pub", "orders", "--key-field", "1"}, lines); };
  publish(first);
  ok({"tail", "orders", "--group", "billing", "--limit", "10"});
  const auto grown = evf({"topic", "grow", "orders", "--partitions", "8"});
  EXPECT_EQ(grown.code, 0) << grown.err;
  EXPECT_THAT(grown.err, HasSubstr("grew from 2 to 8 partitions"));
  const auto topic = json({"topic", "describe", "orders"}, "evf.topic/1");
  EXPECT_EQ(topic["partitions"].size(), 8U);
  EXPECT_EQ(topic["base_partitions"], 2);
  EXPECT_EQ(topic["growing"], false);
  EXPECT_EQ(topic["partitions"][7]["cursors"].size(), 1U) << "billing gates it";
  publish(second);
  const auto rest = lines_of(ok({"tail", "orders", "--group", "billing", "--json"}));
  EXPECT_EQ(rest.size(), 50U);
  EXPECT_THAT(evf({"topic", "grow", "orders", "--partitions", "8"}).err, HasSubstr("nothing to do"));
  ok({"group", "delete", "billing", "--topic", "orders", "--execute"});
  EXPECT_EQ(json({"list"}, "evf.list/1")["topics"][0]["groups"], Json::array());
}

TEST_F(TopicVerbs, GrowSaysWhatCanBe) {
  create("orders", {"--partitions", "3", "--slots", "16"});
  refused({"topic", "grow", "orders", "--partitions", "5"}, kUsage, "it can have 6, 12, 24");
  refused({"topic", "grow", "orders", "--partitions", "2"}, kUsage, "cannot have 2");
  refused({"topic", "grow", "order", "--partitions", "6"}, kNotFound, "did you mean 'orders'?");
}

TEST_F(TopicVerbs, ADamagedRouteIsFound) {
  create("orders", {"--partitions", "2", "--slots", "16"});
  ok({"fsck", "orders"});
  flip_bit(ring_path("orders"), 4096 + offsetof(ipc::ControlLines, route), 3);
  const auto finished = evf({"fsck", "orders"});
  EXPECT_EQ(finished.code, kCorrupt);
  EXPECT_THAT(finished.out, HasSubstr("route word"));
  refused({"topic", "grow", "orders", "--partitions", "4"}, kCorrupt, "route word is damaged");
}

}  // namespace
}  // namespace fabric::evf::testing
