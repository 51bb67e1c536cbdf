#include "fabric/catalog/fields.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "fabric/formats/fields.hpp"
#include "fabric/json.hpp"

namespace fabric::catalog {
namespace {

namespace bj = boost::json;

constexpr std::size_t kMaxFields = 2'000;
constexpr unsigned kMaxLevels = 12, kMaxSteps = 20'000;  // references may branch: levels alone do not bound the walk

std::string text_of(const bj::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// Walks a JSON Schema's properties through references, combinations and arrays.
class JsonSchemaWalk {
 public:
  explicit JsonSchemaWalk(const bj::value& root) : root_(root) {}

  // Adds the fields of `schema` below `prefix`; true: it may have others.
  bool walk(const bj::value& schema, const std::string& prefix, unsigned level) {
    const auto* object = schema.if_object();
    if (object == nullptr) return schema.is_bool() && schema.get_bool();
    if (level > kMaxLevels || list_.fields.size() > kMaxFields || ++steps_ > kMaxSteps) return true;
    bool open = false, named = false;
    for (const auto* reference : {"$ref", "$dynamicRef"}) {
      if (!object->contains(reference)) continue;
      const auto* target = resolve(text_of(*object, reference));
      open |= target == nullptr || walk(*target, prefix, level + 1);
      named = true;
    }
    for (const auto* combination : {"allOf", "anyOf", "oneOf"}) {
      const auto* parts = object->if_contains(combination);
      if (parts == nullptr || !parts->is_array()) continue;
      for (const auto& part : parts->get_array()) open |= part.is_object() && walk_part(part, prefix, level + 1);
      named = true;
    }
    for (const auto* branch : {"then", "else"})
      if (const auto* part = object->if_contains(branch)) open |= walk_part(*part, prefix, level + 1);
    if (const auto* properties = object->if_contains("properties"); properties != nullptr && properties->is_object()) {
      named = true;
      for (const auto& [key, value] : properties->get_object()) add(std::string(key), value, *object, prefix, level);
    }
    const auto* additional = object->if_contains("additionalProperties");
    open |= object->contains("patternProperties") || (additional != nullptr && additional->is_object());
    const bool closed = additional != nullptr && additional->is_bool() && !additional->get_bool();
    return open || (!named && !closed && may_be_object(*object));
  }

  FieldList take() { return std::move(list_); }

 private:
  // A part that only says what is required names no fields, and opens nothing.
  bool walk_part(const bj::value& part, const std::string& prefix, unsigned level) {
    const auto* object = part.if_object();
    if (object == nullptr) return false;
    const bool says = object->contains("properties") || object->contains("$ref") || object->contains("allOf") ||
                      object->contains("anyOf") || object->contains("oneOf") || object->contains("patternProperties");
    return says && walk(part, prefix, level);
  }

  static bool may_be_object(const bj::object& schema) {
    const auto* type = schema.if_contains("type");
    if (type == nullptr) return !schema.contains("const") && !schema.contains("enum");
    if (type->is_string()) return type->get_string() == "object";
    return type->is_array() && std::any_of(type->get_array().begin(), type->get_array().end(), [](const auto& one) {
             return one.is_string() && one.get_string() == "object";
           });
  }

  const bj::value* resolve(const std::string& reference) const {
    if (reference == "#") return &root_;
    if (!reference.starts_with("#/")) return nullptr;
    boost::system::error_code error;
    return root_.find_pointer(std::string_view(reference).substr(1), error);
  }

  static std::string type_name(const bj::object& schema) {
    const auto* type = schema.if_contains("type");
    if (type != nullptr && type->is_string()) {
      const auto format = text_of(schema, "format");
      return std::string(type->get_string()) + (format.empty() ? "" : " (" + format + ")");
    }
    if (type != nullptr && type->is_array()) {
      std::vector<std::string> names;
      for (const auto& one : type->get_array())
        if (one.is_string()) names.emplace_back(one.get_string());
      return joined(names, " or ");
    }
    if (schema.contains("enum")) return "enum";
    if (schema.contains("const")) return "constant";
    if (schema.contains("properties")) return "object";
    return "any";
  }

  void add(const std::string& key, const bj::value& schema, const bj::object& parent, const std::string& prefix,
           unsigned level) {
    if (list_.fields.size() > kMaxFields) return;
    Field field{.path = prefix + key};
    const auto* required = parent.if_contains("required");
    field.required = required != nullptr && required->is_array() &&
                     std::any_of(required->get_array().begin(), required->get_array().end(),
                                 [&](const auto& name) { return name.is_string() && name.get_string() == key; });
    const auto* target = &schema;
    for (unsigned hops = 0; hops < kMaxLevels && target->is_object() && target->get_object().contains("$ref"); ++hops) {
      const auto* next = resolve(text_of(target->get_object(), "$ref"));
      if (next == nullptr) break;
      target = next;
    }
    std::string inner = field.path;
    if (schema.is_object()) field.description = text_of(schema.get_object(), "description");
    field.type = "any";
    if (const auto* object = target->if_object()) {
      field.type = type_name(*object);
      const auto* items = object->if_contains("items");
      while (items != nullptr && items->is_object()) {
        inner += "[]";
        target = items;
        items = items->get_object().if_contains("items");
      }
    }
    const auto at = list_.fields.size();
    const auto seen = std::any_of(list_.fields.begin(), list_.fields.end(),
                                  [&](const Field& known) { return known.path == field.path; });
    if (!seen) list_.fields.push_back(std::move(field));
    const bool open = walk(*target, inner + ".", level + 1);
    if (!seen) list_.fields[at].open = open;
  }

  const bj::value& root_;
  FieldList list_;
  unsigned steps_ = 0;
};

// The fields of a native struct (contract/native_model.hpp) below `prefix`. `required`: bytes that every payload has.
void add_native(const bj::object& record, const std::string& prefix, std::uint64_t required, FieldList& list,
                unsigned level) {
  const auto* fields = record.if_contains("fields");
  if (fields == nullptr || !fields->is_array() || level > kMaxLevels) return;
  for (const auto& value : fields->get_array()) {
    const auto* object = value.if_object();
    if (object == nullptr || list.fields.size() > kMaxFields) continue;
    const auto path = prefix + text_of(*object, "name");
    const auto* array = object->if_contains("array");
    const auto* offset = object->if_contains("offset");
    Field field{.path = path, .type = text_of(*object, "type")};
    std::string inner = path;
    if (array != nullptr && array->is_array())
      for (const auto& extent : array->get_array()) {
        field.type += "[" + json::print(extent) + "]";
        inner += "[]";
      }
    field.required =
        offset != nullptr && offset->is_int64() && static_cast<std::uint64_t>(offset->get_int64()) < required;
    list.fields.push_back(std::move(field));
    if (const auto* inside = object->if_contains("struct"); inside != nullptr && inside->is_object())
      add_native(inside->get_object(), inner + ".", 0, list, level + 1);
  }
}

// "lines[].sku" and "lines.sku" name the same field where a schema has no arrays of objects beside objects.
std::string parent_of(std::string_view path) {
  const auto dot = path.rfind('.');
  auto parent = path.substr(0, dot == std::string_view::npos ? 0 : dot);
  while (parent.ends_with("[]")) parent.remove_suffix(2);
  return std::string(parent);
}

std::optional<FieldList> list_of(std::optional<formats::ListedFields> listed) {
  if (!listed) return std::nullopt;
  FieldList list{.open = !listed->whole};
  for (auto& field : listed->fields)
    list.fields.push_back(
        {.path = std::move(field.path), .type = std::move(field.type), .required = field.required, .open = field.open});
  return list;
}

}  // namespace

bool FieldList::has(std::string_view path) const {
  while (path.ends_with("[]")) path.remove_suffix(2);
  const auto find = [&](std::string_view wanted) {
    return std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.path == wanted; });
  };
  if (find(path) != fields.end()) return true;
  for (auto outer = parent_of(path); !outer.empty(); outer = parent_of(outer))
    if (const auto found = find(outer); found != fields.end()) return found->open;
  return open;
}

