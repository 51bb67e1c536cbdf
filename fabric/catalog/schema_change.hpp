#pragma once
// Whether one schema may follow another. Thread-safe.

#include <string>
#include <vector>

#include "fabric/catalog/diff.hpp"

namespace fabric::catalog {

struct SchemaChange {
  Impact impact = Impact::compatible;
  std::string rule{};
  std::string message{};
};

// `earlier`: versions before and up to `before`, oldest first; used by transitive modes. Empty: nothing changed.
std::vector<SchemaChange> compare_schema(const SchemaText& before, const SchemaText& after,
                                         const std::vector<SchemaVersion>& earlier, const contract::Formats* formats);

}  // namespace fabric::catalog
