#pragma once
// A JSON Schema ready for use: what its keywords say, spelled alike for every draft, with every $ref resolved. Built by
// parse_document (json_schema_parse.hpp), then immutable and thread-safe.

#include <boost/json/value.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabric/formats/json_schema_pattern.hpp"
#include "fabric/formats/json_schema_value.hpp"

namespace fabric::formats::jsonschema {

enum class Draft : std::uint8_t { draft_07, draft_2020_12 };

// Sets of types. A number is an integer or a fraction, so that sets can be compared by their bits.
using Types = std::uint8_t;
inline constexpr Types kNull = 1, kBoolean = 2, kInteger = 4, kFraction = 8, kString = 16, kArray = 32, kObject = 64;
inline constexpr Types kNumber = kInteger | kFraction;
inline constexpr Types kAnyType = 127;
Types type_of(const boost::json::value& value);
// "string", "number or null", ...
std::string type_names(Types types);

struct Node;
using Nodes = std::vector<const Node*>;

// What "$id" begins: a schema whose anchors and references are its own.
struct Resource {
  std::string uri{};
  std::string pointer{};                                 // of its root in the document
  std::map<std::string, const Node*> anchors{};          // "$anchor" and "$dynamicAnchor"
  std::map<std::string, const Node*> dynamic_anchors{};  // "$dynamicAnchor" alone
};

struct Reference {
  const Node* target = nullptr;
  std::string dynamic_anchor{};  // not empty: the outermost resource on the way that has this anchor decides
};

struct PatternProperty {
  Pattern pattern;
  const Node* schema;
};

struct Node {
  std::string pointer{};  // in the document, as people write it: "/properties/amount"
  const Resource* resource = nullptr;
  std::optional<bool> always{};  // the schemas true and false

  std::optional<Types> types{};
  const boost::json::value* constant = nullptr;
  const boost::json::array* enumeration = nullptr;

  std::vector<Reference> references{};  // $ref, $dynamicRef
  Nodes all_of{}, any_of{}, one_of{};
  const Node *negated = nullptr, *condition = nullptr, *consequence = nullptr, *alternative = nullptr;

  std::optional<Number> minimum{}, maximum{}, exclusive_minimum{}, exclusive_maximum{}, multiple_of{};

  std::optional<std::uint64_t> min_length{}, max_length{};
  std::optional<Pattern> pattern{};

  Nodes prefix{};  // prefixItems; draft-07: the list `items`
  const Node* items =
      nullptr;  // of the elements behind the prefix; draft-07: `items`, or `additionalItems` beside a list
  const Node* contains = nullptr;
  std::optional<std::uint64_t> min_contains{}, max_contains{}, min_items{}, max_items{};
  bool unique_items = false;
  const Node* unevaluated_items = nullptr;

  std::map<std::string, const Node*, std::less<>> properties{};
  std::vector<PatternProperty> pattern_properties{};
  const Node* additional_properties = nullptr;
  const Node* property_names = nullptr;
  const Node* unevaluated_properties = nullptr;
  std::vector<std::string> required{};
  std::optional<std::uint64_t> min_properties{}, max_properties{};
  std::map<std::string, std::vector<std::string>> dependent_required{};  // draft-07: lists in `dependencies`
  std::map<std::string, const Node*> dependent_schemas{};                // draft-07: schemas in `dependencies`

  const boost::json::value* default_value = nullptr;

  // Nothing but a value of these types gets past it: what `types`, const, enum and the schemas for the same value say
  // together.
  Types possible = kAnyType;
  // `types` is all that it says.
  bool types_alone = false;
};

// Every schema that is asked about the same value: $ref, allOf, anyOf, ..., dependentSchemas.
Nodes in_place(const Node& node);

struct Document {
  Draft draft = Draft::draft_2020_12;
  boost::json::value text{};       // as parsed; nodes point into it
  boost::json::value canonical{};  // normal form, without $comment
  std::string title{}, id{};
  std::deque<Node> nodes{};          // stable addresses
  std::deque<Resource> resources{};  // the first one is the document's
  const Node* root = nullptr;
  bool dynamic = false;  // a $dynamicRef can mean more than one schema
};

}  // namespace fabric::formats::jsonschema
