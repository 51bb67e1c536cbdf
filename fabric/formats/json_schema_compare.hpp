#pragma once
// Whether a reader's JSON Schema accepts all that a writer's allows: compatibility as an implication between schemas,
// proven keyword by keyword (json_schema_prover.hpp). Pure, thread-safe, bounded in work.
//
// Sound: an empty answer means that every value that is valid under `writer` is valid under `reader`. Not complete:
// what cannot be proven is a violation. Rules have the names of Confluent's registry (its strict set) in kebab-case
// where it has one. Where the verdicts differ:
//
//   change                                            Confluent       here            because
//   a property becomes required and has a default      compatible      violation       a default describes, it does not
//   fill in: old documents fail required names a property that is not declared     not looked at   violation       old
//   documents fail oneOf gets an alternative that overlaps            compatible      violation       a value that fits
//   two alternatives fails contains, propertyNames, patternProperties,        not looked at   compared        old
//   documents fail
//     dependencies between properties, if/then/else
//   anyOf to oneOf                                     by count        compared        what fits two alternatives fails
//   several types or alternatives that only together   changed         compatible      each case is proven by itself
//     cover the writer's
//   enum or const to a schema that all values meet     type changed    compatible      the values are validated
//   bounds spelt otherwise (minimum 1 and              added           compatible      for integers they are the same
//     exclusiveMinimum 0), multipleOf 1 for integer
//   a dependent schema that no object meets            type changed    compatible      neither side can have the member
//   draft-07 additionalItems without a list of items   changed         compatible      the keyword says nothing there
//   not                                                shallow         compared
//   lenient content models                             an option       no such option  they let in documents that fail
//
// Too strict here, knowingly: patterns are compared as text; unevaluated* beside alternatives is understood as far as
// the alternative is known; documents with a $dynamicRef that means more than one schema are compared as a whole;
// `format` is an annotation and never compared.

#include <vector>

#include "fabric/contract/schema.hpp"
#include "fabric/formats/json_schema_node.hpp"

namespace fabric::formats::jsonschema {

// What stands against it, in order of path: the JSON pointer of the reader's keyword ("/properties/amount/minimum"),
// for members that only the writer has that of where the reader would declare them. "too-complex": the budget ended
// first.
std::vector<contract::Violation> compare(const Document& reader, const Document& writer);

}  // namespace fabric::formats::jsonschema
