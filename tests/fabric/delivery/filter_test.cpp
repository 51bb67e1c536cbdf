// Readers that want less than everything: filters, samples, the latest of each key.
#include "fabric/delivery/filter.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

#include "fabric/delivery/conflate.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::eventually;
using testing::FabricFixture;
using testing::must;

class FilterTest : public FabricFixture {
 protected:
  void SetUp() override { create(small_topic("prices", 1)); }
  void publish(std::initializer_list<const char*> keys, std::uint32_t schema = 0) {
    auto producer = this->producer("prices");
    for (const auto* key : keys) ASSERT_TRUE(producer.publish(key, std::to_string(published_++), schema));
  }
  static std::string text(const Delivery& delivery) {
    return std::string(as_text(delivery.event.envelope.key)) + std::string(as_text(delivery.event.payload));
  }
  std::vector<std::string> poll(Consumer& consumer) {
    std::vector<std::string> got;
    consumer.poll([&](const Delivery& delivery) { got.push_back(text(delivery)); });
    return got;
  }
  std::uint64_t cursor(const std::string& group) const {
    return ipc::find_cursor(must(open().topic("prices"))->ring(0)->map(), group)->position;
  }
  Consumer filtered(const Filter& filter) { return consumer("prices", {.group = "g", .filter = filter}); }
  int published_ = 0;
};

TEST_F(FilterTest, by_key_prefix_schema_and_anything) {
  publish({"a", "b", "ab"});
  publish({"a", "c"}, 7);
  const auto with = [&](const Filter& filter) {
    auto observer = consumer("prices", {.filter = filter});
    return poll(observer);
  };
  EXPECT_THAT(with({.keys = {"a", "c"}}), ElementsAre("a0", "a3", "c4"));
  EXPECT_THAT(with({.key_prefixes = {"a"}}), ElementsAre("a0", "ab2", "a3"));
  EXPECT_THAT(with({.schemas = {7}}), ElementsAre("a3", "c4"));
  EXPECT_THAT(with({.schemas = {7}, .keys = {"a"}}), ElementsAre("a3"));
  EXPECT_THAT(with({.wants = [](const auto& record, const auto&) { return record.sequence % 2 == 1; }}), ElementsAre("b1", "a3"));
  EXPECT_THAT(with({}), ElementsAre("a0", "b1", "ab2", "a3", "c4"));
}

TEST_F(FilterTest, what_is_not_wanted_needs_no_ack) {
  publish({"x", "x", "a", "x", "a", "x"});
  auto consumer = filtered({.keys = {"a"}});
  EXPECT_THAT(poll(consumer), ElementsAre("a2", "a4"));
  EXPECT_EQ(cursor("g"), 2U) << "behind it there is something to ack";
  EXPECT_TRUE(consumer.ack(0, 2));
  EXPECT_EQ(cursor("g"), 4U);
  EXPECT_TRUE(consumer.ack(0, 4));
  EXPECT_EQ(cursor("g"), 6U);
  publish({"x", "x"});
  EXPECT_THAT(poll(consumer), IsEmpty());
  EXPECT_EQ(cursor("g"), 8U) << "publishers are not held up by what nobody wants";
}

TEST_F(FilterTest, samples) {
  publish({"a", "a", "b", "a", "a", "b", "b"});
  auto third = filtered({.wants = every_nth(3)});
  EXPECT_THAT(poll(third), ElementsAre("a0", "b2", "a4"));
  auto first = consumer("prices", {.filter = {.wants = at_most_every(3'600'000'000'000)}});
  EXPECT_THAT(poll(first), ElementsAre("a0", "b2"));
  auto all = consumer("prices", {.filter = {.wants = at_most_every(0)}});
  EXPECT_EQ(poll(all).size(), 7U);
}

class ConflaterTest : public FilterTest {
 protected:
  std::vector<std::string> poll(Conflater& conflater) {
    std::vector<std::string> got;
    conflater.poll([&](const Delivery& delivery) { got.push_back(text(delivery)); });
    return got;
  }
};

TEST_F(ConflaterTest, hands_out_the_latest_of_each_key_once) {
  auto consumer = this->consumer("prices", {.group = "g"});
  Conflater conflater(consumer, {});
  publish({"a", "b", "a", "c", "b"});
  EXPECT_THAT(poll(conflater), ElementsAre("a2", "c3", "b4"));
  EXPECT_EQ(conflater.replaced(), 2U);
  EXPECT_EQ(cursor("g"), 5U);
  EXPECT_THAT(poll(conflater), IsEmpty());
  publish({"a"});
  EXPECT_THAT(poll(conflater), ElementsAre("a5"));
}

TEST_F(ConflaterTest, a_key_that_waits_for_its_interval_is_not_lost) {
  auto consumer = this->consumer("prices", {.group = "g"});
  std::vector<std::string> got;
  {
    Conflater conflater(consumer, {.interval_ns = 3'600'000'000'000});
    publish({"a", "b"});
    EXPECT_THAT(poll(conflater), ElementsAre("a0", "b1"));
    publish({"a", "a", "c"});
    EXPECT_THAT(poll(conflater), ElementsAre("c4"));
    EXPECT_EQ(conflater.waiting(), 1U);
    EXPECT_EQ(cursor("g"), 3U) << "a3 is not acked";
  }
  auto after = std::move(consumer);
  { const auto gone = std::move(after); }
  auto successor = this->consumer("prices", {.group = "g"});
  Conflater conflater(successor, {.interval_ns = 1'000'000});
  EXPECT_THAT(poll(conflater), ElementsAre("a3", "c4"));
  publish({"a"});
  EXPECT_TRUE(eventually([&] {
    conflater.wait(1'000'000'000);
    got = poll(conflater);
    return !got.empty();
  }));
  EXPECT_THAT(got, ElementsAre("a5"));
}

TEST_F(ConflaterTest, is_bounded_in_keys_and_survives_a_handler_that_throws) {
  auto consumer = this->consumer("prices", {.group = "g"});
  Conflater conflater(consumer, {.interval_ns = 3'600'000'000'000, .most_keys = 2});
  publish({"a", "b", "c"});
  EXPECT_THROW(conflater.poll([](const Delivery& delivery) {
    if (as_text(delivery.event.envelope.key) == "b") throw std::runtime_error("handler");
  }),
               std::runtime_error);
  EXPECT_EQ(cursor("g"), 1U);
  EXPECT_THAT(poll(conflater), ElementsAre("b1", "c2"));
  EXPECT_EQ(cursor("g"), 3U);
  publish({"a", "b", "d"});
  EXPECT_THAT(poll(conflater), ElementsAre("a3", "b4")) << "early: there is no room for more keys";
  EXPECT_THAT(poll(conflater), ElementsAre("d5"));
}

}  // namespace
}  // namespace fabric
