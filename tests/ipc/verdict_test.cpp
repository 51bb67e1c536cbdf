// The decision tables of ipc/DESIGN.md, section 2, walked row by row: the state is written into shared memory by hand.

#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

constexpr std::uint64_t kN = 16, kSequence = 2 * kN + 5, kLap = 3;
constexpr std::uint64_t kDamaged = 0x1234;

std::uint64_t committed(std::uint64_t lap) { return lap == 0 ? 0 : SlotWord::committed(lap); }
std::uint64_t verdict(std::uint64_t lap, Fate fate, std::uint64_t run = 0) { return VerdictWord::make(lap, run, fate); }

class VerdictTest : public RingFixture {
 protected:
  // A ring in which `kSequence` is the next to claim; everything before it is as if committed.
  void SetUp() override {
    options.slot_count = kN;
    options.void_after_ns = 3'600'000'000'000;  // nobody is voided for being slow here
    ring = make_ring();
    map = ring->map();
    for (std::uint64_t s = kSequence - kN; s < kSequence; ++s) map.slot(s).word.store(map.committed_word(s));
    set_tail(kSequence);
  }
  void set_tail(std::uint64_t tail) {
    map.control->tail.store(tail);
    map.control->gate.store(GateWord::make(tail + kN, 0));
  }
  // A publisher line of a live member (this one) with an intent of its own.
  void stand(std::uint64_t first, std::uint64_t count, std::uint64_t owner) {
    auto& line = map.publishers[options.max_publishers - 1];
    line.owner.store(owner);
    line.intent.store(IntentWord::make(first, count, true));
  }
  SharedWord& word() { return map.slot(kSequence).word; }
  SharedWord& fate() { return map.verdict(kSequence); }

  std::shared_ptr<Ring> ring;
  RingMap map;
};

struct RowA {
  const char* name;
  std::uint64_t word, verdict, horizon, intent_first, intent_count;
  bool writes;
};

