// The layout as law: where everything lies in a ring file, for many geometries, and what no ring may be made of.

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "ipc/ring_file.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::ipc {
namespace {

struct Region {
  const char* name;
  std::uint64_t offset, bytes, alignment;
};

// The stack of layout.hpp, from the top of the file, as its comment documents it.
std::vector<Region> documented_stack(const RingHeader& header) {
  return {
      {"header", 0, 4096, 4096},
      {"control", 4096, 1024, 128},
      {"publishers", header.publishers_offset, std::uint64_t{header.max_publishers} * 128, 128},
      {"cursors", header.cursors_offset, std::uint64_t{header.max_cursors} * 256, 128},
      {"blocks", header.blocks_offset, std::uint64_t{header.arena_block_count} * 8, 8},
      {"verdicts", header.verdicts_offset, header.slot_count * 8, 128},
      {"slots", header.slots_offset, header.slot_count * header.slot_bytes, 4096},
      {"arena", header.arena_offset, std::uint64_t{header.arena_block_count} * header.arena_block_bytes, 4096},
  };
}

void expect_documented_layout(const RingFile& file) {
  const auto& header = file.header();
  std::uint64_t end = 0;
  for (const auto& region : documented_stack(header)) {
    EXPECT_GE(region.offset, end) << region.name << " overlaps what lies before it";
    EXPECT_LT(region.offset, end + 4096) << region.name << " leaves a gap";
    EXPECT_EQ(region.offset % region.alignment, 0U) << region.name;
    end = region.offset + region.bytes;
  }
  EXPECT_GE(header.file_bytes, end);
  EXPECT_LT(header.file_bytes, end + 4096);
  EXPECT_EQ(header.file_bytes % 4096, 0U);
}

// Every pointer of the trusted view, against the offsets of the header.
void expect_map_as_in_header(const RingFile& file) {
  const auto& header = file.header();
  const auto& map = file.map();
  const auto offset = [&](const void* place) {
    return static_cast<std::uint64_t>(static_cast<const std::byte*>(place) - map.base);
  };
  EXPECT_EQ(offset(map.control), 4096U);
  EXPECT_EQ(offset(map.publishers), header.publishers_offset);
  EXPECT_EQ(offset(map.cursors), header.cursors_offset);
  EXPECT_EQ(offset(map.blocks), header.blocks_offset);
  EXPECT_EQ(offset(map.verdicts), header.verdicts_offset);
  EXPECT_EQ(offset(map.slots), header.slots_offset);
  EXPECT_EQ(offset(map.arena), header.arena_offset);
  for (const std::uint64_t lap :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 20, (std::uint64_t{1} << 40) - 3}) {
    for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{1}, map.slot_count - 1}) {
      const auto sequence = lap * map.slot_count + index;
      EXPECT_EQ(offset(&map.slot(sequence)), header.slots_offset + index * header.slot_bytes);
      EXPECT_EQ(offset(&map.verdict(sequence)), header.verdicts_offset + index * 8);
      EXPECT_EQ(map.lap(sequence), lap + 1);
    }
  }
  EXPECT_EQ(map.inline_capacity(), header.slot_bytes - 32);
}

// Only references that lie in the arena give bytes, and only bytes of the arena.
void expect_extents_inside(const RingFile& file, std::mt19937_64& random) {
  const auto& map = file.map();
  const std::uint64_t total = map.arena_block_count, block = map.arena_block_bytes;
  for (int i = 0; i < 200; ++i) {
    const auto pick = [&] { return static_cast<std::uint32_t>(random() % 3 == 0 ? random() : random() % (total + 2)); };
    const ArenaReference reference{pick(), pick()};
    const std::uint64_t bytes = random() % 4 == 0 ? random() : random() % (total * block + 2);
    const auto extent = map.extent(reference, bytes);
    const bool inside = reference.block_count != 0 &&
                        std::uint64_t{reference.first_block} + reference.block_count <= total &&
                        bytes <= reference.block_count * block;
    if (!inside) {
      EXPECT_TRUE(extent.empty());
      continue;
    }
    EXPECT_EQ(extent.size(), bytes);
    EXPECT_EQ(extent.data(), map.arena + reference.first_block * block);
  }
}

