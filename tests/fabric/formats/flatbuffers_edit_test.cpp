// Edits of FlatBuffers where they stand: what is left of the payload, what cannot be reached, and binary schemas as
// texts.

#include <flatbuffers/idl.h>
#include <flatbuffers/reflection.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fabric/formats/formats.hpp"
#include "fabric/formats/schema_source.hpp"

namespace fabric::formats {
namespace {

using ::testing::HasSubstr;
using Payload = std::vector<std::byte>;

constexpr char kOld[] = "namespace p; table T { a : int; s : string; n : T; } root_type T;";
constexpr char kNew[] =
    "namespace p; table T { a : int; s : string; n : T; more : string; number : uint; } root_type T;";

std::shared_ptr<const contract::Schema> parse(const std::string& text) {
  auto schema = flatbuffers()->parse(text);
  if (schema) return *schema;
  ADD_FAILURE() << schema.error().message;
  return nullptr;
}

TEST(FlatBuffersEdit, WhatIsThereIsOverwrittenWhereItStands) {
  const auto schema = parse(kNew);
  const auto payload = *schema->from_json(R"({"a":1,"s":"abc","more":"m","number":7})");
  const auto edited = *schema->edit(payload, R"({"a":2,"number":8})");
  EXPECT_EQ(edited.size(), payload.size());
  EXPECT_EQ(*schema->to_json(edited), R"({"a":2,"s":"abc","more":"m","number":8})");
}

TEST(FlatBuffersEdit, WhatWasThereStaysByteForByte) {
  const auto old_one = parse(kOld), new_one = parse(kNew);
  const auto payload = *new_one->from_json(R"({"s":"abc","more":"m","number":7})");
  const auto edited = *old_one->edit(payload, R"({"a":5,"s":null})");
  ASSERT_GT(edited.size(), payload.size());
  std::size_t changed = 0;
  for (std::size_t i = 0; i < payload.size(); ++i) changed += payload[i] != edited[i] ? 1U : 0U;
  EXPECT_LE(changed, 4U) << "only the offset to the vtable";
  EXPECT_EQ(*new_one->to_json(edited), R"({"a":5,"more":"m","number":7})");
}

TEST(FlatBuffersEdit, EditsAddUp) {
  const auto old_one = parse(kOld), new_one = parse(kNew);
  auto payload = *new_one->from_json(R"({"more":"m","n":{"number":3}})");
  for (int i = 0; i < 50; ++i) {
    payload = *old_one->edit(payload, R"({"a":)" + std::to_string(i) + R"(,"n":{"s":"x","a":1}})");
    payload = *old_one->edit(payload, R"({"a":null,"n":{"s":null}})");
  }
  EXPECT_EQ(*new_one->to_json(payload), R"({"n":{"a":1,"number":3},"more":"m"})");
}

TEST(FlatBuffersEdit, AnAddedFieldTooFarAwayIsRefusedOnlyWhenSomethingIsUnknown) {
  const auto old_one = parse(kOld), new_one = parse(kNew);
  const std::string large(70'000, 'x');
  const auto unknown = *new_one->from_json(R"({"s":")" + large + R"(","number":7})");
  const auto refused = old_one->edit(unknown, R"({"a":5})");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ipc::ErrorCode::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("p.T.a would lie more than 65535 bytes behind its table"));
  EXPECT_TRUE(old_one->edit(unknown, R"({"s":"short"})").has_value()) << "what is there can be replaced";
  const auto known = *old_one->from_json(R"({"s":")" + large + R"("})");
  EXPECT_EQ(*old_one->to_json(*old_one->edit(known, R"({"a":5})")), R"({"a":5,"s":")" + large + R"("})");
}

// The library's own builder shares a table; an edit of one place must not show in the other.
TEST(FlatBuffersEdit, SharedTablesAreWrittenAnew) {
  const auto schema = parse("namespace p; table N { x : int; } table T { a : N; b : N; } root_type T;");
  ::flatbuffers::FlatBufferBuilder builder;
  const auto start = builder.StartTable();
  builder.AddElement<std::int32_t>(4, 1, 0);
  const ::flatbuffers::Offset<void> shared(builder.EndTable(start));
  const auto root = builder.StartTable();
  builder.AddOffset(4, shared);
  builder.AddOffset(6, shared);
  builder.Finish(::flatbuffers::Offset<void>(builder.EndTable(root)));
  const auto* data = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  const Payload payload(data, data + builder.GetSize());
  ASSERT_EQ(*schema->to_json(payload), R"({"a":{"x":1},"b":{"x":1}})");
  EXPECT_EQ(*schema->to_json(*schema->edit(payload, R"({"a":{"x":2}})")), R"({"a":{"x":2},"b":{"x":1}})");
}

TEST(FlatBuffersEdit, SharingThatExplodesIsRefused) {
  const auto schema = parse("namespace p; table T { v : [string]; } root_type T;");
  ::flatbuffers::FlatBufferBuilder builder;
  const auto text = builder.CreateString(std::string(100'000, 'x'));
  const auto strings = builder.CreateVector(std::vector<::flatbuffers::Offset<::flatbuffers::String>>(100'000, text));
  const auto root = builder.StartTable();
  builder.AddOffset(4, strings);
  builder.Finish(::flatbuffers::Offset<void>(builder.EndTable(root)));
  const auto* data = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  const auto valid = schema->validate({data, builder.GetSize()});
  ASSERT_FALSE(valid.has_value());
  EXPECT_THAT(valid.error().message, HasSubstr("used too often"));
}

// What flatc's parser makes of a schema and of JSON, as anybody's program would write it.
TEST(FlatBuffersEdit, BinarySchemasAndForeignPayloadsAreRead) {
  ::flatbuffers::IDLOptions options;
  options.lang_to_generate = ::flatbuffers::IDLOptions::kCpp;
  options.strict_json = true;
  ::flatbuffers::Parser parser(options);
  ASSERT_TRUE(parser.Parse(kNew)) << parser.error_;
  ASSERT_TRUE(parser.Parse(R"({"a":1,"s":"abc","n":{"s":"abc","number":9},"more":"m"})")) << parser.error_;
  const auto* data = reinterpret_cast<const std::byte*>(parser.builder_.GetBufferPointer());
  const Payload payload(data, data + parser.builder_.GetSize());
  ::flatbuffers::Parser again(options);
  ASSERT_TRUE(again.Parse(kNew));
  again.Serialize();
  const std::string binary(reinterpret_cast<const char*>(again.builder_.GetBufferPointer()), again.builder_.GetSize());
  const auto from_text = parse(kNew), from_binary = parse(binary), from_base64 = parse(to_base64(as_bytes(binary)));
  EXPECT_EQ(from_binary->canonical(), from_text->canonical());
  EXPECT_EQ(from_base64->canonical(), from_text->canonical());
  EXPECT_EQ(*from_binary->to_json(payload), R"({"a":1,"s":"abc","n":{"s":"abc","number":9},"more":"m"})");
  // Edited by us, read by the library.
  const auto edited = *parse(kOld)->edit(payload, R"({"s":"longer than before","n":{"a":3}})");
  const auto& schema = *reflection::GetSchema(binary.data());
  EXPECT_TRUE(::flatbuffers::Verify(schema, *schema.root_table(), reinterpret_cast<const std::uint8_t*>(edited.data()),
                                    edited.size()));
  ::flatbuffers::Parser printer(options);
  ASSERT_TRUE(printer.Parse(kNew));
  std::string text;
  printer.opts.indent_step = -1;
  ASSERT_TRUE(::flatbuffers::GenerateText(printer, edited.data(), &text));
  EXPECT_EQ(text, R"({"a": 1,"s": "longer than before","n": {"a": 3,"s": "abc","number": 9},"more": "m"})");
}

}  // namespace
}  // namespace fabric::formats
