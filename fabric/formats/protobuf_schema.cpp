#include "fabric/formats/protobuf_schema.hpp"

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <exception>

#include "fabric/formats/formats.hpp"
#include "fabric/formats/protobuf_compare.hpp"
#include "fabric/formats/protobuf_edit.hpp"
#include "fabric/formats/protobuf_wire.hpp"
#include "fabric/formats/schema_source.hpp"
#include "fabric/json.hpp"

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;
using contract::Result;
using ipc::ErrorCode;
using ipc::make_error;

constexpr char kUrlPrefix[] = "type.googleapis.com";

std::string type_url(const pb::Descriptor& type) { return std::string(kUrlPrefix) + "/" + type.full_name(); }

std::string serialised(const pb::Message& message) {
  std::string bytes;
  pb::io::StringOutputStream stream(&bytes);
  pb::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);  // maps in order of their keys
  message.SerializePartialToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

class ProtobufFormat final : public contract::SchemaFormat {
 public:
  contract::Format format() const noexcept override { return contract::Format::protobuf; }
  Result<std::shared_ptr<const contract::Schema>> parse(std::string_view text) const override {
    return guarded(ErrorCode::invalid_argument, "schema", [&]() -> Result<std::shared_ptr<const contract::Schema>> {
      const pb::LogSilencer silencer;  // what is wrong is in our error
      auto descriptors = read_protobuf_schema(text);
      if (!descriptors) return descriptors.error();
      return std::make_shared<const ProtobufSchema>(std::move(*descriptors));
    });
  }
};

}  // namespace

ProtobufSchema::ProtobufSchema(ProtobufDescriptors descriptors)
    : descriptors_(std::move(descriptors)),
      name_(descriptors_.message->full_name()),
      factory_(std::make_unique<pb::DynamicMessageFactory>(descriptors_.pool.get())),
      keeping_factory_(std::make_unique<pb::DynamicMessageFactory>(descriptors_.keeping_pool.get())),
      resolver_(pb::util::NewTypeResolverForDescriptorPool(kUrlPrefix, descriptors_.pool.get())) {
  factory_->GetPrototype(descriptors_.message);
  keeping_factory_->GetPrototype(descriptors_.keeping_message);
}

ProtobufSchema::~ProtobufSchema() = default;

std::vector<contract::Violation> ProtobufSchema::cannot_read(const contract::Schema& writer) const {
  const auto* other = dynamic_cast<const ProtobufSchema*>(&writer);
  if (other == nullptr)
    return {{name_, "format-changed",
             "the reader's schema is protobuf, the writer's is " + std::string(contract::to_string(writer.format()))}};
  return protobuf_violations(message(), other->message());
}

Result<std::unique_ptr<pb::Message>> ProtobufSchema::read(std::span<const std::byte> payload) const {
  if (auto fine = check_wire(message(), payload); !fine)
    return make_error(ErrorCode::corrupt, name_ + ": " + fine.error().message);
  std::unique_ptr<pb::Message> read(keeping_factory_->GetPrototype(descriptors_.keeping_message)->New());
  if (!read->ParsePartialFromArray(payload.data(), static_cast<int>(payload.size())))
    return make_error(ErrorCode::corrupt, name_ + ": the payload is no message of this type");
  if (!read->IsInitialized())
    return make_error(ErrorCode::corrupt,
                      name_ + ": required fields are missing: " + read->InitializationErrorString());
  return read;
}

Result<void> ProtobufSchema::validate(std::span<const std::byte> payload) const {
  return guarded(ErrorCode::corrupt, name_, [&]() -> Result<void> {
    auto message = read(payload);
    if (!message) return message.error();
    if (auto json = print(**message); !json) return json.error();  // a timestamp may be out of range
    return {};
  });
}

Result<std::string> ProtobufSchema::print(const Message& message) const {
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  // What JSON cannot say is our error; the library would also write a warning to standard error (other threads' are
  // lost meanwhile).
  const pb::LogSilencer silencer;
  std::string json;
  const auto status = pb::util::BinaryToJsonString(resolver_.get(), type_url(*message.GetDescriptor()),
                                                   serialised(message), &json, options);
  if (status.ok()) return json;
  return make_error(ErrorCode::corrupt, name_ + ": JSON cannot say this: " + std::string(status.message()));
}

Result<std::string> ProtobufSchema::to_json(std::span<const std::byte> payload) const {
  return guarded(ErrorCode::corrupt, name_, [&]() -> Result<std::string> {
    auto message = read(payload);
    if (!message) return message.error();
    return print(**message);
  });
}

Result<void> ProtobufSchema::merge(Message& message, const std::string& json) const {
  std::string bytes;
  const auto status =
      pb::util::JsonToBinaryString(resolver_.get(), type_url(*message.GetDescriptor()), json, &bytes, {});
  if (!status.ok())
    return make_error(ErrorCode::invalid_argument,
                      message.GetDescriptor()->full_name() + ": " + std::string(status.message()));
  pb::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  if (!message.MergePartialFromCodedStream(&stream))
    return make_error(ErrorCode::invalid_argument, message.GetDescriptor()->full_name() + ": the JSON does not fit");
  return {};
}

Result<std::vector<std::byte>> ProtobufSchema::written(const Message& message) const {
  if (!message.IsInitialized())
    return make_error(ErrorCode::invalid_argument,
                      name_ + ": required fields are missing: " + message.InitializationErrorString());
  const auto bytes = serialised(message);
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  std::vector<std::byte> payload(data, data + bytes.size());
  if (auto fine = check_wire(*descriptors_.message, payload); !fine)
    return make_error(ErrorCode::invalid_argument, name_ + ": " + fine.error().message);
  return payload;
}

Result<std::vector<std::byte>> ProtobufSchema::from_json(std::string_view json) const {
  return guarded(ErrorCode::invalid_argument, name_, [&]() -> Result<std::vector<std::byte>> {
    // Protobuf's own reader is lenient: single quotes, keys without quotes or twice.
    const auto strict = json::parse(json);
    if (!strict) return strict.error();
    if (!strict->is_object()) return make_error(ErrorCode::invalid_argument, name_ + ": the JSON is no object");
    std::unique_ptr<pb::Message> message(factory_->GetPrototype(&this->message())->New());
    if (auto merged = merge(*message, std::string(json)); !merged) return merged.error();
    return written(*message);
  });
}

Result<std::vector<std::byte>> ProtobufSchema::edit(std::span<const std::byte> payload, std::string_view patch) const {
  return guarded(ErrorCode::invalid_argument, name_, [&]() -> Result<std::vector<std::byte>> {
    auto message = read(payload);
    if (!message) return message.error();
    const auto changes = json::parse(patch);
    if (!changes) return changes.error();
    if (!changes->is_object()) return make_error(ErrorCode::invalid_argument, name_ + ": the patch is no JSON object");
    auto edited = edit_message(
        **message, changes->get_object(), [&](Message& part, const std::string& json) { return merge(part, json); },
        [&](const Message& part) { return print(part); });
    if (!edited) return edited.error();
    return written(**message);
  });
}

std::shared_ptr<const contract::SchemaFormat> protobuf() { return std::make_shared<const ProtobufFormat>(); }

}  // namespace fabric::formats
