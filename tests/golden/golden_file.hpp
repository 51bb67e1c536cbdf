#pragma once
// Golden files as text: "# ..." comments, "bytes N", then lines "offset: hex" of 16 bytes each where they are not all
// zero.

#include <string>

#include "tests/ipc/ring_bytes.hpp"

namespace fabric::testing {

// A file of this directory. Aborts when it is not there.
ipc::testing::Bytes read_golden(const std::string& name);
void write_golden(const std::string& path, const std::string& comment, const ipc::testing::Bytes& bytes);

}  // namespace fabric::testing
