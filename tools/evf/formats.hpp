#pragma once
// The schema formats that the command knows. Thread-safe.

#include "fabric/contract/schema.hpp"

namespace fabric::evf {

contract::Formats formats();

}  // namespace fabric::evf
