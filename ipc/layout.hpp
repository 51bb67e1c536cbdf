#pragma once
// Every structure that lives in shared memory, and nothing else. ipc/DESIGN.md says how they change.
//
// A partition is one file. All offsets are in its header, are validated once at attach (ring_file.hpp) and are never read
// again from shared memory.
//
//   0                 RingHeader          one page, immutable after creation, with two BootRecords
//   4096              ControlLines        tail, gate, horizon, lease, sleep: a 128-byte line each
//   publishers_offset PublisherLine[max_publishers]   128 bytes each, written by its owner
//   cursors_offset    CursorLine[max_cursors]         256 bytes each, written by its owner
//   blocks_offset     BlockWord[arena_block_count]    8 bytes each
//   verdicts_offset   VerdictWord[slot_count]         8 bytes each, touched only when a claim was contested
//   slots_offset      slot[slot_count]    slot_bytes each (a multiple of 64)
//   arena_offset      arena_block_count blocks of arena_block_bytes
//
// Shared words are 8 bytes (4 for the futex word) and lock-free. Whatever another process wrote is input: it is checked
// before use, and a bad value is an outcome, never an assertion.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fabric::ipc {

inline constexpr std::uint32_t kLayoutVersion = 2;
inline constexpr char kRingMagic[8] = {'E', 'V', 'F', 'R', 'I', 'N', 'G', '1'};
inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kLine = 128;  // two cache lines: the adjacent-line prefetcher moves pairs

using SharedWord = std::atomic<std::uint64_t>;
static_assert(SharedWord::is_always_lock_free && sizeof(SharedWord) == 8);
static_assert(std::endian::native == std::endian::little, "the layout is little-endian");

// ---------------------------------------------------------------------------------------------------- slot word
//
//   63                                                16 15                  0
//  +----------------------------------------------------+---------------------+
//  | lap: 48 bits, sequence / slot_count + 1            | fold of the lap     |
//  +----------------------------------------------------+---------------------+
//
// "The record of this lap is committed." The fold makes every flip of one bit an invalid word, so damage cannot pass for
// "not committed yet". The all-zero word (a fresh file) is lap 0, never used. Written only by the owner of the sequence.
struct SlotWord {
  static constexpr std::uint64_t fold(std::uint64_t lap) noexcept {
    return ((lap ^ (lap >> 16) ^ (lap >> 32)) & 0xffff) ^ 0xffff;
  }
  static constexpr std::uint64_t committed(std::uint64_t lap) noexcept { return lap << 16 | fold(lap); }
  static constexpr std::uint64_t lap(std::uint64_t word) noexcept { return word >> 16; }
  static constexpr bool valid(std::uint64_t word) noexcept {
    return word == 0 || ((word & 0xffff) == fold(lap(word)) && lap(word) != 0);
  }
};

// ------------------------------------------------------------------------------------------------- verdict word
//
//   63                          24 23                10 9          2 1    0
//  +------------------------------+--------------------+------------+------+
//  | lap: 40 bits, the latest     | run: void laps     | fold of    | fate |
//  | contested lap of the slot    | directly before it | the rest   |      |
//  +------------------------------+--------------------+------------+------+
//
// All zero: never contested. The run saturates. A word with a wrong fold is damage and counts as all zero.
enum class Fate : std::uint8_t { none = 0, contested = 1, voided = 2, kept = 3 };

struct VerdictWord {
  static constexpr std::uint64_t kMaxLap = (std::uint64_t{1} << 40) - 1, kMaxRun = (1U << 14) - 1;

