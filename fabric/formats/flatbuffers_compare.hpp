#pragma once
// What a reader with one FlatBuffers schema cannot make of another one's data: from the bytes, and in JSON. Internal to
// the library; pure functions.
//
// Fields are matched by their id (the place in the vtable), through tables by structure. At least as strict as `flatc
// --conform`, but where its answer depends on what names happen to be the same.
//
//   rule                    stops the reader                                                             flatc
//   --conform root-changed            the event is another table passes file-identifier-changed the reader asks for one
//   that the writer does not write                       passes field-moved             same name, other id "offsets
//   differ" field-renamed           same id, other name: JSON does not fit                                       passes
//   type-changed            same id, other type; integers and enums of every size and sign count         "types
//   differ",
//                           as different, types of other names too                                       "field renamed
//                           to different type"
//   default-changed         what is not written means another value                                      "defaults
//   differ" required-added          the reader demands what the writer need not write                            passes
//   key-added               the reader looks vectors up by a key that the writer does not sort by        passes
//   struct-changed          structs are frozen: fields, types, order, alignment                          passes what is
//   appended enum-value-changed      same name, other number; bit flags or not "values differ for enum"
//   enum-value-renamed      same number, other name                                                      passes
//   union-member-changed    same number, other type                                                      passes
//   nested-changed          bytes hold a nested FlatBuffer of another root, or of none                   passes
//
// Fine: fields, values and members that only one side has; deprecated fields; file_extension; namespaces of tables that
// are not the root. Removing a field altogether, instead of deprecating it, shows in the field that takes its place:
// field-moved, field-renamed, type-changed.

#include <vector>

#include "fabric/contract/schema.hpp"
#include "fabric/formats/flatbuffers_model.hpp"

namespace fabric::formats::fb {

// In order of path.
std::vector<contract::Violation> violations(const Model& reader, const Model& writer);

}  // namespace fabric::formats::fb
