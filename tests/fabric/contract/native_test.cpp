// Native schemas: from described structs, their rules one by one, and their payloads. The suite that all formats have
// to pass comes last.
#include "fabric/contract/native.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "fabric/contract/native_describe.hpp"

namespace shop {

enum class Side : std::uint8_t { buy = 1, sell = 2 };
BOOST_DESCRIBE_ENUM(Side, buy, sell)

struct Price {
  std::int64_t amount = 0;
  std::uint8_t decimals = 2;
};
BOOST_DESCRIBE_STRUCT(Price, (), (amount, decimals))

struct Order {
  std::uint64_t id = 0;
  Side side = Side::buy;
  char symbol[7] = {};
  Price price{};
  bool urgent = false;
  std::uint16_t legs[2][2] = {};
  std::array<std::byte, 4> tag{};
  float weight = 0;
  alignas(8) std::uint32_t venue = 7;  // behind the padding of OldOrder
  double ratio = 0.5;
  static constexpr auto kOptionalFrom = &Order::venue;
};
BOOST_DESCRIBE_STRUCT(Order, (), (id, side, symbol, price, urgent, legs, tag, weight, venue, ratio))

// As an older producer knows it.
struct OldOrder {
  std::uint64_t id = 0;
  Side side = Side::buy;
  char symbol[7] = {};
  Price price{};
  bool urgent = false;
  std::uint16_t legs[2][2] = {};
  std::array<std::byte, 4> tag{};
  float weight = 0;
};
BOOST_DESCRIBE_STRUCT(OldOrder, (), (id, side, symbol, price, urgent, legs, tag, weight))

struct Tail {
  std::uint32_t first = 0, second = 9;
  static constexpr auto kOptionalFrom = &Tail::second;
};
BOOST_DESCRIBE_STRUCT(Tail, (), (first, second))

struct Nested {
  std::uint64_t id = 0;
  Tail tail{};
};
BOOST_DESCRIBE_STRUCT(Nested, (), (tail, id))  // in any order

struct BadDefault {
  std::uint32_t id = 0;
  Side side{};
  static constexpr auto kOptionalFrom = &BadDefault::side;
};
BOOST_DESCRIBE_STRUCT(BadDefault, (), (id, side))

struct Forgetful {
  std::uint32_t id = 0, hidden = 0;
};
BOOST_DESCRIBE_STRUCT(Forgetful, (), (id))

}  // namespace shop

namespace fabric::contract::testing {
namespace {

using ::testing::HasSubstr;

template <class T>
std::shared_ptr<const NativeSchema> schema_of() {
  const auto& schema = native_schema<T>();
  EXPECT_TRUE(schema.has_value()) << schema.error().message;
  return schema ? *schema : nullptr;
}

template <class T>
std::span<const std::byte> bytes_of(const T& event) {
  return std::as_bytes(std::span(&event, 1));
}

TEST(NativeDescribeTest, ADescribedStructHasASchema) {
  EXPECT_EQ(
      schema_of<shop::Order>()->canonical(),
      R"({"name":"shop::Order","size":72,"required":56,"fields":[)"
      R"({"name":"id","type":"u64","offset":0},)"
      R"({"name":"side","type":"enum","offset":8,"enum":{"name":"shop::Side","base":"u8","values":{"buy":1,"sell":2}}},)"
      R"({"name":"symbol","type":"text","bytes":7,"offset":9},)"
      R"({"name":"price","type":"struct","offset":16,"struct":{"name":"shop::Price","size":16,"fields":[)"
      R"({"name":"amount","type":"i64","offset":0},{"name":"decimals","type":"u8","offset":8}]}},)"
      R"({"name":"urgent","type":"bool","offset":32},)"
      R"({"name":"legs","type":"u16","array":[2,2],"offset":34},)"
      R"({"name":"tag","type":"bytes","bytes":4,"offset":42},)"
      R"({"name":"weight","type":"f32","offset":48},)"
      R"({"name":"venue","type":"u32","offset":56,"default":7},)"
      R"({"name":"ratio","type":"f64","offset":64,"default":0.5}]})");
}

TEST(NativeDescribeTest, EventsPrintAsTheyAre) {
  shop::Order order{.id = 17, .side = shop::Side::sell, .symbol = "MSFT", .price = {-5, 3}, .urgent = true};
  order.legs[1][0] = 65535;
  order.tag = {std::byte{0xde}, std::byte{0xad}, std::byte{0}, std::byte{1}};
  order.weight = 0.1F;
  order.ratio = std::numeric_limits<double>::infinity();
  const auto schema = schema_of<shop::Order>();
  const auto json = schema->to_json(bytes_of(order));
  ASSERT_TRUE(json.has_value()) << json.error().message;
  EXPECT_EQ(*json, R"({"id":17,"side":"sell","symbol":"MSFT","price":{"amount":-5,"decimals":3},"urgent":true,)"
                   R"("legs":[[0,0],[65535,0]],"tag":"dead0001","weight":0.1,"venue":7,"ratio":"Infinity"})");
}

TEST(NativeDescribeTest, WhatAnOlderProducerDidNotWriteHasItsDefault) {
  const shop::OldOrder old{.id = 1};
  const auto schema = schema_of<shop::Order>(), old_schema = schema_of<shop::OldOrder>();
  const auto json = schema->to_json(bytes_of(old));
  ASSERT_TRUE(json.has_value()) << json.error().message;
  EXPECT_THAT(*json, HasSubstr(R"("venue":7,"ratio":0.5})"));
}

TEST(NativeDescribeTest, AStructAtTheEndMayHaveTheOptionalFields) {
  const auto schema = schema_of<shop::Nested>();
  EXPECT_EQ(schema->layout().required, 12U);
  EXPECT_THAT(schema->canonical(), HasSubstr(R"("default":{"second":9})"));
  const auto again = NativeFormat().parse(schema->canonical());
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ((*again)->canonical(), schema->canonical());
  const shop::Nested event{.id = 3, .tail = {.first = 4, .second = 5}};
  EXPECT_EQ(*schema->to_json(bytes_of(event).first(12)), R"({"id":3,"tail":{"first":4,"second":9}})");
}

TEST(NativeDescribeTest, WhatTheCompilerCannotSeeIsAnError) {
  const auto& schema = native_schema<shop::BadDefault>();
  ASSERT_FALSE(schema.has_value());
  EXPECT_EQ(schema.error().message, "default of side: 0 is no enumerator of shop::Side; give the field another one");
}

TEST(NativeDescribeTest, AForgottenMemberIsSeen) {
  EXPECT_TRUE(native_detail::describes_all_members<shop::Order>());
  EXPECT_TRUE(native_detail::describes_all_members<shop::Nested>());
  EXPECT_FALSE(native_detail::describes_all_members<shop::Forgetful>());
}

TEST(NativeDescribeTest, BoolsOfUnknownOriginAreLookedAt) {
  std::array<std::byte, sizeof(shop::Order)> bytes{};
  EXPECT_TRUE(native_detail::has_bool<shop::Order>());
  EXPECT_FALSE(native_detail::has_bool<shop::Nested>());
  EXPECT_TRUE(native_detail::bools_hold<shop::Order>(bytes.data()));
  bytes[32] = std::byte{2};
  EXPECT_FALSE(native_detail::bools_hold<shop::Order>(bytes.data()));
}

}  // namespace
}  // namespace fabric::contract::testing
