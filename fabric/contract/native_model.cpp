#include "fabric/contract/native_model.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "fabric/contract/native_value.hpp"
#include "fabric/json.hpp"

namespace fabric::contract {
namespace {

namespace bj = boost::json;

struct TypeFacts {
  std::string_view name;
  std::uint32_t width;
  bool integer, with_sign;
};
constexpr std::array<TypeFacts, 15> kTypes{{{"bool", 1, false, false},
                                            {"i8", 1, true, true},
                                            {"i16", 2, true, true},
                                            {"i32", 4, true, true},
                                            {"i64", 8, true, true},
                                            {"u8", 1, true, false},
                                            {"u16", 2, true, false},
                                            {"u32", 4, true, false},
                                            {"u64", 8, true, false},
                                            {"f32", 4, false, false},
                                            {"f64", 8, false, false},
                                            {"text", 0, false, false},
                                            {"bytes", 0, false, false},
                                            {"enum", 0, false, false},
                                            {"struct", 0, false, false}}};

const TypeFacts& facts(NativeType type) noexcept { return kTypes[static_cast<std::size_t>(type)]; }

// Ends the parsing of one schema; never leaves this file.
struct Refusal {
  std::string message;
};

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw Refusal{(path.empty() ? std::string("the schema") : path) + ": " + what};
}

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

// An object whose keys are taken one by one; what is left at the end is unknown.
class Keys {
 public:
  Keys(const bj::value& value, std::string path) : path_(std::move(path)) {
    if (!value.is_object()) refuse(path_, "is no object");
    object_ = &value.get_object();
  }
  const bj::value* take(std::string_view key) {
    const auto* found = object_->if_contains(bj::string_view(key.data(), key.size()));
    if (found != nullptr) taken_.emplace_back(key);
    return found;
  }
  std::string text(std::string_view key) {
    const auto& value = need(key);
    if (!value.is_string()) refuse(path_, "\"" + std::string(key) + "\" is no string");
    return std::string(value.get_string());
  }
  std::uint32_t number(std::string_view key) { return as_number(need(key), key); }
  std::uint32_t number_or(std::string_view key, std::uint32_t otherwise) {
    const auto* value = take(key);
    return value == nullptr ? otherwise : as_number(*value, key);
  }
  const bj::value& need(std::string_view key) {
    const auto* found = take(key);
    if (found == nullptr) refuse(path_, "\"" + std::string(key) + "\" is missing");
    return *found;
  }
  void finish() const {
    for (const auto& pair : *object_) {
      const std::string_view key(pair.key().data(), pair.key().size());
      if (std::find(taken_.begin(), taken_.end(), key) == taken_.end())
        refuse(path_, "unknown key " + json::quote(key));
    }
  }
  const std::string& path() const noexcept { return path_; }
  std::uint32_t as_number(const bj::value& value, std::string_view key) const {
    const auto* number = value.if_int64();
    if (number == nullptr || *number < 0 || *number > kMaxNativeBytes)
      refuse(path_, "\"" + std::string(key) + "\" is no whole number from 0 to " + std::to_string(kMaxNativeBytes));
    return static_cast<std::uint32_t>(*number);
  }

 private:
  std::string path_;
  const bj::object* object_ = nullptr;
  std::vector<std::string> taken_;
};

NativeType type_named(const Keys& keys, const std::string& name) {
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i].name == name) return static_cast<NativeType>(i);
  refuse(keys.path(), "unknown type " + json::quote(name) +
                          "; types are bool, i8 to i64, u8 to u64, f32, f64, text, bytes, enum and struct");
}

std::shared_ptr<const NativeEnum> parse_enum(Keys keys) {
  auto made = std::make_shared<NativeEnum>();
  made->name = keys.text("name");
  made->base = type_named(keys, keys.text("base"));
  if (!is_integer(made->base)) refuse(keys.path(), "the base of an enum is an integer");
  if (const auto* open = keys.take("open")) {
    if (!open->is_bool()) refuse(keys.path(), "\"open\" is neither true nor false");
    made->open = open->get_bool();
  }
  const auto& values = keys.need("values");
  if (!values.is_object() || values.get_object().size() > kMaxNativeFields)
    refuse(keys.path(), "\"values\" is no object of at most " + std::to_string(kMaxNativeFields) + " enumerators");
  keys.finish();
  const NativeField scalar{.type = made->base, .bytes = width_of(made->base)};
  for (const auto& pair : values.get_object()) {
    NativeEnumerator enumerator{.name = std::string(pair.key())};
    std::array<std::byte, 8> bytes{};
    const auto path = joined(keys.path(), enumerator.name);
    if (auto written = field_from_value(scalar, pair.value(), bytes, path); !written)
      throw Refusal{written.error().message};
    enumerator.value = load_integer(made->base, bytes.data());
    made->values.push_back(std::move(enumerator));
  }
  sort_enumerators(*made);
  return made;
}

NativeStruct parse_struct(Keys& keys, std::uint32_t depth);

