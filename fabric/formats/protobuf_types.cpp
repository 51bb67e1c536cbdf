#include "fabric/formats/protobuf_types.hpp"

#include <google/protobuf/descriptor.h>

#include <algorithm>

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;
using Type = pb::FieldDescriptor::Type;
using Field = pb::FieldDescriptor;

// Types of one group are encoded alike, so that one reads the other's values as far as they fit.
enum class Encoding : std::uint8_t { varint, zigzag, fixed32, fixed64, float_, double_, bytes };

Encoding encoding(Type type) {
  switch (type) {
    case Field::TYPE_SINT32:
    case Field::TYPE_SINT64:
      return Encoding::zigzag;
    case Field::TYPE_FIXED32:
    case Field::TYPE_SFIXED32:
      return Encoding::fixed32;
    case Field::TYPE_FIXED64:
    case Field::TYPE_SFIXED64:
      return Encoding::fixed64;
    case Field::TYPE_FLOAT:
      return Encoding::float_;
    case Field::TYPE_DOUBLE:
      return Encoding::double_;
    case Field::TYPE_STRING:
    case Field::TYPE_BYTES:
    case Field::TYPE_MESSAGE:
      return Encoding::bytes;
    default:
      return Encoding::varint;
  }
}

// All of the writer's values are the reader's too, and JSON says them in a way that either accepts (numbers, or strings
// of digits).
bool widens(Type reader, Type writer) {
  return (writer == Field::TYPE_INT32 && reader == Field::TYPE_INT64) ||
         (writer == Field::TYPE_UINT32 && (reader == Field::TYPE_UINT64 || reader == Field::TYPE_INT64)) ||
         (writer == Field::TYPE_SINT32 && reader == Field::TYPE_SINT64);
}

// All of the writer's values are the reader's too, but JSON says them otherwise.
bool widens_but_for_json(Type reader, Type writer) {
  const bool integer = reader == Field::TYPE_INT32 || reader == Field::TYPE_INT64 || reader == Field::TYPE_UINT32 ||
                       reader == Field::TYPE_UINT64;
  if (writer == Field::TYPE_BOOL) return integer || reader == Field::TYPE_ENUM;
  if (writer == Field::TYPE_ENUM) return reader == Field::TYPE_INT32 || reader == Field::TYPE_INT64;
  if (writer == Field::TYPE_INT32) return reader == Field::TYPE_ENUM;
  return reader == Field::TYPE_BYTES && (writer == Field::TYPE_STRING || writer == Field::TYPE_MESSAGE);
}

}  // namespace

TypeChange type_change(const Field& reader, const Field& writer) {
  const auto to = reader.type(), from = writer.type();
  if (to == from || widens(to, from)) return TypeChange::none;
  if (encoding(to) != encoding(from)) return TypeChange::changed;
  if (widens_but_for_json(to, from)) return TypeChange::json;
  if (to == Field::TYPE_MESSAGE || from == Field::TYPE_MESSAGE) return TypeChange::changed;
  return TypeChange::narrowed;
}

std::string type_text(const Field& field) {
  if (field.is_map())
    return "map<" + type_text(*field.message_type()->map_key()) + ", " + type_text(*field.message_type()->map_value()) +
           ">";
  if (const auto* type = field.message_type()) return std::string(field.type_name()) + " " + type->full_name();
  if (const auto* type = field.enum_type()) return "enum " + type->full_name();
  return field.type_name();
}

std::string cardinality_text(const Field& field) {
  if (field.is_map()) return "map";
  if (field.is_repeated()) return "repeated";
  return field.is_required() ? "required" : "optional";
}

bool is_well_known(const pb::Descriptor& message) { return message.file()->package() == "google.protobuf"; }

std::vector<const Field*> all_fields(const pb::Descriptor& message) {
  std::vector<const Field*> fields;
  message.file()->pool()->FindAllExtensions(&message, &fields);
  for (int i = 0; i < message.field_count(); ++i) fields.push_back(message.field(i));
  std::sort(fields.begin(), fields.end(), [](const auto* a, const auto* b) { return a->number() < b->number(); });
  return fields;
}

std::string name_in_message(const Field& field) {
  return field.is_extension() ? "[" + field.full_name() + "]" : field.name();
}

}  // namespace fabric::formats