TEST(Layout, OffsetsFollowTheDocumentedStackForManyGeometries) {
  const fabric::testing::TempDir directory;
  std::mt19937_64 random(2024);
  for (int i = 0; i < 150; ++i) {
    RingOptions options;
    options.slot_count = std::uint64_t{16} << random() % 7;
    options.slot_bytes = static_cast<std::uint32_t>(64 * (1 + random() % 20));
    options.max_publishers = static_cast<std::uint32_t>(1 + random() % 70);
    options.max_cursors = static_cast<std::uint32_t>(1 + random() % 70);
    options.arena_block_bytes = 64U << random() % 7;
    options.arena_bytes = random() % 3 == 0 ? 0 : random() % (256 << 10);
    options.writers = random() % 2 == 0 ? WriterMode::one : WriterMode::many;
    const auto path = directory.file("ring" + std::to_string(i));
    const auto created = RingFile::create(path, options);
    ASSERT_TRUE(created.has_value()) << created.error().message;
    SCOPED_TRACE("slots " + std::to_string(options.slot_count) + " of " + std::to_string(options.slot_bytes) +
                 ", arena " + std::to_string(options.arena_bytes) + " in blocks of " +
                 std::to_string(options.arena_block_bytes) + ", lines " + std::to_string(options.max_publishers) +
                 ", cursors " + std::to_string(options.max_cursors));
    expect_documented_layout(*created);
    expect_map_as_in_header(*created);
    expect_extents_inside(*created, random);
    EXPECT_GE(std::uint64_t{created->map().arena_block_count} * options.arena_block_bytes, options.arena_bytes);
    const auto attached = RingFile::attach(path, {});
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
    EXPECT_EQ(std::memcmp(&attached->header(), &created->header(), sizeof(RingHeader)), 0);
    ::remove(path.c_str());
  }
}

// Offsets inside the shared structs, spelled out: a field that moves changes the layout version (and the golden files).
TEST(Layout, FieldsOfVersionTwoStandWhereTheyStood) {
  ASSERT_EQ(kLayoutVersion, 2U) << "a new version: give this test the new offsets";
  EXPECT_EQ(offsetof(ControlLines, tail), 0U);
  EXPECT_EQ(offsetof(ControlLines, gate), 128U);
  EXPECT_EQ(offsetof(ControlLines, horizon), 256U);
  EXPECT_EQ(offsetof(ControlLines, lease), 264U);
  EXPECT_EQ(offsetof(ControlLines, route), 272U);
  EXPECT_EQ(offsetof(ControlLines, sleep), 384U);
  EXPECT_EQ(offsetof(ControlLines, wake_futex), 392U);
  EXPECT_EQ(offsetof(ControlLines, arena_hint), 512U);
  EXPECT_EQ(offsetof(ControlLines, follows), 640U);
  EXPECT_EQ(offsetof(PublisherLine, intent), 8U);
  EXPECT_EQ(offsetof(PublisherLine, incarnation), 16U);
  EXPECT_EQ(offsetof(PublisherLine, blocked_by), 48U);
  EXPECT_EQ(offsetof(PublisherLine, announced), 56U);
  EXPECT_EQ(offsetof(CursorLine, state), 8U);
  EXPECT_EQ(offsetof(CursorLine, owner), 16U);
  EXPECT_EQ(offsetof(CursorLine, maker), 40U);
  EXPECT_EQ(offsetof(CursorLine, started), 48U);
  EXPECT_EQ(offsetof(CursorLine, name), 64U);
  EXPECT_EQ(offsetof(CursorLine, lease), 128U);
  EXPECT_EQ(offsetof(CursorLine, requested_by), 136U);
  EXPECT_EQ(offsetof(RingHeader, layout_version), 8U) << "must never move: older and newer libraries look here";
  EXPECT_EQ(offsetof(RingHeader, header_checksum), 16U);
  EXPECT_EQ(offsetof(RingHeader, publishers_offset), 64U);
  EXPECT_EQ(offsetof(RingHeader, ring_id), 112U);
  EXPECT_EQ(offsetof(RingHeader, topic), 160U);
}

struct BadValue {
  const char* what;
  std::function<void(RingOptions&)> set;
  std::vector<std::string> message_has;  // the option, and the value
};

