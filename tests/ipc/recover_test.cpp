// A ring on disk after a reboot: the boot id in the file is another one, and any page may be older than any other.

#include <random>

#include "ipc/arena.hpp"
#include "ipc/cursor.hpp"
#include "ipc/repair.hpp"
#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

class RecoverTest : public RingFixture, public ::testing::WithParamInterface<WriterMode> {
 protected:
  RecoverTest() {
    options.writers = GetParam();
    options.arena_bytes = 16384;
    options.arena_block_bytes = 512;
  }
  // Publishes [0, count) past a durable reader that acked up to `acked`; leaves no handle open.
  void fill(std::uint64_t count, std::uint64_t acked) {
    auto ring = make_ring();
    auto out = publisher(ring);
    auto in = reader(ring, {.name = "group"});
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(out.publish(bytes_of(numbered(i, i % 5 == 0 ? 700 : 24))), PublishOutcome::published);
      RecordView view;
      if (in.position() < acked) {
        ASSERT_EQ(in.next(view), ReadOutcome::record);
        in.ack();
      }
    }
  }
  void reboot() {
    auto file = RingFile::attach_for_recovery(path());
    ASSERT_TRUE(file->adopt_boot({1, 2, 3}).has_value());
    ASSERT_FALSE(file->of_this_boot());
  }
  RingMap raw() {
    file_.emplace(*RingFile::attach_for_recovery(path()));
    return file_->map();
  }

 private:
  std::optional<RingFile> file_;
};
INSTANTIATE_TEST_SUITE_P(Writers, RecoverTest, ::testing::Values(WriterMode::one, WriterMode::many),
                         [](const auto& mode) { return mode.param == WriterMode::one ? "one" : "many"; });

TEST_P(RecoverTest, AnotherBootIsRefusedUntilRecovered) {
  fill(40, 30);
  reboot();
  const auto refused = Ring::attach(path(), {.members_directory = directory()});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::incompatible);
  EXPECT_EQ(drain(*std::make_unique<Reader>(observer(attach(Access::read_only)))).size(), options.slot_count)
      << "an observer may look at it as it is";
  const auto recovered = recover_ring(path());
  ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
  EXPECT_EQ(recovered->tail, 40U);
  EXPECT_EQ(recovered->records, options.slot_count);
  auto ring = attach();
  auto in = reader(ring, {.name = "group"});
  EXPECT_EQ(in.position(), 30U);
  auto out = publisher(ring);
  ASSERT_EQ(out.publish(bytes_of(numbered(40))), PublishOutcome::published);
  EXPECT_EQ(drain(in).size(), 11U);
}

TEST_P(RecoverTest, ControlLinesMayBeAnything) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 30; ++round) {
    std::remove(path().c_str());
    fill(40, 30);
    reboot();
    auto map = raw();
    const auto position = map.cursors[0].position.load();
    auto* words = reinterpret_cast<std::uint64_t*>(map.control);
    for (std::size_t i = 0; i < sizeof(ControlLines) / 8; ++i) words[i] = random();
    for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
      map.publishers[i].owner.store(random());
      map.publishers[i].intent.store(random());
    }
    for (std::uint32_t i = 0; i < map.arena_block_count; ++i)
      if (random() % 4 == 0) map.blocks[i].store(Arena::word(Arena::holder(random() % 9, 3), BlockState::held));
    ASSERT_EQ(map.cursors[0].position.load(), position);
    const auto recovered = recover_ring(path());
    ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
    EXPECT_EQ(recovered->tail, 40U);
    auto ring = attach();
    auto in = reader(ring, {.name = "group"});
    std::uint64_t expected = 30;
    for (const auto number : drain(in)) EXPECT_EQ(number, expected++);
    EXPECT_EQ(expected, 40U);
  }
}

// What a power loss leaves of the slots: any of them may be from an earlier lap, half written, or gone.
TEST_P(RecoverTest, LostSlotsAreVoidTornOnesAreReported) {
  fill(40, 30);
  reboot();
  auto map = raw();
  map.slot(33).word.store(map.committed_word(33 - options.slot_count));             // not written back
  map.payload(map.slot(36))[3] ^= std::byte{1};                                     // half written back
  std::memset(static_cast<void*>(&map.slot(39)), 0, map.slot_bytes);                // the last one is gone
  const auto recovered = recover_ring(path());
  ASSERT_TRUE(recovered.has_value());
  EXPECT_EQ(recovered->tail, 39U) << "nothing is left of the last one";
  auto ring = attach();
  auto in = reader(ring, {.name = "group"});
  std::vector<std::uint64_t> seen, damaged;
  RecordView view;
  for (;;) {
    const auto outcome = in.next(view);
    if (outcome == ReadOutcome::record) {
      seen.push_back(number_of(view.payload));
    } else if (outcome == ReadOutcome::damaged) {
      damaged.push_back(view.sequence);
    } else {
      ASSERT_EQ(outcome, ReadOutcome::empty);
      break;
    }
  }
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{30, 31, 32, 34, 35, 37, 38}));
  EXPECT_EQ(damaged, (std::vector<std::uint64_t>{36}));
}

