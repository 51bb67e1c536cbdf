#include "ipc/ring_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <limits>
#include <optional>

#include "ipc/checksum.hpp"

namespace fabric::ipc {
namespace {

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

constexpr std::int64_t kUseLock = std::int64_t{1} << 61;  // a byte that no ring has
constexpr int kAttachTries = 16;
constexpr std::uint64_t kMaxDataBytes = std::uint64_t{1} << 44;
constexpr std::uint32_t kMaxBlocks = std::numeric_limits<std::uint32_t>::max() / 2;  // two block numbers can be added

void lay_out(RingHeader& header) {
  header.publishers_offset = kPage + sizeof(ControlLines);
  header.cursors_offset = header.publishers_offset + std::uint64_t{header.max_publishers} * sizeof(PublisherLine);
  header.blocks_offset = header.cursors_offset + std::uint64_t{header.max_cursors} * sizeof(CursorLine);
  header.verdicts_offset =
      round_up(header.blocks_offset + std::uint64_t{header.arena_block_count} * sizeof(SharedWord), kLine);
  header.slots_offset = round_up(header.verdicts_offset + header.slot_count * sizeof(SharedWord), kPage);
  header.arena_offset = round_up(header.slots_offset + header.slot_count * header.slot_bytes, kPage);
  header.file_bytes =
      round_up(header.arena_offset + std::uint64_t{header.arena_block_count} * header.arena_block_bytes, kPage);
}

// Limits shared by creation and attach; the message says which value is out of range and what is allowed.
std::string geometry_fault(const RingHeader& header) {
  const auto fault = [](const char* field, std::uint64_t value, const char* allowed) {
    return std::string(field) + " " + std::to_string(value) + " must be " + allowed;
  };
  if (!std::has_single_bit(header.slot_count) || header.slot_count < 16 || header.slot_count > (1ULL << 30))
    return fault("slot_count", header.slot_count, "a power of two from 16 to 2^30");
  if (header.slot_bytes < 64 || header.slot_bytes % 64 != 0 || header.slot_bytes > (1U << 20))
    return fault("slot_bytes", header.slot_bytes, "a multiple of 64 from 64 to 1048576");
  if (header.writers != WriterMode::one && header.writers != WriterMode::many)
    return fault("writers", static_cast<std::uint32_t>(header.writers), "one (1) or many (2)");
  if (header.max_publishers == 0 || header.max_publishers > 4096)
    return fault("max_publishers", header.max_publishers, "from 1 to 4096");
  if (header.max_cursors == 0 || header.max_cursors > 4096) return fault("max_cursors", header.max_cursors, "from 1 to 4096");
  if (header.arena_block_count != 0 && (!std::has_single_bit(header.arena_block_bytes) || header.arena_block_bytes < 64 ||
                                        header.arena_block_bytes > (1U << 26)))
    return fault("arena_block_bytes", header.arena_block_bytes, "a power of two from 64 to 2^26");
  if (header.arena_block_count > kMaxBlocks) return fault("arena_block_count", header.arena_block_count, "below 2^31");
  if (static_cast<std::uint32_t>(header.sync) > 3) return fault("sync", static_cast<std::uint32_t>(header.sync), "from 0 to 3");
  if (header.sync_every == 0) return fault("sync_every", header.sync_every, "at least 1");
  if (header.partition >= header.partition_count)
    return fault("partition", header.partition, "below partition_count ") + std::to_string(header.partition_count);
  const auto arena_bytes = std::uint64_t{header.arena_block_count} * header.arena_block_bytes;
  if (header.slot_count * header.slot_bytes + arena_bytes > kMaxDataBytes)
    return "slot_count " + std::to_string(header.slot_count) + " of slot_bytes " + std::to_string(header.slot_bytes) +
           " and arena_bytes " + std::to_string(arena_bytes) + " are together more than 16 TiB";
  return {};
}

std::uint64_t header_hash(RingHeader header) {
  header.header_checksum = 0;
  return hash_bytes(&header, sizeof header);
}

Result<RingHeader> make_header(const RingOptions& options) {
  RingHeader header{};
  std::memcpy(header.magic, kRingMagic, sizeof header.magic);
  header.layout_version = kLayoutVersion;
  header.header_bytes = sizeof(RingHeader);
  header.slot_count = options.slot_count;
  header.slot_bytes = options.slot_bytes;
  header.writers = options.writers;
  header.max_publishers = options.max_publishers;
  header.max_cursors = options.max_cursors;
  header.arena_block_bytes = options.arena_block_bytes;
  if (options.arena_bytes != 0 && options.arena_block_bytes == 0)
    return make_error(ErrorCode::invalid_argument, "arena_block_bytes must not be 0 when there is an arena");
  const auto blocks = options.arena_bytes == 0 ? 0 : (options.arena_bytes - 1) / options.arena_block_bytes + 1;
  if (blocks > kMaxBlocks)
    return make_error(ErrorCode::invalid_argument, "arena_bytes " + std::to_string(options.arena_bytes) + " is more than 2^31 blocks of " +
                                                       std::to_string(options.arena_block_bytes) + "; use larger blocks");
  header.arena_block_count = static_cast<std::uint32_t>(blocks);
  header.void_after_ns = options.void_after_ns;
  header.sync = options.sync;
  header.sync_every = options.sync_every;
  header.partition = options.partition;
  header.partition_count = options.partition_count;
  if (const auto fault = geometry_fault(header); !fault.empty()) return make_error(ErrorCode::invalid_argument, fault);
  if (options.topic.empty() || options.topic.size() >= sizeof header.topic)
    return make_error(ErrorCode::invalid_argument, "topic \"" + options.topic + "\": a topic name has 1 to 127 bytes");
  if (options.topic.find('\0') != std::string::npos)
    return make_error(ErrorCode::invalid_argument, "a topic name must not contain a zero byte");
  std::memcpy(header.topic, options.topic.data(), options.topic.size());
  if (getrandom(header.ring_id, sizeof header.ring_id, 0) != sizeof header.ring_id)
    return system_error("getrandom for the ring's id", errno);
  header.created_at_ns = static_cast<std::int64_t>(monotonic_ns()) + realtime_bias_ns();
  lay_out(header);
  header.header_checksum = header_hash(header);
  return header;
}

std::uint64_t boot_hash(BootRecord record, const RingHeader& header) noexcept {
  record.checksum = header.ring_id[0];
  return hash_bytes(&record, sizeof record);
}

BootRecord make_boot(const RingHeader& header, std::uint64_t generation, const BootId& boot) noexcept {
  BootRecord record{.checksum = 0, .generation = generation, .time_bias_ns = realtime_bias_ns(), .boot_id = {}};
  std::memcpy(record.boot_id, boot.data(), sizeof record.boot_id);
  record.checksum = boot_hash(record, header);
  return record;
}

// The boot record that holds; nullopt: both are damaged.
std::optional<BootRecord> read_boot(std::span<const std::byte> bytes, const RingHeader& header) noexcept {
  std::optional<BootRecord> found;
  for (const auto offset : kBootOffsets) {
    BootRecord record;
    std::memcpy(&record, bytes.data() + offset, sizeof record);
    if (record.checksum != boot_hash(record, header)) continue;
    if (!found || record.generation > found->generation) found = record;
  }
  return found;
}

void initialise(std::span<std::byte> bytes, const RingHeader& header, const BootRecord& boot) {
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + kBootOffsets[0], &boot, sizeof boot);
  auto* control = reinterpret_cast<ControlLines*>(bytes.data() + kPage);
  control->gate.store(header.slot_count << 12, std::memory_order_relaxed);
  auto* publishers = reinterpret_cast<PublisherLine*>(bytes.data() + header.publishers_offset);
  for (std::uint32_t i = 0; i < header.max_publishers; ++i) {
    publishers[i].intent.store(IntentWord::kNone, std::memory_order_relaxed);
  }
}

}  // namespace

