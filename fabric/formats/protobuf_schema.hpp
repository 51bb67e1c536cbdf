#pragma once
// contract::Schema for Protobuf. Internal to the library. Immutable and thread-safe: the pool and its messages are made
// once, prototypes of messages under the factory's own lock.

#include <memory>
#include <string>

#include "fabric/formats/protobuf_descriptors.hpp"

namespace google::protobuf {
class DynamicMessageFactory;
class Message;
namespace util {
class TypeResolver;
}
}  // namespace google::protobuf

namespace fabric::formats {

class ProtobufSchema final : public contract::Schema {
 public:
  explicit ProtobufSchema(ProtobufDescriptors descriptors);
  ~ProtobufSchema() override;

  const google::protobuf::Descriptor& message() const noexcept { return *descriptors_.message; }

  contract::Format format() const noexcept override { return contract::Format::protobuf; }
  const std::string& canonical() const noexcept override { return descriptors_.canonical; }
  const std::string& name() const noexcept override { return name_; }
  std::vector<contract::Violation> cannot_read(const contract::Schema& writer) const override;
  contract::Result<void> validate(std::span<const std::byte> payload) const override;
  contract::Result<std::string> to_json(std::span<const std::byte> payload) const override;
  contract::Result<std::vector<std::byte>> from_json(std::string_view json) const override;
  contract::Result<std::vector<std::byte>> edit(std::span<const std::byte> payload,
                                                std::string_view patch) const override;

 private:
  using Message = google::protobuf::Message;
  contract::Result<std::unique_ptr<Message>> read(std::span<const std::byte> payload) const;
  contract::Result<std::vector<std::byte>> written(const Message& message) const;
  contract::Result<std::string> print(const Message& message) const;
  contract::Result<void> merge(Message& message, const std::string& json) const;

  ProtobufDescriptors descriptors_;
  std::string name_;
  std::unique_ptr<google::protobuf::DynamicMessageFactory> factory_,
      keeping_factory_;  // to make messages, to decode them
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
};

}  // namespace fabric::formats
