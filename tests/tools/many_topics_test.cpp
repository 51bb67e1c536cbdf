// Hundreds of topics and groups are listed, whole and in order.

#include <algorithm>

#include "fabric/fabric.hpp"
#include "ipc/ring_reader.hpp"
#include "tests/tools/evf_fixture.hpp"

namespace fabric::evf::testing {
namespace {

constexpr unsigned kTopics = 300, kGroups = 100;

std::string numbered(const char* stem, unsigned number) {
  const auto digits = std::to_string(number);
  return stem + std::string(3 - digits.size(), '0') + digits;
}

class ManyTopics : public EvfFixture {
 protected:
  // Group n is on the topics n, n + 100 and n + 200, and all groups are on "shared".
  void SetUp() override {
    const auto fabric = Fabric::open(directory()).value();
    const auto make = [&](const std::string& name, std::uint32_t cursors) {
      ASSERT_TRUE(fabric.create_topic(
          {.name = name,
           .ring = {.slot_count = 16, .slot_bytes = 64, .max_publishers = 2, .max_cursors = cursors}}));
    };
    const auto join = [&](const std::string& name, unsigned group) {
      const auto topic = fabric.topic(name).value();
      ASSERT_TRUE(ipc::Reader::attach(topic->ring(0), {.cursor = ipc::CursorOptions{.name = numbered("g", group)}}));
    };
    for (unsigned i = 0; i < kTopics; ++i) make(numbered("t", i), 2);
    make("shared", kGroups + 2);
    for (unsigned i = 0; i < kTopics; ++i) join(numbered("t", i), i % kGroups);
    for (unsigned i = kGroups; i > 0; --i) join("shared", i - 1);
  }
};

TEST_F(ManyTopics, are_listed_whole_and_in_order) {
  const auto topics = json({"list"}, "evf.list/1")["topics"];
  ASSERT_EQ(topics.size(), kTopics + 1);
  EXPECT_EQ(topics[0]["topic"], "shared");
  EXPECT_EQ(topics[0]["groups"].size(), kGroups);
  for (unsigned i = 0; i < kTopics; ++i) {
    EXPECT_EQ(topics[i + 1]["topic"], numbered("t", i));
    EXPECT_EQ(topics[i + 1]["groups"], Json::array({numbered("g", i % kGroups)}));
    EXPECT_EQ(topics[i + 1]["partitions"], 1);
    EXPECT_EQ(topics[i + 1]["writers"], "many");
    EXPECT_GT(topics[i + 1]["file_bytes"], 1024);
  }
  EXPECT_EQ(json({"topic", "list"}, "evf.list/1")["topics"], topics);
  const auto table = ok({"list"});
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), static_cast<std::ptrdiff_t>(kTopics + 2)) << "a heading, and a line each";

  const auto groups = json({"group", "list"}, "evf.group-list/1")["groups"];
  ASSERT_EQ(groups.size(), kTopics + kGroups);
  for (unsigned i = 0; i < kGroups; ++i) {
    EXPECT_EQ(groups[i]["topic"], "shared");
    EXPECT_EQ(groups[i]["group"], numbered("g", i));
    EXPECT_EQ(groups[i]["partitions"], 1);
    EXPECT_EQ(groups[i]["state"], "inactive");
  }
  EXPECT_EQ(groups[kGroups + 7]["topic"], "t007");
  EXPECT_EQ(groups[kGroups + 7]["group"], "g007");
  EXPECT_EQ(json({"group", "describe", "g042"}, "evf.group/1")["groups"].size(), 4U);
  EXPECT_EQ(json({"lag"}, "evf.lag/1")["rows"].size(), kTopics + kGroups);
}

}  // namespace
}  // namespace fabric::evf::testing
