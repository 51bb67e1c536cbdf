#pragma once
// One partition's file: its creation, validation and the trusted view of it.
//
// Geometry is read from the header once, checked against the file's real size, and from then on used from private memory
// (RingMap); shared memory is only ever indexed through it, with masked or checked indices. So no byte that another
// process writes can move an access out of the mapping.
//
// Thread safety: RingFile is immutable after create/attach; RingMap may be used from any thread.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "ipc/clock.hpp"
#include "ipc/layout.hpp"
#include "ipc/liveness.hpp"
#include "ipc/result.hpp"
#include "ipc/segment.hpp"

namespace fabric::ipc {

// What a partition is made of. Sizes in bytes; every field is validated by RingFile::create.
struct RingOptions {
  std::string topic = "topic";
  std::uint32_t partition = 0;
  std::uint32_t partition_count = 1;
  WriterMode writers = WriterMode::many;
  std::uint64_t slot_count = 16384;         // power of two, at least 16; records the ring holds
  std::uint32_t slot_bytes = 256;           // multiple of 64; a record up to slot_bytes - 32 is stored inline
  std::uint64_t arena_bytes = 0;            // room for larger payloads, 0: none
  std::uint32_t arena_block_bytes = 4096;   // power of two, at least 64
  std::uint32_t max_publishers = 64;
  std::uint32_t max_cursors = 64;
  std::uint64_t void_after_ns = 1'000'000;  // how long a reader waits for a live publisher's claim (R2)
  SyncMode sync = SyncMode::none;
  std::uint32_t sync_every = 1;
  CreateOptions file{};                     // mode, group, huge pages, prefault, lock; `bytes` is computed
};

// The trusted view: plain values and base pointers in private memory.
struct RingMap {
  std::byte* base = nullptr;
  ControlLines* control = nullptr;
  PublisherLine* publishers = nullptr;
  CursorLine* cursors = nullptr;
  SharedWord* blocks = nullptr;
  SharedWord* verdicts = nullptr;
  std::byte* slots = nullptr;
  std::byte* arena = nullptr;
  std::uint64_t slot_count = 0, mask = 0;
  std::uint32_t slot_shift = 0;  // log2(slot_count)
  std::uint32_t slot_bytes = 0;
  std::uint32_t max_publishers = 0, max_cursors = 0;
  std::uint32_t arena_block_bytes = 0, arena_block_count = 0;
  std::uint64_t salt = 0;
  std::int64_t time_bias_ns = 0;
  std::uint64_t void_after_ns = 0;
  WriterMode writers = WriterMode::many;
  SyncMode sync = SyncMode::none;
  std::uint32_t sync_every = 1;

  std::uint64_t lap(std::uint64_t sequence) const noexcept { return (sequence >> slot_shift) + 1; }
  SlotHeader& slot(std::uint64_t sequence) const noexcept {
    return *reinterpret_cast<SlotHeader*>(slots + (sequence & mask) * slot_bytes);
  }
  std::byte* payload(SlotHeader& slot) const noexcept { return reinterpret_cast<std::byte*>(&slot) + sizeof(SlotHeader); }
  std::uint32_t inline_capacity() const noexcept { return slot_bytes - static_cast<std::uint32_t>(sizeof(SlotHeader)); }
  std::uint64_t committed_word(std::uint64_t sequence) const noexcept { return SlotWord::committed(lap(sequence)); }
  SharedWord& verdict(std::uint64_t sequence) const noexcept { return verdicts[sequence & mask]; }
  // Sequences stay below: a lap has to fit the verdict word, a sequence the gate and position words.
  std::uint64_t max_sequence() const noexcept {
    const auto by_lap = (VerdictWord::kMaxLap - 2) << slot_shift;
    return std::min(by_lap, std::uint64_t{1} << kSequenceBits);
  }
  // Arena bytes of a reference, empty when it does not lie inside the arena or is too small for `bytes`.
  std::span<std::byte> extent(ArenaReference reference, std::uint64_t bytes) const noexcept;
  // A tail beyond the last possible sequence is damage. It counts as used up (publishers say `exhausted`), so that whatever is computed
  // from it fits every word.
  std::uint64_t tail() const noexcept { return std::min(control->tail.load(std::memory_order_acquire), max_sequence()); }
  // A bound on every loop over words that others may write: beyond it the ring is damaged, not busy.
  std::uint64_t patience() const noexcept { return slot_count * 4 + 4096; }
  // With SyncMode::always the verdicts of [first, end) (at most slot_count) are written back; otherwise nothing is done.
  void write_back_verdicts(std::uint64_t first, std::uint64_t end) const noexcept;
};

// A sequence with its slot and its words at hand: the next one costs an addition, not a multiplication and two folds.
class Place {
 public:
  Place(const RingMap& map, std::uint64_t sequence) noexcept { move_to(map, sequence); }
  std::uint64_t sequence() const noexcept { return sequence_; }
  SlotHeader& slot() const noexcept { return *slot_; }
  std::uint64_t committed_word() const noexcept { return committed_word_; }  // of this lap
  std::uint64_t previous_word() const noexcept { return previous_word_; }    // of the lap before; of the first lap: 0, as a file begins