TEST_F(VerdictTest, TableA_SlotFoundByAClaimant) {
  const auto before = kSequence - kN, long_before = kSequence - 2 * kN;
  const RowA rows[] = {
      {"previous lap, nothing contested, intent not looked at", committed(2), 0, 0, before, 1, true},
      {"previous lap, contested elsewhere", committed(2), 0, kSequence, before, 1, true},
      {"previous lap kept", committed(2), verdict(2, Fate::kept), kSequence, before, 1, true},
      {"previous lap void, nobody left", committed(1), verdict(2, Fate::voided), kSequence, 0, 0, true},
      {"previous lap void, late store, nobody left", committed(2), verdict(2, Fate::voided), kSequence, 0, 0, true},
      {"previous lap void, its publisher may still write", committed(1), verdict(2, Fate::voided), kSequence, before, 1, false},
      {"the same, in the middle of a claim", committed(1), verdict(2, Fate::voided), kSequence, before - 3, 7, false},
      {"previous lap void after a late store, publisher not through", committed(2), verdict(2, Fate::voided), kSequence, before, 1, false},
      {"void for two laps, the first one's publisher stands", committed(0), verdict(2, Fate::voided, 1), kSequence, long_before, 1, false},
      {"intent on another slot", committed(1), verdict(2, Fate::voided), kSequence, before + 1, 1, true},
      {"intent on our own sequence (it lost the claim)", committed(1), verdict(2, Fate::voided), kSequence, kSequence, 1, true},
      {"older lap, unresolved, its publisher stands", committed(1), 0, 0, before, 1, false},
      {"older lap, unresolved, nobody left", committed(1), 0, 0, 0, 0, true},
      {"damaged, nobody left", kDamaged, 0, 0, 0, 0, true},
      {"damaged, a publisher stands", kDamaged, 0, 0, before, 1, false},
      {"contested previous lap is settled as void", committed(1), verdict(2, Fate::contested), kSequence, before, 1, false},
      {"contested previous lap is settled as kept", committed(2), verdict(2, Fate::contested), kSequence, before, 1, true},
      {"a later lap (damage), a publisher stands", committed(9), 0, 0, before, 1, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    auto out = publisher(ring);
    set_tail(kSequence);
    map.control->horizon.store(row.horizon);
    word().store(row.word);
    fate().store(row.verdict);
    map.slot(kSequence + 1).word.store(committed(2));
    map.verdict(kSequence + 1).store(0);
    if (row.intent_count != 0) stand(row.intent_first, row.intent_count, ring->member());
    std::uint64_t sequence = 0;
    ASSERT_EQ(out.publish(bytes_of(numbered(1)), {.sequence = &sequence}), PublishOutcome::published);
    EXPECT_EQ(sequence, row.writes ? kSequence : kSequence + 1);
    EXPECT_EQ(word().load() == committed(kLap), row.writes);
    if (!row.writes) {
      EXPECT_TRUE(says_void(load_verdict(map, kSequence), kLap));
      EXPECT_GT(map.control->horizon.load(), kSequence);
      EXPECT_EQ(word().load(), row.word) << "a quarantined slot is not touched";
    }
    stand(0, 1, 0);
    map.publishers[options.max_publishers - 1].intent.store(IntentWord::kNone);
  }
}

TEST_F(VerdictTest, TableA_DeadPublisherIsNoReasonForQuarantine) {
  auto out = publisher(ring);
  word().store(committed(1));
  fate().store(verdict(2, Fate::voided));
  map.control->horizon.store(kSequence);
  stand(kSequence - kN, 1, dead_member(*ring));  // nobody holds that member's lock
  std::uint64_t sequence = 0;
  ASSERT_EQ(out.publish(bytes_of(numbered(1)), {.sequence = &sequence}), PublishOutcome::published);
  EXPECT_EQ(sequence, kSequence);
  EXPECT_EQ(map.publishers[options.max_publishers - 1].owner.load(), 0U) << "the line was given back";
}

TEST_F(VerdictTest, TableB_PublisherAfterItsCommit) {
  struct RowB {
    const char* name;
    std::uint64_t horizon, verdict;
    bool stands;
    std::uint64_t after;
  };
  const RowB rows[] = {
      {"at the horizon", kSequence, verdict(kLap, Fate::voided), true, verdict(kLap, Fate::voided)},
      {"none", kSequence + 1, 0, true, 0},
      {"of an earlier lap", kSequence + 1, verdict(2, Fate::voided), true, verdict(2, Fate::voided)},
      {"contested", kSequence + 1, verdict(kLap, Fate::contested, 2), true, verdict(kLap, Fate::kept, 2)},
      {"kept", kSequence + 1, verdict(kLap, Fate::kept), true, verdict(kLap, Fate::kept)},
      {"void", kSequence + 1, verdict(kLap, Fate::voided), false, verdict(kLap, Fate::voided)},
      {"later lap void, run covers ours", kSequence + 1, verdict(5, Fate::voided, 2), false, verdict(5, Fate::voided, 2)},
      {"later lap contested, run covers ours", kSequence + 1, verdict(4, Fate::contested, 1), false, verdict(4, Fate::contested, 1)},
      {"later lap void, run starts behind ours", kSequence + 1, verdict(5, Fate::voided, 1), true, verdict(5, Fate::voided, 1)},
      {"damaged word", kSequence + 1, verdict(kLap, Fate::voided) ^ 0x8, true, verdict(kLap, Fate::voided) ^ 0x8},
  };
  word().store(committed(kLap));
  for (const auto& row : rows) {
    map.control->horizon.store(row.horizon);
    fate().store(row.verdict);
    EXPECT_EQ(commit_stands(map, kSequence), row.stands) << row.name;
    EXPECT_EQ(fate().load(), row.after) << row.name;
  }
}

TEST_F(VerdictTest, Voiding) {
  struct Row {
    const char* name;
    std::uint64_t word, before, after;
  };
  const Row rows[] = {
      {"not committed", committed(2), 0, verdict(kLap, Fate::voided)},
      {"not committed, fresh", 0, 0, verdict(kLap, Fate::voided)},
      {"committed", committed(kLap), 0, 0},
      {"lapped", committed(kLap + 1), 0, 0},
      {"damaged: may have been committed", kDamaged, 0, verdict(kLap, Fate::kept)},
      {"previous lap void: the run grows", committed(1), verdict(2, Fate::voided, 4), verdict(kLap, Fate::voided, 5)},
      {"an older lap void, nobody wrote since: the laps between count", committed(1), verdict(1, Fate::voided, 4), verdict(kLap, Fate::voided, 6)},
      {"an older lap void, written since: no run", committed(2), verdict(1, Fate::voided, 4), verdict(kLap, Fate::voided)},
      {"previous lap kept: no run", committed(2), verdict(2, Fate::kept, 4), verdict(kLap, Fate::voided)},
      {"the run saturates", committed(1), verdict(2, Fate::voided, VerdictWord::kMaxRun), verdict(kLap, Fate::voided, VerdictWord::kMaxRun)},
      {"previous lap contested: settled first, void", committed(1), verdict(2, Fate::contested), verdict(kLap, Fate::voided, 1)},
      {"previous lap contested: settled first, kept", committed(2), verdict(2, Fate::contested), verdict(kLap, Fate::voided)},
      {"contested by one who died, not committed", committed(2), verdict(kLap, Fate::contested, 3), verdict(kLap, Fate::voided, 3)},
      {"void already", committed(2), verdict(kLap, Fate::voided), verdict(kLap, Fate::voided)},
      {"kept already", committed(2), verdict(kLap, Fate::kept), verdict(kLap, Fate::kept)},
      {"of a later lap", committed(2), verdict(kLap + 1, Fate::voided), verdict(kLap + 1, Fate::voided)},
  };
  for (const auto& row : rows) {
    map.control->horizon.store(0);
    word().store(row.word);
    fate().store(row.before);
    void_range(map, kSequence, kSequence + 1);
    EXPECT_EQ(fate().load(), row.after) << row.name;
    if (row.after != row.before) {
      EXPECT_GT(map.control->horizon.load(), kSequence) << row.name;
    }
    void_range(map, kSequence, kSequence + 1);
    EXPECT_EQ(fate().load(), row.after) << row.name << ", once more";
  }
}

TEST_F(VerdictTest, OwnerMayVoidAtOnce) {
  for (const auto before : {std::uint64_t{0}, verdict(kLap, Fate::contested), verdict(kLap, Fate::voided), verdict(2, Fate::voided)}) {
    fate().store(before);
    void_own(map, kSequence);
    EXPECT_TRUE(says_void(load_verdict(map, kSequence), kLap));
  }
}

struct RowC {
  const char* name;
  std::uint64_t word, verdict, horizon, tail;
  ReadOutcome outcome;
  std::uint64_t position;  // of the reader afterwards
};

// The record of kSequence has correct bytes throughout; kSequence + 1 is never committed.
TEST_F(VerdictTest, TableC_Reader) {
  const auto next = kSequence + 1, far = kSequence + kN + 1;
  const RowC rows[] = {
      {"committed", committed(kLap), 0, 0, next, ReadOutcome::record, next},
      {"committed, contested elsewhere", committed(kLap), verdict(2, Fate::voided), next, next, ReadOutcome::record, next},
      {"committed and kept", committed(kLap), verdict(kLap, Fate::kept), next, next, ReadOutcome::record, next},
      {"committed, contested", committed(kLap), verdict(kLap, Fate::contested), next, next, ReadOutcome::record, next},
      {"committed too late", committed(kLap), verdict(kLap, Fate::voided), next, next, ReadOutcome::empty, next},
      {"void", committed(2), verdict(kLap, Fate::voided), next, next, ReadOutcome::empty, next},
      {"contested, not committed", committed(2), verdict(kLap, Fate::contested), next, next, ReadOutcome::empty, next},
      {"not claimed", committed(2), 0, 0, kSequence, ReadOutcome::empty, kSequence},
      {"not claimed, earlier lap void", committed(2), verdict(2, Fate::voided), next, kSequence, ReadOutcome::empty, kSequence},
      {"claimed by one who lives", committed(2), 0, 0, next, ReadOutcome::empty, kSequence},
      {"later lap", committed(kLap + 1), 0, 0, far, ReadOutcome::lost, 0},
      {"verdict of a later lap", committed(2), verdict(kLap + 1, Fate::voided), far, far, ReadOutcome::lost, 0},
      {"damaged and kept", kDamaged, verdict(kLap, Fate::kept), next, next, ReadOutcome::damaged, next},
  };
  {
    auto out = publisher(ring);
    ASSERT_EQ(out.publish(bytes_of(numbered(5))), PublishOutcome::published);
  }
  stand(kSequence, 1, ring->member());
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    for (const bool gating : {true, false}) {
      map.control->tail.store(kSequence);
      word().store(committed(2));
      fate().store(0);
      map.control->horizon.store(0);
      auto in = reader(ring, {.gating = gating, .durable = false}, {StartAt::Kind::sequence, kSequence});
      word().store(row.word);
      fate().store(row.verdict);
      map.control->horizon.store(row.horizon);
      map.control->tail.store(row.tail);
      RecordView view;
      auto outcome = ReadOutcome::empty;
      for (int i = 0; i < 50 && outcome == ReadOutcome::empty; ++i) outcome = in.next(view);
      EXPECT_EQ(outcome, row.outcome);
      if (row.position != 0) {
        EXPECT_EQ(in.position(), row.position);
      }
      if (outcome == ReadOutcome::record) {
        EXPECT_EQ(number_of(view.payload), 5U);
      }
    }
  }
}

