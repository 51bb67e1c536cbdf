#include "tests/fuzz/ring_actions.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <optional>

#include "ipc/repair.hpp"
#include "ipc/ring_reader.hpp"
#include "ipc/ring_writer.hpp"
#include "ipc/snapshot.hpp"
#include "tests/fuzz/ring_image.hpp"

namespace fabric::fuzz {
namespace {

using namespace ipc;

std::span<const std::byte> payload_of(std::size_t bytes) {
  static const auto text = [] {
    std::array<std::byte, 4096> filled;
    for (std::size_t i = 0; i < filled.size(); ++i) filled[i] = static_cast<std::byte>(i * 7 + 1);
    return filled;
  }();
  return std::span(text).first(std::min(bytes, text.size()));
}

// Every byte is touched, so that AddressSanitizer and the guard pages see where it lies.
void touch(std::span<const std::byte> bytes) {
  const auto sum = std::accumulate(bytes.begin(), bytes.end(), 0U,
                                   [](unsigned so_far, std::byte b) { return so_far + std::to_integer<unsigned>(b); });
  static volatile unsigned sink [[maybe_unused]] = 0;
  sink = sum;
}

void check_view(const Reader& reader, const RecordView& view, ReadOutcome outcome) {
  const auto& ring = reader.ring();
  const auto& map = ring.map();
  touch(view.payload);
  const auto lies_in = [&](const std::byte* from, std::uint64_t bytes) {
    return view.payload.data() >= from && view.payload.data() + view.payload.size() <= from + bytes;
  };
  if (view.payload.data() >= map.base && view.payload.data() < map.base + ring.file().header().file_bytes) {
    const bool in_slot = lies_in(map.payload(map.slot(view.sequence)), map.inline_capacity());
    require(in_slot || lies_in(map.arena, std::uint64_t{map.arena_block_count} * map.arena_block_bytes),
            "a view of its record");
  }
  if (outcome == ReadOutcome::damaged) return require(view.payload.size() == map.slot_bytes, "not the raw slot");
  const auto condition = examine_slot(map, view.sequence);
  require(condition != SlotCondition::damaged && condition != SlotCondition::unfinished &&
              condition != SlotCondition::payload_gone,
          "what is delivered is whole");
}

void poll(Reader& reader, int most) {
  RecordView view;
  for (int i = 0; i < most; ++i) {
    const auto before = reader.position();
    const auto outcome = reader.next(view);
    if (outcome == ReadOutcome::fenced) return;
    if (outcome == ReadOutcome::record || outcome == ReadOutcome::damaged) check_view(reader, view, outcome);
    if (outcome == ReadOutcome::lost)
      require(reader.lost_range().end > reader.lost_range().first && reader.lost_range().end == reader.position(),
              "an exact range");
    require(reader.position() >= before, "a reader goes forward");
    if (i % 5 == 4) static_cast<void>(reader.ack());
  }
}

void look_around(const RingMap& map) {
  using Kind = StartAt::Kind;
  const auto head = find_head(map), oldest = oldest_sequence(map);
  for (const auto kind : {Kind::latest, Kind::earliest, Kind::sequence, Kind::time, Kind::last}) {
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{20}, head, ~std::uint64_t{0}}) {
      const auto start = find_start(map, {kind, value});
      require(start <= head && head - start <= map.slot_count, "a start within what is retained");
    }
  }
  for (std::uint64_t i = 0; i < map.slot_count; ++i) {
    static_cast<void>(examine_slot(map, oldest + i));
    static_cast<void>(timestamp_of(map, oldest + i));
  }
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{1} << 40, map.max_sequence(), ~std::uint64_t{0}})
    static_cast<void>(examine_slot(map, sequence));
}

std::optional<Reader> join(const std::shared_ptr<Ring>& ring, std::optional<CursorOptions> cursor, StartAt start) {
  auto reader = Reader::attach(ring, {.cursor = std::move(cursor), .start = start});
  if (reader) return std::move(*reader);
  require(!reader.error().message.empty(), "a refusal without a message");
  return std::nullopt;
}

