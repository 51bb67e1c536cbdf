// Coming and going, killed and stopped at every instruction: attach to a ring, attach and detach a publisher, create a
// ring file.

#include <unistd.h>

#include <filesystem>

#include "tests/crash/sweep.hpp"

namespace fabric::ipc::crash {
namespace {

Sweep joins_ring() {
  return {.name = "joins_ring",
          .options = small_ring(kMany),
          .prepare = open_all,
          .child =
              [](Actor& actor) {
                actor.begin();
                const auto ring = actor.attach();
                actor.end();
                auto out = actor.publisher(ring);
                actor.publish(out, kChild);
              },
          .meanwhile =
              [](World& world, Mode mode) {
                world.run_and_die([](Actor& actor) { actor.attach(); });
                two_laps(world, mode);
              }};
}

Sweep publisher_attaches() {
  return {.name = "publisher_attaches",
          .options = small_ring(kMany),
          .bake =
              [](World& world) {  // a line to be reclaimed on the way
                world.run_and_die([](Actor& actor) {
                  const auto ring = actor.attach();
                  const auto out = actor.publisher(ring);
                  ring->map().publishers[out.line()].intent.store(IntentWord::make(0, 1, true));
                  _exit(0);
                });
              },
          .prepare =
              [](World& world) {
                world.open_witness("a");
                world.open_witness("b");
              },
          .child =
              [](Actor& actor) {
                const auto ring = actor.attach();
                actor.begin();
                auto out = Publisher::attach(ring);
                actor.end();
                if (!out) actor.fail(out.error().message);
                actor.publish(*out, kChild);
              },
          .meanwhile =
              [](World& world, Mode mode) {
                world.open(world.other());
                two_laps(world, mode);
              }};
}

Sweep publisher_detaches() {
  return {.name = "publisher_detaches",
          .options = small_ring(kMany),
          .prepare = open_all,
          .child =
              [](Actor& actor) {
                std::optional<Publisher> out(actor.publisher(actor.attach()));
                actor.publish(*out, kChild);
                actor.begin();
                out.reset();
                actor.end();
              },
          .meanwhile = two_laps};
}

std::string new_path(const World& world) { return world.directory() + "/new"; }

// 1: the child created it, 2: it was told that it is there.
void create_in_child(Actor& actor) {
  const auto path = actor.path().substr(0, actor.path().find_last_of('/')) + "/new";
  actor.begin();
  const auto created = RingFile::create(path, small_ring(kMany));
  actor.end();
  if (!created && created.error().code != ErrorCode::already_exists) actor.fail(created.error().message);
  actor.notes().value.store(created ? 1 : 2);
}

void create_here(World& world, Mode) {
  const bool visible = std::filesystem::exists(new_path(world));
  const auto created = RingFile::create(new_path(world), small_ring(kMany));
  if (!created && created.error().code != ErrorCode::already_exists) world.fault(created.error().message);
  world.expect(created.has_value() != visible, "what is there is told as not there, or the other way round");
}

void use_new_ring(World& world, Mode mode) {
  const auto ring = Ring::attach(new_path(world));
  if (!ring) return world.fault(ring.error().message);
  auto out = Publisher::attach(*ring).value();
  auto in = Reader::attach(*ring, {.start = {StartAt::Kind::earliest, 0}}).value();
  std::array<std::byte, kInlineBytes> payload;
  fill_payload(payload, 1);
  RecordView view;
  world.expect(out.publish(payload) == PublishOutcome::published && in.next(view) == ReadOutcome::record,
               "the new ring does not work");
  if (mode == Mode::kill) remove_stale_temporaries(world.directory()).value();
  for (const auto& entry : std::filesystem::directory_iterator(world.directory()))
    world.expect(entry.path().extension() != ".tmp", "a temporary file is left");
}

Sweep creates_file() {
  return {.name = "creates_file",
          .options = small_ring(kMany),
          .prepare =
              [](World& world) {
                std::filesystem::remove(new_path(world));
                remove_stale_temporaries(world.directory()).value();
                open_all(world);
              },
          .child = create_in_child,
          .meanwhile =
              [](World& world, Mode mode) {
                if (mode == Mode::stop)
                  remove_stale_temporaries(world.directory()).value();  // a live creator's is not stale
                create_here(world, mode);
              },
          .afterwards = use_new_ring};
}

const std::vector<Sweep>& sweeps() {
  static const std::vector<Sweep> all{joins_ring(), publisher_attaches(), publisher_detaches(), creates_file()};
  return all;
}

TEST_P(SweepTest, EveryInstruction) { run_sweep(*GetParam().sweep, GetParam().mode); }
INSTANTIATE_TEST_SUITE_P(Attach, SweepTest, ::testing::ValuesIn(both_modes(sweeps())), case_name);

}  // namespace
}  // namespace fabric::ipc::crash
