#pragma once
// A small stand-in for a schema format: objects of "properties" with a "type", and "required", in JSON. It knows three
// rules of compatibility (type-changed, required-field-added, not-json) and nothing of payloads.

#include <memory>

#include "fabric/contract/schema.hpp"

namespace fabric::catalog::testing {

std::shared_ptr<const contract::SchemaFormat> toy_format();
// Those with the toy as json-schema.
const contract::Formats& toy_formats();

}  // namespace fabric::catalog::testing
