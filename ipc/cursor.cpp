#include "ipc/cursor.hpp"

#include "ipc/cursor_line.hpp"
#include "ipc/fence.hpp"
#include "ipc/repair.hpp"

namespace fabric::ipc {
namespace {

constexpr int kTries = 100;
constexpr int kLooks = 8;

std::uint8_t flags_of(const CursorOptions& options) noexcept {
  return static_cast<std::uint8_t>((options.gating ? kGating : 0) | (options.durable ? kDurable : 0));
}

// A line in use with this hash, but `except`; an active one before one that is being created.
std::optional<std::uint32_t> find_line(const RingMap& map, std::uint64_t hash, std::uint32_t except = ~0U) noexcept {
  std::optional<std::uint32_t> found;
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    const auto word = map.cursors[i].state.load(std::memory_order_seq_cst);
    if (i == except || !CursorWord::in_use(word) || CursorWord::name_hash(word) != hash) continue;
    if (CursorWord::state(word) == CursorState::active) return i;
    if (!found) found = i;
  }
  return found;
}

Error busy(const Ring& ring, const std::string& name, const char* why) {
  return make_error(ErrorCode::busy, ring.path() + ": cursor '" + name + "' " + why);
}

std::optional<Error> refuse_change(const Ring& ring) {
  if (!ring.writable()) return make_error(ErrorCode::permission, ring.path() + ": attached read-only; cursors need read-write access");
  if (!ring.owned_by_this_process())
    return make_error(ErrorCode::invalid_argument, ring.path() + ": attached by the parent process: attach again after fork");
  return std::nullopt;
}

std::optional<Error> refuse_adoption(const Ring& ring, const CursorInfo& cursor, const CursorOptions& options) {
  if (cursor.name != options.name)
    return make_error(ErrorCode::invalid_argument, ring.path() + ": the names '" + options.name + "' and '" + cursor.name +
                                                       "' have the same hash; choose another");
  if (cursor.gating != options.gating || cursor.durable != options.durable)
    return make_error(ErrorCode::invalid_argument,
                      ring.path() + ": cursor '" + options.name + "' exists as " + (cursor.gating ? "gating" : "overrunnable") + ", " +
                          (cursor.durable ? "durable" : "ephemeral") + "; attach alike or delete it first");
  if (const auto tail = ring.map().tail(); cursor.position > tail)  // loaded after it: a position is never ahead
    return make_error(ErrorCode::corrupt, ring.path() + ": cursor '" + options.name + "' stands at " +
                                              std::to_string(cursor.position) + ", beyond the tail " + std::to_string(tail) +
                                              "; move it to where it should go on");
  return std::nullopt;
}

// What the line says, all of one moment: nullopt when it is not in use, or changes all the time.
std::optional<CursorInfo> read_line(const RingMap& map, std::uint32_t index, std::uint64_t* state_word = nullptr) {
  const auto& line = map.cursors[index];
  for (int look = 0; look < kLooks; ++look) {
    const auto word = line.state.load(std::memory_order_acquire);
    if (!CursorWord::in_use(word)) return std::nullopt;
    const auto position = line.position.load(std::memory_order_acquire);
    CursorInfo info{.index = index,
                    .name = load_name(line),
                    .position = PositionWord::sequence(position),
                    .epoch = PositionWord::epoch(position),
                    .started = PositionWord::sequence(line.started.load(std::memory_order_acquire)),
                    .gating = (CursorWord::flags(word) & kGating) != 0,
                    .durable = (CursorWord::flags(word) & kDurable) != 0,
                    .joining = CursorWord::state(word) == CursorState::joining,
                    .owner = line.owner.load(std::memory_order_acquire),
                    .acked_at_ns = line.acked_at_ns.load(std::memory_order_relaxed),
                    .created_at_ns = line.created_at_ns.load(std::memory_order_relaxed),
                    .lease = line.lease.load(std::memory_order_relaxed),
                    .requested_by = line.requested_by.load(std::memory_order_relaxed)};
    if (!LeaseWord::is_of(info.lease, info.owner)) info.lease = 0;
    std::atomic_thread_fence(std::memory_order_acquire);
    if (line.state.load(std::memory_order_relaxed) != word) continue;
    if (state_word != nullptr) *state_word = word;
    return info;
  }
  return std::nullopt;
}

OwnedCursor keep(const HeldLine& held, bool created) noexcept {
  return {.index = held.index(), .position_word = held.position_word(), .state_word = held.state_word(), .started = held.started(), .created = created};
}

Error too_many_joins(const Ring& ring, const std::string& name) {
  return busy(ring, name, "cannot be placed: 4095 gating readers joined while the slowest cursor stood still; ack or delete cursors first");
}

// Takes over an existing cursor. nullopt: the line is another's now, look again. An ephemeral one is cleared away, and `start` is where
// it stood.
Result<std::optional<OwnedCursor>> adopt_cursor(const Ring& ring, const CursorOptions& options, std::uint64_t hash, std::uint32_t index,
                                                std::uint64_t& start) {
  const auto look_again = std::optional<OwnedCursor>();
  std::uint64_t word = 0;
  const auto found = read_line(ring.map(), index, &word);
  if (!found || CursorWord::name_hash(word) != hash) return look_again;
  if (!found->joining) {
    if (auto refusal = refuse_adoption(ring, *found, options)) return *refusal;
  }
  HeldLine held(ring, index);
  const bool force = options.take_over && found->epoch == options.only_from_epoch.value_or(found->epoch);
  switch (held.take(word, force)) {
    case Taking::alive:
      return busy(ring, options.name,
                  found->joining ? "is just being created; try again" : "has a live owner; stop it or take over by force");
    case Taking::changed: return look_again;
    case Taking::taken: break;
  }
  if (found->joining) {  // its creator is dead, or is to give way; what it has made of it meanwhile gated nobody for a moment
    held.free();
    return look_again;
  }
  const auto taken = read_line(ring.map(), index);
  const auto refusal = taken ? refuse_adoption(ring, *taken, options) : std::nullopt;
  if (taken && !refusal && !options.durable) {
    start = taken->position;
    held.free();
    return look_again;
  }
  const auto placing = taken && !refusal ? held.place(PositionWord::sequence(held.position_word())) : Placing::lost;
  if (placing == Placing::placed) {
    const auto here = PositionWord::sequence(held.position_word());
    if (held.started() > here) held.begin_at(here);  // it was moved: what is read from here on is handled
    return std::optional(keep(held, false));
  }
  held.give_back();
  if (placing == Placing::refused) return too_many_joins(ring, options.name);
  if (refusal) return *refusal;
  return look_again;
}

// Claims a free line for a new cursor; nullopt: somebody else has the name, or the line was taken by force: look again.
Result<std::optional<OwnedCursor>> create_cursor(const Ring& ring, const CursorOptions& options, std::uint64_t hash,
                                                 std::uint64_t start) {
  const auto& map = ring.map();
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    HeldLine held(ring, i);
    if (held.create(options.name, hash, flags_of(options), start) != Taking::taken) continue;
    const bool give_way = !options.name.empty() && find_line(map, hash, i);
    const auto placing = give_way ? Placing::lost : held.place(start);
    if (placing == Placing::placed) held.begin_at(PositionWord::sequence(held.position_word()));
    if (placing == Placing::placed && held.activate()) return std::optional(keep(held, true));
    held.free();
    if (placing == Placing::refused) return too_many_joins(ring, options.name);
    return std::optional<OwnedCursor>();
  }
  return make_error(ErrorCode::no_space, ring.path() + ": all " + std::to_string(map.max_cursors) +
                                             " cursors are in use; delete some or create the topic with more");
}

