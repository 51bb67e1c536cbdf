// Topics: made, listed, described, attached, deleted; and every way in which that is refused.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ipc/checksum.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using testing::Channel;
using testing::Child;
using testing::FabricFixture;
using testing::must;
namespace files = std::filesystem;

class TopicTest : public FabricFixture {
 protected:
  std::string topics() const { return directory() + "/topics"; }
  mode_t mode_of(const std::string& path) const {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  // Names in topics/, also private ones.
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : files::directory_iterator(topics())) names.push_back(entry.path().filename());
    return names;
  }
  // What `body` answers when it is run by the user nobody.
  std::uint64_t as_nobody(const std::function<std::uint64_t()>& body) const {
    Child child([&](const Channel& parent) {
      if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 1;
      parent.tell(body());
      return 0;
    });
    return child.hear();
  }
};

TEST_F(TopicTest, is_made_described_and_attached) {
  create(small_topic("orders"));
  create(small_topic("b-2", 1));
  const auto fabric = open();
  EXPECT_EQ(must(fabric.topic_names()), (std::vector<std::string>{"b-2", "orders"}));
  const auto info = must(fabric.describe_topic("orders"));
  EXPECT_EQ(info.name, "orders");
  EXPECT_EQ(info.partitions, 4U);
  EXPECT_EQ(info.header.slot_count, 64U);
  EXPECT_EQ(std::string(info.header.topic), "orders");
  std::uint64_t bytes = 0;
  for (std::uint32_t p = 0; p < 4; ++p) bytes += files::file_size(fabric.partition_path("orders", p));
  EXPECT_EQ(info.file_bytes, bytes);
  const auto topic = must(fabric.topic("orders"));
  EXPECT_EQ(topic->partitions(), 4U);
  EXPECT_TRUE(topic->ring(3)->writable());
  EXPECT_FALSE(must(fabric.topic("orders", ipc::Access::read_only))->ring(0)->writable());
}

TEST_F(TopicTest, the_fabric_directory_is_made_private_and_found_again) {
  const auto path = directory() + "/new/";
  EXPECT_FAILURE(Fabric::open(path, false), ErrorCode::not_found, "new");
  const auto fabric = must(Fabric::open(path));
  EXPECT_EQ(fabric.directory(), directory() + "/new");
  EXPECT_EQ(mode_of(path), 0700U);
  ASSERT_NO_FAILURE(Fabric::open(path, false));
  EXPECT_FAILURE(Fabric::open(directory() + "/no/parent"), ErrorCode::not_found, "no/parent");
  EXPECT_FAILURE(Fabric::open(""), ErrorCode::invalid_argument, "empty");
  std::ofstream(directory() + "/file") << "x";
  EXPECT_FAILURE(Fabric::open(directory() + "/file"), ErrorCode::invalid_argument, "no directory");
}

TEST_F(TopicTest, bad_names_are_refused_everywhere) {
  const auto fabric = open();
  const std::vector<std::string> bad{"",
                                     ".",
                                     "..",
                                     ".hidden",
                                     "a/b",
                                     "../x",
                                     "blank ed",
                                     "umlaut\xc3\xa4",
                                     std::string("a\0b", 3),
                                     std::string(121, 'x')};
  for (const auto& name : bad) {
    EXPECT_FAILURE(fabric.create_topic(small_topic(name)), ErrorCode::invalid_argument, "topic name");
    EXPECT_FAILURE(fabric.describe_topic(name), ErrorCode::invalid_argument, "topic name");
    EXPECT_FAILURE(fabric.delete_topic(name), ErrorCode::invalid_argument, "topic name");
    EXPECT_FAILURE(fabric.topic(name), ErrorCode::invalid_argument, "topic name");
  }
  create(small_topic(std::string(120, 'x'), 1));
  create(small_topic("A.b_c-9", 1));
}

TEST_F(TopicTest, values_out_of_range_are_named) {
  const auto fabric = open();
  EXPECT_FAILURE(fabric.create_topic(small_topic("t", 0)), ErrorCode::invalid_argument, "0 partitions");
  EXPECT_FAILURE(fabric.create_topic(small_topic("t", 1025)), ErrorCode::invalid_argument, "1025 partitions");
  EXPECT_FAILURE(fabric.create_topic(small_topic("t", 1, 48)), ErrorCode::invalid_argument, "slot_count 48");
  EXPECT_TRUE(must(fabric.topic_names()).empty());
  EXPECT_TRUE(entries().empty()) << "a failed creation leaves nothing";
}

