#include "ipc/repair.hpp"

#include "ipc/gate.hpp"

namespace fabric::ipc {

bool reclaim_publisher_line(const Ring& ring, std::uint32_t index) noexcept {
  auto& line = ring.map().publishers[index];
  if (line.owner.load(std::memory_order_acquire) == 0) return false;
  if (!ring.take_ownership(line.owner)) return false;
  // From here on only we write the line: member ids are never reused, so no other repair can believe that it owns it.
  line.incarnation.fetch_add(1, std::memory_order_acq_rel);
  line.intent.store(IntentWord::kNone, std::memory_order_release);
  line.blocked_since_ns.store(0, std::memory_order_relaxed);
  line.blocked_by.store(0, std::memory_order_relaxed);
  line.owner.store(0, std::memory_order_release);
  return true;
}

bool reclaim_cursor(const Ring& ring, std::uint32_t index) noexcept {
  auto& cursor = ring.map().cursors[index];
  auto word = cursor.state.load(std::memory_order_acquire);
  if (!CursorWord::in_use(word)) return true;
  const auto owner = cursor.owner.load(std::memory_order_acquire);
  const bool durable = CursorWord::state(word) == CursorState::active && (CursorWord::flags(word) & kDurable) != 0;
  if (durable || ring.is_alive(owner)) return false;
  const auto freed = CursorWord::make(CursorWord::generation(word) + 1, 0, 0, CursorState::free);
  // The generation makes this CAS fail if the line was freed and taken again since we looked at its owner.
  return cursor.state.compare_exchange_strong(word, freed, std::memory_order_acq_rel);
}

Reclaimed reclaim_dead(const Ring& ring) noexcept {
  Reclaimed reclaimed;
  const auto& map = ring.map();
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) reclaimed.publishers += reclaim_publisher_line(ring, i);
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    auto& cursor = map.cursors[i];
    const auto word = cursor.state.load(std::memory_order_acquire);
    auto owner = cursor.owner.load(std::memory_order_acquire);
    if (!CursorWord::in_use(word) || owner == 0 || ring.is_alive(owner)) continue;
    if (reclaim_cursor(ring, i)) {
      ++reclaimed.cursors;
    } else if (cursor.owner.compare_exchange_strong(owner, 0, std::memory_order_acq_rel)) {
      ++reclaimed.cursors;
    }
  }
  return reclaimed;
}

}  // namespace fabric::ipc
