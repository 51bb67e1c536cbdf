#pragma once
// The gate: how far publishers may claim without passing a gating reader.
//
// One shared word holds limit << 12 | joins. Invariants:
//   G1  A publisher claims sequence t only if t < limit.
//   G2  limit never falls.
//   G3  Once a joiner has returned position c, limit <= position + slot_count for as long as its cursor gates.
//   G4  A raise takes the limit to head + step at most, where head is a value that tail has had and step is what the caller
//       needs, at least gate_step(); joiners add one per 4,095 joins, and a full arena up to a lap. So a reader that joins at
//       `earliest` starts at most gate_step() after the oldest record, but for those.
//   G5  Where tail >= limit a refresh that nobody disturbs raises the limit above tail, or slowest + N <= limit.
//
// Why joins: a refresh loads the gate, scans the cursors, and raises the limit with a CAS. A cursor that joins after the
// scan passed its line would be missed:
//
//     publisher                           joiner
//     load gate = (L, j)
//     scan: cursor 3 is free
//                                         cursor 3 := joining at p
//                                         read L, start at max(p, L - N)
//     CAS gate (L, j) -> (L', j)          <- overruns the joiner
//
// So a joiner makes its cursor visible first and then raises joins, which fails every refresh in flight. joins goes back to
// 0 only together with a higher limit, so no pair (limit, joins) ever comes back. At 4,095 joins under one limit the joiner
// raises the limit itself, and is refused where the slowest cursor does not let it.
// Source: our own, checked by tests/model/gate.pml. Cost of a refresh: one pass over the cursors, once in
// gate_step() records while readers keep up, however many of them idle. Lock-free, no system call, callable from any thread.

#include <algorithm>
#include <string>

#include "ipc/checksum.hpp"
#include "ipc/ring_file.hpp"
#include "ipc/schedule.hpp"

namespace fabric::ipc {

struct GateWord {
  static constexpr std::uint64_t kMaxJoins = 0xfff;
  static constexpr std::uint64_t limit(std::uint64_t word) noexcept { return word >> 12; }
  static constexpr std::uint64_t joins(std::uint64_t word) noexcept { return word & kMaxJoins; }
  static constexpr std::uint64_t make(std::uint64_t limit, std::uint64_t joins) noexcept { return limit << 12 | joins; }
};

struct PositionWord {
  static constexpr std::uint64_t kEpochMask = 0xfff;
  static constexpr std::uint64_t sequence(std::uint64_t word) noexcept { return word >> 12; }
  static constexpr std::uint64_t epoch(std::uint64_t word) noexcept { return word & kEpochMask; }
  static constexpr std::uint64_t make(std::uint64_t sequence, std::uint64_t epoch) noexcept {
    return sequence << 12 | (epoch & kEpochMask);
  }
};

struct CursorWord {
  static constexpr std::uint64_t make(std::uint64_t generation, std::uint64_t name_hash, std::uint8_t flags,
                                      CursorState state) noexcept {
    return generation << 48 | (name_hash & kHashMask) << 8 | std::uint64_t{flags} << 4 | static_cast<std::uint64_t>(state);
  }
  static constexpr std::uint64_t kHashMask = (std::uint64_t{1} << 40) - 1;
  static std::uint64_t hash_of(const std::string& name) noexcept { return hash_bytes(name.data(), name.size()) & kHashMask; }
  static constexpr CursorState state(std::uint64_t word) noexcept { return static_cast<CursorState>(word & 0xf); }
  static constexpr std::uint8_t flags(std::uint64_t word) noexcept { return static_cast<std::uint8_t>((word >> 4) & 0xf); }
  static constexpr std::uint64_t name_hash(std::uint64_t word) noexcept { return (word >> 8) & kHashMask; }
  static constexpr std::uint64_t generation(std::uint64_t word) noexcept { return word >> 48; }
  static constexpr bool in_use(std::uint64_t word) noexcept {
    return state(word) == CursorState::joining || state(word) == CursorState::active;
  }
  static constexpr bool gates(std::uint64_t word) noexcept { return in_use(word) && (flags(word) & kGating) != 0; }
  // Outlives its owner.
  static constexpr bool stays(std::uint64_t word) noexcept { return state(word) == CursorState::active && (flags(word) & kDurable) != 0; }
};

// Whether the line, in use as `word`, is only to be cleared away: its maker, who alone it gated for, has lost it.
inline bool is_abandoned(const CursorLine& cursor, std::uint64_t word) noexcept {
  if (CursorWord::stays(word)) return false;
  const auto owner = cursor.owner.load(std::memory_order_acquire), maker = cursor.maker.load(std::memory_order_acquire);
  return maker != 0 && owner != maker;
}

// The slowest gating cursor: its position, or `head` and no index when none gates.
struct Slowest {
  std::uint64_t position;
  std::uint32_t index;
  static constexpr std::uint32_t kNone = ~0U;
};

template <class Schedule = FreeRunning>
Slowest find_slowest(const RingMap& map, std::uint64_t head, std::uint64_t limit) noexcept {
  Slowest slowest{head, Slowest::kNone};
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    Schedule::point(Step::scan_cursors);
    const auto& cursor = map.cursors[i];
    // SYNC: cursor-join (seq_cst: a joiner's store is seen by every refresh that loaded the gate after it joined)
    const auto word = cursor.state.load(std::memory_order_seq_cst);
    if (!CursorWord::gates(word) || is_abandoned(cursor, word)) continue;
    // SYNC: cursor-ack (acquire: the reader is done with everything below its position)
    const auto position = PositionWord::sequence(cursor.position.load(std::memory_order_acquire));
    // By G3 no intact gating cursor lies below limit - N; one that does is damaged or still joining, and holds at L - N.
    const auto floor = limit > map.slot_count ? limit - map.slot_count : 0;
    const auto held = std::max(position, floor);
    if (held < slowest.position) slowest = {held, i};
  }
  return slowest;
}

