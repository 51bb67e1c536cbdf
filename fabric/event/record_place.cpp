#include "fabric/event/record_place.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace fabric {

std::string_view source_of(const RecordPlace& place, std::span<char, kMaxSource> buffer) noexcept {
  constexpr std::string_view kRoom = "/topics/";
  constexpr std::size_t kNumber = 11;  // '/' and a partition
  auto* at = std::copy(kRoom.begin(), kRoom.end(), buffer.data());
  const auto name = place.topic.substr(0, kMaxSource - kRoom.size() - kNumber);
  at = std::copy(name.begin(), name.end(), at);
  *at++ = '/';
  at = std::to_chars(at, buffer.data() + buffer.size(), place.partition).ptr;
  return {buffer.data(), static_cast<std::size_t>(at - buffer.data())};
}

std::string sequence_text(std::uint64_t sequence) {
  char text[32];
  std::snprintf(text, sizeof text, "%016llu", static_cast<unsigned long long>(sequence));
  return text;
}

}  // namespace fabric
