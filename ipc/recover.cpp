// recover_ring: a ring file of an earlier boot is brought into this one. Declared in repair.hpp.
//
// After a power loss nothing but the records themselves can be trusted: pages reach the disk in any order. What each word becomes:
//
// | word      | becomes                                                                                          |
// | tail      | behind the last whole record, and not below any cursor: no acked sequence is ever used again      |
// | slots     | stay as they are; a word of a lap that is still to come (a record that was not whole) becomes 0    |
// | verdicts  | of [tail - N, tail): void if it was void or nothing is committed there; kept (so: reported as      |
// |           | damaged) if the slot word says committed and the checksum does not hold; otherwise as it was, but  |
// |           | none of a lap that is still to come: it would void, or not, the records that get these sequences   |
// | horizon   | tail                                                                                             |
// | gate      | the slowest gating cursor + N, or tail + N                                                       |
// | cursors   | no owner, clamped to [tail - N, tail]; those that were still joining, or not durable, are freed    |
// | lines     | no owner, no intent                                                                              |
// | blocks    | held ones, and those of sequences behind the tail, are stamped with the last record's sequence    |
// | boot      | a new record with this boot, beside the old one; written last                                               |

#include <fcntl.h>

#include <cstring>

#include "ipc/arena.hpp"
#include "ipc/clock.hpp"
#include "ipc/file_lock.hpp"
#include "ipc/gate.hpp"
#include "ipc/inspect.hpp"
#include "ipc/repair.hpp"
#include "ipc/verdict.hpp"

namespace fabric::ipc {
namespace {

constexpr std::int64_t kRecoveryLock = std::int64_t{1} << 61;  // a byte that no ring has

// The sequence whose committed word stands in the slot at `index`, if its record is whole.
bool whole_record(const RingMap& map, std::uint64_t index, std::uint64_t& sequence) noexcept {
  const auto word = map.slot(index).word.load(std::memory_order_relaxed);
  if (!SlotWord::valid(word) || word == 0) return false;
  sequence = ((SlotWord::lap(word) - 1) << map.slot_shift) + index;
  return sequence < map.max_sequence() && examine_slot(map, sequence) == SlotCondition::whole;
}

std::uint64_t find_recovered_tail(const RingMap& map) noexcept {
  std::uint64_t tail = 0;
  map.control->tail.store(0, std::memory_order_relaxed);  // examine_slot() must not take anything for overwritten
  for (std::uint64_t index = 0; index < map.slot_count; ++index) {
    std::uint64_t sequence = 0;
    if (whole_record(map, index, sequence)) tail = std::max(tail, sequence + 1);
  }
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    const auto position = PositionWord::sequence(map.cursors[i].position.load(std::memory_order_relaxed));
    if (CursorWord::in_use(map.cursors[i].state.load(std::memory_order_relaxed)) && position < map.max_sequence())
      tail = std::max(tail, position);
  }
  return tail;
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
    forget_later_laps(map, s, map.lap(s));
    if (condition == SlotCondition::whole || condition == SlotCondition::payload_gone) {
      ++recovered.records;
      continue;
    }
    const bool keep = condition == SlotCondition::damaged || condition == SlotCondition::overwritten;
    if (!keep) ++recovered.voided;
    map.verdict(s).store(VerdictWord::make(map.lap(s), 0, keep ? Fate::kept : Fate::voided), std::memory_order_relaxed);
  }
}

void reset_cursors(const RingMap& map, const Recovered& recovered) noexcept {
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) {
    auto& cursor = map.cursors[i];
    const auto state = cursor.state.load(std::memory_order_relaxed);
    cursor.owner.store(0, std::memory_order_relaxed);
    if (!CursorWord::in_use(state)) continue;
    if (CursorWord::state(state) == CursorState::joining || (CursorWord::flags(state) & kDurable) == 0) {
      cursor.state.store(CursorWord::make(CursorWord::generation(state) + 1, 0, 0, CursorState::free), std::memory_order_relaxed);
      continue;
    }
    const auto position = cursor.position.load(std::memory_order_relaxed);
    const auto sequence = std::clamp(PositionWord::sequence(position), recovered.first, recovered.tail);
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
  const Descriptor lock(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!lock) return system_error("open " + path + " to recover it", errno);
  if (const auto refused = try_lock(lock.get(), LockKind::exclusive, kRecoveryLock); refused != 0) {
    if (refused == EAGAIN) return make_error(ErrorCode::busy, path + ": another process is recovering it; try again");
    return system_error("lock " + path + " to recover it", refused);
  }
  auto file = RingFile::attach_for_recovery(path);
  if (!file) return file.error();
  const auto& map = file->map();
  Recovered recovered;
  if (file->of_this_boot()) {  // nothing to do, or another process was quicker
    recovered.tail = map.tail();
    recovered.first = oldest_sequence(map);
    return recovered;
  }
  recovered.tail = find_recovered_tail(map);
  recovered.first = recovered.tail > map.slot_count ? recovered.tail - map.slot_count : 0;
  map.control->tail.store(recovered.tail, std::memory_order_relaxed);
  settle_slots(map, recovered);
  reset_cursors(map, recovered);
  reset_control(map, recovered);
  if (auto synced = file->segment().sync(0, file->segment().bytes().size(), true); !synced) return synced.error();
  if (auto adopted = file->adopt_boot(); !adopted) return adopted.error();
  return recovered;
}

}  // namespace fabric::ipc
