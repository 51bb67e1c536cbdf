// Deleting against attaching, stopped or killed at every system call: nobody loses a topic that they have begun to use,
// and nobody holds partitions of two generations of one. What the other does meanwhile happens as a whole, so that every
// order of the two is met.

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/fabric/fabric_fixture.hpp"
#include "tests/fabric/stopped.hpp"

namespace fabric {
namespace {

using testing::Channel;
using testing::Child;
using testing::FabricFixture;
using testing::must;
using testing::Stopped;
namespace files = std::filesystem;

constexpr unsigned kMorePointsThanThereAre = 2000;
enum Ended : int { kDone = 10, kBusy, kNotFound, kOther };  // exit codes of children

template <class T>
int ended(const Result<T>& result) {
  if (result) return kDone;
  if (result.error().code == ErrorCode::busy) return kBusy;
  if (result.error().code == ErrorCode::not_found) return kNotFound;
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  return kOther;
}

int ended(bool well) { return well ? kDone : kOther; }

std::string key_of(const Topic& topic, std::uint32_t partition) {
  for (int i = 0;; ++i)
    if (auto key = "k" + std::to_string(i); topic.partition_of(as_bytes(key)) == partition) return key;
}

// One record for each partition; false: at least one was refused.
bool publish_everywhere(Producer& producer) {
  bool all = true;
  for (std::uint32_t p = 0; p < producer.topic().partitions(); ++p)
    all = producer.publish(key_of(producer.topic(), p), "x") && all;
  return all;
}

class TopicRaceTest : public FabricFixture {
 protected:
  int delete_it(bool force = false) const { return ended(open().delete_topic("orders", force)); }
  int create_it() const { return ended(open().create_topic(small_topic("orders", 2, 16))); }
  void create_anew() const {
    delete_it(true);
    ASSERT_EQ(create_it(), kDone);
  }
  std::uint64_t records_seen() const {
    auto observer = consumer("orders", {});
    std::uint64_t records = 0;
    while (const auto more = observer.poll([](const Delivery&) {})) records += more;
    return records;
  }
  // Names in topics/ that are no topics, and in the topic's directory that are no partitions.
  std::size_t rests() const {
    std::size_t count = 0;
    const auto topics = must(open().topic_names());
    for (const auto& entry : files::directory_iterator(directory() + "/topics")) {
      const auto name = entry.path().filename().string();
      const bool known = std::find(topics.begin(), topics.end(), name) != topics.end();
      count += known ? 0 : 1;
      if (!known) continue;
      for (const auto& file : files::directory_iterator(entry.path()))
        count += file.path().extension() == ".ring" ? 0 : 1;
    }
    return count;
  }
};

TEST_F(TopicRaceTest, partitions_of_two_generations_are_never_mixed) {
  for (const auto* stop : {"/0.ring", "/1.ring"}) {
    create_anew();
    Stopped opener([&] {
      auto producer = Producer::open(open(), "orders");
      return producer ? ended(publish_everywhere(*producer)) : ended(producer);
    });
    ASSERT_TRUE(opener.reach(SYS_openat, stop));
    ASSERT_EQ(delete_it(), kDone) << "nobody has anything of it yet";
    ASSERT_EQ(create_it(), kDone);
    EXPECT_EQ(opener.finish(), kDone);
    EXPECT_EQ(records_seen(), 2U) << "stopped at " << stop;
  }
}

TEST_F(TopicRaceTest, what_is_attached_is_of_one_generation_even_without_lines) {
  for (const auto access : {ipc::Access::read_write, ipc::Access::read_only}) {
    create_anew();
    Stopped opener([&] {
      const auto topic = must(open().topic("orders", access));
      return ended(must(open().confirm(*topic)));
    });
    ASSERT_TRUE(opener.reach(SYS_openat, "/1.ring"));
    ASSERT_EQ(delete_it(), kDone);
    ASSERT_EQ(create_it(), kDone);
    EXPECT_EQ(opener.finish(), kDone);
  }
}

TEST_F(TopicRaceTest, what_a_producer_publishes_is_in_the_topic_wherever_a_delete_came_between) {
  unsigned point = 0, deleted = 0, refused = 0;
  for (; point < kMorePointsThanThereAre; ++point) {
    create_anew();
    Stopped opener([&] {
      auto producer = Producer::open(open(), "orders");
      if (!producer) return ended(producer);
      ::_exit(ended(publish_everywhere(*producer)));  // the last point: it still has everything
    });
    if (!opener.skip(point)) break;
    const auto outcome = delete_it();
    ASSERT_TRUE(outcome == kDone || outcome == kBusy) << "at system call " << point;
    outcome == kDone ? ++deleted : ++refused;
    if (outcome == kDone) {
      ASSERT_EQ(create_it(), kDone);
    }
    ASSERT_EQ(opener.finish(), kDone) << "at system call " << point;
    ASSERT_EQ(records_seen(), 2U) << "at system call " << point << ", delete " << outcome;
  }
  ASSERT_LT(point, kMorePointsThanThereAre);
  EXPECT_GT(deleted, 20U);
  EXPECT_GT(refused, 2U) << "points between the lines and the end were reached";
  RecordProperty("points", static_cast<int>(point));
}

TEST_F(TopicRaceTest, a_member_has_its_partitions_in_the_topic_wherever_a_delete_came_between) {
  unsigned point = 0, deleted = 0, refused = 0;
  for (; point < kMorePointsThanThereAre; ++point) {
    create_anew();
    Stopped joiner([&] {
      auto joined = Consumer::join(open(), "orders", {.group = "billing"});
      if (!joined) return ended(joined);
      ::_exit(ended(must(open().confirm(joined->topic())) && joined->partitions_held() == 2));
    });
    if (!joiner.skip(point)) break;
    const auto outcome = delete_it();
    if (outcome == kDone) {
      ASSERT_EQ(create_it(), kDone);
    }
    ASSERT_EQ(joiner.finish(), kDone) << "at system call " << point;
    ASSERT_TRUE(outcome == kDone || outcome == kBusy) << "at system call " << point;
    outcome == kDone ? ++deleted : ++refused;
  }
  ASSERT_LT(point, kMorePointsThanThereAre);
  EXPECT_GT(deleted, 20U);
  EXPECT_GT(refused, 2U);
}

TEST_F(TopicRaceTest, an_unforced_delete_leaves_it_to_whoever_attached_meanwhile) {
  unsigned point = 0, kept = 0, gone = 0;
  for (; point < kMorePointsThanThereAre; ++point) {
    create_anew();
    Stopped deleter([&] { return delete_it(); });
    if (!deleter.skip(point)) break;
    auto producer = Producer::open(open(), "orders");
    auto member = Consumer::join(open(), "orders", {.group = "billing"});
    ASSERT_EQ(producer.has_value(), member.has_value()) << "at system call " << point;
    if (producer) {
      ASSERT_TRUE(publish_everywhere(*producer));
    }
    const auto outcome = deleter.finish();
    if (!producer) {
      ++gone;
      EXPECT_EQ(ended(producer), kNotFound) << producer.error().message;
      ASSERT_EQ(outcome, kDone) << "at system call " << point;
      continue;
    }
    ++kept;
    ASSERT_EQ(outcome, kBusy) << "at system call " << point;
    EXPECT_EQ(records_seen(), 2U) << "newcomers find the same topic";
    EXPECT_TRUE(must(open().confirm(producer->topic())));
    EXPECT_EQ(rests(), 0U) << "at system call " << point;
  }
  ASSERT_LT(point, kMorePointsThanThereAre);
  EXPECT_GT(kept, 20U);
  EXPECT_GT(gone, 2U);
  RecordProperty("points", static_cast<int>(point));
}

// The notice turns into the mark when who attaches has seen it and not yet taken it down.
TEST_F(TopicRaceTest, who_comes_too_late_to_take_a_notice_down_sees_the_mark) {
  create_anew();
  Stopped deleter([&] { return delete_it(); });
  ASSERT_TRUE(deleter.reach(SYS_renameat2, ".deleting"));
  Stopped opener([&] { return ended(Producer::open(open(), "orders")); });
  ASSERT_TRUE(opener.reach(SYS_unlinkat, ".deleting"));
  ASSERT_TRUE(deleter.reach(SYS_unlinkat, ".ring")) << "marked; the files are still there";
  EXPECT_EQ(opener.finish(), kNotFound);
  EXPECT_EQ(deleter.finish(), kDone);
}

TEST_F(TopicRaceTest, a_deleter_killed_anywhere_takes_no_topic_in_use) {
  unsigned point = 0, dirty = 0;
  create_anew();
  const auto producer = this->producer("orders");
  for (; point < kMorePointsThanThereAre; ++point) {
    if (!testing::kill_at_system_call(point, [&] { delete_it(); })) break;
    dirty += rests() != 0 ? 1 : 0;
    ASSERT_EQ(must(open().topic_names()), std::vector<std::string>{"orders"}) << "killed at system call " << point;
    ASSERT_TRUE(must(open().confirm(producer.topic()))) << "killed at system call " << point;
    EXPECT_EQ(rests(), 0U) << "who attaches takes notices down";
  }
  ASSERT_LT(point, kMorePointsThanThereAre);
  EXPECT_GT(dirty, 2U) << "points between notice and refusal were reached";
}

TEST_F(TopicRaceTest, nobody_waits_for_a_stopped_deleter_and_it_takes_nothing_new) {
  unsigned point = 0, busy = 0;
  for (; point < kMorePointsThanThereAre; ++point) {
    create_anew();
    Stopped deleter([&] { return delete_it(); });
    if (!deleter.skip(point)) break;
    const auto outcome = delete_it();
    ASSERT_TRUE(outcome == kDone || outcome == kNotFound) << "at system call " << point;
    ASSERT_EQ(create_it(), kDone) << "at system call " << point;
    const auto producer = this->producer("orders");
    const auto late = deleter.finish();
    busy += late == kBusy ? 1 : 0;
    ASSERT_TRUE(late == kBusy || late == kDone || late == kNotFound) << late << " at system call " << point;
    ASSERT_TRUE(must(open().confirm(producer.topic()))) << "at system call " << point;
    EXPECT_EQ(rests(), 0U) << "at system call " << point;
  }
  ASSERT_LT(point, kMorePointsThanThereAre);
  EXPECT_GT(busy, 20U);
}

TEST_F(TopicRaceTest, a_stopped_forced_deleter_takes_the_generation_that_it_found_or_the_one_that_is_there) {
  for (unsigned point = 0; point < kMorePointsThanThereAre; ++point) {
    create_anew();
    Stopped deleter([&] { return delete_it(true); });
    if (!deleter.skip(point)) return;
    const bool marked = must(open().topic_names()).empty();
    if (!marked) {
      ASSERT_EQ(delete_it(true), kDone);
    }
    ASSERT_EQ(create_it(), kDone);
    ASSERT_EQ(deleter.finish(), kDone) << "at system call " << point;
    if (marked) {
      EXPECT_EQ(must(open().topic_names()).size(), 1U) << "at system call " << point;
    }
  }
  FAIL() << "no end";
}

TEST_F(TopicRaceTest, of_many_deleters_one_succeeds) {
  create_anew();
  std::vector<std::unique_ptr<Child>> deleters;
  for (int i = 0; i < 8; ++i) {
    deleters.push_back(std::make_unique<Child>([&](const Channel& parent) {
      parent.hear();
      parent.tell(static_cast<std::uint64_t>(delete_it()));
      return 0;
    }));
  }
  for (const auto& deleter : deleters) deleter->tell(1);
  unsigned succeeded = 0;
  for (const auto& deleter : deleters) {
    const auto outcome = deleter->hear();
    succeeded += outcome == kDone ? 1 : 0;
    EXPECT_TRUE(outcome == kDone || outcome == kNotFound) << outcome;
  }
  EXPECT_EQ(succeeded, 1U);
  EXPECT_EQ(rests(), 0U);
}

// A file that says: the member `id` wants to delete the topic.
std::string notice_of(ipc::MemberId id) {
  char name[80];
  std::snprintf(name, sizeof name, ".deleting.%016llx.0123456789abcdef.tmp", static_cast<unsigned long long>(id));
  return name;
}

TEST_F(TopicRaceTest, who_may_not_take_a_notice_down_waits_for_the_living_and_ignores_the_dead) {
  ASSERT_EQ(::chmod(directory().c_str(), 0777), 0);
  auto shared = small_topic("orders", 2);
  shared.ring.file.mode = 0666;
  create(shared);
  Child deleter([&](const Channel& parent) {
    const auto self = must(ipc::Membership::join(directory()));
    parent.tell(self->id());
    return Channel::stay();
  });
  const auto notice = directory() + "/topics/orders/" + notice_of(deleter.hear());
  std::ofstream(notice) << "";
  Child user([&](const Channel& parent) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 1;
    const auto topic = must(open().topic("orders"));
    const auto held = open().confirm(*topic, 0);
    parent.tell(!held && held.error().code == ErrorCode::busy ? 1 : 0);
    parent.hear();
    parent.tell(Producer::open(open(), "orders") ? 1 : 0);
    return 0;
  });
  EXPECT_EQ(user.hear(), 1U);
  EXPECT_TRUE(files::exists(notice));
  deleter.kill();
  user.tell(1);
  EXPECT_EQ(user.hear(), 1U) << "a dead member's notice means nothing";
  EXPECT_EQ(must(open().count_leftovers()), 1U);
  EXPECT_EQ(must(open().remove_leftovers()), 1U);
  EXPECT_EQ(must(open().count_leftovers()), 0U);
}

}  // namespace
}  // namespace fabric
