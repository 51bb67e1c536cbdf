#pragma once
// Which fields a schema has, as far as its text can tell: so that lint() knows what consumers read, and people see it.
//
// JSON Schema, native structs, Protobuf and FlatBuffers are known here; for other formats a lister is added. Thread-safe once all listers
// were added; schemas are input: their nesting and number of fields are bounded.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/catalog/model.hpp"

namespace fabric::catalog {

struct Field {
  std::string path{};  // "order_id", "address.city", "lines[].sku"
  std::string type{};  // in the format's own words: "string", "integer", "uint64"
  std::string description{};
  bool required = false;
  bool open = false;  // it may have fields that the schema does not name
};

// Fields in the schema's order, an outer one before its inner ones; nullopt: the text cannot be read, or is of a form
// that is not understood.
struct FieldList {
  std::vector<Field> fields{};
  bool open = false;  // there may be others at the top that the schema cannot name (a reference to elsewhere, a map of
                      // any keys)
  bool has(std::string_view path) const;
  // For hints.
  std::vector<std::string> paths() const;
};
using FieldLister = std::function<std::optional<FieldList>(std::string_view schema)>;

class FieldListers {
 public:
  FieldListers();  // knows those above
  void add(contract::Format format, FieldLister lister) { listers_[format] = std::move(lister); }
  // nullopt: nobody can tell.
  std::optional<FieldList> list(const SchemaText& schema) const;

 private:
  std::map<contract::Format, FieldLister> listers_;
};

std::optional<FieldList> json_schema_fields(std::string_view schema);
std::optional<FieldList> native_fields(std::string_view schema);

}  // namespace fabric::catalog
