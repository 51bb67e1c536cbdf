#include "fabric/formats/json_schema_compare.hpp"

#include <algorithm>

#include "fabric/formats/json_schema_prover.hpp"

namespace fabric::formats::jsonschema {

std::vector<contract::Violation> compare(const Document& reader, const Document& writer) {
  if (reader.dynamic || writer.dynamic)
    return {
        {.path = "",
         .rule = "dynamic-reference",
         .message =
             "a $dynamicRef has more than one meaning here: such schemas are compared as a whole, and they differ"}};
  Prover prover;
  const auto facts = Facts::of({writer.root});
  if (prover.implies(facts, *reader.root)) return {};
  std::vector<contract::Violation> found;
  Gaps gaps(&found);
  prover.explain(facts, *reader.root, gaps);
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  if (found.empty())
    found.push_back(
        {.path = "",
         .rule = prover.gave_up() ? "too-complex" : "not-covered",
         .message = prover.gave_up()
                        ? "the schemas are too complex to compare: that the reader reads all cannot be shown"
                        : "that the reader reads all that the writer may write cannot be shown"});
  return found;
}

}  // namespace fabric::formats::jsonschema
