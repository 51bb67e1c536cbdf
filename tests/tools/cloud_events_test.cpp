// evf tail --cloudevents, evf pub --format cloudevents: events go from fabric to fabric and stay the same.

#include "tests/tools/evf_fixture.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;

class CloudEvents : public EvfFixture {
 protected:
  void SetUp() override { create("t", {"--partitions", "2", "--slots", "1K"}); }
};

constexpr const char* kFirst =
    R"({"specversion":"1.0","id":"order-1","source":"/shop","type":"placed","subject":"anna",)"
    R"("time":"2018-04-05T17:31:00Z","datacontenttype":"application/json","correlationid":"c-1",)"
    R"("region":"eu","retries":3,"sequence":"0007",)"
    R"("traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"n": 1.50}})";
constexpr const char* kSecond =
    R"({"specversion":"1.0","id":"order-2","source":"/shop","type":"placed","subject":"anna",)"
    R"("time":"2018-04-05T17:31:01.500Z","datacontenttype":"text/plain","sequence":"0008",)"
    R"("data":"two\nlines"})";
constexpr const char* kThird = R"({"specversion":"1.0","id":"order-3","source":"/shop","type":"placed",)"
                               R"("time":"2018-04-05T17:31:02Z","sequence":"0009","data_base64":"AP8="})";

std::string lines(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += text + "\n";
  return all;
}

TEST_F(CloudEvents, ComeBackAsTheyWere) {
  const auto all = lines({kFirst, "", kSecond, kThird});
  ok({"pub", "t", "--format", "cloudevents"}, all);
  EXPECT_EQ(ok({"tail", "t", "--cloudevents"}), lines({kFirst, kSecond, kThird}));
  const auto records = lines_of(ok({"tail", "t", "--json"}));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0]["key"], "anna");
  EXPECT_EQ(records[0]["payload"], R"({"n": 1.50})") << "byte for byte";
  EXPECT_EQ(records[0]["partition"], records[1]["partition"]);
  EXPECT_EQ(records[1]["payload"], "two\nlines");
  EXPECT_EQ(records[0]["type"], "record");
  EXPECT_EQ(records[0]["cloudevent"]["id"], "order-1");
  EXPECT_EQ(records[0]["cloudevent"]["type"], "placed");
  EXPECT_EQ(records[0]["cloudevent"]["retries"], 3);
  EXPECT_FALSE(records[0]["cloudevent"].contains("data"));
}

TEST_F(CloudEvents, ABatchIsAnArray) {
  ok({"pub", "t", "--format", "cloudevents"}, "\n[" + std::string(kFirst) + ",\n" + kSecond + "\n]\n");
  EXPECT_EQ(ok({"tail", "t", "--cloudevents"}), lines({kFirst, kSecond}));
  ok({"pub", "t", "--format", "cloudevents"}, "[]");
}

TEST_F(CloudEvents, OfPlainRecordsMoveToAnotherFabric) {
  ok({"pub", "t", "--key", "k"}, "plain\n");
  ok({"pub", "t", "--format", "ndjson", "--schema", "7"}, "{\"a\":1}\n");
  const auto events = ok({"tail", "t", "--cloudevents"});
  const auto parsed = lines_of(events);
  ASSERT_EQ(parsed.size(), 2U);
  EXPECT_EQ(parsed[0]["type"], "evf.record");
  EXPECT_THAT(parsed[0]["source"].get<std::string>(), HasSubstr("/topics/t/"));
  EXPECT_EQ(parsed[0]["subject"], "k");
  EXPECT_EQ(parsed[0]["data_base64"], "cGxhaW4=");
  EXPECT_EQ(parsed[1]["data"]["a"], 1);
  EXPECT_EQ(parsed[1]["evfschema"], 7);
  create("other");
  ok({"pub", "other", "--format", "cloudevents"}, events);
  const auto moved = lines_of(ok({"tail", "other", "--cloudevents"}));
  ASSERT_EQ(moved.size(), 2U);
  EXPECT_EQ(moved[0], parsed[0]);
  EXPECT_EQ(moved[1]["id"], parsed[1]["id"]);
  EXPECT_EQ(lines_of(ok({"tail", "other", "--json"}))[1]["schema"], 7);
}

TEST_F(CloudEvents, BadInputNamesLineColumnAndRule) {
  const auto bad = [&](const std::string& input, const std::string& message, const std::string& published) {
    const auto finished = evf({"pub", "t", "--format", "cloudevents"}, input);
    EXPECT_EQ(finished.code, kFailed) << input;
    EXPECT_THAT(finished.err, HasSubstr(message));
    EXPECT_THAT(finished.err, HasSubstr("published " + published));
  };
  bad(lines({kFirst, "", "not JSON"}), "line 3, column ", "1 record ");
  bad(lines({kFirst, R"({"specversion":"1.0","id":"i","source":"/s","type":"t","time":"now"})"}),
      "line 2, column 56: attribute 'time': 'now' is no RFC 3339 time", "1 record ");
  bad(lines({R"({"specversion":"1.0","id":"i","source":"/s"})"}), "line 1, column 1: attribute 'type': it is required",
      "0 records");
  bad("\n[" + std::string(kFirst) + ",\n{}]", "line 3, column 1: event 2, attribute 'specversion': it is required",
      "0 records");
  bad(lines({kFirst, "[]"}), "line 2, column 1: an event is a JSON object", "1 record ");
  bad(lines({R"({"specversion":"1.0","id":"i","source":"/s","type":"t","subject":"s","evfkey":"aw=="})"}),
      "line 1 cannot be a record: attribute 'evfkey'", "0 records");
  bad(lines({R"({"specversion":"1.0","id":"i","source":"/s","type":"t","data":")" + std::string(300, 'x') + "\"}"}),
      "302 bytes and the attributes do not fit", "0 records");
  refused({"pub", "t", "--format", "cloudevents", "--key", "k"}, kUsage, "the key is the event's subject");
  refused({"tail", "t", "--cloudevents", "--hex"}, kUsage, "exclude");
}

TEST_F(CloudEvents, ALimitAndAGroupWorkAsForOtherFormats) {
  ok({"pub", "t", "--format", "cloudevents"}, lines({kFirst, kSecond, kThird}));
  EXPECT_EQ(ok({"tail", "t", "--cloudevents", "--group", "g", "--limit", "2"}), lines({kFirst, kSecond}));
  EXPECT_EQ(ok({"tail", "t", "--cloudevents", "--group", "g"}), lines({kThird}));
}

}  // namespace
}  // namespace fabric::evf::testing
