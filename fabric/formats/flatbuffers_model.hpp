#pragma once
// A FlatBuffers schema as plain values: what of it decides about bytes and JSON. Internal to the library. Immutable
// once read; thread-safe.
//
// Invariants of a model that read_flatbuffers_schema() gave: indexes are in range, structs nest finitely and have the
// layout that flatc gives them, field ids of a table are dense from 0, a union's field follows its type's.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/result.hpp"

namespace fabric::formats::fb {

// Values as in reflection.fbs.
enum class Base : std::uint8_t {
  none,
  utype,
  boolean,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  f32,
  f64,
  string,
  vector,
  object,
  union_,
  array
};
inline constexpr bool is_scalar(Base base) noexcept { return base >= Base::utype && base <= Base::f64; }
inline constexpr bool is_float(Base base) noexcept { return base == Base::f32 || base == Base::f64; }
inline constexpr bool is_signed(Base base) noexcept {
  return base == Base::i8 || base == Base::i16 || base == Base::i32 || base == Base::i64;
}
// Of a scalar, in bytes.
std::size_t scalar_bytes(Base base) noexcept;
// "int", "ulong": as .fbs spells it.
std::string_view to_string(Base base) noexcept;

struct Type {
  Base base = Base::none;
  Base element = Base::none;  // of vectors and arrays
  int index = -1;             // of the object or enum that it, or its element, is
  std::uint16_t length = 0;   // of arrays

  bool operator==(const Type&) const = default;
  // What one element, or the value itself, is.
  Type item() const noexcept {
    return base == Base::vector || base == Base::array ? Type{element, Base::none, index, 0} : *this;
  }
};

struct Field {
  std::string name{};
  Type type{};
  std::uint16_t id = 0;      // in a table: the slot in its vtable
  std::uint16_t offset = 0;  // in a struct: bytes from its start
  std::int64_t default_integer = 0;
  double default_real = 0;
  bool required = false, deprecated = false, key = false, optional = false;
  std::string nested{};  // the root type in nested_flatbuffer bytes, in full
  bool flexbuffer = false;
};

struct Object {
  std::string name{};  // in full
  bool is_struct = false;
  std::size_t bytes = 0, align = 1;  // of structs
  std::vector<Field> fields{};       // tables: by id; structs: by offset
  const Field* find(std::string_view name) const noexcept;
};

struct Value {
  std::string name{};
  std::int64_t number = 0;
  Type member{};  // of a union: object or string; none for NONE
};

struct Enum {
  std::string name{};
  bool is_union = false, bit_flags = false;
  Base base = Base::i32;
  std::vector<Value> values{};  // by number
  const Value* find(std::int64_t number) const noexcept;
  const Value* find(std::string_view name) const noexcept;
};

struct Model {
  std::vector<Object> objects{};  // by name
  std::vector<Enum> enums{};      // by name
  int root = -1;
  std::string identifier{}, extension{};

  const Object& root_table() const { return objects[static_cast<std::size_t>(root)]; }
  const Object& object(const Type& type) const { return objects[static_cast<std::size_t>(type.index)]; }
  const Enum& enumeration(const Type& type) const { return enums[static_cast<std::size_t>(type.index)]; }
  // The type's spelling in .fbs.
  std::string text(const Type& type) const;
  // Bytes of one inline value of the type in a vector, an array, a struct or a table: scalars, structs and arrays
  // whole, everything else an offset.
  std::size_t inline_bytes(const Type& type) const;
  std::size_t inline_align(const Type& type) const;
};

// Reads .fbs source (no includes), a binary schema (.bfbs), or the base64 of one. Errors: invalid_argument with line
// and column, or the name of what is wrong.
ipc::Result<Model> read_flatbuffers_schema(std::string_view text);
// .fbs source: equal for schemas that differ in spelling, comments and order, and read back as the same model.
std::string canonical_text(const Model& model);

}  // namespace fabric::formats::fb
