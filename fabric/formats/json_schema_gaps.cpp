// What a writer's schemas leave unproven of a reader's keywords for any value, numbers and strings.
#include <algorithm>
#include <boost/json.hpp>

#include "fabric/formats/json_schema_limits.hpp"
#include "fabric/formats/json_schema_prover.hpp"
#include "fabric/json.hpp"

namespace fabric::formats::jsonschema {
namespace {

namespace bj = boost::json;

constexpr Types kClasses[] = {kNull, kBoolean, kInteger, kFraction, kString, kArray, kObject};

// "minimum-added", "minimum-increased": a bound that the reader has and the writer does not keep.
void bound_gap(const Node& reader, const std::string& keyword, const std::string& rule, const char* changed,
               const Number& wanted, const std::optional<Number>& given, bool kept, Gaps& gaps) {
  if (kept) return;
  gaps.add(reader.pointer + "/" + keyword, rule + (given ? changed : "-added"), [&] {
    return "the reader's " + keyword + " is " + wanted.text() + ", the writer's " +
           (given ? "bound is " + given->text() : "numbers have no bound there");
  });
}

}  // namespace

void limit_gap(const Node& reader, std::string_view keyword, std::string_view rule, std::uint64_t wanted,
               std::uint64_t given, bool is_least, Gaps& gaps) {
  if (is_least ? given >= wanted : given <= wanted) return;
  const bool none = is_least ? given == 0 : given == std::numeric_limits<std::uint64_t>::max();
  gaps.add(reader.pointer + pointer_token(keyword),
           std::string(rule) + (none       ? "-added"
                                : is_least ? "-increased"
                                           : "-decreased"),
           [&] {
             return "the reader's " + std::string(keyword) + " is " + std::to_string(wanted) + ", the writer has " +
                    (none ? "no such limit" : std::to_string(given));
           });
}

void Prover::type_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  if (!reader.types) return;
  const auto given = types_of(writer);
  auto left = static_cast<Types>(given & ~*reader.types);
  for (const auto type : kClasses)
    if ((left & type) != 0 && given != type && empty(writer.with({words_.type(type)})))
      left &= static_cast<Types>(~type);
  if (left == 0) return;
  gaps.add(reader.pointer + "/type", (given & *reader.types) == 0 ? "type-changed" : "type-narrowed", [&] {
    return "the reader wants " + type_names(*reader.types) + ", the writer allows " + type_names(given);
  });
}

void Prover::value_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  if (reader.constant == nullptr && reader.enumeration == nullptr) return;
  const bool is_const = reader.constant != nullptr;
  const bj::array wanted = is_const ? bj::array{*reader.constant} : *reader.enumeration;
  const auto values = values_of(writer);
  const auto path = reader.pointer + (is_const ? "/const" : "/enum");
  if (!values)
    return gaps.add(path, is_const ? "const-added" : "enum-added", [&] {
      return "the reader allows only " + json::print(wanted) + ", the writer allows any " +
             type_names(types_of(writer));
    });
  bj::array refused;
  for (const auto& value : *values)
    if (std::none_of(wanted.begin(), wanted.end(), [&](const auto& one) { return equal(one, value); }))
      refused.push_back(value);
  if (refused.empty()) return;
  gaps.add(path, is_const ? "const-changed" : "enum-narrowed", [&] {
    return "the reader allows only " + json::print(wanted) + ", the writer allows " + json::print(refused) + " as well";
  });
}

void Prover::choice_gaps(const Facts& writer, const Node& reader, Part part, Gaps& gaps) {
  const bool exactly_one = part == Part::one_of;
  const auto& choice = exactly_one ? reader.one_of : reader.any_of;
  if (choice.empty()) return;
  const Node *fits = nullptr, *also = nullptr;
  for (const auto* one : choice) {
    if (!implies(writer, *one)) continue;
    fits = one;
    const auto overlap = std::find_if(choice.begin(), choice.end(), [&](const auto* other) {
      return exactly_one && other != one && !empty(writer.with({other}));
    });
    if (overlap == choice.end()) return;
    also = *overlap;
  }
  if (choice.size() == 1 && gaps.in_words()) return explain(writer, *choice[0], gaps);
  const std::string keyword = exactly_one ? "oneOf" : "anyOf", rule = exactly_one ? "one-of" : "any-of";
  if (fits != nullptr)
    return gaps.add(reader.pointer + "/" + keyword, rule + "-ambiguous", [&] {
      return "what the writer allows fits " + fits->pointer + ", but it may fit " + also->pointer +
             " as well, and oneOf allows one only";
    });
  gaps.add(reader.pointer + "/" + keyword, rule + "-not-covered", [&] {
    for (const auto& one : cases_of(writer, true))
      if (!empty(one) && !proves(one, reader, part)) {
        for (const auto* node : one.holds)
          if (!writer.has(node) && !node->pointer.empty())
            return "the writer's " + node->pointer + " is not covered by the reader's " +
                   std::to_string(choice.size()) + " alternatives";
        return "the writer allows " + type_names(types_of(one)) + " that is not covered by the reader's " +
               std::to_string(choice.size()) + " alternatives";
      }
    return "what the writer allows (" + type_names(types_of(writer)) + ") fits none of the reader's " +
           std::to_string(choice.size()) + " alternatives as a whole";
  });
}

