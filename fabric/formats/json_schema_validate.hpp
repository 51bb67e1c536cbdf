#pragma once
// Whether a value is what a Document says. Thread-safe; allocates. Any value is fine: work and depth are bounded,
// whatever schema and value are, and what goes beyond the bounds is refused.
//
// `format` and the content keywords are annotations, as 2020-12 says and draft-07 permits.

#include <boost/json/value.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "fabric/formats/json_schema_node.hpp"

namespace fabric::formats::jsonschema {

// Schemas that may be open at once, and how many may be asked in all: a base, and some for each byte of the payload's
// text.
inline constexpr unsigned kMaxDepth = 1500;
inline constexpr std::size_t kBaseWork = 1'000'000, kWorkPerByte = 200;

// "": it is valid. Else the first thing that is wrong: "/items/3/price: minimum: -1 is below 0 (schema:
// /$defs/price/minimum)".
std::string why_invalid(const Document& document, const boost::json::value& value, std::size_t text_bytes);
// The same against one schema of a document without dynamic references, for values that came with a schema. Takes what
// it costs from `work`; nullopt: there was too little.
std::optional<bool> is_valid(const Node& schema, const boost::json::value& value, std::size_t& work);

}  // namespace fabric::formats::jsonschema
