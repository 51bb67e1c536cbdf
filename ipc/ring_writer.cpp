#include "ipc/ring_writer.hpp"

#include "ipc/repair.hpp"
#include "ipc/standing.hpp"

namespace fabric::ipc {
namespace {

constexpr std::uint64_t kAskAgainNs = 10'000'000;
constexpr std::uint32_t kMaxLines = ~0U;

}  // namespace

const char* to_string(PublishOutcome outcome) noexcept {
  switch (outcome) {
    case PublishOutcome::published: return "published";
    case PublishOutcome::back_pressure: return "back-pressure: the slowest gating cursor is one ring behind";
    case PublishOutcome::arena_full: return "the arena is full until gating readers advance";
    case PublishOutcome::too_large: return "the payload is larger than the topic takes";
    case PublishOutcome::fenced: return "fenced: another publisher took the lease";
    case PublishOutcome::exhausted: return "the ring's sequence numbers are used up: create the topic anew";
    case PublishOutcome::sync_failed: return "published, but not written back: the device reported an error";
    case PublishOutcome::wrong_process: return "this publisher belongs to the parent process: attach again after fork";
    case PublishOutcome::damaged: return "the ring's control words are damaged: run evf fsck";
    case PublishOutcome::moved: return "the record belongs elsewhere: the ring's route has changed";
    case PublishOutcome::refused: return "not admitted";
  }
  return "?";
}

PublisherBase::PublisherBase(std::shared_ptr<Ring> ring, std::uint32_t line)
    : ring_(std::move(ring)), map_(ring_->map()), line_(&map_.publishers[line]), line_index_(line), at_(map_, 0), arena_(ring_->map()),
      staging_(map_.inline_capacity()) {
  holder_ = Arena::holder(line_->incarnation.load(std::memory_order_relaxed), line);
  // Not 0: the first publish would raise the limit without need, and readers that join cannot start below limit - slot_count.
  limit_ = GateWord::limit(map_.control->gate.load(std::memory_order_acquire));
  line_->published.store(0, std::memory_order_relaxed);
  line_->voided.store(0, std::memory_order_relaxed);
}

void PublisherBase::give_up_claim() noexcept {
  if (claim_is_used()) return;
  for (; !claim_is_used(); at_.advance(map_)) void_own(map_, at_.sequence());
  line_->intent.store(IntentWord::kNone, std::memory_order_release);
}

// Leaves: what is left of a stride is voided, so that nobody takes it for a record that is to come.
PublisherBase::~PublisherBase() {
  if (line_ == nullptr || !ring_->owned_by_this_process()) return;
  give_up_claim();
  auto lease = lease_;
  const auto released = lease & ~std::uint64_t{0xffff};
  if (lease != 0) map_.control->lease.compare_exchange_strong(lease, released, std::memory_order_acq_rel);
  line_->blocked_since_ns.store(0, std::memory_order_relaxed);
  line_->intent.store(IntentWord::kNone, std::memory_order_release);
  line_->owner.store(0, std::memory_order_release);
}

Result<std::uint32_t> PublisherBase::acquire_line(const Ring& ring) {
  if (!ring.writable())
    return make_error(ErrorCode::permission, ring.path() + ": attached read-only; publishing needs read-write access");
  if (!ring.owned_by_this_process())
    return make_error(ErrorCode::invalid_argument, ring.path() + ": attached by the parent process: attach again after fork");
  const auto& map = ring.map();
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) reclaim_publisher_line(ring, i);
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
    std::uint64_t nobody = 0;
    if (!map.publishers[i].owner.compare_exchange_strong(nobody, ring.member(), std::memory_order_acq_rel)) continue;
    map.publishers[i].incarnation.fetch_add(1, std::memory_order_acq_rel);
    map.publishers[i].intent.store(IntentWord::kNone, std::memory_order_release);
    map.publishers[i].announced.store(0, std::memory_order_release);
    return i;
  }
  return make_error(ErrorCode::no_space, ring.path() + ": all " + std::to_string(map.max_publishers) +
                                             " publisher lines are in use; close a publisher or create the topic with more");
}

Result<void> PublisherBase::acquire_lease(bool take_over) noexcept {
  auto& lease = map_.control->lease;
  for (std::uint64_t tries = 0; tries < map_.patience(); ++tries) {
    auto seen = lease.load(std::memory_order_acquire);
    const auto holder = seen & 0xffff;
    if (holder != 0 && holder <= map_.max_publishers && holder - 1 != line_index_ && !take_over) {
      const auto owner = map_.publishers[holder - 1].owner.load(std::memory_order_acquire);
      if (ring_->is_alive(owner))
        return make_error(ErrorCode::busy, ring_->path() + ": publisher line " + std::to_string(holder - 1) +
                                               " holds the lease and is alive; stop it or take over by force");
    }
    const auto wanted = ((seen >> 16) + 1) << 16 | (line_index_ + 1);
    if (!lease.compare_exchange_strong(seen, wanted, std::memory_order_seq_cst)) continue;  // SYNC: lease
    lease_ = wanted;
    return {};
  }
  return make_error(ErrorCode::busy, ring_->path() + ": the lease changes hands all the time");
}

