#pragma once
// Protobuf contracts (proto2 and proto3): payloads are the serialised message. See formats.hpp for how to get the
// format; protobuf_descriptors.hpp says what schema texts are read and what the canonical one is, protobuf_compare.hpp
// which changes a reader survives.
//
// JSON is that of Protobuf (ProtoJSON), with fields named as in the .proto file and in the order of their numbers;
// fields that are not there are left out. Read is either spelling, names or lowerCamelCase; unknown names are refused.
// 64-bit integers are strings, bytes are base64, enums are names (or numbers, which an open enum does not know), the
// well-known types have their own forms.
//
// Payloads: at most 64 MiB, 60 messages deep; strings have to be UTF-8 under proto2 as well. What a closed enum does
// not know counts as an unknown field. Written bytes are deterministic.

#include <vector>

#include "fabric/contract/schema.hpp"

namespace fabric::formats {

// What a change from an older Protobuf schema to a newer one breaks or endangers beyond cannot_read(), for which it
// does not matter which one is older. The rules are those of Buf's categories FILE, PACKAGE and WIRE:
//
//   field-removed           and the number is not reserved: a later version may use it for something else
//   field-name-unreserved   and the name is not reserved: the same for JSON
//   reserved-reused         a number or name that was reserved is a field or a value again
//   reserved-removed        a reservation is gone
//   enum-value-removed      and the number is not reserved
//   message-removed, enum-removed, oneof-removed, field-oneof-changed, presence-changed, syntax-changed
//                           code generated from the newer schema does not fit programs that were written for the older
//                           one
//
// In order of path. Of other formats than Protobuf: nothing.
std::vector<contract::Violation> breaking_changes(const contract::Schema& older, const contract::Schema& newer);

}  // namespace fabric::formats
