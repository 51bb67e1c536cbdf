#pragma once
// Checksums of records: XXH3-64 in two steps, so that the payload is hashed before anything is claimed.
//
//   payload_hash  = XXH3(payload)                                  staged, before the claim
//   checksum      = XXH3({word, timestamp, content, arena hash}, seed = payload_hash ^ salt)
//   arena hash    = XXH3(ArenaSlot), 0 of an inline record
//
// The committed slot word contains the lap, and with the slot's place the sequence; the salt is the ring's random id. So
// a record of another sequence, slot lap or ring never verifies. Thread-safe, no allocation. Cost: 2 ns + the payload.

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <cstddef>
#include <cstdint>

#include "ipc/long_hash.hpp"

namespace fabric::ipc {

inline std::uint64_t hash_bytes(const void* data, std::size_t bytes) noexcept {
  return bytes < kLongHash ? XXH3_64bits(data, bytes) : hash_long(data, bytes);
}

struct RecordMeta {
  std::uint64_t committed_word;
  std::uint64_t timestamp_ns;
  std::uint64_t content;
  std::uint64_t arena_reference;  // the arena hash
};
static_assert(sizeof(RecordMeta) == 32);

inline std::uint64_t record_checksum(const RecordMeta& meta, std::uint64_t payload_hash, std::uint64_t salt) noexcept {
  return XXH3_64bits_withSeed(&meta, sizeof meta, payload_hash ^ salt);
}

}  // namespace fabric::ipc
