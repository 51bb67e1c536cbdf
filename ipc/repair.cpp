#include "ipc/repair.hpp"

#include "ipc/cursor_line.hpp"

namespace fabric::ipc {

bool reclaim_publisher_line(const Ring& ring, std::uint32_t index) noexcept {
  auto& line = ring.map().publishers[index];
  auto lease = ring.map().control->lease.load(std::memory_order_acquire);
  const auto owner = line.owner.load(std::memory_order_acquire);
  if (owner == 0 || !ring.writable() || !ring.owned_by_this_process() || ring.is_alive(owner)) return false;
  // The lease goes before the line: a line that is taken has a live owner, and a lease that named it would pass for held.
  if ((lease & 0xffff) == index + 1)
    ring.map().control->lease.compare_exchange_strong(lease, lease & ~std::uint64_t{0xffff}, std::memory_order_acq_rel);
  if (!ring.take_ownership(line.owner)) return false;
  // From here on only we write the line: member ids are never reused, so no other repair can believe that it owns it.
  line.incarnation.fetch_add(1, std::memory_order_acq_rel);
  line.intent.store(IntentWord::kNone, std::memory_order_release);
  line.blocked_since_ns.store(0, std::memory_order_relaxed);
  line.blocked_by.store(0, std::memory_order_relaxed);
  line.owner.store(0, std::memory_order_release);
  return true;
}

namespace {

// Under CursorLock.
bool free_dead_cursor(const Ring& ring, std::uint32_t index) noexcept {
  const auto word = ring.map().cursors[index].state.load(std::memory_order_acquire);
  if (!CursorWord::in_use(word)) return true;
  if (CursorWord::stays(word)) return false;
  HeldLine held(ring, index);
  // Owned first: the id of a dead owner never comes back, so a line that was freed and taken again since is left alone. From here on
  // the line gates nobody, so that nobody waits for us if we are stopped before we have freed it.
  if (held.take(word, false) != Taking::taken) return false;
  if (!CursorWord::stays(held.state_word())) return held.free();
  held.give_back();
  return false;
}

}  // namespace

bool reclaim_cursor(const Ring& ring, std::uint32_t index) noexcept {
  if (!ring.writable() || !ring.owned_by_this_process()) return false;
  const CursorLock lock(std::try_to_lock);
  return lock && free_dead_cursor(ring, index);
}

Reclaimed reclaim_dead(const Ring& ring) noexcept {
  Reclaimed reclaimed;
  if (!ring.writable() || !ring.owned_by_this_process()) return reclaimed;
  const auto& map = ring.map();
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) reclaimed.publishers += reclaim_publisher_line(ring, i);
  const CursorLock lock;
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    auto& cursor = map.cursors[i];
    const auto word = cursor.state.load(std::memory_order_acquire);
    auto owner = cursor.owner.load(std::memory_order_acquire);
    if (!CursorWord::in_use(word) || owner == 0 || ring.is_alive(owner)) continue;
    if (CursorWord::stays(word)) {
      reclaimed.cursors += cursor.owner.compare_exchange_strong(owner, 0, std::memory_order_acq_rel);
    } else {
      reclaimed.cursors += free_dead_cursor(ring, i);
    }
  }
  return reclaimed;
}

}  // namespace fabric::ipc
