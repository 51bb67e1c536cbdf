// The compatibility rules of FlatBuffers as facts: the evolution rules of its documentation, and what `flatc --conform`
// does not look at.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fabric/formats/formats.hpp"

namespace fabric::formats {
namespace {

std::shared_ptr<const contract::Schema> parse(const std::string& text) {
  auto schema = flatbuffers()->parse(text);
  if (schema) return *schema;
  ADD_FAILURE() << schema.error().message << "\n" << text;
  return nullptr;
}

// Of a root table p.T with these fields; other types stand before it, the rest behind.
std::string t(const std::string& fields, const std::string& types = "", const std::string& rest = "") {
  return "namespace p; " + types + " table T { " + fields + " } root_type T; " + rest;
}

// "path rule" of each violation, when `reader` reads what `writer` wrote.
std::vector<std::string> against(const std::string& reader, const std::string& writer) {
  const auto ours = parse(reader), theirs = parse(writer);
  if (!ours || !theirs) return {"no schema"};
  std::vector<std::string> out;
  for (const auto& violation : ours->cannot_read(*theirs)) out.push_back(violation.path + " " + violation.rule);
  return out;
}

struct Fact {
  const char* what;
  std::string reader, writer;
  std::vector<std::string> reads{}, is_read{};  // against reader reading writer's data; against writer reading reader's
};

const std::string kA = "table A { a : int; }", kB = "table B { b : int; }", kU = "union U { A, B }";

const std::vector<Fact> kFacts = {
    // From the documentation: "Writing a schema", schema evolution examples.
    {"a field at the end", t("a : int; b : int; c : int;"), t("a : int; b : int;")},
    {"a field in front",
     t("c : int; a : int; b : int;"),
     t("a : int; b : int;"),
     {"p.T.a field-moved", "p.T.a field-renamed", "p.T.b field-moved", "p.T.c field-renamed"},
     {"p.T.a field-moved", "p.T.a field-renamed", "p.T.b field-moved", "p.T.b field-renamed"}},
    {"a field removed",
     t("b : int;"),
     t("a : int; b : int;"),
     {"p.T.b field-moved", "p.T.b field-renamed"},
     {"p.T.a field-renamed", "p.T.b field-moved"}},
    {"the last field removed: unknown to the reader", t("a : int;"), t("a : int; b : int;")},
    {"a field deprecated", t("a : int (deprecated); b : int;"), t("a : int; b : int;")},
    {"another order with ids", t("c : int (id: 2); a : int (id: 0); b : int (id: 1);"), t("a : int; b : int;")},
    {"int to uint",
     t("a : uint; b : uint;"),
     t("a : int; b : int;"),
     {"p.T.a type-changed", "p.T.b type-changed"},
     {"p.T.a type-changed", "p.T.b type-changed"}},
    {"another default",
     t("a : int = 1; b : int = 2;"),
     t("a : int; b : int;"),
     {"p.T.a default-changed", "p.T.b default-changed"},
     {"p.T.a default-changed", "p.T.b default-changed"}},
    {"renamed", t("aa : int; b : int;"), t("a : int; b : int;"), {"p.T.aa field-renamed"}, {"p.T.a field-renamed"}},
    // Types.
    {"a larger integer", t("a : long;"), t("a : int;"), {"p.T.a type-changed"}, {"p.T.a type-changed"}},
    {"an enum instead of its integer",
     t("a : E;", "enum E : int { X }"),
     t("a : int;"),
     {"p.T.a type-changed"},
     {"p.T.a type-changed"}},
    {"another base of an enum",
     t("a : E;", "enum E : int { X }"),
     t("a : E;", "enum E : short { X }"),
     {"p.T.a type-changed"},
     {"p.T.a type-changed"}},
    {"a vector instead of one", t("a : [int];"), t("a : int;"), {"p.T.a type-changed"}, {"p.T.a type-changed"}},
    {"elements of vectors", t("a : [int];"), t("a : [uint];"), {"p.T.a type-changed"}, {"p.T.a type-changed"}},
    {"a struct instead of a table",
     t("a : A;", "struct A { a : int; }"),
     t("a : A;", kA),
     {"p.T.a type-changed"},
     {"p.T.a type-changed"}},
    {"a type of another name",
     t("a : A;", kA),
     t("a : B;", "table B { a : int; }"),
     {"p.T.a type-changed"},
     {"p.T.a type-changed"}},
    {"a type that moved to another namespace", t("a : A;", kA),
     "namespace q; table A { a : int; b : int; } namespace p; table T { a : q.A; } root_type T;"},
    {"through a table that holds itself",
     t("a : A;", "table A { n : A; a : int; }"),
     t("a : A;", "table A { n : A; a : string; }"),
     {"p.A.a type-changed"},
     {"p.A.a type-changed"}},
    {"optional or not", t("a : int = null;"), t("a : int;"), {"p.T.a default-changed"}, {"p.T.a default-changed"}},
    // What flatc --conform does not look at.
    {"required added", t("a : string (required);"), t("a : string;"), {"p.T.a required-added"}},
    {"a new required field", t("a : string; b : string (required);"), t("a : string;"), {"p.T.b required-added"}},
    {"key added",
     t("v : [A];", "table A { k : string (key); }"),
     t("v : [A];", "table A { k : string; }"),
     {"p.A.k key-added", "p.A.k required-added"}},
    {"a field at the end of a struct",
     t("a : S;", "struct S { x : int; y : int; }"),
     t("a : S;", "struct S { x : int; }"),
     {"p.S struct-changed"},
     {"p.S struct-changed"}},
    {"a struct in a struct",
     t("a : R;", "struct S { x : int; } struct R { s : S; }"),
     t("a : R;", "struct S { x : uint; } struct R { s : S; }"),
     {"p.S struct-changed"},
     {"p.S struct-changed"}},
    {"alignment of a struct",
     t("a : S;", "struct S (force_align: 8) { x : int; }"),
     t("a : S;", "struct S { x : int; }"),
     {"p.S struct-changed"},
     {"p.S struct-changed"}},
    {"another root",
     "namespace p; table R { a : int; } root_type R;",
     t("a : int;"),
     {"p.R root-changed"},
     {"p.T root-changed"}},
    {"a file identifier",
     t("a : int;", "", "file_identifier \"ABCD\";"),
     t("a : int;"),
     {"p.T file-identifier-changed"}},
    {"another file identifier",
     t("a : int;", "", "file_identifier \"ABCD\";"),
     t("a : int;", "", "file_identifier \"ABCE\";"),
     {"p.T file-identifier-changed"},
     {"p.T file-identifier-changed"}},
    // Enums and unions.
    {"a value at the end", t("a : E;", "enum E : int { X, Y }"), t("a : E;", "enum E : int { X }")},
    {"a value in front",
     t("a : E = X;", "enum E : int { Y, X }"),
     t("a : E = X;", "enum E : int { X }"),
     {"p.E.X enum-value-changed", "p.T.a default-changed"},
     {"p.E.X enum-value-renamed", "p.E.X enum-value-changed", "p.T.a default-changed"}},
    {"a value renamed",
     t("a : E;", "enum E : int { X, Y }"),
     t("a : E;", "enum E : int { X, Z }"),
     {"p.E.Y enum-value-renamed"},
     {"p.E.Z enum-value-renamed"}},
    {"a member at the end", t("u : U;", kA + kB + kU), t("u : U;", kA + "union U { A }")},
    {"members that changed places",
     t("u : U;", kA + kB + kU),
     t("u : U;", kA + kB + "union U { B, A }"),
     {"p.U.A enum-value-changed", "p.U.B enum-value-changed"},
     {"p.U.A enum-value-changed", "p.U.B enum-value-changed"}},
    {"a member of another type",
     t("u : U;", kA + kB + "union U { x : A }"),
     t("u : U;", kA + kB + "union U { x : B }"),
     {"p.U.x union-member-changed"},
     {"p.U.x union-member-changed"}},
    {"a member's table",
     t("u : U;", kA + "union U { A }"),
     t("u : U;", "table A { a : string; } union U { A }"),
     {"p.A.a type-changed"},
     {"p.A.a type-changed"}},
    {"the root of nested bytes",
     t("n : [ubyte] (nested_flatbuffer: \"A\");", kA),
     t("n : [ubyte];", kA),
     {"p.T.n nested-changed"},
     {"p.T.n nested-changed"}},
};

TEST(FlatBuffersRules, Facts) {
  for (const auto& fact : kFacts) {
    EXPECT_EQ(against(fact.reader, fact.writer), fact.reads) << fact.what;
    EXPECT_EQ(against(fact.writer, fact.reader), fact.is_read) << fact.what << " (the other way round)";
  }
}

TEST(FlatBuffersRules, AMessageSaysWhatBothSidesHave) {
  const auto reader = parse(t("a : int = 1;")), writer = parse(t("a : int;"));
  const auto found = reader->cannot_read(*writer);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].message, "p.T.a: when it is not written, it is 0 to the writer and 1 to the reader");
}

}  // namespace
}  // namespace fabric::formats
