// Typed producers and readers: what the contract decides before a byte is written, and how versions read each other's
// records.
#include <gmock/gmock.h>

#include <array>

#include "fabric/delivery/typed_producer.hpp"
#include "fabric/delivery/typed_reader.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace shop {

struct Order1 {
  std::uint64_t id = 0;
  std::int32_t quantity = 0;
  bool urgent = false;
};
BOOST_DESCRIBE_STRUCT(Order1, (), (id, quantity, urgent))

struct Order2 {
  std::uint64_t id = 0;
  std::int32_t quantity = 0;
  bool urgent = false;
  alignas(8) std::uint32_t venue = 7;
  static constexpr auto kOptionalFrom = &Order2::venue;
};
BOOST_DESCRIBE_STRUCT(Order2, (), (id, quantity, urgent, venue))

// Nobody may write this one beside the others.
struct OtherOrder {
  std::uint64_t id = 0;
  std::int64_t quantity = 0;
};
BOOST_DESCRIBE_STRUCT(OtherOrder, (), (id, quantity))

}  // namespace shop

namespace fabric {
namespace {

using contract::Deprecation;
using contract::Mode;
using contract::Standing;
using shop::Order1;
using shop::Order2;
using shop::OtherOrder;
using ::testing::ElementsAre;
using testing::FabricFixture;
using ::testing::HasSubstr;
using testing::must;

class TypedTest : public FabricFixture {
 protected:
  void SetUp() override { create(small_topic("orders", 2)); }

  contract::Registry registry() const {
    contract::Formats formats;
    formats.add(std::make_shared<contract::NativeFormat>());
    return must(contract::Registry::open(open(), formats));
  }
  template <class T>
  Result<TypedProducer<T>> attach(const ContractOptions& options = {}) const {
    return TypedProducer<T>::open(open(), registry(), "orders", options);
  }
  template <class T>
  TypedReader<T> reader(const std::string& subject = "orders") const {
    return must(TypedReader<T>::open(registry(), subject));
  }
  Consumer observer() const { return must(Consumer::join(open(), "orders", {.group = "test"})); }

