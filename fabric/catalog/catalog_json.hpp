#pragma once
// A catalog as JSON: what a snapshot holds, and what `evf catalog show --json` prints. Places are not part of it.
// Thread-safe.

#include <boost/json/value.hpp>

#include "fabric/catalog/model.hpp"
#include "ipc/result.hpp"

namespace fabric::catalog {

// Durations are nanoseconds (`..._ns`), sizes bytes; what is absent has no key. Key order is fixed: equal catalogs
// print equally.
boost::json::value to_json(const Catalog& catalog);
boost::json::value to_json(const Message& message);

// Errors: corrupt, naming the place. Every value is input; keys that are not known (of a later release) are left out.
ipc::Result<Catalog> catalog_from_json(const boost::json::value& value);

}  // namespace fabric::catalog
