#pragma once
// Keys: what picks the partition and orders an entity. A key is bytes, 0 to kMaxKeyBytes of them, and its partition is
// XXH3-64(bytes) mod partitions, in every process and every binding. What is not bytes has one form as bytes:
//
// | a key that is | has the bytes                                                                  |
// | bytes         | itself                                                                         |
// | text          | its UTF-8, without a terminator                                                |
// | an integer    | 8, little-endian, two's complement, whatever its width in the program           |
//
// So 17 is one key as int, uint8_t or std::int64_t, and from C or Python. Integers go from -2^63 to 2^64 - 1; -1 and 2^64 - 1 have the same
// bytes, so do all pairs that differ by 2^64: a topic's keys are either signed or unsigned. A key does not say what it was: the integer
// 17, the text "17" and the text "\x11" are three keys, and a text of 8 bytes is the same key as the integer with these bytes. A topic's
// producers agree on one kind.
//
// Values; thread-safe, no allocation.

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace fabric {

// Characters are text, and a truth value is no key.
template <class T>
concept KeyInteger = std::integral<T> && sizeof(T) <= 8 && !std::same_as<T, bool> && !std::same_as<T, char> &&
                     !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                     !std::same_as<T, char32_t>;

class IntegerKey {
 public:
  static constexpr std::size_t kBytes = 8;
  template <KeyInteger T>
  constexpr explicit IntegerKey(T value) noexcept {
    static_assert(std::endian::native == std::endian::little);
    // A signed value is widened with its sign.
    bytes_ = std::bit_cast<std::array<std::byte, kBytes>>(static_cast<std::uint64_t>(value));
  }
  // Both are views into this object.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(bytes_.data()), kBytes}; }

 private:
  std::array<std::byte, kBytes> bytes_;
};

// What IntegerKey made of it; cast to std::int64_t where keys are signed. nullopt: not 8 bytes, so no integer.
inline std::optional<std::uint64_t> integer_of_key(std::span<const std::byte> key) noexcept {
  if (key.size() != IntegerKey::kBytes) return std::nullopt;
  std::uint64_t value;
  std::memcpy(&value, key.data(), sizeof value);
  return value;
}

}  // namespace fabric