std::vector<BadValue> bad_values() {
  using O = RingOptions;
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 62;
  return {
      {"no slots", [](O& o) { o.slot_count = 0; }, {"slot_count", "0"}},
      {"too few slots", [](O& o) { o.slot_count = 8; }, {"slot_count", "8"}},
      {"no power of two", [](O& o) { o.slot_count = 100; }, {"slot_count", "100"}},
      {"too many slots", [](O& o) { o.slot_count = std::uint64_t{1} << 31; }, {"slot_count", "2147483648"}},
      {"slots of no size", [](O& o) { o.slot_bytes = 0; }, {"slot_bytes", "0"}},
      {"slot below a line", [](O& o) { o.slot_bytes = 32; }, {"slot_bytes", "32"}},
      {"slot not of whole lines", [](O& o) { o.slot_bytes = 100; }, {"slot_bytes", "100"}},
      {"huge slots", [](O& o) { o.slot_bytes = 2 << 20; }, {"slot_bytes", "2097152"}},
      {"no publisher lines", [](O& o) { o.max_publishers = 0; }, {"max_publishers", "0"}},
      {"too many publisher lines", [](O& o) { o.max_publishers = 4097; }, {"max_publishers", "4097"}},
      {"no cursors", [](O& o) { o.max_cursors = 0; }, {"max_cursors", "0"}},
      {"too many cursors", [](O& o) { o.max_cursors = 4'000'000'000; }, {"max_cursors", "4000000000"}},
      {"no writer mode", [](O& o) { o.writers = static_cast<WriterMode>(7); }, {"writers", "7"}},
      {"no sync mode", [](O& o) { o.sync = static_cast<SyncMode>(9); }, {"sync", "9"}},
      {"sync every 0", [](O& o) { o.sync_every = 0; }, {"sync_every", "0"}},
      {"arena of no blocks", [](O& o) { o.arena_bytes = 4096, o.arena_block_bytes = 0; }, {"arena_block_bytes", "0"}},
      {"small blocks", [](O& o) { o.arena_bytes = 4096, o.arena_block_bytes = 32; }, {"arena_block_bytes", "32"}},
      {"odd blocks", [](O& o) { o.arena_bytes = 4096, o.arena_block_bytes = 1000; }, {"arena_block_bytes", "1000"}},
      {"huge blocks",
       [](O& o) { o.arena_bytes = 4096, o.arena_block_bytes = 1U << 27; },
       {"arena_block_bytes", "134217728"}},
      {"arena beyond count", [](O& o) { o.arena_bytes = kHuge; }, {"arena_bytes", std::to_string(kHuge)}},
      {"arena beyond size",
       [](O& o) { o.arena_bytes = 1ULL << 50, o.arena_block_bytes = 1U << 26; },
       {"arena_bytes", std::to_string(1ULL << 50)}},
      {"slots beyond size",
       [](O& o) { o.slot_count = 1U << 30, o.slot_bytes = 1U << 20; },
       {"slot_count", "1073741824", "1048576"}},
      {"no topic", [](O& o) { o.topic = ""; }, {"topic", "\"\""}},
      {"long topic", [](O& o) { o.topic = std::string(128, 't'); }, {"topic", std::string(128, 't')}},
      {"topic with a zero byte", [](O& o) { o.topic = std::string("a\0b", 3); }, {"topic", "zero byte"}},
      {"no partitions", [](O& o) { o.partition_count = 0; }, {"partition", "0"}},
      {"partition out of range", [](O& o) { o.partition = 7, o.partition_count = 4; }, {"partition", "7", "4"}},
      {"mode bits", [](O& o) { o.file.mode = 07777; }, {"mode"}},
      {"unknown group", [](O& o) { o.file.group = "no such group"; }, {"no such group"}},
  };
}

TEST(Layout, BadOptionsAreRefusedByName) {
  const fabric::testing::TempDir directory;
  for (const auto& bad : bad_values()) {
    SCOPED_TRACE(bad.what);
    RingOptions options{.slot_count = 16, .slot_bytes = 64, .max_publishers = 2, .max_cursors = 2};
    bad.set(options);
    const auto refused = RingFile::create(directory.file("ring"), options);
    if (refused.has_value()) {
      ADD_FAILURE() << "was created";
      ::remove(directory.file("ring").c_str());
      continue;
    }
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument) << refused.error().message;
    for (const auto& part : bad.message_has)
      EXPECT_NE(refused.error().message.find(part), std::string::npos)
          << '"' << part << "\" is not in: " << refused.error().message;
  }
}

TEST(Layout, SmallestAndLargestAllowedValuesAreTaken) {
  const fabric::testing::TempDir directory;
  const RingOptions allowed[] = {
      {.slot_count = 16, .slot_bytes = 64, .max_publishers = 1, .max_cursors = 1},
      {.slot_count = 16, .slot_bytes = 1 << 20, .max_publishers = 4096, .max_cursors = 4096},
      {.topic = std::string(127, 't'), .partition = 3, .partition_count = 4, .slot_count = 16, .slot_bytes = 64},
      {.slot_count = 16, .slot_bytes = 64, .arena_bytes = 1, .arena_block_bytes = 64},
      {.slot_count = 16, .slot_bytes = 64, .arena_bytes = 1, .arena_block_bytes = 1 << 26},
  };
  for (const auto& options : allowed) {
    const auto created = RingFile::create(directory.file("ring"), options);
    ASSERT_TRUE(created.has_value()) << created.error().message;
    expect_documented_layout(*created);
    ::remove(directory.file("ring").c_str());
  }
}

}  // namespace
}  // namespace fabric::ipc
