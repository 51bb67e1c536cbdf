// Whether two schemas say the same in the same words. What the prover cannot prove (regular expressions,
// unevaluatedProperties beside anyOf) it accepts at least when nothing changed.
#include <algorithm>

#include "fabric/formats/json_schema_prover.hpp"

namespace fabric::formats::jsonschema {
namespace {

constexpr unsigned kMaxDepth = 500;

bool same_values(const Node& a, const Node& b) {
  const auto same_constant =
      (a.constant == nullptr) == (b.constant == nullptr) && (a.constant == nullptr || equal(*a.constant, *b.constant));
  const auto same_list = (a.enumeration == nullptr) == (b.enumeration == nullptr) &&
                         (a.enumeration == nullptr || std::equal(a.enumeration->begin(), a.enumeration->end(),
                                                                 b.enumeration->begin(), b.enumeration->end(), equal));
  return same_constant && same_list && a.always == b.always && a.types == b.types;
}

bool same_limits(const Node& a, const Node& b) {
  const auto text = [](const Node& node) { return node.pattern ? node.pattern->text() : std::string(); };
  return a.minimum == b.minimum && a.maximum == b.maximum && a.exclusive_minimum == b.exclusive_minimum &&
         a.exclusive_maximum == b.exclusive_maximum && a.multiple_of == b.multiple_of && a.min_length == b.min_length &&
         a.max_length == b.max_length && a.pattern.has_value() == b.pattern.has_value() && text(a) == text(b) &&
         a.min_contains == b.min_contains && a.max_contains == b.max_contains && a.min_items == b.min_items &&
         a.max_items == b.max_items && a.unique_items == b.unique_items && a.required == b.required &&
         a.min_properties == b.min_properties && a.max_properties == b.max_properties &&
         a.dependent_required == b.dependent_required;
}

// The subschemas in a fixed order, nullptr where there is none; nullopt: the keywords that hold them differ.
std::optional<std::vector<std::pair<const Node*, const Node*>>> pairs_of(const Node& a, const Node& b) {
  std::vector<std::pair<const Node*, const Node*>> pairs = {
      {a.negated, b.negated},
      {a.condition, b.condition},
      {a.consequence, b.consequence},
      {a.alternative, b.alternative},
      {a.items, b.items},
      {a.contains, b.contains},
      {a.unevaluated_items, b.unevaluated_items},
      {a.additional_properties, b.additional_properties},
      {a.property_names, b.property_names},
      {a.unevaluated_properties, b.unevaluated_properties},
  };
  for (const auto member : {&Node::all_of, &Node::any_of, &Node::one_of, &Node::prefix}) {
    if ((a.*member).size() != (b.*member).size()) return std::nullopt;
    for (std::size_t i = 0; i < (a.*member).size(); ++i) pairs.emplace_back((a.*member)[i], (b.*member)[i]);
  }
  if (a.references.size() != b.references.size() || a.pattern_properties.size() != b.pattern_properties.size())
    return std::nullopt;
  for (std::size_t i = 0; i < a.references.size(); ++i)
    pairs.emplace_back(a.references[i].target, b.references[i].target);
  for (std::size_t i = 0; i < a.pattern_properties.size(); ++i) {
    if (a.pattern_properties[i].pattern.text() != b.pattern_properties[i].pattern.text()) return std::nullopt;
    pairs.emplace_back(a.pattern_properties[i].schema, b.pattern_properties[i].schema);
  }
  const auto add = [&](const auto& x, const auto& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [&](const auto& one, const auto& other) {
      pairs.emplace_back(one.second, other.second);
      return one.first == other.first;
    });
  };
  if (!add(a.properties, b.properties) || !add(a.dependent_schemas, b.dependent_schemas)) return std::nullopt;
  return pairs;
}

}  // namespace

bool Prover::same(const Node& a, const Node& b) {
  if (&a == &b) return true;
  std::set<std::pair<const Node*, const Node*>> assumed;
  const bool result = same_below(a, b, assumed, 0);
  if (result)
    same_.merge(assumed);
  else
    different_.emplace(&a, &b);
  return result;
}

// Pairs that are being compared already count as the same: a difference shows elsewhere, if there is one.
bool Prover::same_below(const Node& a, const Node& b, std::set<std::pair<const Node*, const Node*>>& assumed,
                        unsigned depth) {
  const std::pair pair(&a, &b);
  if (same_.contains(pair)) return true;
  if (different_.contains(pair) || depth > kMaxDepth) return false;
  if (!assumed.insert(pair).second) return true;
  if (!same_values(a, b) || !same_limits(a, b)) return false;
  const auto pairs = pairs_of(a, b);
  return pairs && std::all_of(pairs->begin(), pairs->end(), [&](const auto& one) {
           if (one.first == nullptr || one.second == nullptr) return one.first == one.second;
           return same_below(*one.first, *one.second, assumed, depth + 1);
         });
}

}  // namespace fabric::formats::jsonschema
