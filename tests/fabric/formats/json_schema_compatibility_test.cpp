// What a reader can make of a writer's data: one line per change, as `path rule` of each violation. The facts are those
// of Confluent's registry (strict), but for the lines under "deviations".
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "fabric/formats/formats.hpp"

namespace fabric::formats {
namespace {

constexpr const char* kDraft07 = "http://json-schema.org/draft-07/schema#";

std::shared_ptr<const contract::Schema> schema(const std::string& text, bool draft_07) {
  auto whole = text;
  if (draft_07) whole = std::string("{\"$schema\":\"") + kDraft07 + "\"" + (text == "{}" ? "" : ",") + text.substr(1);
  auto parsed = json_schema()->parse(whole);
  if (!parsed) ADD_FAILURE() << parsed.error().message << "\n" << whole;
  return parsed ? *parsed : nullptr;
}

struct Case {
  std::string writer, reader;
  std::string found;  // "path rule; path rule"; "": it reads all
};

std::string verdict(const Case& one, bool draft_07) {
  std::string found;
  for (const auto& violation : schema(one.reader, draft_07)->cannot_read(*schema(one.writer, draft_07))) {
    EXPECT_NE(violation.message, "") << violation.rule;
    found += (found.empty() ? "" : "; ") + violation.path + " " + violation.rule;
  }
  return found;
}

void expect(const std::vector<Case>& cases, bool draft_07 = false) {
  for (const auto& one : cases)
    EXPECT_EQ(verdict(one, draft_07), one.found) << "writer " << one.writer << "\nreader " << one.reader;
}

TEST(JsonSchemaCompatibility, TypesAndValues) {
  expect({
      {R"({"type":"string"})", "{}", ""},
      {R"({"type":"string"})", R"({"type":"number"})", "/type type-changed"},
      {R"({"type":"integer"})", R"({"type":"number"})", ""},
      {R"({"type":"number"})", R"({"type":"integer"})", "/type type-narrowed"},
      {R"({"type":"number","multipleOf":2})", R"({"type":"integer"})", ""},
      {R"({"type":["string","null"]})", R"({"type":["null","string","boolean"]})", ""},
      {R"({"type":["string","null"]})", R"({"type":"string"})", "/type type-narrowed"},
      {"{}", R"({"type":"string"})", "/type type-narrowed"},
      {"false", R"({"type":"string"})", ""},
      {"true", "false", " never-valid"},
      {R"({"enum":["a","b"]})", R"({"enum":["c","b","a"]})", ""},
      {R"({"enum":["a","b"]})", R"({"enum":["a"]})", "/enum enum-narrowed"},
      {R"({"type":"string"})", R"({"enum":["a"]})", "/enum enum-added"},
      {R"({"enum":["a","b"]})", R"({"type":"string","maxLength":1})", ""},
      {R"({"enum":["a","bb"]})", R"({"type":"string","maxLength":1})", " value-refused"},
      {R"({"const":1})", R"({"const":1.0})", ""},
      {R"({"const":1})", R"({"const":2})", "/const const-changed"},
      {R"({"type":"boolean"})", R"({"enum":[true,false,null]})", ""},
      {R"({"enum":[1,2,"x"],"type":"integer"})", R"({"maximum":2,"type":"integer"})", ""},
      {R"({"format":"date"})", R"({"format":"email"})", ""},
  });
}

TEST(JsonSchemaCompatibility, Numbers) {
  expect({
      {R"({"type":"number","minimum":5})", R"({"type":"number","minimum":4})", ""},
      {R"({"type":"number","minimum":5})", R"({"type":"number","minimum":6})", "/minimum minimum-increased"},
      {R"({"type":"number"})", R"({"type":"number","minimum":6})", "/minimum minimum-added"},
      {R"({"type":"number","maximum":5})", R"({"type":"number","maximum":4.5})", "/maximum maximum-decreased"},
      {R"({"type":"number","exclusiveMaximum":5})", R"({"type":"number","maximum":5})", ""},
      {R"({"type":"number","maximum":5})", R"({"type":"number","exclusiveMaximum":5})",
       "/exclusiveMaximum exclusive-maximum-decreased"},
      {R"({"type":"integer","exclusiveMinimum":0})", R"({"type":"integer","minimum":1})", ""},
      {R"({"type":"number","exclusiveMinimum":0})", R"({"type":"number","minimum":1})", "/minimum minimum-increased"},
      {R"({"type":"integer","maximum":4.5})", R"({"type":"integer","exclusiveMaximum":5})", ""},
      {R"({"type":"number","multipleOf":6})", R"({"type":"number","multipleOf":3})", ""},
      {R"({"type":"number","multipleOf":3})", R"({"type":"number","multipleOf":6})", "/multipleOf multiple-of-changed"},
      {R"({"type":"number","multipleOf":0.3})", R"({"type":"number","multipleOf":0.1})", ""},
      {R"({"type":"integer"})", R"({"type":"integer","multipleOf":0.5})", ""},
      {R"({"type":"number"})", R"({"type":"number","multipleOf":2})", "/multipleOf multiple-of-added"},
      {R"({"type":"string"})", R"({"type":"string","minimum":2})", ""},
  });
}

TEST(JsonSchemaCompatibility, Strings) {
  expect({
      {R"({"type":"string","minLength":2})", R"({"type":"string","minLength":1})", ""},
      {R"({"type":"string","minLength":2})", R"({"type":"string","minLength":3})", "/minLength min-length-increased"},
      {R"({"type":"string","maxLength":2})", R"({"type":"string","maxLength":1})", "/maxLength max-length-decreased"},
      {R"({"type":"string"})", R"({"type":"string","maxLength":1})", "/maxLength max-length-added"},
      {R"({"type":"string","pattern":"^a"})", R"({"type":"string"})", ""},
      {R"({"type":"string","pattern":"^a"})", R"({"type":"string","pattern":"^a|b"})", "/pattern pattern-changed"},
      {R"({"type":"string"})", R"({"type":"string","pattern":"a"})", "/pattern pattern-added"},
      {R"({"type":"string"})", R"({"type":"string","pattern":".*"})", ""},
  });
}

TEST(JsonSchemaCompatibility, ContentModels) {
  const std::string open = R"({"type":"object","properties":{"a":{"type":"string"}}})";
  const std::string closed = R"({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false})";
  const std::string partly =
      R"({"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"number"}})";
  const auto b = [](const std::string& type, const std::string& rest) {
    return R"({"type":"object","properties":{"a":{"type":"string"},"b":)" + type + "}" + rest + "}";
  };
  expect({
      {open, b(R"({"type":"string"})", ""), "/properties/b property-added-to-open-content-model"},
      {open, b("{}", ""), ""},
      {closed, b(R"({"type":"string"})", R"(,"additionalProperties":false)"), ""},
      {partly, b(R"({"type":"number"})", R"(,"additionalProperties":{"type":"number"})"), ""},
      {partly, b(R"({"type":"string"})", R"(,"additionalProperties":{"type":"number"})"),
       "/properties/b property-added-not-covered-by-partially-open-content-model"},
      {b(R"({"type":"string"})", ""), open, ""},
      {b(R"({"type":"string"})", R"(,"additionalProperties":false)"), closed,
       "/properties/b property-removed-from-closed-content-model"},
      {b("false", R"(,"additionalProperties":false)"), closed, ""},
      {b(R"({"type":"integer"})", R"(,"additionalProperties":false)"), partly, ""},
      {b(R"({"type":"string"})", R"(,"additionalProperties":false)"), partly,
       "/properties/b property-removed-not-covered-by-partially-open-content-model"},
      {open, closed, "/additionalProperties additional-properties-removed"},
      {open, partly, "/additionalProperties additional-properties-narrowed"},
      {partly, open, ""},
      {closed, partly, ""},
      {R"({"type":"object","patternProperties":{"^x":{"type":"integer"}},"additionalProperties":false})",
       R"({"type":"object","properties":{"x1":{"type":"number"},"y":{"type":"null"}}})", ""},
      {R"({"type":"object","patternProperties":{"^x":{"type":"integer"}},"additionalProperties":false})",
       R"({"type":"object","patternProperties":{"^x":{"type":"number"}},"additionalProperties":false})", ""},
      {R"({"type":"object"})", R"({"type":"object","patternProperties":{"^x":{"type":"number"}}})",
       "/patternProperties/^x pattern-property-narrowed"},
      {R"({"type":"object","properties":{"a":{}},"unevaluatedProperties":false})",
       R"({"type":"object","properties":{"a":{},"b":{"minimum":1}}})", ""},
      {closed, R"({"type":"object","properties":{"a":true,"b":true},"unevaluatedProperties":false})", ""},
      {open, R"({"type":"object","properties":{"a":true},"unevaluatedProperties":false})",
       "/unevaluatedProperties unevaluated-properties-removed"},
  });
}