TEST_F(VerdictTest, ClaimOfTheDeadIsVoidedAtOnce) {
  auto in = reader(ring, {.name = "group"}, {StartAt::Kind::latest, 0});
  map.control->tail.store(kSequence + 3);
  stand(kSequence, 3, dead_member(*ring));
  RecordView view;
  const auto until = monotonic_ns() + 5'000'000'000;  // the bound is an hour
  while (in.position() < kSequence + 3 && monotonic_ns() < until) in.next(view);
  EXPECT_EQ(in.position(), kSequence + 3);
}

TEST_F(VerdictTest, ClaimOfTheLivingIsVoidedAfterTheBoundAndAllAtOnce) {
  options.void_after_ns = 1'000'000;
  ASSERT_EQ(std::remove(path().c_str()), 0);
  ring = make_ring();
  map = ring->map();
  auto in = reader(ring, {.name = "group"});
  map.control->tail.store(12);
  stand(0, 12, ring->member());
  RecordView view;
  const auto since = monotonic_ns();
  while (in.position() == 0) ASSERT_EQ(in.next(view), ReadOutcome::empty);
  EXPECT_GE(monotonic_ns() - since, options.void_after_ns);
  for (std::uint64_t s = 0; s < 12; ++s) EXPECT_TRUE(says_void(load_verdict(map, s), 1)) << s << ": one bound for the whole claim";
}

