#include "fabric/delivery/hand_over.hpp"

#include <algorithm>
#include <atomic>

#include "fabric/topic_route.hpp"

namespace fabric {

HandOver::HandOver(const Topic& topic, std::uint32_t partition) {
  for (auto parent = parent_of(topic.base(), partition); parent; parent = parent_of(topic.base(), *parent)) {
    links_.push_back({.partition = partition, .parent = *parent});
    partition = *parent;
  }
}

// False: the parent has not handed over yet, so there is nothing to deliver. Where nobody has written down the end, the
// parent's tail is one, if it is loaded after its new route was seen.
bool HandOver::find_end(const Topic& topic, Link& link) noexcept {
  if (link.end != kUnknown) return true;
  const auto& parent = topic.ring(link.parent)->map();
  const auto follows =
      topic.ring(link.partition)->map().control->follows.load(std::memory_order_acquire);  // SYNC: hand-over
  if (follows == 0) {
    const auto route = route_of(parent, topic.base(), link.parent);  // SYNC: route
    if (route && route->count < born_count(topic.base(), link.partition)) return false;
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  const auto tail = parent.tail();
  link.end = follows == 0 ? tail : std::min(follows - 1, tail);
  return true;
}

}  // namespace fabric
