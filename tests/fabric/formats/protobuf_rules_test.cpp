// The compatibility rules of Protobuf as facts: what Buf's rules of the same names say, and where one question ("does
// this reader get every value of that writer?") answers otherwise.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fabric/contract/compatibility.hpp"
#include "fabric/formats/formats.hpp"
#include "fabric/formats/protobuf.hpp"

namespace fabric::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const contract::Schema> parse(const std::string& text) {
  auto schema = protobuf()->parse(text);
  if (schema) return *schema;
  ADD_FAILURE() << schema.error().message << "\n" << text;
  return nullptr;
}

// Of a proto3 or proto2 message p.M with these fields; what else is given stands in the same file.
std::string proto3(const std::string& fields, const std::string& more = "") {
  return "syntax = \"proto3\"; package p; message M { " + fields + " } " + more;
}
std::string proto2(const std::string& fields, const std::string& more = "") {
  return "syntax = \"proto2\"; package p; message M { " + fields + " } " + more;
}

std::vector<std::string> listed(const std::vector<contract::Violation>& violations) {
  std::vector<std::string> out;
  for (const auto& violation : violations) out.push_back(violation.path + " " + violation.rule);
  return out;
}

// "path rule" of each violation, when `reader` reads what `writer` wrote.
std::vector<std::string> against(const std::string& reader, const std::string& writer) {
  const auto ours = parse(reader), theirs = parse(writer);
  if (!ours || !theirs) return {"no schema"};
  return listed(ours->cannot_read(*theirs));
}

std::vector<std::string> breaking(const std::string& older, const std::string& newer) {
  const auto before = parse(older), after = parse(newer);
  if (!before || !after) return {"no schema"};
  return listed(breaking_changes(*before, *after));
}

constexpr const char* kTypes[] = {"int32",  "int64",  "uint32",  "uint64",   "bool",    "E",
                                  "sint32", "sint64", "fixed32", "sfixed32", "fixed64", "sfixed64",
                                  "float",  "double", "string",  "bytes",    "N"};

char verdict(const std::string& reader, const std::string& writer) {
  const std::string more = "enum E { A = 0; } message N { int32 x = 1; }";
  const auto found = against(proto3(reader + " f = 1; N n = 2;", more), proto3(writer + " f = 1; N n = 2;", more));
  if (found.empty()) return '.';
  if (found == std::vector<std::string>{"p.M.f json-type-changed"}) return 'j';
  if (found == std::vector<std::string>{"p.M.f type-narrowed"}) return 'n';
  return found == std::vector<std::string>{"p.M.f type-changed"} ? 'x' : '?';
}

// Rows are the writer's type, columns the reader's, both in the order of kTypes. '.' fine, 'j' other JSON only, 'n'
// narrowed, 'x' changed. Buf's wire groups are the blocks; within them it lets everything pass, here only what keeps
// every value does.
constexpr char kTable[] =
    "..nnnjxxxxxxxxxxx\n"
    "n.nnnnxxxxxxxxxxx\n"
    "n...nnxxxxxxxxxxx\n"
    "nnn.nnxxxxxxxxxxx\n"
    "jjjj.jxxxxxxxxxxx\n"
    "jjnnn.xxxxxxxxxxx\n"
    "xxxxxx..xxxxxxxxx\n"
    "xxxxxxn.xxxxxxxxx\n"
    "xxxxxxxx.nxxxxxxx\n"
    "xxxxxxxxn.xxxxxxx\n"
    "xxxxxxxxxx.nxxxxx\n"
    "xxxxxxxxxxn.xxxxx\n"
    "xxxxxxxxxxxx.xxxx\n"
    "xxxxxxxxxxxxx.xxx\n"
    "xxxxxxxxxxxxxx.jx\n"
    "xxxxxxxxxxxxxxn.x\n"
    "xxxxxxxxxxxxxxxj.\n";

TEST(ProtobufRules, TypesByTable) {
  std::string table;
  for (const auto* writer : kTypes) {
    for (const auto* reader : kTypes) table += verdict(reader, writer);
    table += '\n';
  }
  EXPECT_EQ(table, kTable);
}

struct Fact {
  const char* what;
  std::string reader, writer;
  std::vector<std::string> reads, is_read{};  // against reader reading writer's data; against writer reading reader's
};

