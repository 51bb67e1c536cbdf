// recover_ring: a ring file of an earlier boot is brought into this one. Declared in repair.hpp.
//
// After a power loss nothing but the records themselves can be trusted: pages reach the disk in any order. What each word becomes:
//
// A cursor's position can be believed up to N beyond the last trace of a record (a whole record, or an intact verdict): it is acked, so
// at most the ring's last lap was lost behind it. Farther out it is damage; one flipped bit must not void every record.
//
// | word      | becomes                                                                                          |
// | tail      | behind the last whole record, and not below any cursor that can be believed: no acked sequence is ever used again |
// | slots     | stay as they are; a word of a lap that is still to come (a record that was not whole) becomes 0    |
// | verdicts  | of [tail - N, tail): void if it was void or nothing is committed there; kept (so: reported as      |
// |           | damaged) if the slot word says committed and the checksum does not hold; otherwise as it was, but  |
// |           | none of a lap that is still to come: it would void, or not, the records that get these sequences   |
// | horizon   | tail                                                                                             |
// | gate      | the slowest gating cursor + N, or tail + N                                                       |
// | cursors   | no owner, clamped to [tail - N, tail]; those that were still joining, or not durable, are freed; one that
// |           | cannot be believed starts again at tail - N: rather a record twice than one that its group never sees |
// | lines     | no owner, no intent                                                                              |
// | blocks    | held ones, and those of sequences behind the tail, are stamped with the last record's sequence    |
// | boot      | a new record with this boot, beside the old one; written last                                               |

#include "ipc/arena.hpp"
#include "ipc/clock.hpp"
#include "ipc/gate.hpp"
#include "ipc/inspect.hpp"
#include "ipc/repair.hpp"
#include "ipc/verdict.hpp"

namespace fabric::ipc {
namespace {

// The sequence whose committed word stands in the slot at `index`, if its record is whole.
bool whole_record(const RingMap& map, std::uint64_t index, std::uint64_t& sequence) noexcept {
  const auto word = map.slot(index).word.load(std::memory_order_relaxed);
  if (!SlotWord::valid(word) || word == 0) return false;
  sequence = ((SlotWord::lap(word) - 1) << map.slot_shift) + index;
  return sequence < map.max_sequence() && examine_slot(map, sequence) == SlotCondition::whole;
}

bool is_kept(const CursorLine& cursor) noexcept {
  const auto state = cursor.state.load(std::memory_order_relaxed);
  return CursorWord::state(state) == CursorState::active && (CursorWord::flags(state) & kDurable) != 0;
}

std::uint64_t position_of(const CursorLine& cursor) noexcept {
  return PositionWord::sequence(cursor.position.load(std::memory_order_relaxed));
}

// The end of the sequences that left an intact verdict in the slot at `index`, 0: none.
std::uint64_t verdict_end(const RingMap& map, std::uint64_t index) noexcept {
  const auto lap = VerdictWord::lap(load_verdict(map, index));
  return lap == 0 || lap > map.lap(map.max_sequence() - 1) ? 0 : ((lap - 1) << map.slot_shift) + index + 1;
}

void find_recovered_tail(const RingMap& map, Recovered& recovered, std::uint64_t& believable) noexcept {
  std::uint64_t tail = 0, trace = 0;
  map.control->tail.store(0, std::memory_order_relaxed);  // examine_slot() must not take anything for overwritten
  for (std::uint64_t index = 0; index < map.slot_count; ++index) {
    std::uint64_t sequence = 0;
    if (whole_record(map, index, sequence)) tail = std::max(tail, sequence + 1);
    trace = std::max({trace, tail, verdict_end(map, index)});
  }
  believable = std::min(trace + map.slot_count, map.max_sequence() - 1);
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    const auto position = position_of(map.cursors[i]);
    if (is_kept(map.cursors[i]) && position <= believable) tail = std::max(tail, position);
  }
  recovered.tail = tail;
  recovered.first = tail > map.slot_count ? tail - map.slot_count : 0;
}

// The slot of a sequence that is still to come: whatever it holds must not pass for that sequence's word or verdict.
void forget_later_laps(const RingMap& map, std::uint64_t index, std::uint64_t retained_lap) noexcept {
  auto& slot = map.slot(index);
  const auto word = slot.word.load(std::memory_order_relaxed);
  if (SlotWord::valid(word) && SlotWord::lap(word) > retained_lap) slot.word.store(0, std::memory_order_relaxed);
  auto& verdict = map.verdict(index);
  if (VerdictWord::lap(verdict.load(std::memory_order_relaxed)) > retained_lap) verdict.store(0, std::memory_order_relaxed);
}

void settle_slots(const RingMap& map, Recovered& recovered) noexcept {
  for (auto s = recovered.tail; s < map.slot_count; ++s) forget_later_laps(map, s, 0);
  for (auto s = recovered.first; s < recovered.tail; ++s) {
    const auto condition = examine_slot(map, s);
    const bool whole = condition == SlotCondition::whole || condition == SlotCondition::payload_gone;
    const bool keep = condition == SlotCondition::damaged || condition == SlotCondition::overwritten;
    // By one store: if we are killed here, whoever starts again finds a trace that reaches as far as the one that we found.
    if (!whole) map.verdict(s).store(VerdictWord::make(map.lap(s), 0, keep ? Fate::kept : Fate::voided), std::memory_order_relaxed);
    forget_later_laps(map, s, map.lap(s));
    recovered.records += whole;
    recovered.voided += !whole && !keep;
  }
}

void reset_cursors(const RingMap& map, Recovered& recovered, std::uint64_t believable) noexcept {
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    auto& cursor = map.cursors[i];
    const auto state = cursor.state.load(std::memory_order_relaxed);
    cursor.owner.store(0, std::memory_order_relaxed);
    if (!CursorWord::in_use(state)) continue;
    if (!is_kept(cursor)) {
      cursor.state.store(CursorWord::make(CursorWord::generation(state) + 1, 0, 0, CursorState::free), std::memory_order_relaxed);
      continue;
    }
    const auto position = cursor.position.load(std::memory_order_relaxed);
    const bool believed = PositionWord::sequence(position) <= believable;
    if (!believed) ++recovered.damaged_cursors;
    const auto sequence = believed ? std::clamp(PositionWord::sequence(position), recovered.first, recovered.tail) : recovered.first;
    cursor.position.store(PositionWord::make(sequence, PositionWord::epoch(position) + 1), std::memory_order_relaxed);
  }
}

