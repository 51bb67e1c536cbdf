// Verdicts against what decodes, against flatc's own verdict, and payloads against the FlatBuffers library's own
// verifier.

#include <flatbuffers/idl.h>
#include <flatbuffers/reflection.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fstream>
#include <random>

#include "fabric/formats/formats.hpp"
#include "fabric/json.hpp"
#include "tests/fabric/formats/flatbuffers_model.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::formats::testing {
namespace {

namespace bj = boost::json;

using SchemaPointer = std::shared_ptr<const contract::Schema>;

SchemaPointer parse(const std::string& text) {
  const auto parsed = flatbuffers()->parse(text);
  return parsed ? *parsed : nullptr;
}

Choices any_choices(std::size_t bytes) {
  // All bytes equally likely, from the first case on.
  return Choices(*rc::gen::resize(
      rc::kNominalSize, rc::gen::container<std::vector<std::uint8_t>>(bytes, rc::gen::arbitrary<std::uint8_t>())));
}

// What the writer's JSON says, as far as the reader knows it: the oracle for what it has to decode.
class Known {
 public:
  Known(const FlatModel& reader, const FlatModel& writer) : reader_(reader), writer_(writer) {}

  bj::value table(const bj::value& value, std::size_t index) const {
    bj::object out;
    for (const auto& field : reader_.tables[index]) {
      const auto* found = field.deprecated ? nullptr : value.get_object().if_contains(field.name);
      if (found == nullptr) continue;
      if (field.type == "U" || field.type == "[U]")
        union_field(field, value.get_object().at(field.name + "_type"), *found, out);
      else
        out[field.name] = one(field.type, *found);
    }
    return out;
  }

 private:
  bj::value one(const std::string& type, const bj::value& value) const {
    if (type[0] == 'T') return table(value, static_cast<std::size_t>(type[1] - '0'));
    if (type == "E") return enum_value(value);
    if (type[0] != '[') return value;
    bj::array out;
    for (const auto& element : value.get_array()) out.push_back(one(type.substr(1, type.size() - 2), element));
    return out;
  }

  bj::value enum_value(const bj::value& name) const {
    for (const auto& value : reader_.values)
      if (name == bj::value(value.first)) return name;
    for (const auto& value : writer_.values)
      if (name == bj::value(value.first)) return value.second;
    return name;
  }

  // A member that the reader lacks is a number without a value.
  void union_field(const FlatField& field, const bj::value& type, const bj::value& value, bj::object& out) const {
    const auto known = [&](const bj::value& name) {
      return std::any_of(reader_.members.begin(), reader_.members.end(),
                         [&](const auto& member) { return name == bj::value(member); });
    };
    const auto number = [&](const bj::value& name) {
      const auto at = std::find_if(writer_.members.begin(), writer_.members.end(),
                                   [&](const auto& member) { return name == bj::value(member); });
      return bj::value(at - writer_.members.begin() + 1);
    };
    if (field.type == "U") {
      out[field.name + "_type"] = known(type) ? type : number(type);
      if (known(type)) out[field.name] = one(type.get_string().c_str(), value);
      return;
    }
    bj::array types, values;
    for (std::size_t i = 0; i < type.get_array().size(); ++i) {
      const auto& name = type.get_array()[i];
      types.push_back(known(name) ? name : number(name));
      values.push_back(known(name) ? one(name.get_string().c_str(), value.get_array()[i]) : bj::value());
    }
    out[field.name + "_type"] = types;
    out[field.name] = values;
  }

