// What a writer's schemas leave unproven of a reader's keywords for objects. The names that either side declares are
// looked at one by one; all others together, by what patterns and additionalProperties say about them.
#include <algorithm>
#include <boost/json.hpp>

#include "fabric/formats/json_schema_limits.hpp"
#include "fabric/formats/json_schema_prover.hpp"
#include "fabric/formats/json_schema_validate.hpp"
#include "fabric/json.hpp"

namespace fabric::formats::jsonschema {
namespace {

namespace bj = boost::json;

bool is_false(const Node* node) { return node != nullptr && node->always == false; }

bool has_pattern(const ObjectView& view, const Pattern& pattern) {
  return std::any_of(view.patterns.begin(), view.patterns.end(),
                     [&](const auto& one) { return one.first->text() == pattern.text(); });
}

ObjectView view_of(const Node& node) {
  ObjectView view{.rest = node.additional_properties};
  view.properties.insert(node.properties.begin(), node.properties.end());
  for (const auto& [pattern, schema] : node.pattern_properties) view.patterns.emplace_back(&pattern, schema);
  return view;
}

}  // namespace

Facts Prover::member_facts(const Facts& writer, std::string_view name) {
  Nodes holds;
  for (const auto& view : object_views(writer)) {
    const auto more = view.of(name);
    holds.insert(holds.end(), more.begin(), more.end());
  }
  return Facts::of(holds);
}

bool Prover::forbids(const Facts& writer, const std::string& name) {
  const auto refused = std::any_of(writer.holds.begin(), writer.holds.end(), [&](const auto* node) {
    return node->property_names != nullptr && is_valid(*node->property_names, bj::value(name), work_) == false;
  });
  return refused || empty_below(member_facts(writer, name));
}

bool Prover::is_closed(const Facts& writer) {
  const auto views = object_views(writer);
  return std::any_of(views.begin(), views.end(), [](const auto& view) {
    return is_false(view.rest) && std::all_of(view.patterns.begin(), view.patterns.end(),
                                              [](const auto& one) { return is_false(one.second); });
  });
}

Count Prover::members_of(const Facts& writer) {
  auto result = properties_of(writer);
  for (const auto& view : object_views(writer)) {
    if (!is_false(view.rest) || !view.patterns.empty()) continue;
    const auto possible = std::count_if(view.properties.begin(), view.properties.end(),
                                        [](const auto& one) { return !is_false(one.second); });
    result.most = std::min(result.most, static_cast<std::uint64_t>(possible));
  }
  return result;
}

bool Prover::objects_empty(const Facts& facts) {
  const auto count = members_of(facts);
  if (count.least > count.most) return true;
  const auto required = required_of(facts);
  return std::any_of(required.begin(), required.end(), [&](const auto& name) { return forbids(facts, name); });
}

void Prover::object_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  required_gaps(writer, reader, gaps);
  const auto count = members_of(writer);
  if (reader.min_properties)
    limit_gap(reader, "minProperties", "min-properties", *reader.min_properties, count.least, true, gaps);
  if (reader.max_properties)
    limit_gap(reader, "maxProperties", "max-properties", *reader.max_properties, count.most, false, gaps);
  if (!gaps.enough()) member_gaps(writer, reader, view_of(reader), gaps);
  if (!gaps.enough() && reader.unevaluated_properties != nullptr)
    member_gaps(writer, reader, looked_at(writer, reader), gaps);
  if (!gaps.enough()) name_gaps(writer, reader, gaps);
  if (!gaps.enough()) dependency_gaps(writer, reader, gaps);
}

void Prover::required_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  const auto given = required_of(writer);
  for (const auto& name : reader.required) {
    if (given.contains(name)) continue;
    const auto property = reader.properties.find(name);
    const bool has_default = property != reader.properties.end() && property->second->default_value != nullptr;
    gaps.add(reader.pointer + "/required" + pointer_token(name),
             has_default ? "required-with-default-added" : "required-added", [&] {
               return "the reader requires " + json::quote(name) + ", the writer may leave it out" +
                      (has_default ? " (a default describes, it does not fill in)" : "");
             });
  }
}