enum class Change : std::uint8_t { move, force_move, remove };

// Takes the line of the cursor that is to be changed. One that was still being created is cleared away.
Result<HeldLine> take_for_change(const Ring& ring, const std::string& name, Change change) {
  const auto nobody = [&] { return make_error(ErrorCode::not_found, ring.path() + ": no cursor '" + name + "'"); };
  const auto hash = CursorWord::hash_of(name);
  for (int tries = 0; tries < kTries; ++tries) {
    const auto index = find_line(ring.map(), hash);
    if (!index) return nobody();
    std::uint64_t word = 0;
    const auto found = read_line(ring.map(), *index, &word);
    if (!found || CursorWord::name_hash(word) != hash) continue;
    if (found->name != name) return nobody();
    if (change != Change::remove && !found->durable)
      return make_error(ErrorCode::invalid_argument, ring.path() + ": cursor '" + name + "' is ephemeral: it ends with its reader");
    HeldLine held(ring, *index);
    switch (held.take(word, change == Change::force_move)) {
      case Taking::alive: return busy(ring, name, found->joining ? "is just being created; try again" : "has a live owner; stop it first");
      case Taking::changed: continue;
      case Taking::taken: break;
    }
    if (found->joining) {
      held.free();
      if (change == Change::force_move) return busy(ring, name, "was still being created: that is undone; move it once it exists");
      continue;
    }
    if (held.name() == name) return held;
    held.give_back();
  }
  return busy(ring, name, "changes hands all the time; try again");
}

