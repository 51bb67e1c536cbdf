#pragma once
// The bytes of native structs against JSON. Integers, floating-point numbers and bool are what they are in JSON ("NaN",
// "Infinity" and
// "-Infinity" are strings), text is a string, bytes are a string of hexadecimal digits, an enumerator is its name (a
// number where an open enum has no name for it), arrays and structs are arrays and objects. Pure functions; every
// payload and every JSON value is input.

#include <boost/json/value.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "fabric/contract/native_model.hpp"

namespace fabric::contract {

// Whether the bytes are a payload of this layout; longer ones are, shorter ones down to `required` if they end between
// fields. Errors: corrupt.
Result<void> check_payload(const NativeLayout& layout, std::span<const std::byte> payload);
// Whether a payload may end behind so many bytes: not inside a field.
bool is_between_fields(const NativeStruct& record, std::uint32_t bytes) noexcept;

// Whether what a reader gets for each optional field is a value of its type. Errors: invalid_argument.
Result<void> check_defaults(const NativeLayout& layout);
// An integer of this type in little-endian bytes; of u64 the same bits.
std::int64_t load_integer(NativeType type, const std::byte* bytes) noexcept;

// All fields of the layout; `payload` as check_payload() wants it. Errors: corrupt.
Result<boost::json::value> to_value(const NativeLayout& layout, std::span<const std::byte> payload);
// One element or array at the start of `bytes`, which holds it.
Result<boost::json::value> field_to_value(const NativeField& field, std::span<const std::byte> bytes,
                                          const std::string& path);

// Writes the fields that `object` names into `bytes`, which holds the struct. With `complete` those of `record` before
// byte `required` have to be named. null: the bytes of `defaults`, where the field is optional. Errors:
// invalid_argument.
struct WriteValue {
  const NativeLayout& layout;
  bool complete;
};
Result<void> from_value(const WriteValue& how, const boost::json::value& object, std::span<std::byte> bytes);
// One element or array.
Result<void> field_from_value(const NativeField& field, const boost::json::value& value, std::span<std::byte> bytes,
                              const std::string& path);

}  // namespace fabric::contract
