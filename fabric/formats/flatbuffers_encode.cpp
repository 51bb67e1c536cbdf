#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <limits>

#include "fabric/formats/flatbuffers_json.hpp"
#include "fabric/json.hpp"

namespace fabric::formats::fb {
namespace {

namespace bj = boost::json;
using ipc::Result;

ipc::Error refusal(const std::string& message) { return ipc::make_error(ipc::ErrorCode::invalid_argument, message); }

ipc::Error in_field(const Object& object, const Field& field, const ipc::Error& error) {
  // The innermost field has said where it is.
  return error.message.starts_with("field ")
             ? error
             : refusal("field " + object.name + "." + field.name + ": " + error.message);
}

template <class T>
std::vector<std::byte> bytes_of(T value) {
  std::vector<std::byte> out(sizeof value);
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

Result<std::vector<std::byte>> real_from(Base base, const bj::value& value) {
  double number = 0;
  if (const auto* text = value.if_string()) {
    if (*text == "NaN") {
      number = std::numeric_limits<double>::quiet_NaN();
    } else if (*text == "Infinity" || *text == "-Infinity") {
      number = (*text)[0] == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    } else {
      return refusal(json::print(value) + " is no number");
    }
  } else if (value.is_number()) {
    number = value.to_number<double>();
  } else {
    return refusal(json::print(value) + " is no number");
  }
  if (base == Base::f64) return bytes_of(number);
  if (std::isfinite(number) && std::abs(number) > static_cast<double>(std::numeric_limits<float>::max()))
    return refusal(json::print(value) + " does not fit a float");
  return bytes_of(static_cast<float>(number));
}

// The number that names of values stand for.
Result<std::int64_t> named(const Enum& type, std::string_view names) {
  std::uint64_t number = 0;
  for (auto rest = names; !rest.empty();) {
    const auto name = rest.substr(0, rest.find(' '));
    const auto* value = type.find(name);
    if (value == nullptr || (!type.bit_flags && name.size() != names.size()))
      return refusal(json::quote(names) + " is no value of " + type.name);
    number |= static_cast<std::uint64_t>(value->number);
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
  }
  return static_cast<std::int64_t>(number);
}

template <class T>
Result<std::vector<std::byte>> integer_from(const bj::value& value) {
  if (const auto* number = value.if_int64(); number != nullptr && std::in_range<T>(*number))
    return bytes_of(static_cast<T>(*number));
  if (const auto* number = value.if_uint64(); number != nullptr && std::in_range<T>(*number))
    return bytes_of(static_cast<T>(*number));
  return refusal(json::print(value) + " is no integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                 std::to_string(std::numeric_limits<T>::max()));
}

// By the table's key, as its readers expect it for look-ups.
bj::array sorted_by_key(const Object& object, const bj::array& values) {
  const auto key =
      std::find_if(object.fields.begin(), object.fields.end(), [](const Field& field) { return field.key; });
  if (key == object.fields.end()) return values;
  const auto key_of = [&](const bj::value& element) -> const bj::value* {
    return element.is_object() ? element.get_object().if_contains(key->name) : nullptr;
  };
  auto sorted = values;
  std::stable_sort(sorted.begin(), sorted.end(), [&](const bj::value& a, const bj::value& b) {
    const auto *left = key_of(a), *right = key_of(b);
    if (left == nullptr || right == nullptr) return left == nullptr && right != nullptr;
    if (left->is_string() && right->is_string()) return left->get_string() < right->get_string();
    if (left->is_uint64() || right->is_uint64()) {  // above all int64
      if (left->is_uint64() != right->is_uint64()) return right->is_uint64();
      return left->get_uint64() < right->get_uint64();
    }
    if (left->is_int64() && right->is_int64()) return left->get_int64() < right->get_int64();
    return left->is_number() && right->is_number() && left->to_number<double>() < right->to_number<double>();
  });
  return sorted;
}

}  // namespace

Result<std::vector<std::byte>> scalar_from(const Model& model, const Type& type, const bj::value& value) {
  if (is_float(type.base)) return real_from(type.base, value);
  if (type.base == Base::boolean && type.index < 0) {
    if (!value.is_bool()) return refusal(json::print(value) + " is neither true nor false");
    return bytes_of(static_cast<std::uint8_t>(value.get_bool()));
  }
  if (const auto* names = value.if_string(); names != nullptr && type.index >= 0) {
    const auto number = named(model.enumeration(type), std::string_view(names->data(), names->size()));
    if (!number) return number.error();
    if (type.base == Base::u64) return bytes_of(static_cast<std::uint64_t>(*number));
    return scalar_from(model, type, bj::value(*number));
  }
  switch (type.base) {
    case Base::i8:
      return integer_from<std::int8_t>(value);
    case Base::i16:
      return integer_from<std::int16_t>(value);
    case Base::u16:
      return integer_from<std::uint16_t>(value);
    case Base::i32:
      return integer_from<std::int32_t>(value);
    case Base::u32:
      return integer_from<std::uint32_t>(value);
    case Base::i64:
      return integer_from<std::int64_t>(value);
    case Base::u64:
      return integer_from<std::uint64_t>(value);
    default:
      return integer_from<std::uint8_t>(value);
  }
}

Result<const Value*> union_member(const Enum& type, const bj::value& name) {
  const auto* text = name.if_string();
  const auto* member = text == nullptr ? nullptr : type.find(std::string_view(text->data(), text->size()));
  if (member == nullptr) return refusal(json::print(name) + " is no member of union " + type.name);
  return member;
}

std::size_t Encoder::append(std::size_t bytes, std::size_t align, std::size_t skip) {
  auto at = bytes_.size();
  while ((at + skip) % align != 0) ++at;
  bytes_.resize(at + bytes);
  return at;
}

Result<void> Encoder::put_inline(const Type& type, std::size_t at, const bj::value& value, bool whole) {
  if (is_scalar(type.base)) {
    const auto bytes = scalar_from(model_, type, value);
    if (!bytes) return bytes.error();
    std::copy(bytes->begin(), bytes->end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
  }
  if (type.base == Base::array) {
    const auto* elements = value.if_array();
    if (elements == nullptr || elements->size() != type.length)
      return refusal("there have to be " + std::to_string(type.length) + " elements");
    for (std::size_t i = 0; i < elements->size(); ++i)
      if (auto put = put_inline(type.item(), at + i * model_.inline_bytes(type.item()), (*elements)[i]); !put)
        return put;
    return {};
  }
  const auto& object = model_.object(type);
  const auto* members = value.if_object();
  if (members == nullptr) return refusal(json::print(value) + " is no object");
  for (const auto& [key, member] : *members)
    if (object.find(std::string_view(key)) == nullptr)
      return refusal(object.name + " has no field " + json::quote(std::string_view(key)));
  for (const auto& field : object.fields) {
    const auto* member = members->if_contains(field.name);
    if (member == nullptr && !whole) continue;
    if (member == nullptr) return in_field(object, field, refusal("every field of a struct has to be given"));
    if (auto put = put_inline(field.type, at + field.offset, *member, whole); !put)
      return in_field(object, field, put.error());
  }
  return {};
}

Result<std::vector<Encoder::Present>> Encoder::present_fields(const Object& object, const bj::object& value) const {
  std::vector<Present> present;
  for (const auto& [key, member] : value) {
    const auto* field = object.find(std::string_view(key));
    if (field == nullptr || field->deprecated)
      return refusal(object.name + " has no field " + json::quote(std::string_view(key)) +
                     (field != nullptr ? " any more: it is deprecated" : ""));
    if (!member.is_null()) present.push_back({field, &member});
  }
  for (const auto& field : object.fields) {
    const auto given =
        std::any_of(present.begin(), present.end(), [&](const Present& one) { return one.field == &field; });
    if (field.required && !given) return in_field(object, field, refusal("it is required"));
  }
  // Large ones first: no padding between them.
  std::sort(present.begin(), present.end(), [&](const Present& a, const Present& b) {
    const auto left = model_.inline_align(a.field->type), right = model_.inline_align(b.field->type);
    return left != right ? left > right : a.field->id < b.field->id;
  });
  return present;
}

std::size_t Encoder::start_table(const std::vector<Present>& present, std::vector<std::size_t>& places) {
  std::vector<std::uint16_t> vtable(2);
  std::size_t bytes = 4, align = 4;
  std::vector<std::size_t> offsets;
  for (const auto& [field, value] : present) {
    const auto field_align = model_.inline_align(field->type);
    bytes = (bytes + field_align - 1) / field_align * field_align;
    if (field->id + 3U > vtable.size()) vtable.resize(field->id + 3U);
    vtable[field->id + 2U] = static_cast<std::uint16_t>(bytes);
    offsets.push_back(bytes);
    bytes += model_.inline_bytes(field->type);
    align = std::max(align, field_align);
  }
  if (bytes > std::numeric_limits<std::uint16_t>::max()) return 0;
  vtable[0] = static_cast<std::uint16_t>(vtable.size() * 2);
  vtable[1] = static_cast<std::uint16_t>(bytes);
  const auto [known, added] = vtables_.try_emplace(vtable);
  if (added) {
    known->second = append(vtable.size() * 2, 2);
    std::memcpy(bytes_.data() + known->second, vtable.data(), vtable.size() * 2);
  }
  const auto at = append(bytes, align);
  store(at, static_cast<std::int32_t>(at - known->second));
  for (const auto offset : offsets) places.push_back(at + offset);
  return at;
}

Result<void> Encoder::put_field(const Object& object, const bj::object& all, const Present& present, std::size_t at) {
  const auto& type = present.field->type;
  if (type.item().base == Base::union_ || type.item().base == Base::utype) {
    const auto& union_type = model_.enumeration(type);
    const auto& partner =
        object.fields[type.item().base == Base::utype ? present.field->id + 1U : present.field->id - 1U];
    const auto* other = all.if_contains(partner.name);
    const bool is_type = type.item().base == Base::utype;
    if (type.base == Base::vector) {
      if (is_type && (other == nullptr || !other->is_array())) return refusal("there is no array " + partner.name);
      if (!is_type && (other == nullptr || !other->is_array()))
        return refusal("there is no array " + partner.name + " with its types");
      const auto to =
          is_type ? referred(type, *present.value) : union_vector(union_type, other->get_array(), *present.value);
      if (!to) return to.error();
      refer(at, *to);
      return {};
    }
    const auto chosen = union_member(union_type, is_type ? *present.value : other == nullptr ? bj::value() : *other);
    if (!chosen) return chosen.error();
    const bool has_value = is_type ? other != nullptr && !other->is_null() : true;
    if (has_value != ((*chosen)->number != 0)) return refusal("type and value of the union have to be given together");
    if (is_type) return put_inline({Base::utype, Base::none, -1, 0}, at, bj::value((*chosen)->number));
    const auto to = referred((*chosen)->member, *present.value);
    if (!to) return to.error();
    refer(at, *to);
    return {};
  }
  if (is_scalar(type.base) || type.base == Base::array || (type.base == Base::object && model_.object(type).is_struct))
    return put_inline(type, at, *present.value);
  const auto to = referred(type, *present.value);
  if (!to) return to.error();
  refer(at, *to);
  return {};
}

Result<std::size_t> Encoder::table(const Object& object, const bj::value& value) {
  const auto* members = value.if_object();
  if (members == nullptr) return refusal(json::print(value) + " is no object");
  const auto present = present_fields(object, *members);
  if (!present) return present.error();
  std::vector<std::size_t> places;
  const auto at = start_table(*present, places);
  if (at == 0) return refusal(object.name + ": the fields have more than 65535 bytes");
  for (std::size_t i = 0; i < present->size(); ++i)
    if (auto put = put_field(object, *members, (*present)[i], places[i]); !put)
      return in_field(object, *(*present)[i].field, put.error());
  return at;
}

Result<std::size_t> Encoder::vector(const Type& item, const bj::array& values) {
  const auto bytes = model_.inline_bytes(item), align = model_.inline_align(item);
  const bool is_table = item.base == Base::object && !model_.object(item).is_struct;
  const auto sorted = item.base == Base::object ? sorted_by_key(model_.object(item), values) : values;
  const auto at = append(4 + values.size() * bytes, std::max<std::size_t>(4, align), 4);
  store(at, static_cast<std::uint32_t>(values.size()));
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const auto place = at + 4 + i * bytes;
    if (is_table || item.base == Base::string) {
      const auto to = referred(item, sorted[i]);
      if (!to) return to.error();
      refer(place, *to);
    } else if (auto put = put_inline(item, place, sorted[i]); !put) {
      return put.error();
    }
  }
  return at;
}

Result<std::size_t> Encoder::union_vector(const Enum& type, const bj::array& types, const bj::value& values) {
  if (!values.is_array() || values.get_array().size() != types.size())
    return refusal("there have to be as many values of the union as types");
  const auto& elements = values.get_array();
  const auto at = append(4 + elements.size() * 4, 4);
  store(at, static_cast<std::uint32_t>(elements.size()));
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const auto chosen = union_member(type, types[i]);
    if (!chosen) return chosen.error();
    if (((*chosen)->number == 0) != elements[i].is_null())
      return refusal("type and value of the union have to be given together");
    if ((*chosen)->number == 0) continue;
    const auto to = referred((*chosen)->member, elements[i]);
    if (!to) return to.error();
    refer(at + 4 + 4 * i, *to);
  }
  return at;
}

Result<std::size_t> Encoder::referred(const Type& type, const bj::value& value) {
  if (type.base == Base::string) {
    const auto* text = value.if_string();
    if (text == nullptr) return refusal(json::print(value) + " is no string");
    const auto at = append(4 + text->size() + 1, 4);
    store(at, static_cast<std::uint32_t>(text->size()));
    std::memcpy(bytes_.data() + at + 4, text->data(), text->size());
    return at;
  }
  if (type.base == Base::vector) {
    if (!value.is_array()) return refusal(json::print(value) + " is no array");
    return vector(type.item(), value.get_array());
  }
  const auto& object = model_.object(type);
  if (!object.is_struct) return table(object, value);
  const auto at = append(object.bytes, std::max<std::size_t>(4, object.align));
  if (auto put = put_inline(type, at, value); !put) return put.error();
  return at;
}

Result<std::vector<std::byte>> encode(const Model& model, const bj::value& value) {
  std::vector<std::byte> start(model.identifier.empty() ? 4 : 8);
  for (std::size_t i = 0; i < std::min<std::size_t>(4, model.identifier.size()); ++i)
    start[4 + i] = static_cast<std::byte>(model.identifier[i]);
  Encoder encoder(model, std::move(start));
  const auto root = encoder.table(model.root_table(), value);
  if (!root) return root.error();
  encoder.refer(0, *root);
  return encoder.take();
}

}  // namespace fabric::formats::fb