Result<RingHeader> read_ring_header(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < sizeof(RingHeader))
    return make_error(ErrorCode::corrupt, name + ": " + std::to_string(bytes.size()) + " bytes are too few for a ring; check the path");
  RingHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, kRingMagic, sizeof header.magic) != 0)
    return make_error(ErrorCode::corrupt, name + ": not a ring file (its first bytes are not EVFRING1); check the path");
  if (header.layout_version != kLayoutVersion)
    return make_error(ErrorCode::incompatible, name + ": layout version " + std::to_string(header.layout_version) +
                                                   ", this library reads " + std::to_string(kLayoutVersion) +
                                                   "; use a matching release or re-create the topic");
  if (header.header_bytes != sizeof(RingHeader) || header.header_checksum != header_hash(header))
    return make_error(ErrorCode::corrupt, name + ": the ring header fails its checksum; run evf fsck");
  if (const auto fault = geometry_fault(header); !fault.empty())
    return make_error(ErrorCode::corrupt, name + ": in the ring header, " + fault + "; re-create the topic");
  RingHeader expected = header;
  lay_out(expected);
  if (std::memcmp(&expected, &header, sizeof header) != 0)
    return make_error(ErrorCode::corrupt, name + ": the offsets in the ring header do not fit its geometry; re-create the topic");
  if (header.file_bytes != bytes.size())
    return make_error(ErrorCode::corrupt, name + ": the file has " + std::to_string(bytes.size()) + " bytes, its header says " +
                                              std::to_string(header.file_bytes) + "; truncated or extended: restore it, or re-create the topic");
  return header;
}

