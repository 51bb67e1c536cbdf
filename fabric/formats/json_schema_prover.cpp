#include "fabric/formats/json_schema_prover.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "fabric/formats/json_schema_validate.hpp"
#include "fabric/json.hpp"

namespace fabric::formats::jsonschema {
namespace {

namespace bj = boost::json;

// Bounds of a comparison. Schemas that people write take some hundred steps.
constexpr std::size_t kMaxSteps = 60'000;
constexpr unsigned kMaxNesting = 250;
constexpr std::size_t kNothing = static_cast<std::size_t>(-1);

std::vector<const void*> key_of(const Facts& facts, const Node* reader) {
  std::vector<const void*> key(facts.holds.begin(), facts.holds.end());
  std::sort(key.begin(), key.end());
  key.push_back(nullptr);
  const auto fails = key.size();
  key.insert(key.end(), facts.fails.begin(), facts.fails.end());
  std::sort(key.begin() + static_cast<std::ptrdiff_t>(fails), key.end());
  key.push_back(reader);
  return key;
}

}  // namespace

void Gaps::add(std::string path, std::string rule, const std::function<std::string()>& message) {
  found_ = true;
  if (words_ == nullptr) return;
  const auto known = std::any_of(words_->begin(), words_->end(),
                                 [&](const auto& other) { return other.path == path && other.rule == rule; });
  if (!known) words_->push_back({.path = std::move(path), .rule = std::move(rule), .message = message()});
}

// Runs the proof of a claim, unless it is known or open. A claim that rests on one that is still open is remembered
// with it, and forgotten if that one fails.
bool Prover::prove(Key key, const std::function<bool()>& proof) {
  if (const auto known = proven_.find(key); known != proven_.end()) {
    if (!open_.empty()) open_.back().rests_on = std::min(open_.back().rests_on, known->second);
    return true;
  }
  if (unproven_.contains(key)) return false;
  for (std::size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].key != key) continue;
    if (open_[i].level == level_) return false;
    open_.back().rests_on = std::min(open_.back().rests_on, i);
    return true;
  }
  if (++steps_ > kMaxSteps || depth_ >= kMaxNesting) {
    gave_up_ = true;
    return false;
  }
  open_.push_back({.key = std::move(key), .level = level_, .trail = trail_.size(), .rests_on = kNothing});
  ++depth_;
  const bool proven = proof();
  --depth_;
  return close(proven);
}

bool Prover::close(bool proven) {
  auto claim = std::move(open_.back());
  open_.pop_back();
  const auto index = open_.size();
  if (!proven) {
    for (std::size_t i = claim.trail; i < trail_.size(); ++i)
      if (const auto known = proven_.find(trail_[i]); known != proven_.end() && known->second != kNothing)
        proven_.erase(known);
    trail_.resize(claim.trail);
    unproven_.insert(std::move(claim.key));
    return false;
  }
  const bool stands = claim.rests_on >= index;  // on nothing below itself
  if (stands) {
    for (std::size_t i = claim.trail; i < trail_.size(); ++i)
      if (const auto known = proven_.find(trail_[i]); known != proven_.end() && known->second >= index)
        known->second = kNothing;
    proven_[std::move(claim.key)] = kNothing;
  } else {
    for (std::size_t i = claim.trail; i < trail_.size(); ++i)
      if (const auto known = proven_.find(trail_[i]); known != proven_.end() && known->second != kNothing)
        known->second = std::min(known->second, claim.rests_on);
    proven_[claim.key] = claim.rests_on;
    trail_.push_back(std::move(claim.key));
    open_.back().rests_on = std::min(open_.back().rests_on, claim.rests_on);
  }
  return true;
}

bool Prover::implies(const Facts& writer, const Node& reader) {
  if (reader.always == true || writer.never || writer.has(&reader)) return true;
  return prove(key_of(writer, &reader), [&] {
    if (reader.always == false) return empty(writer);
    if (std::any_of(writer.holds.begin(), writer.holds.end(), [&](const auto* node) { return same(*node, reader); }))
      return true;
    if (empty(writer)) return true;
    if (const auto values = values_of(writer))
      return std::all_of(values->begin(), values->end(),
                         [&](const auto& value) { return is_valid(reader, value, work_) == true; });
    return std::all_of(std::begin(kParts), std::end(kParts), [&](Part part) { return proves(writer, reader, part); });
  });
}

bool Prover::proves(const Facts& writer, const Node& reader, Part part) {
  Gaps gaps(nullptr);
  gaps_of(writer, reader, part, gaps);
  if (!gaps.found()) return true;
  if (gave_up_ || ++steps_ > kMaxSteps || depth_ >= kMaxNesting) {
    gave_up_ = true;
    return false;
  }
  // What $ref and allOf want looks for cases by itself.
  if (part == Part::type || part == Part::conjunction) return false;
  const bool by_type = part == Part::any_of || part == Part::one_of || part == Part::negation ||
                       part == Part::condition || part == Part::values;
  const auto cases = cases_of(writer, by_type);
  ++depth_;
  const bool all = !cases.empty() && std::all_of(cases.begin(), cases.end(), [&](const Facts& one) {
    if (empty(one)) return true;
    if (const auto values = values_of(one))
      return std::all_of(values->begin(), values->end(),
                         [&](const auto& value) { return is_valid(reader, value, work_) == true; });
    return proves(one, reader, part);
  });
  --depth_;
  return all;
}

bool Prover::empty(const Facts& facts) {
  if (facts.never) return true;
  return prove(key_of(facts, nullptr), [&] { return is_empty(facts); });
}