  static constexpr std::uint64_t fold(std::uint64_t rest) noexcept {
    rest ^= rest >> 32;
    rest ^= rest >> 16;
    return (rest ^ (rest >> 8)) & 0xff;
  }
  static constexpr std::uint64_t make(std::uint64_t lap, std::uint64_t run, Fate fate) noexcept {
    const auto rest = lap << 24 | run << 10 | static_cast<std::uint64_t>(fate);
    return rest | fold(rest) << 2;
  }
  static constexpr bool valid(std::uint64_t word) noexcept {
    const auto rest = word & ~std::uint64_t{0x3fc};
    return ((word >> 2) & 0xff) == fold(rest) && (word == 0 || (fate(word) != Fate::none && lap(word) != 0));
  }
  static constexpr std::uint64_t lap(std::uint64_t word) noexcept { return word >> 24; }
  static constexpr std::uint64_t run(std::uint64_t word) noexcept { return (word >> 10) & kMaxRun; }
  static constexpr Fate fate(std::uint64_t word) noexcept { return static_cast<Fate>(word & 3); }
};

// What a record contains, in one word, so that it is stored and loaded whole:
//   schema id << 40 | RecordFlags << 32 | payload bytes (32 bits: arena payloads reach hundreds of MiB)
struct ContentWord {
  static constexpr std::uint64_t make(std::uint32_t bytes, std::uint32_t schema, std::uint8_t flags) noexcept {
    return std::uint64_t{schema} << 40 | std::uint64_t{flags} << 32 | bytes;
  }
  static constexpr std::uint32_t bytes(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word); }
  static constexpr std::uint8_t flags(std::uint64_t word) noexcept { return static_cast<std::uint8_t>(word >> 32); }
  static constexpr std::uint32_t schema(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> 40); }
};

// Header of a record, the first 32 bytes of its slot: a 32-byte payload fills one 64-byte line.
struct SlotHeader {
  SharedWord word;              // see SlotWord; its store is the commit
  std::uint64_t checksum;       // XXH3 over word, timestamp, content, ArenaSlot and payload
  std::uint64_t timestamp_ns;   // the ring's clock: Unix epoch at creation, advancing with CLOCK_MONOTONIC
  std::uint64_t content;        // see ContentWord
};
static_assert(sizeof(SlotHeader) == 32 && offsetof(SlotHeader, checksum) == 8 && offsetof(SlotHeader, content) == 24);

enum RecordFlags : std::uint8_t {
  kInArena = 1,    // the slot holds an ArenaSlot, the payload is in the arena
  kExtended = 2,   // the payload begins with an extension block (the event layer's envelope)
  kUserFlags = 0xf0,
};

struct ArenaReference {
  std::uint32_t first_block;
  std::uint32_t block_count;
};
static_assert(sizeof(ArenaReference) == 8);

// Behind the header of a record in the arena. The payload's hash stands here as well, so that the rest of the record can be verified when
// its blocks were reused: a payload that is gone is told from a damaged reference.
struct ArenaSlot {
  ArenaReference extent;
  std::uint64_t payload_hash;
};
static_assert(sizeof(ArenaSlot) == 16);

// --------------------------------------------------------------------------------------------------- control lines
//
// gate:    limit << 12 | joins.  Publishers may claim sequences below limit. joins makes a refresh that missed a joining
//          cursor fail its CAS (gate.hpp).
// horizon: no sequence at or above it was ever contested (verdict.hpp).
// lease:   epoch << 16 | publisher line + 1 (0: nobody). One-writer rings only.
// sleep:   tickets << 32 | woken.  Somebody may sleep while they differ (waiter.hpp).
// route:   who else has to be asked where a record of this partition belongs; 0 from the start, and for who does not ask. It is
//          for the layer above, which writes it; publishers that name a value are refused once it is another (ring_writer.hpp).
// follows: another ring's sequence + 1 that comes before our first record, for the layer above; 0: not known.
struct ControlLines {
  alignas(kLine) SharedWord tail;     // next sequence to claim
  alignas(kLine) SharedWord gate;     // read by publishers at most once a lap
  alignas(kLine) SharedWord horizon;  // with lease: read by everybody, hardly ever written
  SharedWord lease;
  SharedWord route;
  alignas(kLine) SharedWord sleep;
  std::atomic<std::uint32_t> wake_futex;
  std::uint32_t reserved0;
  alignas(kLine) SharedWord arena_hint;  // where the last arena allocation ended: a hint, any value is harmless
  alignas(kLine) SharedWord follows;
  alignas(kLine) SharedWord reserved1[32];
};
static_assert(sizeof(ControlLines) == 1024 && std::atomic<std::uint32_t>::is_always_lock_free);

