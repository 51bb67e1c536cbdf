// The ring as its users see it, in both writer modes: what goes in comes out, whole, in order, once.

#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

class RingTest : public RingFixture, public ::testing::WithParamInterface<WriterMode> {
 protected:
  RingTest() { options.writers = GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Writers, RingTest, ::testing::Values(WriterMode::one, WriterMode::many),
                         [](const auto& mode) { return mode.param == WriterMode::one ? "one" : "many"; });

std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t end) {
  std::vector<std::uint64_t> numbers;
  for (auto i = first; i < end; ++i) numbers.push_back(i);
  return numbers;
}

TEST_P(RingTest, DeliversInOrderOverManyLaps) {
  auto ring = make_ring();
  auto out = publisher(ring);
  auto in = reader(ring, {.name = "group"});
  for (std::uint64_t i = 0; i < 1000; ++i) {
    std::uint64_t sequence = ~0ULL;
    ASSERT_EQ(out.publish(bytes_of(numbered(i)), {.schema = 7, .flags = 0x40, .sequence = &sequence}), PublishOutcome::published);
    EXPECT_EQ(sequence, i);
    RecordView view;
    ASSERT_EQ(in.next(view), ReadOutcome::record);
    EXPECT_EQ(view.sequence, i);
    EXPECT_EQ(view.schema, 7U);
    EXPECT_EQ(view.flags, 0x40);
    EXPECT_EQ(number_of(view.payload), i);
    EXPECT_TRUE(in.ack());
  }
  RecordView view;
  EXPECT_EQ(in.next(view), ReadOutcome::empty);
}

TEST_P(RingTest, EverySizeInlineAndInTheArena) {
  options.slot_bytes = 128;
  options.arena_bytes = 64 << 10;
  options.arena_block_bytes = 256;
  auto ring = make_ring();
  auto out = publisher(ring);
  auto in = reader(ring, {.name = "group"});
  auto copying = observer(ring);
  for (std::size_t bytes = 0; bytes < 1100; ++bytes) {
    const auto payload = bytes < 8 ? std::string(bytes, 'x') : numbered(bytes, bytes);
    ASSERT_EQ(out.publish(bytes_of(payload)), PublishOutcome::published) << bytes;
    RecordView view;
    ASSERT_EQ(in.next(view), ReadOutcome::record);
    EXPECT_EQ(text_of(view.payload), payload);
    ASSERT_EQ(copying.next(view), ReadOutcome::record);
    EXPECT_EQ(text_of(view.payload), payload);
    in.ack();
  }
}

TEST_P(RingTest, SixteenMebibytes) {
  options.arena_bytes = 40 << 20;
  auto ring = make_ring();
  auto out = publisher(ring);
  auto in = reader(ring, {.name = "group"});
  for (std::uint64_t i = 0; i < 5; ++i) {
    const auto payload = numbered(i, 16 << 20);
    ASSERT_EQ(out.publish(bytes_of(payload)), PublishOutcome::published);
    RecordView view;
    ASSERT_EQ(in.next(view), ReadOutcome::record);
    EXPECT_EQ(number_of(view.payload), i);
    in.ack();
  }
  EXPECT_EQ(out.publish(bytes_of(std::string(41 << 20, 'x'))), PublishOutcome::too_large);
}

TEST_P(RingTest, ArenaIsGatedToo) {
  options.arena_bytes = 4096;
  options.arena_block_bytes = 1024;
  auto ring = make_ring();
  auto out = publisher(ring);
  auto in = reader(ring, {.name = "group"});
  for (std::uint64_t i = 0; i < 4; ++i) ASSERT_EQ(out.publish(bytes_of(numbered(i, 1000))), PublishOutcome::published);
  ASSERT_EQ(out.publish(bytes_of(numbered(4, 1000))), PublishOutcome::arena_full);
  RecordView view;
  ASSERT_EQ(in.next(view), ReadOutcome::record);
  EXPECT_EQ(out.publish(bytes_of(numbered(4, 1000))), PublishOutcome::arena_full) << "read, but not acked";
  in.ack();
  EXPECT_EQ(out.publish(bytes_of(numbered(4, 1000))), PublishOutcome::published);
  EXPECT_EQ(drain(in), range(1, 5));
}

