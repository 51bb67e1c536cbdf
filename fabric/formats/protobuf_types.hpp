#pragma once
// How the types of two Protobuf fields relate. Internal to the library; pure functions, thread-safe.

#include <cstdint>
#include <string>
#include <vector>

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace fabric::formats {

// What a reader's type makes of a writer's values, best first.
enum class TypeChange : std::uint8_t { none, json, narrowed, changed };

// Of one value each: of messages and enums only the kind, what they hold is compared elsewhere.
TypeChange type_change(const google::protobuf::FieldDescriptor& reader,
                       const google::protobuf::FieldDescriptor& writer);

// "int32", "enum sales.Status", "message sales.Money".
std::string type_text(const google::protobuf::FieldDescriptor& field);
// "optional", "required", "repeated", "map".
std::string cardinality_text(const google::protobuf::FieldDescriptor& field);
// google/protobuf/*.proto: their JSON is not that of their fields.
bool is_well_known(const google::protobuf::Descriptor& message);
// The fields and the extensions in its file, by number.
std::vector<const google::protobuf::FieldDescriptor*> all_fields(const google::protobuf::Descriptor& message);
// The name in the message: of an extension "[sales.note]".
std::string name_in_message(const google::protobuf::FieldDescriptor& field);

}  // namespace fabric::formats
