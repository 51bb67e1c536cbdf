#pragma once
// Protobuf schema texts: from .proto source or a descriptor set to descriptors in a pool of their own. Internal to the
// library.
//
// Read are
//   .proto source           proto2 or proto3, one file; imports of google/protobuf/*.proto (any, api, duration, empty,
//   field_mask,
//                           source_context, struct, timestamp, type, wrappers, descriptor) come with the library,
//                           others are refused
//   a FileDescriptorSet     serialised, or as base64 text (protoc --include_imports --descriptor_set_out=...): what
//   source with
//                           imports becomes
//
// The event is the message that a comment at the start names:
//   // eventfabric:message=sales.Order
// Without it, it is the only top-level message that no other one refers to; anything else is refused as ambiguous.
//
// The canonical text is .proto source: messages, enums and services by name, fields and values by number (the first
// value of an enum stays first: it may be the default), all names in full, the comment above on the first line. Several
// files, and what source cannot say, are the base64 of such a descriptor set below that line. Descriptors are immutable
// and thread-safe; they live as long as their pool.

#include <memory>
#include <string>
#include <string_view>

#include "fabric/contract/schema.hpp"

namespace google::protobuf {
class Descriptor;
class DescriptorPool;
}  // namespace google::protobuf

namespace fabric::formats {

struct ProtobufDescriptors {
  std::shared_ptr<const google::protobuf::DescriptorPool> pool;
  const google::protobuf::Descriptor* message = nullptr;
  std::string canonical;
  // The same schema, but every singular field says whether it was set, as `optional` does in proto3. To decode with: a
  // zero that a writer said and this schema cannot tell from one that was not is still there when the message is passed
  // on (the writer may require it).
  std::shared_ptr<const google::protobuf::DescriptorPool> keeping_pool;
  const google::protobuf::Descriptor* keeping_message = nullptr;
};

// Errors: invalid_argument with line and column, or the element's full name.
contract::Result<ProtobufDescriptors> read_protobuf_schema(std::string_view text);

}  // namespace fabric::formats