TEST(JsonSchemaCompatibility, Objects) {
  expect({
      {R"({"type":"object","required":["a"]})", R"({"type":"object"})", ""},
      {R"({"type":"object"})", R"({"type":"object","required":["a"]})", "/required/a required-added"},
      {R"({"type":"object","required":["b"],"dependentRequired":{"b":["a"]}})", R"({"type":"object","required":["a"]})",
       ""},
      {R"({"type":"object","properties":{"a":{"type":"string"}}})",
       R"({"type":"object","properties":{"a":{"type":"integer"}}})", "/properties/a/type type-changed"},
      {R"({"type":"object","minProperties":2})", R"({"type":"object","minProperties":3})",
       "/minProperties min-properties-increased"},
      {R"({"type":"object","required":["a","b"]})", R"({"type":"object","minProperties":2})", ""},
      {R"({"type":"object","properties":{"a":{}},"additionalProperties":false})",
       R"({"type":"object","maxProperties":1})", ""},
      {R"({"type":"object"})", R"({"type":"object","maxProperties":1})", "/maxProperties max-properties-added"},
      {R"({"type":"object"})", R"({"type":"object","dependentRequired":{"a":["b"]}})",
       "/dependentRequired/a dependency-added"},
      {R"({"type":"object","dependentRequired":{"a":["b","c"]}})",
       R"({"type":"object","dependentRequired":{"a":["b"]}})", ""},
      {R"({"type":"object","dependentSchemas":{"a":{"minProperties":3}}})",
       R"({"type":"object","dependentSchemas":{"a":{"minProperties":2}}})", ""},
      {R"({"type":"object","dependentSchemas":{"a":{"minProperties":2}}})",
       R"({"type":"object","dependentSchemas":{"a":{"minProperties":3}}})",
       "/dependentSchemas/a/minProperties min-properties-increased"},
      {R"({"type":"object","propertyNames":{"maxLength":2}})", R"({"type":"object","propertyNames":{"maxLength":3}})",
       ""},
      {R"({"type":"object"})", R"({"type":"object","propertyNames":{"maxLength":3}})",
       "/propertyNames property-names-narrowed"},
      {R"({"type":"object","properties":{"ab":{}},"additionalProperties":false})",
       R"({"type":"object","propertyNames":{"maxLength":3}})", ""},
  });
}

