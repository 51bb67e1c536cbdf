// Texts that are Protobuf schemas: descriptor sets of one and of several files, and the message that is the event;
// payloads of other writers.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <thread>

#include "fabric/formats/formats.hpp"
#include "fabric/formats/schema_source.hpp"

namespace fabric::formats {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace pb = google::protobuf;

std::shared_ptr<const contract::Schema> parse(const std::string& text) {
  auto schema = protobuf()->parse(text);
  if (schema) return *schema;
  ADD_FAILURE() << schema.error().message;
  return nullptr;
}

void add_field(pb::DescriptorProto& message, const std::string& name, int number, pb::FieldDescriptorProto::Type type,
               const std::string& type_name = "") {
  auto& field = *message.add_field();
  field.set_name(name);
  field.set_number(number);
  field.set_type(type);
  field.set_label(pb::FieldDescriptorProto::LABEL_OPTIONAL);
  if (!type_name.empty()) field.set_type_name(type_name);
}

// What protoc --include_imports --descriptor_set_out would write: money.proto, then order.proto, which imports it.
pb::FileDescriptorSet two_files() {
  pb::FileDescriptorSet set;
  auto& money = *set.add_file();
  money.set_name("money.proto");
  money.set_package("money");
  money.set_syntax("proto3");
  money.add_message_type()->set_name("Money");
  add_field(*money.mutable_message_type(0), "cents", 1, pb::FieldDescriptorProto::TYPE_INT64);
  auto& order = *set.add_file();
  order.set_name("order.proto");
  order.set_package("sales");
  order.set_syntax("proto3");
  order.add_dependency("money.proto");
  order.add_message_type()->set_name("Order");
  add_field(*order.mutable_message_type(0), "price", 1, pb::FieldDescriptorProto::TYPE_MESSAGE, ".money.Money");
  return set;
}

TEST(ProtobufSource, DescriptorSetsOfSeveralFiles) {
  const auto bytes = two_files().SerializeAsString();
  const auto binary = parse(bytes), text = parse(to_base64(as_bytes(bytes)));
  ASSERT_TRUE(binary && text);
  EXPECT_EQ(binary->name(), "sales.Order");
  EXPECT_EQ(binary->canonical(), text->canonical());
  EXPECT_THAT(binary->canonical(), StartsWith("// eventfabric:message=sales.Order\n"));
  EXPECT_EQ(parse(binary->canonical())->canonical(), binary->canonical());
  EXPECT_EQ(*binary->to_json(*binary->from_json(R"({"price":{"cents":"5"}})")), R"({"price":{"cents":"5"}})");
  EXPECT_EQ(parse("// eventfabric:message=money.Money\n" + to_base64(as_bytes(bytes)))->name(), "money.Money");
}

TEST(ProtobufSource, ASetOfOneFileIsTheSourceItCameFrom) {
  pb::FileDescriptorSet set;
  *set.add_file() = two_files().file(0);
  set.mutable_file(0)->mutable_message_type(0)->mutable_field(0)->set_json_name("cents");  // protoc always says it
  EXPECT_EQ(parse(set.SerializeAsString())->canonical(),
            parse("syntax = \"proto3\"; package money; message Money { int64 cents = 1; }")->canonical());
}

TEST(ProtobufSource, ASetWithoutItsImportsIsRefused) {
  auto set = two_files();
  set.mutable_file()->DeleteSubrange(0, 1);
  const auto refused = protobuf()->parse(set.SerializeAsString());
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("import \"money.proto\" is not in the descriptor set"));
  set = two_files();
  set.mutable_file(0)->add_dependency("order.proto");
  EXPECT_THAT(protobuf()->parse(set.SerializeAsString()).error().message, HasSubstr("imports itself"));
}

TEST(ProtobufSource, TheMessageThatNoOtherOneRefersToIsTheEvent) {
  EXPECT_EQ(parse("syntax = \"proto3\"; message A {} message B { A a = 1; B b = 2; }")->name(), "B");
  EXPECT_EQ(parse("// eventfabric:message=A\nsyntax = \"proto3\"; message A {} message B { A a = 1; }")->name(), "A");
  EXPECT_EQ(parse("// eventfabric:message=A.N\nsyntax = \"proto3\"; message A { message N {} }")->name(), "A.N");
}

TEST(ProtobufSource, FieldsOfAOneofStayTogether) {
  const auto schema = parse("syntax = \"proto3\"; message A { oneof o { int32 a = 1; int32 c = 3; } int32 b = 2; }");
  EXPECT_EQ(parse(schema->canonical())->canonical(), schema->canonical());
  EXPECT_THAT(schema->canonical(), HasSubstr("oneof o {\n    int32 a = 1;\n    int32 c = 3;\n  }\n  int32 b = 2;"));
}

TEST(ProtobufSource, ATimestampOutOfRangeIsNotValid) {
  const auto schema = parse(
      "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message A { google.protobuf.Timestamp t = 1; "
      "}");
  const auto plain = parse("syntax = \"proto3\"; message A { T t = 1; message T { int64 seconds = 1; } }");
  const auto payload = *plain->from_json(R"({"t":{"seconds":"9000000000000"}})");
  const auto valid = schema->validate(payload);
  ASSERT_FALSE(valid.has_value());
  EXPECT_EQ(valid.error().code, ipc::ErrorCode::corrupt);
}

TEST(ProtobufSource, SchemasAreThreadSafe) {
  const auto schema = parse("syntax = \"proto3\"; message A { string s = 1; A a = 2; map<string, A> m = 3; }");
  const std::string json = R"({"s":"x","a":{"s":"y"},"m":{"k":{"s":"z"}}})";
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        const auto payload = schema->from_json(json);
        EXPECT_EQ(*schema->to_json(*schema->edit(*payload, "{}")), json);
      }
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace fabric::formats
