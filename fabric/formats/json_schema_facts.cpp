#include "fabric/formats/json_schema_facts.hpp"

#include <algorithm>

namespace fabric::formats::jsonschema {
namespace {

bool contains(const Nodes& nodes, const Node* node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

// Types by the schemas alone, before ranges are looked at.
Types declared_types(const Facts& facts) {
  if (facts.never) return 0;
  Types types = kAnyType;
  for (const auto* node : facts.holds) {
    types &= node->possible;
    if (node->multiple_of && node->multiple_of->is_integer()) types &= static_cast<Types>(~kFraction);
  }
  for (const auto* node : facts.fails)
    if (node->types_alone) types &= static_cast<Types>(~*node->types);
  return types;
}

class Closure {
 public:
  explicit Closure(Facts& facts) : facts_(facts) {}

  void hold(const Node* node) {
    if (node == nullptr || node->always == true || contains(facts_.holds, node)) return;
    if (node->always == false || contains(facts_.fails, node)) facts_.never = true;
    facts_.holds.push_back(node);
    for (const auto& reference : node->references)
      if (reference.dynamic_anchor.empty()) hold(reference.target);
    for (const auto* one : node->all_of) hold(one);
    if (node->negated != nullptr) fail(node->negated);
  }

  void fail(const Node* node) {
    if (node->always == false || contains(facts_.fails, node)) return;
    if (node->always == true || contains(facts_.holds, node)) facts_.never = true;
    facts_.fails.push_back(node);
  }

  void close() {
    std::size_t before = 0;
    do {
      before = facts_.holds.size() + facts_.fails.size();
      const auto required = required_of(facts_);
      for (std::size_t i = 0; i < facts_.holds.size(); ++i) {
        const auto& node = *facts_.holds[i];
        last_of(node.any_of);
        last_of(node.one_of);
        if (contains(facts_.holds, node.condition) || (node.condition != nullptr && node.condition->always == true))
          hold(node.consequence);
        if (contains(facts_.fails, node.condition) || (node.condition != nullptr && node.condition->always == false))
          hold(node.alternative);
        // Of anything but an object nothing is required, and nothing depends on it.
        for (const auto& [name, schema] : node.dependent_schemas)
          if (required.contains(name) && declared_types(facts_) == kObject) hold(schema);
      }
    } while (before != facts_.holds.size() + facts_.fails.size());
  }

 private:
  void last_of(const Nodes& choice) {
    const Node* left = nullptr;
    for (const auto* one : choice) {
      if (contains(facts_.fails, one) || one->always == false) continue;
      if (left != nullptr) return;
      left = one;
    }
    if (left != nullptr)
      hold(left);
    else if (!choice.empty())
      facts_.never = true;
  }

  Facts& facts_;
};

void narrow(Range& range, const Node& node) {
  const auto raise = [&](const Number& low, bool open) {
    if (range.low && (low < *range.low || (low == *range.low && !open))) return;
    range.low = low;
    range.low_open = open;
  };
  const auto lower = [&](const Number& high, bool open) {
    if (range.high && (high > *range.high || (high == *range.high && !open))) return;
    range.high = high;
    range.high_open = open;
  };
  if (node.minimum) raise(*node.minimum, false);
  if (node.exclusive_minimum) raise(*node.exclusive_minimum, true);
  if (node.maximum) lower(*node.maximum, false);
  if (node.exclusive_maximum) lower(*node.exclusive_maximum, true);
  if (node.multiple_of) range.multiples.push_back(*node.multiple_of);
}

// The same range for integers alone: its bounds are integers and inside, where they fit.
void to_integers(Range& range) {
  if (range.low && range.low_open) {
    const auto next = range.low->is_integer() ? range.low->next() : std::optional(range.low->ceiling());
    if (next) range.low = *next;
    if (next) range.low_open = false;
  } else if (range.low) {
    range.low = range.low->ceiling();
  }
  if (range.high && range.high_open) {
    const auto previous = range.high->is_integer() ? range.high->previous() : std::optional(range.high->floor());
    if (previous) range.high = *previous;
    if (previous) range.high_open = false;
  } else if (range.high) {
    range.high = range.high->floor();
  }
}

template <class Least, class Most>
Count count(const Facts& facts, Least least, Most most) {
  Count result;
  for (const auto* node : facts.holds) {
    if (node->*least) result.least = std::max(result.least, *(node->*least));
    if (node->*most) result.most = std::min(result.most, *(node->*most));
  }
  return result;
}

// What may have looked at the members of an object besides unevaluatedProperties of the same schema; false: perhaps
// all.
bool gather_looked_at(const Node& node, const Facts& facts, ObjectView& view) {
  if (node.additional_properties != nullptr) return false;
  for (const auto& [name, schema] : node.properties) view.properties.emplace(name, nullptr);
  for (const auto& [pattern, schema] : node.pattern_properties) view.patterns.emplace_back(&pattern, nullptr);
  for (const auto* child : in_place(node)) {
    if (child == node.negated || facts.rules_out(child)) continue;
    if (child->unevaluated_properties != nullptr || !gather_looked_at(*child, facts, view)) return false;
  }
  return true;
}

bool gather_looked_at(const Node& node, const Facts& facts, ArrayView& view) {
  if (node.items != nullptr || node.contains != nullptr) return false;
  view.prefix.resize(std::max(view.prefix.size(), node.prefix.size()), nullptr);
  for (const auto* child : in_place(node)) {
    if (child == node.negated || facts.rules_out(child)) continue;
    if (child->unevaluated_items != nullptr || !gather_looked_at(*child, facts, view)) return false;
  }
  return true;
}

constexpr Types kClasses[] = {kNull, kBoolean, kNumber, kString, kArray, kObject};

// The cases of one choice; empty: it is decided already.
std::vector<Facts> cases_of_choice(const Facts& facts, const Nodes& choice, bool exactly_one) {
  const auto chosen =
      std::any_of(choice.begin(), choice.end(), [&](const auto* one) { return one->always == true || facts.has(one); });
  if (choice.size() < 2 || (chosen && !exactly_one)) return {};
  const auto left = std::count_if(choice.begin(), choice.end(), [&](const auto* one) { return !facts.rules_out(one); });
  if (left < 2) return {};
  std::vector<Facts> cases;
  for (const auto* one : choice) {
    if (facts.rules_out(one)) continue;
    Nodes others;
    if (exactly_one)
      std::copy_if(choice.begin(), choice.end(), std::back_inserter(others),
                   [&](const auto* other) { return other != one; });
    cases.push_back(facts.with({one}, others));
  }
  return cases;
}

}  // namespace

Facts Facts::of(const Nodes& holds, const Nodes& fails) { return Facts().with(holds, fails); }

Facts Facts::with(const Nodes& more, const Nodes& not_these) const {
  auto result = *this;
  Closure closure(result);
  for (const auto* node : more) closure.hold(node);
  for (const auto* node : not_these) closure.fail(node);
  closure.close();
  return result;
}

bool Facts::has(const Node* node) const { return contains(holds, node); }
bool Facts::rules_out(const Node* node) const { return contains(fails, node); }

bool Range::empty() const { return low && high && (*low > *high || (*low == *high && (low_open || high_open))); }

Types types_of(const Facts& facts) {
  auto types = declared_types(facts);
  if ((types & kNumber) != 0 && range_of(facts).empty()) types &= static_cast<Types>(~kNumber);
  if (const auto length = length_of(facts); length.least > length.most) types &= static_cast<Types>(~kString);
  return types;
}

Range range_of(const Facts& facts) {
  Range range;
  for (const auto* node : facts.holds) narrow(range, *node);
  if ((declared_types(facts) & kFraction) == 0) to_integers(range);
  return range;
}

Count length_of(const Facts& facts) { return count(facts, &Node::min_length, &Node::max_length); }
Count items_of(const Facts& facts) { return count(facts, &Node::min_items, &Node::max_items); }

Count properties_of(const Facts& facts) {
  auto result = count(facts, &Node::min_properties, &Node::max_properties);
  result.least = std::max<std::uint64_t>(result.least, required_of(facts).size());
  return result;
}

std::set<std::string, std::less<>> required_of(const Facts& facts) {
  std::set<std::string, std::less<>> names;
  for (const auto* node : facts.holds) names.insert(node->required.begin(), node->required.end());
  std::size_t before = 0;
  do {
    before = names.size();
    for (const auto* node : facts.holds)
      for (const auto& [name, others] : node->dependent_required)
        if (names.contains(name)) names.insert(others.begin(), others.end());
  } while (before != names.size());
  return names;
}

Nodes ObjectView::of(std::string_view name) const {
  Nodes result;
  bool known = false;
  const auto add = [&](const Node* node) {
    known = true;
    if (node != nullptr) result.push_back(node);
  };
  if (const auto property = properties.find(name); property != properties.end()) add(property->second);
  for (const auto& [pattern, node] : patterns)
    if (pattern->found_in(name)) add(node);
  if (!known) add(rest);
  return result;
}

std::vector<ObjectView> object_views(const Facts& facts) {
  std::vector<ObjectView> views;
  for (const auto* node : facts.holds) {
    if (!node->properties.empty() || !node->pattern_properties.empty() || node->additional_properties != nullptr) {
      auto& view = views.emplace_back();
      view.properties.insert(node->properties.begin(), node->properties.end());
      for (const auto& [pattern, schema] : node->pattern_properties) view.patterns.emplace_back(&pattern, schema);
      view.rest = node->additional_properties;
    }
    ObjectView view{.rest = node->unevaluated_properties};
    if (view.rest != nullptr && gather_looked_at(*node, facts, view)) views.push_back(std::move(view));
  }
  return views;
}

std::vector<ArrayView> array_views(const Facts& facts) {
  std::vector<ArrayView> views;
  for (const auto* node : facts.holds) {
    if (!node->prefix.empty() || node->items != nullptr) views.push_back({.prefix = node->prefix, .rest = node->items});
    ArrayView view{.rest = node->unevaluated_items};
    if (view.rest != nullptr && gather_looked_at(*node, facts, view)) views.push_back(std::move(view));
  }
  return views;
}

std::vector<Facts> cases_of(const Facts& facts, bool by_type) {
  for (const auto* node : facts.holds) {
    if (auto cases = cases_of_choice(facts, node->any_of, false); !cases.empty()) return cases;
    if (auto cases = cases_of_choice(facts, node->one_of, true); !cases.empty()) return cases;
    const auto* condition = node->condition;
    if (condition != nullptr && !condition->always && !facts.has(condition) && !facts.rules_out(condition) &&
        (node->consequence != nullptr || node->alternative != nullptr))
      return {facts.with({condition}), facts.with({}, {condition})};
  }
  static Words words;
  static const std::vector<const Node*> kNodes = [] {
    std::vector<const Node*> nodes;
    for (const auto types : kClasses) nodes.push_back(words.type(types));
    return nodes;
  }();
  const auto types = types_of(facts);
  std::vector<Facts> cases;
  for (std::size_t i = 0; by_type && i < std::size(kClasses); ++i)
    if ((types & kClasses[i]) != 0) cases.push_back(facts.with({kNodes[i]}));
  return cases.size() < 2 ? std::vector<Facts>{} : cases;
}

const Node* Words::type(Types types) {
  auto& node = types_[types];
  node.types = types;
  node.possible = types;
  node.types_alone = true;
  return &node;
}

const Node* Words::required(const std::string& name) {
  auto& node = required_[name];
  node.required = {name};
  return &node;
}

}  // namespace fabric::formats::jsonschema
