#include "ipc/cursor_watch.hpp"

#include <utility>

#include "ipc/waiter.hpp"

namespace fabric::ipc {

namespace {
constexpr unsigned kMemberBits = 56;
}  // namespace

bool is_alive(const Ring& ring, ReaderId reader) noexcept {
  if (reader == 0) return false;
  const auto low = reader >> 8;
  if ((ring.member() & ((std::uint64_t{1} << kMemberBits) - 1)) == low) return true;
  return ring.is_alive(ring.members().find(low, kMemberBits));
}

CursorWatch::CursorWatch(std::shared_ptr<const Ring> ring, const std::string& name)
    : ring_(std::move(ring)), hash_(CursorWord::hash_of(name)), index_(ring_->map().max_cursors) {}

CursorLine* CursorWatch::find() noexcept {
  const auto& map = ring_->map();
  const auto is_it = [&](std::uint32_t index) {
    const auto word = map.cursors[index].state.load(std::memory_order_acquire);
    return CursorWord::in_use(word) && CursorWord::name_hash(word) == hash_;
  };
  if (index_ < map.max_cursors && is_it(index_)) return &map.cursors[index_];
  for (index_ = 0; index_ < map.max_cursors; ++index_)
    if (is_it(index_)) return &map.cursors[index_];
  return nullptr;
}

CursorSight CursorWatch::look() noexcept {
  const auto* line = find();
  if (line == nullptr) return {};
  CursorSight sight{.exists = true,
                    .gating = CursorWord::gates(line->state.load(std::memory_order_relaxed)),
                    .owner = line->owner.load(std::memory_order_acquire),
                    .lease = line->lease.load(std::memory_order_relaxed),  // hints: nothing is read by way of them
                    .requested_by = line->requested_by.load(std::memory_order_relaxed),
                    .owner_changes = PositionWord::epoch(line->position.load(std::memory_order_relaxed))};
  if (!LeaseWord::is_of(sight.lease, sight.owner)) sight.lease = 0;
  return sight;
}

CursorLine* CursorWatch::find_writable() noexcept { return ring_->writable() && ring_->owned_by_this_process() ? find() : nullptr; }

bool CursorWatch::request(ReaderId asker, ReaderId instead_of) noexcept {
  auto* line = find_writable();
  if (line == nullptr) return false;
  if (!line->requested_by.compare_exchange_strong(instead_of, asker, std::memory_order_seq_cst)) return false;
  wake();
  return true;
}

void CursorWatch::withdraw(ReaderId asker) noexcept {
  if (auto* line = find_writable()) line->requested_by.compare_exchange_strong(asker, 0, std::memory_order_relaxed);
}

void CursorWatch::forget_requests() noexcept {
  if (auto* line = find_writable()) line->requested_by.store(0, std::memory_order_relaxed);
}

bool CursorWatch::renew(std::uint64_t lease, std::uint64_t owner_changes) noexcept {
  auto* line = find_writable();
  if (line == nullptr || line->owner.load(std::memory_order_acquire) != ring_->member() ||
      PositionWord::epoch(line->position.load(std::memory_order_acquire)) != owner_changes)
    return false;
  line->lease.store(lease, std::memory_order_relaxed);
  return true;
}

void CursorWatch::wake() noexcept {
  if (ring_->writable() && ring_->owned_by_this_process()) wake_sleepers(*ring_->map().control);
}

}  // namespace fabric::ipc