  std::uint64_t records() const {
    std::uint64_t sum = 0;
    const auto topic = must(open().topic("orders"));
    for (std::uint32_t i = 0; i < topic->partitions(); ++i) sum += topic->ring(i)->map().tail();
    return sum;
  }
};

TEST_F(TypedTest, AnEventGoesThroughAsItIs) {
  auto producer = must(attach<Order1>({.subject = "orders.placed"}));
  ASSERT_TRUE(producer.publish("MSFT", Order1{.id = 1, .quantity = -5, .urgent = true}));
  ASSERT_TRUE(producer.publish("", Order1{.id = 2}));
  auto consumer = observer();
  auto orders = reader<Order1>("orders.placed");
  std::vector<std::uint64_t> ids;
  orders.poll(
      consumer,
      [&](const Order1& order, const Delivery& delivery) {
        EXPECT_EQ(delivery.record.schema, producer.schema_id());
        EXPECT_EQ(delivery.event.envelope.key.empty(), order.id == 2);
        EXPECT_EQ(static_cast<const void*>(&order), static_cast<const void*>(delivery.event.payload.data()))
            << "in place";
        if (order.id == 1) {
          EXPECT_EQ(order.quantity, -5);
          EXPECT_TRUE(order.urgent);
        }
        ids.push_back(order.id);
      },
      [](ViewOutcome outcome, const Delivery&) { ADD_FAILURE() << to_string(outcome); });
  EXPECT_THAT(ids, ::testing::UnorderedElementsAre(1, 2));
}

TEST_F(TypedTest, VersionsReadEachOther) {
  auto old_producer = must(attach<Order1>());
  auto new_producer = must(attach<Order2>());
  EXPECT_NE(old_producer.schema_id(), new_producer.schema_id());
  ASSERT_TRUE(old_producer.publish("k", Order1{.id = 1}));
  ASSERT_TRUE(new_producer.publish("k", Order2{.id = 2, .venue = 9}));
  ASSERT_TRUE(old_producer.publish("k", Order1{.id = 3}));
  auto consumer = observer();
  auto old_reader = reader<Order1>();
  auto new_reader = reader<Order2>();
  std::vector<std::uint32_t> venues;
  consumer.poll([&](const Delivery& delivery) {
    const auto old_view = old_reader.view(delivery);
    const auto new_view = new_reader.view(delivery);
    ASSERT_TRUE(old_view && new_view);
    EXPECT_FALSE(old_view.copied) << "a prefix needs no copy";
    EXPECT_EQ(new_view.copied, new_view->id != 2);
    EXPECT_EQ(old_view->id, new_view->id);
    venues.push_back(new_view->venue);
  });
  EXPECT_THAT(venues, ElementsAre(7, 9, 7)) << "the default where the older producer wrote nothing";
}

TEST_F(TypedTest, AnIncompatibleProducerNeverWritesAByte) {
  static_cast<void>(must(attach<Order1>()));
  contract::Attachment report;
  const auto refused = attach<OtherOrder>({.report = &report});
  EXPECT_FAILURE(refused, ErrorCode::incompatible,
                 "incompatible with version 1 of subject 'orders': quantity: type-widened");
  EXPECT_EQ(report.standing, Standing::incompatible);
  ASSERT_EQ(report.incompatible.size(), 1U);
  EXPECT_EQ(report.incompatible[0].violation.path, "quantity");
  EXPECT_EQ(records(), 0U);
  EXPECT_EQ(must(registry().versions("orders")).size(), 1U);
}

TEST_F(TypedTest, MayOnlyCheckMeansRegisteredBySomebodyElse) {
  EXPECT_FAILURE(attach<Order1>({.register_schema = false}), ErrorCode::incompatible,
                 "has no version with this schema");
  static_cast<void>(must(attach<Order1>()));
  ASSERT_NO_FAILURE(attach<Order1>({.register_schema = false}));
  ASSERT_NO_FAILURE(registry().delete_subject("orders"));
  EXPECT_FAILURE(attach<Order1>({.register_schema = false}), ErrorCode::incompatible,
                 "has no version with this schema");
  ASSERT_NO_FAILURE(attach<Order1>());
  EXPECT_EQ(must(registry().latest("orders")).version, 2U);
}

// The table of contract/attach.hpp, note (1): what came after a version may stand against it.
TEST_F(TypedTest, CompatibilityIsDecidedAgainAtAttach) {
  static_cast<void>(must(attach<Order1>()));
  ASSERT_NO_FAILURE(registry().set_mode("orders", Mode::none));
  static_cast<void>(must(attach<OtherOrder>()));
  ASSERT_NO_FAILURE(attach<Order1>());  // mode none
  ASSERT_NO_FAILURE(registry().set_mode("orders", Mode::backward));
  EXPECT_FAILURE(attach<Order1>(), ErrorCode::incompatible, "version 2");
  ASSERT_NO_FAILURE(attach<OtherOrder>());  // the latest reads itself
  ASSERT_NO_FAILURE(registry().set_mode("orders", Mode::forward));
  ASSERT_NO_FAILURE(attach<Order1>());  // nobody is older
  EXPECT_FAILURE(attach<OtherOrder>(), ErrorCode::incompatible, "version 1");
}

TEST_F(TypedTest, TransitiveModesAskAllLaterOrEarlierVersions) {
  static_cast<void>(must(attach<Order1>()));
  ASSERT_NO_FAILURE(registry().set_mode("orders", Mode::none));
  static_cast<void>(must(attach<OtherOrder>()));
  static_cast<void>(must(attach<Order2>()));
  ASSERT_NO_FAILURE(registry().set_mode("orders", Mode::backward));
  ASSERT_NO_FAILURE(attach<Order1>());  // version 3 reads it
  ASSERT_NO_FAILURE(registry().set_mode("orders", Mode::backward_transitive));
  EXPECT_FAILURE(attach<Order1>(), ErrorCode::incompatible, "version 2");
  ASSERT_NO_FAILURE(registry().set_mode("orders", Mode::forward));
  EXPECT_FAILURE(attach<Order2>(), ErrorCode::incompatible, "version 2");
  ASSERT_NO_FAILURE(registry().delete_version("orders", 2));
  ASSERT_NO_FAILURE(attach<Order2>());
}

TEST_F(TypedTest, DeprecatedWarnsAndSunsetRefuses) {
  static_cast<void>(must(attach<Order1>()));
  ASSERT_NO_FAILURE(registry().deprecate(
      "orders", 1,
      Deprecation{
          .since_ns = 1'000'000'000'000'000'000, .sunset_ns = 2'000'000'000'000'000'000, .replacement = "orders.v2"}));
  std::vector<std::string> warnings;
  ContractOptions options{.on_warning = [&](const std::string& text) { warnings.push_back(text); },
                          .now_ns = 1'999'999'999'999'999'999};
  auto producer = must(attach<Order1>(options));
  EXPECT_THAT(warnings,
              ElementsAre("version 1 of subject 'orders' is deprecated since 2001-09-09T01:46:40Z, refused from "
                          "2033-05-18T03:33:20Z; use orders.v2"));
  EXPECT_EQ(producer.contract().attachment().standing, Standing::deprecated);
  EXPECT_TRUE(producer.publish("k", Order1{}));
  EXPECT_TRUE(must(producer.check(1'999'999'999'999'999'999)));
  EXPECT_EQ(warnings.size(), 2U);
  options.now_ns = 2'000'000'000'000'000'000;
  EXPECT_FAILURE(attach<Order1>(options), ErrorCode::incompatible,
                 "may not be published any more since 2033-05-18T03:33:20Z; use orders.v2");
  EXPECT_FALSE(must(producer.check(2'000'000'000'000'000'000)));
  EXPECT_EQ(producer.publish("k", Order1{}).outcome, SendOutcome::contract);
  EXPECT_EQ(producer.publish_within("k", Order1{}, 1).outcome, SendOutcome::contract);
  EXPECT_EQ(producer.claim("k").why().outcome, SendOutcome::contract);
  std::size_t published = 9;
  EXPECT_EQ(producer.publish_batch("", std::vector<Order1>(3), published).outcome, SendOutcome::contract);
  EXPECT_EQ(published, 0U);
  EXPECT_EQ(records(), 1U);
  ASSERT_NO_FAILURE(registry().deprecate("orders", 1, std::nullopt));
  EXPECT_TRUE(must(producer.check()));
  EXPECT_TRUE(producer.publish("k", Order1{}));
}

TEST_F(TypedTest, ClaimsAreWrittenInPlace) {
  auto producer = must(attach<Order2>());
  {
    auto dropped = producer.claim("k");
    ASSERT_TRUE(dropped);
    dropped->id = 99;
  }
  for (const auto* key : {"k", ""}) {
    auto claim = producer.claim(key);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->venue, 7U) << "begins with its initialisers";
    claim->id = 5;
    EXPECT_TRUE(claim.commit());
    EXPECT_FALSE(claim) << "done";
  }
  auto consumer = observer();
  auto orders = reader<Order2>();
  const auto count = orders.poll(
      consumer, [](const Order2& order, const Delivery&) { EXPECT_EQ(order.id, 5U); },
      [](ViewOutcome outcome, const Delivery&) { ADD_FAILURE() << to_string(outcome); });
  EXPECT_EQ(count, 2U);
}

TEST_F(TypedTest, BatchesStopAtBackPressure) {
  auto consumer = observer();
  auto producer = must(attach<Order1>());
  std::vector<Order1> events(100);
  for (std::size_t i = 0; i < events.size(); ++i) events[i].id = i;
  std::size_t published = 0;
  const auto sent = producer.publish_batch("", events, published);
  EXPECT_EQ(sent.outcome, SendOutcome::back_pressure);
  EXPECT_EQ(published, 64U) << "the ring";
  std::uint64_t next = 0;
  auto orders = reader<Order1>();
  orders.poll(
      consumer, [&](const Order1& order, const Delivery&) { EXPECT_EQ(order.id, next++); },
      [](ViewOutcome outcome, const Delivery&) { ADD_FAILURE() << to_string(outcome); });
  EXPECT_EQ(next, 64U);
  ASSERT_TRUE(consumer.ack());
  EXPECT_TRUE(producer.publish_batch("k", std::span(events).first(10), published));
  EXPECT_EQ(published, 10U);
}

TEST_F(TypedTest, RecordsThatCannotBeReadAreOutcomes) {
  auto typed = must(attach<Order1>());
  ASSERT_NO_FAILURE(registry().set_default_mode(Mode::none));
  const auto other_type = must(attach<Order1>({.subject = "refunds"})).schema_id();
  const auto incompatible = must(attach<OtherOrder>()).schema_id();
  const Order1 order{.id = 1};
  std::array<std::byte, sizeof(Order1)> bytes{};
  std::memcpy(bytes.data(), &order, sizeof order);
  auto reader_of_orders = reader<Order1>();
  const auto outcome = [&](std::uint32_t schema, std::span<const std::byte> payload) {
    return reader_of_orders.view(schema, payload).outcome;
  };
  const std::span<const std::byte> whole(bytes);
  EXPECT_EQ(outcome(typed.schema_id(), whole), ViewOutcome::event);
  EXPECT_EQ(outcome(0, whole), ViewOutcome::no_schema);
  EXPECT_EQ(outcome(77, whole), ViewOutcome::unknown_schema);
  EXPECT_EQ(outcome(other_type, whole), ViewOutcome::other_type);
  EXPECT_EQ(outcome(incompatible, whole), ViewOutcome::incompatible);
  ASSERT_EQ(reader_of_orders.violations(incompatible).size(), 2U);
  EXPECT_EQ(reader_of_orders.violations(incompatible)[0].rule, "type-narrowed");
  EXPECT_EQ(reader_of_orders.violations(incompatible)[1].rule, "field-overlaps");
  EXPECT_EQ(outcome(typed.schema_id(), whole.first(15)), ViewOutcome::malformed);
  EXPECT_EQ(outcome(typed.schema_id(), {}), ViewOutcome::malformed);
  bytes[12] = std::byte{2};
  EXPECT_EQ(outcome(typed.schema_id(), whole), ViewOutcome::malformed) << "a bool that is none";
  for (std::uint32_t id = 100; id < 2000; ++id) EXPECT_EQ(outcome(id, whole), ViewOutcome::unknown_schema);
  bytes[12] = std::byte{1};
  EXPECT_EQ(outcome(typed.schema_id(), whole), ViewOutcome::event);
  EXPECT_EQ(reader_of_orders.trouble(), "");
}

TEST_F(TypedTest, PayloadsOfAnyLengthAndPlaceAreRead) {
  const auto v1 = must(attach<Order1>()).schema_id();
  const auto v2 = must(attach<Order2>()).schema_id();
  alignas(8) std::array<std::byte, 64> bytes{};
  const Order2 order{.id = 4, .venue = 11};
  auto orders = reader<Order2>();
  for (std::size_t place = 0; place < 8; ++place) {
    std::memcpy(bytes.data() + place, &order, sizeof order);
    for (std::size_t length = 0; length <= 40; ++length) {
      const auto seen = orders.view(length < 24 ? v1 : v2, std::span(bytes).subspan(place, length));
      const bool fits = length >= 16 && (length <= 16 || length >= 20);
      ASSERT_EQ(static_cast<bool>(seen), fits) << length;
      if (!fits) continue;
      EXPECT_EQ(seen->id, 4U);
      EXPECT_EQ(seen->venue, length >= 20 ? 11U : 7U) << length;
      EXPECT_EQ(seen.copied, place != 0 || length < sizeof(Order2));
    }
  }
}

TEST_F(TypedTest, AnUnknownIdIsFoundOnceItIsRegistered) {
  auto orders = reader<Order1>();
  const Order1 order{.id = 1};
  const auto bytes = std::as_bytes(std::span(&order, 1));
  EXPECT_EQ(orders.view(1, bytes).outcome, ViewOutcome::unknown_schema);
  ASSERT_EQ(must(attach<Order1>()).schema_id(), 1U);
  EXPECT_TRUE(testing::eventually([&] { return static_cast<bool>(orders.view(1, bytes)); }));
}

TEST_F(TypedTest, WhatDoesNotFitIsAnOutcome) {
  auto producer = must(attach<Order1>());
  EXPECT_EQ(producer.publish(std::string(kMaxKeyBytes + 1, 'k'), Order1{}).outcome, SendOutcome::too_large);
  EXPECT_EQ(producer.claim(std::string(kMaxKeyBytes + 1, 'k')).why().outcome, SendOutcome::too_large);
  EXPECT_EQ(producer.publish(std::string(200, 'k'), Order1{}).outcome, SendOutcome::too_large)
      << "larger than a slot, no arena";
  EXPECT_EQ(producer.claim(std::string(200, 'k')).why().outcome, SendOutcome::too_large);
}

TEST_F(TypedTest, AnEventWithAnIdIsPublishedOnce) {
  auto producer = must(TypedProducer<Order1>::open(open(), registry(), "orders",
                                                   {.subject = "orders.placed", .producer = {.idempotent = true}}));
  const auto first = producer.publish("MSFT", Order1{.id = 1}, {.id = "order-1"});
  ASSERT_TRUE(first);
  const auto again = producer.publish_within("MSFT", Order1{.id = 1}, 0, {.id = "order-1"});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.sequence, first.sequence);
}

}  // namespace
}  // namespace fabric
