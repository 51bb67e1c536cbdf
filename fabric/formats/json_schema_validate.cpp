#include "fabric/formats/json_schema_validate.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "fabric/json.hpp"

namespace fabric::formats::jsonschema {
namespace {

namespace bj = boost::json;

// Where in the payload: a list on the stack.
struct Place {
  const Place* up = nullptr;
  std::string_view key{};
  std::size_t index = 0;
  bool is_index = false;
};

std::string pointer_of(const Place* place) {
  if (place->up == nullptr) return "";
  return pointer_of(place->up) + (place->is_index ? "/" + std::to_string(place->index) : pointer_token(place->key));
}

// Which members or elements of the value at hand some keyword has looked at.
using Seen = std::vector<bool>;

void merge(Seen* into, const Seen& from) {
  if (into == nullptr) return;
  if (into->size() < from.size()) into->resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i)
    if (from[i]) (*into)[i] = true;
}

void mark(Seen* seen, std::size_t index) {
  if (seen != nullptr && index < seen->size()) (*seen)[index] = true;
}

std::size_t size_of(const bj::value& value) {
  return value.is_object() ? value.get_object().size() : value.is_array() ? value.get_array().size() : 0;
}

class Validator {
 public:
  explicit Validator(std::size_t work) : work_(work) {}

  bool run(const Node& root, const bj::value& value) {
    const Place top;
    return check(root, value, top, nullptr) && !exhausted_;
  }
  bool exhausted() const { return exhausted_; }
  std::size_t work() const { return work_; }
  std::string why() const {
    return exhausted_ ? "validation takes too deep or too much work; the payload is refused" : why_;
  }

 private:
  // The first failure, unless it is one of an attempt.
  bool fail(const Node& node, std::string_view keyword, const Place& place, const std::string& what) {
    if (attempts_ != 0 || !why_.empty()) return false;
    auto pointer = pointer_of(&place);
    if (pointer.empty()) pointer = "the payload";
    why_ = pointer + ": " + std::string(keyword) + ": " + what +
           " (schema: " + (node.pointer.empty() ? "" : node.pointer) + pointer_token(keyword) + ")";
    return false;
  }

  bool attempt(const Node& node, const bj::value& value, const Place& place, Seen* seen) {
    Seen local(seen == nullptr ? 0 : size_of(value));
    ++attempts_;
    const bool valid = check(node, value, place, seen == nullptr ? nullptr : &local);
    --attempts_;
    if (valid) merge(seen, local);
    return valid;
  }

  bool check(const Node& node, const bj::value& value, const Place& place, Seen* seen) {
    if (exhausted_ || depth_ >= kMaxDepth || work_ == 0) {
      exhausted_ = true;
      return false;
    }
    --work_;
    ++depth_;
    const bool entered = resources_.empty() || resources_.back() != node.resource;
    if (entered) resources_.push_back(node.resource);
    bool valid = false;
    if (node.unevaluated_items == nullptr && node.unevaluated_properties == nullptr) {
      valid = check_keywords(node, value, place, seen);
    } else {
      Seen local(size_of(value));
      valid = check_keywords(node, value, place, &local) && check_unevaluated(node, value, place, local);
      if (valid) merge(seen, local);
    }
    if (entered) resources_.pop_back();
    --depth_;
    return valid;
  }

  bool check_keywords(const Node& node, const bj::value& value, const Place& place, Seen* seen) {
    if (node.always) return *node.always || fail(node, "false", place, "nothing is allowed here");
    if (node.types && (*node.types & type_of(value)) == 0)
      return fail(node, "type", place,
                  "is of type " + type_names(type_of(value)) + ", has to be " + type_names(*node.types));
    if (node.constant != nullptr && !equal(value, *node.constant))
      return fail(node, "const", place, "has to be " + json::print(*node.constant));
    if (node.enumeration != nullptr && !listed(*node.enumeration, value))
      return fail(node, "enum", place, "has to be one of " + json::print(*node.enumeration));
    bool valid = true;
    if (value.is_number()) valid = check_number(node, Number(value), place);
    if (value.is_string()) valid = check_string(node, value.get_string(), place);
    if (value.is_array()) valid = check_array(node, value.get_array(), place, seen);
    if (value.is_object()) valid = check_object(node, value, place, seen);
    return valid && check_combined(node, value, place, seen);
  }

