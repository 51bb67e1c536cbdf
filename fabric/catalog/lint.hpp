#pragma once
// What no single line of a catalog shows: whether contexts, schemas, consumers and policies fit each other.
// Thread-safe.
//
//   rule                       severity   finds
//   schema-invalid             error      a schema that its format refuses (formats that this process knows)
//   unknown-field              error      a consumer, or the key, names a field that the schema does not have
//   self-replacement           error      something that is replaced by itself
//   unknown-replacement        error      a replacement that no context declares
//   sunset-before-since        error      a sunset before the deprecation was announced
//   dead-letter-missing        error      retries end in dead-letter, but no topic is named
//   dead-letter-loop           error      a dead-letter topic that is the topic itself
//   dead-letter-shared         warning    a dead-letter topic that also carries events or commands
//   dead-letter-unused         warning    a dead-letter topic that nothing goes to
//   no-schema                  warning    consumers can rely on nothing
//   no-description             warning    of a context, event or command
//   no-producer                warning    nobody may produce it
//   sla-without-consumer       warning    a promise to nobody
//   named-like-command         warning    an event with an imperative name
//   named-like-event           warning    a command named like a fact
//   replacement-kind           warning    an event replaced by a command, or the other way round
//   replacement-deprecated     warning    a replacement that is deprecated itself
//   sunset-passed              warning    a sunset that is over while consumers are declared
//   retention-below-lag        warning    records may go before a consumer that keeps its SLA has read them
//   keys-differ                warning    one topic, several partition keys: order holds per key only
//
// What one file shows alone (unknown keys, types, durations, a command with several handlers) is found by load_files().

#include "fabric/catalog/fields.hpp"
#include "fabric/catalog/model.hpp"
#include "fabric/catalog/problem.hpp"
#include "fabric/contract/schema.hpp"

namespace fabric::catalog {

struct LintOptions {
  const contract::Formats* formats = nullptr;  // nullptr: schemas are not parsed
  const FieldListers* listers = nullptr;       // nullptr: those of FieldListers()
  Date today = catalog::today();
};

void lint(const Catalog& catalog, const LintOptions& options, Problems& problems);

}  // namespace fabric::catalog
