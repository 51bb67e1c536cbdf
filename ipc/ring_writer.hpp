#pragma once
// Publishing into a ring: claim, write, commit (ipc/DESIGN.md, section 2).
//
// Invariants: P1 and P2 of the design. A Publisher owns one publisher line; its own state (at_, claim_end_) is private.
// Not thread-safe: one thread at a time; as many Publishers as threads (ring.max_publishers lines in all).
// Cost, one writer: no locked instruction; many writers: one CAS per claim. No system call but to wake sleepers, to ask whether
// a blocking cursor's owner is alive (at most every 10 ms), and for a `sync` ring. No allocation after attach.

#include <memory>
#include <span>
#include <vector>

#include "ipc/arena.hpp"
#include "ipc/checksum.hpp"
#include "ipc/clock.hpp"
#include "ipc/copy.hpp"
#include "ipc/gate.hpp"
#include "ipc/prefetch.hpp"
#include "ipc/ring.hpp"
#include "ipc/verdict.hpp"
#include "ipc/waiter.hpp"

namespace fabric::ipc {

enum class PublishOutcome : std::uint8_t {
  published,      // seen by every gating reader, through any kill from now on
  back_pressure,  // the slowest gating cursor stands one ring behind: see Publisher::blame(); try again
  arena_full,     // no room for a large payload until gating readers advance; try again
  too_large,      // larger than the arena (or than a slot, where there is no arena)
  fenced,         // one writer: another publisher took the lease; this Publisher is of no more use
  exhausted,      // the last possible sequence of the ring is used: create the topic anew
  sync_failed,    // published, but the device reported an error when it was written back
  wrong_process,  // a Publisher inherited by fork; attach in the child
  damaged,        // the control words of the ring make no sense; run evf fsck
  moved,          // not published: the ring's route is not RecordOptions::route (any more); ask where the record belongs
  refused,        // not published: RecordOptions::admission said no
};
const char* to_string(PublishOutcome outcome) noexcept;

// A question that is asked between claim and commit, when the record's sequence is known and nothing of it is written. What precedes it in
// the ring precedes it for ever, so `admit` decides on all of that: committed records, void claims, and claims that are not finished
// yet, whose publishers show what they are about in PublisherLine::announced.
//
//     publisher A                       publisher B
//     announced = a                     announced = b
//     claims s                          claims t > s
//                                       looks at everything below t: s is not finished, A's intent covers it, and says a
//
// B sees `a`: A stored it before the CAS on `tail` that B's own CAS has read from. So every record is announced before it is claimed; a claim
// that was made ahead of that (the rest of a batch that ended early) is given back first. Only one-writer rings keep their stride: nobody
// else claims there.
struct Admission {
  std::uint64_t announced = 0;  // not 0
  bool (*admit)(void* context, std::uint64_t sequence) noexcept = nullptr;  // false: the claim is voided, `refused`
  void* context = nullptr;
};

struct RecordOptions {
  std::uint32_t schema = 0;       // 24 bits
  std::uint8_t flags = 0;         // kExtended and kUserFlags
  std::uint64_t* sequence = nullptr;  // out: the record's sequence
  const Admission* admission = nullptr;  // none: always. Not for batches
  // Publish only while the ring's route word is this. Exact: of a change of the word and a claim one comes first; who changes the word (seq_cst)
  // and then loads `tail` knows that everything claimed for the old value stands below. A one-writer publisher looks when it claims a stride: what it
  // publishes in one that it had claimed before is below that as well.
  static constexpr std::uint64_t kAnyRoute = ~std::uint64_t{0};
  std::uint64_t route = kAnyRoute;
};

struct PublisherOptions {
  bool take_over = false;  // one writer: take the lease from a live owner by force
};

// Who holds publishers up: the slowest gating cursor.
struct Blame {
  std::uint32_t cursor = Slowest::kNone;  // index; kNone: nobody
  std::uint64_t position = 0;             // its next sequence
  std::uint64_t since_ns = 0;             // CLOCK_MONOTONIC of the first refusal
};

template <class Schedule>
class BasicPublisher;
template <class Schedule>
class BasicClaim;

// A record under construction, zero-copy: in the arena, or in a private image of a slot. Nothing of the ring is claimed before
// commit; out of scope without commit it is aborted. Move-only; one at a time per Publisher.
template <class Schedule>
class BasicClaim {
 public:
  BasicClaim(BasicClaim&& other) noexcept
      : publisher_(std::exchange(other.publisher_, nullptr)), bytes_(other.bytes_), extent_(other.extent_),
        outcome_(other.outcome_) {}
  BasicClaim& operator=(BasicClaim&&) = delete;
  ~BasicClaim();