  bool listed(const bj::array& values, const bj::value& value) {
    work_ -= std::min(work_, values.size() / 8);
    return std::any_of(values.begin(), values.end(), [&](const auto& one) { return equal(one, value); });
  }

  bool check_number(const Node& node, const Number& number, const Place& place);
  bool check_string(const Node& node, std::string_view text, const Place& place);
  bool check_array(const Node& node, const bj::array& array, const Place& place, Seen* seen);
  bool check_contains(const Node& node, const bj::array& array, const Place& place, Seen* seen);
  bool check_unique(const bj::array& array);
  bool check_object(const Node& node, const bj::value& value, const Place& place, Seen* seen);
  bool check_members(const Node& node, const bj::object& object, const Place& place, Seen* seen);
  bool check_dependencies(const Node& node, const bj::value& value, const Place& place, Seen* seen);
  bool check_combined(const Node& node, const bj::value& value, const Place& place, Seen* seen);
  bool check_choice(const Node& node, const bj::value& value, const Place& place, Seen* seen);
  bool check_unevaluated(const Node& node, const bj::value& value, const Place& place, Seen& seen);
  const Node& target_of(const Reference& reference) const;

  std::size_t work_;
  unsigned depth_ = 0, attempts_ = 0;
  bool exhausted_ = false;
  std::string why_;
  std::vector<const Resource*> resources_;  // the dynamic scope
};

bool Validator::check_number(const Node& node, const Number& number, const Place& place) {
  const auto text = [&](const char* relation, const Number& bound) { return number.text() + relation + bound.text(); };
  if (node.minimum && number < *node.minimum) return fail(node, "minimum", place, text(" is below ", *node.minimum));
  if (node.maximum && number > *node.maximum) return fail(node, "maximum", place, text(" is above ", *node.maximum));
  if (node.exclusive_minimum && number <= *node.exclusive_minimum)
    return fail(node, "exclusiveMinimum", place, text(" is not above ", *node.exclusive_minimum));
  if (node.exclusive_maximum && number >= *node.exclusive_maximum)
    return fail(node, "exclusiveMaximum", place, text(" is not below ", *node.exclusive_maximum));
  if (node.multiple_of && !number.is_multiple_of(*node.multiple_of))
    return fail(node, "multipleOf", place, text(" is not a multiple of ", *node.multiple_of));
  return true;
}

bool Validator::check_string(const Node& node, std::string_view text, const Place& place) {
  if (node.min_length || node.max_length) {
    const auto length = code_points(text);
    const auto is = "has " + std::to_string(length) + " characters, ";
    if (node.min_length && length < *node.min_length)
      return fail(node, "minLength", place, is + "at least " + std::to_string(*node.min_length) + " are needed");
    if (node.max_length && length > *node.max_length)
      return fail(node, "maxLength", place, is + "at most " + std::to_string(*node.max_length) + " are allowed");
  }
  if (!node.pattern) return true;
  work_ -= std::min(work_, text.size() / 16);
  return node.pattern->found_in(text) ||
         fail(node, "pattern", place, "does not match " + json::quote(node.pattern->text()));
}

bool Validator::check_array(const Node& node, const bj::array& array, const Place& place, Seen* seen) {
  const auto is = "has " + std::to_string(array.size()) + " elements, ";
  if (node.min_items && array.size() < *node.min_items)
    return fail(node, "minItems", place, is + "at least " + std::to_string(*node.min_items) + " are needed");
  if (node.max_items && array.size() > *node.max_items)
    return fail(node, "maxItems", place, is + "at most " + std::to_string(*node.max_items) + " are allowed");
  for (std::size_t i = 0; i < array.size(); ++i) {
    const auto* schema = i < node.prefix.size() ? node.prefix[i] : node.items;
    if (schema == nullptr) break;
    mark(seen, i);
    const Place element{.up = &place, .index = i, .is_index = true};
    if (!check(*schema, array[i], element, nullptr)) return false;
  }
  if (node.unique_items && !check_unique(array)) return fail(node, "uniqueItems", place, "two elements are equal");
  return node.contains == nullptr || check_contains(node, array, place, seen);
}

bool Validator::check_contains(const Node& node, const bj::array& array, const Place& place, Seen* seen) {
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const Place element{.up = &place, .index = i, .is_index = true};
    if (!attempt(*node.contains, array[i], element, nullptr)) continue;
    ++found;
    mark(seen, i);
  }
  const auto least = node.min_contains.value_or(1);
  const auto is = std::to_string(found) + " elements match, ";
  if (found < least)
    return fail(node, node.min_contains ? "minContains" : "contains", place,
                is + "at least " + std::to_string(least) + " have to");
  if (node.max_contains && found > *node.max_contains)
    return fail(node, "maxContains", place, is + "at most " + std::to_string(*node.max_contains) + " may");
  return true;
}

