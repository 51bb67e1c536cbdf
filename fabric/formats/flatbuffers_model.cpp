#include "fabric/formats/flatbuffers_model.hpp"

#include <algorithm>

namespace fabric::formats::fb {

std::size_t scalar_bytes(Base base) noexcept {
  switch (base) {
    case Base::i16:
    case Base::u16:
      return 2;
    case Base::i32:
    case Base::u32:
    case Base::f32:
      return 4;
    case Base::i64:
    case Base::u64:
    case Base::f64:
      return 8;
    default:
      return 1;
  }
}

std::string_view to_string(Base base) noexcept {
  constexpr std::string_view kNames[] = {"none",   "ubyte",  "bool",   "byte",  "ubyte", "short",
                                         "ushort", "int",    "uint",   "long",  "ulong", "float",
                                         "double", "string", "vector", "table", "union", "array"};
  return kNames[static_cast<std::size_t>(base)];
}

const Field* Object::find(std::string_view field) const noexcept {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& known) { return known.name == field; });
  return found == fields.end() ? nullptr : &*found;
}

const Value* Enum::find(std::int64_t number) const noexcept {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const Value& value) { return value.number == number; });
  return found == values.end() ? nullptr : &*found;
}

const Value* Enum::find(std::string_view value_name) const noexcept {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const Value& value) { return value.name == value_name; });
  return found == values.end() ? nullptr : &*found;
}

std::string Model::text(const Type& type) const {
  if (type.base == Base::vector) return "[" + text(type.item()) + "]";
  if (type.base == Base::array) return "[" + text(type.item()) + ":" + std::to_string(type.length) + "]";
  if (type.base == Base::object) return object(type).name;
  if (type.index >= 0) return enumeration(type).name;
  return std::string(to_string(type.base));
}

std::size_t Model::inline_bytes(const Type& type) const {
  if (is_scalar(type.base)) return scalar_bytes(type.base);
  if (type.base == Base::array) return type.length * inline_bytes(type.item());
  if (type.base == Base::object && object(type).is_struct) return object(type).bytes;
  return 4;
}

std::size_t Model::inline_align(const Type& type) const {
  if (type.base == Base::array) return inline_align(type.item());
  if (type.base == Base::object && object(type).is_struct) return object(type).align;
  return inline_bytes(type);
}

}  // namespace fabric::formats::fb
