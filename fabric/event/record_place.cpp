#include "fabric/event/record_place.hpp"

#include <algorithm>
#include <charconv>

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

std::string_view sequence_text(std::uint64_t sequence, std::span<char, kSequenceText> buffer) noexcept {
  for (auto digit = buffer.rbegin(); digit != buffer.rend(); ++digit, sequence /= 10)
    *digit = static_cast<char>('0' + sequence % 10);
  return {buffer.data(), buffer.size()};
}

}  // namespace fabric
