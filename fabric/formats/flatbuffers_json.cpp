#include "fabric/formats/flatbuffers_json.hpp"

#include <bit>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>

namespace fabric::formats::fb {
namespace {

namespace bj = boost::json;

bj::value real_value(Base base, double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  if (base == Base::f64) return number;
  // The shortest text that names this float, as a double: 0.1 and not 0.10000000149011612.
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, static_cast<float>(number)).ptr;
  std::from_chars(digits, end, number);
  return number;
}

class Decoder {
 public:
  Decoder(const Model& model, const Bytes& bytes) : model_(model), bytes_(bytes) {}

  bj::object table(const Object& object, std::size_t at) const {
    bj::object out;
    for (const auto& field : object.fields) {
      const auto place = bytes_.field(at, field.id);
      if (place == 0 || field.deprecated) continue;
      if (field.type.item().base == Base::union_) {
        if (auto value = union_field(field, at, place); !value.is_null()) out[field.name] = std::move(value);
      } else {
        out[field.name] = inline_value(field.type, place);
      }
    }
    return out;
  }

 private:
  bj::value scalar(const Type& type, std::size_t at) const {
    if (is_float(type.base)) return real_value(type.base, bytes_.real(type.base, at));
    const auto number = bytes_.integer(type.base, at);
    if (type.index >= 0)
      if (auto names = names_of(model_.enumeration(type), number); !names.empty()) return bj::value(names);
    if (type.base == Base::boolean) return number != 0;
    return type.base == Base::u64 ? bj::value(static_cast<std::uint64_t>(number)) : bj::value(number);
  }

  static std::string names_of(const Enum& type, std::int64_t number) {
    if (const auto* value = type.find(number)) return value->name;
    if (!type.bit_flags || number == 0) return "";
    std::string names;
    auto rest = static_cast<std::uint64_t>(number);
    for (const auto& value : type.values) {
      const auto flag = static_cast<std::uint64_t>(value.number);
      if (std::popcount(flag) != 1 || (rest & flag) == 0) continue;
      rest &= ~flag;
      names += (names.empty() ? "" : " ") + value.name;
    }
    return rest == 0 ? names : "";
  }

  bj::object structure(const Object& object, std::size_t at) const {
    bj::object out;
    for (const auto& field : object.fields) out[field.name] = inline_value(field.type, at + field.offset);
    return out;
  }

  bj::value elements(const Type& item, std::size_t at, std::size_t count) const {
    bj::array out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) out.push_back(inline_value(item, at + i * model_.inline_bytes(item)));
    return out;
  }

  bj::value inline_value(const Type& type, std::size_t at) const {
    switch (type.base) {
      case Base::string:
      case Base::vector:
        return referred(type, bytes_.follow(at));
      case Base::array:
        return elements(type.item(), at, type.length);
      case Base::object:
        return model_.object(type).is_struct ? bj::value(structure(model_.object(type), at))
                                             : referred(type, bytes_.follow(at));
      default:
        return scalar(type, at);
    }
  }

  bj::value referred(const Type& type, std::size_t at) const {
    if (type.base == Base::string) return bj::value(bytes_.string(at));
    if (type.base == Base::vector) return elements(type.item(), at + 4, bytes_.length(at));
    const auto& object = model_.object(type);
    return object.is_struct ? structure(object, at) : table(object, at);
  }

  // Null where the member is NONE or unknown.
  bj::value member(const Enum& type, std::uint8_t number, std::size_t at) const {
    const auto* chosen = number == 0 ? nullptr : type.find(std::int64_t{number});
    return chosen == nullptr ? bj::value() : referred(chosen->member, bytes_.follow(at));
  }

  bj::value union_field(const Field& field, std::size_t table, std::size_t at) const {
    const auto& type = model_.enumeration(field.type);
    const auto type_at = bytes_.field(table, field.id - 1U);
    if (field.type.base == Base::union_) return member(type, bytes_.load<std::uint8_t>(type_at), at);
    const auto values = bytes_.follow(at), types = bytes_.follow(type_at);
    bj::array out;
    for (std::size_t i = 0; i < bytes_.length(values); ++i)
      out.push_back(member(type, bytes_.load<std::uint8_t>(types + 4 + i), values + 4 + 4 * i));
    return out;
  }

  const Model& model_;
  const Bytes& bytes_;
};

}  // namespace

bj::value to_value(const Model& model, const Bytes& bytes) {
  return Decoder(model, bytes).table(model.root_table(), bytes.root());
}

}  // namespace fabric::formats::fb
