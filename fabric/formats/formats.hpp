#pragma once
// The formats of eventfabric::formats, ready for contract::Formats. Each call gives an object of its own without state;
// thread-safe.

#include <memory>

#include "fabric/contract/schema.hpp"

namespace fabric::formats {

// JSON Schema draft-07 and 2020-12, of documents that stand alone (json_schema.cpp).
std::shared_ptr<const contract::SchemaFormat> json_schema();

}  // namespace fabric::formats
