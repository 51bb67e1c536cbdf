#include "ipc/cursor.hpp"

#include <array>
#include <cstring>

#include "ipc/checksum.hpp"
#include "ipc/clock.hpp"
#include "ipc/fence.hpp"
#include "ipc/repair.hpp"

namespace fabric::ipc {
namespace {

constexpr int kTries = 100;

std::uint64_t hash_name(const std::string& name) noexcept { return hash_bytes(name.data(), name.size()) & CursorWord::kHashMask; }

std::string load_name(const CursorLine& cursor) {
  std::array<std::uint64_t, 8> words;
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = cursor.name[i].load(std::memory_order_relaxed);
  std::array<char, sizeof words> text;
  std::memcpy(text.data(), words.data(), sizeof words);
  return {text.data(), strnlen(text.data(), kMaxName)};
}

void store_name(CursorLine& cursor, const std::string& name) noexcept {
  std::array<std::uint64_t, 8> words{};
  std::memcpy(words.data(), name.data(), std::min(name.size(), kMaxName));
  for (std::size_t i = 0; i < words.size(); ++i) cursor.name[i].store(words[i], std::memory_order_relaxed);
}

std::uint8_t flags_of(const CursorOptions& options) noexcept {
  return static_cast<std::uint8_t>((options.gating ? kGating : 0) | (options.durable ? kDurable : 0));
}

std::uint64_t ring_now_ns(const RingMap& map) noexcept { return monotonic_ns() + static_cast<std::uint64_t>(map.time_bias_ns); }

// Lines in use with this hash, but `except`: the first of them.
std::optional<std::uint32_t> find_line(const RingMap& map, std::uint64_t hash, std::uint32_t except = ~0U) noexcept {
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    const auto word = map.cursors[i].state.load(std::memory_order_seq_cst);
    if (i != except && CursorWord::in_use(word) && CursorWord::name_hash(word) == hash) return i;
  }
  return std::nullopt;
}

Error busy(const Ring& ring, const std::string& name, const char* why) {
  return make_error(ErrorCode::busy, ring.path() + ": cursor '" + name + "' " + why);
}

// Frees a line of ours as `word` found it. False: somebody took it over since. The owner is cleared last: killed in between, the
// line is free with a dead owner, which the next creator takes; the other way round it would be in use and nobody's.
bool free_line(const Ring& ring, CursorLine& cursor, std::uint64_t word) noexcept {
  const auto freed = CursorWord::make(CursorWord::generation(word) + 1, 0, 0, CursorState::free);
  if (!cursor.state.compare_exchange_strong(word, freed, std::memory_order_acq_rel)) return false;
  auto self = ring.member();
  cursor.owner.compare_exchange_strong(self, 0, std::memory_order_acq_rel);
  return true;
}

std::optional<Error> refuse_adoption(const Ring& ring, const CursorLine& cursor, std::uint64_t word, const CursorOptions& options) {
  if (CursorWord::state(word) != CursorState::active) return busy(ring, options.name, "is just being created; try again");
  if (load_name(cursor) != options.name)
    return make_error(ErrorCode::invalid_argument, ring.path() + ": the names '" + options.name + "' and '" +
                                                       load_name(cursor) + "' have the same hash; choose another");
  if (CursorWord::flags(word) != flags_of(options))
    return make_error(ErrorCode::invalid_argument,
                      ring.path() + ": cursor '" + options.name + "' exists as " +
                          (CursorWord::flags(word) & kGating ? "gating" : "overrunnable") + ", " +
                          (CursorWord::flags(word) & kDurable ? "durable" : "ephemeral") + "; attach alike or delete it first");
  const auto position = PositionWord::sequence(cursor.position.load(std::memory_order_acquire));
  if (const auto tail = ring.map().tail(); position > tail)  // loaded after it: a position is never ahead
    return make_error(ErrorCode::corrupt, ring.path() + ": cursor '" + options.name + "' stands at " + std::to_string(position) +
                                              ", beyond the tail " + std::to_string(tail) + "; move it to where it should go on");
  return std::nullopt;
}

// Takes over an existing cursor: its owner, then its position, then its generation; nullopt: it was freed meanwhile, look again.
//
// Another may take it from us by force at any step, so each step looks at the owner again. The generation is what makes a late free
// fail: of the old owner that leaves, of a repair that saw a dead owner, of a deletion.
//     old owner (stopped in its destructor)     new owner
//     state word seen, position still its own
//                                               owner, position: the cursor is ours
//     frees the line                            <- without the generation our cursor is gone, and gates nobody
// The generation comes after the position: whoever still sees the old position has seen the old generation before.
Result<std::optional<OwnedCursor>> adopt_cursor(const Ring& ring, std::uint32_t index, const CursorOptions& options) {
  auto& cursor = ring.map().cursors[index];
  auto word = cursor.state.load(std::memory_order_acquire);
  if (auto refusal = refuse_adoption(ring, cursor, word, options)) return *refusal;
  auto owner = cursor.owner.load(std::memory_order_acquire);
  if (!options.take_over && ring.is_alive(owner)) return busy(ring, options.name, "has a live owner; stop it or take over by force");
  const auto overtaken = [&] { return cursor.owner.load(std::memory_order_acquire) != ring.member(); };
  const auto taken = [&] { return busy(ring, options.name, "was taken by another member just now"); };
  if (!cursor.owner.compare_exchange_strong(owner, ring.member(), std::memory_order_acq_rel)) return taken();
  OwnedCursor owned{.index = index};
  auto position = cursor.position.load(std::memory_order_acquire);
  do {  // from here on the old owner's acks fail
    if (overtaken()) return taken();
    owned.position_word = PositionWord::make(PositionWord::sequence(position), PositionWord::epoch(position) + 1);
  } while (!cursor.position.compare_exchange_weak(position, owned.position_word, std::memory_order_acq_rel));
  const auto same = [&](std::uint64_t now) {
    return CursorWord::state(now) == CursorState::active && CursorWord::name_hash(now) == CursorWord::name_hash(word);
  };
  auto seen = word;
  do {
    if (overtaken()) return taken();
    if (!same(seen)) {
      auto self = ring.member();
      cursor.owner.compare_exchange_strong(self, 0, std::memory_order_acq_rel);
      return std::optional<OwnedCursor>();
    }
  } while (!cursor.state.compare_exchange_weak(
      seen, CursorWord::make(CursorWord::generation(seen) + 1, CursorWord::name_hash(seen), CursorWord::flags(seen), CursorState::active),
      std::memory_order_acq_rel));
  if (overtaken()) return taken();
  return std::optional(owned);
}

// Claims a free line for a new cursor; nullopt: somebody else has the name or all lines changed under us, look again.
Result<std::optional<OwnedCursor>> create_cursor(const Ring& ring, const CursorOptions& options, std::uint64_t hash,
                                                 std::uint64_t start) {
  const auto& map = ring.map();
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    auto& cursor = map.cursors[i];
    auto word = cursor.state.load(std::memory_order_acquire);
    // Owner first: a line in use always has an owner whose death can be proven.
    if (CursorWord::in_use(word) || !ring.take_ownership(cursor.owner)) continue;
    const auto generation = CursorWord::generation(word) + 1;
    // From the CAS on a gating line counts; whatever position it still has, gate.hpp holds the limit for it.
    const auto joining = CursorWord::make(generation, hash, flags_of(options), CursorState::joining);
    auto position = cursor.position.load(std::memory_order_acquire);
    if (!cursor.state.compare_exchange_strong(word, joining, std::memory_order_seq_cst)) {  // SYNC: cursor-join
      cursor.owner.store(0, std::memory_order_release);
      continue;
    }
    const auto epoch = PositionWord::epoch(position) + 1;
    cursor.position.store(PositionWord::make(start, epoch), std::memory_order_seq_cst);
    store_name(cursor, options.name);
    if (!options.name.empty() && find_line(map, hash, i)) {  // give way
      free_line(ring, cursor, joining);
      return std::optional<OwnedCursor>();
    }
    const auto granted = options.gating ? join_gate(map, start) : start;
    if (granted == kRefused) {
      free_line(ring, cursor, joining);
      return make_error(ErrorCode::busy, ring.path() + ": 4095 gating readers joined while the slowest cursor stood still; "
                                                       "ack or delete cursors first");
    }
    OwnedCursor owned{.index = i, .position_word = PositionWord::make(granted, epoch), .created = true};
    cursor.position.store(owned.position_word, std::memory_order_release);
    cursor.created_at_ns.store(ring_now_ns(map), std::memory_order_relaxed);
    cursor.acked_at_ns.store(0, std::memory_order_relaxed);
    cursor.state.store(CursorWord::make(generation, hash, flags_of(options), CursorState::active), std::memory_order_release);
    return std::optional(owned);
  }
  return make_error(ErrorCode::no_space, ring.path() + ": all " + std::to_string(map.max_cursors) +
                                             " cursors are in use; delete some or create the topic with more");
}

