#include "ipc/long_hash.hpp"

#if defined(__x86_64__)
#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

namespace fabric::ipc {

#if defined(__x86_64__)

// libxxhash 0.8.1 returns from its AVX code with the upper halves of the vector registers in use. The next SSE instruction
// then waits for them: a poll of 1 KiB took 211 ns instead of 44.
std::uint64_t hash_long(const void* data, std::size_t bytes) noexcept {
  static const bool has_avx = __builtin_cpu_supports("avx") != 0;
  const auto hash = XXH3_64bits_dispatch(data, bytes);
  if (has_avx) asm volatile("vzeroupper");
  return hash;
}

#else

std::uint64_t hash_long(const void* data, std::size_t bytes) noexcept { return XXH3_64bits(data, bytes); }

#endif

}  // namespace fabric::ipc
