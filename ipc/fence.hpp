#pragma once
// An asymmetric fence: the frequent side pays nothing, the rare side makes every process pay once.
//
//     frequent (publisher)                     rare (voider, sleeper)
//     store A                                  store B
//     light_fence()   no instruction           heavy_fence()   membarrier(GLOBAL_EXPEDITED), about 2-20 us
//     load B                                   load A
//
// At least one side sees the other's store. It holds across processes that registered (enable_asymmetric_fences, once
// per process, at attach), in whatever container they run. SYNC labels at each use name the pair. Source:
// membarrier(2); the idea is that of "asymmetric Dekker", as in folly's AsymmetricThreadFence and liburcu. Thread-safe.
// Inside one process under ThreadSanitizer both are full fences.

#include <atomic>

#include "ipc/result.hpp"

namespace fabric::ipc {

// Registers this process. Idempotent, thread-safe. `unsupported` where the kernel or a seccomp filter refuses
// membarrier: such a process may only read without taking part (no publishing, no voiding, no blocking wait). A forked
// child inherits it, an exec'd program does not. Blocks: the first call of a process with threads waits for the kernel
// (up to some 10 ms).
Result<void> enable_asymmetric_fences();

inline void light_fence() noexcept {
#if defined(__SANITIZE_THREAD__)
  std::atomic_thread_fence(std::memory_order_seq_cst);
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  std::atomic_thread_fence(std::memory_order_seq_cst);
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
#else
  std::atomic_signal_fence(
      std::memory_order_seq_cst);  // the compiler may not reorder; the processor may, until heavy_fence
#endif
}

// A full fence here and in every registered process. System call; falls back to the slow MEMBARRIER_CMD_GLOBAL when the
// kernel is out of memory. Aborts where membarrier is refused altogether: enable_asymmetric_fences() would have said
// so.
void heavy_fence() noexcept;

}  // namespace fabric::ipc
