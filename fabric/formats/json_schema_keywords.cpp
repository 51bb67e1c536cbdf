#include "fabric/formats/json_schema_keywords.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

#include "fabric/json.hpp"

namespace fabric::formats::jsonschema {
namespace {

namespace bj = boost::json;

constexpr Keyword kKeywords[] = {
    {"$anchor", kIn2020, Role::reference, Shape::text},
    {"$comment", kInBoth, Role::annotation, Shape::text},
    {"$defs", kInBoth, Role::definitions, Shape::schema_map},  // draft-07: not its word, but what people write
    {"$dynamicAnchor", kIn2020, Role::reference, Shape::text},
    {"$dynamicRef", kIn2020, Role::reference, Shape::text},
    {"$id", kInBoth, Role::reference, Shape::text},
    {"$recursiveAnchor", 0, Role::reference, Shape::anything},
    {"$recursiveRef", 0, Role::reference, Shape::anything},
    {"$ref", kInBoth, Role::reference, Shape::text},
    {"$schema", kInBoth, Role::annotation, Shape::text},
    {"$vocabulary", kIn2020, Role::annotation, Shape::anything},
    {"additionalItems", kIn07, Role::constraint, Shape::schema},
    {"additionalProperties", kInBoth, Role::constraint, Shape::schema},
    {"allOf", kInBoth, Role::constraint, Shape::schemas},
    {"anyOf", kInBoth, Role::constraint, Shape::schemas},
    {"const", kInBoth, Role::constraint, Shape::anything},
    {"contains", kInBoth, Role::constraint, Shape::schema},
    {"contentEncoding", kInBoth, Role::annotation, Shape::text},
    {"contentMediaType", kInBoth, Role::annotation, Shape::text},
    {"contentSchema", kInBoth, Role::annotation, Shape::anything},
    {"default", kInBoth, Role::annotation, Shape::anything},
    {"definitions", kInBoth, Role::definitions, Shape::schema_map},
    {"dependencies", kIn07, Role::constraint, Shape::dependencies},
    {"dependentRequired", kIn2020, Role::constraint, Shape::names_map},
    {"dependentSchemas", kIn2020, Role::constraint, Shape::schema_map},
    {"deprecated", kInBoth, Role::annotation, Shape::flag},
    {"description", kInBoth, Role::annotation, Shape::text},
    {"else", kInBoth, Role::constraint, Shape::schema},
    {"enum", kInBoth, Role::constraint, Shape::list},
    {"examples", kInBoth, Role::annotation, Shape::list},
    {"exclusiveMaximum", kInBoth, Role::constraint, Shape::number},
    {"exclusiveMinimum", kInBoth, Role::constraint, Shape::number},
    {"format", kInBoth, Role::annotation, Shape::text},
    {"if", kInBoth, Role::constraint, Shape::schema},
    {"items", kInBoth, Role::constraint, Shape::schema_or_list},
    {"maxContains", kIn2020, Role::constraint, Shape::count},
    {"maxItems", kInBoth, Role::constraint, Shape::count},
    {"maxLength", kInBoth, Role::constraint, Shape::count},
    {"maxProperties", kInBoth, Role::constraint, Shape::count},
    {"maximum", kInBoth, Role::constraint, Shape::number},
    {"minContains", kIn2020, Role::constraint, Shape::count},
    {"minItems", kInBoth, Role::constraint, Shape::count},
    {"minLength", kInBoth, Role::constraint, Shape::count},
    {"minProperties", kInBoth, Role::constraint, Shape::count},
    {"minimum", kInBoth, Role::constraint, Shape::number},
    {"multipleOf", kInBoth, Role::constraint, Shape::positive_number},
    {"not", kInBoth, Role::constraint, Shape::schema},
    {"oneOf", kInBoth, Role::constraint, Shape::schemas},
    {"pattern", kInBoth, Role::constraint, Shape::expression},
    {"patternProperties", kInBoth, Role::constraint, Shape::pattern_map},
    {"prefixItems", kIn2020, Role::constraint, Shape::schemas},
    {"properties", kInBoth, Role::constraint, Shape::schema_map},
    {"propertyNames", kInBoth, Role::constraint, Shape::schema},
    {"readOnly", kInBoth, Role::annotation, Shape::flag},
    {"required", kInBoth, Role::constraint, Shape::names},
    {"then", kInBoth, Role::constraint, Shape::schema},
    {"title", kInBoth, Role::annotation, Shape::text},
    {"type", kInBoth, Role::constraint, Shape::types},
    {"unevaluatedItems", kIn2020, Role::constraint, Shape::schema},
    {"unevaluatedProperties", kIn2020, Role::constraint, Shape::schema},
    {"uniqueItems", kInBoth, Role::constraint, Shape::flag},
    {"writeOnly", kInBoth, Role::annotation, Shape::flag},
};

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// One letter added, left out, changed or two neighbours swapped.
bool one_off(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  const auto at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
  const auto x = a.substr(at), y = b.substr(at);
  if (a.size() != b.size()) return x == y.substr(1);
  if (x.substr(std::min<std::size_t>(1, x.size())) == y.substr(std::min<std::size_t>(1, y.size()))) return true;
  return x.size() >= 2 && x[0] == y[1] && x[1] == y[0] && x.substr(2) == y.substr(2);
}

bool is_schema(const bj::value& value) { return value.is_object() || value.is_bool(); }

std::string wrong_expression(std::string_view text) {
  const auto compiled = Pattern::compile(text);
  return compiled ? "" : compiled.error().message;
}

std::string wrong_names(const bj::value& value) {
  if (!value.is_array()) return "has to be a list of strings";
  std::vector<std::string_view> names;
  for (const auto& name : value.get_array()) {
    if (!name.is_string()) return "has to be a list of strings, not " + json::print(name);
    names.emplace_back(name.get_string());
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  return twice == names.end() ? "" : json::quote(*twice) + " is there twice";
}

std::string wrong_type(const bj::value& value) {
  constexpr std::string_view kNames[] = {"array", "boolean", "integer", "null", "number", "object", "string"};
  const auto* name = value.if_string();
  if (name != nullptr && std::find(std::begin(kNames), std::end(kNames), *name) != std::end(kNames)) return "";
  return json::print(value) + " is none of array, boolean, integer, null, number, object, string";
}

std::string wrong_types(const bj::value& value) {
  if (!value.is_array()) return wrong_type(value);
  if (value.get_array().empty()) return "has to name a type";
  for (const auto& name : value.get_array())
    if (auto wrong = wrong_type(name); !wrong.empty()) return wrong;
  return wrong_names(value);
}

std::string wrong_map(Shape shape, const bj::value& value) {
  if (!value.is_object()) return "has to be an object";
  for (const auto& [name, element] : value.get_object()) {
    const auto key = json::quote(name) + ": ";
    if (shape == Shape::pattern_map) {
      if (auto wrong = wrong_expression(name); !wrong.empty()) return wrong;
    }
    const bool names = shape == Shape::names_map || (shape == Shape::dependencies && element.is_array());
    if (names) {
      if (auto wrong = wrong_names(element); !wrong.empty()) return key + wrong;
    } else if (!is_schema(element)) {
      return key + "has to be a schema (an object, true or false), not " + json::print(element);
    }
  }
  return "";
}

std::string wrong_list(const bj::value& value, bool may_be_empty, bool of_schemas) {
  const auto* list = value.if_array();
  if (list == nullptr) return "has to be a list";
  if (list->empty() && !may_be_empty) return "must not be empty";
  for (const auto& element : *list)
    if (of_schemas && !is_schema(element))
      return "has to hold schemas (objects, true or false), not " + json::print(element);
  return "";
}

std::string wrong_number(Shape shape, const bj::value& value) {
  if (!value.is_number()) return "has to be a number, not " + json::print(value);
  const Number number(value);
  if (shape == Shape::positive_number && !number.is_positive()) return "has to be above 0, not " + number.text();
  if (shape == Shape::count && (!number.is_integer() || number < Number::of(0)))
    return "has to be a whole number of at least 0, not " + number.text();
  return "";
}

}  // namespace

const Keyword* find_keyword(std::string_view name) noexcept {
  const auto* found =
      std::find_if(std::begin(kKeywords), std::end(kKeywords), [&](const auto& k) { return k.name == name; });
  return found == std::end(kKeywords) ? nullptr : found;
}

std::string_view meant_keyword(std::string_view name, Draft draft) {
  for (const auto& keyword : kKeywords) {
    if ((keyword.drafts & bit(draft)) == 0 || keyword.role == Role::annotation) continue;
    if (same_letters(name, keyword.name)) return keyword.name;
    if (name.size() >= 5 && keyword.name.size() >= 6 && one_off(name, keyword.name)) return keyword.name;
  }
  return "";
}

std::string advice(const Keyword& keyword, Draft draft) {
  if (keyword.drafts == 0) return "is a keyword of draft 2019-09; 2020-12 has $dynamicRef and $dynamicAnchor instead";
  if (keyword.name == "dependencies")
    return "is a keyword of draft-07; 2020-12 has dependentRequired and dependentSchemas instead";
  if (keyword.name == "additionalItems") return "is a keyword of draft-07; 2020-12 has prefixItems and items instead";
  return std::string("is a keyword of ") +
         (draft == Draft::draft_07 ? "2020-12, this schema is draft-07" : "draft-07, this schema is 2020-12") +
         " ($schema says which)";
}

std::string wrong_shape(Shape shape, const bj::value& value) {
  switch (shape) {
    case Shape::anything:
      return "";
    case Shape::text:
      return value.is_string() ? "" : "has to be a string, not " + json::print(value);
    case Shape::flag:
      return value.is_bool() ? "" : "has to be true or false, not " + json::print(value);
    case Shape::count:
    case Shape::number:
    case Shape::positive_number:
      return wrong_number(shape, value);
    case Shape::list:
      return wrong_list(value, true, false);
    case Shape::schemas:
      return wrong_list(value, false, true);
    case Shape::schema_or_list:
      if (value.is_array()) return wrong_list(value, true, true);
      [[fallthrough]];
    case Shape::schema:
      return is_schema(value) ? "" : "has to be a schema (an object, true or false), not " + json::print(value);
    case Shape::schema_map:
    case Shape::pattern_map:
    case Shape::names_map:
    case Shape::dependencies:
      return wrong_map(shape, value);
    case Shape::names:
      return wrong_names(value);
    case Shape::types:
      return wrong_types(value);
    case Shape::expression:
      return value.is_string() ? wrong_expression(value.get_string()) : "has to be a regular expression in a string";
  }
  return "";
}

}  // namespace fabric::formats::jsonschema