NativeField parse_field(const bj::value& value, const std::string& parent, std::uint32_t depth) {
  Keys nameless(value, parent);
  NativeField field{.name = nameless.text("name")};
  Keys keys(value, joined(parent, field.name));
  keys.take("name");
  field.type = type_named(keys, keys.text("type"));
  field.offset = keys.number("offset");
  field.bytes = width_of(field.type);
  if (field.type == NativeType::text || field.type == NativeType::bytes) field.bytes = keys.number("bytes");
  if (field.type == NativeType::enumeration) {
    field.enumeration = parse_enum(Keys(keys.need("enum"), keys.path()));
    field.bytes = width_of(field.enumeration->base);
  }
  if (field.type == NativeType::record) {
    Keys inner(keys.need("struct"), keys.path());
    field.record = std::make_shared<const NativeStruct>(parse_struct(inner, depth + 1));
    inner.finish();
    field.bytes = field.record->size;
  }
  if (const auto* array = keys.take("array")) {
    if (!array->is_array() || array->get_array().empty() || array->get_array().size() > 8)
      refuse(keys.path(), "\"array\" is no list of 1 to 8 extents");
    for (const auto& extent : array->get_array()) field.array.push_back(keys.as_number(extent, "array"));
  }
  keys.take("default");
  keys.finish();
  return field;
}

NativeStruct parse_struct(Keys& keys, std::uint32_t depth) {
  if (depth >= kMaxNativeDepth)
    refuse(keys.path(), "structs are nested more than " + std::to_string(kMaxNativeDepth) + " deep");
  NativeStruct made{.name = keys.text("name"), .size = keys.number("size")};
  const auto& fields = keys.need("fields");
  if (!fields.is_array()) refuse(keys.path(), "\"fields\" is no list");
  for (const auto& field : fields.get_array()) made.fields.push_back(parse_field(field, keys.path(), depth));
  std::stable_sort(made.fields.begin(), made.fields.end(),
                   [](const auto& a, const auto& b) { return a.offset < b.offset; });
  return made;
}

void parse_defaults(const bj::value& text, NativeLayout& layout) {
  bj::object given;
  for (const auto& field : text.get_object().at("fields").get_array()) {
    const auto* value = field.get_object().if_contains("default");
    if (value == nullptr) continue;
    const auto& name = field.get_object().at("name").get_string();
    const auto* described = layout.root.find(std::string_view(name.data(), name.size()));
    if (described->end() <= layout.required)
      refuse(described->name, "a required field has no default; move \"required\" before it");
    given[name] = *value;
  }
  if (auto written = from_value({layout, false}, given, layout.defaults); !written)
    throw Refusal{"default of " + written.error().message};
}

// N1 to N3 of one struct and those in it.
void check_struct(const NativeStruct& record, const std::string& path, std::uint32_t depth) {
  if (record.size == 0 || record.size > kMaxNativeBytes)
    refuse(path, "has " + std::to_string(record.size) + " bytes; use 1 to " + std::to_string(kMaxNativeBytes));
  if (record.fields.empty() || record.fields.size() > kMaxNativeFields)
    refuse(path,
           "has " + std::to_string(record.fields.size()) + " fields; use 1 to " + std::to_string(kMaxNativeFields));
  if (depth >= kMaxNativeDepth)
    refuse(path, "structs are nested more than " + std::to_string(kMaxNativeDepth) + " deep");
  std::uint64_t end = 0;
  std::vector<std::string_view> names;
  for (const auto& field : record.fields) {
    const auto here = joined(path, field.name);
    if (field.name.empty()) refuse(path, "has a field without a name");
    if (field.bytes == 0) refuse(here, "has no bytes");
    std::uint64_t bytes = field.bytes;
    for (const auto extent : field.array) {
      if (extent == 0) refuse(here, "is an array of 0 elements");
      bytes = std::min<std::uint64_t>(bytes * extent, std::uint64_t{kMaxNativeBytes} + 1);
    }
    if (field.offset < end)
      refuse(here, "begins at byte " + std::to_string(field.offset) + ", in the field before it, which ends at " +
                       std::to_string(end));
    end = field.offset + bytes;
    if (end > record.size) refuse(here, "does not fit the " + std::to_string(record.size) + " bytes of its struct");
    names.push_back(field.name);
    if (field.type == NativeType::record) check_struct(*field.record, here, depth + 1);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) refuse(joined(path, *twice), "is there twice");
}

bj::object print_struct(const NativeStruct& record);

bj::object print_enum(const NativeEnum& enumeration) {
  bj::object out{{"name", enumeration.name}, {"base", bj::string(to_string(enumeration.base))}};
  if (enumeration.open) out["open"] = true;
  bj::object values;
  for (const auto& [name, value] : enumeration.values) {
    if (enumeration.base == NativeType::u64)
      values[name] = static_cast<std::uint64_t>(value);
    else
      values[name] = value;
  }
  out["values"] = std::move(values);
  return out;
}

