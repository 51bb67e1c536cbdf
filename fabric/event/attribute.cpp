#include "fabric/event/attribute.hpp"

#include <algorithm>
#include <array>

#include "fabric/event/event_id.hpp"
#include "fabric/event/uri.hpp"

namespace fabric {
namespace {

ipc::Error refuse(std::string_view name, const std::string& why) {
  return ipc::make_error(ipc::ErrorCode::invalid_argument, "attribute '" + std::string(name) + "': " + why);
}

// Unicode sets 66 code points aside that are no characters.
bool is_noncharacter(char32_t point) noexcept {
  return (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
  });
}

std::string_view without_parameters(std::string_view media_type) noexcept {
  media_type = media_type.substr(0, media_type.find(';'));
  while (!media_type.empty() && media_type.back() == ' ') media_type.remove_suffix(1);
  return media_type;
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool ends_with_word(std::string_view text, std::string_view end) noexcept {
  return text.size() >= end.size() &&
         std::equal(end.begin(), end.end(), text.end() - static_cast<std::ptrdiff_t>(end.size()),
                    [](char a, char b) { return a == lower(b); });
}

// "; name=value", the value a token or between quotes.
bool are_parameters(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) return true;
    if (text[start] != ';') return false;
    text.remove_prefix(start + 1);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || !is_token(text.substr(0, equals))) return false;
    text.remove_prefix(equals + 1);
    std::size_t length = 0;
    if (text.starts_with('"')) {
      for (length = 1; length < text.size() && text[length] != '"';) length += text[length] == '\\' ? 2 : 1;
      if (length++ >= text.size()) return false;
    } else {
      length = std::min(text.find_first_of("; \t"), text.size());
      if (!is_token(text.substr(0, length))) return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

ipc::Result<void> check_text(std::string_view name, std::string_view text) {
  if (text.size() > kMaxAttributeBytes)
    return refuse(name, std::to_string(text.size()) + " bytes; at most " + std::to_string(kMaxAttributeBytes));
  if (!is_utf8(text)) return refuse(name, "it is not UTF-8");
  if (!is_attribute_text(text)) return refuse(name, "it has a control character, or a code point that is no character");
  return {};
}

ipc::Result<void> check_uri(std::string_view name, std::string_view text, bool absolute) {
  if (text.empty() || !is_uri_reference(text))
    return refuse(name, "'" + std::string(text) + "' is no URI" + (absolute ? "" : "-reference") + " of RFC 3986");
  if (absolute && !is_uri(text))
    return refuse(name, "'" + std::string(text) + "' is no absolute URI: it has no scheme such as https:");
  return {};
}

}  // namespace

std::string_view to_string(AttributeType type) noexcept {
  switch (type) {
    case AttributeType::boolean:
      return "Boolean";
    case AttributeType::integer:
      return "Integer";
    case AttributeType::string:
      return "String";
    case AttributeType::uri:
      return "URI";
    case AttributeType::uri_reference:
      return "URI-reference";
    case AttributeType::timestamp:
      return "Timestamp";
    case AttributeType::binary:
      return "Binary";
  }
  return "?";
}

std::string to_string(const AttributeView& value) {
  switch (value.type()) {
    case AttributeType::boolean:
      return value.boolean() ? "true" : "false";
    case AttributeType::integer:
      return std::to_string(value.integer());
    case AttributeType::timestamp:
      return to_string(value.timestamp());
    case AttributeType::binary:
      return to_base64(as_bytes(value.text()));
    default:
      return std::string(value.text());
  }
}

bool is_reserved_name(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 10> kNames{
      "specversion", "id", "source", "type", "subject", "time", "dataschema", "datacontenttype", "data", "data_base64"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

ipc::Result<void> check_name(std::string_view name) {
  const bool plain =
      std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  if (name.empty() || !plain) return refuse(name, "a name has lower-case letters a to z and digits, and at least one");
  if (name.size() > kMaxAttributeName)
    return refuse(name, "a name has at most " + std::to_string(kMaxAttributeName) + " characters");
  if (is_reserved_name(name)) return refuse(name, "no extension may have this name");
  return {};
}

ipc::Result<void> check_value(std::string_view name, const AttributeView& value) {
  switch (value.type()) {
    case AttributeType::string:
      return check_text(name, value.text());
    case AttributeType::uri:
    case AttributeType::uri_reference: {
      if (auto checked = check_text(name, value.text()); !checked) return checked;
      return check_uri(name, value.text(), value.type() == AttributeType::uri);
    }
    case AttributeType::binary:
      if (value.text().size() <= kMaxAttributeBytes) return {};
      return refuse(name,
                    std::to_string(value.text().size()) + " bytes; at most " + std::to_string(kMaxAttributeBytes));
    default:
      return {};
  }
}

ipc::Result<void> check_media_type(std::string_view name, std::string_view value) {
  if (auto checked = check_text(name, value); !checked) return checked;
  const auto essence = without_parameters(value);
  const auto slash = essence.find('/');
  const auto parameters = value.substr(std::min(value.find(';'), value.size()));
  if (slash == std::string_view::npos || !is_token(essence.substr(0, slash)) || !is_token(essence.substr(slash + 1)) ||
      !are_parameters(parameters))
    return refuse(name, "'" + std::string(value) + "' is no media type such as application/json");
  return {};
}

ipc::Result<void> check_id(std::string_view name, std::string_view value) {
  if (value.empty()) return refuse(name, "it is empty");
  if (value.size() > kMaxIdBytes)
    return refuse(name, std::to_string(value.size()) + " bytes; at most " + std::to_string(kMaxIdBytes));
  return check_text(name, value);
}

bool is_attribute_text(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto point = take_code_point(text);
    if (!point || *point < 0x20 || (*point >= 0x7f && *point < 0xa0) || is_noncharacter(*point)) return false;
  }
  return true;
}

bool is_json_media_type(std::string_view media_type) noexcept {
  const auto essence = without_parameters(media_type);
  const auto slash = essence.find('/');
  if (slash == std::string_view::npos) return false;
  const auto subtype = essence.substr(slash + 1);
  return ends_with_word(subtype, "+json") || (subtype.size() == 4 && ends_with_word(subtype, "json"));
}

bool is_text_media_type(std::string_view media_type) noexcept {
  const auto essence = without_parameters(media_type);
  const auto type = essence.substr(0, essence.find('/'));
  if (type.size() == 4 && ends_with_word(type, "text")) return true;
  for (const std::string_view end : {"/xml", "+xml", "/yaml", "+yaml", "/javascript", "/x-www-form-urlencoded", "/sql"})
    if (ends_with_word(essence, end)) return true;
  constexpr std::string_view kCharset = "charset=";
  return std::search(media_type.begin(), media_type.end(), kCharset.begin(), kCharset.end(),
                     [](char a, char b) { return lower(a) == b; }) != media_type.end();
}

}  // namespace fabric
