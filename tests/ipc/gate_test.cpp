// The gate's limit: how far it is raised at once, and what a reader that joins late still gets (G3, G4).

#include "ipc/gate.hpp"

#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

class GateTest : public RingFixture {
 protected:
  static constexpr std::uint64_t kStep = 4096 / 8;
  void SetUp() override {
    options.slot_count = 4096;
    options.arena_bytes = std::uint64_t{64} * 4096;
  }
  static void publish(Publisher& out, std::uint64_t first, std::uint64_t end, std::size_t bytes = 24) {
    for (auto i = first; i < end; ++i) ASSERT_EQ(out.publish(bytes_of(numbered(i, bytes))), PublishOutcome::published) << i;
  }
  static std::uint64_t limit(const Ring& ring) { return GateWord::limit(ring.map().control->gate.load()); }
};

TEST_F(GateTest, LimitGoesAheadByAStepAtMost) {
  const auto ring = make_ring();
  auto out = publisher(ring);
  for (std::uint64_t i = 0; i < 3 * options.slot_count; ++i) {
    publish(out, i, i + 1);
    ASSERT_LE(limit(*ring), std::max(options.slot_count, ring->map().tail() + kStep)) << i;
  }
}

TEST_F(GateTest, LateReaderGetsAllButAStep) {
  for (const bool another : {false, true}) {
    const auto ring = make_ring();
    std::optional<Reader> keeps_up;
    if (another) keeps_up.emplace(reader(ring, {.name = "keeps up"}));
    auto out = publisher(ring);
    for (std::uint64_t i = 0; i < 5 * options.slot_count + 1000; ++i) {
      publish(out, i, i + 1);
      if (keeps_up) {
        drain(*keeps_up);
        keeps_up->ack();
      }
    }
    const auto oldest = ring->map().tail() - options.slot_count;
    auto late = reader(ring, {.name = "late"});
    EXPECT_LE(late.position(), oldest + kStep);
    EXPECT_EQ(drain(late).back(), 5 * options.slot_count + 999);
    ::unlink(path().c_str());
  }
}

TEST_F(GateTest, StepIsNeverBeyondTheSlowestReader) {
  const auto ring = make_ring();
  auto slow = reader(ring, {.name = "slow"});
  auto out = publisher(ring);
  publish(out, 0, options.slot_count);
  EXPECT_EQ(out.publish(bytes_of(numbered(0))), PublishOutcome::back_pressure);
  RecordView view;
  for (int i = 0; i < 7; ++i) ASSERT_EQ(slow.next(view), ReadOutcome::record);
  slow.ack();
  publish(out, 0, 7);
  EXPECT_EQ(out.publish(bytes_of(numbered(0))), PublishOutcome::back_pressure);
  EXPECT_EQ(limit(*ring), options.slot_count + 7);
}

// Blocks are given back by records that the limit has passed: a full arena raises it further than a claim does.
TEST_F(GateTest, ArenaTakesTheRoomOfOldRecords) {
  const auto ring = make_ring();
  auto out = publisher(ring);
  publish(out, 0, 1000, 3 * 4096);
  EXPECT_LE(limit(*ring), ring->map().tail() + options.slot_count);
}

TEST_F(GateTest, SmallRingsRaiseTheLimitALapAtATime) {
  options.slot_count = 64;
  const auto ring = make_ring();
  EXPECT_EQ(gate_step(ring->map()), 64U);
  auto out = publisher(ring);
  publish(out, 0, 1000);
}

}  // namespace
}  // namespace fabric::ipc::testing
