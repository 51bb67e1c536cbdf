#pragma once
// What a reader with one Protobuf message cannot make of another one's data: on the wire, and in our JSON (evf tail
// shows it, evf pub reads it). Internal to the library; pure functions.
//
// The rules follow Buf's category WIRE_JSON, but ask one question, as contract::Schema does: does this reader get every
// value that this writer wrote? Fields are matched by number, through nested messages by structure.
//
//   rule                    stops the reader                                                            Buf's rule
//   message-renamed         the event has another full name MESSAGE_NO_DELETE field-renamed           same number,
//   other name: JSON does not fit                                  FIELD_SAME_NAME json-name-changed       the same
//   with its name in JSON                                              FIELD_SAME_JSON_NAME field-renumbered same name,
//   other number: the value is not found                             FIELD_NO_DELETE number-reused           same
//   number, other name and a type that does not fit                        FIELD_WIRE_COMPATIBLE_TYPE type-changed
//   encoded otherwise, or it means something else                               FIELD_WIRE_COMPATIBLE_TYPE
//   type-narrowed           encoded alike, but not all values fit: int64 -> int32, int32 -> uint32 (Buf lets these
//   pass) json-type-changed       encoded alike, all values fit, but JSON differs: string -> bytes, bool -> int32, enum
//   <-> int32
//                                                                                                       FIELD_WIRE_JSON_COMPATIBLE_TYPE
//   cardinality-changed     singular, repeated and map are three kinds FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY
//   oneof-changed           the reader keeps one of several fields that the writer may set together FIELD_SAME_ONEOF
//   required-added          the reader demands what the writer need not write MESSAGE_SAME_REQUIRED_FIELDS
//   default-changed         what is not written means another value FIELD_SAME_DEFAULT enum-closed             the
//   reader's enum is closed (proto2), the writer's is open                  ENUM_SAME_TYPE enum-value-unknown      the
//   reader's enum is closed and lacks a value                               ENUM_VALUE_NO_DELETE enum-value-renamed
//   same number, other name: JSON does not fit                                  ENUM_VALUE_SAME_NAME
//   enum-value-renumbered   same name, other number ENUM_VALUE_SAME_NAME
//
// Fine: fields that only one side has, unless required; int32 -> int64, uint32 -> uint64 or int64, sint32 -> sint64;
// packed or not; presence or not; leaving a oneof; values that an open enum lacks; nested messages of another name (but
// the well-known ones have JSON of their own); syntax, options, services.
//
// Removing a field without reserving its number, or using a reserved one, cannot be seen here: reader without, writer
// with a field is also what an addition looks like to an older reader. breaking_changes() knows which schema is the
// older one and finds these.

#include <vector>

#include "fabric/contract/schema.hpp"

namespace google::protobuf {
class Descriptor;
}

namespace fabric::formats {

// In order of path.
std::vector<contract::Violation> protobuf_violations(const google::protobuf::Descriptor& reader,
                                                     const google::protobuf::Descriptor& writer);

}  // namespace fabric::formats
