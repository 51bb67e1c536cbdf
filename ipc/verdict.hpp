#pragma once
// Verdicts: how a claim whose publisher does not come back is settled, without a locked instruction in a publisher's way.
//
// ipc/DESIGN.md, section 2, has the protocol and its invariants P1-P5; tests/model/ring.pml checks it. Every function here is
// lock-free and idempotent: whoever dies in the middle of one leaves a state that any other caller completes.
//
// Power loss, with SyncMode::always. A loser leaves a whole record in its slot, and the page goes to the disk with that of
// the next record. The verdict lies in another page, so it is written back by whoever decides `void`, before anything comes
// of it, and by the loser, before it publishes the record again:
//     publisher                   reader
//     word of s
//                                 void(s)               <- killed before it has written the verdict back
//     lost: the record again at s + 1, written back, reported as published
//     power loss                                        <- without the loser's write-back recovery finds s whole, and s + 1
// A void whose owner never stored the word needs none: recovery finds nothing there. Nor does the horizon: recovery sets it.
// Thread safety: all functions may run in any thread of any process attached for writing.

#include "ipc/fence.hpp"
#include "ipc/ring_file.hpp"
#include "ipc/schedule.hpp"

namespace fabric::ipc {

// The latest verdict of a slot; damage counts as none.
inline std::uint64_t load_verdict(const RingMap& map, std::uint64_t sequence) noexcept {
  const auto word = map.verdict(sequence).load(std::memory_order_acquire);  // SYNC: verdict
  return VerdictWord::valid(word) ? word : 0;
}

// Whether a verdict word says that `lap` of its slot is void. The run saturates: see DESIGN.md.
inline bool says_void(std::uint64_t verdict, std::uint64_t lap) noexcept {
  const auto latest = VerdictWord::lap(verdict);
  if (latest == lap) return VerdictWord::fate(verdict) == Fate::voided;
  return latest > lap && latest - lap <= VerdictWord::run(verdict);
}

inline void raise_horizon(ControlLines& control, std::uint64_t horizon) noexcept {
  auto seen = control.horizon.load(std::memory_order_relaxed);
  // SYNC: horizon (released before the verdict changes; a reader of the verdict's effect sees it)
  while (seen < horizon && !control.horizon.compare_exchange_weak(seen, horizon, std::memory_order_seq_cst)) {
  }
}

// Steps 3 and 4 of a contest without the fence: the caller has made a heavy fence after it saw `contested`.
template <class Schedule = FreeRunning>
void settle_fenced(const RingMap& map, std::uint64_t sequence, std::uint64_t contested) noexcept {
  Schedule::point(Step::settle);
  const auto word = map.slot(sequence).word.load(std::memory_order_acquire);
  // A later lap was written over a committed record, or by a claimant that found nobody left who could commit this one: in
  // neither case does a reader at this sequence need `void`. A damaged word may have been a committed one: never void.
  const bool kept = !SlotWord::valid(word) || SlotWord::lap(word) >= VerdictWord::lap(contested);
  const auto final_word = VerdictWord::make(VerdictWord::lap(contested), VerdictWord::run(contested),
                                            kept ? Fate::kept : Fate::voided);
  Schedule::point(Step::settle);
  map.verdict(sequence).compare_exchange_strong(contested, final_word, std::memory_order_seq_cst);
}

// Settles the slot of `sequence` if its latest verdict is contested. Returns the verdict then.
template <class Schedule = FreeRunning>
std::uint64_t settle(const RingMap& map, std::uint64_t sequence) noexcept {
  auto verdict = load_verdict(map, sequence);
  if (VerdictWord::fate(verdict) != Fate::contested) return verdict;
  heavy_fence();  // SYNC: commit-horizon
  settle_fenced<Schedule>(map, sequence, verdict);
  map.write_back_verdicts(sequence, sequence + 1);
  return load_verdict(map, sequence);
}

// Moves the slot's verdict to (lap of sequence, fate) from one of an earlier lap; the sequence is known to be claimed. False: it has one of this lap or a later one,
// or the ring is damaged. The horizon must be raised already.
template <class Schedule = FreeRunning>
bool open_verdict(const RingMap& map, std::uint64_t sequence, Fate fate) noexcept {
  const auto lap = map.lap(sequence);
  auto& word = map.verdict(sequence);
  for (std::uint64_t tries = 0; tries < map.patience(); ++tries) {
    auto raw = word.load(std::memory_order_acquire);
    const auto verdict = VerdictWord::valid(raw) ? raw : 0;
    if (VerdictWord::lap(verdict) >= lap) return false;
    if (VerdictWord::fate(verdict) == Fate::contested) {
      settle<Schedule>(map, sequence);
      continue;
    }
    // Laps without a verdict in between count as void: they are lapped, nobody can deliver them any more. But where the slot was
    // written since the verdict, its loser had learned it before (table A kept writers away until then): the run starts anew.
    const auto committed = map.slot(sequence).word.load(std::memory_order_acquire);
    const auto written = SlotWord::valid(committed) ? SlotWord::lap(committed) : 0;
    const bool goes_on = VerdictWord::fate(verdict) == Fate::voided && written <= VerdictWord::lap(verdict);
    const auto run = goes_on ? std::min(VerdictWord::run(verdict) + lap - VerdictWord::lap(verdict), VerdictWord::kMaxRun) : 0;
    Schedule::point(Step::contest);
    if (word.compare_exchange_strong(raw, VerdictWord::make(lap, run, fate), std::memory_order_seq_cst)) return true;
  }
  return false;
}

// Voids sequences [first, end) that are neither committed nor settled, under one heavy fence. end - first <= slot_count.
template <class Schedule = FreeRunning>
void void_range(const RingMap& map, std::uint64_t first, std::uint64_t end) noexcept {
  const auto uncommitted = [&](std::uint64_t sequence) {
    const auto word = map.slot(sequence).word.load(std::memory_order_acquire);
    return !SlotWord::valid(word) || SlotWord::lap(word) < map.lap(sequence);
  };
  bool any = false;
  for (auto s = first; s < end; ++s) {
    if (!uncommitted(s)) continue;
    if (!any) {
      Schedule::point(Step::raise_horizon);
      raise_horizon(*map.control, end);
    }
    any = true;
    open_verdict<Schedule>(map, s, Fate::contested);
  }
  if (!any) return;
  heavy_fence();  // SYNC: commit-horizon
  for (auto s = first; s < end; ++s) {
    const auto verdict = load_verdict(map, s);
    if (VerdictWord::fate(verdict) == Fate::contested && VerdictWord::lap(verdict) == map.lap(s))
      settle_fenced<Schedule>(map, s, verdict);
  }
  map.write_back_verdicts(first, end);
}

// Voids a sequence that the caller owns and whose slot word it has not stored: nobody else could commit it.
template <class Schedule = FreeRunning>
void void_own(const RingMap& map, std::uint64_t sequence) noexcept {
  Schedule::point(Step::raise_horizon);
  raise_horizon(*map.control, sequence + 1);
  if (open_verdict<Schedule>(map, sequence, Fate::voided)) return;
  auto verdict = load_verdict(map, sequence);
  if (VerdictWord::lap(verdict) != map.lap(sequence) || VerdictWord::fate(verdict) != Fate::contested) return;
  const auto lost = VerdictWord::make(VerdictWord::lap(verdict), VerdictWord::run(verdict), Fate::voided);
  Schedule::point(Step::settle);
  map.verdict(sequence).compare_exchange_strong(verdict, lost, std::memory_order_seq_cst);
}

// The rows of table B below the horizon.
template <class Schedule = FreeRunning>
[[gnu::noinline]] bool contested_commit_stands(const RingMap& map, std::uint64_t sequence) noexcept {
  const auto lap = map.lap(sequence);
  for (std::uint64_t tries = 0; tries < map.patience(); ++tries) {
    auto verdict = load_verdict(map, sequence);
    if (VerdictWord::lap(verdict) != lap || VerdictWord::fate(verdict) != Fate::contested) {
      const bool lost = says_void(verdict, lap);
      if (lost) map.write_back_verdicts(sequence, sequence + 1);
      return !lost;
    }
    const auto kept = VerdictWord::make(lap, VerdictWord::run(verdict), Fate::kept);
    Schedule::point(Step::settle);
    if (map.verdict(sequence).compare_exchange_strong(verdict, kept, std::memory_order_seq_cst)) return true;
  }
  return false;
}

// Table B: after the slot word of `sequence` was stored and a light fence. True: published, for everybody and for good.
template <class Schedule = FreeRunning>
[[gnu::always_inline]] inline bool commit_stands(const RingMap& map, std::uint64_t sequence) noexcept {
  Schedule::point(Step::look_at_horizon);
  if (sequence >= map.control->horizon.load(std::memory_order_acquire)) [[likely]]  // SYNC: commit-horizon
    return true;
  return contested_commit_stands<Schedule>(map, sequence);
}

}  // namespace fabric::ipc
