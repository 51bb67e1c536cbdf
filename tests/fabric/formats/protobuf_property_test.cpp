// Verdicts against what decodes: when a reader has nothing against a writer's schema, it gets every known value of
// every payload, from the bytes and from JSON, and passes on what it does not know.

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <google/protobuf/util/type_resolver_util.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "fabric/formats/formats.hpp"
#include "fabric/formats/protobuf_descriptors.hpp"
#include "tests/fabric/formats/protobuf_model.hpp"

namespace fabric::formats::testing {
namespace {

namespace pb = google::protobuf;

// A schema as the library has it, and what the Protobuf library itself makes of its text.
struct Side {
  std::shared_ptr<const contract::Schema> schema;
  ProtobufDescriptors descriptors;
  std::unique_ptr<pb::DynamicMessageFactory> factory;

  std::unique_ptr<pb::Message> message() const {
    return std::unique_ptr<pb::Message>(factory->GetPrototype(descriptors.message)->New());
  }
};

// No schema: the text is refused, as mutations may be.
Side side(const std::string& text) {
  Side out;
  const auto parsed = protobuf()->parse(text);
  if (!parsed) return out;
  out.schema = *parsed;
  out.descriptors = *read_protobuf_schema(text);
  out.factory = std::make_unique<pb::DynamicMessageFactory>(out.descriptors.pool.get());
  return out;
}

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

bool knows_all_values(const ProtobufModel& reader, const ProtobufModel& writer) {
  for (std::size_t i = 0; i < writer.enums.size(); ++i)
    for (const auto& value : writer.enums[i])
      if (std::find(reader.enums[i].begin(), reader.enums[i].end(), value) == reader.enums[i].end()) return false;
  return true;
}

// What the reader's JSON mapping makes of the writer's JSON.
std::unique_ptr<pb::Message> through_json(const Side& reader, const Side& writer, const std::string& payload) {
  const auto json = writer.schema->to_json(as_bytes(payload));
  RC_ASSERT(json.has_value());
  const std::unique_ptr<pb::util::TypeResolver> resolver(
      pb::util::NewTypeResolverForDescriptorPool("type.googleapis.com", reader.descriptors.pool.get()));
  pb::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  std::string bytes;
  const auto status = pb::util::JsonToBinaryString(resolver.get(), "type.googleapis.com/p.M0", *json, &bytes, options);
  if (!status.ok()) RC_FAIL(std::string(status.message()) + " in " + *json);
  auto message = reader.message();
  RC_ASSERT(message->ParsePartialFromString(bytes));
  return message;
}

struct Count {
  int pairs = 0, readable = 0, refused = 0;
};

void check_pair(Choices& choices, Count& count) {
  const auto old_model = random_model(choices);
  const auto new_model = mutated(old_model, choices);
  const bool swap = choices.chance(2);
  const auto &writers = swap ? new_model : old_model, &readers = swap ? old_model : new_model;
  const auto writer = side(writers.text()), reader = side(readers.text());
  if (!writer.schema || !reader.schema) {
    ++count.refused;
    return;
  }
  ++count.pairs;
  if (!reader.schema->cannot_read(*writer.schema).empty()) return;
  ++count.readable;
  for (int payloads = 0; payloads < 4; ++payloads) {
    const auto written = writer.message();
    fill(*written, choices);
    if (!written->IsInitialized()) continue;
    const auto payload = written->SerializeAsString();
    const auto read = reader.message();
    RC_ASSERT(read->ParsePartialFromString(payload));
    RC_ASSERT(difference(*written, *read) == "");
    const auto valid = reader.schema->validate(as_bytes(payload));
    if (!valid) RC_FAIL(valid.error().message);
    if (knows_all_values(readers, writers))
      RC_ASSERT(difference(*written, *through_json(reader, writer, payload)) == "");
    const auto passed_on = reader.schema->edit(as_bytes(payload), "{}");
    RC_ASSERT(passed_on.has_value());
    const auto again = writer.message();
    RC_ASSERT(again->ParseFromArray(passed_on->data(), static_cast<int>(passed_on->size())));
    if (!pb::util::MessageDifferencer::Equals(*written, *again))
      RC_FAIL(written->DebugString() + "passed on as\n" + again->DebugString());
  }
}

TEST(ProtobufProperty, WhatIsNotRefusedDecodes) {
  Count count;
  EXPECT_TRUE(rc::check("a reader gets every known value", [&] {
    // Each pair has bytes of its own, all equally likely from the first case on.
    for (int i = 0; i < 6; ++i) {
      Choices choices(*rc::gen::resize(
          rc::kNominalSize, rc::gen::container<std::vector<std::uint8_t>>(600, rc::gen::arbitrary<std::uint8_t>())));
      check_pair(choices, count);
    }
  }));
  // Neither verdict is the only one that comes up.
  RecordProperty("pairs", count.pairs);
  RecordProperty("readable", count.readable);
  RecordProperty("refused", count.refused);
  EXPECT_GT(count.readable, count.pairs / 10);
  EXPECT_LT(count.readable, count.pairs);
}

TEST(ProtobufProperty, CanonicalTextSaysTheSame) {
  EXPECT_TRUE(rc::check("canonical text is a schema that reads and is read", [] {
    Choices choices(*rc::gen::container<std::vector<std::uint8_t>>(200, rc::gen::arbitrary<std::uint8_t>()));
    auto model = random_model(choices);
    const auto parsed = side(model.text());
    for (auto& fields : model.messages) std::reverse(fields.begin(), fields.end());
    std::reverse(model.messages.begin(), model.messages.end());
    RC_PRE(parsed.schema != nullptr);
    const auto again = side(parsed.schema->canonical());
    RC_ASSERT(again.schema != nullptr);
    RC_ASSERT(again.schema->canonical() == parsed.schema->canonical());
    RC_ASSERT(again.schema->canonical().find("syntax") != std::string::npos);
    RC_ASSERT(again.schema->cannot_read(*parsed.schema).empty());
    RC_ASSERT(parsed.schema->cannot_read(*again.schema).empty());
  }));
}

}  // namespace
}  // namespace fabric::formats::testing
