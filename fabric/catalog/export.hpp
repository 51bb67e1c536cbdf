#pragma once
// A catalog for others to read: AsyncAPI 3.0.0, Mermaid, one HTML page. Pure functions of what they are given: the same
// catalog gives the same bytes. Every text is escaped, whatever is in it. Thread-safe.

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>

#include "fabric/catalog/diff.hpp"
#include "fabric/catalog/fields.hpp"
#include "fabric/catalog/model.hpp"

namespace fabric::catalog {

struct ExportOptions {
  std::string title = "Events";
  Date today = catalog::today();          // days to sunset are counted from it
  std::uint64_t snapshot = 0;             // 0: not from a fabric
  std::string applied_at{};               // of the snapshot
  const History* history = nullptr;       // earlier versions of schemas
  const FieldListers* listers = nullptr;  // nullptr: those of FieldListers()
};

// AsyncAPI 3.0.0: a channel per topic, a message per event and command, an operation per service, direction and topic.
// What AsyncAPI has no word for stands in x-eventfabric-... (keys, SLAs, fields read, retention, retries, deprecation).
// Schemas are multi-format schema objects.
boost::json::value to_asyncapi(const Catalog& catalog, const ExportOptions& options);
// JSON as YAML 1.2: block style, strings quoted where they would read as something else.
std::string to_yaml(const boost::json::value& value);

// A flowchart: contexts with their events and commands, and the services that produce and consume them.
std::string to_mermaid(const Catalog& catalog);
// A sequence diagram: who tells whom what, in the order in which messages follow from each other as declared. Not a
// run: those are drawn from traces.
std::string to_mermaid_sequence(const Catalog& catalog);

// One page that needs nothing else: no request leaves it, its content security policy allows its own style and script
// only, and it works without the script (which searches and highlights). Light and dark.
std::string to_html(const Catalog& catalog, const ExportOptions& options);

}  // namespace fabric::catalog
