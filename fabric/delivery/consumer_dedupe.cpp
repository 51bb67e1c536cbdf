// What a Consumer leaves out as repeats: the rest of consumer.cpp.

#include <algorithm>

#include "fabric/delivery/consumer.hpp"
#include "fabric/topic_growth.hpp"
#include "fabric/topic_route.hpp"
#include "ipc/cursor.hpp"

namespace fabric {

// What the group has come by: in the partition, and in those that its keys were in before.
Result<void> Consumer::index_ids(std::uint32_t partition, Held& held) const {
  auto own = IdIndex::open(topic_->ring(partition), held.reader.started());
  if (!own) return own.error();
  held.ids.emplace(std::move(*own));
  auto child = partition;
  for (auto parent = parent_of(topic_->base(), child); parent; parent = parent_of(topic_->base(), child = *parent)) {
    const auto& ring = topic_->ring(*parent);
    std::optional<std::uint64_t> began;
    if (sharing_) {
      if (const auto cursor = ipc::find_cursor(ring->map(), options_.group))
        began = std::min(cursor->started, cursor->position);
    } else if (holds(*parent)) {
      began = held_[*parent]->reader.started();
    }
    if (!began) continue;  // it never came by
    auto earlier = IdIndex::open(ring, *began);
    if (!earlier) return earlier.error();
    held.earlier.push_back({.child = child, .ids = std::move(*earlier)});
  }
  return {};
}

// Of the records before it the one with its id.
std::optional<std::uint64_t> Consumer::find_first(const Topic& topic, Held& held, const Delivery& delivery) {
  const auto id = delivery.event.envelope.id();
  if (id.empty()) return std::nullopt;
  static_cast<void>(held.ids->follow(delivery.record.sequence));  // all of it: our reader has come by
  auto first = held.ids->find(id, delivery.record.sequence);
  for (auto at = held.earlier.begin(); !first && at != held.earlier.end(); ++at) {
    const auto end = end_of_hand_over(topic, at->child);
    static_cast<void>(at->ids.follow(end));  // the hand-over is over, so the group has come by
    first = at->ids.find(id, end);
  }
  return first;
}

bool Consumer::is_repeat(Held& held, const Delivery& delivery) {
  const auto first = find_first(*topic_, held, delivery);
  if (!first) return false;
  ++repeats_;
  if (options_.on_repeat) options_.on_repeat(delivery, *first);
  return true;
}

}  // namespace fabric