TEST_F(TopicTest, exists_and_not_found) {
  create(small_topic("orders"));
  const auto fabric = open();
  EXPECT_FAILURE(fabric.create_topic(small_topic("orders")), ErrorCode::already_exists, "'orders' exists");
  EXPECT_FAILURE(fabric.describe_topic("order"), ErrorCode::not_found, "'order' does not exist");
  EXPECT_FAILURE(fabric.topic("order"), ErrorCode::not_found, "'order' does not exist");
  EXPECT_FAILURE(fabric.delete_topic("order"), ErrorCode::not_found, "'order' does not exist");
  EXPECT_EQ(entries(), std::vector<std::string>{"orders"});
}

TEST_F(TopicTest, of_many_creators_one_succeeds) {
  std::vector<std::unique_ptr<Child>> creators;
  for (int i = 0; i < 8; ++i) {
    creators.push_back(std::make_unique<Child>([&](const Channel& parent) {
      parent.hear();
      const auto created = open().create_topic(small_topic("orders", 3));
      parent.tell(created ? 1 : created.error().code == ErrorCode::already_exists ? 0 : 100);
      return 0;
    }));
  }
  for (const auto& creator : creators) creator->tell(1);
  std::uint64_t succeeded = 0;
  for (const auto& creator : creators) succeeded += creator->hear();
  EXPECT_EQ(succeeded, 1U);
  EXPECT_EQ(must(open().topic("orders"))->partitions(), 3U);
  EXPECT_EQ(entries(), std::vector<std::string>{"orders"});
}

TEST_F(TopicTest, what_is_no_topic_is_left_out) {
  create(small_topic("orders", 1));
  files::create_directory(topics() + "/empty");
  std::ofstream(topics() + "/file") << "x";
  files::create_directory(topics() + "/.hidden");
  EXPECT_EQ(must(open().topic_names()), std::vector<std::string>{"orders"});
  EXPECT_FAILURE(open().topic("empty"), ErrorCode::not_found, "0.ring");
  EXPECT_FAILURE(open().create_topic(small_topic("file")), ErrorCode::already_exists, "'file' exists");
}

TEST_F(TopicTest, a_file_in_the_wrong_place_is_refused) {
  create(small_topic("orders", 2));
  create(small_topic("other", 2));
  const auto fabric = open();
  files::copy(fabric.partition_path("other", 1), fabric.partition_path("orders", 1),
              files::copy_options::overwrite_existing);
  EXPECT_FAILURE(fabric.topic("orders"), ErrorCode::corrupt, "partition 1 of 2 of topic 'other'");
  EXPECT_FAILURE(fabric.describe_topic("orders"), ErrorCode::corrupt, "'other'");
  files::remove(fabric.partition_path("orders", 1));
  EXPECT_FAILURE(fabric.topic("orders"), ErrorCode::not_found, "1.ring");
  files::resize_file(fabric.partition_path("other", 0), 5000);
  EXPECT_FAILURE(fabric.topic("other"), ErrorCode::corrupt, "0.ring");
  EXPECT_FAILURE(fabric.delete_topic("other"), ErrorCode::corrupt, "0.ring");
  ASSERT_NO_FAILURE(fabric.delete_topic("other", true));
}

TEST_F(TopicTest, is_deleted_whole_and_those_who_have_it_keep_it) {
  create(small_topic("orders"));
  const auto fabric = open();
  const auto attached = must(fabric.topic("orders"));
  ASSERT_NO_FAILURE(fabric.delete_topic("orders"));
  EXPECT_TRUE(entries().empty());
  auto publisher = must(ipc::Publisher::attach(attached->ring(0)));
  EXPECT_EQ(publisher.publish(as_bytes("still mapped")), ipc::PublishOutcome::published);
  create(small_topic("orders"));
}

TEST_F(TopicTest, is_not_deleted_under_a_live_publisher_or_reader) {
  create(small_topic("orders"));
  const auto fabric = open();
  for (const bool publishes : {true, false}) {
    Child user([&](const Channel& parent) {
      std::optional<Producer> producer;
      std::optional<Consumer> consumer;
      if (publishes) producer.emplace(this->producer("orders"));
      if (!publishes) consumer.emplace(this->consumer("orders", {.group = "billing"}));
      parent.tell(1);
      return Channel::stay();
    });
    user.hear();
    EXPECT_FAILURE(fabric.delete_topic("orders"), ErrorCode::busy,
                   publishes ? "publishes to" : "owns cursor 'billing'");
    EXPECT_FAILURE(fabric.delete_topic("orders"), ErrorCode::busy, "process " + std::to_string(user.pid()));
    user.kill();
  }
  ASSERT_NO_FAILURE(fabric.delete_topic("orders"));  // both are dead, and that is proven
}

