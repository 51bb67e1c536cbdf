// Records as CloudEvents and back: where each attribute comes from, what a schema id says, and that nothing is lost.

#include "fabric/event/cloud_event.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace fabric {
namespace {

using ::testing::HasSubstr;

const RecordPlace kPlace{
    .ring_id = {0x0123456789abcdef, 0xfedcba9876543210}, .topic = "orders", .partition = 3, .sequence = 42};
constexpr std::uint64_t kTime = 1'522'949'460'000'000'005;

class FakeNames : public SchemaNames {
 public:
  std::optional<SchemaName> name_of(std::uint32_t schema) const override {
    if (schema == 7)
      return SchemaName{
          .type = "com.example.order", .dataschema = "evf:schemas/7", .datacontenttype = "application/json"};
    if (schema == 8)
      return SchemaName{.type = "com.example.old",
                        .deprecation = Deprecation{.from = Timestamp(), .migration = "https://example.com/new"}};
    return std::nullopt;
  }
};
const FakeNames kNames;

// A record with this block and payload.
struct Record {
  std::vector<std::byte> bytes;
  ipc::RecordView view;
};

Record record_of(std::span<const std::byte> key, const EventAttributes& attributes, std::span<const std::byte> payload,
                 std::uint32_t schema = 0) {
  Record record{.bytes = std::vector<std::byte>(envelope_bytes(key, attributes).value()), .view = {}};
  const bool extended = !record.bytes.empty();
  EXPECT_TRUE(!extended || encode_envelope(key, attributes, record.bytes));
  record.bytes.insert(record.bytes.end(), payload.begin(), payload.end());
  record.view = {.sequence = kPlace.sequence,
                 .timestamp_ns = kTime,
                 .schema = schema,
                 .flags = extended ? std::uint8_t{ipc::kExtended} : std::uint8_t{0},
                 .payload = record.bytes};
  return record;
}

ipc::Result<CloudEvent> read(const Record& record, const SchemaNames* names = nullptr) {
  return to_cloud_event(kPlace, record.view, decode_event(record.view).value(), names);
}

CloudEvent through_a_record(const CloudEvent& event, const SchemaNames* names = nullptr) {
  const auto out = OutgoingEvent::of(event, names).value();
  return read(record_of(out.key(), out.attributes(), out.payload(), out.schema()), names).value();
}

TEST(CloudEventTest, OfABareRecordEverythingFollows) {
  const auto event = read(record_of({}, {}, as_bytes("{}"))).value();
  EXPECT_EQ(to_json(event).value(),
            R"({"specversion":"1.0","id":"0123456789abcdeffedcba9876543210-42","source":"/topics/orders/3",)"
            R"("type":"evf.record","time":"2018-04-05T17:31:00.000000005Z","sequence":"0000000000000042","data":{}})");
}

TEST(CloudEventTest, WhatTheEnvelopeSaysComesFirst) {
  const Extension extensions[] = {{"sequence", "elsewhere"}, {"region", "eu"}};
  const EventAttributes said{
      .id = "order-17",
      .type = "placed",
      .source = "/shop",
      .time = Timestamp(),
      .datacontenttype = "text/plain",
      .dataschema = "urn:x:y",
      .traceparent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
      .tracestate = "rojo=1",
      .correlation = EventId::of_place({1, 2}, 3),
      .causation = "c",
      .extensions = extensions};
  const auto event = read(record_of(as_bytes("k"), said, as_bytes("tea")), &kNames).value();
  EXPECT_EQ(
      to_json(event).value(),
      R"({"specversion":"1.0","id":"order-17","source":"/shop","type":"placed","subject":"k","time":"1970-01-01T00:00:00Z",)"
      R"("dataschema":"urn:x:y","datacontenttype":"text/plain","causationid":"c",)"
      R"("correlationid":"00000000000000010000000000000002-3","region":"eu","sequence":"elsewhere",)"
      R"("traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"rojo=1","data":"tea"})");
  EXPECT_EQ(through_a_record(event), event);
}

