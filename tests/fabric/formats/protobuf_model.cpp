#include "tests/fabric/formats/protobuf_model.hpp"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <bit>
#include <map>

namespace fabric::formats::testing {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

constexpr const char* kScalars[] = {"int32",    "int64",  "uint32",  "uint64",   "bool",
                                    "sint32",   "sint64", "fixed32", "sfixed32", "fixed64",
                                    "sfixed64", "float",  "double",  "string",   "bytes"};

std::string random_type(Choices& choices) {
  static constexpr const char* kOthers[] = {"E0", "E1", "M1", "M2"};
  return choices.chance(3) ? choices.pick(kOthers) : choices.pick(kScalars);
}

// A type that is read alike, so that changes which are fine come up often.
std::string near_type(const std::string& type, Choices& choices) {
  static const std::map<std::string, std::string> kNear = {{"int32", "int64"},   {"uint32", "uint64"},
                                                           {"sint32", "sint64"}, {"string", "bytes"},
                                                           {"E0", "int32"},      {"M1", "M2"}};
  const auto found = kNear.find(type);
  return found != kNear.end() && choices.below(2) == 0 ? found->second : random_type(choices);
}

ProtobufField random_field(int number, bool proto2, Choices& choices) {
  ProtobufField field{.number = number, .name = "f" + std::to_string(number), .type = random_type(choices)};
  field.label = static_cast<ProtobufField::Label>(choices.below(proto2 ? 6 : 5));
  return field;
}

std::string field_text(const ProtobufField& field, bool proto2) {
  const bool scalar = field.type[0] != 'M';
  const auto rest = " " + field.name + " = " + std::to_string(field.number);
  switch (field.label) {
    case ProtobufField::kRepeated:
      return "repeated " + field.type + rest + ";\n";
    case ProtobufField::kMap:
      return "map<string, " + field.type + ">" + rest + ";\n";
    case ProtobufField::kOneof:
      return field.type + rest + ";\n";
    case ProtobufField::kRequired:
      return (proto2 ? "required " : "") + field.type + rest + ";\n";
    default:
      break;
  }
  const bool keyword = proto2 || field.label == ProtobufField::kOptional;
  const auto value = proto2 && scalar && !field.default_value.empty() ? " [default = " + field.default_value + "]" : "";
  return (keyword ? "optional " : "") + field.type + rest + value + ";\n";
}

void mutate_field(ProtobufModel& model, Choices& choices) {
  auto& fields = choices.pick(model.messages);
  if (fields.empty()) return;
  auto& field = choices.pick(fields);
  switch (choices.below(6)) {
    case 0:
      field.type = near_type(field.type, choices);
      return;
    case 1:
      field.label = static_cast<ProtobufField::Label>(choices.below(6));
      return;
    case 2:
      field.name += "x";
      return;
    case 3:
      field.number = static_cast<int>(1 + choices.below(9));
      return;
    case 4:
      if (field.type == "int32" || field.type == "int64") field.default_value = std::to_string(choices.below(3));
      return;
    default:
      fields.erase(fields.begin() + (&field - fields.data()));
  }
}

void mutate_enum(ProtobufModel& model, Choices& choices) {
  auto& values = choices.pick(model.enums);
  switch (choices.below(4)) {
    case 0:
      values.emplace_back("V" + std::to_string(values.size()) + "N", static_cast<int>(values.size()));
      return;
    case 1:
      if (values.size() > 1) values.pop_back();
      return;
    case 2:
      values.back().first += "x";
      return;
    default:
      if (values.size() > 1) values.back().second += 1;
  }
}

void fill_one(pb::Message& message, const Field& field, bool add, Choices& choices, int depth) {
  const auto& to = *message.GetReflection();
  const auto put = [&](auto value, auto set, auto append) {
    add ? (to.*append)(&message, &field, value) : (to.*set)(&message, &field, value);
  };
  using R = pb::Reflection;
  const auto bits = choices.number();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
      return put(static_cast<std::int32_t>(bits), &R::SetInt32, &R::AddInt32);
    case Field::CPPTYPE_INT64:
      return put(static_cast<std::int64_t>(bits), &R::SetInt64, &R::AddInt64);
    case Field::CPPTYPE_UINT32:
      return put(static_cast<std::uint32_t>(bits), &R::SetUInt32, &R::AddUInt32);
    case Field::CPPTYPE_UINT64:
      return put(bits, &R::SetUInt64, &R::AddUInt64);
    case Field::CPPTYPE_FLOAT:
      return put(static_cast<float>(bits) / 3, &R::SetFloat, &R::AddFloat);
    case Field::CPPTYPE_DOUBLE:
      return put(static_cast<double>(bits) / 3, &R::SetDouble, &R::AddDouble);
    case Field::CPPTYPE_BOOL:
      return put(bits % 2 == 0, &R::SetBool, &R::AddBool);
    case Field::CPPTYPE_STRING:
      return put(choices.text(), &R::SetString, &R::AddString);
    case Field::CPPTYPE_ENUM: {
      const auto* value = field.enum_type()->value(
          static_cast<int>(choices.below(static_cast<std::size_t>(field.enum_type()->value_count()))));
      return add ? to.AddEnum(&message, &field, value) : to.SetEnum(&message, &field, value);
    }
    case Field::CPPTYPE_MESSAGE:
      return fill(*(add ? to.AddMessage(&message, &field) : to.MutableMessage(&message, &field)), choices, depth + 1);
  }
}

