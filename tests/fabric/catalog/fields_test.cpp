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

// What a consumer of Protobuf may say that it reads.
TEST(CatalogFields, Protobuf) {
  const FieldListers listers;
  const auto list = listers.list({.format = contract::Format::protobuf, .text = R"(syntax = "proto2"; package p;
      import "google/protobuf/timestamp.proto"; import "google/protobuf/struct.proto";
      message Money { required int64 units = 1; optional string currency = 2; }
      message Line { optional string sku = 1; repeated Money prices = 2; }
      message Order {
        required string order_id = 1;  repeated Line lines = 2;  optional Money total = 3;
        optional google.protobuf.Timestamp at = 4;  optional google.protobuf.Struct more = 5;
        map<string, Money> taxes = 6;  oneof who { string person = 7; Line robot = 8; }
        repeated string tags = 9;  optional Order parent = 10;  extensions 100 to 199;
      }
      extend Order { optional string note = 100; })"});
  ASSERT_TRUE(list);
  EXPECT_THAT(list->paths(),
              ElementsAre("order_id", "lines", "lines[].sku", "lines[].prices", "lines[].prices[].units",
                          "lines[].prices[].currency", "total", "total.units", "total.currency", "at", "more", "taxes",
                          "person", "robot", "robot.sku", "robot.prices", "robot.prices[].units",
                          "robot.prices[].currency", "tags", "parent", "[p.note]"));
  EXPECT_TRUE(list->fields[0].required);
  EXPECT_FALSE(list->fields[1].required);
  EXPECT_EQ(list->fields[0].type, "string");
  EXPECT_EQ(list->fields[1].type, "repeated message p.Line");
  EXPECT_TRUE(list->has("lines[].prices[].units"));
  EXPECT_FALSE(list->has("lines.sku"));
  EXPECT_FALSE(list->has("total.amount"));
  EXPECT_FALSE(list->has("at.seconds")) << "a timestamp is one text in JSON";
  EXPECT_TRUE(list->has("more.anything.at.all"));
  EXPECT_TRUE(list->has("taxes.vat.units"));
  EXPECT_TRUE(list->has("parent.lines[].sku"));
  EXPECT_TRUE(list->has("tags[]"));
  EXPECT_FALSE(list->has("note"));
}

TEST(CatalogFields, FlatBuffers) {
  const FieldListers listers;
  const auto list = listers.list({.format = contract::Format::flatbuffers, .text = R"(namespace p;
      struct Point { x:double; y:double; }
      struct Box { corners:[Point:2]; }
      table Person { name:string (required); }
      table Robot { name:string; serial:ulong; }
      union Who { Person, Robot }
      table Order { id:string (required); old:int (deprecated); lines:[Line]; box:Box; who:Who; tags:[string];
                    inner:[ubyte] (nested_flatbuffer: "Person"); parent:Order; }
      table Line { sku:string; at:Point; }
      root_type Order;)"});
  ASSERT_TRUE(list);
  EXPECT_THAT(list->paths(),
              ElementsAre("id", "lines", "lines[].sku", "lines[].at", "lines[].at.x", "lines[].at.y", "box",
                          "box.corners", "box.corners[].x", "box.corners[].y", "who_type", "who", "who.name",
                          "who.serial", "tags", "inner", "parent"));
  EXPECT_TRUE(list->fields[0].required);
  EXPECT_EQ(list->fields[1].type, "[p.Line]");
  EXPECT_TRUE(list->has("inner.name"));
  EXPECT_TRUE(list->has("parent.lines[].sku"));
  EXPECT_FALSE(list->has("old"));
  EXPECT_FALSE(list->has("who.colour"));
  EXPECT_FALSE(list->has("box.x"));
}

// Types that hold each other many times over: the list is bounded, and what is not on it is not said to be missing.
TEST(CatalogFields, ListsAreBounded) {
  std::string proto = "syntax = \"proto3\";", fbs;
  for (int level = 0; level < 14; ++level) {
    const auto name = std::string(1, static_cast<char>('A' + level)), next = std::string(1, static_cast<char>('B' + level));
    proto += "message " + name + "{";
    fbs += "table " + name + "{";
    for (int field = 1; field <= 4; ++field) {
      proto += next + " f" + std::to_string(field) + "=" + std::to_string(field) + ";";
      fbs += "f" + std::to_string(field) + ":" + next + ";";
    }
    proto += "}";
    fbs += "}";
  }
  proto += "message O { int32 x = 1; }";
  fbs += "table O { x:int; } root_type A;";
  const FieldListers listers;
  for (const auto& [format, text] : {std::pair{contract::Format::protobuf, proto}, std::pair{contract::Format::flatbuffers, fbs}}) {
    const auto list = listers.list({.format = format, .text = text});
    ASSERT_TRUE(list);
    EXPECT_LE(list->fields.size(), 2'000U);
    EXPECT_TRUE(list->has("f1.f1.f1.f1.f1.f1.f1.f1.f1.f1.f1.f1.f1.f1.x"));
    EXPECT_TRUE(list->has("f4")) << "there was no room for it";
  }
}

TEST(CatalogFields, TextThatIsNoSchemaAndFormatsThatNobodyReads) {
  const FieldListers listers;
  for (const auto* text : {"", "[]", "{", "nonsense", "\xff"}) {
    EXPECT_FALSE(json_schema_fields(text)) << text;
    EXPECT_FALSE(listers.list({.format = contract::Format::protobuf, .text = text})) << text;
    EXPECT_FALSE(listers.list({.format = contract::Format::flatbuffers, .text = text})) << text;
  }
  EXPECT_FALSE(native_fields("{}"));
  FieldListers own;
  own.add(contract::Format::protobuf, [](std::string_view) { return FieldList{.fields = {{.path = "x"}}}; });
  EXPECT_TRUE(own.list({.format = contract::Format::protobuf, .text = "message A {}"})->has("x"));
}

}  // namespace
}  // namespace fabric::catalog::testing
