// A creator or deleter that is killed at any of its system calls: the topic is there whole or not at all, and what is
// left of the attempt is removed by the next who comes. Every system call is a point at which files change; between two
// of them nothing does.

#include <algorithm>
#include <filesystem>

#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using testing::FabricFixture;
using testing::kill_at_system_call;
using testing::must;

class TopicKillTest : public FabricFixture {
 protected:
  // Entries of topics/ that are no topic, and of topics that are no partition.
  std::size_t leftovers() const {
    std::size_t count = 0;
    const auto topics = directory() + "/topics";
    if (!std::filesystem::exists(topics)) return 0;
    const auto names = must(open().topic_names());
    for (const auto& entry : std::filesystem::directory_iterator(topics)) {
      const bool topic = std::count(names.begin(), names.end(), entry.path().filename().string()) != 0;
      count += topic ? 0 : 1;
      if (!topic) continue;
      for (const auto& file : std::filesystem::directory_iterator(entry.path()))
        count += file.path().extension() == ".ring" ? 0 : 1;
    }
    return count;
  }
  // There and usable in all its partitions, or not there. False: not there.
  bool whole_or_absent(unsigned point) const {
    const auto names = must(open().topic_names());
    const auto topic = open().topic("orders");
    EXPECT_EQ(names.size(), topic ? 1U : 0U) << "killed at system call " << point;
    if (!topic) {
      EXPECT_EQ(topic.error().code, ErrorCode::not_found)
          << "killed at system call " << point << ": " << topic.error().message;
      return false;
    }
    EXPECT_EQ((*topic)->partitions(), 3U);
    return true;
  }
  static constexpr unsigned kMorePointsThanThereAre = 2000;
};

TEST_F(TopicKillTest, a_killed_creator_leaves_all_or_nothing) {
  unsigned absent = 0, whole = 0, dirty = 0, point = 0;
  for (; point < kMorePointsThanThereAre; ++point) {
    const bool killed =
        kill_at_system_call(point, [&] { static_cast<void>(open().create_topic(small_topic("orders", 3))); });
    if (!killed) break;
    dirty += leftovers() != 0 ? 1 : 0;
    whole_or_absent(point) ? ++whole : ++absent;
    const auto again = open().create_topic(small_topic("orders", 3));
    EXPECT_TRUE(again || again.error().code == ErrorCode::already_exists) << again.error().message;
    EXPECT_EQ(leftovers(), 0U) << "killed at system call " << point;
    ASSERT_NO_FAILURE(open().delete_topic("orders"));
  }
  ASSERT_LT(point, kMorePointsThanThereAre);
  EXPECT_GT(absent, 20U);
  EXPECT_GT(whole, 0U) << "the points behind the rename were reached";
  EXPECT_GT(dirty, 10U) << "the points between mkdir and rename were reached";
  RecordProperty("points", static_cast<int>(point));
}

TEST_F(TopicKillTest, a_killed_deleter_leaves_all_or_nothing) {
  unsigned absent = 0, whole = 0, dirty = 0, point = 0;
  for (; point < kMorePointsThanThereAre; ++point) {
    const auto created = open().create_topic(small_topic("orders", 3));
    ASSERT_TRUE(created || created.error().code == ErrorCode::already_exists) << created.error().message;
    const bool killed = kill_at_system_call(point, [&] { static_cast<void>(open().delete_topic("orders")); });
    if (!killed) break;
    dirty += leftovers() != 0 ? 1 : 0;
    whole_or_absent(point) ? ++whole : ++absent;
    ASSERT_NO_FAILURE(open().remove_leftovers());
    EXPECT_EQ(leftovers(), 0U) << "killed at system call " << point;
  }
  ASSERT_LT(point, kMorePointsThanThereAre);
  EXPECT_GT(absent, 0U);
  EXPECT_GT(whole, 20U);
  EXPECT_GT(dirty, 2U);
}

TEST_F(TopicKillTest, what_the_living_make_is_left_alone) {
  create(small_topic("other", 1));
  testing::Child creator([&](const testing::Channel& parent) {
    const auto self = must(ipc::Membership::join(directory()));
    char name[64];
    std::snprintf(name, sizeof name, "/topics/.orders.%016llx.0123456789abcdef.tmp",
                  static_cast<unsigned long long>(self->id()));
    std::filesystem::create_directory(directory() + name);
    parent.tell(1);
    return testing::Channel::stay();
  });
  creator.hear();
  EXPECT_EQ(must(open().remove_leftovers()), 0U);
  EXPECT_EQ(leftovers(), 1U);
  creator.kill();
  EXPECT_EQ(must(open().remove_leftovers()), 1U);
  EXPECT_EQ(leftovers(), 0U);
}

TEST_F(TopicKillTest, what_is_not_ours_is_left_alone) {
  create(small_topic("other", 1));
  for (const auto* name :
       {".x.tmp", ".orders.0000000000000000.0123456789abcdef.tmp", ".orders.00000000zzzzzzzz.0123456789abcdef.tmp",
        ".orders.0000000000001001.0123456789abcdef", "..tmp"})
    std::filesystem::create_directory(directory() + "/topics/" + name);
  EXPECT_EQ(must(open().remove_leftovers()), 0U);
  EXPECT_EQ(leftovers(), 5U);
}

}  // namespace
}  // namespace fabric
