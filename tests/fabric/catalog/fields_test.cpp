// Which fields schemas have.
#include "fabric/catalog/fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fabric/catalog/catalog_fixture.hpp"

namespace fabric::catalog::testing {
namespace {

using ::testing::ElementsAre;

TEST(CatalogFields, JsonSchemaThroughReferencesArraysAndCombinations) {
  const auto list = json_schema_fields(read_text(source_path("fabric/catalog/shop/schemas/order_placed.json")));
  ASSERT_TRUE(list);
  EXPECT_THAT(list->paths(), ElementsAre("order_id", "customer_id", "placed_at", "total", "total.amount",
                                         "total.currency", "lines", "lines[].sku", "lines[].quantity", "lines[].price",
                                         "lines[].price.amount", "lines[].price.currency", "coupon"));
  EXPECT_EQ(list->fields[2].type, "string (date-time)");
  EXPECT_TRUE(list->fields[0].required);
  EXPECT_FALSE(list->fields[2].required);
  EXPECT_TRUE(list->has("lines[].price.amount"));
  EXPECT_TRUE(list->has("lines[]"));
  EXPECT_FALSE(list->has("lines.sku")) << "a list has elements";
  EXPECT_FALSE(list->has("total.vat"));
  EXPECT_FALSE(list->has("order"));
}

TEST(CatalogFields, WhatASchemaCannotNameIsOpen) {
  const auto list = json_schema_fields(R"({"allOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["a"]}],
      "properties": {"map": {"type": "object", "additionalProperties": {"type": "string"}}, "far": {"$ref": "https://x/y"}, "any": {},
                     "closed": {"type": "object", "additionalProperties": false}}})");
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->has("a"));
  EXPECT_TRUE(list->has("map.anything"));
  EXPECT_TRUE(list->has("far.anything.deep"));
  EXPECT_TRUE(list->has("any.thing"));
  EXPECT_FALSE(list->has("closed.thing"));
  EXPECT_FALSE(list->has("a.thing"));
  EXPECT_FALSE(list->has("other"));
  EXPECT_TRUE(json_schema_fields(R"({"$ref": "https://elsewhere/x"})")->has("anything"));
}

TEST(CatalogFields, SchemasThatGoInCirclesEnd) {
  const auto circle = json_schema_fields(R"({"properties": {"next": {"$ref": "#"}, "value": {"type": "integer"}}})");
  ASSERT_TRUE(circle);
  EXPECT_TRUE(circle->has("next.next.value"));
  std::string many = R"({"$defs": {"a": {"allOf": [)";
  for (int i = 0; i < 50; ++i) many += std::string(i == 0 ? "" : ",") + R"({"$ref": "#/$defs/a"})";
  EXPECT_TRUE(json_schema_fields(many + R"(]}}, "$ref": "#/$defs/a"})"));
  EXPECT_TRUE(
      json_schema_fields(R"({"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}})"));
}

TEST(CatalogFields, NativeStructs) {
  const auto list = native_fields(R"({"name": "shop::Order", "size": 48, "required": 8, "fields": [
      {"name": "id", "type": "u64", "offset": 0},
      {"name": "legs", "type": "struct", "array": [2], "offset": 8, "struct": {"name": "L", "size": 8, "fields": [{"name": "x", "type": "f64", "offset": 0}]}}]})");
  ASSERT_TRUE(list);
  EXPECT_THAT(list->paths(), ElementsAre("id", "legs", "legs[].x"));
  EXPECT_EQ(list->fields[1].type, "struct[2]");
  EXPECT_TRUE(list->fields[0].required);
  EXPECT_FALSE(list->fields[1].required);
}

TEST(CatalogFields, TextThatIsNoSchemaAndFormatsThatNobodyReads) {
  for (const auto* text : {"", "[]", "{", "nonsense", "\xff"}) EXPECT_FALSE(json_schema_fields(text)) << text;
  EXPECT_FALSE(native_fields("{}"));
  FieldListers listers;
  EXPECT_FALSE(listers.list({.format = contract::Format::protobuf, .text = "message A {}"}));
  listers.add(contract::Format::protobuf, [](std::string_view) { return FieldList{.fields = {{.path = "x"}}}; });
  EXPECT_TRUE(listers.list({.format = contract::Format::protobuf, .text = "message A {}"})->has("x"));
}

}  // namespace
}  // namespace fabric::catalog::testing
