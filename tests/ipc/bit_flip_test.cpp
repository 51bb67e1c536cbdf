// R4: every single bit of a committed record, flipped one at a time, is found by everybody: by a gating reader, by an
// observer, by examine_slot() and by a check of the ring. The record comes as damaged, with its raw bytes, and reading
// goes on behind it.

#include <algorithm>

#include "ipc/check.hpp"
#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

constexpr std::uint64_t kVictim = 1;  // between two whole records
constexpr std::size_t kArenaPayload = 100;

struct Case {
  WriterMode writers;
  bool in_arena;
};

class BitFlipTest : public RingFixture, public ::testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    options.writers = GetParam().writers;
    options.void_after_ns = 1;
    options.arena_bytes = 1024;
    options.arena_block_bytes = 64;
    ring = make_ring();
    watching = attach(Access::read_only);
    map = ring->map();
  }
  std::size_t payload_bytes() const { return GetParam().in_arena ? kArenaPayload : map.inline_capacity() - 3U; }
  std::byte* slot_bytes() const { return reinterpret_cast<std::byte*>(&map.slot(kVictim)); }

  void publish(std::uint64_t count) {
    auto out = publisher(ring);
    for (std::uint64_t i = 0; i < count; ++i)
      ASSERT_EQ(out.publish(bytes_of(numbered(i, payload_bytes())), {.schema = 0x123456, .flags = 0x50}),
                PublishOutcome::published);
  }

  // Reads everything: the record before, the damaged one with its raw bytes, the records behind it.
  void expect_damaged_by(Reader in) {
    RecordView view;
    ASSERT_EQ(next_settled(in, view), ReadOutcome::record);
    ASSERT_EQ(view.sequence, kVictim - 1);
    ASSERT_EQ(next_settled(in, view), ReadOutcome::damaged);
    EXPECT_EQ(view.sequence, kVictim);
    ASSERT_EQ(view.payload.size(), map.slot_bytes);
    EXPECT_TRUE(std::equal(view.payload.begin(), view.payload.end(), slot_bytes())) << "the raw bytes";
    ASSERT_EQ(next_settled(in, view), ReadOutcome::record);
    EXPECT_EQ(view.sequence, kVictim + 1);
    EXPECT_EQ(number_of(view.payload), kVictim + 1);
  }

  void expect_found_from_outside() {
    EXPECT_EQ(examine_slot(watching->map(), kVictim), SlotCondition::damaged);
    const auto check = check_ring(watching->map());
    ASSERT_EQ(check.problem_count, 1U);
    EXPECT_EQ(check.problems[0].kind, ProblemKind::record);
    EXPECT_EQ(check.problems[0].sequence, kVictim);
    EXPECT_EQ(check.problems[0].offset, static_cast<std::uint64_t>(slot_bytes() - map.base));
  }

  // Of the byte at `place`, bit by bit. `of`: for the message.
  void flip_each_bit(std::byte* place, const std::string& of) {
    for (int bit = 0; bit < 8; ++bit) {
      SCOPED_TRACE(of + ", bit " + std::to_string(bit));
      const auto flip = [&] { *place ^= static_cast<std::byte>(1 << bit); };
      flip();
      expect_found_from_outside();
      expect_damaged_by(observer(watching));
      expect_damaged_by(reader(ring, {.name = "", .durable = false}));
      expect_damaged_by(observer(ring));
      expect_found_from_outside();
      flip();
      map.verdict(kVictim).store(0);  // as if nobody had ever looked
      map.control->horizon.store(0);
      ASSERT_EQ(examine_slot(map, kVictim), SlotCondition::whole);
      if (HasFatalFailure()) return;
    }
  }

  std::shared_ptr<Ring> ring, watching;
  RingMap map;
};

INSTANTIATE_TEST_SUITE_P(Writers, BitFlipTest,
                         ::testing::Values(Case{WriterMode::one, false}, Case{WriterMode::one, true},
                                           Case{WriterMode::many, false}, Case{WriterMode::many, true}),
                         [](const auto& mode) {
                           return std::string(mode.param.writers == WriterMode::one ? "one" : "many") +
                                  (mode.param.in_arena ? "Arena" : "Inline");
                         });

// The slot word, the rest of the header, and the payload; in the arena: what the slot says of the payload's place.
TEST_P(BitFlipTest, InTheSlot) {
  publish(4);
  const auto bytes = sizeof(SlotHeader) + (GetParam().in_arena ? sizeof(ArenaSlot) : payload_bytes());
  for (std::size_t i = 0; i < bytes && !HasFatalFailure(); ++i)
    flip_each_bit(slot_bytes() + i, "byte " + std::to_string(i) + " of the slot");
}

TEST_P(BitFlipTest, InThePayloadInTheArena) {
  publish(4);
  if (!GetParam().in_arena) return;
  const auto extent = load_arena_slot(map, map.slot(kVictim)).extent;
  for (std::size_t i = 0; i < kArenaPayload && !HasFatalFailure(); ++i)
    flip_each_bit(map.arena + std::uint64_t{extent.first_block} * map.arena_block_bytes + i,
                  "byte " + std::to_string(i) + " of the payload");
}

// A payload that would itself pass for a reference into the arena must not make a flipped kInArena a payload that is
// gone.
TEST_P(BitFlipTest, OfAPayloadThatLooksLikeAReference) {
  auto out = publisher(ring);
  const std::string looks_like_it("\3\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16);
  for (int i = 0; i < 4; ++i) ASSERT_EQ(out.publish(bytes_of(looks_like_it)), PublishOutcome::published);
  auto& slot = map.slot(kVictim);
  slot.content ^= ContentWord::make(0, 0, kInArena);
  expect_found_from_outside();
  auto in = observer(watching);
  RecordView view;
  ASSERT_EQ(in.next(view), ReadOutcome::record);
  EXPECT_EQ(in.next(view), ReadOutcome::damaged);
  EXPECT_EQ(in.next(view), ReadOutcome::record);
}

// Bits of a slot that are no part of its record are nobody's business.
TEST_P(BitFlipTest, BehindTheRecordNothingIsDamaged) {
  publish(4);
  if (GetParam().in_arena) return;
  for (std::size_t i = sizeof(SlotHeader) + payload_bytes(); i < map.slot_bytes; ++i)
    slot_bytes()[i] ^= std::byte{0xff};
  EXPECT_TRUE(check_ring(watching->map()).sound());
  auto in = observer(watching);
  EXPECT_EQ(drain(in).size(), 4U);
}

}  // namespace
}  // namespace fabric::ipc::testing