  void advance(const RingMap& map) noexcept {
    ++sequence_;
    slot_ = reinterpret_cast<SlotHeader*>(reinterpret_cast<std::byte*>(slot_) + map.slot_bytes);
    if ((sequence_ & map.mask) == 0) [[unlikely]] move_to(map, sequence_);
  }
  void move_to(const RingMap& map, std::uint64_t sequence) noexcept {
    const auto lap = map.lap(sequence);
    sequence_ = sequence;
    slot_ = &map.slot(sequence);
    committed_word_ = SlotWord::committed(lap);
    previous_word_ = lap == 1 ? 0 : SlotWord::committed(lap - 1);
  }

 private:
  std::uint64_t sequence_, committed_word_, previous_word_;
  SlotHeader* slot_;
};

class RingFile {
 public:
  // Creates `path` whole (it appears only when it is complete) and attaches to it for reading and writing.
  // Errors: invalid_argument, already_exists, no_space, permission, unsupported (no boot id, or locks cannot be kept on this
  // file system), busy (taken by a process of another boot id at once). Blocks on the file system.
  static Result<RingFile> create(const std::string& path, const RingOptions& options);

  // Attaches to an existing file; for writing as DESIGN.md, section 8, says: it is held, so that nobody recovers it meanwhile.
  // Errors: not_found, permission, corrupt (damaged header, truncated file, foreign file), incompatible (layout version; for
  // writing: of another boot, to be recovered, see repair.hpp), and for writing busy (used by processes of another boot id, or
  // being recovered: then with EAGAIN, it passes), no_space, unsupported (no boot id, no kept locks).
  static Result<RingFile> attach(const std::string& path, const MapOptions& options);

  // For recover_ring() alone: attaches read-write whatever the boot and without holding the file; keeps everybody else out
  // (errors: busy, as above; unsupported); finally makes the file one of this boot.
  static Result<RingFile> attach_for_recovery(const std::string& path);
  Result<void> keep_others_out(const BootId& boot);
  Result<void> adopt_boot(const BootId& boot);

  const RingMap& map() const noexcept { return map_; }
  const RingHeader& header() const noexcept { return header_; }  // the private copy
  const std::string& path() const noexcept { return path_; }
  bool writable() const noexcept { return access_ == Access::read_write; }
  bool is_of(const BootId& boot) const noexcept;
  std::uint64_t boots() const noexcept { return boot_.generation; }  // how many times the file was recovered
  bool of_this_boot() const;  // false as well where this boot has no id that can be read
  Segment& segment() noexcept { return segment_; }

 private:
  static Result<RingFile> attach_any_boot(const std::string& path, const MapOptions& options);
  Result<bool> hold(const BootId& boot);
  Error in_use(const BootId& boot, const std::string& attempt) const;
  bool boot_is_unchanged() const noexcept;
  RingFile(Segment segment, const RingHeader& header, const BootRecord& boot, std::string path, Access access);

  Segment segment_;
  RingHeader header_;
  BootRecord boot_;
  RingMap map_;
  std::string path_;
  Access access_;
  KeptLock use_;  // on the byte kUseLock: shared while attached for writing, exclusive during recovery
};

// Validates bytes that claim to be a ring header for a file of `file_bytes`. Copies it out on success.
Result<RingHeader> read_ring_header(std::span<const std::byte> bytes, const std::string& name);

}  // namespace fabric::ipc
