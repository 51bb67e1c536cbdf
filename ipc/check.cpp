#include "ipc/check.hpp"

#include <chrono>
#include <thread>

#include "ipc/arena.hpp"
#include "ipc/cursor.hpp"
#include "ipc/snapshot.hpp"
#include "ipc/verdict.hpp"

namespace fabric::ipc {
namespace {

std::uint64_t load(const SharedWord& word) noexcept { return word.load(std::memory_order_seq_cst); }

std::string number(std::uint64_t value) { return std::to_string(value); }

// One check in progress.
class Checker {
 public:
  Checker(const RingMap& map, std::size_t most) : map_(map), most_(most) {}

  RingCheck run() {
    check_control();
    check_slots();
    check_unused_slots();
    check_publishers();
    check_cursors();
    check_blocks();
    return std::move(result_);
  }

 private:
  void report(ProblemKind kind, const void* where, std::string what, std::optional<std::uint64_t> sequence = {}) {
    ++result_.problem_count;
    if (result_.problems.size() >= most_) return;
    const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(where) - map_.base);
    result_.problems.push_back({kind, sequence, offset, std::move(what)});
  }

  // Whether `fault` (a text, empty when all is well) is still found after a while. What is real stays.
  template <class Fault>
  std::string lasting(Fault&& fault) {
    auto text = fault();
    for (int tries = 0; tries < 4 && !text.empty(); ++tries) {
      // Damage of many slots is seen once with patience, and then believed sooner.
      std::this_thread::sleep_for(std::chrono::microseconds(result_.problem_count < 100 ? 50 << tries : 1));
      text = fault();
    }
    return text;
  }

  void check_control();
  void check_slots();
  void check_slot(std::uint64_t sequence);
  void check_unused_slots();
  void check_publishers();
  void check_cursors();
  void check_cursor(const CursorInfo& cursor, std::uint64_t floor);
  void check_blocks();
  std::string block_fault(std::uint32_t block) const;
  bool somebody_intends(std::uint64_t sequence) const noexcept;

