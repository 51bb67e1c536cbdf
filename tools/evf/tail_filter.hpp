#pragma once
// Event types as named on the command line. Functions without state; thread-safe.

#include <string>
#include <vector>

#include "fabric/contract/registry.hpp"
#include "fabric/fabric.hpp"

namespace fabric::evf {

// Whether somebody knows each of the types: the registry, or else a record that the topic retains and that says so itself. Errors:
// not_found, with the nearest type that is known; those of Registry::subjects and Consumer::join. Reads the topic, only where the registry
// does not know a type.
Result<void> check_types(const Fabric& fabric, const contract::Registry& registry, const std::string& topic,
                         const std::vector<std::string>& types);

}  // namespace fabric::evf
