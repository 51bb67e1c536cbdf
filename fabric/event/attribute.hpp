#pragma once
// Attributes of an event as CloudEvents types them, and what the specification asks of their names and values. Views
// and functions without state; thread-safe.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fabric/event/timestamp.hpp"
#include "fabric/text.hpp"
#include "ipc/result.hpp"

namespace fabric {

// Stored in the envelope: values never change.
enum class AttributeType : std::uint8_t {
  boolean = 1,
  integer = 2,  // signed, 32 bits
  string = 3,
  uri = 4,
  uri_reference = 5,
  timestamp = 6,
  binary = 7,
};
std::string_view to_string(AttributeType type) noexcept;  // "Boolean", "URI-reference", ...: as in the specification

// What HTTP servers commonly take as one header, which an attribute becomes there. In bytes.
inline constexpr std::size_t kMaxAttributeBytes = 8192;
inline constexpr std::size_t kMaxAttributeName = 64;  // the specification asks for at most 20, and demands nothing

class AttributeView {
 public:
  AttributeView() noexcept : AttributeView(std::string_view()) {}
  AttributeView(bool value) noexcept : type_(AttributeType::boolean), number_(value ? 1 : 0) {}
  AttributeView(std::int32_t value) noexcept : type_(AttributeType::integer), number_(value) {}
  AttributeView(std::string_view value) noexcept : type_(AttributeType::string), text_(value) {}
  AttributeView(const char* value) noexcept : AttributeView(std::string_view(value)) {}
  AttributeView(const std::string& value) noexcept : AttributeView(std::string_view(value)) {}
  AttributeView(const Timestamp& value) noexcept : type_(AttributeType::timestamp), time_(value) {}
  AttributeView(std::span<const std::byte> value) noexcept : type_(AttributeType::binary), text_(as_text(value)) {}
  static AttributeView uri(std::string_view value) noexcept { return {AttributeType::uri, value}; }
  static AttributeView uri_reference(std::string_view value) noexcept { return {AttributeType::uri_reference, value}; }

  AttributeType type() const noexcept { return type_; }
  bool boolean() const noexcept { return number_ != 0; }
  std::int32_t integer() const noexcept { return number_; }
  std::string_view text() const noexcept { return text_; }  // of string, uri, uri_reference; the bytes of binary
  const Timestamp& timestamp() const noexcept { return time_; }
  bool operator==(const AttributeView&) const noexcept = default;

 private:
  AttributeView(AttributeType type, std::string_view text) noexcept : type_(type), text_(text) {}
  AttributeType type_;
  std::int32_t number_ = 0;
  std::string_view text_{};
  Timestamp time_{};
};

// The specification's canonical string: "true", "-5", RFC 3339, base64. Allocates.
std::string to_string(const AttributeView& value);

// A further attribute. Valid as long as what they are views of.
struct Extension {
  std::string_view name{};  // 1 to kMaxAttributeName of [a-z0-9]
  AttributeView value{};
};

// What an envelope has a field of its own for; also specversion, data and data_base64: no extension is called so.
bool is_reserved_name(std::string_view name) noexcept;

// The rules, for the edge: what comes from outside, or is about to leave. Errors: invalid_argument, "attribute 'time':
// ...".
ipc::Result<void> check_name(std::string_view name);
// `name` is for the message. Also the limits of size above.
ipc::Result<void> check_value(std::string_view name, const AttributeView& value);
// RFC 2046: type/subtype, and parameters.
ipc::Result<void> check_media_type(std::string_view name, std::string_view value);
// 1 to kMaxIdBytes of what a String may have.
ipc::Result<void> check_id(std::string_view name, std::string_view value);
// Whether every code point may be in a CloudEvents String: no control character, no noncharacter, no surrogate.
bool is_attribute_text(std::string_view text) noexcept;
// Whether data of that media type is JSON: */json or */*+json, whatever its parameters.
bool is_json_media_type(std::string_view media_type) noexcept;
// Whether it is text: text/*, XML and the like, or one that names a charset.
bool is_text_media_type(std::string_view media_type) noexcept;

}  // namespace fabric