TEST(JsonSchemaCompatibility, Arrays) {
  expect({
      {R"({"type":"array","items":{"type":"integer"}})", R"({"type":"array","items":{"type":"number"}})", ""},
      {R"({"type":"array","items":{"type":"number"}})", R"({"type":"array","items":{"type":"integer"}})",
       "/items/type type-narrowed"},
      {R"({"type":"array"})", R"({"type":"array","items":{"type":"integer"}})", "/items items-added"},
      {R"({"type":"array","prefixItems":[{"type":"integer"}],"items":false})",
       R"({"type":"array","prefixItems":[{},{"type":"string"}]})", ""},
      {R"({"type":"array","prefixItems":[{"type":"integer"}]})",
       R"({"type":"array","prefixItems":[{},{"type":"string"}]})", "/prefixItems/1 item-added-to-open-content-model"},
      {R"({"type":"array","prefixItems":[{},{}],"items":false})",
       R"({"type":"array","prefixItems":[{}],"items":false})", "/items item-removed-from-closed-content-model"},
      {R"({"type":"array","prefixItems":[{}]})", R"({"type":"array","prefixItems":[{}],"items":false})",
       "/items additional-items-removed"},
      {R"({"type":"array","maxItems":1,"prefixItems":[{}]})", R"({"type":"array","prefixItems":[{}],"items":false})",
       ""},
      {R"({"type":"array","minItems":2})", R"({"type":"array","minItems":3})", "/minItems min-items-increased"},
      {R"({"type":"array"})", R"({"type":"array","uniqueItems":true})", "/uniqueItems unique-items-added"},
      {R"({"type":"array","maxItems":1})", R"({"type":"array","uniqueItems":true})", ""},
      {R"({"type":"array","contains":{"type":"integer"}})", R"({"type":"array","contains":{"type":"number"}})", ""},
      {R"({"type":"array","contains":{"type":"number"}})", R"({"type":"array","contains":{"type":"integer"}})",
       "/contains contains-narrowed"},
      {R"({"type":"array","items":{"const":1},"minItems":1})", R"({"type":"array","contains":{"type":"integer"}})", ""},
      {R"({"type":"array","contains":{"const":1},"maxContains":2})",
       R"({"type":"array","contains":{"const":1},"maxContains":1})", "/maxContains max-contains-decreased"},
  });
  expect(
      {
          {R"({"type":"array","items":[{"type":"integer"}],"additionalItems":false})",
           R"({"type":"array","items":[{},{"type":"string"}]})", ""},
          {R"({"type":"array","items":[{}],"additionalItems":true})",
           R"({"type":"array","items":[{}],"additionalItems":false})", "/additionalItems additional-items-removed"},
          {R"({"type":"object","dependencies":{"a":["b"]}})",
           R"({"type":"object","dependencies":{"a":["b"],"c":["a"]}})", "/dependentRequired/c dependency-added"},
      },
      true);
}

