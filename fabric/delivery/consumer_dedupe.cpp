// What a Consumer leaves out as repeats: the rest of consumer.cpp.

#include <algorithm>

#include "fabric/delivery/consumer.hpp"
#include "fabric/topic_growth.hpp"
#include "fabric/topic_route.hpp"

namespace fabric {
namespace {

constexpr std::uint64_t kAtOnce = 4096;  // records that are looked at between two looks at the lease

}  // namespace

// Where the group began in a partition that somebody of it reads; nullopt: it never came by.
std::optional<std::uint64_t> Consumer::began_in(std::uint32_t partition) const {
  if (!sharing_) return holds(partition) ? std::optional(held_[partition]->reader.started()) : std::nullopt;
  const auto cursor = cursor_in(partition);
  return cursor ? std::optional(std::min(cursor->started, cursor->position)) : std::nullopt;
}

// What the group has come by: in the partition, and in those that its keys were in before.
Result<void> Consumer::index_ids(std::uint32_t partition, Held& held) const {
  auto own = IdIndex::open(topic_->ring(partition), held.reader.started());
  if (!own) return own.error();
  held.ids.emplace(std::move(*own));
  auto child = partition;
  for (auto parent = parent_of(topic_->base(), child); parent; parent = parent_of(topic_->base(), child = *parent)) {
    const auto began = began_in(*parent);
    if (!began) continue;
    auto earlier = IdIndex::open(topic_->ring(*parent), *began);
    if (!earlier) return earlier.error();
    held.earlier.push_back({.partition = *parent, .child = child, .ids = std::move(*earlier)});
  }
  return {};
}

// Of the records before it the one with its id.
std::optional<std::uint64_t> Consumer::find_first(Held& held, const Delivery& delivery) {
  const auto id = delivery.event.envelope.id();
  if (id.empty()) return std::nullopt;
  // At first it is the whole log, which may take longer than a lease.
  const auto find = [&](IdIndex& ids, std::uint64_t end) {
    for (auto before = kNoLimit; !ids.follow(end, kAtOnce) && ids.followed() != before; before = ids.followed())
      renew_lease();
    return ids.find(id, end);
  };
  auto first = find(*held.ids, delivery.record.sequence);  // our reader has come by
  for (auto at = held.earlier.begin(); !first && at != held.earlier.end(); ++at) {
    if (!at->settled) at->ids.forget_before(began_in(at->partition).value_or(0));
    at->settled = true;
    first = find(at->ids, end_of_hand_over(*topic_, at->child));  // the hand-over is over, so the group has come by
  }
  return first;
}

bool Consumer::is_repeat(Held& held, const Delivery& delivery) {
  const auto first = find_first(held, delivery);
  if (!first) return false;
  held.acks.mark(delivery.record.sequence, delivery.record.sequence + 1);
  ++repeats_;
  if (options_.on_repeat) options_.on_repeat(delivery, *first);
  return true;
}

}  // namespace fabric
