#pragma once
// Where the records of a key lie in a topic that grows (fabric/DESIGN.md, "Growing").
//
// A topic begins with `base` partitions and doubles. `hash mod 2C` is `hash mod C` or that + C, so every partition that
// a doubling adds has one parent, from which it takes over half of the keys. How far a partition has come stands in its
// ring's route word:
//
//   63                       32 31            1   0
//  +---------------------------+---------------+---------+     count:   keys of this partition are divided by hash mod
//  count | complement of the rest    | count         | growing |     growing: the doubling of count is under way
//  +---------------------------+---------------+---------+     all zero: as it was made
//
// The count only rises, so no word ever comes back. A word that is none of these (damage) is told as such. What a key
// belongs to is found doubling by doubling, never in one leap: a partition's own word decides whether its child has
// taken over.
//
// Pure functions, but for those that take a ring: these look at its words. Thread-safe, no system call.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fabric/topic_names.hpp"
#include "ipc/ring_file.hpp"

namespace fabric {

struct Route {
  std::uint32_t count = 0;
  bool growing = false;
  // So many partitions have files; their rings can be attached.
  std::uint32_t existing() const noexcept { return growing ? 2 * count : count; }
};

struct RouteWord {
  static constexpr std::uint64_t make(Route route) noexcept {
    const auto low = std::uint64_t{route.count} << 1 | (route.growing ? 1U : 0U);
    return (~low & 0xffffffff) << 32 | low;
  }
  static constexpr bool valid(std::uint64_t word) noexcept { return word == 0 || (word >> 32) == (~word & 0xffffffff); }
  static constexpr Route read(std::uint64_t word) noexcept {
    return {.count = static_cast<std::uint32_t>(word & 0xffffffff) >> 1, .growing = (word & 1) != 0};
  }
};

// Partitions that the topic had when this one was made. It is its ring header's partition_count.
std::uint32_t born_count(std::uint32_t base, std::uint32_t partition) noexcept;
// Whose keys it took over; nullopt: it has been there from the start.
std::optional<std::uint32_t> parent_of(std::uint32_t base, std::uint32_t partition) noexcept;
// Whether a topic of `base` partitions can have so many: base times a power of two, at most kMaxPartitions.
bool is_reachable(std::uint32_t base, std::uint32_t count) noexcept;

// What the word of this partition says; nullopt: damaged.
std::optional<Route> read_route(std::uint64_t word, std::uint32_t base, std::uint32_t partition) noexcept;
inline std::optional<Route> route_of(const ipc::RingMap& map, std::uint32_t base, std::uint32_t partition) noexcept {
  return read_route(map.control->route.load(std::memory_order_seq_cst), base, partition);
}

// The key's hash to its partition. `count_of(partition)`: the route's count; asked at most once for each doubling.
template <class CountOf>
std::uint32_t place_of(std::uint64_t hash, std::uint32_t base, const CountOf& count_of) noexcept {
  auto partition = static_cast<std::uint32_t>(hash % base);
  for (auto count = base; count <= kMaxPartitions / 2; count *= 2) {
    if (count_of(partition) < 2 * count) break;
    partition = static_cast<std::uint32_t>(hash % (2 * count));
  }
  return partition;
}

// The key's hash, of which the partition is a remainder. Empty keys belong to partition 0 whatever it says.
std::uint64_t hash_of_key(std::span<const std::byte> key) noexcept;

}  // namespace fabric