TEST(CloudEventTest, ASchemaIdSaysTypeSchemaAndMediaType) {
  const auto event = read(record_of({}, {}, as_bytes("{}"), 7), &kNames).value();
  EXPECT_EQ(event.type, "com.example.order");
  EXPECT_EQ(event.dataschema, "evf:schemas/7");
  EXPECT_EQ(event.datacontenttype, "application/json");
  EXPECT_EQ(event.find("evfschema")->view(), AttributeView(7));
  const auto out = OutgoingEvent::of(event, &kNames).value();
  EXPECT_EQ(out.schema(), 7U);
  const auto attributes = out.attributes();
  EXPECT_TRUE(attributes.type.empty() && attributes.dataschema.empty() && attributes.datacontenttype.empty())
      << "not written where the schema id says it";
  EXPECT_EQ(through_a_record(event, &kNames), event);
  EXPECT_EQ(through_a_record(event), event) << "without a resolver they are written";
}

TEST(CloudEventTest, ASchemaIdOfAnotherRegistryIsNotUsed) {
  auto event = read(record_of({}, {}, as_bytes("{}"), 7), &kNames).value();
  event.type = "com.example.other";
  const auto out = OutgoingEvent::of(event, &kNames).value();
  EXPECT_EQ(out.schema(), 0U);
  EXPECT_EQ(out.attributes().type, "com.example.other");
  event.set("evfschema", 9);
  EXPECT_EQ(OutgoingEvent::of(event, &kNames).value().schema(), 0U) << "not known here";
  EXPECT_EQ(OutgoingEvent::of(event).value().schema(), 9U) << "nobody to ask";
}

TEST(CloudEventTest, ADeprecatedSchemaIsSaidToBe) {
  const auto event = read(record_of({}, {}, {}, 8), &kNames).value();
  EXPECT_EQ(event.find("deprecated")->view(), AttributeView(true));
  EXPECT_EQ(event.find("deprecationfrom")->view(), AttributeView(Timestamp()));
  EXPECT_EQ(event.find("deprecationmigration")->view(), AttributeView::uri("https://example.com/new"));
  EXPECT_EQ(event.find("deprecationsunset"), nullptr);
}

TEST(CloudEventTest, AKeyThatIsNoTextIsKept) {
  const auto event = read(record_of(as_bytes(std::string_view("\0\xff", 2)), {}, {})).value();
  EXPECT_TRUE(event.subject.empty());
  EXPECT_EQ(to_string(event.find("evfkey")->view()), "AP8=");
  EXPECT_EQ(as_text(OutgoingEvent::of(event).value().key()), std::string_view("\0\xff", 2));
  const auto from_json = cloud_event_from_json(to_json(event).value()).value();
  EXPECT_EQ(as_text(OutgoingEvent::of(from_json).value().key()), std::string_view("\0\xff", 2));
}

TEST(CloudEventTest, WhatItsPublisherDidNotCheckIsReported) {
  const auto refusal = [](const EventAttributes& attributes) {
    const auto event = read(record_of(as_bytes("k"), attributes, {}));
    EXPECT_FALSE(event) << "no error";
    return event ? "" : std::string(ipc::to_string(event.error().code)) + ": " + event.error().message;
  };
  const std::string corrupt = std::string(ipc::to_string(ErrorCode::corrupt)) + ": ";
  EXPECT_THAT(refusal({.type = "\xff"}), HasSubstr(corrupt + "attribute 'type': it is not UTF-8"));
  EXPECT_THAT(refusal({.source = " "}), HasSubstr("attribute 'source'"));
  EXPECT_THAT(refusal({.id = "a\n"}), HasSubstr("attribute 'id'"));
  const Extension bad[] = {{"Bad", 1}}, twice[] = {{"a", 1}, {"a", 1}}, typed[] = {{"deprecated", "yes"}};
  EXPECT_THAT(refusal({.extensions = bad}), HasSubstr("attribute 'Bad'"));
  EXPECT_THAT(refusal({.extensions = twice}), HasSubstr(corrupt + "attribute 'a': it is there twice"));
  EXPECT_THAT(refusal({.extensions = typed}), HasSubstr("attribute 'deprecated'"));
}

