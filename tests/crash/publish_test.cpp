// A publisher of a many-writer ring, killed and stopped at every instruction of each way to publish.

#include "tests/crash/sweep.hpp"

namespace fabric::ipc::crash {
namespace {

// The ring stands shortly before a wrap: the region's first record goes into the last slot, the second into the first.
void bake_before_wrap(World& world) {
  world.open(world.other());
  while (world.map().tail() < world.map().slot_count * 3 - 1) world.publish(*world.other(), kBaked);
}

Sweep publish_sweep(std::string name, RingOptions options, std::function<void(Actor&, Publisher&)> region) {
  const auto bytes = options.arena_bytes == 0 ? kInlineBytes : kArenaBytes;
  return {.name = std::move(name),
          .options = std::move(options),
          .bake = bake_before_wrap,
          .prepare = open_all,
          .child =
              [region = std::move(region)](Actor& actor) {
                auto out = actor.publisher(actor.attach());
                actor.begin();
                region(actor, out);
                actor.end();
              },
          .meanwhile =
              [bytes](World& world, Mode) {
                world.drain();
                world.go_on_two_laps(*world.other(), kOther, bytes);
              }};
}

// The ring is full: refused until the readers of the others have acked, if they ever do.
Sweep gated() {
  auto sweep = publish_sweep("gated", small_ring(WriterMode::many), [](Actor& actor, Publisher& out) {
    actor.publish(out, kChild);
    actor.publish(out, kChild + 1);
  });
  sweep.prepare = [](World& world) {
    open_all(world);
    while (world.publish(*world.other(), kOther) == PublishOutcome::published) {
    }
  };
  return sweep;
}

// The publisher raises the gate's limit; stopped in the middle of that, it must not overrun who joined meanwhile.
Sweep refresh_against_join() {
  auto sweep = publish_sweep("refresh_against_join", small_ring(WriterMode::many), {});
  sweep.prepare = [](World& world) {
    open_all(world);
    while (world.publish(*world.other(), kOther) == PublishOutcome::published) {
    }
    world.drain();
  };
  sweep.child = [](Actor& actor) {
    auto out = actor.publisher(actor.attach());
    actor.begin();
    actor.publish(out, kChild);
    actor.end();
    for (std::uint64_t i = 1; i < 20; ++i) actor.publish(out, kChild + i);
  };
  sweep.meanwhile = [](World& world, Mode) { world.open_witness("late"); };
  sweep.afterwards = two_laps;
  return sweep;
}

// Refused because of a reader in the same process; then that reader acks. Killed, its cursor must not gate for ever.
Sweep gated_then_released() {
  auto sweep = publish_sweep("gated_then_released", small_ring(WriterMode::many), {});
  sweep.stop = false;  // a stopped gating reader holds everybody up, as it should
  sweep.child = [](Actor& actor) {
    const auto ring = actor.attach();
    auto out = actor.publisher(ring);
    auto in = actor.reader(ring, {.durable = false});
    auto number = kChild;
    const auto limit = GateWord::limit(ring->map().control->gate.load());
    while (ring->map().tail() < limit) actor.publish(out, number++);
    actor.begin();
    actor.publish(out, number++);
    while (actor.read(in) == ReadOutcome::record) {
    }
    in.ack();
    actor.publish(out, number++);
    actor.end();
  };
  return sweep;
}

const std::vector<Sweep>& sweeps() {
  const auto many = WriterMode::many;
  static const std::vector<Sweep> all{
      publish_sweep("inline_across_wrap", small_ring(many),
                    [](Actor& actor, Publisher& out) {
                      actor.publish(out, kChild);
                      actor.publish(out, kChild + 1);
                    }),
      gated(),
      gated_then_released(),
      refresh_against_join(),
      publish_sweep("arena", small_ring_with_arena(many),
                    [](Actor& actor, Publisher& out) { actor.publish(out, kChild, kArenaBytes); }),
      publish_sweep("batch_of_three", small_ring(many),
                    [](Actor& actor, Publisher& out) { actor.publish_batch(out, kChild, 3); }),
      publish_sweep("claim_commit", small_ring_with_arena(many),
                    [](Actor& actor, Publisher& out) {
                      actor.claim(out, kChild, kInlineBytes, true);
                      actor.claim(out, kChild + 1, kArenaBytes, true);
                    }),
      publish_sweep("claim_abort", small_ring_with_arena(many),
                    [](Actor& actor, Publisher& out) {
                      actor.claim(out, kChild, kInlineBytes, false);
                      actor.claim(out, kChild, kArenaBytes, false);
                    }),
  };
  return all;
}

TEST_P(SweepTest, EveryInstruction) { run_sweep(*GetParam().sweep, GetParam().mode); }
INSTANTIATE_TEST_SUITE_P(Publish, SweepTest, ::testing::ValuesIn(both_modes(sweeps())), case_name);

}  // namespace
}  // namespace fabric::ipc::crash