  const FlatModel &reader_, &writer_;
};

// The library's verifier on reflection, which does not know ours.
bool library_verifies(const std::string& text, std::span<const std::byte> payload) {
  ::flatbuffers::IDLOptions options;
  options.lang_to_generate = ::flatbuffers::IDLOptions::kCpp;
  ::flatbuffers::Parser parser(options);
  if (!parser.Parse(text.c_str())) return false;
  parser.Serialize();
  const auto& schema = *reflection::GetSchema(parser.builder_.GetBufferPointer());
  std::vector<std::uint64_t> aligned((payload.size() + 7) / 8);
  std::memcpy(aligned.data(), payload.data(), payload.size());
  return ::flatbuffers::Verify(schema, *schema.root_table(), reinterpret_cast<const std::uint8_t*>(aligned.data()),
                               payload.size());
}

struct Count {
  int pairs = 0, readable = 0, refused = 0;
};

void check_payload(const FlatModel& readers, const FlatModel& writers, const SchemaPointer& reader,
                   const SchemaPointer& writer, Choices& choices) {
  const auto value = random_flat_json(writers, choices);
  const auto payload = writer->from_json(json::print(value));
  if (!payload && payload.error().message.ends_with("it is required")) return;  // a table that requires itself
  if (!payload) RC_FAIL(payload.error().message);
  RC_ASSERT(library_verifies(writers.text(), *payload));
  RC_ASSERT(json::sorted(*json::parse(*writer->to_json(*payload))) == json::sorted(*json::parse(json::print(value))));
  const auto read = reader->to_json(*payload);
  if (!read) RC_FAIL(read.error().message);
  const auto expected = json::print(json::sorted(*json::parse(json::print(Known(readers, writers).table(value, 0)))));
  RC_ASSERT(json::print(json::sorted(*json::parse(*read))) == expected);
  // The reader sets one of its fields and passes the payload on: nothing else changes for the writer.
  for (const auto& field : readers.tables[0]) {
    if (field.type != "int" || field.deprecated || writers.tables[0].empty()) continue;
    const auto patch = "{\"" + field.name + "\":77}";
    const auto edited = reader->edit(*payload, patch);
    if (!edited) RC_FAIL(edited.error().message);
    RC_ASSERT(library_verifies(writers.text(), *edited));
    const auto known = std::any_of(writers.tables[0].begin(), writers.tables[0].end(),
                                   [&](const auto& theirs) { return theirs.name == field.name && !theirs.deprecated; });
    const auto wanted = known ? json::merge_patch(value, *json::parse(patch)) : value;
    RC_ASSERT(json::print(json::sorted(*json::parse(*writer->to_json(*edited)))) ==
              json::print(json::sorted(*json::parse(json::print(wanted)))));
  }
}

void check_pair(Choices& choices, Count& count) {
  const auto old_model = random_flat_model(choices), new_model = flat_mutated(old_model, choices);
  const bool swap = choices.chance(2);
  const auto &writers = swap ? new_model : old_model, &readers = swap ? old_model : new_model;
  const auto writer = parse(writers.text()), reader = parse(readers.text());
  if (!writer || !reader) {
    ++count.refused;
    return;
  }
  ++count.pairs;
  if (!reader->cannot_read(*writer).empty()) return;
  ++count.readable;
  for (int i = 0; i < 3; ++i) check_payload(readers, writers, reader, writer, choices);
}

TEST(FlatBuffersProperty, WhatIsNotRefusedDecodes) {
  Count count;
  EXPECT_TRUE(rc::check("a reader gets every known value", [&] {
    for (int i = 0; i < 5; ++i) {  // each pair has bytes of its own
      auto choices = any_choices(500);
      check_pair(choices, count);
    }
  }));
  RecordProperty("pairs", count.pairs);
  RecordProperty("readable", count.readable);
  RecordProperty("refused", count.refused);
  EXPECT_GT(count.readable, count.pairs / 10);
  EXPECT_LT(count.readable, count.pairs);
}

// flatc --conform, in its own process: whatever it refuses, we refuse in at least one direction.
TEST(FlatBuffersProperty, FlatcConformIsNeverStricter) {
  const fabric::testing::TempDir directory;
  std::mt19937_64 random(7);
  // flatc compares types that the event has nothing to do with as well; here there are none.
  const auto all_used = [](const FlatModel& model) {
    auto text = model.text();
    return text.replace(text.find("root_type T0;"), 13, "table Root { t : T0; u : U; p : P; e : E; }\nroot_type Root;");
  };
  int agreed = 0, both_refuse = 0, only_we_refuse = 0;
  for (int i = 0; i < 150; ++i) {
    std::vector<std::uint8_t> bytes(200);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    Choices choices(bytes);
    const auto old_model = random_flat_model(choices), new_model = flat_mutated(old_model, choices);
    const auto old_text = all_used(old_model), new_text = all_used(new_model);
    const auto before = parse(old_text), after = parse(new_text);
    if (!before || !after) continue;
    std::ofstream(directory.file("old.fbs")) << old_text;
    std::ofstream(directory.file("new.fbs")) << new_text;
    const auto flatc =
        fabric::testing::run({"/usr/bin/flatc", "--conform", directory.file("old.fbs"), directory.file("new.fbs")});
    const bool ours = after->cannot_read(*before).empty() && before->cannot_read(*after).empty();
    if (flatc.code != 0) {
      EXPECT_FALSE(ours) << flatc.out << flatc.err << "\n" << old_text << "\n" << new_text;
      ++both_refuse;
    } else {
      ++(ours ? agreed : only_we_refuse);
    }
  }
  RecordProperty("both_pass", agreed);
  RecordProperty("both_refuse", both_refuse);
  RecordProperty("only_we_refuse", only_we_refuse);
  EXPECT_GT(agreed, 10);
  EXPECT_GT(both_refuse, 10);
}

}  // namespace
}  // namespace fabric::formats::testing
