#pragma once
// What the formats share in reading schema texts: base64, UTF-8, places. Pure functions, thread-safe.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fabric::formats {

// The longest schema text that is read, in bytes; the longest payload that is decoded on the control plane.
inline constexpr std::size_t kMaxSchemaBytes = 4U << 20;
inline constexpr std::size_t kMaxPayloadBytes = 64U << 20;

// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;
// Holds a byte that text does not: a control character other than white space, or what is not UTF-8.
bool is_binary(std::string_view text) noexcept;

std::string base64_encoded(std::string_view bytes);
// White space is skipped. nullopt: not base64.
std::optional<std::string> base64_decoded(std::string_view text);

// "line 3, column 7: "; both count from 1. Column 0: only the line.
std::string place(std::size_t line, std::size_t column);

}  // namespace fabric::formats