// Keys of their own: "k0", "k1".
void fill_map(pb::Message& message, const Field& field, Choices& choices, int depth) {
  const auto elements = choices.below(4);
  for (std::size_t i = 0; i < elements; ++i) {
    auto& entry = *message.GetReflection()->AddMessage(&message, &field);
    entry.GetReflection()->SetString(&entry, entry.GetDescriptor()->map_key(), "k" + std::to_string(i));
    fill_one(entry, *entry.GetDescriptor()->map_value(), false, choices, depth);
  }
}

// The value, or the element `index` of a repeated field, as text: numbers of different types alike.
std::string value_text(const pb::Message& message, const Field& field, int index) {
  const auto& of = *message.GetReflection();
  const bool one = index < 0;
  const auto real = [](double value) { return std::to_string(std::bit_cast<std::uint64_t>(value)); };
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
      return std::to_string(one ? of.GetInt32(message, &field) : of.GetRepeatedInt32(message, &field, index));
    case Field::CPPTYPE_INT64:
      return std::to_string(one ? of.GetInt64(message, &field) : of.GetRepeatedInt64(message, &field, index));
    case Field::CPPTYPE_UINT32:
      return std::to_string(one ? of.GetUInt32(message, &field) : of.GetRepeatedUInt32(message, &field, index));
    case Field::CPPTYPE_UINT64:
      return std::to_string(one ? of.GetUInt64(message, &field) : of.GetRepeatedUInt64(message, &field, index));
    case Field::CPPTYPE_FLOAT:
      return real(
          static_cast<double>(one ? of.GetFloat(message, &field) : of.GetRepeatedFloat(message, &field, index)));
    case Field::CPPTYPE_DOUBLE:
      return real(one ? of.GetDouble(message, &field) : of.GetRepeatedDouble(message, &field, index));
    case Field::CPPTYPE_BOOL:
      return (one ? of.GetBool(message, &field) : of.GetRepeatedBool(message, &field, index)) ? "true" : "false";
    case Field::CPPTYPE_ENUM:
      return std::to_string(one ? of.GetEnumValue(message, &field) : of.GetRepeatedEnumValue(message, &field, index));
    case Field::CPPTYPE_STRING:
      return one ? of.GetString(message, &field) : of.GetRepeatedString(message, &field, index);
    case Field::CPPTYPE_MESSAGE:
      break;
  }
  return "";
}

std::string field_difference(const pb::Message& written, const Field& from, const pb::Message& read, const Field& to);

std::string map_difference(const pb::Message& written, const Field& from, const pb::Message& read, const Field& to) {
  const auto entries = [](const pb::Message& message, const Field& field) {
    std::map<std::string, const pb::Message*> out;
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      const auto& entry = message.GetReflection()->GetRepeatedMessage(message, &field, i);
      out[value_text(entry, *field.message_type()->map_key(), -1)] = &entry;
    }
    return out;
  };
  const auto theirs = entries(written, from), ours = entries(read, to);
  if (theirs.size() != ours.size()) return to.full_name() + ": entries";
  for (const auto& [key, entry] : theirs) {
    const auto found = ours.find(key);
    if (found == ours.end()) return to.full_name() + ": key " + key;
    const auto found_difference =
        field_difference(*entry, *from.message_type()->map_value(), *found->second, *to.message_type()->map_value());
    if (!found_difference.empty()) return found_difference;
  }
  return "";
}