const std::string kE3 = "enum E { A = 0; B = 1; }", kE2 = "enum E { B = 1; A = 0; }";

const std::vector<Fact> kFacts = {
    {"FIELD_NO_DELETE: unknown to the reader, or not written",
     proto3("int32 a = 1;"),
     proto3("int32 a = 1; N n = 2;", "message N {}"),
     {}},
    {"FIELD_SAME_NAME",
     proto3("int32 a = 1;"),
     proto3("int32 b = 1;"),
     {"p.M.a field-renamed"},
     {"p.M.b field-renamed"}},
    {"FIELD_SAME_JSON_NAME",
     proto3("int32 a = 1;"),
     proto3("int32 a = 1 [json_name = \"x\"];"),
     {"p.M.a json-name-changed"},
     {"p.M.a json-name-changed"}},
    {"names of a derived and a spelled JSON name are the same",
     proto3("int32 a_b = 1;"),
     proto3("int32 a_b = 1 [json_name = \"aB\"];"),
     {}},
    {"a field that moved to another number",
     proto3("int32 a = 1;"),
     proto3("int32 a = 2;"),
     {"p.M.a field-renumbered"},
     {"p.M.a field-renumbered"}},
    {"two fields that changed places",
     proto3("int32 a = 1; int32 b = 2;"),
     proto3("int32 b = 1; int32 a = 2;"),
     {"p.M.a field-renumbered", "p.M.a field-renamed", "p.M.b field-renumbered", "p.M.b field-renamed"},
     {"p.M.a field-renumbered", "p.M.a field-renamed", "p.M.b field-renumbered", "p.M.b field-renamed"}},
    {"a number that is used for something else",
     proto3("int32 a = 1;"),
     proto3("string b = 1;"),
     {"p.M.a number-reused"},
     {"p.M.b number-reused"}},
    {"FIELD_SAME_CARDINALITY",
     proto3("int32 a = 1;"),
     proto3("repeated int32 a = 1;"),
     {"p.M.a cardinality-changed"},
     {"p.M.a cardinality-changed"}},
    {"a map is a repeated message, but not in JSON",
     proto3("map<string, int32> a = 1;"),
     proto3("repeated X a = 1;", "message X { string key = 1; int32 value = 2; }"),
     {"p.M.a cardinality-changed"},
     {"p.M.a cardinality-changed"}},
    {"values of maps",
     proto3("map<string, int64> a = 1;"),
     proto3("map<string, int32> a = 1;"),
     {},
     {"p.M.AEntry.value type-narrowed"}},
    {"keys of maps",
     proto3("map<string, int32> a = 1;"),
     proto3("map<int32, int32> a = 1;"),
     {"p.M.AEntry.key type-changed"},
     {"p.M.AEntry.key type-changed"}},
    {"packed or not", proto3("repeated int32 a = 1;"), proto3("repeated int32 a = 1 [packed = false];"), {}},
    {"presence or not", proto3("int32 a = 1;"), proto3("optional int32 a = 1;"), {}},
    {"syntax alone", proto2("optional int32 a = 1;"), proto3("int32 a = 1;"), {}},
    {"MESSAGE_SAME_REQUIRED_FIELDS: added", proto2("required int32 a = 1;"), proto2(""), {"p.M.a required-added"}},
    {"MESSAGE_SAME_REQUIRED_FIELDS: from optional",
     proto2("required int32 a = 1;"),
     proto2("optional int32 a = 1;"),
     {"p.M.a required-added"}},
    {"required, in a nested message",
     proto2("optional N n = 1;", "message N { required int32 a = 1; }"),
     proto2("optional N n = 1;", "message N {}"),
     {"p.N.a required-added"}},
    {"FIELD_SAME_DEFAULT",
     proto2("optional int32 a = 1 [default = 5];"),
     proto2("optional int32 a = 1;"),
     {"p.M.a default-changed"},
     {"p.M.a default-changed"}},
    {"a default that was spelled out",
     proto2("optional float a = 1 [default = 0.0];"),
     proto2("optional float a = 1;"),
     {}},
    {"the default does not matter to what is always written",
     proto2("optional int32 a = 1 [default = 5];"),
     proto2("required int32 a = 1;"),
     {},
     {"p.M.a required-added", "p.M.a default-changed"}},
    {"the first value of an enum is a default",
     proto2("optional E a = 1;", kE2),
     proto2("optional E a = 1;", "enum E { A = 0; B = 1; }"),
     {"p.M.a default-changed"},
     {"p.M.a default-changed"}},
    {"FIELD_SAME_ONEOF: into one",
     proto3("oneof o { int32 a = 1; int32 b = 2; }"),
     proto3("int32 a = 1; int32 b = 2;"),
     {"p.M.b oneof-changed"}},
    {"one field alone moves into a oneof",
     proto3("oneof o { int32 a = 1; int32 c = 3; } int32 b = 2;"),
     proto3("int32 a = 1; int32 b = 2;"),
     {}},
    {"two oneofs become one",
     proto3("oneof o { int32 a = 1; int32 b = 2; }"),
     proto3("oneof o { int32 a = 1; } oneof q { int32 b = 2; }"),
     {"p.M.b oneof-changed"}},
    {"a oneof is renamed",
     proto3("oneof o { int32 a = 1; int32 b = 2; }"),
     proto3("oneof q { int32 a = 1; int32 b = 2; }"),
     {}},
    {"ENUM_VALUE_NO_DELETE: open", proto3("E a = 1;", "enum E { A = 0; }"), proto3("E a = 1;", kE3), {}},
    {"ENUM_VALUE_NO_DELETE: closed",
     proto2("optional E a = 1;", "enum E { A = 0; }"),
     proto2("optional E a = 1;", "enum E { A = 0; B = 1; }"),
     {"p.E.B enum-value-unknown"}},
    {"ENUM_VALUE_SAME_NAME",
     proto3("E a = 1;", "enum E { A = 0; B = 1; }"),
     proto3("E a = 1;", "enum E { A = 0; C = 1; }"),
     {"p.E.B enum-value-renamed"},
     {"p.E.C enum-value-renamed"}},
    {"an alias keeps the name",
     proto3("E a = 1;", "enum E { option allow_alias = true; A = 0; C = 1; B = 1; }"),
     proto3("E a = 1;", kE3),
     {},
     {"p.E.B enum-value-renamed"}},
    {"values that changed numbers",
     proto3("E a = 1;", "enum E { A = 0; B = 1; }"),
     proto3("E a = 1;", "enum E { A = 0; B = 2; }"),
     {"p.E.B enum-value-renumbered"},
     {"p.E.B enum-value-renumbered"}},
    {"ENUM_SAME_TYPE",
     proto2("optional E a = 1;", "enum E { A = 0; B = 1; }"),
     proto3("E a = 1;", kE3),
     {"p.E enum-closed"}},
    {"a message of another name but the same structure",
     proto3("N n = 1;", "message N { int32 a = 1; }"),
     proto3("O n = 1;", "message O { int32 a = 1; string b = 2; }"),
     {}},
    {"through a message that holds itself",
     proto3("N n = 1;", "message N { N n = 1; int32 a = 2; }"),
     proto3("N n = 1;", "message N { N n = 1; string a = 2; }"),
     {"p.N.a type-changed"},
     {"p.N.a type-changed"}},
    {"FILE_SAME_PACKAGE",
     "syntax = \"proto3\"; package q; message M {}",
     proto3(""),
     {"q.M message-renamed"},
     {"p.M message-renamed"}},
    {"reserved numbers alone", proto3("reserved 5; reserved \"x\";"), proto3("int32 x = 5;"), {}},
    {"extensions are fields",
     proto2("extensions 100 to 199;", "extend M { optional int32 x = 100; }"),
     proto2("extensions 100 to 199;", "extend M { optional string x = 100; }"),
     {"p.x type-changed"},
     {"p.x type-changed"}},
};

