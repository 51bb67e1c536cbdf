// Ring files of layout version 1, read by today's code. Fails when the layout changes and its version does not.
//
// A new layout version keeps these files (they must then be refused as incompatible) and adds its own:
//   EVF_WRITE_GOLDEN=tests/golden ring_golden_test   writes ring_v<version>_<writers>.txt

#include "ipc/check.hpp"
#include "ipc/repair.hpp"
#include "ipc/snapshot.hpp"
#include "tests/golden/golden_file.hpp"
#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

using fabric::testing::read_golden;

constexpr std::uint64_t kRecords = 20, kVoidAt = 10, kAcked = 8;

// Record `i` of the golden ring: one in five is in the arena.
std::string payload_of(std::uint64_t i) { return numbered(i, i % 5 == 4 ? 100 + i : 8 + i); }
std::uint64_t sequence_of(std::uint64_t i) { return i < kVoidAt ? i : i + 1; }
std::uint32_t schema_of(std::uint64_t i) { return 0x010203U + static_cast<std::uint32_t>(i); }

class GoldenRing : public RingFixture, public ::testing::WithParamInterface<WriterMode> {
 protected:
  GoldenRing() {
    options = {.topic = "golden",
               .partition = 2,
               .partition_count = 5,
               .writers = GetParam(),
               .slot_count = 16,
               .slot_bytes = 64};
    options.arena_bytes = 1024;
    options.arena_block_bytes = 64;
    options.max_publishers = options.max_cursors = 2;
    options.void_after_ns = 2'000'000;
  }
  static std::string name() {
    return "ring_v" + std::to_string(kLayoutVersion) + (GetParam() == WriterMode::one ? "_one.txt" : "_many.txt");
  }
  // The golden ring, as today's code writes it.
  Bytes make_golden() {
    ::remove(path().c_str());
    {
      auto ring = make_ring();
      auto group = reader(ring, {.name = "group"});
      auto sampler = reader(ring, {.name = "sampler", .gating = false});
      auto out = publisher(ring);
      RecordView view;
      for (std::uint64_t i = 0; i < kRecords; ++i) {
        if (i == kVoidAt) lose_next(ring->map());
        EXPECT_EQ(out.publish(bytes_of(payload_of(i)), {.schema = schema_of(i), .flags = 0x40}),
                  PublishOutcome::published);
        if (i < kAcked) {
          EXPECT_EQ(group.next(view), ReadOutcome::record);
          EXPECT_TRUE(group.ack());
        }
      }
    }
    return read_bytes(path());
  }
  // The next sequence is voided before its publisher writes it.
  static void lose_next(const RingMap& map) { void_own(map, kVoidAt); }
};

INSTANTIATE_TEST_SUITE_P(Writers, GoldenRing, ::testing::Values(WriterMode::one, WriterMode::many),
                         [](const auto& mode) { return mode.param == WriterMode::one ? "one" : "many"; });

TEST_P(GoldenRing, IsReadAsItWasWritten) {
  write_bytes(path(), read_golden(name()));
  auto ring = attach(Access::read_only);
  const auto& header = ring->file().header();
  EXPECT_EQ(header.layout_version, kLayoutVersion);
  EXPECT_STREQ(header.topic, "golden");
  EXPECT_EQ(header.partition, 2U);
  EXPECT_EQ(header.partition_count, 5U);
  EXPECT_EQ(header.void_after_ns, 2'000'000U);
  EXPECT_EQ(ring->map().writers, GetParam());

  auto in = observer(ring);
  RecordView view;
  auto before = static_cast<std::uint64_t>(header.created_at_ns);
  const auto first = in.position();
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    if (sequence_of(i) < first) continue;
    ASSERT_EQ(in.next(view), ReadOutcome::record) << i;
    EXPECT_EQ(view.sequence, sequence_of(i));
    EXPECT_EQ(view.schema, schema_of(i));
    EXPECT_EQ(view.flags, 0x40);
    EXPECT_EQ(text_of(view.payload), payload_of(i));
    EXPECT_GE(view.timestamp_ns, before);
    before = view.timestamp_ns;
  }
  EXPECT_EQ(in.next(view), ReadOutcome::empty);
  EXPECT_LE(first, sequence_of(kRecords) - 12) << "a good part of it was retained";
}

