#include "ipc/fence.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace fabric::ipc {

namespace {

long membarrier(int command) noexcept { return ::syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

Result<void> enable_asymmetric_fences() {
  // No flag remembers this: exec drops the registration, and a repeated call is one cheap system call.
  if (membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0) return {};
  const int failure = errno;
  Error error = system_error("membarrier(REGISTER_GLOBAL_EXPEDITED)", failure);
  // Whatever errno says: a seccomp filter answers EPERM, ENOSYS or what its author liked.
  error.code = ErrorCode::unsupported;
  error.message += "; needs Linux 4.16 and a seccomp filter that lets membarrier pass (without it: read-only use)";
  return error;
}

void heavy_fence() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // The expedited form may lack memory for its processor mask (ENOMEM); the plain form needs none and waits for a grace
  // period of the kernel's RCU (tens of milliseconds), with the same effect on every process.
  if (membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) != 0 && membarrier(MEMBARRIER_CMD_GLOBAL) != 0) {
    // To go on without the fence would lose records silently: the one thing that must not happen.
    std::fprintf(stderr, "heavy_fence: membarrier refused (errno %d), call enable_asymmetric_fences() first\n", errno);
    std::abort();
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace fabric::ipc
