// R5, value by value: what each shared word may be made to say, once or for as long as somebody insists. Every call
// returns within a bound with an outcome, the check of the ring sees the damage, and what is not touched by it goes on.

#include <functional>
#include <optional>
#include <thread>

#include "ipc/check.hpp"
#include "ipc/repair.hpp"
#include "ipc/snapshot.hpp"
#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

constexpr std::uint64_t kOnes = ~std::uint64_t{0};
constexpr std::uint64_t kLongestCallNs = 10'000'000'000;

// Published, and read by the gating reader, before the value is written; some more is there to be read.
constexpr std::uint64_t kPublished = 40, kRead = 30, kN = 16;

struct Row {
  const char* name;
  std::function<void(const RingMap&)> damage;
  std::optional<ProblemKind> found{};  // by check_ring()
  // What publishing and reading must still do; empty: anything, as long as it returns.
  bool publishes = false, reads = false;
};

void all_lines(const RingMap& map, std::uint64_t owner, std::uint64_t intent) {
  for (std::uint32_t i = 1; i < map.max_publishers; ++i) {  // line 0 is the publisher's of this test
    map.publishers[i].owner.store(owner);
    map.publishers[i].intent.store(intent);
  }
}
void all_verdicts(const RingMap& map, std::uint64_t laps_ahead, Fate fate) {
  for (std::uint64_t i = 0; i < map.slot_count; ++i)
    map.verdicts[i].store(VerdictWord::make(map.lap(map.control->tail.load()) + laps_ahead, 0, fate));
}
void all_blocks(const RingMap& map, std::uint64_t word) {
  for (std::uint32_t i = 0; i < map.arena_block_count; ++i) map.blocks[i].store(word);
}
void all_states(const RingMap& map, std::uint64_t flip) {
  for (std::uint32_t i = 0; i < map.max_cursors; ++i) map.cursors[i].state.fetch_xor(flip);
}
SlotHeader& unread_slot(const RingMap& map) { return map.slot(kRead + 1); }
void mark_in_arena(SlotHeader& slot, ArenaReference reference, std::uint32_t bytes) {
  const auto content = load_field(slot.content);
  store_field(slot.content, ContentWord::make(bytes, ContentWord::schema(content), kInArena));
  std::memcpy(reinterpret_cast<std::byte*>(&slot) + sizeof slot, &reference, sizeof reference);
}

std::vector<Row> control_rows() {
  using M = RingMap;
  constexpr auto control = ProblemKind::control;
  return {
      {"tail at the end of numbers", [](const M& m) { m.control->tail.store(kOnes); }, control},
      {"tail at the last sequence", [](const M& m) { m.control->tail.store(m.max_sequence()); }, control},
      {"tail 0", [](const M& m) { m.control->tail.store(0); }, control},
      {"tail a lap ahead", [](const M& m) { m.control->tail.fetch_add(2 * kN); }, control},
      {"limit 0", [](const M& m) { m.control->gate.store(0); }, control, true, true},
      {"limit 2^52 - 1", [](const M& m) { m.control->gate.store(GateWord::make((1ULL << 52) - 1, 0)); }, control, true,
       true},
      {"gate all ones", [](const M& m) { m.control->gate.store(kOnes); }, control, true, true},
      {"joins used up", [](const M& m) { m.control->gate.fetch_or(GateWord::kMaxJoins); }, {}, true, true},
      {"horizon all ones", [](const M& m) { m.control->horizon.store(kOnes); }, control, true, true},
      {"lease of a wild line", [](const M& m) { m.control->lease.store(0xffff); }, control},
      {"lease of the last epoch", [](const M& m) { m.control->lease.store(kOnes << 16 | 1); }, {}},
      {"tickets ahead of woken", [](const M& m) { m.control->sleep.store(0xffffffff00000000); }, {}, true, true},
      {"woken ahead of tickets", [](const M& m) { m.control->sleep.store(7); }, {}, true, true},
      {"futex word changes", [](const M& m) { m.control->wake_futex.fetch_add(1); }, {}, true, true},
      {"arena hint wild", [](const M& m) { m.control->arena_hint.store(kOnes); }, {}, true, true},
  };
}

