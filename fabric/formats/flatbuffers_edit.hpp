#pragma once
// A merge patch on a FlatBuffers payload that keeps what the schema does not know. Internal to the library; a pure
// function.
//
// Nobody can move a table that has unknown fields: a field of four bytes may be an offset or a number, and only the
// schema says which. So nothing moves. Scalars and structs are overwritten where they stand; strings, vectors and
// tables are written at the end, and their offset is pointed there (offsets go forward). A field that was not there
// gets its bytes at the end and a new table of fields (vtable), which is a copy of the old one, unknown fields and all,
// with a place added; it may lie behind its table. A removed one only gets the new vtable.
//
//   before   root | vtable | table ............ | children
//   after    root | vtable | table ............ | children | bytes of added fields | new vtable | new children
//                            '-- offset to its vtable: there, that is signed ----------^
//
// A place in a vtable has 16 bits, so an added field has to lie within 65535 bytes of its table. Where it cannot, and
// where tables are used twice, the payload is written anew, which is possible when there is nothing unknown in it;
// otherwise the edit is refused.

#include <boost/json/object.hpp>
#include <span>
#include <vector>

#include "fabric/formats/flatbuffers_model.hpp"

namespace fabric::formats::fb {

// RFC 7396: null removes, objects go into tables and structs, everything else replaces. Errors: corrupt (payload),
// invalid_argument.
ipc::Result<std::vector<std::byte>> edit(const Model& model, std::span<const std::byte> payload,
                                         const boost::json::object& patch);

}  // namespace fabric::formats::fb
