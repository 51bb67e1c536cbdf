// JSON Schema: what is refused and how it is said, normal form, values against both drafts, hostile payloads, edits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "fabric/formats/formats.hpp"

namespace fabric::formats {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const contract::Schema> schema(const std::string& text) {
  auto parsed = json_schema()->parse(text);
  if (!parsed) ADD_FAILURE() << parsed.error().message << "\n" << text;
  return parsed ? *parsed : nullptr;
}

std::string draft_07(const std::string& members) {
  return R"({"$schema":"http://json-schema.org/draft-07/schema#",)" + members + "}";
}

std::string refusal(const std::string& text) {
  const auto parsed = json_schema()->parse(text);
  return parsed ? "parsed" : parsed.error().message;
}

std::span<const std::byte> bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// "" or the error.
std::string check(const std::string& text, std::string_view payload) {
  const auto valid = schema(text)->validate(bytes(payload));
  return valid ? "" : valid.error().message;
}

TEST(JsonSchemaTest, TheDraftDecides) {
  EXPECT_EQ(refusal(R"({"$schema":"http://json-schema.org/draft-04/schema#"})"),
            "/$schema: schemas of \"http://json-schema.org/draft-04/schema#\" are not supported; "
            "http://json-schema.org/draft-07/schema# and https://json-schema.org/draft/2020-12/schema are");
  EXPECT_EQ(refusal(R"({"dependencies":{}})"),
            "/dependencies: is a keyword of draft-07; 2020-12 has dependentRequired and dependentSchemas instead");
  EXPECT_EQ(refusal(R"({"items":[{}]})"),
            "/items: a list of schemas is draft-07's form; 2020-12 has prefixItems for it");
  EXPECT_EQ(refusal(draft_07(R"("unevaluatedProperties":false)")),
            "/unevaluatedProperties: is a keyword of 2020-12, this schema is draft-07 ($schema says which)");
  EXPECT_EQ(refusal(draft_07(R"("items":[{}],"dependencies":{"a":["b"]})")), "parsed");
  EXPECT_EQ(refusal(R"({"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{}]})"), "parsed");
  EXPECT_THAT(refusal(R"({"$recursiveRef":"#"})"), HasSubstr("2019-09"));
}

TEST(JsonSchemaTest, WrongKeywordsAreRefusedWithTheirPlace) {
  EXPECT_THAT(refusal("{\"type\":\n \"string\""), HasSubstr("line 2, column"));
  EXPECT_EQ(refusal("[]"), "a JSON Schema is an object, true or false");
  EXPECT_EQ(refusal(R"({"properties":{"a/b":{"type":"text"}}})"),
            "/properties/a~1b/type: \"text\" is none of array, boolean, integer, null, number, object, string");
  EXPECT_EQ(refusal(R"({"minLength":-1})"), "/minLength: has to be a whole number of at least 0, not -1");
  EXPECT_EQ(refusal(R"({"multipleOf":0})"), "/multipleOf: has to be above 0, not 0");
  EXPECT_EQ(refusal(R"({"required":["a","a"]})"), "/required: \"a\" is there twice");
  EXPECT_EQ(refusal(R"({"anyOf":[]})"), "/anyOf: must not be empty");
  EXPECT_EQ(refusal(R"({"allOf":[{},3]})"), "/allOf: has to hold schemas (objects, true or false), not 3");
  EXPECT_EQ(refusal(R"({"maximum":1e999})"), "the number at offset 11 is beyond 64 bits or the range of a double");
  EXPECT_EQ(refusal(R"({"maxItems":2.0})"), "parsed");
}

TEST(JsonSchemaTest, AMisspeltConstraintIsRefused) {
  EXPECT_EQ(refusal(R"({"requierd":["a"]})"), "/requierd: no keyword has this name; required is one");
  EXPECT_EQ(refusal(R"({"minlength":1})"), "/minlength: no keyword has this name; minLength is one");
  EXPECT_EQ(refusal(R"({"x-owner":"billing","javaType":"Order"})"), "parsed");
}

TEST(JsonSchemaTest, RegularExpressionsAreChecked) {
  EXPECT_THAT(refusal(R"({"pattern":"(a"})"), HasSubstr("missing )"));
  EXPECT_THAT(refusal(R"({"pattern":"(?=a)b"})"), HasSubstr("look-around is not supported"));
  EXPECT_THAT(refusal(R"({"patternProperties":{"(a)\\1":{}}})"), HasSubstr("back-references are not supported"));
  EXPECT_EQ(check(R"({"pattern":"^\\p{Letter}+\\s\\d{2}$"})",
                  "\"\xc3\xa4\xc2\xa0"
                  "12\""),
            "");
  EXPECT_EQ(check(R"({"pattern":"^[\\s\\S]$"})", "\"\\n\""), "");
  EXPECT_EQ(check(R"({"pattern":"^\\ud83d\\ude00[^]\\/$"})", "\"\xf0\x9f\x98\x80x/\""), "");
  EXPECT_NE(check(R"({"pattern":"a$"})", "\"a\\n\""), "");
  EXPECT_NE(check(R"({"pattern":"^.$"})", "\"\\n\""), "");
  EXPECT_NE(check(R"({"pattern":"^[[:alpha:]]$"})", "\"q\""), "");
}

TEST(JsonSchemaTest, ReferencesStayInTheDocument) {
  EXPECT_EQ(refusal(R"({"$ref":"https://example.com/order.json"})"),
            "/$ref: \"https://example.com/order.json\" is not in this document, and schemas are not fetched; put it "
            "into $defs");
  EXPECT_EQ(refusal(R"({"properties":{"a":{"$ref":"#/$defs/b"}}})"),
            "/properties/a/$ref: there is no schema at \"#/$defs/b\"");
  EXPECT_EQ(refusal(R"({"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#"}]}}})"),
            "refers back to itself for the same value: validation would not end");
  EXPECT_EQ(refusal(draft_07(R"("properties":{"a":{"$ref":"#","maxLength":3}})")),
            "/properties/a/maxLength: draft-07 ignores what stands beside $ref; say both in an allOf");
  const auto* nested =
      R"({"$id":"https://example.com/a/","items":{"$ref":"b.json#x"},"$defs":{"b":{"$id":"b.json","$anchor":"y",
                          "$defs":{"x":{"$anchor":"x","type":"string"}}}}})";
  EXPECT_EQ(check(nested, R"(["a"])"), "");
  EXPECT_EQ(check(nested, R"([1])"), "/0: type: is of type integer, has to be string (schema: /$defs/b/$defs/x/type)");
}

TEST(JsonSchemaTest, NormalForm) {
  const auto one = schema(
      R"({ "title":"Order", "maximum": 1e1, "$comment":"?", "properties":{"b":{"const":1.0},"$comment":{"minimum":-0.0}} })");
  EXPECT_EQ(one->canonical(),
            R"({"maximum":10,"properties":{"$comment":{"minimum":0},"b":{"const":1}},"title":"Order"})");
  EXPECT_EQ(one->name(), "Order");
  EXPECT_EQ(schema(R"({"$id":"https://example.com/order"})")->name(), "https://example.com/order");
  EXPECT_EQ(schema("true")->name(), "");
}

TEST(JsonSchemaTest, ErrorsNameThePlaceAndTheRule) {
  const auto* order =
      R"({"type":"object","required":["id"],"additionalProperties":false,"properties":{"id":{"type":"string","minLength":2},
                         "items":{"items":{"properties":{"price":{"minimum":0}}}}}})";
  EXPECT_EQ(check(order, R"({"id":"x7"})"), "");
  EXPECT_EQ(check(order, "{}"), "the payload: required: \"id\" is missing (schema: /required)");
  EXPECT_EQ(check(order, R"({"id":"x"})"),
            "/id: minLength: has 1 characters, at least 2 are needed (schema: /properties/id/minLength)");
  EXPECT_EQ(check(order, R"({"id":"xy","a~b":1})"),
            "/a~0b: additionalProperties: this member is not allowed (schema: /additionalProperties)");
  EXPECT_EQ(check(order, R"({"id":"xy","items":[{},{"price":-1}]})"),
            "/items/1/price: minimum: -1 is below 0 (schema: /properties/items/items/properties/price/minimum)");
  EXPECT_EQ(check(R"({"oneOf":[{"type":"number"},{"minimum":3}]})", "4"),
            "the payload: oneOf: is both alternative 0 and 1 (schema: /oneOf)");
  EXPECT_THAT(check(order, "{\"id\":\n"), HasSubstr("line 2"));
}

TEST(JsonSchemaTest, NumbersAreExact) {
  EXPECT_EQ(check(R"({"multipleOf":0.01})", "4.35"), "");
  EXPECT_NE(check(R"({"multipleOf":0.01})", "4.351"), "");
  EXPECT_EQ(check(R"({"multipleOf":1e-8})", "12391239123"), "");
  EXPECT_NE(check(R"({"maximum":9007199254740992})", "9007199254740993"), "");
  EXPECT_NE(check(R"({"const":9007199254740992})", "9007199254740993"), "");
  EXPECT_EQ(check(R"({"enum":[[{"a":1.0}]]})", R"([{"a":1}])"), "");
  EXPECT_EQ(check(R"({"type":"integer"})", "1e300"), "");
  EXPECT_NE(check(R"({"uniqueItems":true})", R"([{"a":1,"b":2},{"b":2.0,"a":1e0}])"), "");
  EXPECT_EQ(check(R"({"uniqueItems":true})", R"([0,false,null,"",[],{}])"), "");
  // What cannot be passed on as it came is not let in.
  EXPECT_THAT(check("true", "[123456789012345678901]"), HasSubstr("beyond 64 bits"));
  EXPECT_THAT(check("true", "[1e999]"), HasSubstr("beyond 64 bits or the range of a double"));
  EXPECT_EQ(check("true", R"(["123456789012345678901",18446744073709551615,-9223372036854775808,1e-999])"), "");
}

TEST(JsonSchemaTest, UnevaluatedSeesThroughWhatHolds) {
  const auto* text =
      R"({"anyOf":[{"required":["a"],"properties":{"a":true}},{"properties":{"b":true}}],"properties":{"c":true},
                        "unevaluatedProperties":false})";
  EXPECT_EQ(check(text, R"({"a":1,"c":1})"), "");
  EXPECT_EQ(check(text, R"({"b":1,"c":1})"), "");
  EXPECT_THAT(check(text, R"({"b":1,"d":1})"), HasSubstr("/d: unevaluatedProperties"));
  EXPECT_NE(check(R"({"prefixItems":[true],"contains":{"const":1},"unevaluatedItems":false})", "[0,1,2]"), "");
  EXPECT_EQ(check(R"({"prefixItems":[true],"contains":{"const":1},"unevaluatedItems":false})", "[0,1,1]"), "");
}

TEST(JsonSchemaTest, ADynamicReferenceMeansTheOutermostAnchor) {
  const auto* tree =
      R"({"$id":"https://example.com/strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false,
    "$defs":{"tree":{"$id":"tree","$dynamicAnchor":"node","properties":{"children":{"items":{"$dynamicRef":"#node"}}}}}})";
  EXPECT_EQ(check(tree, R"({"children":[{"children":[]}]})"), "");
  EXPECT_THAT(check(tree, R"({"children":[{"kids":[]}]})"), HasSubstr("/children/0/kids"));
}

