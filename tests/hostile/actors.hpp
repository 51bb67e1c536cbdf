#pragma once
// Processes that use a ring while somebody scribbles over it. Each call that returns is a heartbeat, in memory that the
// test shares with them, so that a call that does not return is seen.

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/support/child.hpp"

namespace fabric::hostile {

// What one actor reports. In shared memory.
struct Beat {
  std::atomic<std::uint64_t> at_ns{0};       // when its last call returned
  std::atomic<std::uint64_t> longest_ns{0};  // of a call and what lies between two
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> good{0};  // records published or delivered
  std::atomic<std::uint64_t> bad{0};   // damaged, lost, refused, fenced: whatever is not good, said aloud
  std::atomic<std::uint64_t> torn{0};  // records delivered as good that are not: the one thing that must not be

  // A call has returned.
  void beat() noexcept;
};

inline constexpr std::size_t kMaxActors = 12;
struct Stage {
  std::atomic<bool> stop{false};
  Beat beats[kMaxActors];
};

struct Place {
  std::string ring, directory;
};

// Bodies for Child: run until the stage says stop, and return 0.
int run_publisher(const Place& place, const Stage& stage, Beat& beat);
int run_gating_reader(const Place& place, const Stage& stage, Beat& beat);
int run_overrunnable_reader(const Place& place, const Stage& stage, Beat& beat);
int run_observer(const Place& place, const Stage& stage, Beat& beat);
int run_blocked_reader(const Place& place, const Stage& stage, Beat& beat);
int run_event_loop(const Place& place, const Stage& stage, Beat& beat);
int run_inspector(const Place& place, const Stage& stage, Beat& beat);

// Random bytes and words, and values that hurt, over the whole mapping but the first `spared` bytes; the members file
// as well. Puts the original bytes back now and then, so that the others get somewhere again.
struct ScribbleOptions {
  std::uint64_t seed = 1;
  std::uint64_t spared = 0;
};
int run_scribbler(const Place& place, const ScribbleOptions& options, const Stage& stage, Beat& beat);

}  // namespace fabric::hostile
