#pragma once
// Protobuf descriptors in a normal form: equal for files that differ only in spelling and in the order of declarations.
// Internal to the library; a pure function.

namespace google::protobuf {
class FileDescriptorProto;
}

namespace fabric::formats {

// `file` as a built FileDescriptor gives it back (names in full). Drops comments and positions, sorts declarations,
// clears json_name where it is the one that would be derived.
void normalise(google::protobuf::FileDescriptorProto& file);
// Makes every singular field of a proto3 file one that says whether it was set.
void give_presence(google::protobuf::FileDescriptorProto& file);

}  // namespace fabric::formats
