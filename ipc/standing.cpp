#include "ipc/standing.hpp"

#include "ipc/verdict.hpp"

namespace fabric::ipc {

namespace {

bool is_claimed(const RingMap& map, std::uint64_t sequence) noexcept {
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
    const auto intent = map.publishers[i].intent.load(std::memory_order_acquire);  // SYNC: intent, intent-clear
    if (intent != IntentWord::kNone && IntentWord::first(intent) <= sequence && sequence < IntentWord::end(intent)) return true;
  }
  return false;
}

}  // namespace

Standing standing_of(const Ring& ring, std::uint64_t sequence) noexcept {
  const auto& map = ring.map();
  const auto lap = map.lap(sequence);
  const auto& slot = map.slot(sequence);
  // As a reader: word, horizon, verdict, in this order (ipc/DESIGN.md, table C).
  const auto word = slot.word.load(std::memory_order_acquire);  // SYNC: commit
  if (sequence < map.control->horizon.load(std::memory_order_acquire)) {
    const auto verdict = ring.writable() ? settle(map, sequence) : load_verdict(map, sequence);
    if (says_void(verdict, lap) || VerdictWord::lap(verdict) > lap) return Standing::nothing;
    if (VerdictWord::lap(verdict) == lap && VerdictWord::fate(verdict) == Fate::contested) return Standing::unfinished;
    if (VerdictWord::lap(verdict) == lap) return Standing::record;  // kept: committed, though perhaps not yet when we looked
  }
  // Damaged: what it was nobody knows, but it may be of the lap before, and its claimant has not written it yet.
  if (!SlotWord::valid(word)) return is_claimed(map, sequence) ? Standing::unfinished : Standing::record;
  if (SlotWord::lap(word) > lap) return Standing::nothing;
  return SlotWord::lap(word) == lap ? Standing::record : Standing::unfinished;
}

bool is_announced(const Ring& ring, std::uint64_t sequence, std::uint64_t announced) noexcept {
  const auto& map = ring.map();
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
    const auto& line = map.publishers[i];
    const auto intent = line.intent.load(std::memory_order_acquire);  // SYNC: intent
    if (intent == IntentWord::kNone || IntentWord::first(intent) > sequence || IntentWord::end(intent) <= sequence) continue;
    if (line.announced.load(std::memory_order_acquire) != announced) continue;  // SYNC: announced
    const auto owner = line.owner.load(std::memory_order_acquire);
    // Announced before the intent is stored and cleared after it is: it is of this claim if the intent still stands.
    if (line.intent.load(std::memory_order_acquire) == intent && ring.is_alive(owner)) return true;
  }
  return false;
}

RecordInPlace look_at_record(const RingMap& map, std::uint64_t sequence) noexcept {
  auto& slot = map.slot(sequence);
  RecordInPlace record{.header = load_header(slot), .payload = {map.payload(slot), map.inline_capacity()}};
  const auto bytes = record.header.payload_bytes();
  if (record.header.in_arena()) record.payload = map.extent(load_arena_slot(map, slot).extent, bytes);
  record.payload = bytes <= record.payload.size() ? record.payload.first(bytes) : std::span<const std::byte>{};
  return record;
}

bool is_retained(const RingMap& map, std::uint64_t sequence) noexcept {
  std::atomic_thread_fence(std::memory_order_acquire);  // SYNC: claim-frontier
  return map.tail() <= sequence + map.slot_count;
}

}  // namespace fabric::ipc
