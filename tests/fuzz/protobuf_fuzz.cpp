// libFuzzer target: schemas and payloads of the format protobuf. See schema_bytes.hpp.

#include "tests/fuzz/schema_bytes.hpp"
#include "tests/fuzz/seeds.hpp"

namespace {

const fabric::fuzz::SchemaBytes& target() {
  static const fabric::fuzz::SchemaBytes attacked(fabric::fuzz::protobuf_target());
  return attacked;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  fabric::fuzz::add_seeds(*count, *arguments, target().seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  target().attack({data, bytes});
  return 0;
}
