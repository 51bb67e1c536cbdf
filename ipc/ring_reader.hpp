#pragma once
// Reading a ring: poll, verify, deliver, ack (ipc/DESIGN.md, table C).
//
// Three kinds of reader, chosen at attach:
//   gating        publishers wait for it; records are delivered in place (zero-copy) and stay valid until they are acked
//   overrunnable  publishers pass it; each record is copied out, and believed only after the claim frontier was checked
//   observer      no cursor at all, read-only mapping: an overrunnable reader that also never settles anybody's claim
// Every delivered record has passed its XXH3 checksum. Whatever was skipped is reported: `lost` with the exact range,
// `damaged` with the raw bytes. All readers see the same records in the same order.
//
// Not thread-safe: one thread at a time. Lock-free; no system call but to ask who is alive and to settle a claim that has been
// unfinished for the ring's bound. No allocation after attach, but for the copy of an arena payload (overrunnable readers).

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ipc/checksum.hpp"
#include "ipc/clock.hpp"
#include "ipc/copy.hpp"
#include "ipc/cursor.hpp"
#include "ipc/inspect.hpp"
#include "ipc/prefetch.hpp"
#include "ipc/record.hpp"
#include "ipc/ring.hpp"
#include "ipc/verdict.hpp"
#include "ipc/waiter.hpp"

namespace fabric::ipc {

enum class ReadOutcome : std::uint8_t {
  record,         // a record was delivered
  empty,          // nothing committed yet
  lost,           // publishers passed this reader: lost_range() is gone
  damaged,        // the record fails its checksum: its raw bytes are in the view's payload; reading goes on behind it
  fenced,         // another member took the cursor; this reader is of no more use
  wrong_process,  // a reader inherited by fork
};
const char* to_string(ReadOutcome outcome) noexcept;

// What a handler sees. Valid until the record is acked (gating), or until the next read (otherwise).
struct RecordView {
  std::uint64_t sequence = 0;
  std::uint64_t timestamp_ns = 0;  // the ring's clock: Unix time
  std::uint32_t schema = 0;
  std::uint8_t flags = 0;          // kExtended, kUserFlags
  std::span<const std::byte> payload{};
};

// Records [first, end) that this reader will never see.
struct LostRange {
  std::uint64_t first = 0, end = 0;
};

struct ReaderOptions {
  std::optional<CursorOptions> cursor{};  // none: an observer
  StartAt start{};                        // for an existing durable cursor: ignored, it goes on where it stands
};

struct PollResult {
  std::uint64_t records = 0;
  ReadOutcome outcome = ReadOutcome::empty;  // why the poll ended; `record`: because of its limit
};

// What is common to all instantiations: attach, seek, the slow and rare paths.
class alignas(kLine) ReaderBase {
 public:
  ReaderBase(ReaderBase&&) noexcept = default;
  ReaderBase& operator=(ReaderBase&&) = delete;
  ~ReaderBase();

  std::uint64_t position() const noexcept { return at_.sequence(); }  // the next sequence to read
  std::uint64_t acked() const noexcept { return PositionWord::sequence(owned_.position_word); }
  // Where the cursor was created, last moved forwards to, or went on behind a loss (layout.hpp); an observer: where it was attached, likewise.
  // What lies before was not read by it, or nobody can say so any more.
  std::uint64_t started() const noexcept { return owned_.started; }
  LostRange lost_range() const noexcept { return lost_; }    // after ReadOutcome::lost
  bool gating() const noexcept { return gating_; }
  // Whether the cursor is still this reader's, so that what it has read and not acked lies unchanged where it lay: to be asked after
  // bytes were used. True for readers that have no such protection.
  bool is_protected() noexcept { return !lost_protection(); }
  // Whether an ack would count now. True for observers, which have none.
  bool holds_cursor() const noexcept { return !fenced_ && !cursor_was_taken(); }
  const Ring& ring() const noexcept { return *ring_; }
  std::shared_ptr<Ring> shared_ring() const noexcept { return ring_; }
  WaitTarget wait_target() const noexcept { return {&map_, at_.sequence()}; }

