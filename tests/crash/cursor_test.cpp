// Whoever changes a cursor, killed and stopped at every instruction, while others take, leave, delete and make anew
// what it was about to change; and the gate, while a cursor moves back beside a refresh in flight.

#include <unistd.h>

#include "ipc/repair.hpp"
#include "tests/crash/sweep.hpp"

namespace fabric::ipc::crash {
namespace {

constexpr std::uint64_t kRecords = 6, kTarget = 2;

// The group's cursor is on line 0, nobody's, behind six records.
void bake_group(World& world) {
  world.open_witness("group");
  world.open(world.other());
  for (std::uint64_t i = 0; i < kRecords; ++i) world.publish(*world.other(), kBaked);
  world.drain();
}

// Another process, without force.
void expect_free(World& world, const std::string& name = "group") {
  world.run_and_die([&](Actor& actor) {
    const auto in = Reader::attach(actor.attach(), {.cursor = CursorOptions{.name = name}});
    if (!in) actor.fail(in.error().message);
  });
}

Sweep basic(std::string name, std::function<void(Actor&, const Ring&)> region) {
  return {.name = std::move(name),
          .options = small_ring(kMany),
          .whole = true,
          .bake = bake_group,
          .prepare = open_all,
          .child = [region = std::move(region)](Actor& actor) {
            const auto ring = actor.attach();
            region(actor, *ring);
          }};
}

void move_group(Actor& actor, const Ring& ring, bool force) {
  actor.begin();
  const auto moved = move_cursor(ring, "group", kTarget, force);
  actor.end();
  if (!moved && moved.error().code == ErrorCode::corrupt) actor.fail(moved.error().message);
  _exit(0);
}

void delete_group(Actor& actor, const Ring& ring) {
  actor.begin();
  const auto deleted = delete_cursor(ring, "group");
  actor.end();
  const auto found = find_cursor(ring.map(), "group");
  if (!deleted && found && found->owner == ring.member()) actor.fail("a refused deletion keeps the cursor");
  _exit(0);
}

// By force from a stopped one. Whoever comes after must keep the cursor when the first one goes on.
void take_group(World& world, Mode mode) {
  world.expect(world.open_witness("group"), "a cursor cannot be taken by force");
  two_laps(world, mode);
}

void expect_group(World& world, Mode mode) {
  world.expect(world.holds_cursor("group"), "the new owner has lost its cursor");
  two_laps(world, mode);
  world.expect(world.holds_cursor("group"), "the new owner has lost its cursor");
}

Sweep moves_taken() {
  auto sweep = basic("moves_taken", [](Actor& actor, const Ring& ring) { move_group(actor, ring, false); });
  sweep.meanwhile = take_group;
  sweep.afterwards = expect_group;
  return sweep;
}

// A step forwards leaves out records that the group never handled; who reads on must not take them for handled
// (layout.hpp, `started`).
Sweep skips() {
  constexpr std::uint64_t kAcked = 2, kSkipsTo = 4;
  auto sweep = basic("skips", [](Actor& actor, const Ring& ring) {
    actor.begin();
    static_cast<void>(move_cursor(ring, "group", kSkipsTo));
    actor.end();
    _exit(0);
  });
  sweep.bake = [](World& world) {
    world.open_witness("group");
    world.open(world.other());
    for (std::uint64_t i = 0; i < kAcked; ++i) world.publish(*world.other(), kBaked);
    world.drain();
    for (std::uint64_t i = kAcked; i < kRecords; ++i) world.publish(*world.other(), kBaked);
  };
  sweep.meanwhile = [](World& world, Mode) {
    const auto& line = world.map().cursors[find_cursor(world.map(), "group")->index];
    const auto position = PositionWord::sequence(line.position.load()),
               started = PositionWord::sequence(line.started.load());
    world.expect(position <= kAcked || started >= position, "records that were left out count as handled");
  };
  sweep.afterwards = [](World& world, Mode mode) {
    auto& group = (world.open_witness("group"), world.witness("group"));
    const auto skipped = group.in->position() > kAcked;
    world.expect(group.in->started() <= group.in->position(), "what is read from here on does not count as handled");
    world.expect(group.in->started() >= (skipped ? kSkipsTo : 0), "records that were left out count as handled");
    two_laps(world, mode);
  };
  return sweep;
}

Sweep deletes_taken() {
  auto sweep = basic("deletes_taken", delete_group);
  sweep.meanwhile = take_group;
  sweep.afterwards = expect_group;
  return sweep;
}

// A live member of this process has the cursor, and loses it. When it has let go of its reader nothing may be left of
// it.
std::optional<Reader> g_live;

Sweep forced(std::string name, std::function<void(Actor&, const Ring&)> region) {
  auto sweep = basic(std::move(name), std::move(region));
  sweep.prepare = [](World& world) {
    g_live.reset();
    open_all(world);
    auto in = Reader::attach(world.ring(), {.cursor = CursorOptions{.name = "group", .take_over = true}});
    g_live.emplace(std::move(*in));
  };
  sweep.meanwhile = [](World& world, Mode mode) {
    world.go_on_while_possible(*world.other(), kOther);
    RecordView view;
    while (g_live->next(view) == ReadOutcome::record) {
    }
    g_live->ack();
    if (mode == Mode::kill) return;
    g_live.reset();
  };
  sweep.afterwards = [](World& world, Mode mode) {
    g_live.reset();
    expect_free(world);
    world.open_witness("group");
    expect_group(world, mode);
  };
  return sweep;
}

Sweep moves_by_force() {
  return forced("moves_by_force", [](Actor& actor, const Ring& ring) { move_group(actor, ring, true); });
}

Sweep takes_by_force() {
  return forced("takes_by_force", [](Actor& actor, const Ring& ring) {
    actor.begin();
    const auto owned = acquire_cursor(ring, {.name = "group", .take_over = true}, 0);
    actor.end();
    if (owned) release_cursor(ring, *owned);
    _exit(0);
  });
}

bool g_reused = false;  // the line has become another cursor's
std::uint64_t g_position = 0;

void reuse_line(World& world, bool leave) {
  g_reused = delete_cursor(*world.ring(), "group").has_value();
  if (g_reused && leave) {
    if (const auto owned = acquire_cursor(*world.ring(), {.name = "innocent"}, 0))
      release_cursor(*world.ring(), *owned);
  } else if (g_reused) {
    world.open_witness("innocent");
  }
  const auto found = find_cursor(world.map(), "innocent");
  world.expect(found.has_value() == g_reused && (!found || found->index == 0),
               "the sweep is void: another line was used");
  if (found) g_position = found->position;
  world.go_on_while_possible(*world.other(), kOther);
}

void drop_group(World& world) { static_cast<void>(delete_cursor(*world.ring(), "group")); }

Sweep on_reused_line(std::string name, bool leave, std::function<void(Actor&, const Ring&)> region) {
  auto sweep = basic(std::move(name), std::move(region));
  sweep.kill = false;
  sweep.meanwhile = [leave](World& world, Mode) { reuse_line(world, leave); };
  sweep.afterwards = [leave](World& world, Mode mode) {
    drop_group(world);
    const auto found = find_cursor(world.map(), "innocent");
    world.expect(!g_reused || found, "a cursor was deleted in place of another");
    if (g_reused && found && leave) {
      world.expect(found->position == g_position, "a cursor was moved in place of another");
      expect_free(world, "innocent");
      world.open_witness("innocent");
    }
    world.expect(!g_reused || world.holds_cursor("innocent"), "a cursor was hit in place of another");
    two_laps(world, mode);
  };
  return sweep;
}

Sweep moves_reused_line() {
  return on_reused_line("moves_reused_line", false,
                        [](Actor& actor, const Ring& ring) { move_group(actor, ring, false); });
}

Sweep moves_line_left_to_another() {
  return on_reused_line("moves_line_left_to_another", true,
                        [](Actor& actor, const Ring& ring) { move_group(actor, ring, false); });
}

Sweep deletes_line_left_to_another() { return on_reused_line("deletes_line_left_to_another", true, delete_group); }

Sweep adopts_reused_line() {
  return on_reused_line("adopts_reused_line", false, [](Actor& actor, const Ring& ring) {
    actor.begin();
    const auto owned = acquire_cursor(ring, {.name = "group"}, 0);
    actor.end();
    if (!owned && owned.error().code != ErrorCode::busy) actor.fail(owned.error().message);
    if (owned) release_cursor(ring, *owned);
    _exit(0);
  });
}

Sweep deletes_left() {
  auto sweep = basic("deletes_left", delete_group);
  sweep.kill = false;
  sweep.meanwhile = [](World& world, Mode) {
    if (const auto owned = acquire_cursor(*world.ring(), {.name = "group"}, 0)) release_cursor(*world.ring(), *owned);
  };
  sweep.afterwards = [](World& world, Mode mode) {
    expect_free(world);
    world.open_witness("group");
    expect_group(world, mode);
  };
  return sweep;
}

Sweep adopts_other_flags() {
  auto sweep = basic("adopts_other_flags", [](Actor& actor, const Ring& ring) {
    actor.begin();
    const auto owned = acquire_cursor(ring, {.name = "group"}, 0);
    actor.end();
    const auto found = find_cursor(ring.map(), "group");
    if (owned && !(found && found->gating)) actor.fail("a gating reader on a cursor that does not gate");
    _exit(0);
  });
  sweep.kill = false;
  sweep.meanwhile = [](World& world, Mode) {
    if (delete_cursor(*world.ring(), "group"))
      if (const auto owned = acquire_cursor(*world.ring(), {.name = "group", .gating = false}, 0))
        release_cursor(*world.ring(), *owned);
    world.go_on_while_possible(*world.other(), kOther);
  };
  sweep.afterwards = [](World& world, Mode mode) {
    drop_group(world);
    two_laps(world, mode);
  };
  return sweep;
}

void create_group(Actor& actor, const std::shared_ptr<Ring>& ring) {
  actor.begin();
  auto in = Reader::attach(ring, {.cursor = CursorOptions{.name = "group"}, .start = {StartAt::Kind::earliest, 0}});
  actor.end();
  const auto& map = ring->map();
  const auto limit = GateWord::limit(map.control->gate.load());
  const auto found = find_cursor(map, "group");
  const bool held = in && found && found->owner == ring->member();
  if (held && in->position() + map.slot_count < limit)
    actor.fail("a gating reader stands where publishers have passed it");
  while (in && actor.read(*in) == ReadOutcome::record) in->ack();
}

Sweep creates(std::string name) {
  return {.name = std::move(name),
          .options = small_ring(kMany),
          .kill = false,
          .whole = true,
          .bake =
              [](World& world) {
                world.open(world.other());
                for (std::uint64_t i = 0; i < kRecords; ++i) world.publish(*world.other(), kBaked);
              },
          .prepare = open_all,
          .child = [](Actor& actor) { create_group(actor, actor.attach()); }};
}

// The operator moves by force what is still being created, and publishers go on.
Sweep creates_moved() {
  auto sweep = creates("creates_moved");
  sweep.meanwhile = [](World& world, Mode) {
    const auto found = find_cursor(world.map(), "group");
    if (found && found->joining) {
      const auto moved = move_cursor(*world.ring(), "group", world.map().tail(), true);
      world.expect(moved || moved.error().code == ErrorCode::busy,
                   "a cursor that is being created cannot be moved by force");
    }
    world.go_on_while_possible(*world.other(), kOther);
  };
  sweep.afterwards = [](World& world, Mode mode) {
    world.audit_deliveries();
    drop_group(world);
    two_laps(world, mode);
  };
  return sweep;
}

Sweep creates_taken() {
  auto sweep = creates("creates_taken");
  sweep.meanwhile = take_group;
  sweep.afterwards = expect_group;
  return sweep;
}

std::uint32_t g_dead_line = 0;
std::uint64_t g_dead_word = 0;

// The dead reader's line comes to a live one, with the very state word that the repairer has seen.
Sweep reclaims_reused_line() {
  auto sweep = basic("reclaims_reused_line", [](Actor& actor, const Ring& ring) {
    actor.begin();
    reclaim_cursor(ring, g_dead_line);
    actor.end();
    _exit(0);
  });
  sweep.kill = false;
  sweep.bake = nullptr;
  sweep.prepare = [](World& world) {
    open_all(world);
    world.run_and_die([](Actor& actor) {
      auto in = actor.reader(actor.attach(), {.name = "guest", .durable = false});
      _exit(0);
    });
    g_dead_line = find_cursor(world.map(), "guest")->index;
    g_dead_word = world.map().cursors[g_dead_line].state.load();
  };
  sweep.meanwhile = [](World& world, Mode) {
    auto& state = world.map().cursors[g_dead_line].state;
    const auto& owner = world.map().cursors[g_dead_line].owner;
    g_reused = reclaim_cursor(*world.ring(), g_dead_line) && !world.ring()->is_alive(owner.load());
    if (g_reused) {
      state.store(CursorWord::make(CursorWord::generation(g_dead_word) - 1, 0, 0, CursorState::free));
      world.open_witness("guest", false);
      world.expect(state.load() == g_dead_word, "the sweep is void: the state word did not come back");
    }
    world.go_on_while_possible(*world.other(), kOther);
  };
  sweep.afterwards = [](World& world, Mode mode) {
    world.expect(!g_reused || world.holds_cursor("guest"), "a repair freed a live reader's cursor");
    two_laps(world, mode);
  };
  return sweep;
}

// Who clears a dead reader away, and is stopped there, holds up nobody.
Sweep reclaims_for_all() {
  auto sweep = reclaims_reused_line();
  sweep.name = "reclaims_for_all";
  sweep.kill = true;
  sweep.meanwhile = [](World& world, Mode mode) {
    reclaim_cursor(*world.ring(), g_dead_line);
    two_laps(world, mode);
  };
  sweep.afterwards = two_laps;
  return sweep;
}

// A publisher stands in a refresh, between its scan and its CAS, from before the mover came. The group's next owner
// must not read where that CAS lets publishers write.
std::uint64_t g_gate = 0, g_wanted = 0;

Sweep moves_beside_refresh() {
  auto sweep = basic("moves_beside_refresh", [](Actor& actor, const Ring& ring) { move_group(actor, ring, false); });
  sweep.bake = [](World& world) {
    world.open_witness("group");
    world.open(world.other());
    for (std::uint64_t i = 0; i < world.map().slot_count; ++i) world.publish(*world.other(), kBaked);
    world.drain();
  };
  sweep.prepare = [](World& world) {
    open_all(world);
    world.drain();
    const auto& map = world.map();
    g_gate = map.control->gate.load();
    g_wanted = find_slowest(map, map.tail(), GateWord::limit(g_gate)).position + map.slot_count;
    world.expect(g_wanted > GateWord::limit(g_gate), "the sweep is void: the refresh raises nothing");
  };
  sweep.meanwhile = [](World& world, Mode) {
    world.expect(world.open_witness("group"), "a cursor cannot be taken by force");
    auto gate = g_gate;
    world.map().control->gate.compare_exchange_strong(gate, GateWord::make(g_wanted, 0));
    const auto cursor = find_cursor(world.map(), "group");
    const auto limit = GateWord::limit(world.map().control->gate.load());
    world.expect(cursor && limit <= cursor->position + world.map().slot_count, "publishers may pass a gating reader");
  };
  sweep.afterwards = expect_group;
  return sweep;
}

const std::vector<Sweep>& sweeps() {
  static const std::vector<Sweep> all{
      moves_taken(),
      skips(),
      deletes_taken(),
      moves_by_force(),
      takes_by_force(),
      moves_reused_line(),
      moves_line_left_to_another(),
      adopts_reused_line(),
      deletes_line_left_to_another(),
      deletes_left(),
      adopts_other_flags(),
      creates_moved(),
      creates_taken(),
      reclaims_reused_line(),
      reclaims_for_all(),
      moves_beside_refresh(),
  };
  return all;
}

TEST_P(SweepTest, EveryInstruction) { run_sweep(*GetParam().sweep, GetParam().mode); }
INSTANTIATE_TEST_SUITE_P(Cursor, SweepTest, ::testing::ValuesIn(both_modes(sweeps())), case_name);

}  // namespace
}  // namespace fabric::ipc::crash
