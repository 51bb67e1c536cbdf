#include "ipc/ring_reader.hpp"

namespace fabric::ipc {

const char* to_string(ReadOutcome outcome) noexcept {
  switch (outcome) {
    case ReadOutcome::record: return "record";
    case ReadOutcome::empty: return "empty";
    case ReadOutcome::lost: return "lost: publishers passed this reader";
    case ReadOutcome::damaged: return "damaged: the record fails its checksum";
    case ReadOutcome::fenced: return "fenced: another member took the cursor";
    case ReadOutcome::wrong_process: return "this reader belongs to the parent process: attach again after fork";
  }
  return "?";
}

ReaderBase::ReaderBase(std::shared_ptr<Ring> ring, const std::optional<OwnedCursor>& owned, bool gating, std::uint64_t next)
    : ring_(std::move(ring)), map_(ring_->map()), owned_(owned.value_or(OwnedCursor{})),
      cursor_(owned ? &map_.cursors[owned->index] : nullptr), gating_(gating), at_(map_, next), copy_(map_.slot_bytes) {
  if (!owned) owned_.started = next;
}

ReaderBase::~ReaderBase() {
  if (cursor_) release_cursor(*ring_, owned_);  // fenced: of a cursor that is not ours any more it leaves everything as it is
}

// One cache line. The epoch alone comes round: a member that was stopped while 2,047 others took the cursor in turn, and acked
// nothing, would find its own words again.
bool ReaderBase::cursor_was_taken() const noexcept {
  return cursor_ && (cursor_->owner.load(std::memory_order_acquire) != ring_->member() ||
                     cursor_->state.load(std::memory_order_acquire) != owned_.state_word ||
                     cursor_->position.load(std::memory_order_acquire) != owned_.position_word);
}

bool ReaderBase::ack(std::uint64_t sequence) noexcept {
  if (!cursor_) return true;
  if (fenced_ || !ring_->owned_by_this_process()) return false;
  const auto target = std::min(sequence, position());
  if (target <= acked()) return true;
  auto expected = owned_.position_word;
  const auto wanted = PositionWord::make(target, PositionWord::epoch(expected));
  // SYNC: cursor-ack (release: we are done with everything below)
  if (cursor_was_taken() || !cursor_->position.compare_exchange_strong(expected, wanted, std::memory_order_acq_rel)) {
    fenced_ = true;
    return false;
  }
  owned_.position_word = wanted;
  cursor_->acked_at_ns.store(clock_.now_ns() + static_cast<std::uint64_t>(map_.time_bias_ns), std::memory_order_relaxed);
  return true;
}

Result<std::uint64_t> ReaderBase::seek(StartAt start) {
  auto wanted = find_start(map_, start);
  if (gating_ && wanted < acked())
    return make_error(ErrorCode::invalid_argument, ring_->path() + ": sequence " + std::to_string(wanted) +
                                                       " is below the cursor, which has acked up to " + std::to_string(acked()) +
                                                       "; move the cursor instead");
  at_.move_to(map_, wanted);
  empty_polls_ = 0;
  return wanted;
}

// Whether nobody is alive whose intent covers the next record. `end` is raised to the end of the longest claim that covers it.
bool ReaderBase::owners_are_dead(std::uint64_t& end) const noexcept {
  bool alive = false;
  for (std::uint32_t i = 0; i < map_.max_publishers; ++i) {
    const auto intent = map_.publishers[i].intent.load(std::memory_order_seq_cst);  // SYNC: intent
    if (intent == IntentWord::kNone || IntentWord::first(intent) > position() || IntentWord::end(intent) <= position()) continue;
    end = std::max(end, IntentWord::end(intent));
    alive = alive || ring_->is_alive(map_.publishers[i].owner.load(std::memory_order_acquire));
  }
  return !alive;
}

// What looks like damage or an overrun to a gating reader: publishers may have passed it because its cursor was taken from it.
bool ReaderBase::lost_protection() noexcept {
  if (!gating_) return false;
  std::atomic_thread_fence(std::memory_order_acquire);  // SYNC: cursor-ack (who overwrote what we read had seen the new position)
  fenced_ = cursor_was_taken();
  return fenced_;
}

// Some of what was lost may be retained: it was left out to have room. It must not pass for read once the position is behind it, so this comes
// before any ack. Killed in between, `started` is too high, until whoever takes the cursor meets the same loss.
void ReaderBase::begin_behind(std::uint64_t sequence) noexcept {
  owned_.started = std::max(owned_.started, sequence);
  if (!cursor_) return;
  auto seen = cursor_->started.load(std::memory_order_acquire);
  const auto wanted = PositionWord::make(sequence, PositionWord::epoch(owned_.position_word));
  // Loaded before the look at the owner: who takes the cursor and writes it comes in between, and our CAS fails.
  for (std::uint64_t tries = 0; tries < map_.patience() && PositionWord::sequence(seen) < sequence && !cursor_was_taken(); ++tries)
    if (cursor_->started.compare_exchange_strong(seen, wanted, std::memory_order_acq_rel)) return;
}

ReadOutcome ReaderBase::report_overrun() noexcept {
  if (lost_protection()) return ReadOutcome::fenced;
  const auto oldest = oldest_sequence(map_);
  // Some room, so that a reader that was just passed is not passed again at once.
  const auto target = std::max(position() + 1, std::min(oldest + map_.slot_count / 8, map_.tail()));
  lost_ = {position(), target};
  begin_behind(target);
  at_.move_to(map_, target);
  empty_polls_ = 0;
  return ReadOutcome::lost;
}

}  // namespace fabric::ipc
