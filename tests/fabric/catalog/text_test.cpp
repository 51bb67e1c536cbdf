// Durations, counts, dates and names as people write them.
#include "fabric/catalog/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::catalog {
namespace {

using ::testing::ElementsAre;

TEST(CatalogText, DurationsReadBack) {
  EXPECT_EQ(parse_duration_ns("250us"), 250'000U);
  EXPECT_EQ(parse_duration_ns("1.5s"), 1'500'000'000U);
  EXPECT_EQ(parse_duration_ns("0.000001ms"), 1U);
  EXPECT_EQ(parse_duration_ns("7d"), 604'800'000'000'000U);
  for (const auto* text : {"1ns", "999us", "50ms", "90s", "2m", "36h", "7d"})
    EXPECT_EQ(format_duration(parse_duration_ns(text).value_or(0)), text);
  for (const auto* text : {"", "0s", "50", "ms", "-1s", "1.5ns", "1.s", ".5s", "1..5s", "1 s", "1e3s", "5min", "40000d",
                           "18446744073709551616ns"})
    EXPECT_EQ(parse_duration_ns(text), std::nullopt) << text;
}

TEST(CatalogText, CountsSizesAndShares) {
  EXPECT_EQ(parse_count("10k"), 10'000U);
  EXPECT_EQ(parse_count("1.5M"), 1'500'000U);
  EXPECT_EQ(parse_bytes("64KiB"), 65'536U);
  EXPECT_EQ(parse_bytes("64KB"), std::nullopt);
  EXPECT_EQ(format_bytes(4096), "4KiB");
  EXPECT_EQ(format_bytes(1500), "1500B");
  EXPECT_EQ(format_count(1'001), "1001");
  EXPECT_EQ(parse_share("20%"), 200U);
  EXPECT_EQ(parse_share("0.125"), 125U);
  EXPECT_EQ(parse_share("100.1%"), std::nullopt);
  EXPECT_EQ(format_share(125), "12.5%");
}

TEST(CatalogText, DatesAreDaysThatExist) {
  EXPECT_EQ(parse_date("1970-01-01")->days, 0);
  EXPECT_EQ(to_string(*parse_date("2028-02-29")), "2028-02-29");
  for (const auto* text : {"2026-02-29", "2026-00-01", "2026-1-1", "26-01-01", "2026/01/01", "1969-12-31",
                           "2026-01-01 ", "2026-0a-01", "-026-01-01"})
    EXPECT_EQ(parse_date(text), std::nullopt) << text;
}

TEST(CatalogText, NamesAndFields) {
  for (const auto* name : {"OrderPlaced", "a", "sales.orders-v2_x"}) EXPECT_TRUE(is_name(name)) << name;
  for (const auto* name : {"", "1a", "a b", "a/b", "\xc3\xa4", "-a"}) EXPECT_FALSE(is_name(name)) << name;
  EXPECT_FALSE(is_name(std::string(121, 'a')));
  for (const auto* path : {"id", "a.b", "a[].b", "a[][].b", "a[]",
                           "stra\xc3\x9f"
                           "e"})
    EXPECT_TRUE(is_field_path(path)) << path;
  for (const auto* path : {"", ".a", "a.", "a..b", "[]", "a[0]", "a b", "a]", "a\n"})
    EXPECT_FALSE(is_field_path(path)) << path;
}

TEST(CatalogText, NamesThatReadLikeOneKind) {
  EXPECT_THAT(words_of("OrderPlaced"), ElementsAre("order", "placed"));
  EXPECT_THAT(words_of("order_placed.v2"), ElementsAre("order", "placed", "v2"));
  EXPECT_THAT(words_of("HTTPRequestSent"), ElementsAre("http", "request", "sent"));
  for (const auto* name : {"OrderPlaced", "payment.sent", "ORDER_WITHDRAWN"}) {
    EXPECT_TRUE(reads_like_event(name)) << name;
    EXPECT_FALSE(reads_like_command(name)) << name;
  }
  for (const auto* name : {"PlaceOrder", "send_invoice", "CancelFeed"}) {
    EXPECT_TRUE(reads_like_command(name)) << name;
    EXPECT_FALSE(reads_like_event(name)) << name;
  }
  for (const auto* name : {"PriceTick", "Order", "Speed", "Heartbeat"}) {
    EXPECT_FALSE(reads_like_event(name)) << name;
    EXPECT_FALSE(reads_like_command(name)) << name;
  }
}

TEST(CatalogText, BytesOfUnknownOrigin) {
  EXPECT_EQ(printable("a\x1b[31m\n\xff\xc2\x9b\xc3\xa4"), "a\\x1b[31m\\x0a\\xff\\xc2\\x9b\xc3\xa4");
}

}  // namespace
}  // namespace fabric::catalog
