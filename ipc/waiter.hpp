#pragma once
// Sleeping and waking across processes.
//
// sleep word: tickets << 32 | woken. A reader that wants to sleep draws a ticket; somebody may sleep while tickets and
// woken differ. Publishers wake BEFORE they commit, and look again after it, so a publisher killed between the two leaves
// nobody asleep beside a committed record:
//
//   publisher: intent busy; light fence; [tickets != woken: wake]; write; commit; light fence; [tickets != woken: wake]; not busy
//   reader:    v = wake_futex; draw a ticket; heavy fence; a busy intent at or above our position, then: something in the slot?
//              either: nap (bounded); neither: sleep while wake_futex == v
//
// Either the publisher sees the ticket or the reader sees `busy` (fence.hpp). To wake is: bump wake_futex, FUTEX_WAKE, woken := the
// tickets seen; `woken` comes last, so a waker that dies in between is made good by the next.
// Futexes are process-shared. Cost to a publisher while nobody sleeps: two loads of a line that nobody writes.
// tests/model/sleep.pml checks the order of these steps, with store buffers and deaths.

#include <cstdint>
#include <span>

#include "ipc/ring_file.hpp"

namespace fabric::ipc {

// How a reader passes the time between empty polls.
//   spin      busy; adaptive: a longer pause after an empty poll while records stream in batches (fewer stolen lines)
//   yield     spins a little, then sched_yield
//   back_off  spins, yields, then sleeps from 1 us doubling to 1 ms
//   block     spins a little, then sleeps in the kernel until a publisher wakes it
enum class WaitStrategy : std::uint8_t { spin, yield, back_off, block };

inline bool somebody_sleeps(const ControlLines& control) noexcept {
  const auto sleep = control.sleep.load(std::memory_order_seq_cst);  // SYNC: sleep-ticket
  return (sleep >> 32) != (sleep & 0xffffffff);
}

// Wakes every sleeper of the ring. Callable by any attached process; a system call only when somebody sleeps.
void wake_sleepers(ControlLines& control) noexcept;

// One ring as a waiting reader sees it.
struct WaitTarget {
  const RingMap* map;
  std::uint64_t position;  // the sequence the reader waits for
  // It is also worth a poll that the ring's route word is another than this. Whoever changes it wakes the sleepers afterwards.
  static constexpr std::uint64_t kAnyRoute = ~std::uint64_t{0};
  std::uint64_t route = kAnyRoute;
};

// Whether the slot at the position deserves a poll: committed, voided, damaged, or claimed and unfinished (that is settled after a
// bound). Lock-free, no system call.
bool something_to_read(const WaitTarget& target) noexcept;

// Sleeps until one of the rings is woken, `timeout_ns` has passed, or a nap of `nap_ns` is over where a sleep would not be safe.
// May return early; the caller polls again. Blocks. Rings attached for writing. At most 128; more are covered by a nap.
// Whoever wants to end a sleep sets `*cancel` and then calls wake_sleepers() for the rings: it is not slept through.
void sleep_on(std::span<const WaitTarget> targets, std::uint64_t timeout_ns, std::uint64_t nap_ns,
              const std::atomic<bool>* cancel = nullptr) noexcept;

// Spinning state of one reader; see WaitStrategy. Not thread-safe: one per reader thread.
//
// A reader that has caught up with a fast publisher and polls on takes from it, at every poll, the cache line that it is filling. So
// the first empty poll after a run of records is followed by a pause, which doubles from 1 to 8 us while the runs say that records
// come faster than one in 250 ns, and ends with the first pause in which nothing came. A single record (a request, an answer) and
// a slow stream never pause. Measured in bench/README.md.
class Idler {
 public:
  // Counts how many PAUSE instructions a microsecond takes: some 5 us.
  explicit Idler(WaitStrategy strategy) noexcept;
  // After a poll that delivered `records`.
  void delivered(std::uint64_t records) noexcept;
  // After a poll that found the ring empty (also if it delivered records before, then behind delivered()). `targets` are used by
  // `block` only. Waits `timeout_ns` at most (0: does not sleep in the kernel).
  void idle(std::span<const WaitTarget> targets, std::uint64_t timeout_ns) noexcept;

 private:
  WaitStrategy strategy_;
  void adapt() noexcept;
  void pause() const noexcept;
  std::uint32_t empty_polls_ = 0;
  std::uint32_t pause_ns_ = 0;        // after the next run; 0: no stream
  std::uint32_t pauses_per_us_ = 1;
  std::uint64_t run_ = 0;             // records since the last empty poll
  std::uint64_t nap_ns_ = 50'000;
};

}  // namespace fabric::ipc
