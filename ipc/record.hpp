#pragma once
// A record as bytes in a slot: loading its header, verifying it. Shared by readers, fsck and recovery.
// Every field is loaded once and then only its private copy is used. Thread-safe.

#include <bit>
#include <span>

#include "ipc/checksum.hpp"
#include "ipc/copy.hpp"
#include "ipc/ring_file.hpp"

namespace fabric::ipc {

struct HeaderCopy {
  std::uint64_t checksum, timestamp_ns, content;
  std::uint32_t payload_bytes() const noexcept { return ContentWord::bytes(content); }
  bool in_arena() const noexcept { return (ContentWord::flags(content) & kInArena) != 0; }
};

inline HeaderCopy load_header(const SlotHeader& slot) noexcept {
  return {load_field(slot.checksum), load_field(slot.timestamp_ns), load_field(slot.content)};
}

inline ArenaSlot load_arena_slot(const RingMap& map, SlotHeader& slot) noexcept {
  ArenaSlot place{};
  copy_shared(reinterpret_cast<std::byte*>(&place), map.payload(slot), sizeof place);
  return place;
}
inline std::uint64_t hash_arena_slot(const ArenaSlot& place) noexcept { return hash_bytes(&place, sizeof place); }

// Whether header and payload, of which only the hash is known, belong to the lap of `committed_word` in this ring and are as they
// were published.
inline bool verify_hashed(const RingMap& map, std::uint64_t committed_word, const HeaderCopy& header, std::uint64_t arena_hash,
                          std::uint64_t payload_hash) noexcept {
  const RecordMeta meta{.committed_word = committed_word,
                        .timestamp_ns = header.timestamp_ns,
                        .content = header.content,
                        .arena_reference = arena_hash};
  return record_checksum(meta, payload_hash, map.salt) == header.checksum;
}

// The same of a payload, which is header.payload_bytes() long.
inline bool verify(const RingMap& map, std::uint64_t committed_word, const HeaderCopy& header, std::uint64_t arena_hash,
                   std::span<const std::byte> payload) noexcept {
  return verify_hashed(map, committed_word, header, arena_hash, hash_bytes(payload.data(), payload.size()));
}

}  // namespace fabric::ipc