Result<std::uint32_t> find_for_change(const Ring& ring, const std::string& name, bool take_over) {
  if (!ring.writable()) return make_error(ErrorCode::permission, ring.path() + ": attached read-only");
  const auto line = find_line(ring.map(), hash_name(name));
  if (!line || load_name(ring.map().cursors[*line]) != name)
    return make_error(ErrorCode::not_found, ring.path() + ": no cursor '" + name + "'");
  if (!take_over && ring.is_alive(ring.map().cursors[*line].owner.load(std::memory_order_acquire)))
    return busy(ring, name, "has a live owner; stop it first");
  return *line;
}

}  // namespace

Result<OwnedCursor> acquire_cursor(const Ring& ring, const CursorOptions& options, std::uint64_t start) {
  if (!ring.writable()) return make_error(ErrorCode::permission, ring.path() + ": a cursor needs read-write access");
  if (options.name.size() > kMaxName)
    return make_error(ErrorCode::invalid_argument, "cursor name '" + options.name + "' is longer than 63 bytes");
  if (options.name.empty() && options.durable)
    return make_error(ErrorCode::invalid_argument, "a durable cursor needs a name");
  if (options.name.find('\0') != std::string::npos)
    return make_error(ErrorCode::invalid_argument, "a cursor name must not contain a zero byte");
  reclaim_dead(ring);
  const auto hash = options.name.empty() ? 0 : hash_name(options.name);
  for (int tries = 0; tries < kTries; ++tries) {
    if (!options.name.empty()) {
      if (const auto line = find_line(ring.map(), hash)) {
        auto adopted = adopt_cursor(ring, *line, options);
        if (!adopted) return adopted.error();
        if (*adopted) return **adopted;
        continue;
      }
    }
    auto created = create_cursor(ring, options, hash, start);
    if (!created) return created.error();
    if (*created) return **created;
    for (std::uint64_t i = 0; i < (ring.member() % 64) * static_cast<std::uint64_t>(tries); ++i) light_fence();
  }
  return busy(ring, options.name, "is being created by several members at once; try again");
}