TEST(CloudEventTest, WhatDoesNotFitARecordIsRefused) {
  const auto refusal = [](const CloudEvent& event) {
    const auto out = OutgoingEvent::of(event);
    return out ? "taken" : out.error().message;
  };
  CloudEvent event{.id = "i", .source = "/s", .type = "t"};
  EXPECT_EQ(refusal(event), "taken");
  event.subject = std::string(kMaxKeyBytes + 1, 's');
  EXPECT_THAT(refusal(event), HasSubstr("attribute 'subject': it has 4097 bytes"));
  event.subject = "s";
  event.set("evfkey", as_bytes("k"));
  EXPECT_THAT(refusal(event), HasSubstr("attribute 'evfkey': it is the key, and so is the subject"));
  event.extensions.clear();
  event.set("evfschema", 1 << 24);
  EXPECT_THAT(refusal(event), HasSubstr("does not fit 24 bits"));
  event.extensions.clear();
  for (char c = 'a'; c < 'i'; ++c) event.set(std::string(1, c), std::string(kMaxAttributeBytes, 'v'));
  EXPECT_THAT(refusal(event), HasSubstr("more than 65528 bytes in all"));
}

TEST(CloudEventTest, ATraceparentOfALaterVersionIsKeptAsItIs) {
  CloudEvent event{.id = "i", .source = "/s", .type = "t", .time = Timestamp()};
  event.set("sequence", "1");
  event.set("traceparent", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more");
  event.set("tracestate", std::string(600, 'x'));
  EXPECT_EQ(through_a_record(event), event);
}

// ------------------------------------------------------------------------------------------------------------
// properties

rc::Gen<std::string> text_of(std::size_t most) {
  const auto piece = rc::gen::weightedOneOf<std::string>(
      {{20, rc::gen::map(rc::gen::inRange(0x20, 0x7f), [](int c) { return std::string(1, static_cast<char>(c)); })},
       {1, rc::gen::element<std::string>("\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x8d\xb5", "\xc2\xa0")}});
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece),
                      [most](const std::vector<std::string>& pieces) {
                        std::string text;
                        for (const auto& one : pieces)
                          if (text.size() + one.size() <= most) text += one;
                        return text;
                      });
}
std::string not_empty(std::string text) { return text.empty() ? "x" : text; }
Timestamp any_time() {
  const auto seconds = *rc::gen::inRange<std::int64_t>(Timestamp::kFirst, Timestamp::kLast + 1);
  return Timestamp::of(seconds, *rc::gen::inRange<std::uint32_t>(0, 1'000'000'000)).value();
}
std::string any_id() {
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return not_empty(*text_of(200));
    case 1:
      return to_string(derive_id("a", "b", *rc::gen::arbitrary<std::uint64_t>()));
    default:
      return to_string(
          EventId::of_place({*rc::gen::arbitrary<std::uint64_t>(), 1}, *rc::gen::arbitrary<std::uint64_t>()));
  }
}

void set_any(CloudEvent& event, const std::string& name) {
  switch (*rc::gen::inRange(0, 7)) {
    case 0:
      return event.set(name, *rc::gen::arbitrary<bool>());
    case 1:
      return event.set(name, *rc::gen::arbitrary<std::int32_t>());
    case 2:
      return event.set(name, *text_of(300));
    case 3:
      return event.set(name, AttributeView::uri("urn:a:" + std::to_string(*rc::gen::arbitrary<std::uint32_t>())));
    case 4:
      return event.set(name, AttributeView::uri_reference("/r#" + std::to_string(*rc::gen::arbitrary<int>())));
    case 5:
      return event.set(name, any_time());
    default:
      return event.set(name, as_bytes(*rc::gen::arbitrary<std::string>()));
  }
}

CloudEvent any_event() {
  CloudEvent event{.id = any_id(),
                   .source = "/source/" + std::to_string(*rc::gen::inRange(0, 100)),
                   .type = not_empty(*text_of(100)),
                   .subject = *text_of(100),
                   .time = any_time()};
  event.set("sequence", "1");
  if (*rc::gen::arbitrary<bool>()) event.dataschema = "https://example.com/schema#1";
  event.datacontenttype =
      *rc::gen::element<std::string>("", "application/json", "text/plain", "application/octet-stream", "a/b+json");
  if (*rc::gen::arbitrary<bool>()) event.set("correlationid", any_id());
  if (*rc::gen::arbitrary<bool>()) event.set("causationid", any_id());
  if (*rc::gen::arbitrary<bool>())
    event.set("traceparent",
              *rc::gen::element<std::string>("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                             "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "nonsense"));
  if (*rc::gen::arbitrary<bool>()) event.set("tracestate", *text_of(600));
  if (*rc::gen::arbitrary<bool>()) event.set("deprecated", *rc::gen::arbitrary<bool>());
  if (*rc::gen::arbitrary<bool>()) event.set("evfschema", *rc::gen::inRange(1, 1 << 24));
  for (const char* name : {"ext1", "ext2", "a"})
    if (*rc::gen::arbitrary<bool>()) set_any(event, name);
  event.data = *rc::gen::oneOf(rc::gen::arbitrary<std::string>(),
                               rc::gen::element<std::string>("", "{\"a\":1}", "null", "\"s\""));
  return event;
}

TEST(CloudEventTest, NothingIsLostThroughARecord) {
  EXPECT_TRUE(rc::check("CloudEvent -> record -> CloudEvent", [] {
    const auto event = any_event();
    RC_ASSERT(through_a_record(event) == event);
    RC_ASSERT(through_a_record(event, &kNames) == event || event.find("evfschema") != nullptr);
  }));
}

// A record whose attributes follow from its place says them itself elsewhere, and is the same event there.
TEST(CloudEventTest, NothingIsLostFromARecordToAnother) {
  EXPECT_TRUE(rc::check("record -> CloudEvent -> record -> CloudEvent", [] {
    const auto key = *rc::gen::arbitrary<std::string>();
    const auto payload = *rc::gen::arbitrary<std::string>();
    const auto id = any_id();
    EventAttributes attributes;
    if (*rc::gen::arbitrary<bool>()) attributes.id = id;
    if (*rc::gen::arbitrary<bool>()) attributes.time = any_time();
    if (*rc::gen::arbitrary<bool>()) attributes.correlation = EventId::of_place({1, 2}, 3);
    const auto event = read(record_of(as_bytes(key), attributes, as_bytes(payload))).value();
    RC_ASSERT(through_a_record(event) == event);
    const auto out = OutgoingEvent::of(event).value();
    RC_ASSERT(as_text(out.key()) == key);
    RC_ASSERT(as_text(out.payload()) == payload);
  }));
}

// JSON does not tell URIs, times and bytes from text; all else is the same.
TEST(CloudEventTest, NothingIsLostThroughJson) {
  EXPECT_TRUE(rc::check("CloudEvent -> JSON -> CloudEvent", [] {
    auto event = any_event();
    const auto text = to_json(event).value();
    const auto again = cloud_event_from_json(text).value();
    if (event.datacontenttype.empty() && text.find("\"data\":") != std::string::npos)
      event.datacontenttype = "application/json";
    for (auto& [name, value] : event.extensions) {
      const bool typed = value.type() == AttributeType::boolean || value.type() == AttributeType::integer;
      if (!typed) value = AttributeValue(AttributeView(to_string(value.view())));
    }
    RC_ASSERT(again == event);
    RC_ASSERT(text.find('\n') == std::string::npos);
  }));
}

}  // namespace
}  // namespace fabric
