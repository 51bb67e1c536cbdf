#pragma once
// From text to a Document: JSON, the draft, the types of keywords, regular expressions, references. Pure and
// thread-safe; any text is fine.
//
// What no draft knows is an annotation, as the drafts say. But nothing that looks like a constraint is passed over:
//
//   refused                                                        because
//   $schema of another draft                                       its keywords mean something else
//   a keyword of the other draft (prefixItems in draft-07,          this draft would ignore it
//     dependencies in 2020-12)
//   a constraint beside $ref in draft-07                           draft-07 ignores it: allOf says both
//   a misspelt constraint (wrong case, one letter off)              it would constrain nothing
//   $ref to another document                                       schemas are not fetched
//   references that lead back to themselves for the same value     validation would not end

#include <memory>
#include <string_view>

#include "fabric/formats/json_schema_node.hpp"
#include "ipc/result.hpp"

namespace fabric::formats::jsonschema {

// Errors: invalid_argument, "line 3, column 7: ..." or "/properties/amount/type: ...".
ipc::Result<std::shared_ptr<const Document>> parse_document(std::string_view text);

}  // namespace fabric::formats::jsonschema
