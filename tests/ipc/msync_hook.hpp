#pragma once
// This program's msync(2): what a test wants to happen while something is written back, and then the call itself.
// Include it in one source file of a test program only.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <utility>

namespace fabric::ipc::testing {

inline std::function<void(void*, std::size_t)> on_msync;  // empty: nothing

}  // namespace fabric::ipc::testing

extern "C" int msync(void* address, size_t bytes, int flags) {
  if (fabric::ipc::testing::on_msync) fabric::ipc::testing::on_msync(address, bytes);
  return static_cast<int>(::syscall(SYS_msync, address, bytes, flags));
}
