// Protobuf in the conformance suite of schema formats.

#include "fabric/formats/formats.hpp"
#include "tests/fabric/contract/conformance.hpp"

namespace fabric::contract::testing {
namespace {

constexpr char kOrder[] = R"(syntax = "proto3";
package sales;
import "google/protobuf/timestamp.proto";
// An order.
message Order {
  string id = 1;
  int64 amount_cents = 2;
  repeated Line lines = 3;
  Status status = 4;
  google.protobuf.Timestamp placed_at = 5;
  map<string, string> labels = 6;
  optional bool gift = 7;
  oneof payment { string card = 8; Voucher voucher = 9; }
  bytes signature = 10;
  double weight = 11;
  message Voucher { string code = 1; }
}
message Line { string sku = 1; uint32 count = 2; }
enum Status { NEW = 0; PAID = 1; }
)";
constexpr char kOrderJson[] =
    R"({"id":"o-1","amount_cents":"1250","lines":[{"sku":"a","count":2},{"sku":"ä"}],"status":"PAID",)"
    R"("placed_at":"2026-01-02T03:04:05.006Z","labels":{"a":"1","b":"2"},"gift":false,"voucher":{"code":"x"},)"
    R"("signature":"AAEC","weight":0.5})";

constexpr char kProto2[] = R"(syntax = "proto2";
package p;
message Reading {
  required int32 sensor = 1;
  optional double value = 2 [default = 1.5];
  optional Unit unit = 3 [default = METRE];
  enum Unit { FOOT = 2; METRE = 1; }
  repeated sint32 steps = 5 [packed = true];
  extensions 100 to 199;
  reserved 6, 7 to 9;
  reserved "old";
}
extend Reading { optional string note = 100; }
)";

constexpr char kMinimal[] = R"(syntax = "proto3"; message A { string a = 1; })";

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

// proto3 messages M with these fields.
std::string m(const std::string& fields) { return "syntax = \"proto3\"; package p; message M { " + fields + " }"; }
std::string m2(const std::string& fields) { return "syntax = \"proto2\"; package p; message M { " + fields + " }"; }

std::vector<Change> changes() {
  return {
      {.name = "field added",
       .old_schema = m("string a = 1;"),
       .new_schema = m("string a = 1; int32 b = 2;"),
       .old_json = R"({"a":"x"})",
       .new_json = R"({"a":"x","b":7})"},
      {.name = "integer widened",
       .old_schema = m("int32 a = 1;"),
       .new_schema = m("int64 a = 1;"),
       .old_reads_new = {"type-narrowed"},
       .old_json = R"({"a":-5})"},
      {.name = "type changed",
       .old_schema = m("int32 a = 1;"),
       .new_schema = m("string a = 1;"),
       .new_reads_old = {"type-changed"},
       .old_reads_new = {"type-changed"}},
      {.name = "field renamed",
       .old_schema = m("int32 a = 1;"),
       .new_schema = m("int32 b = 1;"),
       .new_reads_old = {"field-renamed"},
       .old_reads_new = {"field-renamed"}},
      {.name = "number reused",
       .old_schema = m("int32 a = 1;"),
       .new_schema = m("string b = 1;"),
       .new_reads_old = {"number-reused"},
       .old_reads_new = {"number-reused"}},
      {.name = "required added",
       .old_schema = m2("optional int32 a = 1;"),
       .new_schema = m2("optional int32 a = 1; required int32 b = 2;"),
       .new_reads_old = {"required-added"},
       .new_json = R"({"a":1,"b":2})"},
      {.name = "into a oneof",
       .old_schema = m("int32 a = 1; int32 b = 2;"),
       .new_schema = m("oneof o { int32 a = 1; int32 b = 2; }"),
       .new_reads_old = {"oneof-changed"},
       .new_json = R"({"b":2})"},
  };
}