bool Prover::is_empty(const Facts& facts) {
  const auto types = types_of(facts);
  if (types == 0) return true;
  if (const auto values = values_of(facts)) return values->empty();
  if (std::any_of(facts.fails.begin(), facts.fails.end(), [&](const auto* node) { return implies(facts, *node); }))
    return true;
  if ((types & ~(kObject | kArray)) == 0 && ((types & kObject) == 0 || objects_empty(facts)) &&
      ((types & kArray) == 0 || arrays_empty(facts)))
    return true;
  const auto cases = cases_of(facts, false);
  return !cases.empty() && std::all_of(cases.begin(), cases.end(), [&](const auto& one) { return empty(one); });
}

std::optional<std::vector<bj::value>> Prover::values_of(const Facts& facts) {
  std::optional<std::vector<bj::value>> values;
  for (const auto* node : facts.holds) {
    if (node->constant != nullptr) values = {*node->constant};
    if (node->enumeration != nullptr && !values) values.emplace(node->enumeration->begin(), node->enumeration->end());
  }
  if (const auto types = types_of(facts); !values && (types & ~(kNull | kBoolean)) == 0)
    values = {nullptr, false, true};
  if (!values) return std::nullopt;
  std::erase_if(*values, [&](const auto& value) {
    const auto is = [&](const Node* node, bool valid) { return is_valid(*node, value, work_) == valid; };
    return std::any_of(facts.holds.begin(), facts.holds.end(), [&](const auto* node) { return is(node, false); }) ||
           std::any_of(facts.fails.begin(), facts.fails.end(), [&](const auto* node) { return is(node, true); });
  });
  return values;
}

bool Prover::implies_below(const Facts& writer, const Node& reader) {
  ++level_;
  const bool result = implies(writer, reader);
  --level_;
  return result;
}

bool Prover::empty_below(const Facts& facts) {
  ++level_;
  const bool result = empty(facts);
  --level_;
  return result;
}

void Prover::child(const Facts& writer, const Node& reader, Gaps& gaps) {
  if (implies_below(writer, reader)) return;
  if (!gaps.in_words()) return gaps.add("", "", nullptr);
  ++level_;
  explain(writer, reader, gaps);
  --level_;
}

void Prover::gaps_of(const Facts& writer, const Node& reader, Part part, Gaps& gaps) {
  const auto types = types_of(writer);
  const auto only = [&](Types type) { return types == type ? writer : writer.with({words_.type(type)}); };
  switch (part) {
    case Part::type:
      return type_gaps(writer, reader, gaps);
    case Part::values:
      return value_gaps(writer, reader, gaps);
    case Part::any_of:
    case Part::one_of:
      return choice_gaps(writer, reader, part, gaps);
    case Part::negation:
      return negation_gaps(writer, reader, gaps);
    case Part::condition:
      return condition_gaps(writer, reader, gaps);
    case Part::conjunction:
      break;
    case Part::number:
      return (types & kNumber) != 0 ? number_gaps(writer, reader, gaps) : void();
    case Part::string:
      return (types & kString) != 0 ? string_gaps(writer, reader, gaps) : void();
    case Part::array:
      return (types & kArray) != 0 ? array_gaps(only(kArray), reader, gaps) : void();
    case Part::object:
      return (types & kObject) != 0 ? object_gaps(only(kObject), reader, gaps) : void();
  }
  Nodes wanted = reader.all_of;
  for (const auto& reference : reader.references) wanted.push_back(reference.target);
  for (const auto* one : wanted) {
    if (gaps.enough()) return;
    if (implies(writer, *one)) continue;
    if (gaps.in_words())
      explain(writer, *one, gaps);
    else
      gaps.add("", "", nullptr);
  }
}

void Prover::explain(const Facts& writer, const Node& reader, Gaps& gaps) {
  if (!explained_.insert(key_of(writer, &reader)).second || depth_ >= kMaxNesting) return;
  if (reader.always == false)
    return gaps.add(reader.pointer, "never-valid",
                    [&] { return "the reader allows no value here, the writer " + type_names(types_of(writer)); });
  ++depth_;
  if (const auto values = values_of(writer))
    explain_values(writer, *values, reader, gaps);
  else
    for (const auto part : kParts)
      if (!proves(writer, reader, part)) explain_part(writer, reader, part, gaps);
  --depth_;
}

// Of a writer with a few values only: which of them the reader refuses, where it says so.
void Prover::explain_values(const Facts& writer, const std::vector<bj::value>& values, const Node& reader, Gaps& gaps) {
  const auto before = gaps.count();
  for (const auto part : {Part::type, Part::values, Part::conjunction}) gaps_of(writer, reader, part, gaps);
  if (gaps.count() != before) return;
  gaps.add(reader.pointer, "value-refused", [&] {
    bj::array refused;
    for (const auto& value : values)
      if (is_valid(reader, value, work_) != true) refused.push_back(value);
    return "the reader refuses " + json::print(refused) + ", which the writer allows";
  });
}

// Where the writer has a choice, only what the failing alternatives leave open counts.
void Prover::explain_part(const Facts& writer, const Node& reader, Part part, Gaps& gaps) {
  const bool by_case = part == Part::number || part == Part::string || part == Part::array || part == Part::object;
  const auto cases = by_case && depth_ < kMaxNesting ? cases_of(writer, false) : std::vector<Facts>{};
  if (cases.empty()) return gaps_of(writer, reader, part, gaps);
  ++depth_;
  for (const auto& one : cases)
    if (!empty(one) && !proves(one, reader, part)) explain_part(one, reader, part, gaps);
  --depth_;
}

}  // namespace fabric::formats::jsonschema
