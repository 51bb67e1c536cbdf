// The conformance suite for JSON Schema.
#include <string>

#include "fabric/formats/formats.hpp"
#include "tests/fabric/contract/conformance.hpp"

namespace fabric::contract::testing {
namespace {

std::vector<std::byte> bytes(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

constexpr const char* kOrder =
    R"({"title":"Order","type":"object","required":["id","amount"],"properties":{"amount":{"type":"number","minimum":0},
  "id":{"type":"string","pattern":"^[a-z]+-[0-9]+$"},"items":{"type":"array","items":{"$ref":"#/$defs/item"}}},
  "$defs":{"item":{"type":"object","properties":{"sku":{"type":"string"},"count":{"type":"integer","minimum":1}},"required":["sku"]}}})";
constexpr const char* kClosed =
    R"({"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false})";
constexpr const char* kClosedWithB =
    R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"additionalProperties":false})";
constexpr const char* kOpen = R"({"type":"object","properties":{"a":{"type":"integer"}}})";
constexpr const char* kOpenWithB = R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}}})";

std::vector<Sample> samples() {
  return {
      {"order", kOrder, R"({"amount":12.5,"id":"o-1","items":[{"count":2,"sku":"x"},{"sku":"y"}],"note":null})"},
      {"draft-07",
       R"({"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"integer"}],"additionalItems":{"enum":["a","b"]}})",
       R"([18446744073709551615,"a","b"])"},
      {"recursive", R"({"$defs":{"tree":{"properties":{"left":{"$ref":"#/$defs/tree"},"right":{"$ref":"#/$defs/tree"}},
        "unevaluatedProperties":{"type":"integer"}}},"$ref":"#/$defs/tree"})",
       R"({"left":{"left":{},"value":1},"right":{"right":{"value":-3}}})"},
      {"choice", R"({"oneOf":[{"properties":{"kind":{"const":"card"},"number":{"type":"string"}},"required":["kind"]},
        {"properties":{"kind":{"const":"cash"}},"required":["kind"],"not":{"required":["number"]}}]})",
       R"({"kind":"card","number":"42"})"},
      {"true", "true", "[1.5,{\"x\":null}]"},
  };
}

std::vector<Change> changes() {
  return {
      {.name = "property added to a closed model",
       .old_schema = kClosed,
       .new_schema = kClosedWithB,
       .old_reads_new = {"property-removed-from-closed-content-model"},
       .old_json = R"({"a":1})"},
      {.name = "property added to an open model",
       .old_schema = kOpen,
       .new_schema = kOpenWithB,
       .new_reads_old = {"property-added-to-open-content-model"},
       .old_reads_new = {},
       .new_json = R"({"a":1,"b":"x"})"},
      {.name = "model opened",
       .old_schema = kClosed,
       .new_schema = kOpen,
       .old_reads_new = {"additional-properties-removed"},
       .old_json = R"({"a":1})"},
      {.name = "required added",
       .old_schema = kOpen,
       .new_schema = R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]})",
       .new_reads_old = {"required-added"},
       .new_json = R"({"a":1})"},
      {.name = "type extended",
       .old_schema = R"({"type":"integer"})",
       .new_schema = R"({"type":["number","null"]})",
       .old_reads_new = {"type-narrowed"},
       .old_json = "3"},
      {.name = "enumeration extended",
       .old_schema = R"({"enum":["a","b"]})",
       .new_schema = R"({"enum":["a","b","c"]})",
       .old_reads_new = {"enum-narrowed"},
       .old_json = "\"a\""},
      {.name = "only words",
       .old_schema = kOpen,
       .new_schema = R"({"type":"object","description":"?","properties":{"a":{"type":"integer","title":"A"}}})",
       .old_json = R"({"a":1})",
       .new_json = R"({"a":2,"z":[]})"},
  };
}

Conformance json_schema_examples() {
  const std::string with_b =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"items":{"type":"number"}}},"required":["a"]})";
  return {
      .format = formats::json_schema(),
      .samples = samples(),
      .changes = changes(),
      .round_trips = {{"unknown fields", kOpen, with_b, R"({"a":1,"b":[1,2.5]})", R"({"a":7})",
                       R"({"a":7,"b":[1,2.5]})"},
                      {"a field removed", kOpen, kOpenWithB, R"({"a":1,"b":"x"})", R"({"a":null})", R"({"b":"x"})"}},
      .spellings = {{R"({"type":"object","minProperties":1})",
                     "{ \"minProperties\" : 1.0,\n\"$comment\":\"one\", \"type\":\"object\" }"},
                    {R"({"enum":["\u0061"]})", R"({"enum":["a"]})"}},
      .bad_schemas = {{R"({"type":"strin"})", "/type: \"strin\""},
                      {"{", "line 1"},
                      {R"({"$ref":"other.json"})", "not in this document"},
                      {R"({"pattern":"("})", "regular expression"}},
      .bad_json = {{kClosed, R"({"a":1,"c":2})", "/c: additionalProperties"},
                   {kClosed, R"({"a":"1"})", "/a: type"},
                   {kClosed, R"({"a":1,"a":2})", "twice"},
                   {kClosed, R"({"a":36893488147419103232})", "beyond 64 bits"}},
      .bad_payloads = {{"cut", kClosed, bytes(R"({"a":)"), "ends too early"},
                       {"not UTF-8", "true", bytes("\"\xff\""), "line 1"},
                       {"empty", "true", {}, "ends too early"},
                       {"of another type", kClosed, bytes("[]"), "type"}},
  };
}

EVF_SCHEMA_CONFORMANCE(JsonSchema, json_schema_examples);

}  // namespace
}  // namespace fabric::contract::testing
