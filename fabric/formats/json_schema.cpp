// The format JSON Schema: parse (json_schema_parse.hpp), validate (json_schema_validate.hpp), compare
// (json_schema_compare.hpp). A payload is JSON text in UTF-8.

#include <boost/json.hpp>
#include <exception>
#include <utility>

#include "fabric/formats/formats.hpp"
#include "fabric/formats/json_schema_compare.hpp"
#include "fabric/formats/json_schema_parse.hpp"
#include "fabric/formats/json_schema_validate.hpp"
#include "fabric/formats/schema_source.hpp"
#include "fabric/json.hpp"

namespace fabric::formats {
namespace {

namespace bj = boost::json;
using contract::Result;
using ipc::ErrorCode;

std::string_view text_of(std::span<const std::byte> payload) {
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

std::vector<std::byte> payload_of(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {bytes, bytes + text.size()};
}

class JsonSchema final : public contract::Schema {
 public:
  explicit JsonSchema(std::shared_ptr<const jsonschema::Document> document)
      : document_(std::move(document)),
        canonical_(json::print(document_->canonical)),
        name_(document_->title.empty() ? document_->id : document_->title) {}

  contract::Format format() const noexcept override { return contract::Format::json_schema; }
  const std::string& canonical() const noexcept override { return canonical_; }
  const std::string& name() const noexcept override { return name_; }

  std::vector<contract::Violation> cannot_read(const Schema& writer) const override {
    const auto* other = dynamic_cast<const JsonSchema*>(&writer);
    if (other == nullptr)
      return {
          {.path = "", .rule = "format-changed", .message = "the writer's schema is no JSON Schema of this library"}};
    if (other->canonical_ == canonical_) return {};
    try {
      return jsonschema::compare(*document_, *other->document_);
    } catch (const std::exception& error) {
      return {{.path = "",
               .rule = "too-complex",
               .message = std::string("the schemas cannot be compared: ") + error.what()}};
    }
  }

  Result<void> validate(std::span<const std::byte> payload) const override {
    return guarded(ErrorCode::system, "JSON Schema", [&]() -> Result<void> {
      const auto value = read(text_of(payload), ErrorCode::corrupt);
      if (!value) return value.error();
      return {};
    });
  }

  // Keys in byte order: the canonical schema's order.
  Result<std::string> to_json(std::span<const std::byte> payload) const override {
    return guarded(ErrorCode::system, "JSON Schema", [&]() -> Result<std::string> {
      const auto value = read(text_of(payload), ErrorCode::corrupt);
      if (!value) return value.error();
      return json::print(json::sorted(*value));
    });
  }

  Result<std::vector<std::byte>> from_json(std::string_view json) const override {
    return guarded(ErrorCode::system, "JSON Schema", [&]() -> Result<std::vector<std::byte>> {
      const auto value = read(json, ErrorCode::invalid_argument);
      if (!value) return value.error();
      return payload_of(json::print(*value));
    });
  }

  Result<std::vector<std::byte>> edit(std::span<const std::byte> payload, std::string_view patch) const override {
    return guarded(ErrorCode::system, "JSON Schema", [&]() -> Result<std::vector<std::byte>> {
      const auto value = read(text_of(payload), ErrorCode::corrupt);
      if (!value) return value.error();
      const auto changes = parsed(patch, ErrorCode::invalid_argument);
      if (!changes) return changes.error();
      // RFC 7396 makes an object of anything that an object is merged into; an edit of nothing must not.
      if (changes->is_object() && changes->get_object().empty()) return payload_of(text_of(payload));
      const auto text = json::print(json::merge_patch(*value, *changes));
      if (const auto valid = read(text, ErrorCode::invalid_argument); !valid) return valid.error();
      return payload_of(text);
    });
  }

 private:
  static Result<bj::value> parsed(std::string_view text, ErrorCode code) {
    auto value = json::parse(text);
    if (!value) return ipc::make_error(code, value.error().message);
    // Refused, not rounded: what is passed on must be what came.
    if (const auto at = jsonschema::find_oversized_number(text); at != std::string_view::npos)
      return ipc::make_error(
          code, "the number at offset " + std::to_string(at) + " is beyond 64 bits or the range of a double");
    return value;
  }

  Result<bj::value> read(std::string_view text, ErrorCode code) const {
    auto value = parsed(text, code);
    if (!value) return value;
    if (auto why = jsonschema::why_invalid(*document_, *value, text.size()); !why.empty())
      return ipc::make_error(code, std::move(why));
    return value;
  }

  std::shared_ptr<const jsonschema::Document> document_;
  std::string canonical_, name_;
};

class JsonSchemaFormat final : public contract::SchemaFormat {
 public:
  contract::Format format() const noexcept override { return contract::Format::json_schema; }
  Result<std::shared_ptr<const contract::Schema>> parse(std::string_view text) const override {
    return guarded(ErrorCode::system, "JSON Schema", [&]() -> Result<std::shared_ptr<const contract::Schema>> {
      auto document = jsonschema::parse_document(text);
      if (!document) return document.error();
      return std::shared_ptr<const contract::Schema>(std::make_shared<JsonSchema>(std::move(*document)));
    });
  }
};

}  // namespace

std::shared_ptr<const contract::SchemaFormat> json_schema() { return std::make_shared<JsonSchemaFormat>(); }

}  // namespace fabric::formats
