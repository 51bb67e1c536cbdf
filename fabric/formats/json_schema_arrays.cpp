// What a writer's schemas leave unproven of a reader's keywords for arrays: element by element as far as a prefix goes
// on either side, the rest together.
#include <algorithm>

#include "fabric/formats/json_schema_limits.hpp"
#include "fabric/formats/json_schema_prover.hpp"

namespace fabric::formats::jsonschema {
namespace {

std::size_t prefix_of(const Facts& facts) {
  std::size_t prefix = 0;
  for (const auto& view : array_views(facts)) prefix = std::max(prefix, view.prefix.size());
  return prefix;
}

}  // namespace

Facts Prover::element_facts(const Facts& writer, std::size_t index) {
  Nodes holds;
  for (const auto& view : array_views(writer)) holds.push_back(view.at(index));
  return Facts::of(holds);
}

Count Prover::elements_of(const Facts& writer) {
  auto result = items_of(writer);
  const auto prefix = prefix_of(writer);
  for (std::size_t i = 0; i <= prefix && i < result.most; ++i)
    if (empty_below(element_facts(writer, i))) result.most = i;
  return result;
}

bool Prover::arrays_empty(const Facts& facts) {
  const auto count = elements_of(facts);
  return count.least > count.most;
}

void Prover::array_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  const auto count = elements_of(writer);
  if (reader.min_items) limit_gap(reader, "minItems", "min-items", *reader.min_items, count.least, true, gaps);
  if (reader.max_items) limit_gap(reader, "maxItems", "max-items", *reader.max_items, count.most, false, gaps);
  const auto unique =
      std::any_of(writer.holds.begin(), writer.holds.end(), [](const auto* node) { return node->unique_items; });
  if (reader.unique_items && !unique && count.most > 1)
    gaps.add(reader.pointer + "/uniqueItems", "unique-items-added",
             [] { return std::string("the reader wants different elements, the writer may write equal ones"); });
  if (!gaps.enough()) element_gaps(writer, {.prefix = reader.prefix, .rest = reader.items}, "items", gaps);
  if (!gaps.enough() && reader.unevaluated_items != nullptr) {
    ArrayView view;
    if (gather_looked_at(writer, reader, view)) {
      view.rest = reader.unevaluated_items;
      element_gaps(writer, view, "unevaluatedItems", gaps);
    }
  }
  if (!gaps.enough()) contains_gaps(writer, reader, gaps);
}

void Prover::element_gaps(const Facts& writer, const ArrayView& wanted, std::string_view keyword, Gaps& gaps) {
  const auto written = prefix_of(writer), prefix = std::max(written, wanted.prefix.size());
  const auto most = elements_of(writer).most;
  for (std::size_t i = 0; i <= prefix && i < most; ++i) {
    if (gaps.enough()) return;
    const auto* schema = wanted.at(i);
    const auto facts = element_facts(writer, i);
    if (schema == nullptr || implies_below(facts, *schema)) continue;
    const bool both = (i < written) == (i < wanted.prefix.size());
    if (both && !facts.holds.empty() && schema->always != false) {
      child(facts, *schema, gaps);
      continue;
    }
    const auto index = std::to_string(i);
    if (i < wanted.prefix.size())
      gaps.add(schema->pointer,
               facts.holds.empty() ? "item-added-to-open-content-model"
                                   : "item-added-not-covered-by-partially-open-content-model",
               [&] {
                 return "the reader has a schema for element " + index +
                        ", which not all that the writer may write there meets";
               });
    else if (i < written)
      gaps.add(schema->pointer,
               schema->always == false ? "item-removed-from-closed-content-model"
                                       : "item-removed-not-covered-by-partially-open-content-model",
               [&] {
                 return "the writer's element " + index + " falls under the reader's " + schema->pointer +
                        ", which it does not meet";
               });
    else
      gaps.add(schema->pointer,
               schema->always == false
                   ? std::string(keyword == "items" ? "additional-items-removed" : "unevaluated-items-removed")
                   : std::string(keyword == "items" ? "items-added" : "unevaluated-items-narrowed"),
               [&] {
                 return "the reader " +
                        (schema->always == false ? std::string("allows no more elements from ")
                                                 : std::string("has a schema for elements from ")) +
                        index + " on, the writer may write any there";
               });
  }
}

void Prover::contains_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  if (reader.contains == nullptr) return;
  const auto least = reader.min_contains.value_or(1);
  if (!contains_at_least(writer, reader, least))
    gaps.add(reader.pointer + "/contains", "contains-narrowed", [&] {
      return "the reader wants at least " + std::to_string(least) + " elements that " + reader.contains->pointer +
             " describes, the writer may write fewer";
    });
  if (reader.max_contains && !contains_at_most(writer, reader, *reader.max_contains))
    gaps.add(reader.pointer + "/maxContains", "max-contains-decreased", [&] {
      return "the reader allows at most " + std::to_string(*reader.max_contains) + " elements that " +
             reader.contains->pointer + " describes, the writer may write more";
    });
}

bool Prover::contains_at_least(const Facts& writer, const Node& reader, std::uint64_t least) {
  if (least == 0) return true;
  for (const auto* node : writer.holds)
    if (node->contains != nullptr && node->min_contains.value_or(1) >= least &&
        implies_below(Facts::of({node->contains}), *reader.contains))
      return true;
  constexpr std::uint64_t kFew = 16;
  if (items_of(writer).least < least || least > kFew) return false;
  for (std::size_t i = 0; i < least; ++i)
    if (!implies_below(element_facts(writer, i), *reader.contains)) return false;
  return true;
}

bool Prover::contains_at_most(const Facts& writer, const Node& reader, std::uint64_t most) {
  if (elements_of(writer).most <= most) return true;
  const auto wanted = Facts::of({reader.contains});
  return std::any_of(writer.holds.begin(), writer.holds.end(), [&](const auto* node) {
    return node->contains != nullptr && node->max_contains && *node->max_contains <= most &&
           implies_below(wanted, *node->contains);
  });
}

// false: everything has been looked at.
bool Prover::gather_looked_at(const Facts& writer, const Node& node, ArrayView& view) {
  if (node.items != nullptr) return false;
  view.prefix.resize(std::max(view.prefix.size(), node.prefix.size()), nullptr);
  Nodes sure = node.all_of;
  for (const auto& reference : node.references) sure.push_back(reference.target);
  for (const auto* choice : {&node.any_of, &node.one_of})
    for (const auto* one : *choice)
      if (implies(writer, *one)) sure.push_back(one);
  return std::all_of(sure.begin(), sure.end(), [&](const auto* child) {
    return child->unevaluated_items == nullptr && gather_looked_at(writer, *child, view);
  });
}

}  // namespace fabric::formats::jsonschema