void release_cursor(const Ring& ring, const OwnedCursor& owned) noexcept {
  auto& cursor = ring.map().cursors[owned.index];
  const auto word = cursor.state.load(std::memory_order_acquire);
  const auto epoch = PositionWord::epoch(cursor.position.load(std::memory_order_acquire));
  if (epoch != PositionWord::epoch(owned.position_word)) return;  // fenced
  if ((CursorWord::flags(word) & kDurable) == 0) {
    free_line(ring, cursor, word);
    return;
  }
  auto self = ring.member();
  cursor.owner.compare_exchange_strong(self, 0, std::memory_order_acq_rel);
}

Result<void> move_cursor(const Ring& ring, const std::string& name, std::uint64_t sequence, bool take_over) {
  auto line = find_for_change(ring, name, take_over);
  if (!line) return line.error();
  const auto& map = ring.map();
  auto& cursor = map.cursors[*line];
  const auto floor = gate_floor(map, GateWord::limit(map.control->gate.load(std::memory_order_acquire)));
  if (sequence < floor || sequence > map.tail())
    return make_error(ErrorCode::invalid_argument, ring.path() + ": sequence " + std::to_string(sequence) + " is not within [" +
                                                       std::to_string(floor) + ", " + std::to_string(map.tail()) + "]");
  auto position = cursor.position.load(std::memory_order_acquire);
  std::uint64_t granted = 0;
  do {
    // Backwards is like joining: publishers may refresh meanwhile.
    granted = sequence;
    const auto moved = PositionWord::make(sequence, PositionWord::epoch(position) + 1);
    if (!cursor.position.compare_exchange_strong(position, moved, std::memory_order_seq_cst)) continue;
    if ((CursorWord::flags(cursor.state.load()) & kGating) != 0) granted = join_gate(map, sequence);
    position = moved;
    break;
  } while (true);
  if (granted == kRefused) return busy(ring, name, "could not be moved: too many readers joined while nothing moved");
  if (granted != sequence)
    cursor.position.compare_exchange_strong(position, PositionWord::make(granted, PositionWord::epoch(position)));
  return {};
}

Result<void> delete_cursor(const Ring& ring, const std::string& name) {
  auto line = find_for_change(ring, name, false);
  if (!line) return line.error();
  auto& cursor = ring.map().cursors[*line];
  const auto word = cursor.state.load(std::memory_order_acquire);
  auto owner = cursor.owner.load(std::memory_order_acquire);
  if (ring.is_alive(owner) || !cursor.owner.compare_exchange_strong(owner, ring.member(), std::memory_order_acq_rel) ||
      !free_line(ring, cursor, word))
    return busy(ring, name, "was taken just now");
  return {};
}

std::vector<CursorInfo> list_cursors(const RingMap& map) {
  std::vector<CursorInfo> found;
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    const auto& cursor = map.cursors[i];
    const auto word = cursor.state.load(std::memory_order_acquire);
    if (!CursorWord::in_use(word)) continue;
    const auto position = cursor.position.load(std::memory_order_acquire);
    found.push_back({.index = i,
                     .name = load_name(cursor),
                     .position = PositionWord::sequence(position),
                     .epoch = PositionWord::epoch(position),
                     .gating = (CursorWord::flags(word) & kGating) != 0,
                     .durable = (CursorWord::flags(word) & kDurable) != 0,
                     .joining = CursorWord::state(word) == CursorState::joining,
                     .owner = cursor.owner.load(std::memory_order_acquire),
                     .acked_at_ns = cursor.acked_at_ns.load(std::memory_order_relaxed),
                     .created_at_ns = cursor.created_at_ns.load(std::memory_order_relaxed)});
  }
  return found;
}

std::optional<CursorInfo> find_cursor(const RingMap& map, const std::string& name) {
  for (auto& cursor : list_cursors(map))
    if (cursor.name == name) return std::move(cursor);
  return std::nullopt;
}

}  // namespace fabric::ipc
