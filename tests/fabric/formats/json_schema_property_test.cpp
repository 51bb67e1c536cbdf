// The comparison against what validates: if a reader is said to read all of a writer's data, every value that is valid
// under the writer's schema is valid under the reader's. The other direction is counted only: a verdict may be too
// strict, and says so where it happens often.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/json.hpp>
#include <random>
#include <string>

#include "fabric/formats/formats.hpp"
#include "tests/fabric/formats/json_schema_random.hpp"

namespace fabric::formats {
namespace {

using testing::Pick;

struct Tally {
  unsigned readable = 0, refused = 0, refused_without_example = 0, valid_values = 0;
};

std::shared_ptr<const contract::Schema> parsed(const boost::json::value& text) {
  const auto schema = json_schema()->parse(boost::json::serialize(text));
  return schema ? *schema : nullptr;
}

// "" or the counter-example.
std::string counter_example(const Pick& pick, Tally& tally) {
  const bool draft_07 = pick(2) == 1;
  const auto writer_text = testing::random_schema(pick, draft_07);
  const auto reader_text =
      pick(5) == 4 ? testing::random_schema(pick, draft_07) : testing::mutated(writer_text, pick, draft_07);
  const auto writer = parsed(writer_text), reader = parsed(reader_text);
  if (writer == nullptr || reader == nullptr) return "";
  const auto found = reader->cannot_read(*writer);
  bool refuted = false;
  for (int i = 0; i < 30; ++i) {
    const auto payload = boost::json::serialize(testing::random_value(i % 3 == 2 ? reader_text : writer_text, pick));
    const std::span bytes(reinterpret_cast<const std::byte*>(payload.data()), payload.size());
    if (!writer->validate(bytes)) continue;
    ++tally.valid_values;
    const auto valid = reader->validate(bytes);
    refuted = refuted || !valid;
    if (!valid && found.empty())
      return "writer " + writer->canonical() + "\nreader " + reader->canonical() + "\nvalue  " + payload + "\n" +
             valid.error().message;
  }
  ++(found.empty() ? tally.readable : tally.refused);
  if (!found.empty() && !refuted) ++tally.refused_without_example;
  if (!writer->cannot_read(*writer).empty()) return "does not read itself: " + writer->canonical();
  return "";
}

TEST(JsonSchemaProperty, WhatIsSaidToBeReadableIsValid) {
  EXPECT_TRUE(rc::check("sound, with shrinking", [] {
    Tally tally;
    const auto found = counter_example([](unsigned bound) { return *rc::gen::inRange(0U, bound); }, tally);
    if (!found.empty()) RC_FAIL(found);
  }));
}

TEST(JsonSchemaProperty, ThousandsOfPairsOfOneSeed) {
  std::mt19937_64 random(1);
  Tally tally;
  for (int i = 0; i < 6000; ++i)
    ASSERT_EQ(counter_example([&](unsigned bound) { return static_cast<unsigned>(random() % bound); }, tally), "")
        << "pair " << i;
  RecordProperty("readable", static_cast<int>(tally.readable));
  RecordProperty("refused", static_cast<int>(tally.refused));
  RecordProperty("refused_without_example", static_cast<int>(tally.refused_without_example));
  RecordProperty("valid_values", static_cast<int>(tally.valid_values));
  EXPECT_GT(tally.readable, 500U) << "no example of a readable pair";
  EXPECT_GT(tally.refused, 500U) << "no example of a refused pair";
  EXPECT_GT(tally.valid_values, 20'000U);
  EXPECT_LT(tally.refused_without_example, tally.refused / 4) << "verdicts became too strict";
}

}  // namespace
}  // namespace fabric::formats
