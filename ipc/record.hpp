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
  std::uint64_t checksum, timestamp_ns;
  std::uint32_t payload_bytes, schema_flags;
};

inline HeaderCopy load_header(const SlotHeader& slot) noexcept {
  return {load_field(slot.checksum), load_field(slot.timestamp_ns), load_field(slot.payload_bytes), load_field(slot.schema_flags)};
}

inline ArenaReference load_reference(const RingMap& map, SlotHeader& slot) noexcept {
  ArenaReference extent{};
  copy_shared(reinterpret_cast<std::byte*>(&extent), map.payload(slot), sizeof extent);
  return extent;
}

// Whether header and payload belong to `sequence` of this ring and are as they were published. `payload` is header.payload_bytes long.
inline bool verify(const RingMap& map, std::uint64_t sequence, const HeaderCopy& header, std::uint64_t reference,
                   std::span<const std::byte> payload) noexcept {
  const RecordMeta meta{.committed_word = map.committed_word(sequence),
                        .timestamp_ns = header.timestamp_ns,
                        .payload_bytes = header.payload_bytes,
                        .schema_flags = header.schema_flags,
                        .arena_reference = reference};
  return record_checksum(meta, hash_bytes(payload.data(), payload.size()), map.salt) == header.checksum;
}

}  // namespace fabric::ipc
