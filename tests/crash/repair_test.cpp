// Repair itself, killed and stopped at every instruction: whoever repairs may die too, and must not hurt who came
// meanwhile.

#include <unistd.h>

#include "ipc/arena.hpp"
#include "ipc/repair.hpp"
#include "tests/crash/sweep.hpp"

namespace fabric::ipc::crash {
namespace {

// A dead publisher with a claim, a dead durable reader and a dead ephemeral one, both gating.
void leave_the_dead(World& world) {
  open_all(world);
  world.run_and_die([](Actor& actor) {
    const auto ring = actor.attach();
    auto group = actor.reader(ring, {.name = "group"});
    auto guest = actor.reader(ring, {.name = "guest", .durable = false});
    auto out = actor.publisher(ring);
    actor.publish(out, kBaked);
    ring->map().publishers[out.line()].intent.store(IntentWord::make(1, 1, true));
    ring->map().control->tail.store(2);
    _exit(0);
  });
  world.allow(kBaked);
}

Sweep reclaims_dead() {
  return {.name = "reclaims_dead",
          .options = small_ring(kMany),
          .prepare = leave_the_dead,
          .child =
              [](Actor& actor) {
                const auto ring = actor.attach();
                actor.begin();
                reclaim_dead(*ring);
                actor.end();
              },
          .meanwhile =
              [](World& world, Mode mode) {
                world.open_witness("group");
                world.open_witness("guest", false);
                two_laps(world, mode);
              },
          .afterwards =
              [](World& world, Mode mode) {
                world.expect(world.holds_cursor("group") && world.holds_cursor("guest"),
                             "a repair freed the cursor of a live reader");
                two_laps(world, mode);
              }};
}

Sweep deletes_cursor() {
  return {.name = "deletes_cursor",
          .options = small_ring(kMany),
          .bake = [](World& world) { world.open_witness("group"); },
          .prepare = open_all,
          .child =
              [](Actor& actor) {
                const auto ring = actor.attach();
                actor.begin();
                const auto deleted = delete_cursor(*ring, "group");
                actor.end();
              },
          .meanwhile =
              [](World& world, Mode mode) {
                world.open_witness("group");
                two_laps(world, mode);
              },
          .afterwards =
              [](World& world, Mode mode) {
                world.expect(world.holds_cursor("group"), "a deletion took the cursor of a live reader");
                two_laps(world, mode);
              }};
}

// The whole arena is held by a dead publisher: the child finds it full and adopts the blocks.
Sweep adopts_arena() {
  return {.name = "adopts_arena",
          .options = small_ring_with_arena(kMany),
          .prepare =
              [](World& world) {
                open_all(world);
                world.run_and_die([](Actor& actor) {
                  const auto ring = actor.attach();
                  auto out = actor.publisher(ring);
                  if (!out.claim(8 << 10)) actor.fail("no room");
                  _exit(0);
                });
              },
          .child =
              [](Actor& actor) {
                auto out = actor.publisher(actor.attach());
                actor.begin();
                actor.publish(out, kChild, kArenaBytes);
                actor.publish(out, kChild + 1, kArenaBytes);
                actor.end();
              },
          .meanwhile = [](World& world, Mode) { world.go_on_two_laps(*world.other(), kOther, kArenaBytes); }};
}

constexpr std::uint64_t kBefore = 21, kRead = 9;  // records before the crash, and how many of them the group had acked

// A ring of another boot: whole records, an acked part; at its end a void and a record that was half written back.
void bake_other_boot(World& world) {
  const auto& map = world.map();
  world.open_witness("a");
  world.open(world.other());
  for (std::uint64_t i = 0; i < kBefore; ++i) {
    world.publish(*world.other(), kBaked);
    if (i == kRead - 1) world.drain();
  }
  map.control->tail.store(kBefore + 2);
  void_own(map, kBefore);
  map.publishers[world.other()->line()].intent.store(IntentWord::make(kBefore + 1, 1, true));
  map.slot(kBefore + 1).word.store(map.committed_word(kBefore + 1));  // the word reached the disk, the record did not
  RingHeader header;
  std::memcpy(&header, map.base, sizeof header);
  BootRecord boot;
  std::memcpy(&boot, map.base + kBootOffsets[0], sizeof boot);
  boot.boot_id[0] ^= 1;
  boot.checksum = header.ring_id[0];
  boot.checksum = hash_bytes(&boot, sizeof boot);
  std::memcpy(map.base + kBootOffsets[0], &boot, sizeof boot);
}

void recover_here(World& world, Mode mode) {
  const auto recovered = recover_ring(world.path());
  if (mode == Mode::kill && !recovered) return world.fault("cannot be recovered: " + recovered.error().message);
  if (!recovered)
    world.expect(recovered.error().code == ErrorCode::busy, "a second recovery fails otherwise than with busy");
}

void use_recovered(World& world, Mode mode) {
  recover_here(world, Mode::kill);
  world.attach_again();
  if (!world.ring()) return;
  const auto& map = world.map();
  for (auto s = map.tail(); s < map.tail() + map.slot_count; ++s)
    world.expect(map.slot(s).word.load() != map.committed_word(s), "a sequence that is still to come looks committed");
  for (auto i = kRead; i < kBefore; ++i) world.expect_delivered(kBaked + i);
  open_all(world);
  if (!world.other()) return;
  // What the horizon passes before a reader comes there must not be judged by verdicts of before the crash.
  for (int i = 0; i < 3; ++i) world.publish(*world.other(), kOther);
  raise_horizon(*map.control, map.tail());
  world.drain();
  two_laps(world, mode);
}

Sweep recovers() {
  return {.name = "recovers_ring",
          .options = small_ring(kMany),
          .bake = bake_other_boot,
          .prepare = [](World& world) { world.detach(); },
          .child =
              [](Actor& actor) {
                actor.begin();
                const auto recovered = recover_ring(actor.path());
                actor.end();
                if (!recovered && recovered.error().code != ErrorCode::busy) actor.fail(recovered.error().message);
              },
          .meanwhile = recover_here,
          .afterwards = use_recovered};
}

const std::vector<Sweep>& sweeps() {
  static const std::vector<Sweep> all{reclaims_dead(), deletes_cursor(), adopts_arena(), recovers()};
  return all;
}

TEST_P(SweepTest, EveryInstruction) { run_sweep(*GetParam().sweep, GetParam().mode); }
INSTANTIATE_TEST_SUITE_P(Repair, SweepTest, ::testing::ValuesIn(both_modes(sweeps())), case_name);

}  // namespace
}  // namespace fabric::ipc::crash