std::vector<std::string> FieldList::paths() const {
  std::vector<std::string> all;
  for (const auto& field : fields) all.push_back(field.path);
  return all;
}

std::optional<FieldList> json_schema_fields(std::string_view schema) {
  const auto parsed = json::parse(schema);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  JsonSchemaWalk walk(*parsed);
  const bool open = walk.walk(*parsed, "", 0);
  auto list = walk.take();
  list.open = open;
  return list;
}

std::optional<FieldList> native_fields(std::string_view schema) {
  const auto parsed = json::parse(schema);
  if (!parsed || !parsed->is_object() || !parsed->get_object().contains("fields")) return std::nullopt;
  const auto* required = parsed->get_object().if_contains("required");
  const bool some = required != nullptr && required->is_int64() && required->get_int64() >= 0;
  FieldList list;
  add_native(parsed->get_object(), "", some ? static_cast<std::uint64_t>(required->get_int64()) : ~std::uint64_t{0},
             list, 0);
  return list;
}

FieldListers::FieldListers() {
  add(contract::Format::json_schema, json_schema_fields);
  add(contract::Format::native, native_fields);
  add(contract::Format::protobuf, [](std::string_view schema) { return list_of(formats::protobuf_fields(schema)); });
  add(contract::Format::flatbuffers, [](std::string_view schema) { return list_of(formats::flatbuffers_fields(schema)); });
}

std::optional<FieldList> FieldListers::list(const SchemaText& schema) const {
  const auto found = listers_.find(schema.format);
  return found == listers_.end() ? std::nullopt : found->second(schema.text);
}

}  // namespace fabric::catalog
