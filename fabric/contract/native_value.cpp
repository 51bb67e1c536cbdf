#include "fabric/contract/native_value.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "fabric/json.hpp"

namespace fabric::contract {
namespace {

namespace bj = boost::json;
using ipc::ErrorCode;
using ipc::make_error;

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}
std::string joined(const std::string& path, std::uint32_t index) { return path + "[" + std::to_string(index) + "]"; }

ipc::Error corrupt(const std::string& path, const std::string& what) {
  return make_error(ErrorCode::corrupt, path + ": " + what);
}
ipc::Error invalid(const std::string& path, const std::string& what) {
  return make_error(ErrorCode::invalid_argument, (path.empty() ? std::string("the value") : path) + ": " + what);
}

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t more = lead < 0x80                   ? 0
                             : lead >= 0xc2 && lead < 0xe0 ? 1
                             : lead >= 0xe0 && lead < 0xf0 ? 2
                             : lead >= 0xf0 && lead < 0xf5 ? 3
                                                           : 4;
    if (more == 4 || at + more >= text.size()) return false;
    for (std::size_t i = 1; i <= more; ++i)
      if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return false;
    const auto second = more > 0 ? static_cast<unsigned char>(text[at + 1]) : 0;
    // Overlong forms, surrogates, and what lies behind U+10FFFF.
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
        (lead == 0xf4 && second > 0x8f))
      return false;
    at += more + 1;
  }
  return true;
}

std::string_view text_of(std::span<const std::byte> bytes) noexcept {
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  return {text, strnlen(text, bytes.size())};
}

double load_float(NativeType type, const std::byte* bytes) noexcept {
  if (type == NativeType::f64) {
    double number = 0;
    std::memcpy(&number, bytes, sizeof number);
    return number;
  }
  float number = 0;
  std::memcpy(&number, bytes, sizeof number);
  if (!std::isfinite(number)) return number;
  // The double that prints as short as the float does: 0.1, not 0.10000000149011612.
  std::array<char, 64> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  double shortest = number;
  std::from_chars(digits.data(), end, shortest);
  return static_cast<float>(shortest) == number ? shortest : number;
}

bj::value float_value(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return number;
}

