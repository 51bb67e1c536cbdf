// FlatBuffers in the conformance suite of schema formats.

#include "fabric/formats/formats.hpp"
#include "tests/fabric/contract/conformance.hpp"

namespace fabric::contract::testing {
namespace {

constexpr char kOrder[] = R"(// An order.
namespace sales;
enum Status : byte { New = 0, Paid = 1, Sent = 5 }
enum Flag : ubyte (bit_flags) { Gift, Express }
struct Point { x : float; y : double; }
struct Box { low : Point; high : Point; marks : [ubyte:3]; }
table Card { number : string (required); }
table Voucher { code : string; left : ulong; }
union Payment { Card, Voucher, text : string, at : Point }
table Line { sku : string (key); count : uint = 1; }
table Order {
  id : string (required);
  amount_cents : long;
  lines : [Line];
  status : Status = Paid;
  flags : Flag;
  box : Box;
  payment : Payment;
  rates : [double];
  points : [Point];
  discount : float = null;
  gift : bool;
  old : int (deprecated);
  history : [Payment];
  tags : [string];
  parent : Order;
  statuses : [Status];
}
root_type Order;
file_identifier "ORDR";
)";
constexpr char kOrderJson[] =
    R"({"id":"o-1","amount_cents":-1250,"lines":[{"sku":"a","count":2},{"sku":"ä"}],"status":"Sent","flags":"Gift Express",)"
    R"("box":{"low":{"x":0.1,"y":0.1},"high":{"x":1.0,"y":2.5},"marks":[1,2,255]},"payment_type":"Voucher",)"
    R"("payment":{"code":"x","left":18446744073709551615},"rates":[0.5,"NaN","-Infinity"],"points":[{"x":1.0,"y":2.0}],)"
    R"("discount":0.0,"gift":false,"history_type":["Card","text","at","NONE"],)"
    R"("history":[{"number":"1"},"t",{"x":1.0,"y":2.0},null],"tags":["","b"],"parent":{"id":"o-0"},"statuses":["New",3]})";

// Tables T with these fields.
std::string t(const std::string& fields, const std::string& before = "") {
  return before + "namespace p; table T { " + fields + " } root_type T;";
}

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

std::vector<Change> changes() {
  return {
      {.name = "field appended",
       .old_schema = t("a : string;"),
       .new_schema = t("a : string; b : int;"),
       .old_json = R"({"a":"x"})",
       .new_json = R"({"a":"x","b":7})"},
      {.name = "field in front",
       .old_schema = t("a : string;"),
       .new_schema = t("b : int; a : string;"),
       .new_reads_old = {"field-moved", "field-renamed", "type-changed"},
       .old_reads_new = {"field-moved", "field-renamed", "type-changed"}},
      {.name = "field in front with ids",
       .old_schema = t("a : string;"),
       .new_schema = t("b : int (id: 1); a : string (id: 0);"),
       .old_json = R"({"a":"x"})",
       .new_json = R"({"a":"x","b":7})"},
      {.name = "deprecated",
       .old_schema = t("a : string; b : int;"),
       .new_schema = t("a : string (deprecated); b : int;"),
       .old_json = R"({"a":"x","b":1})",
       .new_json = R"({"b":7})"},
      {.name = "required added",
       .old_schema = t("a : string;"),
       .new_schema = t("a : string (required);"),
       .new_reads_old = {"required-added"},
       .new_json = R"({"a":"x"})"},
      {.name = "default changed",
       .old_schema = t("a : int;"),
       .new_schema = t("a : int = 1;"),
       .new_reads_old = {"default-changed"},
       .old_reads_new = {"default-changed"}},
      {.name = "type changed",
       .old_schema = t("a : int;"),
       .new_schema = t("a : uint;"),
       .new_reads_old = {"type-changed"},
       .old_reads_new = {"type-changed"}},
  };
}

const std::string kOldParts = "table N { x : int; }";
const std::string kNewParts = "table M { z : string; } table N { x : int; more : M; big : long; }";

Conformance flatbuffers() {
  return {
      .format = formats::flatbuffers(),
      .samples = {{"order", kOrder, kOrderJson},
                  {"least", kOrder, R"({"id":""})"},
                  {"minimal", t("a : string;"), R"({"a":"x"})"},
                  {"empty", t("a : string;"), "{}"}},
      .changes = changes(),
      .round_trips =
          {{.name = "fields at every level, present and absent ones edited",
            .old_schema = t("a : string; n : N; b : int; c : N; d : long; s : [int];", kOldParts),
            .new_schema =
                t("a : string; n : N; b : int; c : N; d : long; s : [int]; e : M; f : [string]; g : long;", kNewParts),
            .new_json =
                R"({"a":"x","n":{"x":1,"more":{"z":"in"},"big":-2},"d":5,"e":{"z":"kept"},"f":["k1","k2"],"g":9})",
            .patch = R"({"a":"much longer than before","n":{"x":5},"b":6,"c":{"x":7},"d":null,"s":[1,2]})",
            .expected_json =
                R"({"a":"much longer than before","n":{"x":5,"more":{"z":"in"},"big":-2},"b":6,"c":{"x":7},"s":[1,2],"e":{"z":"kept"},"f":["k1","k2"],"g":9})"},
           {.name = "a field that is absent in a nested table",
            .old_schema = t("n : N;", "table N { x : int; y : string; }"),
            .new_schema = t("n : N;", "table N { x : int; y : string; z : [string]; }"),
            .new_json = R"({"n":{"x":1,"z":["kept"]}})",
            .patch = R"({"n":{"x":null,"y":"added"}})",
            .expected_json = R"({"n":{"y":"added","z":["kept"]}})"},
           {.name = "a member that a union does not know is replaced",
            .old_schema = t("u : U; k : int;", "table A { a : int; } union U { A }"),
            .new_schema =
                t("u : U; k : int; v : string;", "table A { a : int; } table B { b : int; } union U { A, B }"),
            .new_json = R"({"u_type":"B","u":{"b":1},"v":"kept"})",
            .patch = R"({"u_type":"A","u":{"a":2},"k":3})",
            .expected_json = R"({"u_type":"A","u":{"a":2},"k":3,"v":"kept"})"}},
      .spellings = {{"namespace p;table T{a:string;}root_type T;", t("a : string;")},
                    {t("b : int (id: 1); a : string (id: 0);"), t("a : string; b : int32 = 0;")},
                    {"namespace p; table T { n : N; } table N { x : int; } root_type p.T;",
                     "namespace p; /* first */ table N { x : int; }\n/// The root\ntable T { n : p.N; } root_type T;"},
                    {t("e : E = B;", "namespace p; enum E : int { A, B }"),
                     t("e : E = 1;", "namespace p; enum E : int { A = 0, B = 1 }")}},
      .bad_schemas = {{"", "empty"},
                      {"table T {\n  a : strin;\n}\nroot_type T;", "strin"},
                      {"table T {\n  a = string;\n}", "line 2, column "},
                      {"table T { a : int; }", "root_type is missing"},
                      {"include \"x.fbs\";\ntable T { a : int; } root_type T;",
                       "line 1, column 1: include is not supported"},
                      {"table T { a : int; } root_type T; { a: 1 }", "data"},
                      {"struct T { a : int; } root_type T;", "root type must be a table"},
                      {std::string("\x01\x02", 2), "neither"}},
      .bad_json = {{t("a : string;"), "{", "line 1, column 2"},
                   {t("a : string;"), R"({"b":1})", "no field \"b\""},
                   {t("a : string;"), R"({"a":1})", "field p.T.a: 1 is no string"},
                   {t("a : ubyte;"), R"({"a":256})", "field p.T.a: 256 is no integer from 0 to 255"},
                   {t("a : float;"), R"({"a":1e300})", "does not fit a float"},
                   {t("a : bool;"), R"({"a":1})", "neither true nor false"},
                   {t("n : N;", "namespace p; table N { x : int; }"), R"({"n":{"x":"1"}})", "field p.N.x: "},
                   {t("p : P;", "namespace p; struct P { x : int; y : int; }"), R"({"p":{"x":1}})",
                    "field p.P.y: every field"},
                   {t("e : E;", "namespace p; enum E : int { A, B }"), R"({"e":"C"})", "\"C\" is no value of p.E"},
                   {t("u : U;", "namespace p; table A { a : int; } union U { A }"), R"({"u":{"a":1}})",
                    "no member of union p.U"},
                   {t("u : U;", "namespace p; table A { a : int; } union U { A }"), R"({"u_type":"A"})", "together"},
                   {kOrder, "{}", "field sales.Order.id: it is required"},
                   {kOrder, "[]", "no object"}},
      .bad_payloads = {{"empty", t("a : string;"), {}, "too short"},
                       {"root outside", t("a : string;"), bytes({100, 0, 0, 0, 0, 0, 0, 0}), "beyond the end"},
                       {"misaligned", t("a : string;"), bytes({5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), "not aligned"},
                       {"identifier", kOrder, bytes({8, 0, 0, 0, 'X', 'X', 'X', 'X', 4, 0, 4, 0, 4, 0, 0, 0}),
                        "file identifier"}},
  };
}

EVF_SCHEMA_CONFORMANCE(FlatBuffers, flatbuffers);

}  // namespace
}  // namespace fabric::contract::testing
