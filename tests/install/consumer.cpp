// What a user of the installed package writes: public headers, and a symbol that only the library has.
#include "fabric/fabric.hpp"
#include "ipc/ring.hpp"

#include <cstdio>

int main() {
  const auto ring = fabric::ipc::Ring::attach("/nonexistent/eventfabric.ring", {.access = fabric::ipc::Access::read_only});
  if (ring || fabric::Fabric::open("/nonexistent/fabric", false)) return 1;
  std::puts("consumer: ok");
}
