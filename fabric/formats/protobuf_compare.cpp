#include "fabric/formats/protobuf_compare.hpp"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <map>
#include <set>

#include "fabric/formats/protobuf_types.hpp"

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;
using contract::Violation;

bool is_closed(const pb::EnumDescriptor& type) { return type.file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO2; }

std::string default_text(const Field& field) {
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
      return std::to_string(field.default_value_int32());
    case Field::CPPTYPE_INT64:
      return std::to_string(field.default_value_int64());
    case Field::CPPTYPE_UINT32:
      return std::to_string(field.default_value_uint32());
    case Field::CPPTYPE_UINT64:
      return std::to_string(field.default_value_uint64());
    case Field::CPPTYPE_FLOAT:
      return std::to_string(field.default_value_float());
    case Field::CPPTYPE_DOUBLE:
      return std::to_string(field.default_value_double());
    case Field::CPPTYPE_BOOL:
      return field.default_value_bool() ? "true" : "false";
    case Field::CPPTYPE_ENUM:
      return field.default_value_enum()->name();
    case Field::CPPTYPE_STRING:
      return '"' + field.default_value_string() + '"';
    case Field::CPPTYPE_MESSAGE:
      break;
  }
  return "";
}

// As numbers when both are; texts of floats and of renamed values would mislead.
bool same_default(const Field& a, const Field& b) {
  const auto real = [](const Field& field) {
    return field.cpp_type() == Field::CPPTYPE_FLOAT ? static_cast<double>(field.default_value_float())
                                                    : field.default_value_double();
  };
  if (a.cpp_type() == Field::CPPTYPE_FLOAT || a.cpp_type() == Field::CPPTYPE_DOUBLE)
    return real(a) == real(b) || (real(a) != real(a) && real(b) != real(b));
  if (a.cpp_type() == Field::CPPTYPE_ENUM) return a.default_value_enum()->number() == b.default_value_enum()->number();
  return default_text(a) == default_text(b);
}

class Comparison {
 public:
  std::vector<Violation> violations;

  void messages(const pb::Descriptor& reader, const pb::Descriptor& writer) {
    if (!seen_.emplace(&reader, &writer).second) return;
    if (is_well_known(reader) && is_well_known(writer)) return;  // equal names, see value_types()
    const auto ours = all_fields(reader), theirs = all_fields(writer);
    std::map<int, const Field*> by_number;
    std::map<std::string, const Field*> by_name;
    for (const auto* field : theirs) {
      by_number.emplace(field->number(), field);
      by_name.emplace(name_in_message(*field), field);
    }
    for (const auto* field : ours) {
      if (const auto same = by_name.find(name_in_message(*field));
          same != by_name.end() && same->second->number() != field->number())
        add(*field, "field-renumbered",
            "the reader looks for it under number " + std::to_string(field->number()) +
                ", the writer writes it under " + std::to_string(same->second->number()));
      const auto found = by_number.find(field->number());
      if (found != by_number.end()) {
        fields(*field, *found->second);
      } else if (field->is_required()) {
        add(*field, "required-added", "the reader requires it, the writer does not know it");
      }
    }
    oneofs(reader, by_number);
  }

  void add(const Field& field, const std::string& rule, const std::string& message) {
    const auto& path = field.full_name();
    violations.push_back({path, rule, (field.is_extension() ? "extension " : "field ") + path + ": " + message});
  }

 private:
  void fields(const Field& reader, const Field& writer) {
    const auto change = type_change(reader, writer);
    const bool renamed = name_in_message(reader) != name_in_message(writer);
    if (renamed && change >= TypeChange::narrowed) {
      add(reader, "number-reused",
          "number " + std::to_string(reader.number()) + " is " + type_text(reader) + " " + reader.name() +
              " to the reader and " + type_text(writer) + " " + writer.name() + " to the writer");
      return;
    }
    if (renamed) {
      add(reader, "field-renamed",
          "number " + std::to_string(reader.number()) + " is named " + reader.name() + " by the reader and " +
              writer.name() + " by the writer, which JSON tells apart");
    } else if (reader.json_name() != writer.json_name()) {
      add(reader, "json-name-changed",
          "in JSON it is " + reader.json_name() + " to the reader and " + writer.json_name() + " to the writer");
    }
    const auto kind = [](const Field& field) { return field.is_map() ? 2 : field.is_repeated() ? 1 : 0; };
    if (kind(reader) != kind(writer)) {
      add(reader, "cardinality-changed",
          "it is " + cardinality_text(reader) + " to the reader and " + cardinality_text(writer) + " to the writer");
      return;
    }
    if (reader.is_required() && !writer.is_required())
      add(reader, "required-added", "the reader requires it, to the writer it is optional");
    if (value_types(reader, writer, change)) defaults(reader, writer);
  }

