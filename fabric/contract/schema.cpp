#include "fabric/contract/schema.hpp"

#include <algorithm>
#include <utility>

namespace fabric::contract {

std::string_view to_string(Format format) noexcept {
  switch (format) {
    case Format::native: return "native";
    case Format::json_schema: return "json-schema";
    case Format::flatbuffers: return "flatbuffers";
    case Format::protobuf: return "protobuf";
  }
  return "unknown";
}

std::optional<Format> format_named(std::string_view name) noexcept {
  for (const auto format : kFormats)
    if (to_string(format) == name) return format;
  return std::nullopt;
}

std::string_view media_type(Format format) noexcept {
  switch (format) {
    case Format::native: return "application/vnd.eventfabric.native";
    case Format::json_schema: return "application/json";
    case Format::flatbuffers: return "application/vnd.google.flatbuffers";
    case Format::protobuf: return "application/protobuf";
  }
  return "application/octet-stream";
}

void Formats::add(std::shared_ptr<const SchemaFormat> format) {
  std::erase_if(formats_, [&](const auto& known) { return known->format() == format->format(); });
  formats_.push_back(std::move(format));
}

const SchemaFormat* Formats::find(Format format) const noexcept {
  const auto found =
      std::find_if(formats_.begin(), formats_.end(), [&](const auto& known) { return known->format() == format; });
  return found == formats_.end() ? nullptr : found->get();
}

Result<std::shared_ptr<const Schema>> Formats::parse(Format format, std::string_view text) const {
  if (const auto* known = find(format)) return known->parse(text);
  return ipc::make_error(ipc::ErrorCode::unsupported,
                         "this process does not know schemas of format " + std::string(to_string(format)) +
                             "; link eventfabric::formats and add it to Formats");
}

}  // namespace fabric::contract
