#pragma once
// Where a record stands: what its id, source and sequence follow from when its envelope does not say them. Values and
// views; thread-safe.

#include <cstdint>
#include <string>
#include <string_view>

#include "fabric/event/envelope.hpp"
#include "fabric/fabric.hpp"

namespace fabric {

struct RecordPlace {
  EventId::RingId ring_id{};
  std::string_view topic{};
  std::uint32_t partition = 0;
  std::uint64_t sequence = 0;
};

// A view of the topic's name.
inline RecordPlace place_of(const Topic& topic, std::uint32_t partition, std::uint64_t sequence) noexcept {
  const auto& ring_id = topic.ring(partition)->file().header().ring_id;
  return {.ring_id = {ring_id[0], ring_id[1]}, .topic = topic.name(), .partition = partition, .sequence = sequence};
}

// What its envelope says, or what follows from its place.
inline EventId id_of(const RecordPlace& place, const Envelope& envelope) noexcept {
  const auto id = envelope.id();
  return id.empty() ? EventId::of_place(place.ring_id, place.sequence) : id;
}

// "/topics/NAME/PARTITION": a partition is what its sequences count. In `buffer`.
inline constexpr std::size_t kMaxSource = 160;
std::string_view source_of(const RecordPlace& place, std::span<char, kMaxSource> buffer) noexcept;
// 16 digits (a ring has sequences of up to 51 bits), so that they sort as text, which the extension "sequence" asks
// for. In `buffer`.
inline constexpr std::size_t kSequenceText = 16;
std::string_view sequence_text(std::uint64_t sequence, std::span<char, kSequenceText> buffer) noexcept;

}  // namespace fabric
