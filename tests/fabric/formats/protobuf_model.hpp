#pragma once
// Random Protobuf schemas, their mutations, payloads, and whether two messages hold the same known values. For the
// property tests.

#include <google/protobuf/message.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/fabric/formats/choices.hpp"

namespace fabric::formats::testing {

struct ProtobufField {
  int number = 0;
  std::string name{}, type{};  // a scalar's name, "E0", "M1"
  enum Label { kPlain, kOptional, kRepeated, kMap, kOneof, kRequired } label = kPlain;
  std::string default_value{};  // proto2 only
};

struct ProtobufModel {
  bool proto2 = false;
  std::vector<std::vector<ProtobufField>> messages{};             // M0 is the event
  std::vector<std::vector<std::pair<std::string, int>>> enums{};  // E0, E1: names and numbers

  // .proto source. May be refused, when a mutation made it wrong.
  std::string text() const;
};

ProtobufModel random_model(Choices& choices);
// One to three changes of what people change: fields, types, labels, names, numbers, oneofs, enums, defaults, syntax.
ProtobufModel mutated(ProtobufModel model, Choices& choices);
// Sets fields at random.
void fill(google::protobuf::Message& message, Choices& choices, int depth = 0);
// What differs in the fields that both know by number; empty: nothing.
std::string difference(const google::protobuf::Message& written, const google::protobuf::Message& read);

}  // namespace fabric::formats::testing
