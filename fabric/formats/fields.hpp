#pragma once
// Which fields a schema has, as paths: for those who say what a consumer reads (fabric/catalog/fields.hpp), and for people. Pure functions,
// thread-safe; schemas are input: what is listed is bounded in depth and number.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fabric::formats {

struct ListedField {
  std::string path{};  // as in our JSON: "order_id", "total.amount", "lines[].sku"
  std::string type{};  // in the format's own words: "string", "message shop.Money", "[ubyte]"
  bool required = false;
  bool open = false;  // what is in it is not listed: the keys of a map, an Any, bytes with a schema of their own, a type that holds itself
};

struct ListedFields {
  std::vector<ListedField> fields{};
  bool whole = true;  // false: there are more than are listed (2,000)
};

// In the order of field numbers, an outer one before its inner ones; nullopt: the text is no schema. What
// protobuf_descriptors.hpp and flatbuffers_model.hpp read is read here.
//
// Protobuf: names as in the .proto file; extensions as "[sales.note]"; all fields of a oneof; the well-known types as their JSON is.
std::optional<ListedFields> protobuf_fields(std::string_view schema);
// FlatBuffers: without deprecated fields, which JSON has no more; a union has the fields of all of its members, and beside it "NAME_type".
std::optional<ListedFields> flatbuffers_fields(std::string_view schema);

}  // namespace fabric::formats