Blame PublisherBase::blame() const noexcept {
  const auto by = line_->blocked_by.load(std::memory_order_relaxed);
  Blame blame{.since_ns = line_->blocked_since_ns.load(std::memory_order_relaxed)};
  if (by == 0 || by > map_.max_cursors) return blame;
  blame.cursor = static_cast<std::uint32_t>(by - 1);
  blame.position = PositionWord::sequence(map_.cursors[by - 1].position.load(std::memory_order_acquire));
  return blame;
}

void PublisherBase::note_blocked(const Slowest& slowest) noexcept {
  const auto now = clock_.now_ns();
  if (line_->blocked_since_ns.load(std::memory_order_relaxed) == 0)
    line_->blocked_since_ns.store(now, std::memory_order_relaxed);
  line_->blocked_by.store(slowest.index == Slowest::kNone ? 0 : slowest.index + 1, std::memory_order_relaxed);
  if (slowest.index == Slowest::kNone || now - liveness_asked_ns_ < kAskAgainNs) return;
  liveness_asked_ns_ = now;
  reclaim_cursor(*ring_, slowest.index);  // an ephemeral reader that died gates nobody
}

void PublisherBase::note_unblocked() noexcept {
  line_->blocked_since_ns.store(0, std::memory_order_relaxed);
  line_->blocked_by.store(0, std::memory_order_relaxed);
}

std::uint64_t PublisherBase::max_payload_bytes() const noexcept {
  const auto arena = std::min<std::uint64_t>(arena_.capacity_bytes(), std::numeric_limits<std::uint32_t>::max());
  return std::max<std::uint64_t>(map_.inline_capacity(), arena);
}

bool PublisherBase::stage_extent(std::uint64_t bytes, ArenaReference& extent) noexcept {
  const auto floor = [&](std::uint64_t limit) { return limit > map_.slot_count ? limit - map_.slot_count : 0; };
  if (arena_.allocate(bytes, holder_, floor(limit_), extent)) return true;
  Refreshed refreshed{};
  for (std::uint64_t step = gate_step(map_);; step += gate_step(map_)) {  // no more records are given up than it needs
    refreshed = refresh_limit(map_, map_.tail(), std::min(step, map_.slot_count));
    limit_ = std::max(limit_, refreshed.limit);
    if (arena_.allocate(bytes, holder_, floor(limit_), extent)) return true;
    if (step >= map_.slot_count) break;
  }
  const auto now = clock_.now_ns();
  if (now - liveness_asked_ns_ < kAskAgainNs) return false;
  note_blocked(refreshed.slowest);
  std::uint32_t asked = kMaxLines;  // blocks of one holder lie together
  bool answer = false;
  const auto alive = [&](std::uint32_t line) {
    if (line != asked) answer = ring_->is_alive(map_.publishers[line].owner.load(std::memory_order_acquire));
    asked = line;
    return answer;
  };
  return arena_.adopt(alive) != 0 && arena_.allocate(bytes, holder_, floor(limit_), extent);
}

bool PublisherBase::others_intend(std::uint64_t sequence) noexcept {
  bool ask = false;
  for (std::uint32_t i = 0; i < map_.max_publishers; ++i) {
    if (i == line_index_) continue;
    const auto intent = map_.publishers[i].intent.load(std::memory_order_acquire);  // SYNC: intent-clear
    if (intent == IntentWord::kNone) continue;
    const auto first = IntentWord::first(intent);
    const auto congruent = first + ((sequence - first) & map_.mask);  // the first one at or after it that has our slot
    if (congruent >= IntentWord::end(intent) || congruent >= sequence) continue;
    if (!ask) {
      const auto now = clock_.now_ns();
      if (now - liveness_asked_ns_ < kAskAgainNs) return true;
      liveness_asked_ns_ = now;
      ask = true;
    }
    if (!reclaim_publisher_line(*ring_, i)) return true;
  }
  return false;
}

PublishOutcome PublisherBase::write_back(std::uint64_t sequence, std::span<const std::byte> in_arena) noexcept {
  if (map_.sync == SyncMode::every && ++unsynced_ < map_.sync_every) return PublishOutcome::published;
  unsynced_ = 0;
  auto& segment = ring_->file().segment();
  const bool wait = map_.sync != SyncMode::async;
  const auto offset = [&](const void* place) { return static_cast<std::uint64_t>(static_cast<const std::byte*>(place) - map_.base); };
  bool ok = true;
  if (map_.sync == SyncMode::every) {  // everything since the last time, ours and others'
    ok = segment.sync(0, segment.bytes().size(), wait).has_value();
  } else {
    if (!in_arena.empty()) ok = segment.sync(offset(in_arena.data()), in_arena.size(), wait).has_value();
    ok = segment.sync(offset(&map_.slot(sequence)), map_.slot_bytes, wait).has_value() && ok;
  }
  return ok ? PublishOutcome::published : PublishOutcome::sync_failed;
}

PublishOutcome PublisherBase::write_back(std::uint64_t sequence) noexcept {
  if (map_.sync == SyncMode::none || !ring_->owned_by_this_process()) return PublishOutcome::published;
  const auto record = look_at_record(map_, sequence);
  return write_back(sequence, record.header.in_arena() ? record.payload : std::span<const std::byte>{});
}

}  // namespace fabric::ipc
