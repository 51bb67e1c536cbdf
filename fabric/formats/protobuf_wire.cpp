#include "fabric/formats/protobuf_wire.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/wire_format_lite.h>

#include <optional>
#include <string>

#include "fabric/formats/schema_source.hpp"

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;
using Lite = pb::internal::WireFormatLite;
using ipc::Result;

class Walk {
 public:
  explicit Walk(std::span<const std::byte> payload)
      : text_(reinterpret_cast<const char*>(payload.data()), payload.size()) {}

  // The fields up to `end`; with `group`, up to the end of the group of that number. `message` nullptr: nothing is
  // known.
  Result<void> fields(const pb::Descriptor* message, std::size_t end, int depth, std::optional<int> group) {
    if (depth > kMaxProtobufNesting)
      return damage(nullptr, "more than " + std::to_string(kMaxProtobufNesting) + " messages are nested");
    while (at_ < end) {
      start_ = at_;
      const auto tag = varint(end);
      if (!tag || *tag > 0xffffffffU || *tag >> 3 == 0) return damage(nullptr, "this is no tag of a field");
      const auto number = static_cast<int>(*tag >> 3);
      const auto type = static_cast<Lite::WireType>(*tag & 7);
      if (type == Lite::WIRETYPE_END_GROUP) {
        if (group == number) return {};
        return damage(nullptr, "the group " + std::to_string(number) + " ends, but did not begin here");
      }
      const auto* field = message == nullptr ? nullptr : message->FindFieldByNumber(number);
      if (field == nullptr && message != nullptr)
        field = message->file()->pool()->FindExtensionByNumber(message, number);
      if (auto fine = value(field, number, type, end, depth); !fine) return fine;
    }
    if (group) return damage(nullptr, "the group " + std::to_string(*group) + " does not end");
    return {};
  }

 private:
  // A value of another wire type than its field's counts as unknown, as for the library.
  Result<void> value(const Field* field, int number, Lite::WireType type, std::size_t end, int depth) {
    switch (type) {
      case Lite::WIRETYPE_VARINT:
        return varint(end) ? Result<void>() : damage(field, "the number ends too early or is longer than 10 bytes");
      case Lite::WIRETYPE_FIXED64:
        return skip(field, 8, end);
      case Lite::WIRETYPE_FIXED32:
        return skip(field, 4, end);
      case Lite::WIRETYPE_LENGTH_DELIMITED:
        return delimited(field, end, depth);
      case Lite::WIRETYPE_START_GROUP:
        return fields(nullptr, end, depth + 1, number);  // schemas have no groups, so it is unknown
      default:
        return damage(field, "there is no wire type " + std::to_string(type));
    }
  }

  Result<void> delimited(const Field* field, std::size_t end, int depth) {
    const auto bytes = varint(end);
    if (!bytes || *bytes > end - at_) return damage(field, "its length goes beyond the end");
    const auto behind = at_ + static_cast<std::size_t>(*bytes);
    if (field != nullptr && field->type() == Field::TYPE_MESSAGE)
      return fields(field->message_type(), behind, depth + 1, std::nullopt);
    if (field != nullptr && field->type() == Field::TYPE_STRING && !is_utf8(text_.substr(at_, behind - at_)))
      return damage(field, "the string is not UTF-8");
    if (field != nullptr && field->is_packable()) return packed(*field, behind);
    at_ = behind;
    return {};
  }

  Result<void> packed(const Field& field, std::size_t end) {
    const auto type = Lite::WireTypeForFieldType(static_cast<Lite::FieldType>(field.type()));
    while (at_ < end)
      if (auto fine = value(&field, field.number(), type, end, 0); !fine) return fine;
    return {};
  }

  Result<void> skip(const Field* field, std::size_t bytes, std::size_t end) {
    if (end - at_ < bytes) return damage(field, "the number ends too early");
    at_ += bytes;
    return {};
  }

  std::optional<std::uint64_t> varint(std::size_t end) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && at_ < end; shift += 7) {
      const auto byte = static_cast<unsigned char>(text_[at_++]);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  ipc::Error damage(const Field* field, const std::string& what) const {
    return ipc::make_error(ipc::ErrorCode::corrupt, "byte " + std::to_string(start_) + ": " +
                                                        (field == nullptr ? "" : field->full_name() + ": ") + what);
  }

  std::string_view text_;
  std::size_t at_ = 0, start_ = 0;
};

}  // namespace

Result<void> check_wire(const pb::Descriptor& message, std::span<const std::byte> payload) {
  if (payload.size() > kMaxPayloadBytes)
    return ipc::make_error(ipc::ErrorCode::corrupt, "the payload has " + std::to_string(payload.size()) +
                                                        " bytes, at most " + std::to_string(kMaxPayloadBytes));
  return Walk(payload).fields(&message, payload.size(), 0, std::nullopt);
}

}  // namespace fabric::formats
