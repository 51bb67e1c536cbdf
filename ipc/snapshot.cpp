#include "ipc/snapshot.hpp"

#include <algorithm>

#include "ipc/arena.hpp"
#include "ipc/gate.hpp"

namespace fabric::ipc {
namespace {

std::uint64_t load(const SharedWord& word) noexcept { return word.load(std::memory_order_acquire); }

// The first time stamp in [from, end), or the last one with `backwards`.
std::optional<std::uint64_t> find_stamp(const RingMap& map, std::uint64_t from, std::uint64_t end, bool backwards) noexcept {
  for (std::uint64_t i = from; i < end; ++i)
    if (const auto stamp = timestamp_of(map, backwards ? end - 1 - (i - from) : i)) return stamp;
  return std::nullopt;
}

std::optional<std::uint32_t> index_below(std::uint64_t index_plus_one, std::uint64_t count) noexcept {
  if (index_plus_one == 0 || index_plus_one > count) return std::nullopt;
  return static_cast<std::uint32_t>(index_plus_one - 1);
}

std::optional<std::uint32_t> find_slowest_cursor(const std::vector<CursorInfo>& cursors) noexcept {
  const CursorInfo* slowest = nullptr;
  for (const auto& cursor : cursors)
    if (cursor.gating && (slowest == nullptr || cursor.position < slowest->position)) slowest = &cursor;
  if (slowest == nullptr) return std::nullopt;
  return slowest->index;
}

}  // namespace

std::vector<PublisherInfo> list_publishers(const RingMap& map) {
  std::vector<PublisherInfo> found;
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
    const auto& line = map.publishers[i];
    const auto owner = load(line.owner);
    if (owner == 0) continue;
    PublisherInfo info{.index = i, .owner = owner};
    const auto intent = load(line.intent);
    if (intent != IntentWord::kNone) {
      info.claim_first = IntentWord::first(intent);
      info.claim_end = IntentWord::end(intent);
      info.busy = IntentWord::busy(intent);
    }
    info.incarnation = load(line.incarnation);
    info.published = load(line.published);
    info.voided = load(line.voided);
    info.blocked_since_ns = load(line.blocked_since_ns);
    info.blocked_by = index_below(load(line.blocked_by), map.max_cursors);
    found.push_back(info);
  }
  return found;
}

ArenaUse count_blocks(const RingMap& map) noexcept {
  ArenaUse use{.blocks = map.arena_block_count};
  const auto limit = GateWord::limit(load(map.control->gate));
  const auto floor = limit > map.slot_count ? limit - map.slot_count : 0;
  for (std::uint32_t i = 0; i < map.arena_block_count; ++i) {
    const auto word = load(map.blocks[i]);
    const auto line = index_below((word >> 2) & 0x1fff, map.max_publishers);
    switch (Arena::state(word)) {
      case BlockState::free: ++use.free; break;
      case BlockState::stamped: ++((word >> 2) < floor ? use.passed : use.needed); break;
      case BlockState::held:
        if (!line) {
          ++use.damaged;
        } else {
          ++(Arena::holder(load(map.publishers[*line].incarnation), *line) == word >> 2 ? use.held : use.orphaned);
        }
        break;
      default: ++use.damaged;
    }
  }
  return use;
}

RingSnapshot take_snapshot(const RingMap& map) {
  RingSnapshot snapshot;
  snapshot.horizon = load(map.control->horizon);
  snapshot.cursors = list_cursors(map);  // before the tail: none is ahead of it
  snapshot.publishers = list_publishers(map);
  snapshot.tail = map.tail();
  snapshot.head = std::min(find_head(map), std::max(snapshot.tail, map.tail()));
  snapshot.oldest = oldest_below(map, snapshot.head);
  snapshot.limit = GateWord::limit(load(map.control->gate));
  const auto lease = load(map.control->lease);
  snapshot.lease_epoch = lease >> 16;
  snapshot.lease_line = index_below(lease & 0xffff, map.max_publishers);
  const auto sleep = load(map.control->sleep);
  snapshot.sleepers = ((sleep >> 32) - sleep) & 0xffffffff;
  const auto end = std::min(snapshot.head, snapshot.oldest + map.slot_count);
  snapshot.oldest_ns = find_stamp(map, snapshot.oldest, end, false);
  snapshot.newest_ns = find_stamp(map, snapshot.oldest, end, true);
  snapshot.slowest = find_slowest_cursor(snapshot.cursors);
  return snapshot;
}

double unacked_share(const RingMap& map, const RingSnapshot& snapshot) noexcept {
  for (const auto& cursor : snapshot.cursors) {
    if (cursor.index != snapshot.slowest) continue;
    const auto unacked = snapshot.tail > cursor.position ? snapshot.tail - cursor.position : 0;
    return std::min(1.0, static_cast<double>(unacked) / static_cast<double>(map.slot_count));
  }
  return 0;
}

Lag lag_at(const RingMap& map, std::uint64_t position, std::uint64_t now_ns) noexcept {
  const auto head = find_head(map);
  if (position >= head) return {};
  Lag lag{.records = head - position};
  const auto from = std::max(position, oldest_below(map, head));  // what was overrun has no time any more
  const auto end = std::min(head, from + map.slot_count);
  const auto first = find_stamp(map, from, end, false);
  const auto newest = find_stamp(map, from, end, true);
  if (!first) return lag;
  if (newest && *newest > *first) lag.span_ns = *newest - *first;
  if (now_ns > *first) lag.age_ns = now_ns - *first;
  return lag;
}

std::uint64_t ring_now_ns(const RingFile& file) noexcept {
  const auto bias = file.of_this_boot() ? file.map().time_bias_ns : realtime_bias_ns();
  return monotonic_ns() + static_cast<std::uint64_t>(bias);
}

}  // namespace fabric::ipc