void Prover::member_gaps(const Facts& writer, const Node& reader, const ObjectView& wanted, Gaps& gaps) {
  std::set<std::string, std::less<>> names = required_of(writer);
  for (const auto& [name, schema] : wanted.properties) names.emplace(name);
  for (const auto& view : object_views(writer))
    for (const auto& [name, schema] : view.properties) names.emplace(name);
  for (const auto& name : names) {
    if (gaps.enough()) return;
    property_gaps(writer, reader, wanted, name, gaps);
  }
  if (!gaps.enough()) other_member_gaps(writer, reader, wanted, gaps);
}

void Prover::property_gaps(const Facts& writer, const Node& reader, const ObjectView& wanted, const std::string& name,
                           Gaps& gaps) {
  const auto facts = member_facts(writer, name);
  const auto views = object_views(writer);
  const bool declared_by_writer =
      std::any_of(views.begin(), views.end(), [&](const auto& view) { return view.declares(name); });
  const bool open = facts.holds.empty();
  for (const auto* schema : wanted.of(name)) {
    if (implies_below(facts, *schema) || forbids(writer, name)) continue;
    if (!gaps.in_words()) return gaps.add("", "", nullptr);
    const auto path = reader.pointer + "/properties" + pointer_token(name);
    if (wanted.declares(name)) {
      if (declared_by_writer)
        child(facts, *schema, gaps);
      else if (open)
        gaps.add(path, "property-added-to-open-content-model", [&] {
          return "the reader's property " + json::quote(name) +
                 " has a schema, and the writer may write anything under this name";
        });
      else
        gaps.add(path, "property-added-not-covered-by-partially-open-content-model", [&] {
          return "the reader's property " + json::quote(name) +
                 " has a schema that what the writer writes for names it does not declare does not meet";
        });
    } else if (is_false(schema)) {
      gaps.add(path, "property-removed-from-closed-content-model", [&] {
        return "the writer may write " + json::quote(name) + ", the reader allows no such member (" + schema->pointer +
               " is false)";
      });
    } else {
      gaps.add(path, "property-removed-not-covered-by-partially-open-content-model", [&] {
        return "the writer's " + json::quote(name) + " falls under the reader's " + schema->pointer +
               ", which it does not meet";
      });
    }
  }
}

// Whether members of names that neither side declares meet `schema`; of those that `matching` matches, or, if that is
// nullptr, that no pattern of the reader does. For each of the writer's schemas such a name is under a pattern of its
// or under `rest`.
bool Prover::other_members_imply(const Facts& writer, const ObjectView& wanted, const Pattern* matching,
                                 const Node& schema) {
  Nodes certain;
  std::vector<Nodes> choices;
  for (const auto& view : object_views(writer)) {
    Nodes options;
    const auto exact = matching == nullptr
                           ? view.patterns.end()
                           : std::find_if(view.patterns.begin(), view.patterns.end(),
                                          [&](const auto& one) { return one.first->text() == matching->text(); });
    if (exact != view.patterns.end()) {
      options = {exact->second};
    } else {
      for (const auto& [pattern, node] : view.patterns)
        if (matching != nullptr || !has_pattern(wanted, *pattern)) options.push_back(node);
      options.push_back(view.rest);
    }
    if (options.size() == 1)
      certain.push_back(options[0]);
    else if (std::find(options.begin(), options.end(), nullptr) == options.end())
      choices.push_back(std::move(options));
  }
  const auto facts = Facts::of(certain);
  if (implies_below(facts, schema)) return true;
  return std::any_of(choices.begin(), choices.end(), [&](const auto& options) {
    return std::all_of(options.begin(), options.end(),
                       [&](const auto* option) { return implies_below(facts.with({option}), schema); });
  });
}

