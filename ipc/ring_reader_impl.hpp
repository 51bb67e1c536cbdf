#pragma once
// The read path itself; included by ring_reader.hpp.

#include "ipc/inspect.hpp"
#include "ipc/record.hpp"
#include "ipc/ring_reader.hpp"

namespace fabric::ipc {

inline constexpr std::uint64_t kInspectEveryNs = 20'000;
inline constexpr std::uint32_t kPollsBeforeClock = 8;
inline constexpr std::uint32_t kRunOfOneBehind = 8;  // so many records without an empty poll: the reader is behind

template <class Schedule>
Result<BasicReader<Schedule>> BasicReader<Schedule>::attach(std::shared_ptr<Ring> ring, const ReaderOptions& options) {
  const auto& map = ring->map();
  auto start = find_start(map, options.start);
  std::optional<OwnedCursor> owned;
  const bool gating = options.cursor && options.cursor->gating;
  if (options.cursor) {
    auto acquired = acquire_cursor(*ring, *options.cursor, start);
    if (!acquired) return acquired.error();
    owned = *acquired;
    start = PositionWord::sequence(owned->position_word);
  }
  return BasicReader(std::move(ring), owned, gating, start);
}

// Table C, row by row.
template <class Schedule>
ReadOutcome BasicReader<Schedule>::next(RecordView& view) noexcept {
  if (!ring_->owned_by_this_process()) [[unlikely]] return ReadOutcome::wrong_process;
  for (std::uint64_t tries = 0; tries < map_.patience(); ++tries) {
    if (fenced_) [[unlikely]] return ReadOutcome::fenced;
    Schedule::point(Step::read_word);
    const auto word = at_.slot().word.load(std::memory_order_acquire);  // SYNC: commit
    auto resolution = Resolution::deliver;
    if (word == at_.committed_word()) [[likely]] {
      Schedule::point(Step::read_horizon);
      // SYNC: horizon (after the word: a word stored after a void was decided is seen together with the raised horizon)
      if (position() < map_.control->horizon.load(std::memory_order_acquire)) [[unlikely]] resolution = resolve_contested();
    } else {
      resolution = resolve_uncommitted(word);
    }
    switch (resolution) {
      case Resolution::deliver: return deliver(view);
      case Resolution::skip: at_.advance(map_); break;
      case Resolution::again: break;
      case Resolution::overrun: return report_overrun();
      case Resolution::damaged: return report_damaged(view);
      case Resolution::empty: return ReadOutcome::empty;
    }
  }
  return ReadOutcome::empty;
}

template <class Schedule>
auto BasicReader<Schedule>::resolve_contested() noexcept -> Resolution {
  Schedule::point(Step::read_verdict);
  const auto lap = map_.lap(position());
  auto verdict = load_verdict(map_, position());
  if (VerdictWord::lap(verdict) < lap) return Resolution::deliver;
  if (VerdictWord::lap(verdict) > lap) return Resolution::overrun;
  switch (VerdictWord::fate(verdict)) {
    case Fate::voided: return Resolution::skip;
    case Fate::kept: return Resolution::deliver;
    default: break;
  }
  // A settler that looked before the word was stored may still decide `void`: an observer waits for the decision.
  if (!ring_->writable()) return Resolution::empty;
  Schedule::point(Step::settle);
  const auto kept = VerdictWord::make(lap, VerdictWord::run(verdict), Fate::kept);
  map_.verdict(position()).compare_exchange_strong(verdict, kept, std::memory_order_seq_cst);
  return Resolution::again;
}

template <class Schedule>
auto BasicReader<Schedule>::resolve_uncommitted(std::uint64_t word) noexcept -> Resolution {
  const auto lap = map_.lap(position());
  if (SlotWord::valid(word) && SlotWord::lap(word) > lap) return Resolution::overrun;
  Schedule::point(Step::read_horizon);
  if (position() < map_.control->horizon.load(std::memory_order_acquire)) {
    Schedule::point(Step::read_verdict);
    const auto verdict = load_verdict(map_, position());
    if (VerdictWord::lap(verdict) > lap) return Resolution::overrun;
    if (VerdictWord::lap(verdict) == lap) {
      if (VerdictWord::fate(verdict) == Fate::voided) return Resolution::skip;
      if (VerdictWord::fate(verdict) == Fate::kept) {  // committed since we loaded the word, or damaged
        const auto fresh = at_.slot().word.load(std::memory_order_acquire);
        return SlotWord::valid(fresh) && SlotWord::lap(fresh) >= lap ? Resolution::again : Resolution::damaged;
      }
      if (ring_->writable()) {
        settle<Schedule>(map_, position());
        return Resolution::again;
      }
    }
  }
  run_ = 0;
  if (!Schedule::kImpatient && ++empty_polls_ < kPollsBeforeClock) return Resolution::empty;
  const auto now = clock_.now_ns();
  if (!Schedule::kImpatient && now - looked_at_ns_ < kInspectEveryNs) return Resolution::empty;
  looked_at_ns_ = now;
  return inspect(word, now);
}

// Nothing committed for a while: is a claim unfinished? Looks at `tail`, a line that publishers write, so not at every poll.
template <class Schedule>
auto BasicReader<Schedule>::inspect(std::uint64_t word, std::uint64_t now) noexcept -> Resolution {
  if (cursor_was_taken()) {
    fenced_ = true;
    return Resolution::again;
  }
  const auto tail = map_.tail();
  if (tail <= position()) return Resolution::empty;
  if (tail - position() > map_.slot_count) return Resolution::overrun;
  const bool word_is_damaged = !SlotWord::valid(word);
  const bool may_settle = ring_->writable() && map_.writers == WriterMode::many;  // a stride holds nobody's record up
  if (!may_settle && !word_is_damaged) return Resolution::empty;
  if (stalled_at_ != position()) {
    stalled_at_ = position();
    stalled_since_ns_ = now;
    // At first sight of it nearly every claim is about to be committed, and to ask who is alive takes system calls.
    if (!Schedule::kImpatient) return Resolution::empty;
  }
  auto end = position() + 1;  // the whole claim is settled at once, not a bound per record
  const bool nobody_left = owners_are_dead(end);
  if (!nobody_left && now - stalled_since_ns_ < map_.void_after_ns) return Resolution::empty;
  if (!ring_->writable()) return Resolution::damaged;
  if (map_.writers == WriterMode::one) end = position() + 1;
  void_range<Schedule>(map_, position(), std::min({end, tail, position() + map_.slot_count}));
  return Resolution::again;
}

// Goes on to the next record. A reader that is behind asks for the lines of a later one; one that has caught up would take them from
// the publisher that is filling them.
template <class Schedule>
[[gnu::always_inline]] inline void BasicReader<Schedule>::took_record(std::size_t inline_bytes) noexcept {
  if (++run_ > kRunOfOneBehind) {
    const auto lines = lines_of(inline_bytes);
    if (const auto slots = slots_ahead(lines); slots != 0) fetch_to_read(&map_.slot(position() + slots), lines);
  }
  at_.advance(map_);
  empty_polls_ = 0;
}

template <class Schedule>
ReadOutcome BasicReader<Schedule>::deliver(RecordView& view) noexcept {
  if (!gating_) return deliver_copy(view);
  auto& slot = at_.slot();
  const auto header = load_header(slot);
  auto payload = std::span<const std::byte>(map_.payload(slot), map_.inline_capacity());
  std::uint64_t arena_hash = 0;
  if (header.in_arena()) [[unlikely]] {
    const auto place = load_arena_slot(map_, slot);
    arena_hash = hash_arena_slot(place);
    payload = map_.extent(place.extent, header.payload_bytes());
  }
  if (header.payload_bytes() > payload.size()) return report_damaged(view);
  payload = payload.first(header.payload_bytes());
  if (kChecksums<Schedule> && !verify(map_, at_.committed_word(), header, arena_hash, payload)) return report_damaged(view);
  view = make_view(header, payload);
  took_record(header.in_arena() ? sizeof(ArenaSlot) : payload.size());
  return ReadOutcome::record;
}

// Copy, then look at the claim frontier, and only then believe: the slot's own word still shows the old lap while it is overwritten.
template <class Schedule>
ReadOutcome BasicReader<Schedule>::deliver_copy(RecordView& view) noexcept {
  auto& slot = at_.slot();
  const auto header = load_header(slot);
  const bool in_arena = header.in_arena();
  ArenaSlot place{};
  auto payload = std::span<const std::byte>(map_.payload(slot), map_.inline_capacity());
  std::uint64_t arena_hash = 0;
  if (in_arena) {
    place = load_arena_slot(map_, slot);
    arena_hash = hash_arena_slot(place);
    payload = map_.extent(place.extent, header.payload_bytes());
  }
  const bool fits = header.payload_bytes() <= payload.size();
  if (fits) {
    payload = payload.first(header.payload_bytes());
    if (passed_by()) return report_overrun();
    if (payload.size() > copy_.size()) {  // no memory is reserved for what may be nonsense
      if (kChecksums<Schedule> && !verify_hashed(map_, at_.committed_word(), header, arena_hash, place.payload_hash)) return report_damaged(view);
      copy_.resize(payload.size());
    }
    Schedule::point(Step::read_word);
    copy_shared(copy_.data(), payload.data(), payload.size());
    payload = std::span<const std::byte>(copy_).first(payload.size());
  }
  Schedule::point(Step::read_horizon);
  if (passed_by()) return report_overrun();
  if (!fits || (kChecksums<Schedule> && !verify(map_, at_.committed_word(), header, arena_hash, payload))) {
    if (in_arena && payload_is_gone(map_, position(), header, place)) {
      lost_ = {position(), position() + 1};
      at_.advance(map_);
      return ReadOutcome::lost;
    }
    return report_damaged(view);
  }
  view = make_view(header, payload);
  took_record(header.in_arena() ? sizeof(ArenaSlot) : payload.size());
  return ReadOutcome::record;
}

template <class Schedule>
ReadOutcome BasicReader<Schedule>::report_damaged(RecordView& view) noexcept {
  auto& slot = at_.slot();
  copy_shared(copy_.data(), reinterpret_cast<const std::byte*>(&slot), map_.slot_bytes);
  if (!gating_ && passed_by()) return report_overrun();
  if (lost_protection()) return ReadOutcome::fenced;
  view = make_view(load_header(slot), std::span<const std::byte>(copy_).first(map_.slot_bytes));
  at_.advance(map_);
  empty_polls_ = 0;
  return ReadOutcome::damaged;
}

}  // namespace fabric::ipc
