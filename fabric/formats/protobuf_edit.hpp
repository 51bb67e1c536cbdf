#pragma once
// A merge patch on a Protobuf message that keeps what the schema does not know. Internal to the library.

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "ipc/result.hpp"

namespace google::protobuf {
class Message;
}

namespace fabric::formats {

// Sets in a message what JSON text says, as the format's from_json() reads it; fields that are not named stay.
using MergeJson = std::function<ipc::Result<void>(google::protobuf::Message&, const std::string& json)>;
// A message as JSON text.
using PrintJson = std::function<ipc::Result<std::string>(const google::protobuf::Message&)>;

// RFC 7396 by the names of fields, in the schema's spelling or in JSON's: null clears, objects go into singular
// messages, maps (by key) and google.protobuf.Struct, everything else replaces. Unknown fields stay, but those that
// stand under the number of a field that is set or cleared (a value that a closed enum does not know) go with it.
// Errors: invalid_argument, naming the field. A message that was refused may be half edited.
ipc::Result<void> edit_message(google::protobuf::Message& message, const boost::json::object& patch,
                               const MergeJson& merge, const PrintJson& print);

}  // namespace fabric::formats