std::span<std::byte> RingMap::extent(ArenaReference reference, std::uint64_t bytes) const noexcept {
  if (reference.block_count == 0 || reference.first_block >= arena_block_count) return {};
  if (reference.block_count > arena_block_count - reference.first_block) return {};
  if (bytes > std::uint64_t{reference.block_count} * arena_block_bytes) return {};
  return {arena + std::uint64_t{reference.first_block} * arena_block_bytes, static_cast<std::size_t>(bytes)};
}

void RingMap::write_back_verdicts(std::uint64_t first, std::uint64_t end) const noexcept {
  if (sync != SyncMode::always || first >= end) return;
  const bool wraps = (first & mask) > ((end - 1) & mask);
  const auto* from = verdicts + (wraps ? 0 : first & mask);
  const auto* to = verdicts + (wraps ? mask : (end - 1) & mask) + 1;
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(from) / page * page;
  // What a device that fails loses cannot be helped here: the publisher hears of it when its record is written back.
  static_cast<void>(::msync(reinterpret_cast<void*>(start), reinterpret_cast<std::uintptr_t>(to) - start, MS_SYNC));
}

RingFile::RingFile(Segment segment, const RingHeader& header, const BootRecord& boot, std::string path, Access access)
    : segment_(std::move(segment)), header_(header), boot_(boot), path_(std::move(path)), access_(access) {
  auto* base = segment_.bytes().data();
  map_.base = base;
  map_.control = reinterpret_cast<ControlLines*>(base + kPage);
  map_.publishers = reinterpret_cast<PublisherLine*>(base + header.publishers_offset);
  map_.cursors = reinterpret_cast<CursorLine*>(base + header.cursors_offset);
  map_.blocks = reinterpret_cast<SharedWord*>(base + header.blocks_offset);
  map_.verdicts = reinterpret_cast<SharedWord*>(base + header.verdicts_offset);
  map_.slots = base + header.slots_offset;
  map_.arena = base + header.arena_offset;
  map_.slot_count = header.slot_count;
  map_.mask = header.slot_count - 1;
  map_.slot_shift = static_cast<std::uint32_t>(std::countr_zero(header.slot_count));
  map_.slot_bytes = header.slot_bytes;
  map_.max_publishers = header.max_publishers;
  map_.max_cursors = header.max_cursors;
  map_.arena_block_bytes = header.arena_block_bytes;
  map_.arena_block_count = header.arena_block_count;
  map_.salt = header.ring_id[0] ^ std::rotl(header.ring_id[1], 32);
  map_.time_bias_ns = boot.time_bias_ns;
  map_.void_after_ns = header.void_after_ns;
  map_.writers = header.writers;
  map_.sync = header.sync;
  map_.sync_every = header.sync_every;
}

Result<RingFile> RingFile::create(const std::string& path, const RingOptions& options) {
  auto header = make_header(options);
  if (!header) return header.error();
  const auto id = boot_id();
  if (!id) return make_error(id.error().code, "create " + path + ": " + id.error().message);
  const auto boot = make_boot(*header, 0, *id);
  CreateOptions file = options.file;
  file.bytes = header->file_bytes;
  auto segment = Segment::create(path, file, [&](std::span<std::byte> bytes) { initialise(bytes, *header, boot); });
  if (!segment) return segment.error();
  RingFile created(std::move(*segment), *header, boot, path, Access::read_write);
  const auto held = created.hold(*id);
  if (!held) return held.error();
  if (!*held) return created.in_use(*id, "create");
  return created;
}