void publish_some(Publisher& out) {
  static_cast<void>(out.publish(payload_of(24), {.schema = 9, .flags = kUserFlags}));
  static_cast<void>(out.publish(payload_of(200)));
  static_cast<void>(out.publish(payload_of(4096)));
  const std::array<std::span<const std::byte>, 3> batch{payload_of(1), payload_of(0), payload_of(30)};
  std::size_t published = 0;
  static_cast<void>(out.publish_batch(batch, published));
  require(published <= batch.size(), "a batch of three");
  for (const std::size_t bytes : {std::size_t{20}, std::size_t{150}}) {
    auto claim = out.claim(bytes);
    if (!claim) continue;
    require(claim.bytes().size() == bytes, "the room that was asked for");
    std::fill(claim.bytes().begin(), claim.bytes().end(), std::byte{7});
    if (bytes == 150) static_cast<void>(claim.commit(120));
  }
  static_cast<void>(out.blame());
}

void wait_a_little(const Reader& reader) {
  const std::array targets{reader.wait_target()};
  static_cast<void>(something_to_read(targets[0]));
  sleep_on(targets, 1000, 1000);
  wake_sleepers(*reader.ring().map().control);
}

}  // namespace

void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

void observe(const std::shared_ptr<Ring>& ring) {
  const auto& map = ring->map();
  const auto snapshot = take_snapshot(map);
  require(snapshot.oldest <= snapshot.head && snapshot.retained() <= map.slot_count, "a snapshot within the ring");
  require(snapshot.cursors.size() <= map.max_cursors && snapshot.publishers.size() <= map.max_publishers,
          "as many as there are");
  require(unacked_share(map, snapshot) >= 0 && unacked_share(map, snapshot) <= 1, "a share");
  for (const auto& cursor : snapshot.cursors) {
    require(cursor.name.size() <= kMaxName, "a name of at most 63 bytes");
    static_cast<void>(lag_at(map, cursor.position, ring_now_ns(ring->file())));
  }
  for (const auto& publisher : snapshot.publishers) static_cast<void>(ring->is_alive(publisher.owner));
  const auto use = count_blocks(map);
  require(use.free + use.held + use.needed + use.passed + use.orphaned + use.damaged == use.blocks,
          "every block is counted once");
  look_around(map);
  if (auto reader = join(ring, std::nullopt, {StartAt::Kind::earliest, 0})) poll(*reader, 40);
}

void take_part(const std::shared_ptr<Ring>& ring, std::uint8_t choice) {
  std::optional<Publisher> early;
  if ((choice & 1) != 0) {
    if (auto out = Publisher::attach(ring, {.take_over = true})) early.emplace(std::move(*out));
  }
  auto group = join(ring, CursorOptions{.name = "group", .take_over = true}, {StartAt::Kind::earliest, 0});
  if (group) poll(*group, 30);
  auto fresh = join(ring, CursorOptions{.name = "", .durable = false}, {StartAt::Kind::last, 8});
  auto sampler = join(ring, CursorOptions{.name = "sampler", .gating = false}, {StartAt::Kind::time, 1});
  if (early) publish_some(*early);
  if ((choice & 2) != 0) early.reset();
  if (auto out = Publisher::attach(ring, {.take_over = (choice & 4) != 0})) {
    publish_some(*out);
    if (early) publish_some(*early);
  }
  for (auto* reader : {&group, &fresh, &sampler}) {
    if (!*reader) continue;
    poll(**reader, 40);
    wait_a_little(**reader);
    static_cast<void>((*reader)->seek({StartAt::Kind::earliest, 0}));
    poll(**reader, 10);
    static_cast<void>((*reader)->ack());
    if ((choice & kDetachLate) == 0) reader->reset();
  }
  static_cast<void>(reclaim_dead(*ring));
  static_cast<void>(move_cursor(*ring, "group", find_head(ring->map()), (choice & 8) != 0));
  static_cast<void>(delete_cursor(*ring, (choice & 16) != 0 ? "group" : "sampler"));
}

void fill_base(const std::string& path, const std::string& members_directory) {
  auto ring = *Ring::attach(path, {.members_directory = members_directory});
  auto group = *Reader::attach(ring, {.cursor = CursorOptions{.name = "group"}});
  auto sampler = *Reader::attach(ring, {.cursor = CursorOptions{.name = "sampler", .gating = false}});
  auto out = *Publisher::attach(ring);
  const bool arena = ring->map().arena_block_count != 0;
  RecordView view;
  for (std::size_t i = 0; i < 40; ++i) {
    const auto bytes = arena && i % 4 == 3 ? 100 + i : i % 32;
    require(out.publish(payload_of(bytes), {.schema = 7}) == PublishOutcome::published, "a valid ring takes records");
    if (i == 20) void_own(ring->map(), ring->map().tail());
    if (i < 30) require(group.next(view) == ReadOutcome::record && group.ack(), "and gives them");
  }
}

}  // namespace fabric::fuzz
