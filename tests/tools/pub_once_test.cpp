// evf pub --once: input that is published again is there once.

#include "tests/tools/evf_fixture.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;

class PubOnce : public EvfFixture {
 protected:
  Json published(Words arguments, const std::string& input) const {
    arguments.insert(arguments.begin(), {"pub", "orders"});
    arguments.push_back("--json");
    return Json::parse(ok(arguments, input));
  }
  static std::string orders(int first, int end) {
    std::string lines;
    for (int i = first; i < end; ++i)
      lines += R"({"order":{"id":")" + std::to_string(i) + R"("},"customer":)" + std::to_string(i % 5) + "}\n";
    return lines;
  }
};

TEST_F(PubOnce, WhatIsThereIsCountedAndLeftOut) {
  create("orders", {"--partitions", "4"});
  const Words how{"--format", "ndjson", "--key-field", "customer", "--id-field", "order.id", "--once"};
  const auto first = published(how, orders(0, 100));
  EXPECT_EQ(first["records"], 100);
  EXPECT_EQ(first["repeated"], 0);
  const auto again = published(how, orders(50, 150));
  EXPECT_EQ(again["records"], 50);
  EXPECT_EQ(again["repeated"], 50);
  EXPECT_EQ(lines_of(ok({"tail", "orders", "--json"})).size(), 150U);
  auto words = how;
  words.insert(words.begin(), {"pub", "orders"});
  const auto finished = evf(words, orders(149, 151));
  EXPECT_EQ(finished.code, 0);
  EXPECT_THAT(finished.err, HasSubstr("published 1 record"));
  EXPECT_THAT(finished.err, HasSubstr("1 was there already"));
}

TEST_F(PubOnce, WithoutItIdsAreWrittenAndNothingIsLeftOut) {
  create("orders");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(published({"--id-field", "2", "--separator", ","}, "a,17\n")["records"], 1);
  const auto events = lines_of(ok({"tail", "orders", "--cloudevents"}));
  ASSERT_EQ(events.size(), 2U);
  for (const auto& event : events) EXPECT_EQ(event["id"], "17");
  EXPECT_EQ(published({"--id-field", "2", "--separator", ",", "--once"}, "a,17\nb,18\n")["repeated"], 1);
}

TEST_F(PubOnce, CloudEventsHaveTheirIds) {
  create("orders", {"--slot-bytes", "512"});
  const std::string events = R"({"specversion":"1.0","id":"e1","source":"/s","type":"t","data":1})"
                             "\n"
                             R"({"specversion":"1.0","id":"e2","source":"/s","type":"t","data":2})"
                             "\n";
  EXPECT_EQ(published({"--format", "cloudevents", "--once"}, events)["records"], 2);
  EXPECT_EQ(published({"--format", "cloudevents", "--once"}, events)["repeated"], 2);
}

TEST_F(PubOnce, BadInputIsNamed) {
  create("orders");
  refused({"pub", "orders", "--once"}, 2, "--once needs events with ids");
  refused({"pub", "orders", "--format", "length-prefixed", "--id-field", "a"}, 2, "--id-field goes with");
  refused({"pub", "orders", "--format", "cloudevents", "--id-field", "a"}, 2, "a CloudEvent has its id");
  refused({"pub", "orders", "--id-field", "x"}, 2, "--id-field 'x' is no field number");
  refused({"pub", "orders", "--format", "ndjson", "--id-field", "id", "-q"}, 1,
          "line 1 has no text, number or boolean at 'id' for its id", "{}\n");
  const auto finished =
      evf({"pub", "orders", "-f", "ndjson", "--id-field", "id", "-q"}, R"({"id":")" + std::string(256, 'x') + "\"}\n");
  EXPECT_EQ(finished.code, 1) << "an id has at most 255 bytes";
  EXPECT_THAT(finished.err, HasSubstr("line 1"));
}

}  // namespace
}  // namespace fabric::evf::testing