TEST(JsonSchemaCompatibility, SumsAndProducts) {
  expect({
      {R"({"type":"string"})", R"({"oneOf":[{"type":"string"},{"type":"number"}]})", ""},
      {R"({"oneOf":[{"type":"string"},{"type":"integer"}]})",
       R"({"oneOf":[{"type":"null"},{"type":"number"},{"type":"string"}]})", ""},
      {R"({"anyOf":[{"type":"string"},{"type":"integer"}]})", R"({"type":["string","number"]})", ""},
      {R"({"type":["string","number"]})", R"({"anyOf":[{"type":"string"},{"type":"number"}]})", ""},
      {R"({"oneOf":[{"type":"string"},{"type":"integer"}]})", R"({"oneOf":[{"type":"string"}]})",
       "/oneOf/0/type type-narrowed"},
      {R"({"anyOf":[{"type":"string"},{"type":"null"},{"type":"array"}]})",
       R"({"anyOf":[{"type":"string"},{"type":"null"}]})", "/anyOf any-of-not-covered"},
      {R"({"allOf":[{"minimum":1},{"maximum":5}],"type":"integer"})", R"({"type":"integer","minimum":0,"maximum":6})",
       ""},
      {R"({"type":"integer","minimum":0,"maximum":6})", R"({"allOf":[{"minimum":1},{"maximum":5}],"type":"integer"})",
       "/allOf/0/minimum minimum-increased; /allOf/1/maximum maximum-decreased"},
      {R"({"anyOf":[{"type":"object","required":["a"]},{"type":"object","required":["b"]}]})",
       R"({"type":"object","minProperties":1})", ""},
      {R"({"not":{"type":"string"}})", R"({"not":{"type":"string","minLength":3}})", ""},
      {R"({"not":{"type":"string","minLength":3}})", R"({"not":{"type":"string"}})", "/not not-extended"},
      {R"({"type":"integer"})", R"({"not":{"type":"string"}})", ""},
      {R"({"if":{"minimum":3},"then":{"multipleOf":4},"type":"integer"})",
       R"({"if":{"minimum":3},"then":{"multipleOf":2},"type":"integer"})", ""},
      {R"({"type":"integer"})", R"({"if":{"minimum":3},"then":{"multipleOf":2},"type":"integer"})",
       "/then condition-changed"},
      {R"({"type":"integer","maximum":2})", R"({"if":{"minimum":3},"then":{"multipleOf":2},"type":"integer"})", ""},
      {R"({"oneOf":[{"properties":{"kind":{"const":"a"}},"required":["kind"]},{"properties":{"kind":{"const":"b"}},"required":["kind"]}],"type":"object"})",
       R"({"oneOf":[{"properties":{"kind":{"const":"a"}},"required":["kind"]},{"properties":{"kind":{"const":"b"}},"required":["kind"]},
           {"properties":{"kind":{"const":"c"}},"required":["kind"]}],"type":"object"})",
       ""},
  });
}

