// Named cursors and the gate: joining, leaving, dying, two creators at once.

#include <thread>

#include "ipc/repair.hpp"
#include "tests/ipc/ring_fixture.hpp"
#include "tests/support/child.hpp"

namespace fabric::ipc::testing {
namespace {

using fabric::testing::Channel;
using fabric::testing::Child;

class CursorTest : public RingFixture {
 protected:
  void publish(Publisher& out, std::uint64_t first, std::uint64_t end) {
    for (auto i = first; i < end; ++i) ASSERT_EQ(out.publish(bytes_of(numbered(i))), PublishOutcome::published) << i;
  }
};

TEST_F(CursorTest, BadOptionsAreRefused) {
  auto ring = make_ring();
  const auto code = [&](CursorOptions cursor) { return acquire_cursor(*ring, cursor, 0).error().code; };
  EXPECT_EQ(code({.name = std::string(64, 'x')}), ErrorCode::invalid_argument);
  EXPECT_EQ(code({.name = ""}), ErrorCode::invalid_argument) << "durable and nameless";
  EXPECT_EQ(code({.name = std::string("a\0b", 3)}), ErrorCode::invalid_argument);
  auto in = reader(ring, {.name = "group"});
  EXPECT_EQ(code({.name = "group"}), ErrorCode::busy);
  { auto left = reader(ring, {.name = "other"}); }
  EXPECT_EQ(code({.name = "other", .gating = false}), ErrorCode::invalid_argument);
  EXPECT_EQ(delete_cursor(*ring, "nobody").error().code, ErrorCode::not_found);
  EXPECT_EQ(delete_cursor(*ring, "group").error().code, ErrorCode::busy);
}

TEST_F(CursorTest, LinesAreUsedAgain) {
  auto ring = make_ring();
  for (int round = 0; round < 50; ++round) {
    std::vector<Reader> all;
    for (std::uint32_t i = 0; i < options.max_cursors; ++i) all.push_back(reader(ring, {.durable = false}));
    EXPECT_EQ(acquire_cursor(*ring, {.name = "one more"}, 0).error().code, ErrorCode::no_space);
  }
  EXPECT_TRUE(list_cursors(ring->map()).empty());
}

TEST_F(CursorTest, NewGatingReaderStartsWherePublishersStillAllow) {
  auto ring = make_ring();
  auto out = publisher(ring);
  publish(out, 0, 100);
  auto in = reader(ring, {.name = "late"}, {StartAt::Kind::sequence, 0});
  const auto start = in.position();
  EXPECT_GE(start, 100 - options.slot_count);
  EXPECT_LE(start, 100U);
  std::uint64_t sent = 100;
  while (out.publish(bytes_of(numbered(sent))) == PublishOutcome::published) ++sent;
  EXPECT_LE(sent, start + options.slot_count);
  std::uint64_t expected = start;
  for (const auto number : drain(in)) EXPECT_EQ(number, expected++);
  EXPECT_EQ(expected, sent) << "nothing that was promised to it was overwritten";
}

// 4,095 joins under one limit: the word that tells refreshes of joins is used up, unless the limit can move.
TEST_F(CursorTest, JoinsAreNeverConfused) {
  auto ring = make_ring();
  const auto joins = [&] { return GateWord::joins(ring->map().control->gate.load()); };
  for (std::uint64_t i = 0; i < GateWord::kMaxJoins; ++i) reader(ring, {.durable = false});
  EXPECT_EQ(joins(), GateWord::kMaxJoins);
  EXPECT_EQ(acquire_cursor(*ring, {.durable = false}, 0).error().code, ErrorCode::busy) << "limit cannot move: nothing was published";
  EXPECT_TRUE(list_cursors(ring->map()).empty()) << "and the refused one left nothing behind";
  auto out = publisher(ring);
  publish(out, 0, 1);
  auto in = reader(ring, {.name = "group"}, {StartAt::Kind::latest, 0});
  EXPECT_LT(joins(), 5U) << "the joiner raised the limit";
}

TEST_F(CursorTest, DeadEphemeralReaderGatesNobody) {
  auto ring = make_ring();
  auto out = publisher(ring);
  Child child([this](const Channel& channel) {
    auto in = reader(attach(), {.durable = false});
    channel.tell(1);
    return Channel::stay();
  });
  child.hear();
  publish(out, 0, options.slot_count);
  ASSERT_EQ(out.publish(bytes_of(numbered(16))), PublishOutcome::back_pressure);
  child.kill();
  std::uint64_t sent = options.slot_count;
  EXPECT_TRUE(fabric::testing::eventually([&] { return out.publish(bytes_of(numbered(sent))) == PublishOutcome::published; }));
}

TEST_F(CursorTest, DurableCursorOfADeadReaderIsTakenAtOnceAndKeepsGating) {
  auto ring = make_ring();
  auto out = publisher(ring);
  publish(out, 0, 8);
  Child child([this](const Channel& channel) {
    auto in = reader(attach(), {.name = "group"});
    RecordView view;
    for (int i = 0; i < 5; ++i) in.next(view);
    in.ack(3);
    channel.tell(1);
    return Channel::stay();
  });
  child.hear();
  EXPECT_EQ(acquire_cursor(*ring, {.name = "group"}, 0).error().code, ErrorCode::busy);
  child.stop();
  EXPECT_EQ(acquire_cursor(*ring, {.name = "group"}, 0).error().code, ErrorCode::busy) << "stopped is not dead";
  child.kill();
  publish(out, 8, 3 + options.slot_count);
  EXPECT_EQ(out.publish(bytes_of(numbered(99))), PublishOutcome::back_pressure);
  auto in = reader(ring, {.name = "group"});
  EXPECT_EQ(drain(in).size(), options.slot_count);
  EXPECT_EQ(in.acked(), 3U);
}

TEST_F(CursorTest, OneNameIsCreatedOnce) {
  auto ring = make_ring();
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> ready{0}, won{0};
    std::vector<std::thread> threads;
    const auto name = "group" + std::to_string(round);
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] {
        ready.fetch_add(1);
        while (ready.load() < 3) std::this_thread::yield();
        const auto owned = acquire_cursor(*ring, {.name = name}, 0);
        won += owned.has_value();
      });
    for (auto& thread : threads) thread.join();
    std::size_t lines = 0;
    for (const auto& cursor : list_cursors(ring->map())) lines += cursor.name == name;
    EXPECT_LE(won.load(), 1);
    EXPECT_LE(lines, 1U);
    const auto found = find_cursor(ring->map(), name);
    if (!found) continue;  // all gave way: allowed, and the next attempt finds a free name
    ring->map().cursors[found->index].owner.store(0);
    EXPECT_TRUE(delete_cursor(*ring, name).has_value());
  }
}

