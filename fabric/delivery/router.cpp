#include "fabric/delivery/router.hpp"

#include <algorithm>
#include <utility>

#include "fabric/topic_growth.hpp"

namespace fabric {

std::vector<std::uint64_t> Router::look(const Topic& topic) {
  std::vector<std::uint64_t> words;
  words.reserve(topic.partitions());
  for (std::uint32_t partition = 0; partition < topic.partitions(); ++partition)
    words.push_back(topic.ring(partition)->map().control->route.load(std::memory_order_seq_cst));  // SYNC: route
  return words;
}

std::uint32_t Router::count_in(const Topic& topic, const std::vector<std::uint64_t>& words) noexcept {
  std::uint32_t count = topic.base();
  for (std::uint32_t partition = 0; partition < words.size(); ++partition) {
    const auto route = read_route(words[partition], topic.base(), partition);
    if (!route) return 0;
    // A partition that was made and not handed anything yet says the count it was made for.
    if (words[partition] != 0) count = std::max(count, route->count);
  }
  return count;
}

void Router::rebuild(const Topic& topic, std::vector<std::uint64_t> words) {
  const auto base = topic.base();
  const auto count = count_in(topic, words);
  const auto count_of = [&](std::uint32_t partition) {
    const auto route = read_route(words[partition], base, partition);
    return route ? route->count : 0;
  };
  std::vector<std::uint32_t> places(count);
  for (std::uint32_t i = 0; i < count; ++i) places[i] = place_of(i, base, count_of);
  for (const auto partition : places) mark_hand_over(topic, partition);
  places_ = std::move(places);
  words_ = std::move(words);
}

}  // namespace fabric