  explicit operator bool() const noexcept { return publisher_ != nullptr; }
  PublishOutcome outcome() const noexcept { return outcome_; }  // why there is no claim
  std::span<std::byte> bytes() const noexcept { return bytes_; }
  // The first `bytes` of bytes() become a record. On back_pressure the claim stays and may be committed again.
  PublishOutcome commit(std::size_t bytes, const RecordOptions& options = {}) noexcept;

 private:
  friend class BasicPublisher<Schedule>;
  explicit BasicClaim(PublishOutcome outcome) noexcept : outcome_(outcome) {}
  PublishOutcome commit_hashed(std::size_t bytes, std::uint64_t hash, const RecordOptions& options) noexcept;
  BasicClaim(BasicPublisher<Schedule>* publisher, std::span<std::byte> bytes, ArenaReference extent) noexcept
      : publisher_(publisher), bytes_(bytes), extent_(extent), outcome_(PublishOutcome::published) {}

  BasicPublisher<Schedule>* publisher_ = nullptr;
  std::span<std::byte> bytes_;
  ArenaReference extent_{};
  PublishOutcome outcome_;
};

// What is common to all instantiations: attach, detach, slow and rare paths.
class alignas(kLine) PublisherBase {
 public:
  PublisherBase(PublisherBase&&) noexcept = default;
  PublisherBase& operator=(PublisherBase&&) = delete;
  ~PublisherBase();

  Blame blame() const noexcept;
  const Ring& ring() const noexcept { return *ring_; }
  std::uint32_t line() const noexcept { return line_index_; }
  std::uint64_t published() const noexcept { return line_->published.load(std::memory_order_relaxed); }
  // Largest payload that publish() takes, in bytes.
  std::uint64_t max_payload_bytes() const noexcept;
  // Gives up what is claimed and not used, so that everything below `tail` is somebody else's or settled: the rest of a stride, or of a batch
  // that ended early.
  void give_up_claim() noexcept;
  // Writes back a retained record, whoever published it, as publish() does with its own: for who vouches for it. Outcomes: published, sync_failed.
  PublishOutcome write_back(std::uint64_t sequence) noexcept;

 protected:
  PublisherBase(std::shared_ptr<Ring> ring, std::uint32_t line);
  static Result<std::uint32_t> acquire_line(const Ring& ring);
  Result<void> acquire_lease(bool take_over) noexcept;
  bool holds_lease() const noexcept { return map_.control->lease.load(std::memory_order_acquire) == lease_; }
  void note_blocked(const Slowest& slowest) noexcept;
  void note_unblocked() noexcept;
  bool claim_is_used() const noexcept { return at_.sequence() == claim_end_; }
  std::uint64_t intent(bool busy) const noexcept {
    return IntentWord::make(at_.sequence(), claim_end_ - at_.sequence(), busy);
  }
  bool stage_extent(std::uint64_t bytes, ArenaReference& extent) noexcept;
  bool others_intend(std::uint64_t sequence) noexcept;
  PublishOutcome write_back(std::uint64_t sequence, std::span<const std::byte> in_arena) noexcept;

  std::shared_ptr<Ring> ring_;
  RingMap map_;
  MovedPointer<PublisherLine> line_;
  std::uint32_t line_index_;
  std::uint64_t holder_;    // how our arena blocks are marked
  bool unsettled_ = false;  // one writer: what lies below our first claim is still to be settled
  std::uint64_t lease_ = 0;
  Place at_;                                // what is left of our claim: [at_, claim_end_)
  std::uint64_t claim_end_ = 0;
  bool alone_ = true;                       // nobody has claimed between our last two claims
  std::uint64_t limit_ = 0;                 // as last seen; it never falls
  std::uint64_t published_ = 0, voided_ = 0;
  std::uint64_t liveness_asked_ns_ = 0;
  std::uint32_t unsynced_ = 0;
  Clock clock_;
  Arena arena_;
  std::vector<std::byte> staging_;
};

template <class Schedule = FreeRunning>
class BasicPublisher : public PublisherBase {
 public:
  // Takes a publisher line (one writer: and the lease). Reclaims the lines of dead publishers on the way.
  // Errors: busy (one writer: the lease's owner is alive), no_space (all lines in use), permission (read-only ring).
  static Result<BasicPublisher> attach(std::shared_ptr<Ring> ring, const PublisherOptions& options = {});