  // Moves to the given place, within what is retained (and for a gating reader: not before what it has acked). Returns the position.
  Result<std::uint64_t> seek(StartAt start);

  // Everything read so far, or everything below `sequence`, is done with. False: fenced.
  bool ack() noexcept { return ack(position()); }
  bool ack(std::uint64_t sequence) noexcept;

 protected:
  ReaderBase(std::shared_ptr<Ring> ring, const std::optional<OwnedCursor>& owned, bool gating, std::uint64_t next);
  bool cursor_was_taken() const noexcept;
  bool owners_are_dead(std::uint64_t& end) const noexcept;
  bool lost_protection() noexcept;
  void begin_behind(std::uint64_t sequence) noexcept;
  ReadOutcome report_overrun() noexcept;

  std::shared_ptr<Ring> ring_;
  RingMap map_;
  OwnedCursor owned_;
  MovedPointer<CursorLine> cursor_;  // null: an observer
  bool gating_, fenced_ = false;
  Place at_;                                            // the next record
  std::uint32_t empty_polls_ = 0;                       // since the last record
  std::uint32_t run_ = 0;                               // records since the last empty poll
  std::uint64_t looked_at_ns_ = 0;                      // when inspect() last ran
  std::uint64_t stalled_at_ = ~std::uint64_t{0}, stalled_since_ns_ = 0;
  LostRange lost_;
  Clock clock_;
  std::vector<std::byte> copy_;                         // a slot image; grows for arena payloads of overrunnable readers
};

template <class Schedule = FreeRunning>
class BasicReader : public ReaderBase {
 public:
  // Errors: those of acquire_cursor; busy when the ring changes faster than it can be searched.
  static Result<BasicReader> attach(std::shared_ptr<Ring> ring, const ReaderOptions& options = {});

  // The next record, if there is one. Non-blocking. Its place is taken: the following call goes on behind it.
  ReadOutcome next(RecordView& view) noexcept;

  // Hands up to `most` records to `handler(const RecordView&)`; stops before anything else than a record, which the result names.
  // Does not ack.
  template <class Handler>
  PollResult poll(Handler&& handler, std::uint64_t most = 256) {
    PollResult result;
    RecordView view;
    while (result.records < most) {
      result.outcome = next(view);
      if (result.outcome != ReadOutcome::record) return result;
      ++result.records;
      handler(static_cast<const RecordView&>(view));
    }
    return result;
  }

 private:
  using ReaderBase::ReaderBase;
  enum class Resolution : std::uint8_t { deliver, skip, again, overrun, damaged, empty };

  Resolution resolve_contested() noexcept;
  Resolution resolve_uncommitted(std::uint64_t word) noexcept;
  Resolution inspect(std::uint64_t word, std::uint64_t now) noexcept;
  ReadOutcome deliver(RecordView& view) noexcept;
  ReadOutcome deliver_copy(RecordView& view) noexcept;
  ReadOutcome report_damaged(RecordView& view) noexcept;
  RecordView make_view(const HeaderCopy& header, std::span<const std::byte> payload) const noexcept {
    return {.sequence = at_.sequence(),
            .timestamp_ns = header.timestamp_ns,
            .schema = ContentWord::schema(header.content),
            .flags = static_cast<std::uint8_t>(ContentWord::flags(header.content) & (kExtended | kUserFlags)),
            .payload = payload};
  }
  void took_record(std::size_t inline_bytes) noexcept;
  bool passed_by() const noexcept {
    std::atomic_thread_fence(std::memory_order_acquire);  // SYNC: claim-frontier
    return map_.tail() > at_.sequence() + map_.slot_count;
  }
};

using Reader = BasicReader<>;

}  // namespace fabric::ipc

#include "ipc/ring_reader_impl.hpp"