TEST(ProtobufRules, Facts) {
  for (const auto& fact : kFacts) {
    EXPECT_EQ(against(fact.reader, fact.writer), fact.reads) << fact.what;
    EXPECT_EQ(against(fact.writer, fact.reader), fact.is_read) << fact.what << " (the other way round)";
  }
}

TEST(ProtobufRules, WellKnownTypesHaveJsonOfTheirOwn) {
  const std::string stamp =
      "syntax = \"proto3\"; package p; import \"google/protobuf/timestamp.proto\"; message M { "
      "google.protobuf.Timestamp t = 1; }";
  EXPECT_THAT(against(stamp, proto3("T t = 1;", "message T { int64 seconds = 1; int32 nanos = 2; }")),
              ElementsAre("p.M.t type-changed"));
  EXPECT_THAT(against(stamp, stamp), IsEmpty());
}

TEST(ProtobufRules, AMessageSaysWhatBothSidesHave) {
  const auto reader = parse(proto3("int32 a = 1;")), writer = parse(proto3("int64 a = 1;"));
  const auto found = reader->cannot_read(*writer);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].message,
            "field p.M.a: it is int64 to the writer and int32 to the reader, which cannot hold all of its values");
}

TEST(ProtobufRules, ModesSayWhoReadsWhom) {
  const auto v1 = parse(proto3("int32 a = 1;")), v2 = parse(proto3("int64 a = 1;"));
  EXPECT_THAT(contract::incompatibilities(*v2, {{1, v1}}, contract::Mode::backward), IsEmpty());
  const auto forward = contract::incompatibilities(*v2, {{1, v1}}, contract::Mode::forward);
  ASSERT_EQ(forward.size(), 1U);
  EXPECT_EQ(forward[0].version, 1U);
  EXPECT_FALSE(forward[0].new_reads_old);
  EXPECT_EQ(forward[0].violation.rule, "type-narrowed");
}

