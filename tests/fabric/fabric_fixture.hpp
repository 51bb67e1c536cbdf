#pragma once
// A fabric of its own per test, and short ways to make topics and to look into them.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fabric/delivery/consumer.hpp"
#include "fabric/delivery/producer.hpp"
#include "fabric/fabric.hpp"
#include "ipc/cursor.hpp"
#include "tests/support/child.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::testing {

// What a test cannot go on without.
template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    std::abort();
  }
  return std::move(*result);
}

// Everything that there is now, of all partitions that it has. Claims of the killed are settled on the way, so it has to be allowed to write.
inline void read_all(Consumer& consumer, const Consumer::Handler& handler) {
  std::uint64_t until = 0;
  for (const auto& state : consumer.state()) until += state.head;
  EXPECT_TRUE(eventually([&] {
    while (consumer.poll(handler) != 0) {
    }
    std::uint64_t at = 0;
    for (const auto& state : consumer.state()) at += state.position;
    return at >= until;
  }));
}

class FabricFixture : public ::testing::Test {
 protected:
  const std::string& directory() const { return directory_.path(); }
  Fabric open() const { return must(Fabric::open(directory())); }

  // Small rings, so that they wrap and fill.
  static TopicOptions small_topic(const std::string& name, std::uint32_t partitions = 4, std::uint64_t slots = 64) {
    return {.name = name, .partitions = partitions, .ring = {.slot_count = slots, .slot_bytes = 128}};
  }
  void create(const TopicOptions& options) const {
    const auto created = open().create_topic(options);
    ASSERT_TRUE(created.has_value()) << created.error().message;
  }
  Producer producer(const std::string& topic) const { return must(Producer::open(open(), topic)); }
  Consumer consumer(const std::string& topic, const ConsumerOptions& options) const {
    return must(Consumer::join(open(), topic, options));
  }

 private:
  TempDir directory_;
};

// Tests read like the sentence that they prove: ASSERT_NO_FAILURE(result).
#define ASSERT_NO_FAILURE(result)                                \
  do {                                                           \
    const auto& checked = (result);                              \
    ASSERT_TRUE(checked.has_value()) << checked.error().message; \
  } while (false)
#define EXPECT_FAILURE(result, expected_code, part)                                              \
  do {                                                                                           \
    const auto& checked = (result);                                                              \
    ASSERT_FALSE(checked.has_value());                                                           \
    EXPECT_EQ(ipc::to_string(checked.error().code), std::string(ipc::to_string(expected_code)))  \
        << checked.error().message;                                                              \
    EXPECT_NE(checked.error().message.find(part), std::string::npos) << checked.error().message; \
  } while (false)

}  // namespace fabric::testing