Conformance protobuf() {
  return {
      .format = formats::protobuf(),
      .samples = {{"order", kOrder, kOrderJson},
                  {"proto2", kProto2, R"({"sensor":7,"value":2.5,"unit":"FOOT","steps":[-1,0,1]})"},
                  {"minimal", kMinimal, R"({"a":"x"})"},
                  {"empty", kMinimal, "{}"}},
      .changes = changes(),
      .round_trips = {{.name = "a field, at every level",
                       .old_schema = m("string a = 1; N n = 2; map<int32, N> by = 3;") + "message N { int32 x = 1; }",
                       .new_schema = m("string a = 1; N n = 2; map<int32, N> by = 3; string b = 9;") +
                                     "message N { int32 x = 1; N more = 2; }",
                       .new_json =
                           R"({"a":"x","n":{"x":1,"more":{"x":2}},"by":{"1":{"x":3,"more":{"x":4}}},"b":"kept"})",
                       .patch = R"({"a":null,"n":{"x":5},"by":{"1":{"x":6},"2":{"x":7}}})",
                       .expected_json =
                           R"({"n":{"x":5,"more":{"x":2}},"by":{"1":{"x":6,"more":{"x":4}},"2":{"x":7}},"b":"kept"})"},
                      {.name = "a value that a closed enum does not know is replaced",
                       .old_schema = m2("optional E e = 1; repeated E es = 2;") + "enum E { A = 0; }",
                       .new_schema = m2("optional E e = 1; repeated E es = 2;") + "enum E { A = 0; B = 1; }",
                       .new_json = R"({"e":"B","es":["B"]})",
                       .patch = R"({"e":"A"})",
                       .expected_json = R"({"e":"A","es":["B"]})"}},
      .spellings = {{"syntax='proto3';message A{string a=1;}", kMinimal},
                    {"// a comment\n" + m("int32 b = 2; int32 a = 1;"),
                     m("int32 a = 1;\n\n int32 b = 2 [json_name = \"b\"];")},
                    {"message A { optional int32 a = 1; }",
                     R"(syntax = "proto2"; message A { optional int32 a = 1; })"},
                    {m("N n = 1; message N {} message B { N n = 1; }"),
                     m("message B { p.M.N n = 1; } message N {} .p.M.N n = 1;")}},
      .bad_schemas = {{"", "empty"},
                      {"syntax = \"proto3\";\nmessage A {\n  strin a = 1;\n}", "line 3, column 3: "},
                      {"syntax = \"proto3\";\nmessage A { string a = 0; }", "line 2, column 24: "},
                      {"message A { optional int32 a = 1", "line 1, column 33: "},
                      {"syntax = \"proto3\";\nimport \"other.proto\"; message A {}",
                       "line 2, column 1: import \"other.proto\""},
                      {"syntax = \"proto3\"; message A {} message B {}", "which message is the event? There are A, B"},
                      {"// eventfabric:message=C\nsyntax = \"proto3\"; message A {}", "there is no message C"},
                      {"syntax = \"proto3\"; enum E { A = 0; }", "there is no message"},
                      {"syntax = \"proto3\"; package google.protobuf; message A {}", "reserved"},
                      {"message A { optional group B = 1 {} }", "A.b: groups are not supported"},
                      {"CgNhYmM=", "FileDescriptorSet"}},
      .bad_json = {{kMinimal, "{", "line 1, column 2"},
                   {kMinimal, R"({"b":1})", "b"},
                   {kMinimal, R"({"a":1,"a":2})", "twice"},
                   {kMinimal, R"({"a":[]})", "a"},
                   {kMinimal, "[]", "no object"},
                   {kOrder, R"({"status":"LOST"})", "status"},
                   {kOrder, R"({"placed_at":"yesterday"})", "placed_at"},
                   {kProto2, R"({"value":1})", "sensor"}},
      .bad_payloads = {{"truncated", kMinimal, bytes({0x0a, 5, 'x'}), "byte 0: A.a: its length goes beyond the end"},
                       {"not UTF-8", kMinimal, bytes({0x0a, 1, 0xff}), "byte 0: A.a: the string is not UTF-8"},
                       {"no tag", kMinimal, bytes({0x0a, 1, 'x', 0}), "byte 3: this is no tag"},
                       {"garbage behind", kMinimal, bytes({0x0a, 1, 'x', 0x0f}), "wire type 7"},
                       {"required", kProto2, bytes({}), "sensor"}},
  };
}

EVF_SCHEMA_CONFORMANCE(Protobuf, protobuf);

}  // namespace
}  // namespace fabric::contract::testing