void Prover::negation_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  if (reader.negated == nullptr || empty(writer.with({reader.negated}))) return;
  gaps.add(reader.pointer + "/not", "not-extended", [&] {
    return "the reader refuses what " + reader.negated->pointer + " describes, the writer may write it";
  });
}

void Prover::condition_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  if (reader.condition == nullptr) return;
  const auto branch = [&](const Node* wanted, const Facts& facts, const char* keyword) {
    if (wanted == nullptr || gaps.enough() || empty(facts) || implies(facts, *wanted)) return;
    gaps.add(reader.pointer + "/" + keyword, "condition-changed", [&] {
      return std::string("where the reader's `if` ") +
             (keyword == std::string_view("then") ? "holds" : "does not hold") + " it wants " + wanted->pointer +
             ", which the writer's schema does not assure";
    });
  };
  branch(reader.consequence, writer.with({reader.condition}), "then");
  branch(reader.alternative, writer.with({}, {reader.condition}), "else");
}

void Prover::number_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  const auto range = range_of(writer);
  const auto& low = range.low;
  const auto& high = range.high;
  if (const auto& bound = reader.minimum)
    bound_gap(reader, "minimum", "minimum", "-increased", *bound, low, low && *low >= *bound, gaps);
  if (const auto& bound = reader.exclusive_minimum)
    bound_gap(reader, "exclusiveMinimum", "exclusive-minimum", "-increased", *bound, low,
              low && (*low > *bound || (*low == *bound && range.low_open)), gaps);
  if (const auto& bound = reader.maximum)
    bound_gap(reader, "maximum", "maximum", "-decreased", *bound, high, high && *high <= *bound, gaps);
  if (const auto& bound = reader.exclusive_maximum)
    bound_gap(reader, "exclusiveMaximum", "exclusive-maximum", "-decreased", *bound, high,
              high && (*high < *bound || (*high == *bound && range.high_open)), gaps);
  if (!reader.multiple_of) return;
  auto multiples = range.multiples;
  if ((types_of(writer) & kFraction) == 0) multiples.push_back(Number::of(1));
  if (std::any_of(multiples.begin(), multiples.end(),
                  [&](const auto& one) { return one.is_multiple_of(*reader.multiple_of); }))
    return;
  gaps.add(reader.pointer + "/multipleOf", range.multiples.empty() ? "multiple-of-added" : "multiple-of-changed", [&] {
    return "the reader wants multiples of " + reader.multiple_of->text() + ", the writer " +
           (range.multiples.empty() ? "does not" : "writes those of " + range.multiples.front().text());
  });
}

void Prover::string_gaps(const Facts& writer, const Node& reader, Gaps& gaps) {
  const auto length = length_of(writer);
  if (reader.min_length) limit_gap(reader, "minLength", "min-length", *reader.min_length, length.least, true, gaps);
  if (reader.max_length) limit_gap(reader, "maxLength", "max-length", *reader.max_length, length.most, false, gaps);
  if (!reader.pattern) return;
  constexpr std::string_view kMatchesAll[] = {"", "^", "$", ".*", "^.*", ".*$"};
  const auto& wanted = reader.pattern->text();
  if (std::find(std::begin(kMatchesAll), std::end(kMatchesAll), wanted) != std::end(kMatchesAll)) return;
  const Pattern* given = nullptr;
  for (const auto* node : writer.holds) {
    if (!node->pattern) continue;
    if (node->pattern->text() == wanted) return;
    given = &*node->pattern;
  }
  gaps.add(reader.pointer + "/pattern", given == nullptr ? "pattern-added" : "pattern-changed", [&] {
    return "the reader's pattern is " + json::quote(wanted) + ", the writer " +
           (given == nullptr ? "has none" : "has " + json::quote(given->text()) + " (patterns are compared as text)");
  });
}

}  // namespace fabric::formats::jsonschema
