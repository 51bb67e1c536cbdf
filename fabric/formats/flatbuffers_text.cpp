// The canonical text of a FlatBuffers schema. Order: enums, structs (each behind those that it holds), unions, tables;
// each by name.

#include <bit>
#include <charconv>
#include <cmath>
#include <set>

#include "fabric/formats/flatbuffers_model.hpp"

namespace fabric::formats::fb {
namespace {

std::string integer_text(std::int64_t number, Base base) {
  return base == Base::u64 ? std::to_string(static_cast<std::uint64_t>(number)) : std::to_string(number);
}

std::string real_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char digits[32];
  return std::string(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

class Writer {
 public:
  explicit Writer(const Model& model) : model_(model) {}

  std::string write() {
    for (const auto& type : model_.enums)
      if (!type.is_union) enumeration(type);
    for (const auto& object : model_.objects)
      if (object.is_struct) structure(object);
    for (const auto& type : model_.enums)
      if (type.is_union) union_type(type);
    for (const auto& object : model_.objects)
      if (!object.is_struct) table(object);
    if (model_.root >= 0) out_ += "root_type " + model_.root_table().name + ";\n";
    if (!model_.identifier.empty()) out_ += "file_identifier \"" + model_.identifier + "\";\n";
    if (!model_.extension.empty() && model_.extension != "bin")
      out_ += "file_extension \"" + model_.extension + "\";\n";
    return std::move(out_);
  }

 private:
  // Enters the namespace of a full name; returns the rest.
  std::string enter(const std::string& full) {
    const auto dot = full.rfind('.');
    const auto space = dot == std::string::npos ? std::string() : full.substr(0, dot);
    if (space != namespace_) out_ += "namespace " + space + ";\n";
    namespace_ = space;
    return full.substr(dot + 1);  // 0 when there is no dot
  }

  void enumeration(const Enum& type) {
    out_ += "enum " + enter(type.name) + " : " + std::string(to_string(type.base)) +
            (type.bit_flags ? " (bit_flags) {\n" : " {\n");
    for (const auto& value : type.values) {
      const auto number = type.bit_flags ? std::to_string(std::countr_zero(static_cast<std::uint64_t>(value.number)))
                                         : integer_text(value.number, type.base);
      out_ += "  " + value.name + " = " + number + ",\n";
    }
    out_ += "}\n";
  }

  void union_type(const Enum& type) {
    out_ += "union " + enter(type.name) + " {\n";
    for (const auto& value : type.values)
      if (value.number != 0)
        out_ += "  " + value.name + " : " + model_.text(value.member) + " = " + std::to_string(value.number) + ",\n";
    out_ += "}\n";
  }

  void structure(const Object& object) {
    if (!written_.insert(&object).second) return;
    std::size_t natural = 1;
    for (const auto& field : object.fields) {
      if (const auto item = field.type.item(); item.base == Base::object) structure(model_.object(item));
      natural = std::max(natural, model_.inline_align(field.type));
    }
    out_ += "struct " + enter(object.name);
    if (object.align != natural) out_ += " (force_align: " + std::to_string(object.align) + ")";
    out_ += " {\n";
    for (const auto& field : object.fields)
      out_ += "  " + field.name + " : " + model_.text(field.type) + (field.key ? " (key)" : "") + ";\n";
    out_ += "}\n";
  }

  void table(const Object& object) {
    out_ += "table " + enter(object.name) + " {\n";
    for (const auto& field : object.fields) {
      if (field.type.item().base == Base::utype) continue;  // comes with its union
      out_ += "  " + field.name + " : " + model_.text(field.type) + default_text(field) +
              " (id: " + std::to_string(field.id);
      for (const auto& [is_set, name] :
           {std::pair(field.deprecated, "deprecated"), std::pair(field.flexbuffer, "flexbuffer"),
            std::pair(field.key, "key"), std::pair(field.required, "required")})
        if (is_set) out_ += std::string(", ") + name;
      if (!field.nested.empty()) out_ += ", nested_flatbuffer: \"" + field.nested + "\"";
      out_ += ");\n";
    }
    out_ += "}\n";
  }

  static std::string default_text(const Field& field) {
    if (!is_scalar(field.type.base)) return "";
    if (field.optional) return " = null";
    if (is_float(field.type.base))
      return field.default_real == 0 && !std::signbit(field.default_real) ? "" : " = " + real_text(field.default_real);
    // Of an enum always: one without a zero needs it.
    if (field.default_integer == 0 && field.type.index < 0) return "";
    if (field.type.base == Base::boolean) return field.default_integer != 0 ? " = true" : "";
    return " = " + integer_text(field.default_integer, field.type.base);
  }

  const Model& model_;
  std::string out_, namespace_;
  std::set<const Object*> written_;
};

}  // namespace

std::string canonical_text(const Model& model) { return Writer(model).write(); }

}  // namespace fabric::formats::fb
