// A reader, killed and stopped at every instruction: of poll and ack, of settling somebody's claim, of attach,
// take-over and detach.

#include <unistd.h>

#include "tests/crash/sweep.hpp"

namespace fabric::ipc::crash {
namespace {

void bake_six_records(World& world) {
  world.open(world.other());
  for (int i = 0; i < 6; ++i) world.publish(*world.other(), kBaked);
}

// notes.value: what is acked for certain << 32 | what may be acked.
void note_ack(Actor& actor, Reader& in) {
  const auto certain = actor.notes().value.load() >> 32;
  actor.notes().value.store(certain << 32 | in.position());
  if (in.ack()) actor.notes().value.store(in.position() << 32 | in.position());
}

void take_over_group(World& world, Mode mode) {
  if (mode == Mode::stop) world.go_on_while_possible(*world.other(), kOther);
  if (world.open_witness("group")) {
    world.drain();
    const auto& seen = world.witness("group").seen;
    const auto value = world.notes().value.load();
    world.expect(!seen.empty() && seen.front().sequence >= value >> 32, "acked records were delivered again");
    world.expect(!seen.empty() && seen.front().sequence <= (value & 0xffffffff),
                 "records that nobody acked were left out");
  }
  two_laps(world, mode);
}

void expect_group(World& world, Mode) {
  world.expect(world.holds_cursor("group"), "the successor has lost its cursor");
}

Sweep poll_and_ack() {
  return {.name = "poll_and_ack",
          .options = small_ring(kMany),
          .bake = bake_six_records,
          .prepare = open_all,
          .child =
              [](Actor& actor) {
                auto in = actor.reader(actor.attach(), {.name = "group"});
                actor.begin();
                actor.read(in);
                actor.read(in);
                note_ack(actor, in);
                actor.read(in);
                note_ack(actor, in);
                actor.end();
                _exit(0);
              },
          .meanwhile = take_over_group,
          .afterwards =
              [](World& world, Mode mode) {
                expect_group(world, mode);
                const auto begin = world.witness("group").seen.front().sequence;
                world.expect(world.notes().value.load() >> 32 <= begin, "a fenced reader was told that its ack counts");
              }};
}

Sweep overrunnable() {
  return {.name = "overrunnable",
          .options = small_ring(kMany),
          .bake = bake_six_records,
          .prepare = open_all,
          .child =
              [](Actor& actor) {
                auto in = actor.reader(actor.attach(), {.name = "sampler", .gating = false});
                actor.begin();
                for (int i = 0; i < 3; ++i) actor.read(in);
                actor.end();
                for (int i = 0; i < 5; ++i) actor.read(in);
              },
          .meanwhile = two_laps,
          .afterwards = [](World& world, Mode) { world.audit_deliveries(); }};
}

Sweep overrunnable_in_arena() {
  auto sweep = overrunnable();
  sweep.name = "overrunnable_in_arena";
  sweep.options = small_ring_with_arena(kMany);
  sweep.bake = [](World& world) {
    world.open(world.other());
    for (int i = 0; i < 6; ++i) world.publish(*world.other(), kBaked, kArenaBytes);
  };
  sweep.meanwhile = [](World& world, Mode) { world.go_on_two_laps(*world.other(), kOther, kArenaBytes); };
  return sweep;
}

// A publisher died having claimed two, and written nothing.
void bake_dead_claim(World& world) {
  bake_six_records(world);
  world.run_and_die([](Actor& actor) {
    const auto ring = actor.attach();
    auto out = actor.publisher(ring);
    const auto& map = ring->map();
    map.publishers[out.line()].intent.store(IntentWord::make(6, 2, true));
    map.control->tail.store(8);
    _exit(0);
  });
}

void read_past_claim(Actor& actor) {
  const auto ring = actor.attach();
  auto in = actor.reader(ring, {.name = "sampler", .gating = false});
  for (int i = 0; i < 6; ++i) actor.read(in);
  actor.begin();
  for (int i = 0; i < 12; ++i) {
    actor.pass_time(in, 50'000);
    actor.read(in);
  }
  actor.end();
  if (in.position() == 6) actor.fail("the child has settled nothing: the sweep is void itself");
}

Sweep settles_dead_claim() {
  return {.name = "settles_dead_claim",
          .options = small_ring(kMany),
          .bake = bake_dead_claim,
          .prepare = open_all,
          .child = read_past_claim,
          .meanwhile = two_laps,
          .afterwards = [](World& world, Mode) { world.audit_deliveries(); }};
}

// A live publisher in this process claimed two; the child finds it overdue. Then the publisher wakes up and commits its
// first.
enum class Late : std::uint8_t { alone, before_the_others, after_them };

std::uint32_t g_late_line = 0;

void claim_two_and_stand_still(World& world) {
  open_all(world);
  world.open(world.successor());
  g_late_line = world.successor()->line();
  world.map().publishers[g_late_line].intent.store(IntentWord::make(6, 2, true));
  world.map().control->tail.store(8);
}

// As BasicPublisher::write() and what follows it.
void commit_late(World& world) {
  const auto& map = world.map();
  std::array<std::byte, kInlineBytes> payload;
  fill_payload(payload, kSuccessor);
  auto& slot = map.slot(6);
  RecordMeta meta{};
  meta.committed_word = map.committed_word(6);
  meta.timestamp_ns = 1;
  meta.content = kInlineBytes;
  std::memcpy(map.payload(slot), payload.data(), payload.size());
  slot.checksum = record_checksum(meta, hash_bytes(payload.data(), payload.size()), map.salt);
  slot.timestamp_ns = 1;
  slot.content = kInlineBytes;
  slot.word.store(meta.committed_word, std::memory_order_release);
  light_fence();
  if (commit_stands(map, 6)) world.expect_delivered(kSuccessor);
  void_own(map, 7);
  map.publishers[g_late_line].intent.store(IntentWord::kNone, std::memory_order_release);
}

Sweep settles_late_claim(std::string name, Late late) {
  return {.name = std::move(name),
          .options = small_ring(kMany),
          .bound_ns = 0,
          .bake = bake_six_records,
          .prepare = claim_two_and_stand_still,
          .child = read_past_claim,
          .meanwhile =
              [late](World& world, Mode mode) {
                if (late != Late::after_them) commit_late(world);
                if (late != Late::alone) two_laps(world, mode);
              },
          .afterwards =
              [late](World& world, Mode mode) {
                if (late == Late::after_them) commit_late(world);
                world.audit_deliveries();
                two_laps(world, mode);
              }};
}

Sweep creates_cursor() {
  return {
      .name = "creates_cursor",
      .options = small_ring(kMany),
      .bake = bake_six_records,
      .prepare = open_all,
      .child =
          [](Actor& actor) {
            const auto ring = actor.attach();
            actor.begin();
            auto in =
                Reader::attach(ring, {.cursor = CursorOptions{.name = "group"}, .start = {StartAt::Kind::earliest, 0}});
            actor.end();
            while (in && actor.read(*in) == ReadOutcome::record) in->ack();
          },
      // A cursor that is being created may hold publishers up, but not lose a record; a dead creator holds up nobody.
      .meanwhile =
          [](World& world, Mode mode) {
            if (mode == Mode::stop) return world.go_on_while_possible(*world.other(), kOther);
            world.expect(world.open_witness("group"), "a dead creator's cursor is busy");
            two_laps(world, mode);
          },
      .afterwards =
          [](World& world, Mode mode) {
            if (mode == Mode::kill) return;
            world.audit_deliveries();
            world.open_witness("group");
            two_laps(world, mode);
            expect_group(world, mode);
          }};
}

Sweep adopts_cursor() {
  return {.name = "adopts_cursor",
          .options = small_ring(kMany),
          .bake =
              [](World& world) {
                world.open_witness("group");
                bake_six_records(world);
              },
          .prepare = open_all,
          .child =
              [](Actor& actor) {
                const auto ring = actor.attach();
                actor.notes().value.store(0);
                actor.begin();
                auto in = Reader::attach(ring, {.cursor = CursorOptions{.name = "group"}});
                actor.end();
                _exit(0);
              },
          .meanwhile = take_over_group,
          .afterwards =
              [](World& world, Mode mode) {
                two_laps(world, mode);
                expect_group(world, mode);
              }};
}

// A zombie that leaves must not take its successor's cursor with it.
Sweep detaches(std::string name, bool durable) {
  return {.name = std::move(name),
          .options = small_ring(kMany),
          .bake = bake_six_records,
          .prepare = open_all,
          .child =
              [durable](Actor& actor) {
                std::optional<Reader> in(actor.reader(actor.attach(), {.name = "group", .durable = durable}));
                actor.begin();
                in.reset();
                actor.end();
              },
          .meanwhile =
              [durable](World& world, Mode mode) {
                if (mode == Mode::stop) world.go_on_while_possible(*world.other(), kOther);
                world.open_witness("group", durable);
                two_laps(world, mode);
              },
          .afterwards =
              [](World& world, Mode mode) {
                two_laps(world, mode);
                expect_group(world, mode);
              }};
}

const std::vector<Sweep>& sweeps() {
  static const std::vector<Sweep> all{
      poll_and_ack(),
      overrunnable(),
      overrunnable_in_arena(),
      settles_dead_claim(),
      settles_late_claim("settles_claim_just_committed", Late::alone),
      settles_late_claim("settles_claim_committed_meanwhile", Late::before_the_others),
      settles_late_claim("settles_claim_committed_two_laps_later", Late::after_them),
      creates_cursor(),
      adopts_cursor(),
      detaches("detaches_durable", true),
      detaches("detaches_ephemeral", false),
  };
  return all;
}

TEST_P(SweepTest, EveryInstruction) { run_sweep(*GetParam().sweep, GetParam().mode); }
INSTANTIATE_TEST_SUITE_P(Reader, SweepTest, ::testing::ValuesIn(both_modes(sweeps())), case_name);

}  // namespace
}  // namespace fabric::ipc::crash