TEST_P(RingTest, ArenaPayloadThatWasReusedIsLostNotDamaged) {
  options.arena_bytes = 4096;
  options.arena_block_bytes = 1024;
  auto ring = make_ring();
  auto out = publisher(ring);
  auto copying = observer(ring);
  for (std::uint64_t i = 0; i < 6; ++i) ASSERT_EQ(out.publish(bytes_of(numbered(i, 1000))), PublishOutcome::published);
  RecordView view;
  for (std::uint64_t i = 0; i < 2; ++i) {
    ASSERT_EQ(copying.next(view), ReadOutcome::lost);
    EXPECT_EQ(copying.lost_range().first, i);
    EXPECT_EQ(copying.lost_range().end, i + 1);
  }
  EXPECT_EQ(drain(copying), range(2, 6));
}

TEST_P(RingTest, ClaimIsZeroCopyAndAbortsByItself) {
  options.arena_bytes = 4096;
  options.arena_block_bytes = 1024;
  auto ring = make_ring();
  auto out = publisher(ring);
  auto in = reader(ring, {.name = "group"});
  for (int round = 0; round < 20; ++round) {
    auto aborted = out.claim(2000);  // an abort that leaked its extent would run out of arena
    ASSERT_TRUE(aborted);
    std::memset(aborted.bytes().data(), 0xee, aborted.bytes().size());
  }
  EXPECT_EQ(drain(in).size(), 0U);
  for (const std::size_t bytes : {24U, 2000U}) {
    auto claim = out.claim(bytes);
    ASSERT_TRUE(claim);
    const auto payload = numbered(bytes, bytes);
    std::memcpy(claim.bytes().data(), payload.data(), payload.size());
    EXPECT_EQ(claim.commit(bytes), PublishOutcome::published);
    EXPECT_EQ(drain(in), std::vector<std::uint64_t>{bytes});
    in.ack();
  }
}

TEST_P(RingTest, BatchesKeepTheirOrderAcrossTheGate) {
  auto ring = make_ring();
  auto out = publisher(ring);
  auto in = reader(ring, {.name = "group"});
  std::uint64_t sent = 0, seen = 0;
  while (sent < 2000) {
    std::vector<std::string> texts;
    for (std::uint64_t i = 0; i < 1 + sent % 37; ++i) texts.push_back(numbered(sent + i));
    std::vector<std::span<const std::byte>> payloads;
    for (const auto& text : texts) payloads.push_back(bytes_of(text));
    std::size_t published = 0;
    const auto outcome = out.publish_batch(payloads, published);
    EXPECT_EQ(outcome == PublishOutcome::published, published == payloads.size());
    if (outcome != PublishOutcome::published) {
      EXPECT_EQ(outcome, PublishOutcome::back_pressure);
    }
    sent += published;
    for (const auto number : drain(in)) EXPECT_EQ(number, seen++);
    in.ack();
  }
  EXPECT_EQ(seen, sent);
}

TEST_P(RingTest, GatingReaderHoldsPublishersAndIsBlamed) {
  auto ring = make_ring();
  auto out = publisher(ring);
  auto fast = reader(ring, {.name = "fast"});
  auto slow = reader(ring, {.name = "slow"});
  std::uint64_t sent = 0;
  while (out.publish(bytes_of(numbered(sent))) == PublishOutcome::published) {
    ++sent;
    drain(fast);
    fast.ack();
  }
  EXPECT_EQ(sent, options.slot_count);
  EXPECT_EQ(out.publish(bytes_of(numbered(sent))), PublishOutcome::back_pressure);
  const auto blame = out.blame();
  const auto culprit = find_cursor(ring->map(), "slow");
  ASSERT_TRUE(culprit);
  EXPECT_EQ(blame.cursor, culprit->index);
  EXPECT_EQ(blame.position, 0U);
  EXPECT_GT(blame.since_ns, 0U);
  EXPECT_EQ(drain(slow), range(0, sent));
  EXPECT_EQ(out.publish(bytes_of(numbered(sent))), PublishOutcome::back_pressure) << "read, but not acked";
  slow.ack();
  EXPECT_EQ(out.publish(bytes_of(numbered(sent))), PublishOutcome::published);
  EXPECT_EQ(out.blame().cursor, Slowest::kNone);
}