Result<RingFile> RingFile::attach(const std::string& path, const MapOptions& options) {
  if (options.access != Access::read_write) return attach_any_boot(path, options);
  const auto id = boot_id();
  if (!id) return make_error(id.error().code, path + " cannot be attached for writing: " + id.error().message);
  for (int tries = 0; tries < kAttachTries; ++tries) {
    auto file = attach_any_boot(path, options);
    if (!file) return file.error();
    if (file->is_of(*id)) {
      const auto held = file->hold(*id);
      if (!held) return held.error();
      if (*held) return file;
    } else {
      auto refusal = file->in_use(*id, "attach");
      if (file->boot_is_unchanged()) return refusal;
    }
  }
  return make_error(ErrorCode::busy, path + ": replaced, or recovered under other boot ids, again and again; find out by whom");
}

bool RingFile::boot_is_unchanged() const noexcept {
  const auto now = read_boot(segment_.bytes(), header_);
  return now && std::memcmp(&*now, &boot_, sizeof boot_) == 0;
}

// Holds the file for this process. False: another file has its path by now, or it was recovered under another boot id between
// the look at its boot record and the lock.
Result<bool> RingFile::hold(const BootId& boot) {
  const int failure = hold_lock(path_.c_str(), segment_.identity(), LockKind::shared, kUseLock, use_);
  if (failure == ESTALE) return false;
  if (failure == EAGAIN) return in_use(boot, "attach");
  if (failure != 0) return lock_error("lock " + path_ + " to use it", failure);
  return boot_is_unchanged();
}

Result<void> RingFile::keep_others_out(const BootId& boot) {
  const int failure = hold_lock(path_.c_str(), segment_.identity(), LockKind::exclusive, kUseLock, use_);
  if (failure == 0) return {};
  if (failure == EAGAIN || failure == ESTALE) return in_use(boot, "recover");
  return lock_error("lock " + path_ + " to recover it", failure);
}

// Why this file cannot be used for writing now: who holds it, and then whose it is.
Error RingFile::in_use(const BootId& boot, const std::string& attempt) const {
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  const auto held = held_lock(file.get(), kUseLock);
  const auto now = read_boot(segment_.bytes(), header_);
  const bool ours = now && std::memcmp(now->boot_id, boot.data(), boot.size()) == 0;
  if (!ours && held == HeldLock::shared)
    return make_error(ErrorCode::busy,
                      attempt + " " + path_ +
                          ": attached by live processes of another boot id; those that share a ring must see one "
                          "/proc/sys/kernel/random/boot_id (in a container: the host's), or the others must end first");
  if (!ours && held == HeldLock::none)
    return make_error(ErrorCode::incompatible,
                      attempt + " " + path_ + ": written before the last reboot; recover it first (evf doctor --fix)");
  return {ErrorCode::busy, EAGAIN, attempt + " " + path_ + ": another process is recovering it; try again"};
}

Result<RingFile> RingFile::attach_for_recovery(const std::string& path) {
  return attach_any_boot(path, MapOptions{.access = Access::read_write});
}

Result<RingFile> RingFile::attach_any_boot(const std::string& path, const MapOptions& options) {
  auto segment = Segment::attach(path, options);
  if (!segment) return segment.error();
  auto header = read_ring_header(segment->bytes(), path);
  if (!header) return header.error();
  const auto boot = read_boot(segment->bytes(), *header);
  if (!boot) return make_error(ErrorCode::corrupt, path + ": both boot records are damaged; restore the file, or re-create the topic");
  return RingFile(std::move(*segment), *header, *boot, path, options.access);
}

Result<void> RingFile::adopt_boot(const BootId& boot) {
  boot_ = make_boot(header_, boot_.generation + 1, boot);
  std::memcpy(map_.base + kBootOffsets[boot_.generation % 2], &boot_, sizeof boot_);
  map_.time_bias_ns = boot_.time_bias_ns;
  return segment_.sync(0, kPage, true);
}

bool RingFile::is_of(const BootId& boot) const noexcept {
  return std::memcmp(boot_.boot_id, boot.data(), sizeof boot_.boot_id) == 0;
}

bool RingFile::of_this_boot() const {
  const auto boot = boot_id();
  return boot && is_of(*boot);
}

}  // namespace fabric::ipc
