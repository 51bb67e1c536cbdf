#include "fabric/formats/json_schema_node.hpp"

namespace fabric::formats::jsonschema {

Types type_of(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return kNull;
    case boost::json::kind::bool_:
      return kBoolean;
    case boost::json::kind::string:
      return kString;
    case boost::json::kind::array:
      return kArray;
    case boost::json::kind::object:
      return kObject;
    default:
      return Number(value).is_integer() ? kInteger : kFraction;
  }
}

std::string type_names(Types types) {
  if (types == kAnyType) return "any type";
  std::string names;
  const auto add = [&](std::string_view name) { (names += names.empty() ? "" : " or ") += name; };
  if ((types & kNumber) == kNumber) add("number");
  if ((types & kNumber) == kInteger) add("integer");
  if ((types & kNumber) == kFraction) add("number with a fraction");
  if ((types & kString) != 0) add("string");
  if ((types & kBoolean) != 0) add("boolean");
  if ((types & kObject) != 0) add("object");
  if ((types & kArray) != 0) add("array");
  if ((types & kNull) != 0) add("null");
  return names.empty() ? "nothing" : names;
}

Nodes in_place(const Node& node) {
  Nodes result;
  for (const auto& reference : node.references) result.push_back(reference.target);
  for (const auto* list : {&node.all_of, &node.any_of, &node.one_of})
    result.insert(result.end(), list->begin(), list->end());
  for (const auto* one : {node.negated, node.condition, node.consequence, node.alternative})
    if (one != nullptr) result.push_back(one);
  for (const auto& [name, schema] : node.dependent_schemas) result.push_back(schema);
  return result;
}

}  // namespace fabric::formats::jsonschema