TEST_P(RingTest, OverrunReaderIsToldTheExactRange) {
  auto ring = make_ring();
  auto out = publisher(ring);
  auto named = reader(ring, {.name = "sampler", .gating = false});
  auto unnamed = observer(attach(Access::read_only));
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_EQ(out.publish(bytes_of(numbered(i))), PublishOutcome::published);
  for (auto* in : {&named, &unnamed}) {
    RecordView view;
    ASSERT_EQ(in->next(view), ReadOutcome::lost);
    const auto lost = in->lost_range();
    EXPECT_EQ(lost.first, 0U);
    EXPECT_GE(lost.end, 100 - options.slot_count);
    EXPECT_LT(lost.end, 100U) << "something is left to read";
    EXPECT_EQ(drain(*in), range(lost.end, 100)) << "and it goes on exactly where the lost range ends";
  }
}

TEST_P(RingTest, SeekByEveryKind) {
  auto ring = make_ring();
  auto out = publisher(ring);
  std::vector<std::uint64_t> stamps;
  for (std::uint64_t i = 0; i < 12; ++i) {
    ASSERT_EQ(out.publish(bytes_of(numbered(i))), PublishOutcome::published);
    stamps.push_back(*timestamp_of(ring->map(), i));
  }
  auto in = observer(ring);
  using Kind = StartAt::Kind;
  EXPECT_EQ(*in.seek({Kind::earliest, 0}), 0U);
  EXPECT_EQ(*in.seek({Kind::latest, 0}), 12U);
  EXPECT_EQ(*in.seek({Kind::last, 5}), 7U);
  EXPECT_EQ(*in.seek({Kind::last, 500}), 0U);
  EXPECT_EQ(*in.seek({Kind::sequence, 4}), 4U);
  EXPECT_EQ(*in.seek({Kind::time, 0}), 0U);
  EXPECT_EQ(*in.seek({Kind::time, ~0ULL}), 12U);
  for (std::uint64_t i = 0; i < 12; ++i) {
    const auto found = *in.seek({Kind::time, stamps[i]});
    EXPECT_LE(found, i);
    EXPECT_GE(stamps[found], stamps[i]);
    if (found > 0) {
      EXPECT_LT(stamps[found - 1], stamps[i]);
    }
  }
  EXPECT_EQ(*in.seek({Kind::sequence, 9}), 9U);
  EXPECT_EQ(drain(in), range(9, 12));
  EXPECT_EQ(*in.seek({Kind::sequence, 0}), 0U) << "replay sees them again";
  EXPECT_EQ(drain(in), range(0, 12));
}

TEST_P(RingTest, DurableCursorGoesOnWhereItWasAcked) {
  auto ring = make_ring();
  auto out = publisher(ring);
  { auto in = reader(ring, {.name = "group"}); }
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_EQ(out.publish(bytes_of(numbered(i))), PublishOutcome::published);
  {
    auto in = reader(ring, {.name = "group"});
    RecordView view;
    for (int i = 0; i < 6; ++i) ASSERT_EQ(in.next(view), ReadOutcome::record);
    EXPECT_TRUE(in.ack(4));
  }
  auto in = reader(ring, {.name = "group"}, {StartAt::Kind::latest, 0});
  EXPECT_EQ(drain(in), range(4, 10));
}