// Intent word: first sequence << 9 | busy << 8 | count of sequences that the publisher may write until it clears the word.
// busy: inside a publish, a commit may follow at any moment (waiter.hpp). All ones: no intent.
struct IntentWord {
  static constexpr std::uint64_t kNone = ~std::uint64_t{0}, kBusy = 0x100;
  static constexpr std::uint64_t make(std::uint64_t first, std::uint64_t count, bool busy) noexcept {
    return first << 9 | (busy ? kBusy : 0) | count;
  }
  static constexpr std::uint64_t first(std::uint64_t word) noexcept { return word >> 9; }
  static constexpr std::uint64_t end(std::uint64_t word) noexcept { return (word >> 9) + (word & 0xff); }
  static constexpr bool busy(std::uint64_t word) noexcept { return (word & kBusy) != 0; }
};
inline constexpr std::uint64_t kMaxClaim = 255;   // records in one claim
inline constexpr std::uint64_t kMaxStride = 64;   // sequences that a one-writer publisher claims ahead
inline constexpr std::uint64_t kSequenceBits = 51;

struct PublisherLine {
  alignas(kLine) SharedWord owner;  // member id, 0: free. Claimed by CAS.
  SharedWord intent;                // written by the owner; see above
  SharedWord incarnation;           // raised by every new owner: tells its arena blocks from a predecessor's
  SharedWord published;             // records committed by this owner
  SharedWord voided;                // claims that this owner lost and repeated
  SharedWord blocked_since_ns;      // CLOCK_MONOTONIC, 0: not blocked
  SharedWord blocked_by;            // cursor index + 1, 0: nobody
  SharedWord announced;             // what the layer above says of the claim under way (ring_writer.hpp); 0: nothing
  SharedWord reserved[8];
};
static_assert(sizeof(PublisherLine) == 128);

// ----------------------------------------------------------------------------------------------------- cursor lines
//
// position: sequence << 12 | epoch. The next sequence that is not acked. Every take-over raises the epoch, so the old
//           owner's CAS fails.
// state:    generation << 48 | 40 bits of the name's hash << 8 | flags << 4 | CursorState. The hash stands in the word that
//           is claimed, so two who create one name see each other before either has written it out.
// maker:    a cursor that does not outlive its reader gates for that reader alone: when `owner` names another it is being cleared
//           away, and whoever does so may stop there. 0, as in older files: it gates whoever owns it.
// started:  sequence << 12 | epoch of who wrote it. What lies before was not handled through this cursor, as far as anybody can say: it was created
//           there, moved forwards past it, or overrun and went on behind it. Never below the truth.
// lease, requested_by: how the members of a group share its partitions (cursor_watch.hpp). Hints: no property of the ring rests on
//           them. A line of their own, away from the position that publishers read.
enum class CursorState : std::uint8_t { free = 0, joining = 1, active = 2 };
enum CursorFlags : std::uint8_t { kGating = 1, kDurable = 2 };
inline constexpr std::size_t kMaxName = 63;

struct CursorLine {
  alignas(kLine) SharedWord position;
  SharedWord state;
  SharedWord owner;  // member id, 0: nobody. Claimed by CAS.
  SharedWord acked_at_ns;
  SharedWord created_at_ns;
  SharedWord maker;  // member id of its creator; written before the line is in use
  SharedWord started;  // where its owner began, see above
  SharedWord reserved0[1];
  SharedWord name[8];  // zero-terminated text, written while joining
  alignas(kLine) SharedWord lease;  // see LeaseWord; written by the owner
  SharedWord requested_by;          // who would like to have the partition: member id << 8 | reader (its lowest 56 bits); 0: nobody
  SharedWord reserved1[14];
};
static_assert(sizeof(CursorLine) == 256 && offsetof(CursorLine, lease) == 128);

