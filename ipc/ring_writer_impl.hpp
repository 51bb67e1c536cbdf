#pragma once
// The publish path itself; included by ring_writer.hpp. Steps are numbered as in ipc/DESIGN.md, section 2.

#include <algorithm>
#include <utility>

#include "ipc/ring_writer.hpp"

namespace fabric::ipc {

template <class Schedule>
Result<BasicPublisher<Schedule>> BasicPublisher<Schedule>::attach(std::shared_ptr<Ring> ring,
                                                                  const PublisherOptions& options) {
  auto line = acquire_line(*ring);
  if (!line) return line.error();
  BasicPublisher publisher(std::move(ring), *line);
  if (publisher.one_writer()) {
    if (auto lease = publisher.acquire_lease(options.take_over); !lease) return lease.error();
    publisher.unsettled_ = true;
    const auto outcome = publisher.extend_claim(kMaxStride, {});
    if (outcome != PublishOutcome::published && outcome != PublishOutcome::back_pressure)
      return make_error(ErrorCode::busy, publisher.ring().path() + ": " + to_string(outcome));
    publisher.leave_publish();
  }
  return publisher;
}

template <class Schedule>
[[gnu::always_inline]] inline PublishOutcome BasicPublisher<Schedule>::commit_staged(const Staged& staged, std::uint64_t wanted,
                                                       std::uint64_t now_ns) noexcept {
  for (std::uint64_t tries = 0; tries < map_.patience(); ++tries) {
    if (claim_is_used()) {
      if (const auto outcome = extend_claim(wanted, staged.options); outcome != PublishOutcome::published) return outcome;
    }
    const auto sequence = at_.sequence();
    if (!slot_is_plain() && !slot_is_clean(sequence)) [[unlikely]] {  // step 4
      void_own<Schedule>(map_, sequence);
      at_.advance(map_);
      line_->voided.store(++voided_, std::memory_order_relaxed);
      continue;
    }
    if (const auto* admission = staged.options.admission; admission != nullptr) [[unlikely]] {
      if (!admission->admit(admission->context, sequence)) {
        void_own<Schedule>(map_, sequence);
        at_.advance(map_);
        return PublishOutcome::refused;
      }
    }
    Schedule::point(Step::write);
    write(staged, now_ns);  // step 6
    light_fence();          // SYNC: commit-horizon
    const bool stands = commit_stands<Schedule>(map_, sequence);
    at_.advance(map_);
    if (stands) [[likely]] {  // step 7
      fetch_ahead(staged.extent.block_count != 0 ? sizeof(ArenaSlot) : staged.payload.size());
      ++published_;
      if (staged.sequence != nullptr) *staged.sequence = sequence;
      return map_.sync == SyncMode::none ? PublishOutcome::published : write_back(sequence, staged.extent.block_count != 0 ? staged.payload : std::span<const std::byte>{});
    }
    line_->voided.store(++voided_, std::memory_order_relaxed);
    if (one_writer() && !holds_lease()) {
      drop_claim();
      return PublishOutcome::fenced;
    }
    // The lost record is written again before any later one: our own order holds, also within this claim.
  }
  return PublishOutcome::damaged;
}

// Steps 2 and 3, and the first look at the sleepers (step 5).
template <class Schedule>
PublishOutcome BasicPublisher<Schedule>::extend_claim(std::uint64_t wanted, const RecordOptions& options) noexcept {
  for (std::uint64_t tries = 0; tries < map_.patience(); ++tries) {
    auto tail = map_.tail();
    // SYNC: lease (after the load of tail: a successor changes the lease before it claims)
    if (one_writer() && !holds_lease()) return PublishOutcome::fenced;
    if (!is_routed_here(options)) [[unlikely]] return PublishOutcome::moved;
    auto count = one_writer() ? std::min(kMaxStride, map_.slot_count / 4) : std::min(wanted, kMaxClaim);
    if (const auto outcome = find_room(tail, count); outcome != PublishOutcome::published) {
      // No room: what an old owner left unfinished may be the very thing that readers, and so the gate, wait for.
      if (unsettled_ && outcome == PublishOutcome::back_pressure) settle_below(tail);
      return outcome;
    }
    Schedule::point(Step::intent);
    // SYNC: intent (released by the CAS below; whoever claims on this slot later has read from that CAS)
    line_->intent.store(IntentWord::make(tail, count, true), std::memory_order_relaxed);
    Schedule::point(Step::claim);
    if (!map_.control->tail.compare_exchange_strong(tail, tail + count, std::memory_order_acq_rel)) continue;
    std::atomic_thread_fence(std::memory_order_release);  // SYNC: claim-frontier
    alone_ = tail == claim_end_;
    at_.move_to(map_, tail);
    claim_end_ = tail + count;
    if (unsettled_) [[unlikely]] {  // DESIGN.md, section 3: claim first, then settle everything below the claim
      settle_below(tail);
      unsettled_ = false;
    }
    light_fence();  // SYNC: sleep-ticket
    if (somebody_sleeps(*map_.control)) [[unlikely]] wake_sleepers(*map_.control);
    Schedule::point(Step::inspect);
    if (!is_routed_here(options)) [[unlikely]] {  // SYNC: route (after the CAS on tail: one of the two sees the other)
      drop_claim();
      return PublishOutcome::moved;
    }
    return PublishOutcome::published;
  }
  return PublishOutcome::damaged;
}

template <class Schedule>
void BasicPublisher<Schedule>::settle_below(std::uint64_t end) noexcept {
  void_range<Schedule>(map_, end > map_.slot_count ? end - map_.slot_count : 0, end);
}

template <class Schedule>
PublishOutcome BasicPublisher<Schedule>::find_room(std::uint64_t tail, std::uint64_t& count) noexcept {
  if (tail + count > map_.max_sequence()) return PublishOutcome::exhausted;
  count = std::min(count, map_.slot_count / 2);
  if (tail >= limit_) {
    const auto refreshed = refresh_limit<Schedule>(map_, tail, std::max(count, gate_step(map_)));
    limit_ = refreshed.limit;
    if (tail >= limit_) {
      note_blocked(refreshed.slowest);
      return PublishOutcome::back_pressure;
    }
  }
  if (line_->blocked_since_ns.load(std::memory_order_relaxed) != 0) [[unlikely]] note_unblocked();
  count = std::min(count, limit_ - tail);
  return PublishOutcome::published;
}

// The first row of table A, inlined.
template <class Schedule>
[[gnu::always_inline]] inline bool BasicPublisher<Schedule>::slot_is_plain() noexcept {
  if (at_.slot().word.load(std::memory_order_acquire) != at_.previous_word()) [[unlikely]] return false;
  // In the first lap there is nothing before, and the difference is larger than any horizon.
  return at_.sequence() - map_.slot_count >= map_.control->horizon.load(std::memory_order_acquire);
}

template <class Schedule>
[[gnu::always_inline]] inline void BasicPublisher<Schedule>::fetch_ahead(std::size_t inline_bytes) const noexcept {
  const auto lines = lines_of(inline_bytes);
  if (const auto slots = slots_ahead(lines); slots != 0) fetch_to_write(&map_.slot(at_.sequence() + slots), lines);
}

// Table A.
template <class Schedule>
bool BasicPublisher<Schedule>::slot_is_clean(std::uint64_t sequence) noexcept {
  const auto lap = map_.lap(sequence);
  const auto word = map_.slot(sequence).word.load(std::memory_order_acquire);
  const bool previous_lap = word == (lap == 1 ? 0 : SlotWord::committed(lap - 1));
  if (previous_lap && (lap == 1 || sequence - map_.slot_count >= map_.control->horizon.load(std::memory_order_acquire)))
      [[likely]] return true;
  Schedule::point(Step::quarantine);
  const auto verdict = settle<Schedule>(map_, sequence);
  if (previous_lap && (lap == 1 || !says_void(verdict, lap - 1))) return true;
  Schedule::point(Step::quarantine);
  if (others_intend(sequence)) return false;
  return (SlotWord::valid(word) && SlotWord::lap(word) < lap) || mend_word(sequence);
}

// Nobody else may write the slot any more. Left as it is, a damaged word (one of our lap or a later one is damage, too) would pass for our
// record, if we were stopped now: readers would go on, and yet the commit would stand.
//
//     publisher                    voider
//     word = 0                     v = contested(L)
//     light fence                  heavy fence
//     looks at v                   looks at the word
//
// So the claim is void for both, or the publisher sees that it was reported as damaged, and leaves it at that.
template <class Schedule>
bool BasicPublisher<Schedule>::mend_word(std::uint64_t sequence) noexcept {
  map_.slot(sequence).word.store(0, std::memory_order_release);
  light_fence();  // SYNC: commit-horizon
  Schedule::point(Step::quarantine);
  return VerdictWord::lap(settle<Schedule>(map_, sequence)) != map_.lap(sequence);
}

template <class Schedule>
[[gnu::always_inline]] inline void BasicPublisher<Schedule>::write(const Staged& staged, std::uint64_t now_ns) noexcept {
  auto& slot = at_.slot();
  auto* place = map_.payload(slot);
  RecordMeta meta{.committed_word = at_.committed_word(),
                  .timestamp_ns = now_ns + static_cast<std::uint64_t>(map_.time_bias_ns),
                  .content = ContentWord::make(static_cast<std::uint32_t>(staged.payload.size()), staged.options.schema,
                                               staged.options.flags & (kExtended | kUserFlags)),
                  .arena_reference = 0};
  if (staged.extent.block_count != 0) [[unlikely]] {
    meta.content |= ContentWord::make(0, 0, kInArena);
    const ArenaSlot in_arena{staged.extent, staged.hash};
    meta.arena_reference = hash_arena_slot(in_arena);
    copy_shared(place, reinterpret_cast<const std::byte*>(&in_arena), sizeof in_arena);
  } else {
    copy_shared(place, staged.payload.data(), staged.payload.size());
  }
  Schedule::point(Step::write);
  store_field(slot.checksum, kChecksums<Schedule> ? record_checksum(meta, staged.hash, map_.salt) : 0);
  store_field(slot.timestamp_ns, meta.timestamp_ns);
  store_field(slot.content, meta.content);
  Schedule::point(Step::commit);
  slot.word.store(meta.committed_word, std::memory_order_release);  // SYNC: commit
}

template <class Schedule>
PublishOutcome BasicPublisher<Schedule>::commit_admitted(const Staged& staged, std::uint64_t now_ns) noexcept {
  if (!one_writer()) drop_claim();
  line_->announced.store(staged.options.admission->announced, std::memory_order_release);  // SYNC: announced
  enter_publish();
  const auto outcome = commit_staged(staged, 1, now_ns);
  leave_publish();
  line_->announced.store(0, std::memory_order_release);  // after the intent: who sees both sees the claim's own
  return outcome;
}

// A fenced owner's stride is settled by its successor, too; nobody has to wait for that.
template <class Schedule>
void BasicPublisher<Schedule>::drop_claim() noexcept {
  for (; !claim_is_used(); at_.advance(map_)) void_own<Schedule>(map_, at_.sequence());
}

template <class Schedule>
PublishOutcome BasicPublisher<Schedule>::publish_batch(std::span<const std::span<const std::byte>> payloads,
                                                       std::size_t& published, const RecordOptions& options) noexcept {
  published = 0;
  const auto inline_bytes = map_.inline_capacity();
  const bool all_inline = std::all_of(payloads.begin(), payloads.end(), [&](auto p) { return p.size() <= inline_bytes; });
  if (!all_inline) {
    for (const auto payload : payloads) {
      const auto outcome = publish(payload, options);
      if (outcome == PublishOutcome::published || outcome == PublishOutcome::sync_failed) ++published;
      if (outcome != PublishOutcome::published) return outcome;
    }
    return PublishOutcome::published;
  }
  if (!ring_->owned_by_this_process()) return PublishOutcome::wrong_process;
  const auto now_ns = clock_.now_ns();
  auto outcome = PublishOutcome::published;
  enter_publish();
  for (const auto payload : payloads) {
    outcome = commit_staged({payload, hash(payload), {}, options, options.sequence}, payloads.size() - published, now_ns);
    if (outcome == PublishOutcome::published || outcome == PublishOutcome::sync_failed) ++published;
    if (outcome != PublishOutcome::published) break;
  }
  leave_publish();
  return outcome;
}

template <class Schedule>
PublishOutcome BasicPublisher<Schedule>::publish_large(std::span<const std::byte> payload, const RecordOptions& options) noexcept {
  auto room = claim(payload.size());
  if (!room) return room.outcome();
  std::memcpy(room.bytes().data(), payload.data(), payload.size());
  // Hashed where the caller has it: what somebody scribbles into the arena meanwhile is damage, not a record.
  return room.commit_hashed(payload.size(), hash(payload), options);
}

template <class Schedule>
BasicClaim<Schedule> BasicPublisher<Schedule>::claim(std::size_t bytes) noexcept {
  using Room = BasicClaim<Schedule>;
  if (!ring_->owned_by_this_process()) return Room(PublishOutcome::wrong_process);
  if (bytes <= map_.inline_capacity()) return Room(this, std::span(staging_).first(bytes), {});
  if (bytes > max_payload_bytes()) return Room(PublishOutcome::too_large);
  ArenaReference extent{};
  if (!stage_extent(bytes, extent)) return Room(PublishOutcome::arena_full);
  return Room(this, map_.extent(extent, bytes), extent);
}

template <class Schedule>
PublishOutcome BasicClaim<Schedule>::commit(std::size_t bytes, const RecordOptions& options) noexcept {
  if (publisher_ == nullptr) return outcome_;
  publisher_->fetch_first_line();
  const auto payload = bytes_.first(std::min(bytes, bytes_.size()));
  return commit_hashed(payload.size(), publisher_->hash(payload), options);
}

template <class Schedule>
PublishOutcome BasicClaim<Schedule>::commit_hashed(std::size_t bytes, std::uint64_t hash, const RecordOptions& options) noexcept {
  std::uint64_t sequence = 0;
  const auto outcome = publisher_->commit_record({bytes_.first(bytes), hash, extent_, options, &sequence});
  if (outcome != PublishOutcome::published && outcome != PublishOutcome::sync_failed) return outcome;
  if (options.sequence != nullptr) *options.sequence = sequence;
  if (extent_.block_count != 0) publisher_->arena_.stamp(extent_, publisher_->holder_, sequence);
  publisher_ = nullptr;
  return outcome;
}

template <class Schedule>
BasicClaim<Schedule>::~BasicClaim() {
  if (publisher_ != nullptr && extent_.block_count != 0 && publisher_->ring_->owned_by_this_process())
    publisher_->arena_.release(extent_, publisher_->holder_);
}

}  // namespace fabric::ipc
