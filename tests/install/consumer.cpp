// What a user of the installed package writes: public headers, and a symbol that only the library has.
#if __has_include("ipc/ring_file.hpp")
#include "ipc/ring_file.hpp"
#endif

#include <cstdio>

int main() {
#if __has_include("ipc/ring_file.hpp")
  const auto ring = fabric::ipc::RingFile::attach("/nonexistent/eventfabric.ring", fabric::ipc::Access::read_only);
  if (ring) return 1;
#endif
  std::puts("consumer: ok");
}
