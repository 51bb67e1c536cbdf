#include "fabric/topic_route.hpp"

#include <bit>

#include "ipc/checksum.hpp"

namespace fabric {

std::uint32_t born_count(std::uint32_t base, std::uint32_t partition) noexcept {
  auto count = base;
  while (count <= partition) count *= 2;
  return count;
}

std::optional<std::uint32_t> parent_of(std::uint32_t base, std::uint32_t partition) noexcept {
  if (partition < base) return std::nullopt;
  return partition - born_count(base, partition) / 2;
}

bool is_reachable(std::uint32_t base, std::uint32_t count) noexcept {
  return base != 0 && count >= base && count <= kMaxPartitions && count % base == 0 &&
         std::has_single_bit(count / base);
}

std::optional<Route> read_route(std::uint64_t word, std::uint32_t base, std::uint32_t partition) noexcept {
  const auto born = born_count(base, partition);
  if (word == 0) return Route{.count = born};
  const auto route = RouteWord::read(word);
  if (!RouteWord::valid(word) || !is_reachable(base, route.count) || route.count < born) return std::nullopt;
  if (route.growing && !is_reachable(base, 2 * route.count)) return std::nullopt;
  return route;
}

std::uint64_t hash_of_key(std::span<const std::byte> key) noexcept { return ipc::hash_bytes(key.data(), key.size()); }

}  // namespace fabric
