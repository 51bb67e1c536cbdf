#include "tests/fuzz/ring_image.hpp"

#include <sys/mman.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "ipc/check.hpp"
#include "ipc/record.hpp"
#include "ipc/repair.hpp"
#include "tests/fuzz/ring_actions.hpp"

namespace fabric::fuzz {
namespace {

using namespace ipc;
using namespace ipc::testing;

constexpr std::uint64_t kLongestNs = 20'000'000'000;
constexpr BootId kFormerBoot{1, 2, 3, 4};

struct Region {
  std::uint64_t offset, words;
};

// Where the parts of a file lie whose header says what `header` says; only what lies inside `bytes`.
std::array<Region, kRegions> regions_of(const RingHeader& header, std::uint64_t bytes) {
  const auto region = [&](std::uint64_t from, std::uint64_t end) {
    end = std::min(end, bytes);
    return Region{from, end > from ? (end - from) / 8 : 0};
  };
  return {region(0, bytes),
          region(0, sizeof(RingHeader)),
          region(kPage, kPage + sizeof(ControlLines)),
          region(header.publishers_offset, header.cursors_offset),
          region(header.cursors_offset, header.blocks_offset),
          region(header.blocks_offset, header.verdicts_offset),
          region(header.verdicts_offset, header.verdicts_offset + header.slot_count * 8),
          region(header.slots_offset, header.arena_offset),
          region(header.arena_offset, bytes)};
}

constexpr std::uint64_t kInteresting[] = {0,
                                          1,
                                          2,
                                          15,
                                          16,
                                          17,
                                          31,
                                          32,
                                          33,
                                          0xff,
                                          0x1ff,
                                          0xfff,
                                          0x1000,
                                          0xffff,
                                          0x10000,
                                          0xffffffff,
                                          0x100000000,
                                          0x7fffffffffffffff,
                                          0x8000000000000000,
                                          ~0ULL,
                                          ~0ULL - 1,
                                          ~0ULL - 16,
                                          ~0ULL << 12,
                                          ~0ULL << 9,
                                          ~0ULL << 32,
                                          1ULL << 40,
                                          1ULL << 44,
                                          1ULL << 48,
                                          1ULL << 51,
                                          1ULL << 52,
                                          (1ULL << 52) - 1,
                                          (1ULL << 44) - 49,
                                          0xffffffff00000000,
                                          0x1ff00000000,
                                          0x20000000000,
                                          0x0000000100000000};

// Gives the record in a slot a checksum that holds for what it says now, if that is inside the file.
void reseal(Bytes& image, const RingHeader& header, std::uint64_t index, std::uint64_t lap) {
  const auto at = header.slots_offset + index % header.slot_count * header.slot_bytes;
  if (at + header.slot_bytes > image.size()) return;
  const auto salt = header.ring_id[0] ^ std::rotl(header.ring_id[1], 32);
  RecordMeta meta{.committed_word = SlotWord::committed(lap),
                  .timestamp_ns = load_at<std::uint64_t>(image, at + 16),
                  .content = load_at<std::uint64_t>(image, at + 24),
                  .arena_reference = 0};
  const bool in_arena = (ContentWord::flags(meta.content) & kInArena) != 0;
  const auto bytes = ContentWord::bytes(meta.content);
  auto payload = at + 32;
  if (in_arena) {
    payload = header.arena_offset +
              std::uint64_t{load_at<ArenaReference>(image, payload).first_block} * header.arena_block_bytes;
  }
  if (payload > image.size() || bytes > image.size() - payload) return;
  const auto hash = hash_bytes(image.data() + payload, bytes);
  if (in_arena) {
    store_at(image, at + 40, hash);
    meta.arena_reference = hash_arena_slot(load_at<ArenaSlot>(image, at + 32));
  }
  store_at(image, at, meta.committed_word);
  store_at(image, at + 8, record_checksum(meta, hash, salt));
}

// Makes a slot say that its payload is in the arena, and where.
void refer(Bytes& image, const RingHeader& header, const Edit& edit) {
  const auto at = header.slots_offset + edit.place % header.slot_count * header.slot_bytes;
  if (at + header.slot_bytes > image.size()) return;
  store_at(image, at + 24, static_cast<std::uint32_t>(edit.value & 0xffffff));
  store_at(image, at + 28, load_at<std::uint32_t>(image, at + 28) | std::uint32_t{kInArena});
  store_at(image, at + 32, ArenaReference{edit.argument, static_cast<std::uint32_t>(edit.value >> 24)});
}

// Fields of shared structs that mean something, in words: edits of a region hit these, not its padding.
constexpr std::uint64_t kControlWords[] = {0, 16, 32, 33, 48, 49, 64};
constexpr std::uint64_t kPublisherWords[] = {0, 1, 2, 3, 4, 5, 6};
constexpr std::uint64_t kCursorWords[] = {0, 1, 2, 3, 4, 8, 9, 15};

std::uint64_t pick_word(std::size_t region, std::uint64_t words, std::uint64_t place) {
  const auto field = [&](std::span<const std::uint64_t> fields, std::uint64_t per_line) {
    return (place / fields.size() * per_line + fields[place % fields.size()]) % words;
  };
  if (region == 2) return field(kControlWords, sizeof(ControlLines) / 8);
  if (region == 3) return field(kPublisherWords, sizeof(PublisherLine) / 8);
  if (region == 4) return field(kCursorWords, sizeof(CursorLine) / 8);
  return place % words;
}

void apply(const Edit& edit, const RingHeader& header, Bytes& image) {
  const auto kind = static_cast<EditKind>((edit.operation & 0xf) % kEditKinds);
  if (kind == EditKind::reseal) return reseal(image, header, edit.place, edit.value % 5);
  if (kind == EditKind::reference) return refer(image, header, edit);
  const std::size_t which = (edit.operation >> 4) % kRegions;
  const auto region = regions_of(header, image.size())[which];
  if (region.words == 0) return;
  const auto word = pick_word(which, region.words, edit.place);
  const auto at = region.offset + word * 8;
  const auto before = load_at<std::uint64_t>(image, at);
  auto after = edit.value;
  switch (kind) {
    case EditKind::flip:
      after = before ^ edit.value;
      break;
    case EditKind::interesting:
      after = kInteresting[edit.argument % std::size(kInteresting)];
      break;
    case EditKind::committed:
      after = SlotWord::committed(edit.value);
      break;
    case EditKind::verdict:
      after =
          VerdictWord::make(edit.value & VerdictWord::kMaxLap, edit.value >> 50, static_cast<Fate>(edit.argument & 3));
      break;
    case EditKind::sequence:
      after = edit.value << (edit.argument % 17) | edit.argument >> 5;
      break;
    default:
      break;
  }
  const auto count = kind == EditKind::fill ? std::min<std::uint64_t>(edit.argument + 1U, region.words - word) : 1;
  for (std::uint64_t i = 0; i < count; ++i) store_at(image, at + i * 8, after);
}

// Pages before and behind the mapping that fault when they are touched, where the kernel has put nothing else.
class Guards {
 public:
  explicit Guards(const RingFile& file) {
    const auto bytes = file.header().file_bytes;
    for (auto* place : {file.map().base - kPage, file.map().base + bytes}) {
      auto* got = ::mmap(place, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (got != MAP_FAILED) pages_[count_++] = got;
    }
  }
  ~Guards() {
    for (std::size_t i = 0; i < count_; ++i) ::munmap(pages_[i], kPage);
  }
  Guards(const Guards&) = delete;
  Guards& operator=(const Guards&) = delete;

 private:
  std::array<void*, 2> pages_{};
  std::size_t count_ = 0;
};

}  // namespace

void append_edit(std::vector<std::uint8_t>& input, const Edit& edit) {
  std::array<std::uint8_t, kEditBytes> bytes{};
  std::memcpy(bytes.data(), &edit.place, 2);
  bytes[2] = edit.operation;
  bytes[3] = edit.argument;
  std::memcpy(bytes.data() + 4, &edit.value, 8);
  input.insert(input.end(), bytes.begin(), bytes.end());
}

RingImage::RingImage() : path_(directory_.file("ring")), membership_(*Membership::join(directory_.path())) {
  for (std::uint8_t which = 0; which <= kBaseMask; ++which) bases_.push_back(make_base(which));
}

// Bit 0: one writer. Bit 1: no arena and larger slots. What is in it: three laps, two cursors, a void, arena records.
Bytes RingImage::make_base(std::uint8_t which) const {
  const auto path = directory_.file("base");
  RingOptions options{.slot_count = 16, .slot_bytes = 64, .max_publishers = 3, .max_cursors = 4, .void_after_ns = 1};
  options.writers = (which & 1) != 0 ? WriterMode::one : WriterMode::many;
  if ((which & 2) == 0) options.arena_bytes = 2048, options.arena_block_bytes = 64;
  if ((which & 2) != 0) options.slot_bytes = 128;
  if (!RingFile::create(path, options)) std::abort();
  // The same ring every time: what a fuzzer found is found again in another process.
  auto file = read_bytes(path);
  auto header = load_at<RingHeader>(file, 0);
  header.ring_id[0] = 0x1234567890abcdef, header.ring_id[1] = 42;
  store_at(file, 0, header);
  seal_header(file);
  seal_boots(file, *boot_id());
  write_bytes(path, file);
  fill_base(path, directory_.path());
  file = read_bytes(path);
  ::remove(path.c_str());
  return file;
}

Bytes RingImage::image_of(std::span<const std::uint8_t> input) const {
  const auto flags = input[0];
  auto image = bases_[flags & kBaseMask];
  const auto header = load_at<RingHeader>(image, 0);
  auto rest = input.subspan(2);
  if ((flags & kWhole) != 0) {
    const auto bytes = std::as_bytes(rest.first(std::min<std::size_t>(rest.size(), 1 << 16)));
    image.assign(bytes.begin(), bytes.end());
  }
  for (; (flags & kWhole) == 0 && rest.size() >= kEditBytes; rest = rest.subspan(kEditBytes)) {
    Edit edit;
    std::memcpy(&edit.place, rest.data(), 2);
    edit.operation = rest[2];
    edit.argument = rest[3];
    std::memcpy(&edit.value, rest.data() + 4, 8);
    apply(edit, header, image);
  }
  if ((flags & kBreakHeader) == 0) seal_header(image);
  if ((flags & kBreakBoot) == 0) seal_boots(image, (input[1] & kRecover) != 0 ? kFormerBoot : *boot_id());
  return image;
}

void RingImage::write(const Bytes& image) const { write_bytes(path_, image); }

void RingImage::attack(std::span<const std::uint8_t> input) {
  if (input.size() < 2) return;
  const auto start = monotonic_ns();
  write(image_of(input));
  const auto actions = input[1];
  attack_read_only(actions);
  if ((actions & kRecover) != 0) attack_recovery(actions);
  attack_read_write(actions);
  require(monotonic_ns() - start < kLongestNs, "one input took longer than 20 s");
}

void RingImage::attack_read_only(std::uint8_t actions) const {
  const auto ring = Ring::attach(path_, {.access = Access::read_only, .members_directory = directory_.path()});
  if (!ring) return require(!ring.error().message.empty(), "a refusal without a message");
  const Guards guards((*ring)->file());
  observe(*ring);
  if ((actions & (kCheck | 7)) == kCheck) {  // seldom: it waits for damage to go away
    const auto check = check_ring((*ring)->map(), 5);
    require(check.problems.size() <= 5 && check.end - check.first <= (*ring)->map().slot_count,
            "a check out of bounds");
  }
}

void RingImage::attack_recovery(std::uint8_t actions) const {
  const auto recovered = recover_ring(path_);
  if (!recovered) return require(!recovered.error().message.empty(), "a refusal without a message");
  require(recovered->first <= recovered->tail &&
              recovered->records + recovered->voided <= recovered->tail - recovered->first,
          "recovery that counts more than there is");
  attack_read_only(actions);
}

void RingImage::attack_read_write(std::uint8_t actions) const {
  const auto ring = Ring::attach(path_, {.members_directory = directory_.path()});
  if (!ring) return require(!ring.error().message.empty(), "a refusal without a message");
  const Guards guards((*ring)->file());
  take_part(*ring, actions);
  observe(*ring);
}

std::vector<std::vector<std::uint8_t>> RingImage::seeds() const {
  std::vector<std::vector<std::uint8_t>> seeds;
  for (std::uint8_t base = 0; base <= kBaseMask; ++base) {
    for (const int actions : {0, 0x1f, int{kDetachLate}, int{kCheck}, int{kRecover}})
      seeds.push_back({base, static_cast<std::uint8_t>(actions)});
    for (std::uint8_t region = 1; region < kRegions; ++region) {
      for (std::uint8_t kind = 0; kind < kEditKinds; ++kind) {
        seeds.push_back({base, static_cast<std::uint8_t>(region * 32 + kind)});
        append_edit(seeds.back(), {.place = static_cast<std::uint16_t>(kind * 3 + region),
                                   .operation = static_cast<std::uint8_t>(region << 4 | kind),
                                   .argument = static_cast<std::uint8_t>(kind * 5 + 19),
                                   .value = 0x8000000000000003ULL >> kind * 7});
      }
    }
  }
  std::vector<std::uint8_t> whole{kWhole, 0};
  for (const auto byte : bases_[0]) whole.push_back(std::to_integer<std::uint8_t>(byte));
  seeds.push_back(std::move(whole));
  return seeds;
}

}  // namespace fabric::fuzz