// Until when the owner holds the partition if nothing is heard of it, and which of its process's readers it is:
//   until: milliseconds of CLOCK_MONOTONIC, 39 bits | gives way: 1 bit | reader: 8 bits | the owner's id, its lowest 16 bits
// The id tells the word of a former owner from that of the present one. All zero: no lease.
struct LeaseWord {
  static constexpr std::uint64_t kForEver = (std::uint64_t{1} << 39) - 1;
  static constexpr std::uint64_t make(std::uint64_t until_ms, bool gives_way, std::uint8_t reader, std::uint64_t member) noexcept {
    return until_ms << 25 | (gives_way ? 1U << 24 : 0U) | std::uint64_t{reader} << 16 | (member & 0xffff);
  }
  static constexpr std::uint64_t until_ms(std::uint64_t word) noexcept { return word >> 25; }
  static constexpr bool gives_way(std::uint64_t word) noexcept { return (word >> 24 & 1) != 0; }
  static constexpr std::uint8_t reader(std::uint64_t word) noexcept { return static_cast<std::uint8_t>(word >> 16); }
  static constexpr bool is_of(std::uint64_t word, std::uint64_t member) noexcept {
    return word != 0 && (word & 0xffff) == (member & 0xffff);
  }
};

// ------------------------------------------------------------------------------------------------------ arena blocks
//
// BlockWord: value << 2 | BlockState. held: value is the holder, incarnation << 13 | publisher line + 1; stamped: value is the
// sequence of the record that uses it.
enum class BlockState : std::uint8_t { free = 0, held = 1, stamped = 2 };

// ------------------------------------------------------------------------------------------------------------ header
enum class WriterMode : std::uint32_t { one = 1, many = 2 };
enum class SyncMode : std::uint32_t { none = 0, async = 1, every = 2, always = 3 };

struct RingHeader {
  char magic[8];
  std::uint32_t layout_version;
  std::uint32_t header_bytes;      // sizeof(RingHeader)
  std::uint64_t header_checksum;   // XXH3 over the header with this field zero
  std::uint64_t file_bytes;
  std::uint64_t slot_count;        // power of two
  std::uint32_t slot_bytes;        // multiple of 64
  WriterMode writers;
  std::uint32_t max_publishers;
  std::uint32_t max_cursors;
  std::uint32_t arena_block_bytes;  // power of two, 0: no arena
  std::uint32_t arena_block_count;
  std::uint64_t publishers_offset, cursors_offset, blocks_offset, verdicts_offset, slots_offset, arena_offset;
  std::uint64_t ring_id[2];        // random; salts every checksum, so a record of another ring is never valid here
  std::int64_t created_at_ns;      // Unix time
  std::uint64_t void_after_ns;     // how long a reader waits for a live publisher's claim
  SyncMode sync;
  std::uint32_t sync_every;        // records between synchronous writes with SyncMode::every
  std::uint32_t partition;
  std::uint32_t partition_count;
  char topic[128];                 // zero-terminated
};
static_assert(sizeof(RingHeader) == 288 && alignof(RingHeader) == 8);

// The boot whose clock and processes the control lines belong to. Two copies: recovery writes the other one, so that one is whole
// whenever it is killed; of two whole ones the higher generation holds.
struct BootRecord {
  std::uint64_t checksum;          // XXH3 over the rest, seeded with the ring's id
  std::uint64_t generation;
  std::int64_t time_bias_ns;       // added to CLOCK_MONOTONIC: a record's time stamp
  std::uint8_t boot_id[16];
};
static_assert(sizeof(BootRecord) == 40);
inline constexpr std::size_t kBootOffsets[2] = {1024, 2048};  // in the header's page

}  // namespace fabric::ipc
