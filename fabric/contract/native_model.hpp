#pragma once
// A native schema taken apart: the layout of a C++ struct, as data. Its text is JSON, in this order of keys:
//
//   {"name": "shop::Order", "size": 48, "required": 32,
//    "fields": [
//      {"name": "id", "type": "u64", "offset": 0},
//      {"name": "side", "type": "enum", "offset": 8,
//       "enum": {"name": "shop::Side", "base": "u8", "values": {"buy": 1, "sell": 2}}},
//      {"name": "symbol", "type": "text", "bytes": 7, "offset": 9},
//      {"name": "price", "type": "struct", "offset": 16,
//       "struct": {"name": "shop::Price", "size": 16, "fields": [...]}},
//      {"name": "venue", "type": "u32", "offset": 32, "default": 7},
//      {"name": "legs", "type": "u8", "array": [2, 2], "offset": 36}]}
//
// Types: bool, i8 to i64, u8 to u64, f32, f64, text (char arrays; UTF-8, ends at the first NUL), bytes (std::byte
// arrays), enum, struct. "required": payloads have at least these bytes, fields behind are optional; left out when it
// is the size. "default": of optional fields; left out when it is zero. An enum with "open": true has other values too.
// Bytes that no field has are padding. Numbers are little-endian. Thread-safe: values.
//
// Invariants of a layout that was parsed or described (check_layout):
// N1  Fields do not overlap, lie in their struct, ascend by offset.
// N2  Names are unique in their struct and not empty.
// N3  Every size is 1 to kMaxNativeBytes; structs nest kMaxNativeDepth deep at most.
// N4  Every optional field has a default that is a value of its type.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/contract/schema.hpp"

namespace fabric::contract {

inline constexpr std::uint32_t kMaxNativeBytes = std::uint32_t{1} << 24;
inline constexpr std::uint32_t kMaxNativeDepth = 16;
inline constexpr std::size_t kMaxNativeFields = 4096;  // of one struct

enum class NativeType : std::uint8_t {
  boolean,
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  f32,
  f64,
  text,
  bytes,
  enumeration,
  record
};
std::string_view to_string(NativeType type) noexcept;
// Of integers and floating-point numbers; 0 of others.
std::uint32_t width_of(NativeType type) noexcept;
bool is_integer(NativeType type) noexcept;
bool is_signed(NativeType type) noexcept;

struct NativeEnumerator {
  std::string name{};
  std::int64_t value = 0;  // of u64: the same bits
};

struct NativeEnum {
  std::string name{};
  NativeType base = NativeType::i32;
  bool open = false;
  std::vector<NativeEnumerator> values{};  // by value, then name

  const NativeEnumerator* find(std::int64_t value) const noexcept;
  const NativeEnumerator* find(std::string_view enumerator) const noexcept;
};

void sort_enumerators(NativeEnum& enumeration);

struct NativeStruct;

struct NativeField {
  std::string name{};
  NativeType type = NativeType::u8;
  std::uint32_t offset = 0;            // in its struct
  std::uint32_t bytes = 1;             // of one element
  std::vector<std::uint32_t> array{};  // extents, outermost first; empty: one element
  std::shared_ptr<const NativeEnum> enumeration{};
  std::shared_ptr<const NativeStruct> record{};

  std::uint32_t count() const noexcept;  // elements
  std::uint32_t size() const noexcept { return bytes * count(); }
  std::uint32_t end() const noexcept { return offset + size(); }
  bool is_array() const noexcept { return !array.empty(); }
};

struct NativeStruct {
  std::string name{};
  std::uint32_t size = 0;
  std::vector<NativeField> fields{};

  const NativeField* find(std::string_view field) const noexcept;
  // The field that has byte `offset`, or nullptr.
  const NativeField* at(std::uint32_t offset) const noexcept;
};

// The outermost struct, and what its payloads may lack.
struct NativeLayout {
  NativeStruct root{};
  std::uint32_t required = 0;         // payloads have at least these bytes; fields behind are optional
  std::vector<std::byte> defaults{};  // root.size bytes: what a reader gets for optional fields that are not there
};

// The invariants above; extents and sizes may be anything. Errors: invalid_argument, naming the field.
Result<void> check_layout(const NativeLayout& layout);
// Errors: invalid_argument.
Result<NativeLayout> parse_layout(std::string_view text);
std::string print_layout(const NativeLayout& layout);

}  // namespace fabric::contract
