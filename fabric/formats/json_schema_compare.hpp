#pragma once
#include <vector>

#include "fabric/contract/schema.hpp"
#include "fabric/formats/json_schema_node.hpp"

namespace fabric::formats::jsonschema {

std::vector<contract::Violation> compare(const Document& reader, const Document& writer);

}  // namespace fabric::formats::jsonschema
