#pragma once
// Random FlatBuffers schemas, their mutations, and JSON of payloads. For the property tests.

#include <boost/json/value.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/fabric/formats/choices.hpp"

namespace fabric::formats::testing {

struct FlatField {
  std::string name{}, type{}, default_value{};
  bool deprecated = false, required = false;
  bool operator==(const FlatField&) const = default;
};

struct FlatModel {
  std::vector<std::vector<FlatField>> tables{};              // T0 is the root; ids as in the order of fields
  std::vector<std::pair<std::string, std::string>> point{};  // the fields of struct P
  std::vector<std::pair<std::string, int>> values{};         // of enum E
  std::vector<std::string> members{};                        // of union U
  std::string identifier{};
  bool operator==(const FlatModel&) const = default;

  std::string text() const;
};

FlatModel random_flat_model(Choices& choices);
// One change of what people change.
FlatModel flat_mutated(FlatModel model, Choices& choices);
// A payload as from_json() takes it.
boost::json::value random_flat_json(const FlatModel& model, Choices& choices, std::size_t table = 0, int depth = 0);

}  // namespace fabric::formats::testing