std::string field_difference(const pb::Message& written, const Field& from, const pb::Message& read, const Field& to) {
  const auto &theirs = *written.GetReflection(), &ours = *read.GetReflection();
  if (from.is_repeated() != to.is_repeated() || from.is_map() != to.is_map()) return to.full_name() + ": cardinality";
  if (from.is_map()) return map_difference(written, from, read, to);
  const bool message = from.message_type() != nullptr;
  if (message != (to.message_type() != nullptr)) return to.full_name() + ": kind";
  if (!from.is_repeated()) {
    if (from.has_presence() && to.has_presence() && theirs.HasField(written, &from) != ours.HasField(read, &to))
      return to.full_name() + ": presence";
    if (message && !theirs.HasField(written, &from)) return "";
    if (message) return difference(theirs.GetMessage(written, &from), ours.GetMessage(read, &to));
    const auto was = value_text(written, from, -1), is = value_text(read, to, -1);
    return was == is ? "" : to.full_name() + ": " + was + " became " + is;
  }
  const auto size = theirs.FieldSize(written, &from);
  if (size != ours.FieldSize(read, &to)) return to.full_name() + ": number of elements";
  for (int i = 0; i < size; ++i) {
    if (message) {
      const auto found =
          difference(theirs.GetRepeatedMessage(written, &from, i), ours.GetRepeatedMessage(read, &to, i));
      if (!found.empty()) return found;
    } else if (value_text(written, from, i) != value_text(read, to, i)) {
      return to.full_name() + ": element " + std::to_string(i);
    }
  }
  return "";
}

}  // namespace

std::string ProtobufModel::text() const {
  std::string out =
      std::string("// eventfabric:message=p.M0\nsyntax = \"") + (proto2 ? "proto2" : "proto3") + "\";\npackage p;\n";
  for (std::size_t i = 0; i < messages.size(); ++i) {
    std::string oneof;
    out += "message M" + std::to_string(i) + " {\n";
    for (const auto& field : messages[i])
      (field.label == ProtobufField::kOneof ? oneof : out) += field_text(field, proto2);
    out += (oneof.empty() ? "" : "oneof o {\n" + oneof + "}\n") + "}\n";
  }
  for (std::size_t i = 0; i < enums.size(); ++i) {
    out += "enum E" + std::to_string(i) + " {\n";
    for (const auto& [name, number] : enums[i])
      out += "E" + std::to_string(i) + name + " = " + std::to_string(number) + ";\n";
    out += "}\n";
  }
  return out;
}

ProtobufModel random_model(Choices& choices) {
  ProtobufModel model{.proto2 = choices.chance(3)};
  for (int message = 0; message < 3; ++message) {
    auto& fields = model.messages.emplace_back();
    for (auto count = choices.below(5); count > 0; --count)
      fields.push_back(random_field(static_cast<int>(fields.size()) + 1, model.proto2, choices));
  }
  for (int i = 0; i < 2; ++i) {
    auto& values = model.enums.emplace_back();
    values.emplace_back("ZERO", 0);
    for (auto count = choices.below(3); count > 0; --count)
      values.emplace_back("V" + std::to_string(values.size()), static_cast<int>(values.size()));
  }
  return model;
}

ProtobufModel mutated(ProtobufModel model, Choices& choices) {
  for (auto changes = 1 + choices.below(3); changes > 0; --changes) {
    switch (choices.below(6)) {
      case 0: {
        auto& fields = choices.pick(model.messages);
        fields.push_back(random_field(static_cast<int>(6 + fields.size()), model.proto2, choices));
        break;
      }
      case 1:
        mutate_enum(model, choices);
        break;
      case 2:
        model.proto2 = choices.chance(8) ? !model.proto2 : model.proto2;
        break;
      default:
        mutate_field(model, choices);
    }
  }
  return model;
}

void fill(pb::Message& message, Choices& choices, int depth) {
  const auto& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto& field = *descriptor.field(i);
    if (depth > 2 && field.message_type() != nullptr && !field.is_required()) continue;
    if (depth > 5 || (!field.is_required() && choices.chance(3))) continue;
    if (field.is_map()) {
      fill_map(message, field, choices, depth);
      continue;
    }
    for (auto elements = field.is_repeated() ? choices.below(4) : 1; elements > 0; --elements)
      fill_one(message, field, field.is_repeated(), choices, depth);
  }
}

std::string difference(const pb::Message& written, const pb::Message& read) {
  const auto &from = *written.GetDescriptor(), &to = *read.GetDescriptor();
  for (int i = 0; i < to.field_count(); ++i) {
    const auto* field = from.FindFieldByNumber(to.field(i)->number());
    if (field == nullptr) continue;
    const auto found = field_difference(written, *field, read, *to.field(i));
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace fabric::formats::testing