// Rules that need to know which one is older.
TEST(ProtobufRules, BreakingChanges) {
  struct Step {
    std::string older, newer;
    std::vector<std::string> found;
  };
  const std::vector<Step> steps = {
      {proto3("int32 a = 1; int32 b = 2;"), proto3("int32 a = 1;"), {"p.M.b field-removed"}},
      {proto3("int32 a = 1; int32 b = 2;"), proto3("int32 a = 1; reserved 2;"), {"p.M.b field-name-unreserved"}},
      {proto3("int32 a = 1; int32 b = 2;"), proto3("int32 a = 1; reserved 2; reserved \"b\";"), {}},
      {proto3("int32 a = 1; reserved 2;"), proto3("int32 a = 1; int32 b = 2;"), {"p.M.b reserved-reused"}},
      {proto3("int32 a = 1; reserved \"b\";"), proto3("int32 a = 1; int32 b = 2;"), {"p.M.b reserved-reused"}},
      {proto3("reserved 2 to 9; reserved \"x\", \"y\";"),
       proto3("reserved 2 to 4, 6 to 9; reserved \"y\";"),
       {"p.M reserved-removed", "p.M reserved-removed"}},
      {proto3("reserved 5 to max;"), proto3("reserved 2 to max;"), {}},
      {proto3("N n = 1;", "message N {}"), proto3("reserved 1; reserved \"n\";"), {"p.N message-removed"}},
      {proto3("oneof o { int32 a = 1; }"),
       proto3("int32 a = 1;"),
       {"p.M.a field-oneof-changed", "p.M.o oneof-removed"}},
      {proto3("optional int32 a = 1;"), proto3("int32 a = 1;"), {"p.M.a presence-changed"}},
      {proto3("E a = 1;", kE3), proto3("E a = 1;", "enum E { A = 0; }"), {"p.E.B enum-value-removed"}},
      {proto3("E a = 1;", kE3), proto3("E a = 1;", "enum E { A = 0; reserved 1; }"), {}},
      {proto3("E a = 1;", "enum E { A = 0; reserved 1; }"), proto3("E a = 1;", kE3), {"p.E.B reserved-reused"}},
      {proto3("E a = 1;", kE3), proto3("int32 a = 1;"), {"p.E enum-removed"}},
      {proto2("optional int32 a = 1;"), proto3("optional int32 a = 1;"), {"event.proto syntax-changed"}},
      {proto3("int32 a = 1;"), proto3("int32 a = 1; int32 b = 2;"), {}},
  };
  for (const auto& step : steps)
    EXPECT_EQ(breaking(step.older, step.newer), step.found) << step.older << "\n" << step.newer;
}

}  // namespace
}  // namespace fabric::formats
