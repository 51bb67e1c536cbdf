#include "fabric/formats/schema_source.hpp"

#include <algorithm>
#include <cstdint>

namespace fabric::formats {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

bool is_binary(std::string_view text) noexcept {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && (c < '\t' || c > '\r'); };
  return std::any_of(text.begin(), text.end(), control) || !is_utf8(text);
}

std::optional<std::string> base64_decoded(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  unsigned digits = 0, padding = 0;
  for (const char c : text) {
    if (std::string_view(" \t\r\n").find(c) != std::string_view::npos) continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos || padding != 0) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(digit);
    if (++digits % 4 == 0) {
      for (const unsigned shift : {16U, 8U, 0U}) out += static_cast<char>(group >> shift & 0xff);
      group = 0;
    }
  }
  const auto rest = digits % 4;
  if (rest == 1 || padding > 2 || (padding != 0 && rest + padding != 4)) return std::nullopt;
  if (rest >= 2) out += static_cast<char>(group >> (rest == 2 ? 4 : 10) & 0xff);
  if (rest == 3) out += static_cast<char>(group >> 2 & 0xff);
  return out;
}

std::string place(std::size_t line, std::size_t column) {
  auto text = "line " + std::to_string(line);
  if (column != 0) text += ", column " + std::to_string(column);
  return text + ": ";
}

}  // namespace fabric::formats
