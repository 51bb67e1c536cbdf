#pragma once
// XXH3-64 of long payloads by the widest vectors that the processor has (SSE2, AVX2, AVX-512): libxxhash chooses at its
// first call. The value is that of XXH3_64bits. Thread-safe, no allocation.

#include <cstddef>
#include <cstdint>

namespace fabric::ipc {

// From here on the call costs less than narrow vectors do. Shorter ones are hashed inline (checksum.hpp).
inline constexpr std::size_t kLongHash = 512;

std::uint64_t hash_long(const void* data, std::size_t bytes) noexcept;

}  // namespace fabric::ipc
