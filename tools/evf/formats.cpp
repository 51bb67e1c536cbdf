#include "tools/evf/formats.hpp"

#include <memory>

#include "fabric/contract/native.hpp"

namespace fabric::evf {

contract::Formats formats() {
  contract::Formats known;
  known.add(std::make_shared<contract::NativeFormat>());
  return known;
}

}  // namespace fabric::evf