std::vector<Row> line_rows() {
  using M = RingMap;
  return {
      {"intents cover everything, owners alive",
       [](const M& m) { all_lines(m, m.publishers[0].owner.load(), 0x1ff); },
       {},
       true,
       true},
      {"intents beyond everything", [](const M& m) { all_lines(m, m.publishers[0].owner.load(), kOnes - 1); },
       ProblemKind::publisher, true, true},
      {"intents of nobody", [](const M& m) { all_lines(m, 0, 0x1ff); }, {}, true, true},
      {"owners wild", [](const M& m) { all_lines(m, kOnes, kOnes); }, {}, true, true},
      {"owners older than the members file", [](const M& m) { all_lines(m, 4097, 0x1ff); }, {}, true, true},
      {"blocked by a wild cursor", [](const M& m) { m.publishers[0].blocked_by.store(kOnes); }, ProblemKind::publisher,
       true, true},
      {"incarnation wild", [](const M& m) { m.publishers[0].incarnation.store(kOnes); }, {}, true, true},
      {"positions huge",
       [](const M& m) {
         for (std::uint32_t i = 0; i < m.max_cursors; ++i) m.cursors[i].position.store(kOnes);
       },
       ProblemKind::cursor, true},
      {"positions 0",
       [](const M& m) {
         for (std::uint32_t i = 0; i < m.max_cursors; ++i) m.cursors[i].position.store(0);
       },
       ProblemKind::cursor},
      {"states that do not exist", [](const M& m) { all_states(m, 0xd); }, ProblemKind::cursor, true, true},
      {"wild flags", [](const M& m) { all_states(m, 0xf0); }, {}, true, true},
      {"wild generations and hashes", [](const M& m) { all_states(m, kOnes << 8); }, {}, true, true},
      {"every cursor joining",
       [](const M& m) {
         for (std::uint32_t i = 0; i < m.max_cursors; ++i) m.cursors[i].state.store(0x11);
       },
       {}},
      {"names without an end",
       [](const M& m) {
         for (auto& word : m.cursors[0].name) word.store(0x4141414141414141);
       },
       {},
       true,
       true},
      {"cursor owners wild",
       [](const M& m) {
         for (std::uint32_t i = 0; i < m.max_cursors; ++i) m.cursors[i].owner.store(kOnes);
       },
       {},
       true,
       true},
  };
}

std::vector<Row> slot_rows() {
  using M = RingMap;
  constexpr auto control = ProblemKind::control;
  return {
      {"contested", [](const M& m) { all_verdicts(m, 0, Fate::contested); }, {}},
      {"void", [](const M& m) { m.control->horizon.store(kOnes), all_verdicts(m, 0, Fate::voided); }, control},
      {"void for many laps", [](const M& m) { m.control->horizon.store(kOnes), all_verdicts(m, 100, Fate::voided); },
       ProblemKind::verdict},
      {"kept, and nothing there", [](const M& m) { m.control->horizon.store(kOnes), all_verdicts(m, 0, Fate::kept); },
       control},
      {"verdicts all ones",
       [](const M& m) {
         for (std::uint64_t i = 0; i < kN; ++i) m.verdicts[i].store(kOnes);
       },
       ProblemKind::verdict, true, true},
      {"blocks in a state that does not exist", [](const M& m) { all_blocks(m, kOnes); }, ProblemKind::arena, true,
       true},
      {"blocks held by a wild line", [](const M& m) { all_blocks(m, 0x1ffd); }, ProblemKind::arena, true, true},
      {"blocks of the last sequence", [](const M& m) { all_blocks(m, kOnes - 1); }, ProblemKind::arena, true, true},
      {"slot words of a later lap",
       [](const M& m) {
         for (std::uint64_t i = 0; i < kN; ++i) m.slot(i).word.store(SlotWord::committed(1000));
       },
       {}},
      {"slot words that are none",
       [](const M& m) {
         for (std::uint64_t i = 0; i < kN; ++i) m.slot(i).word.store(0x1234);
       },
       ProblemKind::record},
      {"slot words wiped",
       [](const M& m) {
         for (std::uint64_t i = 0; i < kN; ++i) m.slot(i).word.store(0);
       },
       ProblemKind::record},
      {"payload of 4 GiB", [](const M& m) { store_field(unread_slot(m).content, load_field(unread_slot(m).content) | 0xffffffffU); },
       ProblemKind::record, true, true},
      {"arena reference wild",
       [](const M& m) {
         mark_in_arena(unread_slot(m), {0xffffffff, 0xffffffff}, 0xffffffff);
       },
       ProblemKind::record, true, true},
      {"arena reference to all of it",
       [](const M& m) {
         mark_in_arena(unread_slot(m), {0, m.arena_block_count}, 2048);
       },
       ProblemKind::record, true, true},
      {"arena reference that wraps",
       [](const M& m) {
         mark_in_arena(unread_slot(m), {31, 0xffffffe2}, 100);
       },
       ProblemKind::record, true, true},
      {"arena reference of no blocks",
       [](const M& m) {
         mark_in_arena(unread_slot(m), {0, 0}, 0);
       },
       ProblemKind::record, true, true},
  };
}

