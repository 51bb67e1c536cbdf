// RFC 3339 both ways: calendar, offsets, fractions, leap seconds, and what is wrong with the rest.

#include "fabric/event/timestamp.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace fabric {
namespace {

std::string again(std::string_view text) {
  const auto time = parse_timestamp(text);
  return time ? to_string(*time) : time.error().message;
}
std::string refusal(std::string_view text) {
  const auto time = parse_timestamp(text);
  return time ? "parsed" : time.error().message;
}

TEST(TimestampTest, KnownInstants) {
  EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z").value(), Timestamp());
  EXPECT_EQ(parse_timestamp("2018-04-05T17:31:00Z")->unix_seconds(), 1522949460);
  EXPECT_EQ(parse_timestamp("2000-02-29T12:00:00Z")->unix_seconds(), 951825600);
  EXPECT_EQ(parse_timestamp("1969-12-31T23:59:59.5Z")->unix_seconds(), -1);
  EXPECT_EQ(parse_timestamp("0000-01-01T00:00:00Z")->unix_seconds(), Timestamp::kFirst);
  EXPECT_EQ(parse_timestamp("9999-12-31T23:59:59.999999999Z")->unix_seconds(), Timestamp::kLast);
  EXPECT_EQ(to_string(Timestamp::of_unix_ns(~std::uint64_t{0})), "2554-07-21T23:34:33.709551615Z");
}

TEST(TimestampTest, PrintsUtcWithThreeSixOrNineDigits) {
  EXPECT_EQ(again("2018-04-05T17:31:00.000Z"), "2018-04-05T17:31:00Z");
  EXPECT_EQ(again("2018-04-05t17:31:00.1z"), "2018-04-05T17:31:00.100Z");
  EXPECT_EQ(again("2018-04-05T17:31:00.0001Z"), "2018-04-05T17:31:00.000100Z");
  EXPECT_EQ(again("2018-04-05T17:31:00.000000001Z"), "2018-04-05T17:31:00.000000001Z");
  EXPECT_EQ(again("2018-04-05T17:31:00.12345678900000Z"), "2018-04-05T17:31:00.123456789Z");
  EXPECT_EQ(again("2018-04-05T01:31:00+02:30"), "2018-04-04T23:01:00Z");
  EXPECT_EQ(again("2019-12-31T23:31:00-00:45"), "2020-01-01T00:16:00Z");
  EXPECT_EQ(again("0000-03-01T00:00:00+23:59"), "0000-02-29T00:01:00Z") << "year 0 is a leap year";
}

TEST(TimestampTest, LeapDaysAndLeapSeconds) {
  for (const auto* there : {"2000-02-29", "2024-02-29", "0000-02-29"})
    EXPECT_EQ(refusal(there + std::string("T00:00:00Z")), "parsed");
  for (const auto* none : {"1900-02-29", "2023-02-29", "2023-04-31", "2023-00-01", "2023-13-01", "2023-01-00"})
    EXPECT_NE(refusal(none + std::string("T00:00:00Z")).find("no such day"), std::string::npos) << none;
  EXPECT_EQ(again("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00Z");
  EXPECT_EQ(again("1990-12-31T15:59:60-08:00"), "1991-01-01T00:00:00Z");
  EXPECT_NE(refusal("2016-12-31T23:58:60Z").find("leap second"), std::string::npos);
  EXPECT_NE(refusal("2016-12-30T23:59:60Z").find("leap second"), std::string::npos);
}

TEST(TimestampTest, WhatIsWrongIsNamed) {
  const char* cases[][2] = {
      {"", "its year does not have 4 digits"},
      {"18-04-05T17:31:00Z", "its year"},
      {"2018/04/05T17:31:00Z", "a '-' is missing"},
      {"2018-4-05T17:31:00Z", "its month"},
      {"2018-04-05 17:31:00Z", "a 'T' is missing"},
      {"2018-04-05T24:00:00Z", "no such time of day"},
      {"2018-04-05T17:60:00Z", "no such time of day"},
      {"2018-04-05T17:31:61Z", "no such time of day"},
      {"2018-04-05T17:31Z", "a ':' is missing"},
      {"2018-04-05T17:31:00", "neither 'Z' nor an offset"},
      {"2018-04-05T17:31:00.Z", "no digits behind the '.'"},
      {"2018-04-05T17:31:00.0000000001Z", "finer than a nanosecond"},
      {"2018-04-05T17:31:00+24:00", "offset is out of range"},
      {"2018-04-05T17:31:00+02:60", "offset is out of range"},
      {"2018-04-05T17:31:00+0200", "a ':' is missing"},
      {"2018-04-05T17:31:00Z ", "more behind it"},
      {"0000-01-01T00:00:00+00:01", "outside of the years"},
      {"9999-12-31T23:59:00-00:01", "outside of the years"},
      {"+2018-04-05T17:31:00Z", "its year"},
  };
  for (const auto& [text, why] : cases)
    EXPECT_NE(refusal(text).find(why), std::string::npos) << text << ": " << refusal(text);
}

TEST(TimestampTest, OutOfRangeCannotBeMade) {
  EXPECT_FALSE(Timestamp::of(Timestamp::kFirst - 1, 0));
  EXPECT_FALSE(Timestamp::of(Timestamp::kLast + 1, 0));
  EXPECT_FALSE(Timestamp::of(0, 1'000'000'000));
}

TEST(TimestampTest, EveryInstantReadsBack) {
  EXPECT_TRUE(rc::check("to_string and parse_timestamp", [] {
    const auto seconds = *rc::gen::inRange<std::int64_t>(Timestamp::kFirst, Timestamp::kLast + 1);
    const auto time = Timestamp::of(seconds, *rc::gen::inRange<std::uint32_t>(0, 1'000'000'000)).value();
    RC_ASSERT(parse_timestamp(to_string(time)).value() == time);
  }));
}

}  // namespace
}  // namespace fabric
