// Metadata into the envelope and out of it: every attribute, every limit, what is passed on, and the bytes on the wire.

#include "fabric/event/event_attributes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace fabric {
namespace {

using ::testing::HasSubstr;

const auto kTrace = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

std::vector<std::byte> encode(std::string_view key, const EventAttributes& attributes) {
  const auto bytes = envelope_bytes(as_bytes(key), attributes);
  if (!bytes) {
    ADD_FAILURE() << "too large";
    return {};
  }
  std::vector<std::byte> block(*bytes);
  EXPECT_TRUE(block.empty() || encode_envelope(as_bytes(key), attributes, block));
  return block;
}

Envelope decode(const std::vector<std::byte>& block) {
  const std::uint8_t flags = block.empty() ? 0 : ipc::kExtended;
  const auto event = decode_event({.flags = flags, .payload = block});
  EXPECT_TRUE(event) << "malformed: " << to_hex(block);
  return event ? event->envelope : Envelope{};
}

TEST(EventAttributesTest, NothingToSayNeedsNoBlock) { EXPECT_EQ(envelope_bytes({}, EventAttributes{}), 0U); }

TEST(EventAttributesTest, TheKeyAloneIsAsItAlwaysWas) {
  EXPECT_EQ(to_hex(encode("orders-7", {})),
            "10000100"
            "01000800"
            "6f72646572732d37");
}

TEST(EventAttributesTest, EveryAttributeComesBack) {
  const std::vector<Extension> extensions{{"yes", true},
                                          {"no", false},
                                          {"least", std::numeric_limits<std::int32_t>::min()},
                                          {"text", "tea pot"},
                                          {"empty", ""},
                                          {"link", AttributeView::uri("urn:a:b")},
                                          {"ref", AttributeView::uri_reference("/x")},
                                          {"when", Timestamp::of(-1, 5).value()},
                                          {"raw", as_bytes(std::string_view("\0\xff", 2))}};
  const EventAttributes said{.id = "order-17",
                             .type = "com.example.order.placed",
                             .source = "/orders",
                             .time = Timestamp::of(1'522'949'460, 7),
                             .datacontenttype = "application/json",
                             .dataschema = "https://example.com/order.json",
                             .traceparent = kTrace,
                             .tracestate = "rojo=1",
                             .correlation = "checkout-3",
                             .causation = EventId::of_place({1, 2}, 3),
                             .extensions = extensions};
  const auto block = encode("k", said);
  const auto read = decode(block);
  EXPECT_EQ(as_text(read.key), "k");
  EXPECT_EQ(read.id(), said.id);
  EXPECT_EQ(read.type(), said.type);
  EXPECT_EQ(read.source(), said.source);
  EXPECT_EQ(read.time(), said.time);
  EXPECT_EQ(read.datacontenttype(), said.datacontenttype);
  EXPECT_EQ(read.dataschema(), said.dataschema);
  EXPECT_EQ(read.traceparent(), said.traceparent);
  EXPECT_EQ(read.tracestate(), said.tracestate);
  EXPECT_EQ(read.correlation(), said.correlation);
  EXPECT_EQ(read.causation(), said.causation);
  for (const auto& extension : extensions) EXPECT_EQ(read.extension(extension.name), extension.value) << extension.name;
  EXPECT_FALSE(read.extension("other"));
}

TEST(EventAttributesTest, WhatIsNotSaidIsAbsent) {
  const auto block = encode("k", {});
  const auto read = decode(block);
  EXPECT_TRUE(read.id().empty() && read.type().empty() && read.source().empty() && !read.time());
  EXPECT_TRUE(read.datacontenttype().empty() && read.dataschema().empty() && !read.traceparent());
  EXPECT_TRUE(read.tracestate().empty() && read.correlation().empty() && read.causation().empty());
}

TEST(EventAttributesTest, GoldenBytes) {
  const Extension extensions[] = {{"n", 5}, {"b", true}};
  const auto block = encode("k", {.id = "i",
                                  .time = Timestamp::of(1, 2),
                                  .traceparent = kTrace,
                                  .correlation = EventId("0123456789abcdeffedcba9876543210"),
                                  .extensions = extensions});
  EXPECT_EQ(to_hex(block),
            "68000100"  // 104 bytes, version 1
            "01000100"
            "6b"  // key
            "02000200"
            "01"
            "69"  // id: text
            "05000c00"
            "0100000000000000"
            "02000000"  // time
            "08001900"
            "4bf92f3577b34da6a3ce929d0e0e4736"
            "00f067aa0ba902b7"
            "01"  // traceparent
            "0a001100"
            "02"
            "0123456789abcdeffedcba9876543210"  // correlationid: hash
            "0c000700"
            "02"
            "01"
            "6e"
            "05000000"  // extension: Integer
            "0c000400"
            "01"
            "01"
            "62"
            "01"  // extension: Boolean
            "00000000");
}

TEST(EventAttributesTest, WhatIsTooLongIsRefused) {
  const std::string long_id(256, 'i'), long_text(kMaxAttributeBytes + 1, 't'), long_state(513, 's'), long_name(65, 'n');
  const auto refused = [](const EventAttributes& attributes) { return !envelope_bytes(as_bytes("k"), attributes); };
  EXPECT_TRUE(refused({.id = long_id}));
  EXPECT_TRUE(refused({.type = long_text}));
  EXPECT_TRUE(refused({.source = long_text}));
  EXPECT_TRUE(refused({.datacontenttype = long_text}));
  EXPECT_TRUE(refused({.dataschema = long_text}));
  EXPECT_TRUE(refused({.tracestate = long_state}));
  EXPECT_TRUE(refused({.correlation = long_id}));
  EXPECT_TRUE(refused({.causation = long_id}));
  for (const auto& extension : {Extension{"", 1}, Extension{long_name, 1}, Extension{"n", long_text}})
    EXPECT_TRUE(refused({.extensions = {&extension, 1}}));
  EXPECT_FALSE(envelope_bytes(as_bytes(std::string(kMaxKeyBytes + 1, 'k')), EventAttributes{}));
  const auto longest = std::string_view(long_text).substr(1);
  std::vector<Extension> many(7, {"n", longest});
  EXPECT_FALSE(refused({.id = std::string_view(long_id).substr(1), .type = longest, .extensions = {many.data(), 6}}));
  EXPECT_TRUE(refused({.type = longest, .extensions = many})) << "64 KiB in all";
}

TEST(EventAttributesTest, TheLargestBlockIsReadable) {
  const std::string longest(kMaxAttributeBytes, 't');
  const std::vector<Extension> many(7, {"n", longest});
  const auto rest = kMaxEnvelopeBytes - 4 - 7 * (4 + 3 + kMaxAttributeBytes) - 4;
  const auto block = encode("", {.type = std::string_view(longest).substr(0, rest), .extensions = many});
  ASSERT_EQ(block.size(), kMaxEnvelopeBytes);
  EXPECT_EQ(decode(block).type().size(), rest);
  EXPECT_FALSE(envelope_bytes(as_bytes("k"),
                              EventAttributes{.type = std::string_view(longest).substr(0, rest), .extensions = many}));
}

std::vector<std::byte> with_unknown_fields() {
  std::vector<std::byte> block;
  const auto add = [&](std::string_view bytes) {
    for (const char c : bytes) block.push_back(static_cast<std::byte>(c));
  };
  add({"\x38\0\1\0", 4});
  add({"\x96\0\2\0ab", 6});  // tag 150: of a later version
  add({"\x01\0\3\0key", 7});
  add({"\x0c\0\5\0\x63\1xyz", 9});  // an extension of a type of a later version
  add({"\x0c\0\6\0\3\1nold", 10});  // extension n = "old"
  add({"\x03\0\1\0T", 5});          // type
  add({"\x96\0\1\0c", 5});          // tag 150 again
  add({"\x09\0\3\0a=1", 7});        // tracestate
  block.resize(56);
  return block;
}

TEST(EventAttributesTest, WhatIsPassedOnKeepsWhatIsNotKnown) {
  const auto block = with_unknown_fields();
  const auto first = decode(block);
  const Extension changed[] = {{"n", "new"}};
  const auto again =
      encode("other key", {.id = "id", .traceparent = kTrace, .extensions = changed, .passed_on = &first});
  const auto second = decode(again);
  EXPECT_EQ(as_text(second.key), "other key");
  EXPECT_EQ(second.id(), EventId("id"));
  EXPECT_EQ(second.type(), "T");
  EXPECT_EQ(second.extension("n"), AttributeView("new"));
  EXPECT_EQ(second.tracestate(), "") << "it belonged to another traceparent";
  const auto text = as_text(again);
  EXPECT_THAT(text, HasSubstr(std::string("\x96\0\2\0ab", 6)));
  EXPECT_THAT(text, HasSubstr(std::string("\x96\0\1\0c", 5)));
  EXPECT_THAT(text, HasSubstr(std::string("\x0c\0\5\0\x63\1xyz", 9)));
  EXPECT_EQ(text.find("old"), std::string_view::npos);
  EXPECT_EQ(decode(encode("", {.passed_on = &first})).tracestate(), "a=1");
}

TEST(EventAttributesTest, ADecodedEnvelopeIsEncodedWhole) {
  const auto block = with_unknown_fields();
  auto envelope = decode(block);
  std::vector<std::byte> again(envelope_bytes(envelope));
  encode_envelope(envelope, again);
  EXPECT_EQ(again.size(), block.size());
  EXPECT_EQ(decode(again).type(), "T");
  EXPECT_THAT(as_text(again), HasSubstr(std::string("\x0c\0\5\0\x63\1xyz", 9)));
}

// Somebody scribbles over the event between counting and writing.
TEST(EventAttributesTest, WhatChangesMeanwhileIsNoticedAndNothingIsWrittenBeyond) {
  for (std::size_t at = 4; at < 56; ++at) {
    auto block = with_unknown_fields();
    const auto envelope = decode(block);
    const EventAttributes attributes{.id = "id", .passed_on = &envelope};
    const auto bytes = *envelope_bytes({}, attributes);
    std::vector<std::byte> out(bytes + 64, std::byte{0x5a});
    block[at] = std::byte{0x7f};
    static_cast<void>(encode_envelope({}, attributes, std::span(out).first(bytes)));
    for (std::size_t i = bytes; i < out.size(); ++i) ASSERT_EQ(out[i], std::byte{0x5a});
  }
  auto block = with_unknown_fields();
  const auto envelope = decode(block);
  const EventAttributes attributes{.passed_on = &envelope};
  std::vector<std::byte> out(*envelope_bytes({}, attributes));
  block[6] = std::byte{0x30};  // a field grows
  EXPECT_FALSE(encode_envelope({}, attributes, out));
}

TEST(EventAttributesTest, MalformedFieldsAreReported) {
  const auto malformed = [](std::string fields) {
    std::string block("\0\0\1\0", 4);
    block += fields;
    block.resize((block.size() + 7) / 8 * 8);
    block[0] = static_cast<char>(block.size() & 0xff);
    block[1] = static_cast<char>(block.size() >> 8);
    return !decode_event({.flags = ipc::kExtended, .payload = as_bytes(block)});
  };
  const auto field = [](int tag, const std::string& data) {
    std::string out{static_cast<char>(tag), '\0', static_cast<char>(data.size() & 0xff),
                    static_cast<char>(data.size() >> 8)};
    return out + data;
  };
  EXPECT_FALSE(malformed(field(3, "type") + field(150, "") + field(150, "")));
  for (int tag = 1; tag < 12; ++tag) EXPECT_TRUE(malformed(field(tag, ""))) << "empty, tag " << tag;
  EXPECT_TRUE(malformed(field(3, "a") + field(3, "a"))) << "twice";
  EXPECT_TRUE(malformed(field(2, "i"))) << "an id without bytes";
  EXPECT_TRUE(malformed(field(2, "\x04id"))) << "an id of an unknown form";
  EXPECT_TRUE(malformed(field(10, "\x02short"))) << "a hash has 16 bytes";
  EXPECT_TRUE(malformed(field(11, "\x01" + std::string(256, 'c'))));
  EXPECT_TRUE(malformed(field(5, std::string(11, '\0'))));
  EXPECT_FALSE(malformed(field(5, std::string(12, '\0'))));
  EXPECT_TRUE(malformed(field(5, std::string(8, '\0') + "\xff\xff\xff\xff"))) << "no such nanosecond";
  EXPECT_TRUE(malformed(field(5, std::string(7, '\0') + "\x7f" + std::string(4, '\0')))) << "no such year";
  EXPECT_TRUE(malformed(field(8, std::string(25, '\0')))) << "ids of zeros";
  EXPECT_TRUE(malformed(field(8, std::string(24, 'a'))));
  EXPECT_FALSE(malformed(field(8, std::string(25, 'a'))));
  EXPECT_TRUE(malformed(field(9, std::string(513, 's'))));
  EXPECT_TRUE(malformed(field(3, std::string(kMaxAttributeBytes + 1, 't'))));
  for (const auto& data :
       {std::string("\3", 1), std::string("\3\0", 2), std::string("\3\2n", 3), std::string("\1\1n", 3),
        std::string("\1\1n\2", 4), std::string("\2\1n123", 6), std::string("\6\1n123", 6),
        std::string("\3\x41", 2) + std::string(70, 'n'), std::string("\3\1n") + std::string(8193, 'v')})
    EXPECT_TRUE(malformed(field(12, data))) << to_hex(as_bytes(data));
  EXPECT_FALSE(malformed(field(12, "\3\1n")));
  EXPECT_FALSE(malformed(field(12, "\x63\1nwhatever"))) << "of a later version";
  EXPECT_FALSE(malformed(field(12, std::string("\0\1n", 3)))) << "no type is 0 so far";
}

std::string refusal(const EventAttributes& attributes) {
  const auto checked = check(attributes);
  return checked ? "fine" : checked.error().message;
}

TEST(EventAttributesTest, CheckHasTheRulesOfCloudEvents) {
  EXPECT_EQ(refusal({}), "fine");
  EXPECT_EQ(refusal({.id = "a",
                     .type = "t",
                     .source = "/s",
                     .datacontenttype = "text/plain; charset=utf-8",
                     .dataschema = "urn:x:y",
                     .tracestate = "a=1"}),
            "fine");
  EXPECT_THAT(refusal({.id = "a\n"}), HasSubstr("attribute 'id': it has a control character"));
  EXPECT_THAT(refusal({.type = "\xff"}), HasSubstr("attribute 'type': it is not UTF-8"));
  EXPECT_THAT(refusal({.source = "a b"}), HasSubstr("attribute 'source': 'a b' is no URI-reference"));
  EXPECT_THAT(refusal({.datacontenttype = "json"}), HasSubstr("attribute 'datacontenttype': 'json' is no media type"));
  EXPECT_THAT(refusal({.dataschema = "/schema"}), HasSubstr("attribute 'dataschema': '/schema' is no absolute URI"));
  EXPECT_THAT(refusal({.tracestate = "a"}), HasSubstr("attribute 'tracestate'"));
  EXPECT_THAT(refusal({.correlation = "\x01"}), HasSubstr("attribute 'correlationid'"));
  EXPECT_THAT(refusal({.causation = "\xef\xbf\xbf"}),
              HasSubstr("attribute 'causationid': it has a control character, or"));
  const auto extension = [](std::string_view name, AttributeView value) {
    const Extension one[] = {{name, value}};
    return refusal({.extensions = one});
  };
  EXPECT_EQ(extension("abc123", 5), "fine");
  EXPECT_THAT(extension("Abc", 5), HasSubstr("lower-case letters"));
  EXPECT_THAT(extension("my_name", 5), HasSubstr("lower-case letters"));
  EXPECT_THAT(extension("data", 5), HasSubstr("no extension may have this name"));
  EXPECT_THAT(extension("x", AttributeView::uri("nowhere")), HasSubstr("no absolute URI"));
  const Extension twice[] = {{"a", 1}, {"a", 2}};
  EXPECT_THAT(refusal({.extensions = twice}), HasSubstr("attribute 'a': it is there twice"));
}

TEST(EventAttributesTest, MediaTypes) {
  for (const auto* json :
       {"application/json", "text/json", "application/cloudevents+json", "Application/JSON; charset=utf-8", "a/B+Json"})
    EXPECT_TRUE(is_json_media_type(json)) << json;
  for (const auto* other : {"", "json", "application/jsonp", "application/x-json", "text/plain"})
    EXPECT_FALSE(is_json_media_type(other)) << other;
  for (const auto* text : {"text/plain", "TEXT/csv", "application/xml", "image/svg+xml", "x/y; Charset=latin1"})
    EXPECT_TRUE(is_text_media_type(text)) << text;
  EXPECT_FALSE(is_text_media_type("application/octet-stream"));
  for (const auto* bad :
       {"a", "a/", "/b", "a/b/c", "a b/c", "a/b;", "a/b; c", "a/b; c=", "a/b; c=\"d", "a/b c", "a/b; =d"})
    EXPECT_FALSE(check_media_type("x", bad)) << bad;
  for (const auto* good : {"a/b", "a/b;c=d", "a/b ; c=\"d \\\" e\"; f=g", "application/vnd.apache.thrift.binary"})
    EXPECT_TRUE(check_media_type("x", good)) << good;
}

}  // namespace
}  // namespace fabric