TEST_P(RingTest, ForcedTakeOverFencesTheOldReader) {
  auto ring = make_ring();
  auto out = publisher(ring);
  auto old = reader(ring, {.name = "group"});
  for (std::uint64_t i = 0; i < 4; ++i) ASSERT_EQ(out.publish(bytes_of(numbered(i))), PublishOutcome::published);
  EXPECT_EQ(drain(old).size(), 4U);
  const auto refused = Reader::attach(ring, {.cursor = CursorOptions{.name = "group"}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::busy);
  auto successor = reader(ring, {.name = "group", .take_over = true});
  EXPECT_FALSE(old.ack());
  RecordView view;
  EXPECT_EQ(old.next(view), ReadOutcome::fenced);
  EXPECT_EQ(drain(successor), range(0, 4));
  EXPECT_TRUE(successor.ack());
}

TEST_P(RingTest, FilesOutliveProcesses) {
  {
    auto ring = make_ring();
    auto out = publisher(ring);
    auto in = reader(ring, {.name = "group"});
    for (std::uint64_t i = 0; i < 5; ++i) ASSERT_EQ(out.publish(bytes_of(numbered(i))), PublishOutcome::published);
  }
  auto ring = attach();
  auto in = reader(ring, {.name = "group"});
  auto out = publisher(ring);
  ASSERT_EQ(out.publish(bytes_of(numbered(5))), PublishOutcome::published);
  EXPECT_EQ(drain(in), range(0, 6)) << "a stride that was given back is void, not a hole";
}

class OneWriterTest : public RingFixture {
 protected:
  OneWriterTest() { options.writers = WriterMode::one; }
};

TEST_F(OneWriterTest, SecondPublisherIsRefusedOrTakesOver) {
  auto ring = make_ring();
  auto old = publisher(ring);
  auto in = reader(ring, {.name = "group"});
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_EQ(old.publish(bytes_of(numbered(i))), PublishOutcome::published);
  const auto refused = Publisher::attach(ring);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::busy);
  auto successor = publisher(ring, {.take_over = true});
  EXPECT_EQ(old.publish(bytes_of(numbered(99))), PublishOutcome::fenced);
  for (std::uint64_t i = 3; i < 200; ++i) {
    ASSERT_EQ(successor.publish(bytes_of(numbered(i))), PublishOutcome::published);
    if (i % 5 == 0) {
      for (const auto number : drain(in)) EXPECT_LT(number, 200U);
      in.ack();
    }
  }
  EXPECT_EQ(old.publish(bytes_of(numbered(99))), PublishOutcome::fenced);
}

TEST_F(RingFixture, ManyPublishersInterleaveAndEachKeepsItsOrder) {
  auto ring = make_ring();
  std::vector<Publisher> outs;
  for (int i = 0; i < 5; ++i) outs.push_back(publisher(ring));
  auto in = reader(ring, {.name = "group"});
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(outs[i % outs.size()].publish(bytes_of(numbered(i))), PublishOutcome::published);
    EXPECT_EQ(drain(in), std::vector<std::uint64_t>{i});
    in.ack();
  }
}

TEST_F(RingFixture, PublisherLinesAreAFixedNumber) {
  auto ring = make_ring();
  std::vector<Publisher> outs;
  for (std::uint32_t i = 0; i < options.max_publishers; ++i) outs.push_back(publisher(ring));
  const auto refused = Publisher::attach(ring);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::no_space);
  outs.pop_back();
  EXPECT_TRUE(Publisher::attach(ring).has_value());
}

TEST_F(RingFixture, ReadOnlyRingRefusesPublishersAndCursors) {
  make_ring();
  auto ring = attach(Access::read_only);
  EXPECT_EQ(Publisher::attach(ring).error().code, ErrorCode::permission);
  EXPECT_EQ(Reader::attach(ring, {.cursor = CursorOptions{.name = "group"}}).error().code, ErrorCode::permission);
}

}  // namespace
}  // namespace fabric::ipc::testing