TEST(JsonSchemaTest, HostilePayloadsAreErrors) {
  const auto* recursive = R"({"items":{"$ref":"#"},"additionalProperties":{"$ref":"#"}})";
  EXPECT_EQ(check(recursive, std::string(120, '[') + std::string(120, ']')), "");
  EXPECT_NE(check(recursive, std::string(100'000, '[')), "");
  // Nested quantifiers over a long text: exponential in a backtracking matcher, and a deep recursion in std::regex.
  EXPECT_NE(check(R"({"pattern":"^(a+)+$"})", "\"" + std::string(200'000, 'a') + "b\""), "");
  EXPECT_EQ(check(R"({"pattern":"^(a|b|ab)*$"})", "\"" + std::string(200'000, 'a') + "\""), "");
  // 2^40 ways through the schema.
  std::string doubling = R"({"$ref":"#/$defs/d40","$defs":{"d0":true)";
  for (int i = 1; i <= 40; ++i) {
    const auto below = R"({"$ref":"#/$defs/d)" + std::to_string(i - 1) + "\"}";
    doubling += ",\"d" + std::to_string(i) + R"(":{"allOf":[)" + below + "," + below + "]}";
  }
  EXPECT_THAT(check(doubling + "}}", "1"), HasSubstr("too much work"));
  std::string members = "{\"a\":0";
  for (int i = 0; i < 100'000; ++i) members += ",\"k" + std::to_string(i) + "\":" + std::to_string(i);
  EXPECT_EQ(check(R"({"additionalProperties":{"type":"integer"}})", members + "}"), "");
  std::string elements = "[0";
  for (int i = 1; i < 50'000; ++i) elements += "," + std::to_string(i);
  EXPECT_EQ(check(R"({"uniqueItems":true})", elements + "]"), "");
  EXPECT_NE(check("true", "\"\xff\""), "");
  EXPECT_NE(check("true", ""), "");
}

TEST(JsonSchemaTest, ExhaustionIsNotTakenForAFailureThatNotWants) {
  std::string doubling = R"({"not":{"$ref":"#/$defs/d40"},"$defs":{"d0":true)";
  for (int i = 1; i <= 40; ++i) {
    const auto below = R"({"$ref":"#/$defs/d)" + std::to_string(i - 1) + "\"}";
    doubling += ",\"d" + std::to_string(i) + R"(":{"allOf":[)" + below + "," + below + "]}";
  }
  EXPECT_THAT(check(doubling + "}}", "1"), HasSubstr("too much work"));
}

TEST(JsonSchemaTest, Edits) {
  const auto order = schema(R"({"properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]})");
  const auto edit = [&](std::string_view payload, std::string_view patch) {
    const auto edited = order->edit(bytes(payload), patch);
    if (!edited) return std::string(to_string(edited.error().code)) + ": " + edited.error().message;
    return std::string(reinterpret_cast<const char*>(edited->data()), edited->size());
  };
  EXPECT_EQ(edit(R"({ "new":[1.5,{"x":1e2}], "a":1, "b":"x" })", R"({"a":2,"b":null})"),
            R"({"new":[1.5,{"x":100.0}],"a":2})");
  EXPECT_THAT(edit(R"({"a":1})", R"({"a":null})"), HasSubstr("\"a\" is missing"));
  EXPECT_THAT(edit(R"({"a":1})", R"({"a":"x"})"), HasSubstr("/a: type"));
  EXPECT_THAT(edit(R"({"a":"x"})", "{}"), HasSubstr("/a: type"));
  EXPECT_EQ(order->edit(bytes(R"({"a":1})"), "{").error().code, ipc::ErrorCode::invalid_argument);
  EXPECT_EQ(order->edit(bytes("{"), "{}").error().code, ipc::ErrorCode::corrupt);
  EXPECT_EQ(order->to_json(bytes(R"({ "b":"x", "a":1.0 })")).value(), R"({"a":1.0,"b":"x"})");
}

}  // namespace
}  // namespace fabric::formats
