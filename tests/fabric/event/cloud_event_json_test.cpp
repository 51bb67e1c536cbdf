// The JSON Event Format 1.0.2: the specification's own examples, every rule with the place where it is broken, and the
// way back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <string>

#include "fabric/event/cloud_event.hpp"
#include "fabric/json.hpp"

namespace fabric {
namespace {

using ::testing::HasSubstr;

CloudEvent parse(const std::string& text) {
  auto event = cloud_event_from_json(text);
  EXPECT_TRUE(event) << event.error().message;
  return event ? *event : CloudEvent{};
}
std::string refusal(const std::string& text) {
  const auto event = cloud_event_from_json(text);
  return event ? "parsed" : event.error().message;
}
// A minimal event with more members.
std::string event_with(const std::string& members) {
  return R"({"specversion":"1.0","id":"i","source":"/s","type":"t",)" + members + "}";
}

// The examples of the specification (section 3.2), with real base64.
constexpr const char* kCommon = R"("specversion" : "1.0", "type" : "com.example.someevent", "source" : "/mycontext",
    "time" : "2018-04-05T17:31:00Z", "comexampleextension1" : "value", "comexampleothervalue" : 5,)";
std::string example(const std::string& rest) { return "{" + std::string(kCommon) + rest + "}"; }

TEST(CloudEventJsonTest, ExampleOfBinaryData) {
  const auto event = parse(example(
      R"("id" : "A234-1234-1234", "datacontenttype" : "application/vnd.apache.thrift.binary", "data_base64" : "AAH/")"));
  EXPECT_EQ(event.id, "A234-1234-1234");
  EXPECT_EQ(event.type, "com.example.someevent");
  EXPECT_EQ(event.source, "/mycontext");
  EXPECT_EQ(event.time->unix_seconds(), 1522949460);
  EXPECT_EQ(event.find("comexampleextension1")->view(), AttributeView("value"));
  EXPECT_EQ(event.find("comexampleothervalue")->view(), AttributeView(5));
  EXPECT_EQ(event.data, std::string("\0\1\xff", 3));
  EXPECT_EQ(to_json(event).value(),
            R"({"specversion":"1.0","id":"A234-1234-1234","source":"/mycontext","type":"com.example.someevent",)"
            R"("time":"2018-04-05T17:31:00Z","datacontenttype":"application/vnd.apache.thrift.binary",)"
            R"("comexampleextension1":"value","comexampleothervalue":5,"data_base64":"AAH/"})");
}

TEST(CloudEventJsonTest, ExampleOfTextData) {
  const auto event = parse(example(
      R"("id" : "B234-1234-1234", "unsetextension": null, "datacontenttype" : "application/xml", "data" : "<much wow=\"xml\"/>")"));
  EXPECT_EQ(event.data, R"(<much wow="xml"/>)");
  EXPECT_EQ(event.find("unsetextension"), nullptr);
  EXPECT_THAT(to_json(event).value(), HasSubstr(R"("data":"<much wow=\"xml\"/>"})"));
}

TEST(CloudEventJsonTest, ExampleOfJsonData) {
  const auto event = parse(example(
      R"("subject": null, "id" : "C234-1234-1234", "datacontenttype" : "application/json",
         "data" : {
        "appinfoA" : "abc",
        "appinfoB" : 123, "appinfoC" : true })"));
  EXPECT_TRUE(event.subject.empty());
  EXPECT_EQ(json::parse(event.data).value().at("appinfoB"), 123);
  EXPECT_EQ(parse(to_json(event).value()).data,
            R"({         "appinfoA" : "abc",         "appinfoB" : 123, "appinfoC" : true })")
      << "as it is, on one line";
}

TEST(CloudEventJsonTest, ExampleOfAStringWithoutContentType) {
  const auto event = parse(example(R"("subject": null, "id" : "D234-1234-1234", "data" : "I'm just a string")"));
  EXPECT_EQ(event.data, R"("I'm just a string")") << "a JSON string, with its quotes";
  EXPECT_EQ(event.datacontenttype, "application/json") << "said explicitly, as the specification asks for";
  EXPECT_THAT(to_json(event).value(), HasSubstr(R"("data":"I'm just a string"})"));
}

TEST(CloudEventJsonTest, ExampleOfABatch) {
  const auto batch = cloud_events_from_json("[\n" + example(R"("id":"B234","data_base64":"AA==")") + ",\n" +
                                            example(R"("id":"C234","data":{"a":1})") + "\n]");
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_EQ(batch->size(), 2U);
  EXPECT_EQ(batch->at(1).data, R"({"a":1})");
  EXPECT_EQ(cloud_events_from_json(to_json(*batch).value()).value(), *batch);
  EXPECT_TRUE(cloud_events_from_json("[]")->empty());
  EXPECT_EQ(to_json(std::vector<CloudEvent>{}).value(), "[]");
}

TEST(CloudEventJsonTest, ExamplesOfExtensions) {
  const auto event = parse(event_with(
      R"("correlationid":"txn-abc-123","causationid":"order-123","deprecated":true,"deprecationfrom":"2024-10-11T00:00:00Z",)"
      R"("deprecationsunset":"2024-11-12T00:00:00Z","deprecationmigration":"https://example.com/migrate-to-new-evt",)"
      R"("traceparent":"00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01","sequence":"0000000000000001")"));
  EXPECT_EQ(event.find("deprecated")->view(), AttributeView(true));
  EXPECT_EQ(event.find("deprecationfrom")->type(), AttributeType::timestamp);
  EXPECT_EQ(event.find("deprecationsunset")->view(), AttributeView(parse_timestamp("2024-11-12T00:00:00Z").value()));
  EXPECT_EQ(event.find("deprecationmigration")->type(), AttributeType::uri);
  EXPECT_EQ(parse(to_json(event).value()), event);
  EXPECT_EQ(parse(event_with(R"("deprecated":"true")")).find("deprecated")->view(), AttributeView(true))
      << "the extension's own example has the canonical string";
}

TEST(CloudEventJsonTest, DataIsKeptByteForByte) {
  for (const std::string data : {"null", "0.1000", "123456789012345678901234567890", "[1, 2 ,3]",
                                 R"({"b":1,"a":{"]":"}"}})", R"("\u0041\\\"")", "true", "-0", "1e400"}) {
    const auto event = parse(event_with("\"data\" : " + data));
    EXPECT_EQ(event.data, data);
    EXPECT_EQ(parse(to_json(event).value()).data, data);
  }
  EXPECT_TRUE(parse(event_with(R"("subject":"s")")).data.empty());
}

TEST(CloudEventJsonTest, DataIsWrittenAsWhatItIs) {
  CloudEvent event{.id = "i", .source = "/s", .type = "t"};
  const auto data = [&](const std::string& type, const std::string& bytes) {
    event.datacontenttype = type;
    event.data = bytes;
    const auto text = to_json(event).value();
    EXPECT_EQ(parse(text).data, bytes) << text;
    const auto at = std::min(text.find("\"data\":"), text.find("\"data_base64\":"));
    return at == std::string::npos ? "" : text.substr(at, text.size() - at - 1);
  };
  EXPECT_EQ(data("", "[1]"), R"("data":[1])");
  EXPECT_EQ(data("", "plain text"), R"("data_base64":"cGxhaW4gdGV4dA==")") << "absent counts as JSON";
  EXPECT_EQ(data("application/json", "{"), R"("data_base64":"ew==")");
  EXPECT_EQ(data("application/x+json", "7"), R"("data":7)");
  EXPECT_EQ(data("text/plain", "\"a\n"), R"("data":"\"a\n")");
  EXPECT_EQ(data("text/plain", "\xff"), R"("data_base64":"/w==")");
  EXPECT_EQ(data("application/octet-stream", "text"), R"("data_base64":"dGV4dA==")");
  EXPECT_EQ(data("application/json", ""), "");
}

TEST(CloudEventJsonTest, WhatBreaksARuleSaysWhereAndWhich) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "line 1, column 1: the JSON ends too early"},
      {"[]", "line 1, column 1: an event is a JSON object"},
      {"\n 5", "line 2, column 2: an event is a JSON object"},
      {"{}", "line 1, column 1: attribute 'specversion': it is required"},
      {R"({"specversion":"1.0","id":"i","source":"/s"})", "attribute 'type': it is required"},
      {R"({"specversion":"1.0","id":"i","source":null,"type":"t"})", "attribute 'source': it is required"},
      {R"({"specversion":"0.3","id":"i","source":"/s","type":"t"})",
       "line 1, column 2: attribute 'specversion': it is '0.3'; only 1.0 is known"},
      {R"({"specversion":"1.0","id":5,"source":"/s","type":"t"})",
       "line 1, column 22: attribute 'id': it has to be a string"},
      {R"({"specversion":"1.0","id":"","source":"/s","type":"t"})", "attribute 'id': it is empty"},
      {R"({"specversion":"1.0","id":"a\u0001","source":"/s","type":"t"})",
       "attribute 'id': it has a control character"},
      {R"({"specversion":"1.0","id":"i","source":"a b","type":"t"})",
       "line 1, column 31: attribute 'source': 'a b' is no URI-reference of RFC 3986"},
      {event_with("\n  \"time\": \"yesterday\""),
       "line 2, column 3: attribute 'time': 'yesterday' is no RFC 3339 time"},
      {event_with(R"("time":"2023-02-29T00:00:00Z")"), "there is no such day"},
      {event_with(R"("dataschema":"schema.json")"),
       "attribute 'dataschema': 'schema.json' is no absolute URI: it has no scheme"},
      {event_with(R"("datacontenttype":"json")"), "attribute 'datacontenttype': 'json' is no media type"},
      {event_with(R"("subject":"")"), "attribute 'subject': it is empty; leave it out"},
      {event_with(R"("Region":"eu")"), "attribute 'Region': a name has lower-case letters"},
      {event_with(R"("my-ext":"eu")"), "attribute 'my-ext': a name has"},
      {event_with("\"" + std::string(65, 'n') + "\":1"), "at most 64 characters"},
      {event_with(R"("n":2147483648)"), "attribute 'n': 2147483648 is no Integer, which has 32 bits"},
      {event_with(R"("n":1.5)"), "attribute 'n': 1.5 is no Integer"},
      {event_with(R"("n":{"a":1})"), "attribute 'n': it has to be a string, a boolean, an integer or null"},
      {event_with(R"("n":"\ufdd0")"), "a code point that is no character"},
      {event_with(R"("data":1,"data_base64":"AA==")"), "data: it is there as data_base64 as well"},
      {event_with(R"("data_base64":"A")"), "attribute 'data_base64': it is not base64"},
      {event_with(R"("data_base64":"AB==")"), "attribute 'data_base64': it is not base64"},
      {event_with(R"("data_base64":7)"), "attribute 'data_base64': it has to be a string"},
      {event_with(R"("datacontenttype":"text/plain","data":{"a":1})"), "data: of text/plain it has to be a string"},
      {event_with(R"("a":1,"a":2)"), "the key \"a\" is there twice"},
      {event_with(R"("deprecated":5)"), "attribute 'deprecated': it is a Integer; it has to be a Boolean"},
      {event_with(R"("deprecationsunset":"soon")"), "attribute 'deprecationsunset': 'soon' is no RFC 3339 time"},
      {event_with(R"("deprecationmigration":"docs")"), "attribute 'deprecationmigration': 'docs' is no absolute URI"},
      {event_with(R"("correlationid":"")"), "attribute 'correlationid': it is empty"},
      {event_with(R"("correlationid":7)"), "attribute 'correlationid': it is a Integer; it has to be a String"},
      {event_with(R"("evfschema":"7")"), "attribute 'evfschema': it is a String; it has to be a Integer"},
      {event_with(R"("evfkey":"%")"), "attribute 'evfkey': it is not base64"},
  };
  for (const auto& [text, message] : cases) EXPECT_THAT(refusal(text), HasSubstr(message)) << text;
}

TEST(CloudEventJsonTest, ABatchNamesTheEvent) {
  const auto refused = [](const std::string& text) {
    const auto batch = cloud_events_from_json(text);
    return batch ? "parsed" : batch.error().message;
  };
  EXPECT_EQ(refused("{}"), "line 1, column 1: a batch is a JSON array of events");
  EXPECT_EQ(refused("[" + event_with(R"("n":1)") + ",\n" + event_with(R"("n":1.5)") + "]"),
            "line 2, column 56: event 2, attribute 'n': 1.5 is no Integer, and there are no other numbers");
  EXPECT_THAT(refused("[5]"), HasSubstr("event 1, an event is a JSON object"));
}

TEST(CloudEventJsonTest, WhatIsNoCloudEventIsNotWritten) {
  EXPECT_FALSE(to_json(CloudEvent{}));
  CloudEvent event{.id = "i", .source = "/s", .type = "t"};
  EXPECT_TRUE(to_json(event));
  event.set("Bad", 1);
  EXPECT_THAT(to_json(event).error().message, HasSubstr("attribute 'Bad'"));
}

TEST(CloudEventJsonTest, CutOffAndChangedTextNeverCrashes) {
  const auto text = example(R"("id":"i","subject":"s\"\\","data":[{"a":"]}"}],"x":true)");
  ASSERT_EQ(refusal(text), "parsed");
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) EXPECT_NE(refusal(text.substr(0, bytes)), "parsed");
  for (std::size_t at = 0; at < text.size(); ++at)
    for (const char c : {'"', '{', ']', ',', ':', '\\', '\0', '\xff'}) {
      auto changed = text;
      changed[at] = c;
      static_cast<void>(cloud_event_from_json(changed));
      static_cast<void>(cloud_events_from_json("[" + changed + "]"));
    }
}

}  // namespace
}  // namespace fabric