struct Refreshed {
  std::uint64_t limit;
  Slowest slowest;
};

// How far the limit is raised at once: an eighth of the ring, and as much as makes the pass over the cursors cheap.
inline std::uint64_t gate_step(const RingMap& map) noexcept {
  constexpr std::uint64_t kCheap = 256;
  return std::min(std::max(map.slot_count / 8, kCheap), map.slot_count);
}

// Raises the limit to head + step, or as far as the cursors allow. `head`: the sequence the caller wants to claim.
template <class Schedule = FreeRunning>
Refreshed refresh_limit(const RingMap& map, std::uint64_t head, std::uint64_t step) noexcept {
  Refreshed result{0, {head, Slowest::kNone}};
  for (std::uint64_t tries = 0; tries < map.patience(); ++tries) {
    Schedule::point(Step::refresh);
    auto gate = map.control->gate.load(std::memory_order_seq_cst);
    result.limit = GateWord::limit(gate);
    result.slowest = find_slowest<Schedule>(map, head, result.limit);
    const auto wanted = std::min(result.slowest.position + map.slot_count, head + step);
    if (wanted <= result.limit || wanted > map.max_sequence()) break;
    Schedule::point(Step::raise_limit);
    if (map.control->gate.compare_exchange_strong(gate, GateWord::make(wanted, 0))) {  // SYNC: gate-raise
      result.limit = wanted;
      break;
    }
  }
  return result;
}

// The first sequence that publishers respect under `limit`. By G1 it is never beyond the tail; a limit that says so is damaged, and
// nobody could ever read there.
inline std::uint64_t gate_floor(const RingMap& map, std::uint64_t limit) noexcept {
  return std::min(limit > map.slot_count ? limit - map.slot_count : 0, map.tail());
}

// Second half of joining: the caller's cursor is visible as joining at `wanted`. Returns the position that publishers
// respect from now on, or kRefused at 4,095 joins under a limit that the slowest cursor holds.
inline constexpr std::uint64_t kRefused = ~std::uint64_t{0};

template <class Schedule = FreeRunning>
std::uint64_t join_gate(const RingMap& map, std::uint64_t wanted) noexcept {
  for (std::uint64_t tries = 0; tries < map.patience(); ++tries) {
    auto gate = map.control->gate.load(std::memory_order_seq_cst);
    const auto limit = GateWord::limit(gate);
    if (GateWord::joins(gate) == GateWord::kMaxJoins) {
      const auto tail = map.tail();
      const auto by_one = limit < tail ? 1 : limit - tail + 1;  // G4: no further than it takes to begin anew
      if (refresh_limit<Schedule>(map, tail, by_one).limit == limit) return kRefused;
      continue;
    }
    Schedule::point(Step::raise_limit);
    // SYNC: gate-join (the cursor was stored before; a refresh that missed it fails its CAS)
    if (!map.control->gate.compare_exchange_strong(gate, gate + 1)) continue;
    return std::max(wanted, gate_floor(map, limit));
  }
  return kRefused;
}

}  // namespace fabric::ipc
