// libFuzzer target: extension blocks of hostile bytes. See envelope_bytes.hpp.

#include "tests/fuzz/envelope_bytes.hpp"
#include "tests/fuzz/seeds.hpp"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  fabric::fuzz::add_seeds(*count, *arguments, fabric::fuzz::envelope_seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  fabric::fuzz::decode_hostile_envelope({data, bytes});
  return 0;
}
