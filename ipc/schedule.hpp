#pragma once
// Where a scheduler may interleave threads of the ring algorithm. Production code runs with FreeRunning, which compiles to
// nothing; tests/schedule runs the same code under a seeded scheduler that switches threads at every point.

#include <cstdint>

namespace fabric::ipc {

enum class Step : std::uint8_t {
  intent,
  claim,
  inspect,
  quarantine,
  write,
  commit,
  look_at_horizon,
  clear_intent,
  refresh,
  scan_cursors,
  raise_limit,
  read_word,
  read_horizon,
  read_verdict,
  raise_horizon,
  contest,
  settle,
  ack,
};

// Whether records are checksummed: always. Only tools/evf/bench_ring.cpp says no, for a schedule of its own, to show what it costs.
template <class Schedule>
inline constexpr bool kChecksums = true;

struct FreeRunning {
  static constexpr bool kImpatient = false;  // true: readers look for unfinished claims at every empty poll
  static void point(Step) noexcept {}
};

}  // namespace fabric::ipc
