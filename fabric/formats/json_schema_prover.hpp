#pragma once
// Proves that every value for which a writer's schemas hold is valid under a reader's schema. One-sided: what is proven
// is so, but not all that is so is proven (two regular expressions are compared as text, for example). Always ends: by
// a budget, at the latest.
//
// How: a reader's schema is a conjunction of keywords, so each is proven by itself (gaps): from what the writer's
// schemas say together, or else in each case that they allow (Facts, cases_of). Few values (enum, const, boolean, null)
// are simply validated. Recursive schemas: a claim that is met again inside its own proof, deeper in the value, holds
// by induction over the depth of values; met again for the same value it is circular, and counts as unproven.
//
// One prover per comparison, one thread.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fabric/contract/schema.hpp"
#include "fabric/formats/json_schema_facts.hpp"

namespace fabric::formats::jsonschema {

// Parts of a schema that are proven one by one.
enum class Part : std::uint8_t {
  type,
  values,
  conjunction,
  any_of,
  one_of,
  negation,
  condition,
  number,
  string,
  array,
  object
};
inline constexpr Part kParts[] = {Part::type,   Part::values,   Part::conjunction, Part::any_of,
                                  Part::one_of, Part::negation, Part::condition,   Part::number,
                                  Part::string, Part::array,    Part::object};

// What a part leaves unproven: only whether there is something, or all of it in words.
class Gaps {
 public:
  explicit Gaps(std::vector<contract::Violation>* words) : words_(words) {}
  bool found() const noexcept { return found_; }
  std::size_t count() const noexcept { return words_ == nullptr ? 0 : words_->size(); }
  bool in_words() const noexcept { return words_ != nullptr; }
  bool enough() const noexcept { return found_ && words_ == nullptr; }
  void add(std::string path, std::string rule, const std::function<std::string()>& message);

 private:
  std::vector<contract::Violation>* words_;
  bool found_ = false;
};

class Prover {
 public:
  bool implies(const Facts& writer, const Node& reader);
  bool empty(const Facts& facts);
  // All that stands against implies(), in words; called when it is false.
  void explain(const Facts& writer, const Node& reader, Gaps& gaps);
  // The budget is used up: what was not proven might hold all the same.
  bool gave_up() const noexcept { return gave_up_; }

 private:
  using Key = std::vector<const void*>;
  struct Open {
    Key key;
    unsigned level;        // how deep in the value
    std::size_t trail;     // claims before it
    std::size_t rests_on;  // the lowest open claim that was taken for granted on the way
  };
  bool prove(Key key, const std::function<bool()>& proof);
  bool close(bool proven);
  bool proves(const Facts& writer, const Node& reader, Part part);
  bool is_empty(const Facts& facts);
  bool objects_empty(const Facts& facts);
  bool arrays_empty(const Facts& facts);
  // The values that there are, if these are few enough to be listed.
  std::optional<std::vector<boost::json::value>> values_of(const Facts& facts);
  void explain_values(const Facts& writer, const std::vector<boost::json::value>& values, const Node& reader,
                      Gaps& gaps);
  void explain_part(const Facts& writer, const Node& reader, Part part, Gaps& gaps);

  // One level deeper in the value.
  bool implies_below(const Facts& writer, const Node& reader);
  bool empty_below(const Facts& facts);
  void child(const Facts& writer, const Node& reader, Gaps& gaps);

  void gaps_of(const Facts& writer, const Node& reader, Part part, Gaps& gaps);
  void type_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void value_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void choice_gaps(const Facts& writer, const Node& reader, Part part, Gaps& gaps);
  void negation_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void condition_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void number_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void string_gaps(const Facts& writer, const Node& reader, Gaps& gaps);

  // Objects (json_schema_objects.cpp).
  void object_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void required_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void member_gaps(const Facts& writer, const Node& reader, const ObjectView& wanted, Gaps& gaps);
  void property_gaps(const Facts& writer, const Node& reader, const ObjectView& wanted, const std::string& name,
                     Gaps& gaps);
  void other_member_gaps(const Facts& writer, const Node& reader, const ObjectView& wanted, Gaps& gaps);
  void name_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void dependency_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  bool other_members_imply(const Facts& writer, const ObjectView& wanted, const Pattern* matching, const Node& schema);
  bool forbids(const Facts& writer, const std::string& name);
  bool is_closed(const Facts& writer);  // no members but declared ones
  Count members_of(const Facts& writer);
  Facts member_facts(const Facts& writer, std::string_view name);
  ObjectView looked_at(const Facts& writer, const Node& reader);
  bool gather_looked_at(const Facts& writer, const Node& node, ObjectView& view);

  // Arrays (json_schema_arrays.cpp).
  void array_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  void element_gaps(const Facts& writer, const ArrayView& wanted, std::string_view keyword, Gaps& gaps);
  void contains_gaps(const Facts& writer, const Node& reader, Gaps& gaps);
  bool contains_at_least(const Facts& writer, const Node& reader, std::uint64_t least);
  bool contains_at_most(const Facts& writer, const Node& reader, std::uint64_t most);
  Facts element_facts(const Facts& writer, std::size_t index);
  Count elements_of(const Facts& writer);
  bool gather_looked_at(const Facts& writer, const Node& node, ArrayView& view);

  bool same(const Node& a, const Node& b);
  bool same_below(const Node& a, const Node& b, std::set<std::pair<const Node*, const Node*>>& assumed, unsigned depth);

  Words words_;
  std::vector<Open> open_;
  std::map<Key, std::size_t> proven_;  // and the open claim that it rests on
  std::set<Key> unproven_, explained_;
  std::vector<Key> trail_;
  std::set<std::pair<const Node*, const Node*>> same_, different_;
  unsigned level_ = 0, depth_ = 0;
  std::size_t steps_ = 0, work_ = 20'000'000;
  bool gave_up_ = false;
};

}  // namespace fabric::formats::jsonschema
