#include "fabric/formats/fields.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <utility>

#include "fabric/formats/flatbuffers_model.hpp"
#include "fabric/formats/protobuf_descriptors.hpp"
#include "fabric/formats/protobuf_types.hpp"
#include "fabric/formats/schema_source.hpp"

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;
using ipc::ErrorCode;
using ipc::Result;

constexpr std::size_t kMaxFields = 2'000;
constexpr unsigned kMaxLevels = 12;

class Listing {
 public:
  // Where the field is in the list; nullopt: there is one of this path, or no room.
  std::optional<std::size_t> add(ListedField field) {
    const auto same = [&](const ListedField& known) { return known.path == field.path; };
    auto& fields = list_.fields;
    if (std::any_of(fields.begin(), fields.end(), same)) return std::nullopt;
    if (is_full()) list_.whole = false;
    if (is_full()) return std::nullopt;
    fields.push_back(std::move(field));
    return fields.size() - 1;
  }
  void open(std::size_t index) { list_.fields[index].open = true; }
  bool is_full() const noexcept { return list_.fields.size() >= kMaxFields; }
  ListedFields take() { return std::move(list_); }

 private:
  ListedFields list_;
};

class ProtobufWalk {
 public:
  void message(const pb::Descriptor& message, const std::string& prefix) {
    inside_.push_back(&message);
    for (const auto* field : all_fields(message)) one(*field, prefix);
    inside_.pop_back();
  }
  ListedFields take() { return listing_.take(); }

 private:
  // Structs, values and the like hold what nobody can name.
  static bool holds_anything(const pb::Descriptor& type) {
    const auto& name = type.full_name();
    return name == "google.protobuf.Any" || name == "google.protobuf.Struct" || name == "google.protobuf.Value" ||
           name == "google.protobuf.ListValue";
  }

  void one(const pb::FieldDescriptor& field, const std::string& prefix) {
    const auto cardinality = cardinality_text(field);
    const auto path = prefix + name_in_message(field);
    const auto* type = field.message_type();
    const auto at = listing_.add({.path = path,
                                  .type = (cardinality == "repeated" ? "repeated " : "") + type_text(field),
                                  .required = cardinality == "required"});
    if (!at || type == nullptr) return;
    if (is_well_known(*type)) {
      if (holds_anything(*type)) listing_.open(*at);
      return;
    }
    const bool again = std::find(inside_.begin(), inside_.end(), type) != inside_.end();
    if (field.is_map() || again || inside_.size() >= kMaxLevels || listing_.is_full()) return listing_.open(*at);
    message(*type, path + (field.is_repeated() ? "[]." : "."));
  }

  Listing listing_;
  std::vector<const pb::Descriptor*> inside_;  // the messages that we are in
};

class FlatBuffersWalk {
 public:
  explicit FlatBuffersWalk(const fb::Model& model) : model_(model) {}

  void object(const fb::Object& object, const std::string& prefix) {
    inside_.push_back(&object);
    for (const auto& field : object.fields)
      if (!field.deprecated) one(object, field, prefix);
    inside_.pop_back();
  }
  ListedFields take() { return listing_.take(); }

 private:
  void one(const fb::Object& in, const fb::Field& field, const std::string& prefix) {
    const auto path = prefix + field.name;
    const auto at = listing_.add(
        {.path = path, .type = model_.text(field.type), .required = field.required || in.is_struct});
    if (!at) return;
    if (field.flexbuffer || !field.nested.empty()) return listing_.open(*at);
    const bool many = field.type.base == fb::Base::vector || field.type.base == fb::Base::array;
    const auto item = field.type.item();
    const auto inner = path + (many ? "[]." : ".");
    if (item.base == fb::Base::object) return enter(*at, model_.object(item), inner);
    if (item.base != fb::Base::union_) return;
    for (const auto& member : model_.enumeration(item).values)
      if (member.member.base == fb::Base::object) enter(*at, model_.object(member.member), inner);
  }

  void enter(std::size_t at, const fb::Object& type, const std::string& prefix) {
    const bool again = std::find(inside_.begin(), inside_.end(), &type) != inside_.end();
    if (again || inside_.size() >= kMaxLevels || listing_.is_full()) return listing_.open(at);
    object(type, prefix);
  }

  const fb::Model& model_;
  Listing listing_;
  std::vector<const fb::Object*> inside_;
};

}  // namespace

std::optional<ListedFields> protobuf_fields(std::string_view schema) {
  auto fields = guarded(ErrorCode::invalid_argument, "schema", [&]() -> Result<ListedFields> {
    const pb::LogSilencer silencer;
    const auto descriptors = read_protobuf_schema(schema);
    if (!descriptors) return descriptors.error();
    ProtobufWalk walk;
    walk.message(*descriptors->message, "");
    return walk.take();
  });
  if (!fields) return std::nullopt;
  return std::move(*fields);
}

std::optional<ListedFields> flatbuffers_fields(std::string_view schema) {
  auto fields = guarded(ErrorCode::invalid_argument, "schema", [&]() -> Result<ListedFields> {
    const auto model = fb::read_flatbuffers_schema(schema);
    if (!model) return model.error();
    FlatBuffersWalk walk(*model);
    walk.object(model->root_table(), "");
    return walk.take();
  });
  if (!fields) return std::nullopt;
  return std::move(*fields);
}

}  // namespace fabric::formats