bool Validator::check_unique(const bj::array& array) {
  std::set<std::string> texts;
  return std::all_of(array.begin(), array.end(),
                     [&](const auto& element) { return texts.insert(json::print(normal_form(element))).second; });
}

bool Validator::check_object(const Node& node, const bj::value& value, const Place& place, Seen* seen) {
  const auto& object = value.get_object();
  for (const auto& name : node.required)
    if (!object.contains(name)) return fail(node, "required", place, json::quote(name) + " is missing");
  const auto is = "has " + std::to_string(object.size()) + " members, ";
  if (node.min_properties && object.size() < *node.min_properties)
    return fail(node, "minProperties", place, is + "at least " + std::to_string(*node.min_properties) + " are needed");
  if (node.max_properties && object.size() > *node.max_properties)
    return fail(node, "maxProperties", place, is + "at most " + std::to_string(*node.max_properties) + " are allowed");
  return check_members(node, object, place, seen) && check_dependencies(node, value, place, seen);
}

bool Validator::check_members(const Node& node, const bj::object& object, const Place& place, Seen* seen) {
  std::size_t index = 0;
  for (const auto& pair : object) {
    const auto name = pair.key();
    const auto& member = pair.value();
    const Place at{.up = &place, .key = name};
    bool known = false;
    const auto look = [&](const Node& schema) {
      known = true;
      return check(schema, member, at, nullptr);
    };
    if (const auto property = node.properties.find(std::string_view(name)); property != node.properties.end())
      if (!look(*property->second)) return false;
    for (const auto& [pattern, schema] : node.pattern_properties) {
      work_ -= std::min(work_, name.size() / 16 + 1);
      if (pattern.found_in(name) && !look(*schema)) return false;
    }
    if (!known && node.additional_properties != nullptr) {
      if (node.additional_properties->always == false)
        return fail(node, "additionalProperties", at, "this member is not allowed");
      if (!look(*node.additional_properties)) return false;
    }
    if (node.property_names != nullptr && !check(*node.property_names, bj::value(name), at, nullptr)) return false;
    if (known) mark(seen, index);
    ++index;
  }
  return true;
}