void reset_control(const RingMap& map, const Recovered& recovered) noexcept {
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
    auto& line = map.publishers[i];
    line.owner.store(0, std::memory_order_relaxed);
    line.intent.store(IntentWord::kNone, std::memory_order_relaxed);
    line.incarnation.fetch_add(1, std::memory_order_relaxed);
    line.blocked_since_ns.store(0, std::memory_order_relaxed);
    line.blocked_by.store(0, std::memory_order_relaxed);
  }
  auto& control = *map.control;
  control.tail.store(recovered.tail, std::memory_order_relaxed);
  control.horizon.store(recovered.tail, std::memory_order_relaxed);
  const auto slowest = find_slowest(map, recovered.tail, recovered.tail);
  control.gate.store(GateWord::make(slowest.position + map.slot_count, 0), std::memory_order_relaxed);
  control.lease.store(control.lease.load(std::memory_order_relaxed) & ~std::uint64_t{0xffff}, std::memory_order_relaxed);
  control.sleep.store(0, std::memory_order_relaxed);
  control.wake_futex.store(0, std::memory_order_relaxed);
  Arena(map).adopt([](std::uint32_t) { return false; });
}

}  // namespace

Result<Recovered> recover_ring(const std::string& path) {
  const auto boot = boot_id();
  if (!boot) return make_error(boot.error().code, path + " cannot be recovered: " + boot.error().message);
  const auto as_it_is = [](const RingMap& map) {  // nothing to do, or another process was quicker
    return Recovered{.first = oldest_sequence(map), .tail = map.tail()};
  };
  auto file = RingFile::attach_for_recovery(path);
  if (!file) return file.error();
  if (file->is_of(*boot)) return as_it_is(file->map());
  const auto alone = file->keep_others_out(*boot);
  // Once more: the boot record that counts is that of now, with nobody else about.
  const auto now = RingFile::attach_for_recovery(path);
  if (!now) return now.error();
  if (now->is_of(*boot)) return as_it_is(now->map());
  if (!alone) return alone.error();
  const auto& map = file->map();
  Recovered recovered;
  std::uint64_t believable = 0;
  find_recovered_tail(map, recovered, believable);
  map.control->tail.store(recovered.tail, std::memory_order_relaxed);
  settle_slots(map, recovered);
  reset_cursors(map, recovered, believable);
  reset_control(map, recovered);
  if (auto synced = file->segment().sync(0, file->segment().bytes().size(), true); !synced) return synced.error();
  if (auto adopted = file->adopt_boot(*boot); !adopted) return adopted.error();
  return recovered;
}

}  // namespace fabric::ipc