  // Whether the values can be compared further.
  bool value_types(const Field& reader, const Field& writer, TypeChange change) {
    const auto types = type_text(writer) + " to the writer and " + type_text(reader) + " to the reader";
    switch (change) {
      case TypeChange::changed:
        add(reader, "type-changed", "it is " + types);
        return false;
      case TypeChange::narrowed:
        add(reader, "type-narrowed", "it is " + types + ", which cannot hold all of its values");
        return false;
      case TypeChange::json:
        add(reader, "json-type-changed", "it is " + types + ": the same bytes, but other JSON");
        return false;
      case TypeChange::none:
        break;
    }
    if (reader.message_type() != nullptr) {
      const auto &to = *reader.message_type(), &from = *writer.message_type();
      if ((is_well_known(to) || is_well_known(from)) && to.full_name() != from.full_name()) {
        add(reader, "type-changed", "it is " + types);
        return false;
      }
      messages(to, from);
    } else if (reader.enum_type() != nullptr && seen_enums_.emplace(reader.enum_type(), writer.enum_type()).second) {
      enums(*reader.enum_type(), *writer.enum_type());
    }
    return true;
  }

  void defaults(const Field& reader, const Field& writer) {
    if (reader.is_repeated() || reader.message_type() != nullptr || writer.is_required()) return;
    if (same_default(reader, writer)) return;
    add(reader, "default-changed",
        "when it is not written, it is " + default_text(writer) + " to the writer and " + default_text(reader) +
            " to the reader");
  }

  void enums(const pb::EnumDescriptor& reader, const pb::EnumDescriptor& writer) {
    const auto report = [&](const std::string& value, const std::string& rule, const std::string& message) {
      const auto path = reader.full_name() + (value.empty() ? "" : "." + value);
      violations.push_back({path, rule, "enum " + path + ": " + message});
    };
    if (is_closed(reader) && !is_closed(writer))
      report("", "enum-closed",
             "it is closed to the reader, but the writer may write any number (" + writer.full_name() + ")");
    for (int i = 0; i < writer.value_count(); ++i) {
      const auto& value = *writer.value(i);
      const auto number = std::to_string(value.number());
      if (const auto* same = reader.FindValueByName(value.name()); same != nullptr) {
        if (same->number() != value.number())
          report(value.name(), "enum-value-renumbered",
                 "it is " + std::to_string(same->number()) + " to the reader and " + number + " to the writer");
        continue;
      }
      if (const auto* same = reader.FindValueByNumber(value.number()); same != nullptr) {
        report(same->name(), "enum-value-renamed",
               number + " is named " + same->name() + " by the reader and " + value.name() +
                   " by the writer, which JSON tells apart");
      } else if (is_closed(reader)) {
        report(value.name(), "enum-value-unknown",
               "the writer may write " + number + ", which is no value to the reader, whose enum is closed");
      }
    }
  }

  void oneofs(const pb::Descriptor& reader, const std::map<int, const Field*>& theirs) {
    for (int i = 0; i < reader.real_oneof_decl_count(); ++i) {
      const auto& oneof = *reader.oneof_decl(i);
      const Field* first = nullptr;  // as the writer has it
      for (int j = 0; j < oneof.field_count(); ++j) {
        const auto found = theirs.find(oneof.field(j)->number());
        if (found == theirs.end()) continue;
        const auto& field = *found->second;
        const auto* group = field.real_containing_oneof();
        if (first == nullptr) {
          first = &field;
        } else if (group == nullptr || group != first->real_containing_oneof()) {
          add(*oneof.field(j), "oneof-changed",
              "the writer may set it together with " + first->name() + ", the reader keeps one of both (oneof " +
                  oneof.name() + ")");
        }
      }
    }
  }

  std::set<std::pair<const pb::Descriptor*, const pb::Descriptor*>> seen_;
  std::set<std::pair<const pb::EnumDescriptor*, const pb::EnumDescriptor*>> seen_enums_;
};

}  // namespace

std::vector<Violation> protobuf_violations(const pb::Descriptor& reader, const pb::Descriptor& writer) {
  Comparison comparison;
  if (reader.full_name() != writer.full_name())
    comparison.violations.push_back(
        {reader.full_name(), "message-renamed",
         "the reader's event is message " + reader.full_name() + ", the writer's is " + writer.full_name()});
  comparison.messages(reader, writer);
  auto& violations = comparison.violations;
  std::stable_sort(violations.begin(), violations.end(),
                   [](const Violation& a, const Violation& b) { return a.path < b.path; });
  return std::move(violations);
}

}  // namespace fabric::formats