TEST_P(GoldenRing, IsInspectedAsItWasLeft) {
  write_bytes(path(), read_golden(name()));
  auto ring = attach(Access::read_only);
  const auto check = check_ring(ring->map());
  EXPECT_TRUE(check.sound()) << check.problems[0].what;
  EXPECT_EQ(check.count(SlotCondition::voided),
            GetParam() == WriterMode::one ? 4U : 1U);  // and what was left of a stride
  EXPECT_EQ(examine_slot(ring->map(), kVoidAt), SlotCondition::voided);
  const auto group = find_cursor(ring->map(), "group"), sampler = find_cursor(ring->map(), "sampler");
  ASSERT_TRUE(group && sampler);
  EXPECT_EQ(group->position, kAcked);
  EXPECT_TRUE(group->gating && group->durable);
  EXPECT_EQ(sampler->position, 0U);
  EXPECT_FALSE(sampler->gating);
  const auto snapshot = take_snapshot(ring->map());
  EXPECT_EQ(snapshot.limit, kAcked + 16);
  EXPECT_EQ(snapshot.slowest, group->index);
  EXPECT_TRUE(snapshot.publishers.empty());
}

TEST_P(GoldenRing, IsTakenIntoThisBootAndGoesOn) {
  auto bytes = read_golden(name());
  seal_boots(bytes, {1, 2, 3});  // on the machine that wrote it, too
  write_bytes(path(), bytes);
  const auto recovered = recover_ring(path());
  ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
  auto ring = attach();
  auto group = reader(ring, {.name = "group"});
  auto out = publisher(ring);
  ASSERT_EQ(out.publish(bytes_of(payload_of(kRecords))), PublishOutcome::published);
  auto expected = kAcked;
  for (const auto number : drain(group)) EXPECT_EQ(number, expected++);
  EXPECT_EQ(expected, kRecords + 1);
}

// The writing side: word for word the golden file, but for words that differ between two files that are written alike.
TEST_P(GoldenRing, IsWrittenTheSameToday) {
  const auto today = make_golden();
  if (const auto* directory = std::getenv("EVF_WRITE_GOLDEN"))
    fabric::testing::write_golden(
        directory + ("/" + name()),
        "A ring of layout version " + std::to_string(kLayoutVersion) + ", see ring_golden_test.cpp.", today);
  const auto again = make_golden();
  const auto golden = read_golden(name());
  ASSERT_EQ(golden.size(), today.size());
  std::size_t compared = 0;
  for (std::size_t at = 0; at < golden.size(); at += 8) {
    bool varies = load_at<std::uint64_t>(today, at) != load_at<std::uint64_t>(again, at);
    for (const auto boot : kBootOffsets) varies |= at >= boot && at < boot + sizeof(BootRecord);
    if (varies) continue;
    ++compared;
    EXPECT_EQ(load_at<std::uint64_t>(golden, at), load_at<std::uint64_t>(today, at)) << "at offset " << at;
  }
  EXPECT_GT(compared, golden.size() / 8 * 9 / 10);
}

TEST_P(GoldenRing, OfAnotherVersionIsIncompatibleAndBothAreNamed) {
  for (const std::uint32_t version : {0U, kLayoutVersion + 1, 4711U}) {
    for (const bool sealed : {true, false}) {  // another version may checksum in another way
      auto bytes = read_golden(name());
      store_at(bytes, offsetof(RingHeader, layout_version), version);
      if (sealed) seal_header(bytes);
      write_bytes(path(), bytes);
      for (const auto access : {Access::read_only, Access::read_write}) {
        const auto refused = Ring::attach(path(), {.access = access, .members_directory = directory()});
        ASSERT_FALSE(refused.has_value());
        EXPECT_EQ(refused.error().code, ErrorCode::incompatible) << refused.error().message;
        const auto& message = refused.error().message;
        EXPECT_NE(message.find(path()), std::string::npos) << message;
        EXPECT_NE(message.find("version " + std::to_string(version)), std::string::npos) << message;
        EXPECT_NE(message.find("reads " + std::to_string(kLayoutVersion)), std::string::npos) << message;
        EXPECT_NE(message.find("; use a matching release"), std::string::npos) << message;
      }
    }
  }
}

// What version 1 wrote, byte for byte.
TEST_P(GoldenRing, OfVersionOneIsRefused) {
  write_bytes(path(), read_golden(GetParam() == WriterMode::one ? "ring_v1_one.txt" : "ring_v1_many.txt"));
  for (const auto access : {Access::read_only, Access::read_write}) {
    const auto refused = Ring::attach(path(), {.access = access, .members_directory = directory()});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::incompatible) << refused.error().message;
    EXPECT_NE(refused.error().message.find("layout version 1, this library reads 2"), std::string::npos)
        << refused.error().message;
  }
}

}  // namespace
}  // namespace fabric::ipc::testing
