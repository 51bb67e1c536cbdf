// Filters by event type: by name, whatever versions there are or will be.
#include "fabric/delivery/type_filter.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "fabric/contract/native.hpp"
#include "fabric/delivery/typed_producer.hpp"
#include "tests/fabric/fabric_fixture.hpp"
#include "tests/support/child.hpp"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using testing::FabricFixture;
using testing::must;

struct Placed1 {
  std::uint64_t id = 0;
};
struct Placed2 {
  std::uint64_t id = 0;
  std::uint64_t cents = 0;
  static constexpr auto kOptionalFrom = &Placed2::cents;
};
BOOST_DESCRIBE_STRUCT(Placed1, (), (id))
BOOST_DESCRIBE_STRUCT(Placed2, (), (id, cents))

class TypeFilterTest : public FabricFixture {
 protected:
  void SetUp() override { create(small_topic("orders", 1)); }
  contract::Registry registry() const {
    contract::Formats formats;
    formats.add(std::make_shared<contract::NativeFormat>());
    return must(contract::Registry::open(open(), formats));
  }
  template <class T>
  void publish(const std::string& subject, std::uint64_t id) {
    auto producer = must(TypedProducer<T>::open(open(), registry(), "orders", {.subject = subject}));
    T event;
    event.id = id;
    ASSERT_TRUE(producer.publish("k", event));
  }
  void publish_raw(std::uint64_t id, std::uint32_t schema, const EventAttributes& attributes = {}) {
    auto producer = this->producer("orders");
    ASSERT_TRUE(producer.publish(as_bytes("k"), std::as_bytes(std::span(&id, 1)), attributes, schema));
  }
  Consumer wanting(const std::vector<std::string>& types) {
    return consumer("orders", {.filter = {.types = {registry(), types}}});
  }
  // The ids of what comes, which is the first member of every payload.
  static std::vector<std::uint64_t> poll(Consumer& consumer) {
    std::vector<std::uint64_t> ids;
    consumer.poll([&](const Delivery& delivery) {
      std::uint64_t id = 0;
      std::memcpy(&id, delivery.event.payload.data(), sizeof id);
      ids.push_back(id);
    });
    return ids;
  }
  // Puts bytes where the registry's next entry belongs.
  void spoil_next_entry() const {
    std::size_t entries = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory() + "/registry"))
      entries += entry.path().extension() == ".entry" ? 1U : 0U;
    std::ofstream(directory() + "/registry/" + std::to_string(entries + 1) + ".entry") << "no entry";
  }
};

TEST_F(TypeFilterTest, lets_all_versions_of_the_wanted_types_through) {
  publish<Placed1>("orders.placed", 1);
  publish<Placed1>("orders.cancelled", 2);
  publish<Placed2>("orders.placed", 3);
  publish<Placed1>("orders.paid", 4);
  auto placed = wanting({"orders.placed"});
  EXPECT_THAT(poll(placed), ElementsAre(1, 3));
  auto two = wanting({"orders.paid", "orders.cancelled"});
  EXPECT_THAT(poll(two), ElementsAre(2, 4));
  auto nothing = wanting({"orders"});
  EXPECT_THAT(poll(nothing), ElementsAre()) << "a name is no prefix";
  auto all = wanting({});
  EXPECT_THAT(poll(all), ElementsAre(1, 2, 3, 4));
}

TEST_F(TypeFilterTest, versions_and_types_that_are_registered_later_are_seen) {
  auto consumer = wanting({"orders.placed"});
  EXPECT_THAT(poll(consumer), ElementsAre());
  publish<Placed1>("orders.placed", 1);
  publish<Placed1>("orders.paid", 2);
  EXPECT_THAT(poll(consumer), ElementsAre(1));
  publish<Placed2>("orders.placed", 3);
  EXPECT_THAT(poll(consumer), ElementsAre(3));
}

