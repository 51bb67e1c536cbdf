#pragma once
// What is known about a value when some schemas hold for it and others do not. The ground of the comparison
// (json_schema_prover.hpp). Values; thread-safe as such. Everything here errs to one side: what it says is so for every
// such value, but it may not see all.

#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabric/formats/json_schema_node.hpp"

namespace fabric::formats::jsonschema {

// A value is valid against all of `holds` and none of `fails`. Closed: what they say together is in there as well
// ($ref, allOf, the last alternative that is left, then of an if that holds, ...).
struct Facts {
  Nodes holds{}, fails{};
  bool never = false;  // there is no such value

  static Facts of(const Nodes& holds, const Nodes& fails = {});
  Facts with(const Nodes& more, const Nodes& not_these = {}) const;
  bool has(const Node* node) const;
  bool rules_out(const Node* node) const;
};

struct Range {
  std::optional<Number> low{}, high{};
  bool low_open = false, high_open = false;  // the bound itself is outside
  std::vector<Number> multiples{};
  bool empty() const;
};

struct Count {
  std::uint64_t least = 0, most = std::numeric_limits<std::uint64_t>::max();
};

// Types that a value can have; numbers and strings that cannot be are left out, arrays and objects are not looked into.
Types types_of(const Facts& facts);
Range range_of(const Facts& facts);
Count length_of(const Facts& facts);
Count items_of(const Facts& facts);       // by minItems and maxItems alone
Count properties_of(const Facts& facts);  // by minProperties, maxProperties and `required`
std::set<std::string, std::less<>> required_of(const Facts& facts);

// What one schema says about the members of an object: of a name in `properties` that, of a name that a pattern matches
// that, both if both; of any other `rest`. nullptr: anything.
struct ObjectView {
  std::map<std::string_view, const Node*> properties{};
  std::vector<std::pair<const Pattern*, const Node*>> patterns{};
  const Node* rest = nullptr;
  // The schemas for a name; nullptr is left out.
  Nodes of(std::string_view name) const;
  bool declares(std::string_view name) const { return properties.contains(name); }
};
struct ArrayView {
  Nodes prefix{};
  const Node* rest = nullptr;
  const Node* at(std::size_t index) const { return index < prefix.size() ? prefix[index] : rest; }
};
// What a writer's schemas say for sure.
std::vector<ObjectView> object_views(const Facts& facts);
std::vector<ArrayView> array_views(const Facts& facts);

// Ways to tell such values apart that cover all of them: the alternatives of a choice, an if that holds and one that
// does not, and, if `by_type`, types. Empty: there is none.
std::vector<Facts> cases_of(const Facts& facts, bool by_type);

// Schemas that only the comparison knows: {"type": ...}, {"required": [name]}. They live as long as the Words.
class Words {
 public:
  const Node* type(Types types);
  const Node* required(const std::string& name);

 private:
  std::map<Types, Node> types_;
  std::map<std::string, Node> required_;
};

}  // namespace fabric::formats::jsonschema