// T0 and T1 have an "id" of these types and a member that leads to T2, and T2 one back to T0: the types differ behind a
// cycle.
std::string cyclic(const std::string& first, const std::string& second) {
  const auto one = [](const std::string& type, const std::string& target) {
    return R"({"type":"object","properties":{"id":{"type":")" + type + R"("},"next":{"oneOf":[{"$ref":"#/$defs/)" +
           target + "\"}]}}}";
  };
  return R"({"type":"object","properties":{"node":{"oneOf":[{"$ref":"#/$defs/T0"},{"$ref":"#/$defs/T1"}]}},"$defs":{"T0":)" +
         one(first, "T2") + ",\"T1\":" + one(second, "T2") + ",\"T2\":" + one("integer", "T0") + "}}";
}

TEST(JsonSchemaCompatibility, RecursionEndsAndHidesNothing) {
  const auto list = [](const std::string& type) {
    return R"({"$ref":"#/$defs/list","$defs":{"list":{"type":"object","properties":{"value":{"type":")" + type +
           R"("},"next":{"$ref":"#/$defs/list"}},"additionalProperties":false}}})";
  };
  expect({
      {list("integer"), list("number"), ""},
      {list("number"), list("integer"), "/$defs/list/properties/value/type type-narrowed"},
      {R"({"type":"object","required":["next"],"properties":{"next":{"$ref":"#"}}})", "false",
       ""},  // there is no such value
      {cyclic("integer", "boolean"), cyclic("boolean", "number"), "/properties/node/oneOf one-of-not-covered"},
  });
}

// Twelve types, each with two members that may be any of the twelve: what is compared must not be compared for every
// way that leads to it.
TEST(JsonSchemaCompatibility, ManyTypesThatReferToEachOther) {
  std::string choice, definitions;
  for (int i = 0; i < 12; ++i)
    choice += (i == 0 ? "" : ",") + std::string(R"({"$ref":"#/$defs/T)") + std::to_string(i) + "\"}";
  const auto all = [&](const std::string& type) {
    std::string text;
    for (int i = 0; i < 12; ++i)
      text += (i == 0 ? "\"T" : ",\"T") + std::to_string(i) +
              R"(":{"type":"object","required":["kind"],"properties":{"kind":{"const":")" + std::to_string(i) +
              R"("},"amount":{"type":")" + type + R"("},"one":{"oneOf":[)" + choice + R"(]},"other":{"oneOf":[)" +
              choice + "]}}}";
    return R"({"oneOf":[)" + choice + R"(],"$defs":{)" + text + "}}";
  };
  EXPECT_EQ(verdict({all("integer"), all("number"), ""}, false), "");
  EXPECT_NE(verdict({all("number"), all("integer"), ""}, false), "");
}

TEST(JsonSchemaCompatibility, DeviationsFromConfluent) {
  expect({
      // Required with a default: validators do not fill in defaults, so an old document fails.
      {R"({"type":"object","properties":{"a":{"type":"string"}}})",
       R"({"type":"object","properties":{"a":{"type":"string","default":"x"}},"required":["a"]})",
       "/required/a required-with-default-added"},
      // Required without being declared.
      {R"({"type":"object"})", R"({"type":"object","required":["z"]})", "/required/z required-added"},
      // oneOf whose alternatives overlap: an integer is both.
      {R"({"type":"integer"})", R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "/oneOf one-of-ambiguous"},
      // Alternatives that only together cover the writer's.
      {R"({"type":["string","integer"]})", R"({"oneOf":[{"type":"string"},{"type":"integer"}]})", ""},
      {R"({"enum":["a","b"]})", R"({"type":"string"})", ""},
      {R"({"const":"a"})", R"({"enum":["a","b"]})", ""},
      {R"({"type":"integer","minimum":1})", R"({"type":"integer","exclusiveMinimum":0})", ""},
      // No object meets either schema, so nobody writes the member.
      {R"({"dependentSchemas":{"a":{"type":"string"}}})", R"({"dependentSchemas":{"a":{"type":"number"}}})", ""},
      // Keywords that are not compared there.
      {R"({"type":"array"})", R"({"type":"array","contains":{"type":"integer"}})", "/contains contains-narrowed"},
      {R"({"type":"integer"})", R"({"if":true,"then":{"minimum":1},"type":"integer"})", "/then condition-changed"},
  });
  expect({{R"({"additionalItems":true})", R"({"additionalItems":false})", ""}},
         true);  // without a list `items` it says nothing
}

}  // namespace
}  // namespace fabric::formats
