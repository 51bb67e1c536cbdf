#include "tests/fabric/formats/json_schema_random.hpp"

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace fabric::formats::testing {
namespace {

namespace bj = boost::json;

constexpr const char* kNames[] = {"a", "b", "ab", "x1", "c"};
constexpr const char* kTypes[] = {"object", "array", "string", "integer", "number", "boolean", "null"};
constexpr const char* kStrings[] = {"", "a", "ab", "b1", "abc"};
constexpr const char* kPatterns[] = {"^a", "b", "[0-9]$", "^.$", "a|b"};
constexpr const char* kDefinitions[] = {"one", "two"};

class Generator {
 public:
  Generator(const Pick& pick, bool draft_07) : pick_(pick), draft_07_(draft_07) {}

  bj::value root() {
    auto schema = subschema(3, false, pick_(3) != 0 ? "object" : "");
    if (!schema.is_object()) schema = bj::object();
    auto& object = schema.get_object();
    for (auto count = pick_(4); count > 0; --count) add_keyword(object, 2, false, "object");
    bj::object definitions;
    for (const auto* name : kDefinitions) definitions[name] = subschema(2, true);
    object[draft_07_ ? "definitions" : "$defs"] = std::move(definitions);
    object["$schema"] =
        draft_07_ ? "http://json-schema.org/draft-07/schema#" : "https://json-schema.org/draft/2020-12/schema";
    return schema;
  }

  // `descends`: inside a definition, where a $ref to one has to lie deeper in the value.
  // `hint`: the type that the value has by what stands around it, or "".
  bj::value subschema(unsigned depth, bool descends, const std::string& hint = "") {
    if (chance(12)) return chance(3) ? bj::value(false) : bj::value(true);
    if (!descends && chance(8)) return reference();
    bj::object schema;
    const bool hinted = !hint.empty() && !chance(4);
    if (!hinted && !chance(5)) add_type(schema);
    for (auto count = pick_(4); count > 0; --count) add_keyword(schema, depth, descends, hinted ? hint : "");
    return schema;
  }

  void add_type(bj::object& schema) {
    if (chance(5))
      schema["type"] = two_types();
    else
      schema["type"] = kTypes[pick_(std::size(kTypes))];
  }

  void add_keyword(bj::object& schema, unsigned depth, bool descends, const std::string& hint = "") {
    std::string type = hint.empty() ? kTypes[pick_(std::size(kTypes))] : hint;
    if (schema.contains("type") && schema["type"].is_string()) type = schema["type"].get_string();
    if (hint.empty() && chance(9)) return add_type(schema);
    if (chance(10)) return add_values(schema);
    if (depth > 0 && chance(4)) return add_combination(schema, depth - 1, descends, type);
    if (type == "object") return add_object(schema, depth);
    if (type == "array") return add_array(schema, depth);
    if (type == "string") return add_string(schema);
    if (type == "number" || type == "integer") return add_number(schema);
    if (depth > 0) add_combination(schema, depth - 1, descends, type);
  }

  bj::value value(unsigned depth) {
    switch (pick_(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return chance(2);
      case 2:
        return number();
      case 3:
        return number();
      case 4:
      case 5:
        return kStrings[pick_(std::size(kStrings))];
      case 6: {
        bj::array array;
        for (auto count = pick_(4); count > 0; --count) array.push_back(value(depth - 1));
        return array;
      }
      default: {
        bj::object object;
        for (auto count = pick_(4); count > 0; --count) object[kNames[pick_(std::size(kNames))]] = value(depth - 1);
        return object;
      }
    }
  }

 private:
  bool chance(unsigned one_in) { return pick_(one_in) == one_in - 1; }
  bj::value number() {
    const auto whole = static_cast<int>(pick_(9)) - 2;
    if (chance(4)) return whole + 0.5;
    return chance(6) ? bj::value(static_cast<double>(whole)) : bj::value(whole);
  }
  bj::array two_types() {
    const auto first = pick_(std::size(kTypes));
    return {kTypes[first], kTypes[(first + 1 + pick_(std::size(kTypes) - 1)) % std::size(kTypes)]};
  }
  bj::value reference() {
    return {{"$ref",
             std::string(draft_07_ ? "#/definitions/" : "#/$defs/") + kDefinitions[pick_(std::size(kDefinitions))]}};
  }
  bj::array list(unsigned depth, bool descends, unsigned most, const std::string& hint = "") {
    bj::array result;
    for (auto count = 1 + pick_(most); count > 0; --count) result.push_back(subschema(depth, descends, hint));
    return result;
  }

  void add_values(bj::object& schema) {
    if (chance(3)) {
      schema["const"] = value(1);
      return;
    }
    bj::array values;
    for (auto count = 1 + pick_(3); count > 0; --count) values.push_back(value(1));
    schema["enum"] = std::move(values);
  }

  void add_combination(bj::object& schema, unsigned depth, bool descends, const std::string& hint) {
    switch (pick_(5)) {
      case 0:
        schema["allOf"] = list(depth, descends, 2, hint);
        return;
      case 1:
        schema["anyOf"] = list(depth, descends, 3, hint);
        return;
      case 2:
        schema["oneOf"] = list(depth, descends, 3, hint);
        return;
      case 3:
        schema["not"] = subschema(depth, descends, hint);
        return;
      default:
        schema["if"] = subschema(depth, descends, hint);
        schema["then"] = subschema(depth, descends, hint);
        if (chance(2)) schema["else"] = subschema(depth, descends, hint);
    }
  }

  void add_number(bj::object& schema) {
    constexpr const char* kBounds[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};
    if (chance(4))
      schema["multipleOf"] = chance(3) ? bj::value(0.5) : bj::value(1 + pick_(4));
    else
      schema[kBounds[pick_(4)]] = number();
  }

  void add_string(bj::object& schema) {
    switch (pick_(3)) {
      case 0:
        schema["minLength"] = pick_(3);
        return;
      case 1:
        schema["maxLength"] = pick_(4);
        return;
      default:
        schema["pattern"] = kPatterns[pick_(std::size(kPatterns))];
    }
  }

  void add_array(bj::object& schema, unsigned depth) {
    const auto below = depth == 0 ? 0 : depth - 1;
    switch (pick_(draft_07_ ? 6 : 8)) {
      case 0:
        schema["minItems"] = pick_(3);
        return;
      case 1:
        schema["maxItems"] = pick_(4);
        return;
      case 2:
        schema["uniqueItems"] = chance(2);
        return;
      case 3:
        schema["contains"] = subschema(below, false);
        return;
      case 4:
        schema["items"] = subschema(below, false);
        return;
      case 5:
        schema[draft_07_ ? "items" : "prefixItems"] = list(below, false, 2);
        if (draft_07_) schema["additionalItems"] = subschema(below, false);
        return;
      case 6:
        schema["unevaluatedItems"] = subschema(below, false);
        return;
      default:
        schema["contains"] = subschema(below, false);
        schema[chance(2) ? "minContains" : "maxContains"] = pick_(3);
    }
  }

  void add_object(bj::object& schema, unsigned depth) {
    const auto below = depth == 0 ? 0 : depth - 1;
    const auto* name = kNames[pick_(std::size(kNames))];
    switch (pick_(draft_07_ ? 11 : 13)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return put(schema, "properties", name, subschema(below, false));
      case 4:
        schema["additionalProperties"] = subschema(below, false);
        return;
      case 5:
        schema["additionalProperties"] = false;
        return;
      case 6:
        return put(schema, "patternProperties", kPatterns[pick_(std::size(kPatterns))], subschema(below, false));
      case 7:
        schema["required"] = bj::array{name};
        return;
      case 8:
        schema[chance(2) ? "minProperties" : "maxProperties"] = pick_(4);
        return;
      case 9:
        schema["propertyNames"] = {{"pattern", kPatterns[pick_(std::size(kPatterns))]}};
        return;
      case 10:
        if (chance(2))
          return put(schema, draft_07_ ? "dependencies" : "dependentRequired", name,
                     bj::array{kNames[pick_(std::size(kNames))]});
        return put(schema, draft_07_ ? "dependencies" : "dependentSchemas", name, subschema(below, true));
      default:
        schema["unevaluatedProperties"] = chance(2) ? bj::value(false) : subschema(below, false);
    }
  }

  static void put(bj::object& schema, const char* keyword, const char* name, bj::value value) {
    if (!schema.contains(keyword)) schema[keyword] = bj::object();
    schema[keyword].get_object()[name] = std::move(value);
  }

  const Pick& pick_;
  bool draft_07_;
};

// Every schema in a schema, the definitions' as well.
void gather(bj::value& schema, std::vector<bj::value*>& found) {
  found.push_back(&schema);
  auto* object = schema.if_object();
  if (object == nullptr) return;
  for (auto& [key, element] : *object) {
    const std::string_view name(key);
    if (name == "properties" || name == "patternProperties" || name == "dependentSchemas" || name == "$defs" ||
        name == "definitions") {
      for (auto& [member, value] : element.get_object()) gather(value, found);
    } else if (name == "allOf" || name == "anyOf" || name == "oneOf" || name == "prefixItems" ||
               (name == "items" && element.is_array())) {
      for (auto& value : element.get_array()) gather(value, found);
    } else if (element.is_object() && name != "const" && name != "dependencies" && name != "dependentRequired") {
      gather(element, found);
    }
  }
}

void mutate(bj::value& schema, const Pick& pick, bool draft_07) {
  Generator generator(pick, draft_07);
  auto* object = schema.if_object();
  if (object == nullptr || object->contains("$ref")) {
    if (object == nullptr) schema = generator.subschema(1, true);
    return;
  }
  if (object->empty() || pick(2) == 0) return generator.add_keyword(*object, 1, true);
  const auto* victim = object->begin() + pick(static_cast<unsigned>(object->size()));
  const std::string key(victim->key());
  if (key.starts_with('$') || key == "definitions") return;
  auto& element = object->at(key);
  if (element.is_int64() || element.is_uint64()) {
    const auto number = element.to_number<std::int64_t>() + (pick(2) == 0 ? 1 : -1);
    element = number < 1 ? 1 : number;
  } else if (element.is_array() && element.get_array().size() > 1 && pick(2) == 0) {
    auto& array = element.get_array();
    array.erase(array.begin() + pick(static_cast<unsigned>(array.size())));
  } else {
    object->erase(key);
  }
}

class Follower {
 public:
  Follower(const bj::value& root, const Pick& pick) : root_(root), pick_(pick) {}

  bj::value follow(const bj::value& schema, unsigned depth) {
    const auto* object = schema.if_object();
    if (object == nullptr || depth == 0 || pick_(12) == 11) return any(depth);
    if (const auto* reference = object->if_contains("$ref"))
      return follow(definition(std::string_view(reference->get_string())), depth - 1);
    if (const auto* constant = object->if_contains("const")) return *constant;
    if (const auto* values = object->if_contains("enum"); values != nullptr && !values->get_array().empty())
      return one_of(values->get_array());
    for (const auto* keyword : {"anyOf", "oneOf", "allOf"})
      if (const auto* choice = object->if_contains(keyword); choice != nullptr && pick_(2) == 0)
        return with_properties(*object, follow(one_of(choice->get_array()), depth - 1), depth);
    return with_properties(*object, of_type(*object, depth), depth);
  }

 private:
  bj::value any(unsigned depth) { return Generator(pick_, false).value(depth > 2 ? 2 : depth); }
  const bj::value& one_of(const bj::array& values) { return values[pick_(static_cast<unsigned>(values.size()))]; }
  const bj::value& definition(std::string_view reference) const {
    const auto* definitions =
        root_.get_object().if_contains(reference.starts_with("#/$defs/") ? "$defs" : "definitions");
    return definitions->get_object().at(reference.substr(reference.rfind('/') + 1));
  }

  bj::value of_type(const bj::object& schema, unsigned depth) {
    std::string type;
    if (const auto* given = schema.if_contains("type"))
      type = (given->is_array() ? one_of(given->get_array()) : *given).get_string();
    for (int attempt = 0; attempt < 8; ++attempt) {
      auto value = any(depth);
      const bool fits = type.empty() || (type == "object" && value.is_object()) ||
                        (type == "array" && value.is_array()) || (type == "string" && value.is_string()) ||
                        (type == "number" && value.is_number()) || (type == "integer" && value.is_int64()) ||
                        (type == "boolean" && value.is_bool()) || (type == "null" && value.is_null());
      if (fits) return value;
    }
    if (type == "object") return bj::object();
    if (type == "array") return bj::array();
    if (type == "string") return "a";
    return type == "null" ? bj::value(nullptr) : type == "boolean" ? bj::value(true) : bj::value(pick_(5));
  }

  bj::value with_properties(const bj::object& schema, bj::value value, unsigned depth) {
    auto* object = value.if_object();
    const auto* properties = schema.if_contains("properties");
    if (object != nullptr && properties != nullptr)
      for (const auto& [name, property] : properties->get_object())
        if (pick_(3) != 0) (*object)[name] = follow(property, depth - 1);
    const auto* required = schema.if_contains("required");
    if (object != nullptr && required != nullptr)
      for (const auto& name : required->get_array())
        if (!object->contains(name.get_string())) (*object)[name.get_string()] = any(1);
    const auto* closed = schema.if_contains("additionalProperties");
    if (object != nullptr && properties != nullptr && closed != nullptr && closed->is_bool() && !closed->get_bool() &&
        pick_(4) != 0) {
      bj::object kept;
      for (const auto& [name, member] : *object)
        if (properties->get_object().contains(name)) kept.emplace(name, member);
      value = std::move(kept);
    }
    const auto* items = schema.if_contains("items");
    if (auto* array = value.if_array(); array != nullptr && items != nullptr && items->is_object())
      for (auto& element : *array) element = follow(*items, depth - 1);
    return value;
  }

  const bj::value& root_;
  const Pick& pick_;
};

}  // namespace

bj::value random_schema(const Pick& pick, bool draft_07) { return Generator(pick, draft_07).root(); }

bj::value mutated(const bj::value& schema, const Pick& pick, bool draft_07) {
  auto result = schema;
  for (auto count = 1 + pick(3); count > 0; --count) {
    std::vector<bj::value*> places;
    gather(result, places);
    if (const auto half = places.size() / 2; half != 0 && pick(2) == 0)
      places.resize(half);  // the definitions come last
    mutate(*places[pick(static_cast<unsigned>(places.size()))], pick, draft_07);
  }
  return result;
}

bj::value random_value(const bj::value& schema, const Pick& pick) { return Follower(schema, pick).follow(schema, 5); }

}  // namespace fabric::formats::testing