TEST_F(TopicTest, a_forced_delete_asks_nobody) {
  create(small_topic("orders"));
  Child user([&](const Channel& parent) {
    auto producer = this->producer("orders");
    parent.tell(1);
    parent.hear();
    parent.tell(producer.publish("key", "payload") ? 1 : 0);
    return 0;
  });
  user.hear();
  ASSERT_NO_FAILURE(open().delete_topic("orders", true));
  EXPECT_TRUE(entries().empty());
  user.tell(1);
  EXPECT_EQ(user.hear(), 1U) << "what it has mapped stays";
}

TEST_F(TopicTest, an_observer_without_a_cursor_does_not_keep_it) {
  create(small_topic("orders"));
  const auto observer = consumer("orders", {});
  ASSERT_NO_FAILURE(open().delete_topic("orders"));
}

TEST_F(TopicTest, permission_is_the_kernels) {
  create(small_topic("orders", 1));
  const auto code = [](const auto& result) { return result ? 99 : static_cast<std::uint64_t>(result.error().code); };
  const auto permission = static_cast<std::uint64_t>(ErrorCode::permission);
  ASSERT_EQ(::chmod(directory().c_str(), 0700), 0);
  EXPECT_EQ(as_nobody([&] { return code(Fabric::open(directory())); }), permission);
  ASSERT_EQ(::chmod(directory().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(topics().c_str(), 0755), 0);
  EXPECT_EQ(as_nobody([&] { return code(open().create_topic(small_topic("mine"))); }), permission);
  EXPECT_EQ(as_nobody([&] { return code(open().topic("orders")); }), permission);
  EXPECT_EQ(as_nobody([&] { return code(open().delete_topic("orders", true)); }), permission);
  EXPECT_EQ(must(open().topic_names()), std::vector<std::string>{"orders"});
}

TEST_F(TopicTest, mode_of_directory_and_topic_decide_who_takes_part) {
  ASSERT_EQ(::chmod(directory().c_str(), 0777), 0);
  auto shared = small_topic("shared", 2);
  shared.ring.file.mode = 0666;
  create(shared);
  auto readable = small_topic("readable", 1);
  readable.ring.file.mode = 0644;
  create(readable);
  create(small_topic("private", 1));
  EXPECT_EQ(mode_of(directory() + "/members"), 0666U);
  EXPECT_EQ(mode_of(topics() + "/shared"), 0755U);
  EXPECT_EQ(mode_of(topics() + "/private"), 0700U);
  EXPECT_EQ(as_nobody([&] {
              auto producer = Producer::open(open(), "shared");
              return producer && producer->publish("k", "p") ? 1 : 0;
            }),
            1U);
  const auto permission = static_cast<std::uint64_t>(ErrorCode::permission);
  for (const auto* topic : {"readable", "private"}) {
    EXPECT_EQ(as_nobody([&] {
                const auto attached = open().topic(topic);
                return attached ? 99 : static_cast<std::uint64_t>(attached.error().code);
              }),
              permission)
        << topic;
  }
  producer("readable").publish("k", "p");
  EXPECT_EQ(as_nobody([&] {  // an observer falls back to reading only
              auto observer = Consumer::join(open(), "readable", {});
              return observer ? observer->poll([](const Delivery&) {}) : 99;
            }),
            1U);
}

TEST_F(TopicTest, a_mode_for_those_who_cannot_get_in_is_refused) {
  ASSERT_EQ(::chmod(directory().c_str(), 0700), 0);
  auto options = small_topic("orders");
  options.ring.file.mode = 0660;
  EXPECT_FAILURE(open().create_topic(options), ErrorCode::invalid_argument, "chmod g+rwx");
  options.ring.file.mode = 0606;
  EXPECT_FAILURE(open().create_topic(options), ErrorCode::invalid_argument, "chmod o+rwx");
}

TEST_F(TopicTest, partition_of_is_the_same_for_ever) {
  create(small_topic("four", 4));
  create(small_topic("seven", 7));
  const auto four = must(open().topic("four")), seven = must(open().topic("seven"));
  struct Golden {
    const char* key;
    std::uint32_t of_four, of_seven;
  };
  const std::string long_key(300, 'k');
  const std::vector<Golden> golden{
      {"a", 3, 1},     // XXH3-64 is e6c632b61e964e1f, as published by the authors of XXH3
      {"abc", 0, 2},   // 78af5f94892f3950, likewise
      {"test", 0, 3},  // 9ec9f7918d7dfc40, likewise
      {"orders-7", 0, 1}, {"libc6", 1, 6}, {"a key of more than sixteen bytes", 2, 3}, {long_key.c_str(), 0, 5},
  };
  for (const auto& [key, of_four, of_seven] : golden) {
    EXPECT_EQ(four->partition_of(as_bytes(key)), of_four) << key;
    EXPECT_EQ(seven->partition_of(as_bytes(key)), of_seven) << key;
  }
  EXPECT_EQ(four->partition_of({}), 0U);
}

}  // namespace
}  // namespace fabric