  const RingMap& map_;
  std::size_t most_;
  RingCheck result_;
};

// Each word is loaded before the one that bounds it; tail and limit only grow.
void Checker::check_control() {
  const auto& control = *map_.control;
  const auto slots = map_.slot_count;
  const auto horizon = load(control.horizon);
  const auto early_limit = load(control.gate) >> 12;
  const auto tail = load(control.tail);  // as it stands there: RingMap::tail() is bounded
  const auto limit = load(control.gate) >> 12;
  if (tail > map_.max_sequence())
    report(ProblemKind::control, &control.tail, "tail " + number(tail) + " is beyond the last possible sequence");
  if (tail > limit)
    report(ProblemKind::control, &control.tail, "tail " + number(tail) + " is beyond the gate's limit " + number(limit));
  if (limit < slots)
    report(ProblemKind::control, &control.gate, "the gate's limit " + number(limit) + " is below the slot count");
  if (early_limit > tail + slots)
    report(ProblemKind::control, &control.gate,
           "the gate's limit " + number(early_limit) + " is more than a ring ahead of the tail " + number(tail));
  if (horizon > tail)
    report(ProblemKind::control, &control.horizon, "horizon " + number(horizon) + " is beyond the tail " + number(tail));
  const auto line = load(control.lease) & 0xffff;
  if (line > map_.max_publishers)
    report(ProblemKind::control, &control.lease, "the lease names line " + number(line - 1) + ", which does not exist");
}

void Checker::check_slots() {
  result_.end = map_.tail();  // with one writer also its stride: damaged words stand out there, too
  result_.first = oldest_below(map_, result_.end);
  for (auto sequence = result_.first; sequence < result_.end; ++sequence) check_slot(sequence);
}

void Checker::check_slot(std::uint64_t sequence) {
  auto condition = SlotCondition::whole;
  const auto slot_fault = lasting([&]() -> std::string {
    condition = examine_slot(map_, sequence);
    if (condition == SlotCondition::damaged) {
      const auto word = load(map_.slot(sequence).word);
      return SlotWord::valid(word) ? "the checksum does not hold" : "the slot word is damaged";
    }
    // A slot that was used before shows an older lap until it is written again; all zero it was wiped.
    const bool used_before = map_.lap(sequence) > 1 && load_verdict(map_, sequence) == 0;
    if (condition == SlotCondition::unfinished && used_before && load(map_.slot(sequence).word) == 0)
      return "the slot was wiped";
    return {};
  });
  ++result_.slots[static_cast<std::size_t>(slot_fault.empty() ? condition : SlotCondition::damaged)];
  if (!slot_fault.empty()) {
    report(ProblemKind::record, &map_.slot(sequence), slot_fault, sequence);
  } else if (condition == SlotCondition::unfinished && !somebody_intends(sequence)) {
    ++result_.abandoned;
  }
  const auto verdict_fault = lasting([&]() -> std::string {
    const auto verdict = load(map_.verdict(sequence));
    if (!VerdictWord::valid(verdict)) return "the verdict word is damaged";
    const auto last = map_.lap(map_.tail());
    if (VerdictWord::lap(verdict) <= last) return {};
    return "a verdict of lap " + number(VerdictWord::lap(verdict)) + ", the ring is in lap " + number(last);
  });
  if (!verdict_fault.empty()) report(ProblemKind::verdict, &map_.verdict(sequence), verdict_fault, sequence);
}

// A ring in its first lap: what lies beyond the tail was never written.
void Checker::check_unused_slots() {
  for (auto sequence = map_.tail(); sequence < map_.slot_count; ++sequence) {
    const auto written = [&] { return load(map_.slot(sequence).word) != 0; };
    if (written() && map_.tail() <= sequence)
      report(ProblemKind::record, &map_.slot(sequence), "a slot beyond the tail was written", sequence);
  }
}

bool Checker::somebody_intends(std::uint64_t sequence) const noexcept {
  for (std::uint32_t i = 0; i < map_.max_publishers; ++i) {
    const auto intent = load(map_.publishers[i].intent);
    if (intent != IntentWord::kNone && IntentWord::first(intent) <= sequence && sequence < IntentWord::end(intent)) return true;
  }
  return false;
}

void Checker::check_publishers() {
  for (std::uint32_t i = 0; i < map_.max_publishers; ++i) {
    const auto& line = map_.publishers[i];
    const auto fault = lasting([&]() -> std::string {
      const auto intent = load(line.intent);
      const auto blocked_by = load(line.blocked_by);
      // An intent is written before its claim, so it may reach beyond the tail, but not far.
      if (intent != IntentWord::kNone && IntentWord::end(intent) > map_.tail() + map_.slot_count)
        return "line " + number(i) + " intends sequence " + number(IntentWord::first(intent)) + ", far beyond the tail";
      if (blocked_by > map_.max_cursors)
        return "line " + number(i) + " is blocked by cursor " + number(blocked_by - 1) + ", which does not exist";
      return {};
    });
    if (!fault.empty()) report(ProblemKind::publisher, &line, fault);
  }
}

void Checker::check_cursors() {
  const auto limit = load(map_.control->gate) >> 12;  // before the positions: they are not below limit - slots from here on
  const auto floor = limit > map_.slot_count ? limit - map_.slot_count : 0;
  for (std::uint32_t i = 0; i < map_.max_cursors; ++i) {
    const auto state = load(map_.cursors[i].state) & 0xf;
    if (state > static_cast<std::uint64_t>(CursorState::active))
      report(ProblemKind::cursor, &map_.cursors[i], "cursor " + number(i) + " is in state " + number(state) + ", which does not exist");
  }
  for (const auto& cursor : list_cursors(map_)) check_cursor(cursor, floor);
}

void Checker::check_cursor(const CursorInfo& cursor, std::uint64_t floor) {
  if (cursor.joining) return;  // half made: its creator, or after its death the next one, completes or frees it
  const auto& line = map_.cursors[cursor.index];
  const auto who = "cursor " + number(cursor.index);
  const auto fault = lasting([&]() -> std::string {
    const auto state = load(line.state);
    if (CursorWord::state(state) != CursorState::active || CursorWord::generation(state) != CursorWord::generation(load(line.state)))
      return {};
    const auto position = PositionWord::sequence(load(line.position));
    const auto tail = map_.tail();
    if (position > tail) return who + " stands at " + number(position) + ", beyond the tail " + number(tail);
    if (cursor.gating && position < floor)
      return who + " stands at " + number(position) + ", publishers have already passed it (" + number(floor) + ")";
    return {};
  });
  if (!fault.empty()) report(ProblemKind::cursor, &line, fault);
}

std::string Checker::block_fault(std::uint32_t block) const {
  const auto word = load(map_.blocks[block]);
  const auto value = word >> 2;
  if (Arena::state(word) == BlockState::stamped && value > map_.tail())
    return "block " + number(block) + " is used by record " + number(value) + ", beyond the tail";
  const auto line = value & 0x1fff;
  if (Arena::state(word) == BlockState::held && (line == 0 || line > map_.max_publishers))
    return "block " + number(block) + " is held by a publisher line that does not exist";
  return (word & 3) == 3 ? "block " + number(block) + " is in a state that does not exist" : std::string();
}

void Checker::check_blocks() {
  for (std::uint32_t i = 0; i < map_.arena_block_count; ++i) {
    const auto fault = lasting([&] { return block_fault(i); });
    if (!fault.empty()) report(ProblemKind::arena, &map_.blocks[i], fault);
  }
}

}  // namespace

const char* to_string(ProblemKind kind) noexcept {
  switch (kind) {
    case ProblemKind::record: return "record";
    case ProblemKind::verdict: return "verdict";
    case ProblemKind::control: return "control";
    case ProblemKind::publisher: return "publisher";
    case ProblemKind::cursor: return "cursor";
    case ProblemKind::arena: return "arena";
  }
  return "?";
}

RingCheck check_ring(const RingMap& map, std::size_t most_problems) { return Checker(map, most_problems).run(); }

}  // namespace fabric::ipc
