#include "fabric/formats/protobuf_normal.hpp"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;

template <class Repeated, class Key>
void sort_by(Repeated* items, Key key) {
  std::stable_sort(items->pointer_begin(), items->pointer_end(),
                   [&](const auto* a, const auto* b) { return key(*a) < key(*b); });
}

constexpr auto by_name = [](const auto& item) { return item.name(); };

// What protoc derives: "unit_price" becomes "unitPrice".
std::string derived_json_name(const std::string& name) {
  std::string out;
  bool capitalise = false;
  for (const char c : name) {
    if (c == '_') {
      capitalise = true;
      continue;
    }
    out += capitalise && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    capitalise = false;
  }
  return out;
}

void normalise_field(pb::FieldDescriptorProto& field) {
  if (field.json_name() == derived_json_name(field.name())) field.clear_json_name();
}

// Sorted, and ranges that touch made one. `gap`: 0 where ends are exclusive, 1 where they are inclusive.
template <class Repeated>
void normalise_ranges(Repeated* ranges, int gap) {
  sort_by(ranges, [](const auto& range) { return std::pair(range.start(), range.end()); });
  Repeated merged;
  for (const auto& range : *ranges) {
    const bool touches = !merged.empty() && range.start() - gap <= merged.rbegin()->end();
    if (touches) {
      merged.rbegin()->set_end(std::max(merged.rbegin()->end(), range.end()));
    } else {
      *merged.Add() = range;
    }
  }
  ranges->Swap(&merged);
}

template <class Names>
void sort_names(Names* names) {
  const std::set<std::string> sorted(names->begin(), names->end());
  names->Clear();
  for (const auto& name : sorted) *names->Add() = name;
}

void normalise_enum(pb::EnumDescriptorProto& type) {
  auto* values = type.mutable_value();
  if (!values->empty()) {
    // The first value is a default of proto2 fields, and has to be zero in proto3.
    std::stable_sort(values->pointer_begin() + 1, values->pointer_end(),
                     [](const auto* a, const auto* b) { return a->number() < b->number(); });
  }
  normalise_ranges(type.mutable_reserved_range(), 1);
  sort_names(type.mutable_reserved_name());
}

// Oneofs by their lowest field; those that stand for `optional` of proto3 behind the others, as descriptors demand.
void normalise_oneofs(pb::DescriptorProto& message) {
  struct Entry {
    bool synthetic = false;
    int lowest = std::numeric_limits<int>::max();
    int index = 0;
  };
  std::vector<Entry> order(static_cast<std::size_t>(message.oneof_decl_size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i].index = static_cast<int>(i);
  for (const auto& field : message.field()) {
    if (!field.has_oneof_index()) continue;
    auto& entry = order.at(static_cast<std::size_t>(field.oneof_index()));
    entry.synthetic = field.proto3_optional();
    entry.lowest = std::min(entry.lowest, field.number());
  }
  std::sort(order.begin(), order.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.synthetic, a.lowest) < std::tie(b.synthetic, b.lowest);
  });
  std::vector<int> moved_to(order.size());
  pb::RepeatedPtrField<pb::OneofDescriptorProto> sorted;
  for (const auto& entry : order) {
    moved_to[static_cast<std::size_t>(entry.index)] = sorted.size();
    *sorted.Add() = message.oneof_decl(entry.index);
  }
  message.mutable_oneof_decl()->Swap(&sorted);
  for (auto& field : *message.mutable_field())
    if (field.has_oneof_index()) field.set_oneof_index(moved_to[static_cast<std::size_t>(field.oneof_index())]);
}

// By number; but the fields of a oneof stay together, as descriptors demand, where its lowest one belongs.
void sort_fields(pb::DescriptorProto& message) {
  std::vector<int> lowest(static_cast<std::size_t>(message.oneof_decl_size()), std::numeric_limits<int>::max());
  const auto lowest_of = [&](const pb::FieldDescriptorProto& field) -> int& {
    return lowest.at(static_cast<std::size_t>(field.oneof_index()));
  };
  for (const auto& field : message.field())
    if (field.has_oneof_index()) lowest_of(field) = std::min(lowest_of(field), field.number());
  sort_by(message.mutable_field(), [&](const auto& field) {
    return std::pair(field.has_oneof_index() ? lowest_of(field) : field.number(), field.number());
  });
}