TEST_F(TypeFilterTest, what_the_envelope_says_comes_before_the_schema) {
  publish<Placed1>("orders.placed", 1);
  publish_raw(2, 0, {.type = "orders.placed"});
  publish_raw(3, 1, {.type = "orders.test"});
  publish_raw(4, 1, {.correlation = "c"});
  publish_raw(5, 0, {.correlation = "c"});
  publish_raw(6, 0);
  auto placed = wanting({"orders.placed"});
  EXPECT_THAT(poll(placed), ElementsAre(1, 2, 4));
  auto test = wanting({"orders.test"});
  EXPECT_THAT(poll(test), ElementsAre(3));
}

// A type so short that it lies where padding could be.
TEST_F(TypeFilterTest, a_short_type_behind_the_key_is_seen) {
  for (const auto* key : {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh", ""}) {
    auto producer = this->producer("orders");
    ASSERT_TRUE(producer.publish(key, "12345678", EventAttributes{.type = "t"}));
  }
  auto consumer = wanting({"t"});
  EXPECT_EQ(poll(consumer).size(), 9U);
}

TEST_F(TypeFilterTest, ids_that_nobody_registered_have_no_type_until_somebody_does) {
  auto consumer = wanting({"orders.placed"});
  publish_raw(1, 1);
  EXPECT_THAT(poll(consumer), ElementsAre());
  publish<Placed1>("orders.placed", 2);
  publish_raw(3, 1);
  publish_raw(4, 77);
  EXPECT_THAT(poll(consumer), ElementsAre(2, 3));
}

// Who cannot read what an id stands for must not lose the record: it may be what is wanted.
TEST_F(TypeFilterTest, a_registry_that_cannot_be_read_lets_unknown_ids_through) {
  publish<Placed1>("orders.placed", 1);
  publish<Placed1>("orders.paid", 2);
  const auto known = registry();
  spoil_next_entry();
  publish_raw(3, 9);
  TypeFilter filter(known, {"orders.placed"});
  const Event event{};
  EXPECT_TRUE(filter.lets_through(1, event));
  EXPECT_FALSE(filter.lets_through(2, event)) << "decided on what was read";
  EXPECT_EQ(filter.trouble(), "");
  EXPECT_TRUE(filter.lets_through(9, event));
  EXPECT_THAT(filter.trouble(), ::testing::HasSubstr("3.entry"));
  EXPECT_FALSE(filter.lets_through(0, event)) << "no id, no doubt";
}

TEST_F(TypeFilterTest, what_is_not_of_the_type_needs_no_ack) {
  publish<Placed1>("orders.paid", 1);
  publish<Placed1>("orders.placed", 2);
  publish<Placed1>("orders.paid", 3);
  auto consumer = this->consumer("orders", {.group = "g", .filter = {.types = {registry(), {"orders.placed"}}}});
  EXPECT_THAT(poll(consumer), ElementsAre(2));
  const auto position = [&] { return ipc::find_cursor(must(open().topic("orders"))->ring(0)->map(), "g")->position; };
  EXPECT_EQ(position(), 1U);
  EXPECT_TRUE(consumer.ack(0, 1));
  EXPECT_EQ(position(), 3U);
}

TEST_F(TypeFilterTest, known_ids_cost_no_system_call) {
  publish<Placed1>("orders.placed", 1);
  publish<Placed1>("orders.paid", 2);
  TypeFilter filter(registry(), {"orders.placed"});
  const Event event{};
  EXPECT_TRUE(filter.lets_through(1, event));
  EXPECT_FALSE(filter.lets_through(2, event));
  const auto asks_for = [&](std::uint32_t id) {
    return [&filter, &event, id] {
      for (int i = 0; i < 1000; ++i) static_cast<void>(filter.lets_through(i % 2 == 0 ? 1 : id, event));
    };
  };
  unsigned calls = 0;  // of a body without any: its exit, and what a sanitizer does there
  while (testing::kill_at_system_call(calls, [] {})) ++calls;
  EXPECT_FALSE(testing::kill_at_system_call(calls, asks_for(2)));
  EXPECT_TRUE(testing::kill_at_system_call(calls, asks_for(3))) << "somebody may have registered it meanwhile";
}

}  // namespace
}  // namespace fabric