std::vector<Row> rows() {
  auto all = control_rows();
  for (auto&& part : {line_rows(), slot_rows()}) all.insert(all.end(), part.begin(), part.end());
  return all;
}

class ValuesTest : public RingFixture, public ::testing::WithParamInterface<WriterMode> {
 protected:
  ValuesTest() {
    options.slot_count = kN;
    options.writers = GetParam();
    options.void_after_ns = 1000;
    options.arena_bytes = 2048;
    options.arena_block_bytes = 64;
  }

  // A ring in use: its publisher, a gating reader that has something to read, and one that watches.
  struct World {
    std::shared_ptr<Ring> ring, watching;
    Publisher out;
    Reader group, watcher;
  };
  World make_world() {
    ::remove(path().c_str());
    auto ring = make_ring();
    auto watching = attach(Access::read_only);
    auto out = publisher(ring);
    auto group = reader(ring, {.name = "group"});
    for (std::uint64_t i = 0; i < kPublished; ++i) {
      EXPECT_EQ(out.publish(bytes_of(numbered(i, i % 5 == 0 ? 100 : 24))), PublishOutcome::published);
      RecordView view;
      if (i < kRead) {
        EXPECT_EQ(group.next(view), ReadOutcome::record);
        group.ack();
      }
    }
    auto watcher = observer(watching);
    return {std::move(ring), std::move(watching), std::move(out), std::move(group), std::move(watcher)};
  }

  void timed(const char* what, const std::function<void()>& call) {
    const auto start = monotonic_ns();
    call();
    EXPECT_LT(monotonic_ns() - start, kLongestCallNs) << what;
  }

  std::uint64_t publish_some(Publisher& out) {
    std::uint64_t published = 0;
    for (std::uint64_t i = 0; i < 6; ++i)
      timed("publish", [&] {
        published += out.publish(bytes_of(numbered(i, i % 3 == 0 ? 150 : 20))) == PublishOutcome::published;
      });
    return published;
  }
  std::uint64_t read_some(Reader& in) {
    std::uint64_t read = 0;
    RecordView view;
    for (int i = 0; i < 40; ++i) {
      auto outcome = ReadOutcome::empty;
      timed("next", [&] { outcome = in.next(view); });
      read += outcome == ReadOutcome::record;
      if (outcome == ReadOutcome::record) number_of(view.payload);
      if (i % 4 == 3) timed("ack", [&] { in.ack(); });
    }
    return read;
  }
  void look_from_outside(const World& world) {
    const auto& map = world.watching->map();
    timed("snapshot", [&] { EXPECT_LE(take_snapshot(map).retained(), map.slot_count); });
    timed("check", [&] { check_ring(map); });
    for (const auto& cursor : list_cursors(map)) EXPECT_LE(cursor.name.size(), kMaxName);
    using Kind = StartAt::Kind;
    for (const auto kind : {Kind::latest, Kind::earliest, Kind::time, Kind::last})
      timed("find_start", [&] { find_start(map, {kind, 5}); });
  }
  void newcomers(const World& world) {
    timed("reclaim", [&] { reclaim_dead(*world.ring); });
    timed("attach a publisher", [&] {
      for (const bool take_over : {false, true}) {
        auto out = Publisher::attach(world.ring, {.take_over = take_over});
        if (out) publish_some(*out);
      }
    });
    for (const auto* name : {"group", ""}) {
      timed("attach a reader", [&] {
        auto in = Reader::attach(world.ring,
                                 {.cursor = CursorOptions{.name = name, .durable = *name != 0, .take_over = true}});
        if (in) read_some(*in);
        if (in) sleep_on(std::array{in->wait_target()}, 1'000'000, 1'000'000);
      });
    }
    timed("move a cursor",
          [&] { static_cast<void>(move_cursor(*world.ring, "group", find_head(world.ring->map()), true)); });
    timed("delete a cursor", [&] { static_cast<void>(delete_cursor(*world.ring, "group")); });
  }
};

