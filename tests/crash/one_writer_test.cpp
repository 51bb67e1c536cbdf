// One writer: the owner of the lease, killed and stopped at every instruction while a successor takes over; and the
// successor.

#include <unistd.h>

#include "tests/crash/sweep.hpp"

namespace fabric::ipc::crash {
namespace {

constexpr auto kOne = WriterMode::one;

void open_readers(World& world) {
  world.open_witness("a");
  world.open_witness("b");
}

// From a dead owner without force, from a stopped one by force.
void take_over_and_go_on(World& world, Mode mode) {
  world.drain();
  world.open(world.successor(), {.take_over = mode == Mode::stop});
  const auto bytes = world.map().arena_block_count == 0 ? kInlineBytes : kArenaBytes;
  if (world.successor()) world.go_on_two_laps(*world.successor(), kSuccessor, bytes);
}

Sweep owner(std::string name, RingOptions options, std::function<void(Actor&, Publisher&)> region) {
  return {.name = std::move(name),
          .options = std::move(options),
          .prepare = open_readers,
          .child =
              [region = std::move(region)](Actor& actor) {
                auto out = actor.publisher(actor.attach());
                for (std::uint64_t i = 0; i < 3; ++i)
                  actor.publish(out, kChild + i);  // the stride is four: one is left
                actor.begin();
                region(actor, out);
                actor.end();
              },
          .meanwhile = take_over_and_go_on};
}

// The owner looks at its lease while the gate is closed, and stops; a successor attaches at the closed gate; then the
// gate opens, and the owner may still win the next claim.
Sweep owner_at_closed_gate() {
  auto sweep = owner("owner_at_closed_gate", small_ring(kOne), {});
  sweep.child = [](Actor& actor) {
    auto out = actor.publisher(actor.attach());
    auto number = kChild;
    while (actor.publish(out, number) == PublishOutcome::published) ++number;
    actor.begin();
    actor.publish(out, ++number);
    actor.publish(out, ++number);
    actor.end();
    _exit(0);  // in the middle of its stride, which nobody but a successor settles
  };
  sweep.meanwhile = [](World& world, Mode mode) {
    world.open(world.successor(), {.take_over = mode == Mode::stop});
    world.drain();
  };
  sweep.afterwards = [](World& world, Mode) {
    if (world.successor()) world.go_on_two_laps(*world.successor(), kSuccessor);
  };
  return sweep;
}

// The child is the successor, by force; the old owner is alive and in the middle of its stride.
Sweep successor_by_force() {
  return {.name = "successor_by_force",
          .options = small_ring(kOne),
          .prepare =
              [](World& world) {
                open_readers(world);
                world.open(world.other());
                world.publish(*world.other(), kOther);
                world.publish(*world.other(), kOther);
              },
          .child =
              [](Actor& actor) {
                const auto ring = actor.attach();
                actor.begin();
                auto out = Publisher::attach(ring, {.take_over = true});
                actor.end();
                if (out) actor.publish(*out, kChild);
              },
          .meanwhile =
              [](World& world, Mode) {
                world.publish(*world.other(), kOther);  // published or fenced
                world.open(world.successor(), {.take_over = true});
                world.expect(world.publish(*world.other(), kOther) == PublishOutcome::fenced,
                             "the old owner is not fenced");
                if (world.successor()) world.go_on_two_laps(*world.successor(), kSuccessor);
              },
          .afterwards =
              [](World& world, Mode) {
                world.expect(world.publish(*world.other(), kOther) == PublishOutcome::fenced,
                             "the old owner is not fenced any more");
                world.drain();
                if (world.successor()) world.publish(*world.successor(), kSuccessor);
              }};
}

std::uint64_t g_dead_lease = 0;  // its epoch

// A predecessor that died in the middle of its stride, with a record begun.
void bake_dead_owner(World& world) {
  world.run_and_die([](Actor& actor) {
    const auto ring = actor.attach();
    auto out = actor.publisher(ring);
    std::array<std::byte, kInlineBytes> payload;
    for (std::uint64_t i = 0; i < 19; ++i) {
      fill_payload(payload, kBaked + i);
      if (i < 18 && out.publish(payload) != PublishOutcome::published) actor.fail("publish");
    }
    const auto& map = ring->map();
    std::memcpy(map.payload(map.slot(18)), payload.data(), payload.size());
    _exit(0);
  });
  for (std::uint64_t i = 0; i < 18; ++i) world.allow(kBaked + i);
  g_dead_lease = world.map().control->lease.load() >> 16;
}

Sweep successor_of_the_dead() {
  return {.name = "successor_of_the_dead",
          .options = small_ring(kOne),
          .bake = bake_dead_owner,
          .prepare = open_readers,
          .child =
              [](Actor& actor) {
                const auto ring = actor.attach();
                actor.begin();
                auto out = Publisher::attach(ring);
                actor.end();
                if (out) actor.publish(*out, kChild);
              },
          .meanwhile = take_over_and_go_on,
          .afterwards =
              [](World& world, Mode) {
                world.drain();
                if (world.successor()) world.publish(*world.successor(), kSuccessor);
              }};
}

// A candidate that stops before it has the lease holds up no other one; the dead owner's lease names a line that may be its own now.
Sweep candidate_of_the_dead() {
  auto sweep = successor_of_the_dead();
  sweep.name = "candidate_of_the_dead";
  sweep.kill = false;
  sweep.meanwhile = [](World& world, Mode) {
    const auto another = Publisher::attach(world.ring());
    const auto lease = world.map().control->lease.load() >> 16;
    world.expect(another || lease != g_dead_lease, "a standby waits for one that has no lease");
  };
  sweep.afterwards = [](World& world, Mode) {
    world.open(world.successor(), {.take_over = true});
    if (world.successor()) world.go_on_two_laps(*world.successor(), kSuccessor);
  };
  return sweep;
}

Sweep owner_detaches() {
  auto sweep = owner("owner_detaches", small_ring(kOne), {});
  sweep.child = [](Actor& actor) {
    std::optional<Publisher> out(actor.publisher(actor.attach()));
    actor.publish(*out, kChild);
    actor.begin();
    out.reset();
    actor.end();
  };
  return sweep;
}

const std::vector<Sweep>& sweeps() {
  static const std::vector<Sweep> all{
      owner("owner_inline_across_stride", small_ring(kOne),
            [](Actor& actor, Publisher& out) {
              actor.publish(out, kChild + 100);
              actor.publish(out, kChild + 101);
            }),
      owner("owner_arena", small_ring_with_arena(kOne),
            [](Actor& actor, Publisher& out) {
              actor.publish(out, kChild + 100, kArenaBytes);
              actor.publish(out, kChild + 101, kArenaBytes);
            }),
      owner("owner_batch_across_stride", small_ring(kOne),
            [](Actor& actor, Publisher& out) { actor.publish_batch(out, kChild + 100, 3); }),
      owner("owner_claims", small_ring_with_arena(kOne),
            [](Actor& actor, Publisher& out) {
              actor.claim(out, kChild + 100, kInlineBytes, true);
              actor.claim(out, kChild + 101, kArenaBytes, false);
              actor.claim(out, kChild + 102, kArenaBytes, true);
            }),
      owner_at_closed_gate(),
      owner_detaches(),
      successor_by_force(),
      successor_of_the_dead(),
      candidate_of_the_dead(),
  };
  return all;
}

TEST_P(SweepTest, EveryInstruction) { run_sweep(*GetParam().sweep, GetParam().mode); }
INSTANTIATE_TEST_SUITE_P(OneWriter, SweepTest, ::testing::ValuesIn(both_modes(sweeps())), case_name);

}  // namespace
}  // namespace fabric::ipc::crash