void normalise_extensions(pb::RepeatedPtrField<pb::FieldDescriptorProto>* extensions) {
  for (auto& extension : *extensions) normalise_field(extension);
  sort_by(extensions, [](const auto& extension) { return std::pair(extension.extendee(), extension.number()); });
}

void normalise_message(pb::DescriptorProto& message) {
  for (auto& field : *message.mutable_field()) normalise_field(field);
  normalise_oneofs(message);
  sort_fields(message);
  for (auto& nested : *message.mutable_nested_type()) normalise_message(nested);
  sort_by(message.mutable_nested_type(), by_name);
  for (auto& type : *message.mutable_enum_type()) normalise_enum(type);
  sort_by(message.mutable_enum_type(), by_name);
  normalise_extensions(message.mutable_extension());
  sort_by(message.mutable_extension_range(), [](const auto& range) { return range.start(); });
  normalise_ranges(message.mutable_reserved_range(), 0);
  sort_names(message.mutable_reserved_name());
}

void normalise_imports(pb::FileDescriptorProto& file) {
  std::set<std::string> all(file.dependency().begin(), file.dependency().end()), passed_on;
  for (const int index : file.public_dependency()) passed_on.insert(file.dependency(index));
  file.clear_dependency();
  file.clear_public_dependency();
  file.clear_weak_dependency();
  for (const auto& name : all) {
    if (passed_on.contains(name)) file.add_public_dependency(file.dependency_size());
    file.add_dependency(name);
  }
}

// Options that are no part of descriptor.proto are unknown fields of the options that it has, in the order in which
// they were spelled.
void sort_custom_options(pb::Message& message) {
  const auto& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> set;
  reflection.ListFields(message, &set);
  for (const auto* field : set) {
    if (field->message_type() == nullptr) continue;
    if (!field->is_repeated()) sort_custom_options(*reflection.MutableMessage(&message, field));
    for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i)
      sort_custom_options(*reflection.MutableRepeatedMessage(&message, field, i));
  }
  auto& unknown = *reflection.MutableUnknownFields(&message);
  std::vector<const pb::UnknownField*> order;
  for (int i = 0; i < unknown.field_count(); ++i) order.push_back(&unknown.field(i));
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->number() < b->number(); });
  pb::UnknownFieldSet sorted;
  for (const auto* field : order) sorted.AddField(*field);
  unknown.Swap(&sorted);
}

void give_presence(pb::DescriptorProto& message) {
  for (auto& nested : *message.mutable_nested_type()) give_presence(nested);
  if (message.options().map_entry()) return;
  for (auto& field : *message.mutable_field()) {
    if (field.label() == pb::FieldDescriptorProto::LABEL_REPEATED || field.has_oneof_index() ||
        field.type() == pb::FieldDescriptorProto::TYPE_MESSAGE)
      continue;
    field.set_proto3_optional(true);
    field.set_oneof_index(message.oneof_decl_size());
    message.add_oneof_decl()->set_name("_presence_of_" + std::to_string(field.number()));
  }
}

}  // namespace

void give_presence(pb::FileDescriptorProto& file) {
  if (file.syntax() != "proto3") return;
  for (auto& message : *file.mutable_message_type()) give_presence(message);
}

void normalise(pb::FileDescriptorProto& file) {
  file.clear_source_code_info();
  normalise_imports(file);
  for (auto& message : *file.mutable_message_type()) normalise_message(message);
  sort_by(file.mutable_message_type(), by_name);
  for (auto& type : *file.mutable_enum_type()) normalise_enum(type);
  sort_by(file.mutable_enum_type(), by_name);
  for (auto& service : *file.mutable_service()) sort_by(service.mutable_method(), by_name);
  sort_by(file.mutable_service(), by_name);
  normalise_extensions(file.mutable_extension());
  sort_custom_options(file);
}

}  // namespace fabric::formats
