// JSON of the event layer: places of errors, duplicate keys, numbers that read back.
#include "fabric/json.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace fabric::json {
namespace {

std::string refusal(std::string_view text) {
  const auto parsed = parse(text);
  return parsed ? "parsed" : parsed.error().message;
}

std::string again(std::string_view text, unsigned indent = 0) { return print(parse(text).value(), indent); }

TEST(JsonTest, ErrorsSayWhere) {
  EXPECT_EQ(refusal(""), "line 1, column 1: the JSON ends too early");
  EXPECT_EQ(refusal("{\"a\":1"), "line 1, column 7: the JSON ends too early");
  EXPECT_EQ(refusal("{\n  \"a\": 1,\n  b\n}").substr(0, 18), "line 3, column 3: ");
  EXPECT_EQ(refusal("1 2"), "line 1, column 3: more text behind the JSON value");
  EXPECT_EQ(refusal(std::string(200, '[')).substr(0, 6), "line 1");
}

TEST(JsonTest, DuplicateKeysAreRefused) {
  EXPECT_EQ(refusal("{\"a\":1,\n \"b\":[{\"x\":\"}\\\"\",\"x\":2}]}"), "line 2, column 18: the key \"x\" is there twice");
  EXPECT_EQ(refusal("{\"a\":1,\"\\u0061\":2}"), "line 1, column 8: the key \"a\" is there twice");
  EXPECT_EQ(refusal("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"), "parsed");
}

TEST(JsonTest, PrintsWhatReadsBack) {
  for (const auto* text : {"{\"b\":1,\"a\":[1.5,18446744073709551615,-1],\"c\":{}}", "[]", "\"\\u0001\\n\\\"\xc3\xa4\"", "0.1", "1e+300",
                           "2.0", "null", "true"})
    EXPECT_EQ(again(text), text);
  EXPECT_EQ(again("{\"a\":[1,{}],\"b\":[]}", 2), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
  EXPECT_EQ(print(std::nan("")), "null");
  EXPECT_EQ(print(std::numeric_limits<double>::infinity()), "null");
}

TEST(JsonTest, SortedIsANormalForm) {
  EXPECT_EQ(print(sorted(parse("{\"b\":{\"d\":1,\"c\":2},\"a\":[{\"f\":1,\"e\":2}]}").value())),
            "{\"a\":[{\"e\":2,\"f\":1}],\"b\":{\"c\":2,\"d\":1}}");
}

// The examples of RFC 7396, appendix A.
TEST(JsonTest, MergePatch) {
  const char* cases[][3] = {
      {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
      {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
      {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
      {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
      {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
      {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
      {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
      {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
      {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
      {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
      {"{\"a\":\"foo\"}", "null", "null"},
      {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
      {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
      {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
      {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
  };
  for (const auto& [target, patch, result] : cases)
    EXPECT_EQ(print(merge_patch(parse(target).value(), parse(patch).value())), result) << target << " " << patch;
}

TEST(JsonTest, EveryDoubleReadsBack) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random();
    double number = 0;
    std::memcpy(&number, &bits, sizeof number);
    if (!std::isfinite(number)) continue;
    const auto text = print(boost::json::array{number, boost::json::object{{"a", "x,]"}, {"b", number}}, number}, static_cast<unsigned>(i % 3));
    const auto value = parse(text).value();
    ASSERT_EQ(value.at(0).get_double(), number) << text;
    ASSERT_EQ(value.at(1).at("b").get_double(), number) << text;
    ASSERT_EQ(value.at(2).get_double(), number) << text;
  }
}

}  // namespace
}  // namespace fabric::json