bool Validator::check_dependencies(const Node& node, const bj::value& value, const Place& place, Seen* seen) {
  const auto& object = value.get_object();
  for (const auto& [name, others] : node.dependent_required) {
    if (!object.contains(name)) continue;
    for (const auto& other : others)
      if (!object.contains(other))
        return fail(node, "dependentRequired", place,
                    json::quote(other) + " is missing, which " + json::quote(name) + " needs");
  }
  return std::all_of(node.dependent_schemas.begin(), node.dependent_schemas.end(), [&](const auto& dependency) {
    return !object.contains(dependency.first) || check(*dependency.second, value, place, seen);
  });
}

const Node& Validator::target_of(const Reference& reference) const {
  if (reference.dynamic_anchor.empty()) return *reference.target;
  for (const auto* resource : resources_)
    if (const auto anchor = resource->dynamic_anchors.find(reference.dynamic_anchor);
        anchor != resource->dynamic_anchors.end())
      return *anchor->second;
  return *reference.target;
}

bool Validator::check_combined(const Node& node, const bj::value& value, const Place& place, Seen* seen) {
  for (const auto& reference : node.references)
    if (!check(target_of(reference), value, place, seen)) return false;
  for (const auto* one : node.all_of)
    if (!check(*one, value, place, seen)) return false;
  if (!check_choice(node, value, place, seen)) return false;
  if (node.negated != nullptr && attempt(*node.negated, value, place, nullptr))
    return fail(node, "not", place, "is what it must not be");
  if (node.condition == nullptr) return true;
  const auto* branch = attempt(*node.condition, value, place, seen) ? node.consequence : node.alternative;
  return branch == nullptr || check(*branch, value, place, seen);
}

bool Validator::check_choice(const Node& node, const bj::value& value, const Place& place, Seen* seen) {
  if (!node.any_of.empty()) {
    bool any = false;
    for (const auto* one : node.any_of) {
      any = attempt(*one, value, place, seen) || any;
      if (any && seen == nullptr) break;
    }
    if (!any) return fail(node, "anyOf", place, "is none of " + std::to_string(node.any_of.size()) + " alternatives");
  }
  if (node.one_of.empty()) return true;
  std::size_t matches = 0, first = 0, second = 0;
  for (std::size_t i = 0; i < node.one_of.size() && matches < 2; ++i)
    if (attempt(*node.one_of[i], value, place, seen)) (matches++ == 0 ? first : second) = i;
  if (matches == 0)
    return fail(node, "oneOf", place, "is none of " + std::to_string(node.one_of.size()) + " alternatives");
  return matches == 1 ||
         fail(node, "oneOf", place, "is both alternative " + std::to_string(first) + " and " + std::to_string(second));
}

bool Validator::check_unevaluated(const Node& node, const bj::value& value, const Place& place, Seen& seen) {
  if (node.unevaluated_items != nullptr && value.is_array()) {
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const Place element{.up = &place, .index = i, .is_index = true};
      if (!seen[i] && !check(*node.unevaluated_items, value.get_array()[i], element, nullptr)) return false;
      seen[i] = true;
    }
  }
  if (node.unevaluated_properties == nullptr || !value.is_object()) return true;
  std::size_t index = 0;
  for (const auto& [name, member] : value.get_object()) {
    const Place at{.up = &place, .key = name};
    if (!seen[index]) {
      if (node.unevaluated_properties->always == false)
        return fail(node, "unevaluatedProperties", at, "this member is not allowed");
      if (!check(*node.unevaluated_properties, member, at, nullptr)) return false;
    }
    seen[index++] = true;
  }
  return true;
}

}  // namespace

std::string why_invalid(const Document& document, const bj::value& value, std::size_t text_bytes) {
  Validator validator(kBaseWork + kWorkPerByte * text_bytes);
  return validator.run(*document.root, value) ? "" : validator.why();
}

std::optional<bool> is_valid(const Node& schema, const bj::value& value, std::size_t& work) {
  Validator validator(work);
  const bool valid = validator.run(schema, value);
  work = validator.work();
  return validator.exhausted() ? std::nullopt : std::optional(valid);
}

}  // namespace fabric::formats::jsonschema