  // Copies the payload into the ring. Non-blocking.
  PublishOutcome publish(std::span<const std::byte> payload, const RecordOptions& options = {}) noexcept {
    if (payload.size() > map_.inline_capacity()) return publish_large(payload, options);
    fetch_first_line();
    return commit_record({payload, hash(payload), {}, options, options.sequence});
  }

  // Copies several, in this order and with one claim and one time stamp where there is room; `published` counts those that
  // are in. Stops at the first that is not. Payloads that do not fit a slot go one by one. Non-blocking.
  PublishOutcome publish_batch(std::span<const std::span<const std::byte>> payloads, std::size_t& published,
                               const RecordOptions& options = {}) noexcept;

  // Room for a payload of up to `bytes`, see BasicClaim. Non-blocking.
  BasicClaim<Schedule> claim(std::size_t bytes) noexcept;

 private:
  friend class BasicClaim<Schedule>;
  using PublisherBase::PublisherBase;

  struct Staged {
    std::span<const std::byte> payload;
    std::uint64_t hash;
    ArenaReference extent;  // block_count 0: inline
    const RecordOptions& options;  // not a copy: written field by field and loaded whole, it would wait for the stores
    std::uint64_t* sequence;       // out, or null
  };

  static std::uint64_t hash(std::span<const std::byte> payload) noexcept {
    return kChecksums<Schedule> ? hash_bytes(payload.data(), payload.size()) : 0;
  }
  PublishOutcome publish_large(std::span<const std::byte> payload, const RecordOptions& options) noexcept;
  PublishOutcome commit_record(const Staged& staged) noexcept {
    if (!ring_->owned_by_this_process()) [[unlikely]] return PublishOutcome::wrong_process;
    const auto now_ns = clock_.now_ns();
    if (staged.options.admission != nullptr) [[unlikely]] return commit_admitted(staged, now_ns);
    enter_publish();
    const auto outcome = commit_staged(staged, 1, now_ns);
    leave_publish();
    return outcome;
  }
  PublishOutcome commit_staged(const Staged& staged, std::uint64_t wanted, std::uint64_t now_ns) noexcept;
  PublishOutcome extend_claim(std::uint64_t wanted, const RecordOptions& options) noexcept;
  PublishOutcome commit_admitted(const Staged& staged, std::uint64_t now_ns) noexcept;
  bool is_routed_here(const RecordOptions& options) const noexcept {
    return options.route == RecordOptions::kAnyRoute || map_.control->route.load(std::memory_order_seq_cst) == options.route;
  }
  PublishOutcome find_room(std::uint64_t tail, std::uint64_t& count) noexcept;
  bool slot_is_plain() noexcept;
  bool slot_is_clean(std::uint64_t sequence) noexcept;
  bool mend_word(std::uint64_t sequence) noexcept;
  void fetch_ahead(std::size_t inline_bytes) const noexcept;
  void write(const Staged& staged, std::uint64_t now_ns) noexcept;
  void drop_claim() noexcept;
  void settle_below(std::uint64_t end) noexcept;
  // The reader that polls our next slot has taken its line; we want it back by the time the record is hashed.
  void fetch_first_line() const noexcept {
    if (!claim_is_used() || alone_) fetch_to_write(&at_.slot(), 1);
  }
  // What is left of a stride is about to be used: say so, then look for sleepers (step 5).
  void enter_publish() noexcept {
    if (claim_is_used()) return;  // extend_claim() does both
    line_->intent.store(intent(true), std::memory_order_relaxed);
    light_fence();  // SYNC: sleep-ticket
    if (somebody_sleeps(*map_.control)) [[unlikely]] wake_sleepers(*map_.control);
  }
  void leave_publish() noexcept {
    line_->published.store(published_, std::memory_order_relaxed);
    light_fence();  // SYNC: sleep-ticket (after the commit)
    if (somebody_sleeps(*map_.control)) [[unlikely]] wake_sleepers(*map_.control);
    Schedule::point(Step::clear_intent);
    // SYNC: intent-clear (release: our last write to any slot before at_ comes first)
    line_->intent.store(claim_is_used() ? IntentWord::kNone : intent(false), std::memory_order_release);
  }
  bool one_writer() const noexcept { return map_.writers == WriterMode::one; }
};

using Publisher = BasicPublisher<>;
using Claim = BasicClaim<FreeRunning>;

}  // namespace fabric::ipc

#include "ipc/ring_writer_impl.hpp"
