// contract::Schema for FlatBuffers. See formats.hpp.

#include <exception>

#include "fabric/formats/flatbuffers_compare.hpp"
#include "fabric/formats/flatbuffers_edit.hpp"
#include "fabric/formats/flatbuffers_json.hpp"
#include "fabric/formats/formats.hpp"
#include "fabric/formats/schema_source.hpp"
#include "fabric/json.hpp"

namespace fabric::formats {
namespace {

using contract::Result;
using ipc::ErrorCode;
using ipc::make_error;
using Payload = std::vector<std::byte>;

class FlatBuffersSchema final : public contract::Schema {
 public:
  explicit FlatBuffersSchema(fb::Model model) : model_(std::move(model)), canonical_(fb::canonical_text(model_)) {}

  contract::Format format() const noexcept override { return contract::Format::flatbuffers; }
  const std::string& canonical() const noexcept override { return canonical_; }
  const std::string& name() const noexcept override { return model_.root_table().name; }

  std::vector<contract::Violation> cannot_read(const contract::Schema& writer) const override {
    if (const auto* other = dynamic_cast<const FlatBuffersSchema*>(&writer))
      return fb::violations(model_, other->model_);
    return {
        {name(), "format-changed",
         "the reader's schema is flatbuffers, the writer's is " + std::string(contract::to_string(writer.format()))}};
  }

  Result<void> validate(std::span<const std::byte> payload) const override {
    return guarded(ErrorCode::corrupt, name(), [&]() -> Result<void> {
      if (auto found = fb::survey(model_, payload); !found) return found.error();
      return {};
    });
  }

  Result<std::string> to_json(std::span<const std::byte> payload) const override {
    return guarded(ErrorCode::corrupt, name(), [&]() -> Result<std::string> {
      if (auto found = fb::survey(model_, payload); !found) return found.error();
      return json::print(fb::to_value(model_, fb::Bytes(payload)));
    });
  }

  Result<Payload> from_json(std::string_view text) const override {
    return guarded(ErrorCode::invalid_argument, name(), [&]() -> Result<Payload> {
      const auto value = json::parse(text);
      if (!value) return value.error();
      return checked(fb::encode(model_, *value));
    });
  }

  Result<Payload> edit(std::span<const std::byte> payload, std::string_view patch) const override {
    return guarded(ErrorCode::invalid_argument, name(), [&]() -> Result<Payload> {
      const auto changes = json::parse(patch);
      if (!changes) return changes.error();
      if (!changes->is_object())
        return make_error(ErrorCode::invalid_argument, name() + ": the patch is no JSON object");
      return checked(fb::edit(model_, payload, changes->get_object()));
    });
  }

 private:
  // What is written can be read: JSON may be nested more deeply than payloads, or hold what is not UTF-8.
  Result<Payload> checked(Result<Payload> payload) const {
    if (!payload) return payload;
    if (auto found = fb::survey(model_, *payload); !found)
      return make_error(ErrorCode::invalid_argument, "the result would not be valid: " + found.error().message);
    return payload;
  }

  fb::Model model_;
  std::string canonical_;
};

class FlatBuffersFormat final : public contract::SchemaFormat {
 public:
  contract::Format format() const noexcept override { return contract::Format::flatbuffers; }
  Result<std::shared_ptr<const contract::Schema>> parse(std::string_view text) const override {
    return guarded(ErrorCode::invalid_argument, "schema", [&]() -> Result<std::shared_ptr<const contract::Schema>> {
      auto model = fb::read_flatbuffers_schema(text);
      if (!model) return model.error();
      return std::make_shared<const FlatBuffersSchema>(std::move(*model));
    });
  }
};

}  // namespace

std::shared_ptr<const contract::SchemaFormat> flatbuffers() { return std::make_shared<const FlatBuffersFormat>(); }

}  // namespace fabric::formats
