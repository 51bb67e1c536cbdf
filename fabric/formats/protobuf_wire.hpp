#pragma once
// Whether bytes are a well-formed Protobuf message, and where they are not: the library itself only says yes or no.
// Internal to the library; a pure function, without allocation while all is well.

#include <cstddef>
#include <span>

#include "ipc/result.hpp"

namespace google::protobuf {
class Descriptor;
}

namespace fabric::formats {

// Messages and groups inside of each other. JSON of deeper ones cannot be made.
inline constexpr int kMaxProtobufNesting = 60;

// Every byte belongs to a field, strings are UTF-8 (whether proto2 or proto3), nested at most kMaxProtobufNesting deep.
// Fields that `message` does not know have to be well-formed as well. Required fields are not looked for. Errors:
// corrupt, naming field and byte.
ipc::Result<void> check_wire(const google::protobuf::Descriptor& message, std::span<const std::byte> payload);

}  // namespace fabric::formats