std::string hexadecimal(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

Result<bj::value> enum_value(const NativeEnum& enumeration, std::int64_t value, const std::string& path) {
  if (const auto* known = enumeration.find(value)) return bj::value(known->name);
  const bool big = enumeration.base == NativeType::u64 && value < 0;
  if (enumeration.open) return big ? bj::value(static_cast<std::uint64_t>(value)) : bj::value(value);
  return corrupt(path, (big ? std::to_string(static_cast<std::uint64_t>(value)) : std::to_string(value)) +
                           " is no enumerator of " + enumeration.name);
}

Result<bj::value> struct_to_value(const NativeStruct& record, std::span<const std::byte> bytes,
                                  const std::string& path);

Result<bj::value> element_to_value(const NativeField& field, std::span<const std::byte> bytes,
                                   const std::string& path) {
  switch (field.type) {
    case NativeType::boolean:
      if (bytes[0] > std::byte{1}) return corrupt(path, "is neither true nor false");
      return bj::value(bytes[0] == std::byte{1});
    case NativeType::f32:
    case NativeType::f64:
      return float_value(load_float(field.type, bytes.data()));
    case NativeType::text:
      if (!is_utf8(text_of(bytes))) return corrupt(path, "is no UTF-8");
      return bj::value(text_of(bytes));
    case NativeType::bytes:
      return bj::value(hexadecimal(bytes));
    case NativeType::enumeration:
      return enum_value(*field.enumeration, load_integer(field.enumeration->base, bytes.data()), path);
    case NativeType::record:
      return struct_to_value(*field.record, bytes, path);
    case NativeType::u64:
      return bj::value(static_cast<std::uint64_t>(load_integer(field.type, bytes.data())));
    default:
      return bj::value(load_integer(field.type, bytes.data()));
  }
}

// Elements of dimension `level` and deeper; `bytes` begins with them.
Result<bj::value> array_to_value(const NativeField& field, std::size_t level, std::span<const std::byte> bytes,
                                 const std::string& path) {
  if (level == field.array.size()) return element_to_value(field, bytes.first(field.bytes), path);
  const auto stride = bytes.size() / field.array[level];
  bj::array elements;
  for (std::uint32_t i = 0; i < field.array[level]; ++i) {
    auto element = array_to_value(field, level + 1, bytes.subspan(i * stride, stride), joined(path, i));
    if (!element) return element;
    elements.push_back(std::move(*element));
  }
  return bj::value(std::move(elements));
}

Result<bj::value> struct_to_value(const NativeStruct& record, std::span<const std::byte> bytes,
                                  const std::string& path) {
  bj::object object;
  for (const auto& field : record.fields) {
    auto value = field_to_value(field, bytes.subspan(field.offset), joined(path, field.name));
    if (!value) return value;
    object[field.name] = std::move(*value);
  }
  return bj::value(std::move(object));
}

void store_integer(std::uint32_t width, std::uint64_t value, std::byte* bytes) noexcept {
  for (std::uint32_t i = 0; i < width; ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
}

Result<void> integer_from_value(NativeType type, const bj::value& value, std::byte* bytes, const std::string& path) {
  const auto bits = 8 * width_of(type);
  const auto highest = is_signed(type) ? (std::uint64_t{1} << (bits - 1)) - 1
                       : bits == 64    ? std::numeric_limits<std::uint64_t>::max()
                                       : (std::uint64_t{1} << bits) - 1;
  const auto lowest = is_signed(type) ? -static_cast<std::int64_t>(highest) - 1 : 0;
  std::uint64_t number = 0;
  bool fits = false;
  if (const auto* with_sign = value.if_int64()) {
    number = static_cast<std::uint64_t>(*with_sign);
    fits = *with_sign >= lowest && (*with_sign < 0 || number <= highest);
  } else if (const auto* without = value.if_uint64()) {
    number = *without;
    fits = number <= highest;
  } else if (const auto* real = value.if_double();
             real != nullptr && std::trunc(*real) == *real && std::abs(*real) < 0x1p53) {
    number = static_cast<std::uint64_t>(static_cast<std::int64_t>(*real));
    fits = *real >= static_cast<double>(lowest) && (*real < 0 || number <= highest);
  } else {
    return invalid(path, json::print(value) + " is no whole number");
  }
  if (!fits) return invalid(path, json::print(value) + " does not fit " + std::string(to_string(type)));
  store_integer(width_of(type), number, bytes);
  return {};
}

constexpr double kFloatOverflow = 0x1.ffffffp127;  // what does not round to the largest float any more

Result<void> float_from_value(NativeType type, const bj::value& value, std::byte* bytes, const std::string& path) {
  double number = 0;
  if (const auto* text = value.if_string()) {
    if (*text == "NaN")
      number = std::numeric_limits<double>::quiet_NaN();
    else if (*text == "Infinity" || *text == "-Infinity")
      number =
          text->front() == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    else
      return invalid(path, json::print(value) + " is no number");
  } else if (value.is_number()) {
    number = value.to_number<double>();
    if (!std::isfinite(number) || (type == NativeType::f32 && std::abs(number) >= kFloatOverflow))
      return invalid(path, json::print(value) + " does not fit " + std::string(to_string(type)));
  } else {
    return invalid(path, json::print(value) + " is no number");
  }
  if (type == NativeType::f64) {
    std::memcpy(bytes, &number, sizeof number);
  } else {
    constexpr double kMost = std::numeric_limits<float>::max();
    const auto narrow = static_cast<float>(std::isfinite(number) ? std::clamp(number, -kMost, kMost) : number);
    std::memcpy(bytes, &narrow, sizeof narrow);
  }
  return {};
}

Result<void> text_from_value(const NativeField& field, const bj::value& value, std::span<std::byte> bytes,
                             const std::string& path) {
  const auto* text = value.if_string();
  if (text == nullptr) return invalid(path, json::print(value) + " is no string");
  if (text->size() > field.bytes)
    return invalid(path, "the text has " + std::to_string(text->size()) + " bytes, at most " +
                             std::to_string(field.bytes) + " fit");
  if (std::find(text->begin(), text->end(), '\0') != text->end()) return invalid(path, "text cannot contain NUL");
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  std::memcpy(bytes.data(), text->data(), text->size());
  return {};
}

Result<void> bytes_from_value(const NativeField& field, const bj::value& value, std::span<std::byte> bytes,
                              const std::string& path) {
  const auto* text = value.if_string();
  if (text == nullptr || text->size() != 2 * field.bytes)
    return invalid(path, "is no string of " + std::to_string(2 * field.bytes) + " hexadecimal digits");
  for (std::uint32_t i = 0; i < field.bytes; ++i) {
    unsigned byte = 0;
    const char* digits = text->data() + 2 * i;
    const auto [end, fault] = std::from_chars(digits, digits + 2, byte, 16);
    if (fault != std::errc() || end != digits + 2) return invalid(path, "has other characters than hexadecimal digits");
    bytes[i] = static_cast<std::byte>(byte);
  }
  return {};
}

Result<void> enum_from_value(const NativeEnum& enumeration, const bj::value& value, std::byte* bytes,
                             const std::string& path) {
  if (const auto* name = value.if_string()) {
    const auto* known = enumeration.find(std::string_view(name->data(), name->size()));
    if (known == nullptr) return invalid(path, json::print(value) + " is no enumerator of " + enumeration.name);
    store_integer(width_of(enumeration.base), static_cast<std::uint64_t>(known->value), bytes);
    return {};
  }
  if (auto written = integer_from_value(enumeration.base, value, bytes, path); !written) return written;
  if (enumeration.open || enumeration.find(load_integer(enumeration.base, bytes)) != nullptr) return {};
  return invalid(path, json::print(value) + " is no enumerator of " + enumeration.name);
}

// Writes objects; knows what is optional at a place of the payload.
class Writer {
 public:
  static constexpr std::uint32_t kInArray = kMaxNativeBytes;  // elements of arrays are whole
  Writer(const NativeLayout* layout, bool complete) noexcept : layout_(layout), complete_(complete) {}

  Result<void> write_struct(const NativeStruct& record, const bj::value& value, std::span<std::byte> bytes,
                            std::uint32_t at, const std::string& path) const {
    const auto* object = value.if_object();
    if (object == nullptr) return invalid(path, json::print(value) + " is no object");
    for (const auto& pair : *object)
      if (record.find(std::string_view(pair.key().data(), pair.key().size())) == nullptr)
        return invalid(joined(path, std::string(pair.key())), "unknown field");
    for (const auto& field : record.fields) {
      const auto* given = object->if_contains(field.name);
      const auto here = bytes.subspan(field.offset, field.size());
      const auto place = at == kInArray ? kInArray : at + field.offset;
      auto written = given == nullptr ? leave_out(field, here, place, joined(path, field.name))
                                      : write_field(field, *given, here, place, joined(path, field.name));
      if (!written) return written;
    }
    return {};
  }

  Result<void> write_field(const NativeField& field, const bj::value& value, std::span<std::byte> bytes,
                           std::uint32_t at, const std::string& path) const {
    if (value.is_null()) {
      if (!is_optional(at)) return invalid(path, "is required, it has no default; give it a value");
      return set_default(bytes, at);
    }
    if (field.type == NativeType::record && !field.is_array())
      return write_struct(*field.record, value, bytes, at, path);
    return write_array(field, 0, value, bytes, path);
  }

 private:
  bool is_optional(std::uint32_t at) const noexcept {
    return layout_ != nullptr && at != kInArray && at >= layout_->required;
  }
  Result<void> set_default(std::span<std::byte> bytes, std::uint32_t at) const {
    std::copy_n(layout_->defaults.begin() + at, bytes.size(), bytes.begin());
    return {};
  }
  Result<void> leave_out(const NativeField& field, std::span<std::byte> bytes, std::uint32_t at,
                         const std::string& path) const {
    if (!complete_ && at != kInArray) return {};
    if (is_optional(at)) return set_default(bytes, at);
    // A struct that begins before the optional fields and ends behind them: what is required in it is missing.
    static_cast<void>(field);
    return invalid(path, "is missing");
  }
  Result<void> write_array(const NativeField& field, std::size_t level, const bj::value& value,
                           std::span<std::byte> bytes, const std::string& path) const {
    if (level == field.array.size()) return write_element(field, value, bytes, path);
    const auto* elements = value.if_array();
    if (elements == nullptr || elements->size() != field.array[level])
      return invalid(path, "is no list of " + std::to_string(field.array[level]) + " elements");
    const auto stride = bytes.size() / field.array[level];
    for (std::uint32_t i = 0; i < field.array[level]; ++i) {
      auto written = write_array(field, level + 1, (*elements)[i], bytes.subspan(i * stride, stride), joined(path, i));
      if (!written) return written;
    }
    return {};
  }
  Result<void> write_element(const NativeField& field, const bj::value& value, std::span<std::byte> bytes,
                             const std::string& path) const {
    switch (field.type) {
      case NativeType::boolean:
        if (!value.is_bool()) return invalid(path, json::print(value) + " is neither true nor false");
        bytes[0] = static_cast<std::byte>(value.get_bool() ? 1 : 0);
        return {};
      case NativeType::f32:
      case NativeType::f64:
        return float_from_value(field.type, value, bytes.data(), path);
      case NativeType::text:
        return text_from_value(field, value, bytes, path);
      case NativeType::bytes:
        return bytes_from_value(field, value, bytes, path);
      case NativeType::enumeration:
        return enum_from_value(*field.enumeration, value, bytes.data(), path);
      case NativeType::record:
        return write_struct(*field.record, value, bytes, kInArray, path);
      default:
        return integer_from_value(field.type, value, bytes.data(), path);
    }
  }

  const NativeLayout* layout_;
  bool complete_;
};

// The value of a field at byte `at` of the payload: its own, or the default where the payload ends before it.
Result<bj::value> present_or_default(const NativeLayout& layout, const NativeField& field,
                                     std::span<const std::byte> payload, std::uint32_t at, const std::string& path) {
  if (field.type == NativeType::record && !field.is_array()) {
    bj::object object;
    for (const auto& inner : field.record->fields) {
      auto value = present_or_default(layout, inner, payload, at + inner.offset, joined(path, inner.name));
      if (!value) return value;
      object[inner.name] = std::move(*value);
    }
    return bj::value(std::move(object));
  }
  if (at >= payload.size()) return field_to_value(field, std::span(layout.defaults).subspan(at), path);
  if (payload.size() - at < field.size())
    return corrupt(path, "the payload of " + std::to_string(payload.size()) + " bytes ends inside of it");
  return field_to_value(field, payload.subspan(at), path);
}

Result<void> check_defaults_of(const NativeLayout& layout, const NativeField& field, std::uint32_t at,
                               const std::string& path) {
  if (field.type == NativeType::record && !field.is_array()) {
    for (const auto& inner : field.record->fields)
      if (auto fine = check_defaults_of(layout, inner, at + inner.offset, joined(path, inner.name)); !fine) return fine;
    return {};
  }
  if (at < layout.required) return {};
  const auto value = field_to_value(field, std::span(layout.defaults).subspan(at), path);
  if (value) return {};
  return make_error(ErrorCode::invalid_argument,
                    "default of " + value.error().message + "; give the field another one");
}

}  // namespace

std::int64_t load_integer(NativeType type, const std::byte* bytes) noexcept {
  std::uint64_t number = 0;
  const auto width = width_of(type);
  std::memcpy(&number, bytes, width);
  const auto unused = 64 - 8 * width;
  const auto left = static_cast<std::int64_t>(number << unused);
  return is_signed(type) ? left >> unused : static_cast<std::int64_t>(number);
}

bool is_between_fields(const NativeStruct& record, std::uint32_t bytes) noexcept {
  const auto* field = bytes == 0 ? nullptr : record.at(bytes - 1);
  if (field == nullptr || field->end() == bytes) return true;
  return field->type == NativeType::record && !field->is_array() &&
         is_between_fields(*field->record, bytes - field->offset);
}

Result<bj::value> field_to_value(const NativeField& field, std::span<const std::byte> bytes, const std::string& path) {
  return array_to_value(field, 0, bytes.first(field.size()), path);
}

Result<void> field_from_value(const NativeField& field, const bj::value& value, std::span<std::byte> bytes,
                              const std::string& path) {
  return Writer(nullptr, true).write_field(field, value, bytes.first(field.size()), Writer::kInArray, path);
}

Result<void> check_defaults(const NativeLayout& layout) {
  for (const auto& field : layout.root.fields)
    if (auto fine = check_defaults_of(layout, field, field.offset, field.name); !fine) return fine;
  return {};
}

Result<bj::value> to_value(const NativeLayout& layout, std::span<const std::byte> payload) {
  if (payload.size() < layout.required)
    return make_error(ErrorCode::corrupt, "a payload of " + layout.root.name + " has at least " +
                                              std::to_string(layout.required) + " bytes, this one " +
                                              std::to_string(payload.size()));
  bj::object object;
  for (const auto& field : layout.root.fields) {
    auto value = present_or_default(layout, field, payload, field.offset, field.name);
    if (!value) return value;
    object[field.name] = std::move(*value);
  }
  return bj::value(std::move(object));
}

Result<void> check_payload(const NativeLayout& layout, std::span<const std::byte> payload) {
  const auto value = to_value(layout, payload);
  if (!value) return value.error();
  return {};
}

Result<void> from_value(const WriteValue& how, const bj::value& object, std::span<std::byte> bytes) {
  return Writer(&how.layout, how.complete).write_struct(how.layout.root, object, bytes, 0, "");
}

}  // namespace fabric::contract