TEST_F(CursorTest, MovedCursorGatesFromItsNewPlace) {
  auto ring = make_ring();
  auto out = publisher(ring);
  { auto in = reader(ring, {.name = "group"}); }
  publish(out, 0, 10);
  {
    auto in = reader(ring, {.name = "group"});
    EXPECT_EQ(drain(in).size(), 10U);
    in.ack();
    EXPECT_EQ(move_cursor(*ring, "group", 4).error().code, ErrorCode::busy);
  }
  ASSERT_TRUE(move_cursor(*ring, "group", 4).has_value());
  EXPECT_EQ(move_cursor(*ring, "group", 11).error().code, ErrorCode::invalid_argument);
  auto in = reader(ring, {.name = "group"});
  EXPECT_EQ(in.position(), 4U);
  std::uint64_t sent = 10;
  while (out.publish(bytes_of(numbered(sent))) == PublishOutcome::published) ++sent;
  EXPECT_EQ(sent, 4 + options.slot_count);
  std::uint64_t expected = 4;
  for (const auto number : drain(in)) EXPECT_EQ(number, expected++);
}

TEST_F(CursorTest, ReclaimDeadIsIdempotent) {
  auto ring = make_ring();
  Child child([this](const Channel& channel) {
    auto mine = attach();
    auto out = publisher(mine);
    auto in = reader(mine, {.name = "group"});
    auto passing = reader(mine, {.durable = false});
    channel.tell(1);
    return Channel::stay();
  });
  child.hear();
  const auto nothing = reclaim_dead(*ring);
  EXPECT_EQ(nothing.publishers + nothing.cursors, 0U);
  child.kill();
  const auto reclaimed = reclaim_dead(*ring);
  EXPECT_EQ(reclaimed.publishers, 1U);
  EXPECT_EQ(reclaimed.cursors, 2U);
  const auto again = reclaim_dead(*ring);
  EXPECT_EQ(again.publishers + again.cursors, 0U);
  const auto group = find_cursor(ring->map(), "group");
  ASSERT_TRUE(group);
  EXPECT_EQ(group->owner, 0U);
}

}  // namespace
}  // namespace fabric::ipc::testing