bj::object print_field(const NativeField& field) {
  bj::object out{{"name", field.name}, {"type", bj::string(to_string(field.type))}};
  if (field.type == NativeType::text || field.type == NativeType::bytes) out["bytes"] = field.bytes;
  if (field.is_array()) out["array"] = bj::array(field.array.begin(), field.array.end());
  out["offset"] = field.offset;
  if (field.enumeration) out["enum"] = print_enum(*field.enumeration);
  if (field.record) out["struct"] = print_struct(*field.record);
  return out;
}

bj::array print_fields(const NativeStruct& record) {
  bj::array fields;
  for (const auto& field : record.fields) fields.push_back(print_field(field));
  return fields;
}

bj::object print_struct(const NativeStruct& record) {
  return {{"name", record.name}, {"size", record.size}, {"fields", print_fields(record)}};
}

// What of a field is optional and not zero; null: nothing. `at`: where it lies in a payload.
bj::value print_default(const NativeLayout& layout, const NativeField& field, std::uint32_t at) {
  if (field.type == NativeType::record && !field.is_array()) {
    bj::object out;
    for (const auto& inner : field.record->fields) {
      auto value = print_default(layout, inner, at + inner.offset);
      if (!value.is_null()) out[inner.name] = std::move(value);
    }
    return out.empty() ? bj::value() : bj::value(std::move(out));
  }
  if (at < layout.required) return nullptr;
  const auto bytes = std::span(layout.defaults).subspan(at, field.size());
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; })) return nullptr;
  auto value = field_to_value(field, bytes, field.name);
  return value ? std::move(*value) : bj::value();
}

}  // namespace

std::string_view to_string(NativeType type) noexcept { return facts(type).name; }
std::uint32_t width_of(NativeType type) noexcept { return facts(type).width; }
bool is_integer(NativeType type) noexcept { return facts(type).integer; }
bool is_signed(NativeType type) noexcept { return facts(type).with_sign; }

const NativeEnumerator* NativeEnum::find(std::int64_t value) const noexcept {
  const auto found = std::find_if(values.begin(), values.end(), [&](const auto& one) { return one.value == value; });
  return found == values.end() ? nullptr : &*found;
}

const NativeEnumerator* NativeEnum::find(std::string_view enumerator) const noexcept {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const auto& one) { return one.name == enumerator; });
  return found == values.end() ? nullptr : &*found;
}

void sort_enumerators(NativeEnum& enumeration) {
  std::sort(enumeration.values.begin(), enumeration.values.end(), [&](const auto& a, const auto& b) {
    if (a.value == b.value) return a.name < b.name;
    if (enumeration.base == NativeType::u64)
      return static_cast<std::uint64_t>(a.value) < static_cast<std::uint64_t>(b.value);
    return a.value < b.value;
  });
}

std::uint32_t NativeField::count() const noexcept {
  std::uint32_t elements = 1;
  for (const auto extent : array) elements *= extent;
  return elements;
}

const NativeField* NativeStruct::find(std::string_view field) const noexcept {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& one) { return one.name == field; });
  return found == fields.end() ? nullptr : &*found;
}

const NativeField* NativeStruct::at(std::uint32_t offset) const noexcept {
  for (const auto& field : fields)
    if (field.offset <= offset && offset < field.end()) return &field;
  return nullptr;
}

Result<void> check_layout(const NativeLayout& layout) {
  try {
    check_struct(layout.root, "", 0);
    if (layout.required > layout.root.size || !is_between_fields(layout.root, layout.required))
      refuse("", "\"required\" " + std::to_string(layout.required) + " is not where a field begins or the struct ends");
    if (layout.required == 0) refuse("", "at least one field has to be required");
    if (layout.defaults.size() != layout.root.size) refuse("", "the defaults are not as large as the struct");
    return check_defaults(layout);
  } catch (const Refusal& refusal) {
    return ipc::make_error(ipc::ErrorCode::invalid_argument, refusal.message);
  }
}

Result<NativeLayout> parse_layout(std::string_view text) {
  const auto value = json::parse(text);
  if (!value) return value.error();
  try {
    Keys keys(*value, "");
    NativeLayout layout{.root = parse_struct(keys, 0)};
    layout.required = keys.number_or("required", layout.root.size);
    keys.finish();
    check_struct(layout.root, "", 0);
    layout.defaults.resize(layout.root.size);
    parse_defaults(*value, layout);
    if (auto fine = check_layout(layout); !fine) return fine.error();
    return layout;
  } catch (const Refusal& refusal) {
    return ipc::make_error(ipc::ErrorCode::invalid_argument, refusal.message);
  }
}

std::string print_layout(const NativeLayout& layout) {
  bj::object out{{"name", layout.root.name}, {"size", layout.root.size}};
  if (layout.required != layout.root.size) out["required"] = layout.required;
  auto fields = print_fields(layout.root);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& field = layout.root.fields[i];
    auto value = print_default(layout, field, field.offset);
    if (!value.is_null()) fields[i].get_object()["default"] = std::move(value);
  }
  out["fields"] = std::move(fields);
  return json::print(out);
}

}  // namespace fabric::contract