void Prover::other_member_gaps(const Facts& writer, const Node& reader, const ObjectView& wanted, Gaps& gaps) {
  for (const auto& entry : wanted.patterns) {
    const auto* pattern = entry.first;
    const auto* schema = entry.second;
    if (schema == nullptr || other_members_imply(writer, wanted, pattern, *schema)) continue;
    gaps.add(schema->pointer, "pattern-property-narrowed", [&] {
      return "the reader's schema for names that match " + json::quote(pattern->text()) +
             " is not met by all that the writer may write under them";
    });
  }
  if (wanted.rest == nullptr || gaps.enough() || other_members_imply(writer, wanted, nullptr, *wanted.rest)) return;
  const std::string rule =
      wanted.rest == reader.unevaluated_properties ? "unevaluated-properties" : "additional-properties";
  if (is_false(wanted.rest))
    return gaps.add(wanted.rest->pointer, rule + "-removed", [] {
      return std::string("the reader allows no members but those it describes, the writer allows others");
    });
  gaps.add(wanted.rest->pointer, rule + "-narrowed", [] {
    return std::string(
        "the reader has a schema for members that are not declared, and not all that the writer may write meets it");
  });
}

void Prover::name_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  if (reader.property_names == nullptr) return;
  const auto path = reader.pointer + "/propertyNames";
  std::set<std::string, std::less<>> names = required_of(writer);
  for (const auto& view : object_views(writer))
    for (const auto& [name, schema] : view.properties) names.emplace(name);
  for (const auto& name : names)
    if (is_valid(*reader.property_names, bj::value(name), work_) != true && !forbids(writer, name))
      gaps.add(path, "property-names-narrowed",
               [&] { return "the writer may write " + json::quote(name) + ", a name that the reader refuses"; });
  if (is_closed(writer) || gaps.enough()) return;
  Nodes holds = {words_.type(kString)};
  for (const auto* node : writer.holds) holds.push_back(node->property_names);
  if (!implies_below(Facts::of(holds), *reader.property_names))
    gaps.add(path, "property-names-narrowed",
             [] { return std::string("the reader refuses names that the writer may write"); });
}

void Prover::dependency_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  for (const auto& dependency : reader.dependent_required) {
    const auto& name = dependency.first;
    const auto facts = writer.with({words_.type(kObject), words_.required(name)});
    const auto given = required_of(facts);
    for (const auto& other : dependency.second)
      if (!given.contains(other) && !empty(facts))
        gaps.add(reader.pointer + "/dependentRequired" + pointer_token(name), "dependency-added", [&] {
          return "the reader requires " + json::quote(other) + " beside " + json::quote(name) +
                 ", the writer may leave it out";
        });
  }
  for (const auto& [name, schema] : reader.dependent_schemas) {
    if (gaps.enough()) return;
    const auto facts = writer.with({words_.type(kObject), words_.required(name)});
    if (empty(facts) || implies(facts, *schema)) continue;
    if (gaps.in_words())
      explain(facts, *schema, gaps);
    else
      gaps.add("", "", nullptr);
  }
}

// The reader's unevaluatedProperties as a view: what has surely been looked at by the time, and what is asked of the
// rest.
ObjectView Prover::looked_at(const Facts& writer, const Node& reader) {
  ObjectView view;
  if (gather_looked_at(writer, reader, view)) view.rest = reader.unevaluated_properties;
  return view;
}

// false: everything has been looked at.
bool Prover::gather_looked_at(const Facts& writer, const Node& node, ObjectView& view) {
  if (node.additional_properties != nullptr) return false;
  for (const auto& [name, schema] : node.properties) view.properties.emplace(name, nullptr);
  for (const auto& [pattern, schema] : node.pattern_properties) view.patterns.emplace_back(&pattern, nullptr);
  Nodes sure = node.all_of;
  for (const auto& reference : node.references) sure.push_back(reference.target);
  for (const auto* choice : {&node.any_of, &node.one_of})
    for (const auto* one : *choice)
      if (implies(writer, *one)) sure.push_back(one);
  if (node.condition != nullptr && implies(writer, *node.condition))
    sure.insert(sure.end(), {node.condition, node.consequence});
  if (node.condition != nullptr && empty(writer.with({node.condition}))) sure.push_back(node.alternative);
  const auto required = required_of(writer);
  for (const auto& [name, schema] : node.dependent_schemas)
    if (required.contains(name)) sure.push_back(schema);
  return std::all_of(sure.begin(), sure.end(), [&](const auto* child) {
    return child == nullptr || (child->unevaluated_properties == nullptr && gather_looked_at(writer, *child, view));
  });
}

}  // namespace fabric::formats::jsonschema
