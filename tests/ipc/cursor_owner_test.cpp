// Who owns a cursor: zombies, forks, damage, and what is left when an owner goes.

#include "ipc/repair.hpp"
#include "tests/ipc/ring_fixture.hpp"
#include "tests/support/child.hpp"

namespace fabric::ipc::testing {
namespace {

using fabric::testing::Channel;
using fabric::testing::Child;

class CursorOwnerTest : public RingFixture {
 protected:
  void publish(const std::shared_ptr<Ring>& ring, std::uint64_t records) {
    auto out = publisher(ring);
    for (std::uint64_t i = 0; i < records; ++i)
      ASSERT_EQ(out.publish(bytes_of(numbered(i))), PublishOutcome::published) << i;
  }
  static CursorLine& line_of(const Ring& ring, const std::string& name) {
    return ring.map().cursors[find_cursor(ring.map(), name)->index];
  }
  // A live reader of "group" in another process that has read four records; tells the result of its one ack, when it is told to.
  Child reading_child() {
    return Child([this](const Channel& channel) {
      auto in = reader(attach(), {.name = "group"});
      RecordView view;
      for (int i = 0; i < 4; ++i) in.next(view);
      channel.tell(1);
      channel.hear();
      channel.tell(in.ack());
      return Channel::stay();
    });
  }
};

// As often as the epoch and the generation alone need to come back to what a zombie remembers.
TEST_F(CursorOwnerTest, AZombiesAckIsRefusedHoweverOftenTheCursorWasTaken) {
  auto ring = make_ring();
  publish(ring, 8);
  for (const std::uint32_t takings : {2047U, 4096U, 65536U}) {
    auto zombie = reader(ring, {.name = "group", .take_over = true});
    EXPECT_GT(drain(zombie).size(), 0U);
    const auto acked = zombie.acked();
    for (std::uint32_t i = 1; i < takings; ++i)
      ASSERT_TRUE(acquire_cursor(*ring, {.name = "group", .take_over = true}, 0).has_value());
    auto owner = reader(ring, {.name = "group", .take_over = true});
    EXPECT_FALSE(zombie.ack()) << takings;
    EXPECT_EQ(owner.position(), acked);
    RecordView view;
    EXPECT_EQ(owner.next(view), ReadOutcome::record);
    EXPECT_TRUE(owner.ack()) << takings;
  }
}

// As if both had come round together: only the owner word tells.
TEST_F(CursorOwnerTest, AnotherMembersAckIsRefusedWhateverTheOtherWordsSay) {
  auto ring = make_ring();
  publish(ring, 8);
  auto child = reading_child();
  child.hear();
  auto& line = line_of(*ring, "group");
  const auto state = line.state.load(), position = line.position.load();
  ASSERT_TRUE(acquire_cursor(*ring, {.name = "group", .take_over = true}, 0).has_value());
  line.state.store(state);
  line.position.store(position);
  child.tell(1);
  EXPECT_EQ(child.hear(), 0U);
  EXPECT_EQ(line.position.load(), position);
}

TEST_F(CursorOwnerTest, AForkedChildMayNotChangeAnythingThroughItsParentsRing) {
  auto ring = make_ring();
  publish(ring, 8);
  { auto in = reader(ring, {.name = "left"}); }
  auto held = reader(ring, {.name = "held"});
  auto& dead = line_of(*ring, "left");
  dead.owner.store(dead_member(*ring));
  ring->map().publishers[3].owner.store(dead_member(*ring));
  Child child([&](const Channel& channel) {
    std::uint64_t done = 0;
    const auto note = [&](bool refused) { done = done << 1 | (refused ? 0 : 1); };
    const auto code = [](const auto& result) { return result ? ErrorCode::system : result.error().code; };
    note(code(acquire_cursor(*ring, {.name = "new"}, 0)) == ErrorCode::invalid_argument);
    note(code(acquire_cursor(*ring, {.name = "left"}, 0)) == ErrorCode::invalid_argument);
    note(code(move_cursor(*ring, "left", 2)) == ErrorCode::invalid_argument);
    note(code(delete_cursor(*ring, "left")) == ErrorCode::invalid_argument);
    note(code(Publisher::attach(ring)) == ErrorCode::invalid_argument);
    note(!reclaim_publisher_line(*ring, 3));
    note(!ring->take_ownership(ring->map().publishers[3].owner));
    const auto reclaimed = reclaim_dead(*ring);
    note(reclaimed.cursors == 0 && reclaimed.publishers == 0);
    { auto gone = std::move(held); }
    channel.tell(done);
    return 0;
  });
  EXPECT_EQ(child.hear(), 0U) << "the bits say which of them";
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(find_cursor(ring->map(), "held")->owner, ring->member());
  EXPECT_EQ(dead.owner.load(), dead_member(*ring));
}

// A reader whose words were damaged is fenced; it leaves the cursor for the next one.
TEST_F(CursorOwnerTest, ADamagedPositionLeavesNoOwnerBehind) {
  auto ring = make_ring();
  publish(ring, 8);
  {
    auto in = reader(ring, {.name = "group"});
    EXPECT_EQ(drain(in).size(), 8U);
    line_of(*ring, "group").position.fetch_xor(1U << 12);
    EXPECT_FALSE(in.ack());
  }
  EXPECT_EQ(find_cursor(ring->map(), "group")->owner, 0U);
  EXPECT_EQ(reader(ring, {.name = "group"}).position(), 1U);
}

// The first record kills every member of the group: nobody else may run out of joins for it.
TEST_F(CursorOwnerTest, TakeOversUseUpNoJoins) {
  auto ring = make_ring();
  publish(ring, 8);
  for (std::uint64_t i = 0; i < GateWord::kMaxJoins + 10; ++i) {
    const auto owned = acquire_cursor(*ring, {.name = "group"}, 0);
    ASSERT_TRUE(owned.has_value()) << i << ": " << owned.error().message;
    line_of(*ring, "group").owner.store(dead_member(*ring));
  }
  EXPECT_LT(GateWord::joins(ring->map().control->gate.load()), 5U);
  EXPECT_TRUE(move_cursor(*ring, "group", 3).has_value()) << "forwards: publishers respect it anyhow";
  EXPECT_LT(GateWord::joins(ring->map().control->gate.load()), 5U);
}

TEST_F(CursorOwnerTest, ARefusedMoveLeavesThePositionAndTheOwner) {
  auto ring = make_ring();
  publish(ring, 16);
  {
    auto in = reader(ring, {.name = "group"});
    EXPECT_EQ(drain(in).size(), 16U);
    in.ack();
  }
  auto slow = reader(ring, {.name = "slow"});  // stands at 0: the limit cannot move
  ring->map().control->gate.store(GateWord::make(16, GateWord::kMaxJoins));
  EXPECT_EQ(move_cursor(*ring, "group", 4).error().code, ErrorCode::busy);
  EXPECT_EQ(find_cursor(ring->map(), "group")->position, 16U);
  EXPECT_EQ(find_cursor(ring->map(), "group")->owner, 0U);
  EXPECT_EQ(move_cursor(*ring, "slow", 17, true).error().code, ErrorCode::invalid_argument);
  EXPECT_FALSE(drain(slow).empty());
  EXPECT_TRUE(slow.ack()) << "nobody is fenced for a move that is refused";
}

TEST_F(CursorOwnerTest, AFreedLineRaisesItsEpoch) {
  auto ring = make_ring();
  { auto in = reader(ring, {.name = "group"}); }
  const auto before = line_of(*ring, "group").position.load();
  ASSERT_TRUE(delete_cursor(*ring, "group").has_value());
  const auto& line = ring->map().cursors[0];
  EXPECT_NE(PositionWord::epoch(line.position.load()), PositionWord::epoch(before));
  EXPECT_EQ(line.owner.load(), 0U);
}

// The name that a free line still has from its last use says nothing.
TEST_F(CursorOwnerTest, ALineThatIsBeingCreatedHidesNoOther) {
  auto ring = make_ring();
  { auto first = reader(ring, {.name = "first"}); auto group = reader(ring, {.name = "group"}); }
  ASSERT_TRUE(delete_cursor(*ring, "first").has_value());
  auto& map = ring->map();
  for (int i = 0; i < 8; ++i) map.cursors[0].name[i].store(map.cursors[1].name[i].load());
  map.cursors[0].owner.store(ring->member());
  map.cursors[0].state.store(CursorWord::make(9, 12345, kGating | kDurable, CursorState::joining));
  EXPECT_EQ(find_cursor(map, "group")->index, 1U) << "of another hash";
  map.cursors[0].state.store((map.cursors[1].state.load() & ~std::uint64_t{0xf}) | static_cast<std::uint64_t>(CursorState::joining));
  EXPECT_EQ(find_cursor(map, "group")->index, 1U) << "about to give way";
}

}  // namespace
}  // namespace fabric::ipc::testing
