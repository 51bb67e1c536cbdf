// libFuzzer target: JSON Schemas and payloads of hostile bytes. See json_schema_text.hpp.

#include "tests/fuzz/json_schema_text.hpp"
#include "tests/fuzz/seeds.hpp"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  fabric::fuzz::add_seeds(*count, *arguments, fabric::fuzz::json_schema_seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  fabric::fuzz::read_hostile_schema({data, bytes});
  return 0;
}