INSTANTIATE_TEST_SUITE_P(Writers, ValuesTest, ::testing::Values(WriterMode::one, WriterMode::many),
                         [](const auto& mode) { return mode.param == WriterMode::one ? "one" : "many"; });

TEST_P(ValuesTest, OnceIsSurvived) {
  for (const auto& row : rows()) {
    SCOPED_TRACE(row.name);
    auto world = make_world();
    row.damage(world.ring->map());
    if (row.found) {
      const auto check = check_ring(world.watching->map());
      EXPECT_TRUE(std::any_of(check.problems.begin(), check.problems.end(),
                              [&](const Problem& p) { return p.kind == *row.found; }))
          << "the check sees no problem with a " << to_string(*row.found);
    }
    look_from_outside(world);
    const auto published = publish_some(world.out);
    if (row.publishes) {
      EXPECT_GT(published, 0U);
    }
    const auto read = read_some(world.group);
    read_some(world.watcher);
    if (row.reads) {
      EXPECT_GT(read, 0U);
    }
    newcomers(world);
    look_from_outside(world);
  }
}

// Somebody writes the value again and again, as fast as it can, while everybody works.
TEST_P(ValuesTest, ForAsLongAsSomebodyInsistsIsSurvived) {
  for (const auto& row : rows()) {
    SCOPED_TRACE(row.name);
    if (row.found == ProblemKind::record)
      continue;  // plain bytes of a slot: not twice at the same time, for ThreadSanitizer
    auto world = make_world();
    std::atomic<bool> enough{false};
    std::thread insisting([&] {
      while (!enough.load()) row.damage(world.ring->map());
    });
    publish_some(world.out);
    read_some(world.group);
    read_some(world.watcher);
    newcomers(world);
    timed("snapshot", [&] { take_snapshot(world.watching->map()); });
    enough = true;
    insisting.join();
    look_from_outside(world);
  }
}

// What the outcome is, where there is one to be named.
TEST_P(ValuesTest, TailBeyondTheLastSequenceIsUsedUp) {
  auto world = make_world();
  const auto& map = world.ring->map();
  map.control->tail.store(kOnes);
  EXPECT_LE(find_head(map), map.max_sequence());
  auto outcome = PublishOutcome::published;
  for (int i = 0; i < 70 && outcome == PublishOutcome::published; ++i)
    outcome = world.out.publish(bytes_of(numbered(1)));
  EXPECT_EQ(outcome, PublishOutcome::exhausted);
  RecordView view;
  for (int i = 0; i < 100; ++i) {
    world.watcher.next(view);
    EXPECT_LE(world.watcher.position(), map.max_sequence());
  }
}

TEST_P(ValuesTest, ReaderNeverStartsWhereNothingCanBe) {
  auto world = make_world();
  const auto& map = world.ring->map();
  map.control->gate.store(GateWord::make((1ULL << 52) - 1, 0));
  EXPECT_LE(reader(world.ring, {.name = "", .durable = false}).position(), map.tail());
  map.cursors[find_cursor(map, "group")->index].position.store(PositionWord::make(map.tail() + 1, 0));
  const auto refused = Reader::attach(world.ring, {.cursor = CursorOptions{.name = "group", .take_over = true}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt) << refused.error().message;
  EXPECT_NE(refused.error().message.find("; move it"), std::string::npos) << refused.error().message;
  ASSERT_TRUE(move_cursor(*world.ring, "group", find_head(map), true).has_value());
  EXPECT_TRUE(Reader::attach(world.ring, {.cursor = CursorOptions{.name = "group", .take_over = true}}).has_value());
}

}  // namespace
}  // namespace fabric::ipc::testing
