#include "ipc/inspect.hpp"

#include "ipc/arena.hpp"
#include "ipc/verdict.hpp"

namespace fabric::ipc {
namespace {

bool is_committed(const RingMap& map, std::uint64_t sequence) noexcept {
  return map.slot(sequence).word.load(std::memory_order_acquire) == map.committed_word(sequence);
}

std::uint64_t find_time(const RingMap& map, std::uint64_t low, std::uint64_t high, std::uint64_t time_ns) noexcept {
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    auto probe = middle;  // a void has no time: the next record speaks for it
    std::optional<std::uint64_t> stamp;
    while (probe < high && !(stamp = timestamp_of(map, probe))) ++probe;
    if (stamp && *stamp < time_ns) {
      low = probe + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

std::uint64_t find_head(const RingMap& map) noexcept {
  const auto tail = map.tail();
  if (map.writers == WriterMode::many) return tail;
  auto head = tail;
  const auto floor = tail - std::min({tail, map.slot_count, 2 * kMaxStride});
  while (head > floor && !is_committed(map, head - 1)) --head;
  return head == floor ? tail - std::min({tail, kMaxStride, map.slot_count / 4}) : head;  // a stride is not longer
}

std::uint64_t oldest_sequence(const RingMap& map) noexcept {
  const auto tail = map.tail();
  return tail > map.slot_count ? tail - map.slot_count : 0;
}

std::uint64_t oldest_below(const RingMap& map, std::uint64_t head) noexcept {
  return std::clamp(oldest_sequence(map), head - std::min(head, map.slot_count), head);
}

std::optional<std::uint64_t> timestamp_of(const RingMap& map, std::uint64_t sequence) noexcept {
  if (!is_committed(map, sequence)) return std::nullopt;
  return load_field(map.slot(sequence).timestamp_ns);
}

std::uint64_t find_start(const RingMap& map, StartAt start) noexcept {
  const auto head = find_head(map);
  const auto oldest = oldest_below(map, head);
  switch (start.kind) {
    case StartAt::Kind::latest: return head;
    case StartAt::Kind::earliest: return oldest;
    case StartAt::Kind::sequence: return std::clamp(start.value, oldest, head);
    case StartAt::Kind::last: return head - std::min(head - oldest, start.value);
    case StartAt::Kind::time: return find_time(map, oldest, head, start.value);
  }
  return head;
}

bool payload_is_gone(const RingMap& map, std::uint64_t sequence, const HeaderCopy& header, const ArenaSlot& place) noexcept {
  if (!verify_hashed(map, map.committed_word(sequence), header, hash_arena_slot(place), place.payload_hash)) return false;
  const auto extent = place.extent;
  if (extent.first_block >= map.arena_block_count || extent.block_count > map.arena_block_count - extent.first_block) return false;
  for (std::uint32_t i = 0; i < extent.block_count; ++i) {
    const auto word = map.blocks[extent.first_block + i].load(std::memory_order_acquire);
    // Free and held come after a reuse only: the publisher stamps after its commit, in between the block is held by it alone.
    if (Arena::state(word) == BlockState::stamped && (word >> 2) != sequence) return true;
    if (Arena::state(word) != BlockState::stamped) return true;
  }
  return false;
}

const char* to_string(SlotCondition condition) noexcept {
  switch (condition) {
    case SlotCondition::whole: return "whole";
    case SlotCondition::voided: return "void";
    case SlotCondition::unfinished: return "unfinished";
    case SlotCondition::damaged: return "damaged";
    case SlotCondition::payload_gone: return "payload gone";
    case SlotCondition::overwritten: return "overwritten";
  }
  return "?";
}

SlotCondition examine_slot(const RingMap& map, std::uint64_t sequence) noexcept {
  auto& slot = map.slot(sequence);
  const auto word = slot.word.load(std::memory_order_acquire);
  const auto verdict = load_verdict(map, sequence);
  const auto lap = map.lap(sequence);
  const auto overwritten = [&] {
    std::atomic_thread_fence(std::memory_order_acquire);
    return map.tail() > sequence + map.slot_count;
  };
  if (overwritten() || (SlotWord::valid(word) && SlotWord::lap(word) > lap)) return SlotCondition::overwritten;
  if (says_void(verdict, lap)) return SlotCondition::voided;
  if (SlotWord::valid(word) && SlotWord::lap(word) < lap) return SlotCondition::unfinished;
  const auto header = load_header(slot);
  std::span<const std::byte> payload(map.payload(slot), map.inline_capacity());
  ArenaSlot place{};
  std::uint64_t arena_hash = 0;
  const bool in_arena = header.in_arena();
  if (in_arena) {
    place = load_arena_slot(map, slot);
    arena_hash = hash_arena_slot(place);
    payload = map.extent(place.extent, header.payload_bytes());
  }
  const bool whole = SlotWord::valid(word) && header.payload_bytes() <= payload.size() &&
                     verify(map, map.committed_word(sequence), header, arena_hash, payload.first(header.payload_bytes()));
  if (whole) return SlotCondition::whole;
  if (overwritten()) return SlotCondition::overwritten;
  if (in_arena && SlotWord::valid(word) && payload_is_gone(map, sequence, header, place)) return SlotCondition::payload_gone;
  return SlotCondition::damaged;
}

}  // namespace fabric::ipc
