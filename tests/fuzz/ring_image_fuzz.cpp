// libFuzzer target: ring files of hostile bytes. See ring_image.hpp.

#include "tests/fuzz/ring_image.hpp"
#include "tests/fuzz/seeds.hpp"

namespace {

fabric::fuzz::RingImage& image() {
  static fabric::fuzz::RingImage attacked;
  return attacked;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  fabric::fuzz::add_seeds(*count, *arguments, image().seeds());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  image().attack({data, bytes});
  return 0;
}
