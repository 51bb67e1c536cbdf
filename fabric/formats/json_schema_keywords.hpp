#pragma once
// The keywords of both drafts: which draft knows them, and what kind of value they have. Immutable tables, thread-safe.

#include <cstdint>
#include <string>
#include <string_view>

#include "fabric/formats/json_schema_node.hpp"

namespace fabric::formats::jsonschema {

enum class Role : std::uint8_t { constraint, reference, definitions, annotation };

// What a keyword's value has to be (the meta-schemas' rules).
enum class Shape : std::uint8_t {
  anything,
  text,
  flag,
  count,  // a whole number, not negative
  number,
  positive_number,
  list,
  schema,
  schemas,         // a list of at least one
  schema_or_list,  // draft-07's items
  schema_map,
  pattern_map,  // schemas by regular expression
  names,        // a list of different strings
  names_map,
  dependencies,  // schemas or names by property
  types,
  expression,  // a regular expression
};

struct Keyword {
  std::string_view name;
  unsigned drafts;  // kIn07, kIn2020
  Role role;
  Shape shape;
};
inline constexpr unsigned kIn07 = 1, kIn2020 = 2, kInBoth = 3;
inline constexpr unsigned bit(Draft draft) noexcept { return draft == Draft::draft_07 ? kIn07 : kIn2020; }

// nullptr: no draft has it.
const Keyword* find_keyword(std::string_view name) noexcept;
// The constraint of `draft` that `name` seems to be meant for, or "".
std::string_view meant_keyword(std::string_view name, Draft draft);
// What to do about a keyword that belongs to the other draft.
std::string advice(const Keyword& keyword, Draft draft);
// What is wrong with the value of a keyword, or "". Subschemas are not looked into.
std::string wrong_shape(Shape shape, const boost::json::value& value);

}  // namespace fabric::formats::jsonschema
