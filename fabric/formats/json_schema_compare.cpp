#include "fabric/formats/json_schema_compare.hpp"

namespace fabric::formats::jsonschema {

std::vector<contract::Violation> compare(const Document&, const Document&) { return {}; }

}  // namespace fabric::formats::jsonschema
