#pragma once
// One child at one ring, swept (points.hpp): for each point a World is reset, the child forked and brought to the point, the others go on,
// and everything is audited.

#include <gtest/gtest.h>

#include "tests/crash/points.hpp"
#include "tests/crash/world.hpp"

namespace fabric::ipc::crash {

// Killed, its death is known, so nobody may have to wait: readers would wait an hour for a live publisher. Stopped, readers wait
// kStopBoundNs.
inline constexpr std::uint64_t kKillBoundNs = 3'600'000'000'000, kStopBoundNs = 200'000;

struct Sweep {
  std::string name;
  RingOptions options{};
  bool kill = true, stop = true;            // the modes that make sense
  bool whole = false;                       // a short region with narrow windows: all points, whatever the time
  std::optional<std::uint64_t> bound_ns{};  // void_after, where the mode's does not fit
  // Once, before the image is kept: what the ring holds when a point begins.
  std::function<void(World&)> bake{};
  // Per point: in this process before the child; the child itself; then while it is stopped or dead.
  std::function<void(World&)> prepare{};
  std::function<void(Actor&)> child{};
  std::function<void(World&, Mode)> meanwhile{};
  // After the child is dead or has finished; World::audit() follows.
  std::function<void(World&, Mode)> afterwards{};
};

// A small ring in which two laps are quick.
inline RingOptions small_ring(WriterMode writers) {
  return {.writers = writers, .slot_count = 16, .slot_bytes = 64, .max_publishers = 6, .max_cursors = 6};
}
inline RingOptions small_ring_with_arena(WriterMode writers) {
  auto options = small_ring(writers);
  options.arena_bytes = 8 << 10;
  options.arena_block_bytes = 256;
  return options;
}

// The usual Sweep::prepare: two gating readers and the other publisher. And the usual Sweep::meanwhile: they go on past the child.
inline constexpr auto kMany = WriterMode::many;
void open_all(World& world);
void two_laps(World& world, Mode mode);

void run_sweep(const Sweep& sweep, Mode mode);

// For INSTANTIATE_TEST_SUITE_P: every sweep in both modes.
struct SweepCase {
  const Sweep* sweep;
  Mode mode;
};
std::vector<SweepCase> both_modes(const std::vector<Sweep>& sweeps);
std::string case_name(const ::testing::TestParamInfo<SweepCase>& info);

class SweepTest : public ::testing::TestWithParam<SweepCase> {};

}  // namespace fabric::ipc::crash
