#include "tools/evf/formats.hpp"

#include <memory>

#include "fabric/contract/native.hpp"
#include "fabric/formats/formats.hpp"

namespace fabric::evf {

contract::Formats formats() {
  contract::Formats known;
  known.add(std::make_shared<contract::NativeFormat>());
  known.add(formats::json_schema());
  known.add(formats::flatbuffers());
  known.add(formats::protobuf());
  return known;
}

}  // namespace fabric::evf