// A step forwards leaves out records that nobody handled. Where it ends is known afterwards only, and killed in between the line must not
// promise too much: it begins behind everything, until whoever takes it lowers that to where it stands.
Placing place_to_begin(HeldLine& held, std::uint64_t sequence, std::uint64_t tail) {
  const auto began = held.started();
  const bool forwards = sequence > PositionWord::sequence(held.position_word());
  if (forwards) held.begin_at(std::max(began, tail));
  const auto placing = held.place(sequence);
  if (forwards && placing != Placing::placed) held.begin_at(began);
  return placing;
}

std::optional<Error> refuse_name(const CursorOptions& options) {
  if (options.name.size() > kMaxName)
    return make_error(ErrorCode::invalid_argument, "cursor name '" + options.name + "' is longer than 63 bytes");
  if (options.name.empty() && options.durable)
    return make_error(ErrorCode::invalid_argument, "a durable cursor needs a name");
  if (options.name.find('\0') != std::string::npos)
    return make_error(ErrorCode::invalid_argument, "a cursor name must not contain a zero byte");
  return std::nullopt;
}

}  // namespace

Result<OwnedCursor> acquire_cursor(const Ring& ring, const CursorOptions& options, std::uint64_t start) {
  if (auto refusal = refuse_change(ring)) return *refusal;
  if (auto refusal = refuse_name(options)) return *refusal;
  reclaim_dead(ring);
  const auto hash = options.name.empty() ? 0 : CursorWord::hash_of(options.name);
  const CursorLock lock;
  for (int tries = 0; tries < kTries; ++tries) {
    if (!options.name.empty()) {
      if (const auto line = find_line(ring.map(), hash)) {
        auto adopted = adopt_cursor(ring, options, hash, *line, start);
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
  return busy(ring, options.name, "is being created or taken by several members at once; try again");
}

void release_cursor(const Ring& ring, const OwnedCursor& owned) noexcept {
  if (!ring.writable() || !ring.owned_by_this_process()) return;
  const CursorLock lock;
  HeldLine held(ring, owned.index, owned.state_word, owned.position_word);
  if (!held.is_held()) return;  // fenced
  if ((CursorWord::flags(owned.state_word) & kDurable) == 0) {
    held.free();
  } else {
    held.give_back();
  }
}

Result<void> move_cursor(const Ring& ring, const std::string& name, std::uint64_t sequence, bool take_over) {
  if (auto refusal = refuse_change(ring)) return *refusal;
  const auto& map = ring.map();
  const auto floor = gate_floor(map, GateWord::limit(map.control->gate.load(std::memory_order_acquire)));
  const auto tail = map.tail();
  if (sequence < floor || sequence > tail)  // before anybody is fenced for it
    return make_error(ErrorCode::invalid_argument, ring.path() + ": sequence " + std::to_string(sequence) + " is not within [" +
                                                       std::to_string(floor) + ", " + std::to_string(tail) + "]");
  const CursorLock lock;
  auto held = take_for_change(ring, name, take_over ? Change::force_move : Change::move);
  if (!held) return held.error();
  const auto placing = place_to_begin(*held, sequence, tail);
  held->give_back();
  if (placing == Placing::refused) return too_many_joins(ring, name);
  if (placing == Placing::lost) return busy(ring, name, "was taken by force just now");
  return {};
}

Result<void> delete_cursor(const Ring& ring, const std::string& name) {
  if (auto refusal = refuse_change(ring)) return *refusal;
  const CursorLock lock;
  auto held = take_for_change(ring, name, Change::remove);
  if (!held) return held.error();
  if (!held->free()) return busy(ring, name, "was taken by force just now");
  return {};
}

std::vector<CursorInfo> list_cursors(const RingMap& map) {
  std::vector<CursorInfo> found;
  for (std::uint32_t i = 0; i < map.max_cursors; ++i)
    if (auto cursor = read_line(map, i)) found.push_back(std::move(*cursor));
  return found;
}

std::optional<CursorInfo> find_cursor(const RingMap& map, const std::string& name) {
  const auto line = find_line(map, CursorWord::hash_of(name));
  auto cursor = line ? read_line(map, *line) : std::nullopt;
  return cursor && cursor->name == name ? std::move(cursor) : std::nullopt;
}

}  // namespace fabric::ipc