TEST_F(VerdictTest, OneWriterStrideIsNeverVoidedByAReader) {
  options.writers = WriterMode::one;
  options.void_after_ns = 0;
  ASSERT_EQ(std::remove(path().c_str()), 0);
  ring = make_ring();
  auto out = publisher(ring);
  auto in = reader(ring, {.name = "group"});
  RecordView view;
  const auto until = monotonic_ns() + 2'000'000;
  while (monotonic_ns() < until) ASSERT_EQ(in.next(view), ReadOutcome::empty);
  ASSERT_EQ(out.publish(bytes_of(numbered(1))), PublishOutcome::published);
  EXPECT_EQ(drain(in), std::vector<std::uint64_t>{1});
}

TEST(WordTest, EverySingleBitFlipMakesAWordInvalid) {
  for (const auto lap : {1ULL, 2ULL, 12345678ULL, 0xffffffffULL, (1ULL << 40) - 2}) {
    for (int bit = 0; bit < 64; ++bit) {
      EXPECT_FALSE(SlotWord::valid(SlotWord::committed(lap) ^ (1ULL << bit))) << lap << " bit " << bit;
      for (const auto fate : {Fate::contested, Fate::voided, Fate::kept})
        EXPECT_FALSE(VerdictWord::valid(VerdictWord::make(lap, 7, fate) ^ (1ULL << bit))) << lap << " bit " << bit;
    }
  }
}

TEST(WordTest, FieldsComeBack) {
  const auto word = VerdictWord::make((1ULL << 40) - 2, 16000, Fate::kept);
  EXPECT_TRUE(VerdictWord::valid(word));
  EXPECT_EQ(VerdictWord::lap(word), (1ULL << 40) - 2);
  EXPECT_EQ(VerdictWord::run(word), 16000U);
  EXPECT_EQ(VerdictWord::fate(word), Fate::kept);
  EXPECT_TRUE(VerdictWord::valid(0));
  EXPECT_TRUE(SlotWord::valid(SlotWord::committed(1)));
}

}  // namespace
}  // namespace fabric::ipc::testing
