#pragma once
// Bytes as text: UTF-8, hexadecimal, base64, what is safe to show, what was probably meant. Functions without state, thread-safe; allocate where they return a string.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fabric {

inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Takes one code point from the front of the text. nullopt: no UTF-8 (overlong, a surrogate, out of range, cut off);
// nothing is taken then.
std::optional<char32_t> take_code_point(std::string_view& text) noexcept;
bool is_utf8(std::string_view text) noexcept;

// Text of unknown origin made safe for a terminal and a line: control bytes (tab and newline too) and broken UTF-8 become
// \xNN.
std::string printable(std::string_view text);

// The candidate nearest to `word`, for hints: "did you mean --slots?". Empty when nothing is near, and for words longer
// than `most_bytes`; candidates twice as long are passed over.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates,
                    std::size_t most_bytes = std::string::npos / 2);

// Lower case.
std::string to_hex(std::span<const std::byte> bytes);
// Writes 2 characters per byte to `out`.
void write_hex(std::span<const std::byte> bytes, char* out) noexcept;
// False: not two lower-case digits for each byte of `out`.
bool parse_hex(std::string_view text, std::span<std::byte> out) noexcept;

// RFC 4648, section 4, with padding.
std::string to_base64(std::span<const std::byte> bytes);
// nullopt: another alphabet, padding that is missing or wrong, bits left over that are not zero.
std::optional<std::string> parse_base64(std::string_view text);

}  // namespace fabric