TEST_P(RecoverTest, AckedSequencesAreNeverUsedAgain) {
  fill(40, 40);
  reboot();
  auto map = raw();
  for (std::uint64_t s = 35; s < 40; ++s) std::memset(static_cast<void*>(&map.slot(s)), 0, map.slot_bytes);
  const auto recovered = recover_ring(path());
  ASSERT_TRUE(recovered.has_value());
  EXPECT_EQ(recovered->tail, 40U);
  auto ring = attach();
  auto out = publisher(ring);
  std::uint64_t sequence = 0;
  ASSERT_EQ(out.publish(bytes_of(numbered(40)), {.sequence = &sequence}), PublishOutcome::published);
  EXPECT_GE(sequence, 40U);
}

// One flipped bit in one cursor must not cost a record. Its group gets again what is retained.
TEST_P(RecoverTest, APositionThatCannotBeIsIgnoredAndReported) {
  fill(10, 5);
  {
    auto ring = attach();
    reader(ring, {.name = "bad"});
    reader(ring, {.name = "guest", .durable = false});
  }
  reboot();
  auto map = raw();
  const auto bad = find_cursor(map, "bad");
  ASSERT_TRUE(bad);
  map.cursors[bad->index].position.fetch_xor(1ULL << (12 + 20));
  const auto recovered = recover_ring(path());
  ASSERT_TRUE(recovered.has_value());
  EXPECT_EQ(recovered->tail, 10U);
  EXPECT_EQ(recovered->records, 10U);
  EXPECT_EQ(recovered->voided, 0U);
  EXPECT_EQ(recovered->damaged_cursors, 1U);
  auto ring = attach();
  EXPECT_EQ(drain(*std::make_unique<Reader>(reader(ring, {.name = "group"}))).size(), 5U);
  EXPECT_EQ(drain(*std::make_unique<Reader>(reader(ring, {.name = "bad"}))).size(), 10U);
}

// The last lap may be lost behind an acked position, not more; what is no durable cursor says nothing.
TEST_P(RecoverTest, HowFarAPositionIsBelieved) {
  for (const std::uint64_t beyond : {0U, 1U, 16U, 17U}) {
    for (const auto state : {CursorState::active, CursorState::joining}) {
      std::remove(path().c_str());
      fill(10, 10);
      reboot();
      auto map = raw();
      for (std::uint64_t s = 0; s < map.slot_count; ++s) map.verdict(s).store(0);  // a stride's rest leaves some
      const auto word = map.cursors[0].state.load();
      map.cursors[0].state.store(CursorWord::make(CursorWord::generation(word), CursorWord::name_hash(word), CursorWord::flags(word), state));
      map.cursors[0].position.store(PositionWord::make(10 + beyond, 3));
      const auto recovered = recover_ring(path());
      ASSERT_TRUE(recovered.has_value());
      const bool counts = state == CursorState::active, believed = beyond <= options.slot_count;
      EXPECT_EQ(recovered->tail, counts && believed ? 10 + beyond : 10);
      EXPECT_EQ(recovered->damaged_cursors, counts && !believed ? 1U : 0U);
    }
  }
}

// A lap of voids leaves no record, but verdicts: the position behind it is believed, once and again.
TEST_P(RecoverTest, VerdictsVouchForAPosition) {
  fill(10, 10);
  reboot();
  auto map = raw();
  const std::uint64_t end = 10 + 2 * options.slot_count;
  for (auto s = end - options.slot_count; s < end; ++s) map.verdict(s).store(VerdictWord::make(map.lap(s), 1, Fate::voided));
  map.cursors[0].position.store(PositionWord::make(end, 3));
  const auto recovered = recover_ring(path());
  ASSERT_TRUE(recovered.has_value());
  EXPECT_EQ(recovered->tail, end);
  EXPECT_EQ(recovered->damaged_cursors, 0U);
}

TEST_P(RecoverTest, TwiceIsOnce) {
  fill(40, 30);
  reboot();
  ASSERT_TRUE(recover_ring(path()).has_value());
  auto ring = attach();
  auto out = publisher(ring);
  ASSERT_EQ(out.publish(bytes_of(numbered(40))), PublishOutcome::published);
  const auto again = recover_ring(path());
  ASSERT_TRUE(again.has_value());
  auto in = reader(ring, {.name = "group"});
  EXPECT_EQ(drain(in).size(), 11U) << "a ring of this boot is left alone";
}

}  // namespace
}  // namespace fabric::ipc::testing
