#include "fabric/formats/protobuf_edit.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include "fabric/formats/protobuf_types.hpp"
#include "fabric/json.hpp"

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;
namespace bj = boost::json;
using Field = pb::FieldDescriptor;
using ipc::Result;

// A map's key as the name of a member of a JSON object.
std::string key_text(const pb::Message& entry) {
  const auto& key = *entry.GetDescriptor()->map_key();
  const auto& reflection = *entry.GetReflection();
  switch (key.cpp_type()) {
    case Field::CPPTYPE_INT32:
      return std::to_string(reflection.GetInt32(entry, &key));
    case Field::CPPTYPE_INT64:
      return std::to_string(reflection.GetInt64(entry, &key));
    case Field::CPPTYPE_UINT32:
      return std::to_string(reflection.GetUInt32(entry, &key));
    case Field::CPPTYPE_UINT64:
      return std::to_string(reflection.GetUInt64(entry, &key));
    case Field::CPPTYPE_BOOL:
      return reflection.GetBool(entry, &key) ? "true" : "false";
    default:
      return reflection.GetString(entry, &key);
  }
}

class Edit {
 public:
  Edit(pb::Message& message, const MergeJson& merge, const PrintJson& print)
      : message_(message),
        descriptor_(*message.GetDescriptor()),
        reflection_(*message.GetReflection()),
        merge_(merge),
        print_(print) {}

  Result<void> apply(std::string_view name, const bj::value& change) {
    const auto* field = find(std::string(name));
    if (field == nullptr)
      return ipc::make_error(ipc::ErrorCode::invalid_argument,
                             descriptor_.full_name() + " has no field " + json::quote(name));
    reflection_.MutableUnknownFields(&message_)->DeleteByNumber(field->number());
    if (change.is_null()) {
      reflection_.ClearField(&message_, field);
      return {};
    }
    if (change.is_object() && field->is_map()) return edit_map(*field, change.get_object());
    if (change.is_object() && !field->is_repeated() && field->message_type() != nullptr) {
      if (!is_well_known(*field->message_type()))
        return edit_message(*reflection_.MutableMessage(&message_, field), change.get_object(), merge_, print_);
      if (field->message_type()->full_name() == "google.protobuf.Struct") return edit_struct(*field, change);
    }
    reflection_.ClearField(&message_, field);
    return merge_member(*field, change);
  }

 private:
  const Field* find(const std::string& name) const {
    if (const auto* field = descriptor_.FindFieldByName(name)) return field;
    for (int i = 0; i < descriptor_.field_count(); ++i)
      if (descriptor_.field(i)->json_name() == name) return descriptor_.field(i);
    return nullptr;
  }

  Result<void> merge_member(const Field& field, const bj::value& value) {
    bj::object member;
    member[field.name()] = value;
    return merge_(message_, json::print(member));
  }

  Result<void> edit_struct(const Field& field, const bj::value& change) {
    auto text = print_(reflection_.GetMessage(message_, &field));
    if (!text) return text.error();
    const auto old = json::parse(*text);
    if (!old) return old.error();
    reflection_.ClearField(&message_, &field);
    return merge_member(field, json::merge_patch(*old, change));
  }

  Result<void> edit_map(const Field& field, const bj::object& patch) {
    for (const auto& [key, change] : patch) {
      const auto found = index_of(field, key);
      const bool message = field.message_type()->map_value()->message_type() != nullptr;
      const bool plain = message && !is_well_known(*field.message_type()->map_value()->message_type());
      if (found >= 0 && change.is_object() && plain) {
        auto& entry = *reflection_.MutableRepeatedMessage(&message_, &field, found);
        auto& value = *entry.GetReflection()->MutableMessage(&entry, entry.GetDescriptor()->map_value());
        if (auto edited = edit_message(value, change.get_object(), merge_, print_); !edited) return edited;
        continue;
      }
      if (found >= 0) remove(field, found);
      if (change.is_null()) continue;
      bj::object entry;
      entry[key] = json::merge_patch(bj::value(), change);  // without the nulls
      if (auto merged = merge_member(field, entry); !merged) return merged;
    }
    return {};
  }

  int index_of(const Field& field, std::string_view key) const {
    for (int i = 0; i < reflection_.FieldSize(message_, &field); ++i)
      if (key_text(reflection_.GetRepeatedMessage(message_, &field, i)) == key) return i;
    return -1;
  }

  void remove(const Field& field, int index) {
    reflection_.SwapElements(&message_, &field, index, reflection_.FieldSize(message_, &field) - 1);
    reflection_.RemoveLast(&message_, &field);
  }

  pb::Message& message_;
  const pb::Descriptor& descriptor_;
  const pb::Reflection& reflection_;
  const MergeJson& merge_;
  const PrintJson& print_;
};

}  // namespace

Result<void> edit_message(pb::Message& message, const bj::object& patch, const MergeJson& merge,
                          const PrintJson& print) {
  Edit edit(message, merge, print);
  for (const auto& [name, change] : patch)
    if (auto applied = edit.apply(std::string_view(name.data(), name.size()), change); !applied) return applied;
  return {};
}

}  // namespace fabric::formats
