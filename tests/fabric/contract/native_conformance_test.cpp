// Native structs in the suite that every format has to pass; every rule of native.hpp is met here.
#include "fabric/contract/native.hpp"
#include "tests/fabric/contract/conformance.hpp"

namespace fabric::contract::testing {
namespace {

std::string schema(const std::string& fields, unsigned size, const std::string& more = "") {
  return R"({"name":"T","size":)" + std::to_string(size) + more + R"(,"fields":[)" + fields + "]}";
}
std::string field(const std::string& name, const std::string& type, unsigned offset, const std::string& more = "") {
  return R"({"name":")" + name + R"(","type":")" + type + R"(","offset":)" + std::to_string(offset) + more + "}";
}
std::string nested(const std::string& name, unsigned offset, const std::string& inner, const std::string& more = "") {
  return field(name, "struct", offset, R"(,"struct":)" + inner + more);
}
std::string side(unsigned offset, const std::string& values, const std::string& more = "",
                 const std::string& base = "u8") {
  return field("side", "enum", offset,
               R"(,"enum":{"name":"Side","base":")" + base + "\"" + more + R"(,"values":{)" + values + "}}");
}
const std::string kA = field("a", "u32", 0), kB = field("b", "u32", 4), kBuySell = R"("buy":1,"sell":2)";
std::string required(unsigned bytes) { return R"(,"required":)" + std::to_string(bytes); }

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> made;
  for (const auto value : values) made.push_back(static_cast<std::byte>(value));
  return made;
}

std::vector<Sample> samples() {
  const auto inner = schema(field("x", "i16", 0) + "," + field("y", "i16", 2), 4);
  return {
      {.name = "numbers",
       .schema = schema(field("b", "bool", 0) + "," + field("i8", "i8", 1) + "," + field("u16", "u16", 2) + "," +
                            field("i32", "i32", 4) + "," + field("u64", "u64", 8) + "," + field("f32", "f32", 16) +
                            "," + field("f64", "f64", 24) + "," + field("i64", "i64", 32) + "," + field("u8", "u8", 40),
                        48),
       .json =
           R"({"b":true,"i8":-128,"u16":65535,"i32":-2147483648,"u64":18446744073709551615,"f32":0.1,"f64":-1e+300,)"
           R"("i64":-9223372036854775808,"u8":255})"},
      {.name = "not finite",
       .schema = schema(field("f", "f64", 0, R"(,"array":[3])") + "," + field("g", "f32", 24, R"(,"array":[3])"), 40),
       .json = R"({"f":["NaN","Infinity","-Infinity"],"g":["-Infinity",0.0,3.4028235e+38]})"},
      {.name = "text, bytes and enums",
       .schema = schema(field("text", "text", 0, R"(,"bytes":5)") + "," +
                            field("names", "text", 5, R"(,"bytes":2,"array":[2])") + "," +
                            field("raw", "bytes", 9, R"(,"bytes":3)") + "," + side(12, kBuySell) + "," +
                            side(13, R"("one":1)", R"(,"open":true)").replace(9, 4, "open"),
                        16),
       .json = R"({"text":"häß","names":["ab",""],"raw":"00ff7f","side":"sell","open":77})"},
      {.name = "nested",
       .schema = schema(nested("grid", 0, inner, R"(,"array":[2,2])") + "," + nested("one", 16, inner), 20),
       .json = R"({"grid":[[{"x":1,"y":2},{"x":3,"y":4}],[{"x":5,"y":6},{"x":7,"y":8}]],"one":{"x":-9,"y":0}})"},
      {.name = "optional",
       .schema = schema(
           kA + "," + field("b", "u32", 4, R"(,"default":7)") + "," + nested("c", 8, inner, R"(,"default":{"y":3})"),
           12, required(4)),
       .json = R"({"a":1,"b":7,"c":{"x":0,"y":3}})"},
  };
}

std::vector<Change> appended() {
  const auto v1 = schema(kA + "," + kB, 8);
  return {
      {"a name only",
       v1,
       R"({"name":"U","size":8,"fields":[)" + kA + "," + kB + "]}",
       {},
       {},
       R"({"a":1,"b":2})",
       R"({"a":1,"b":2})"},
      {"an optional field is appended",
       v1,
       schema(kA + "," + kB + "," + field("c", "u64", 8, R"(,"default":5)"), 16, required(8)),
       {},
       {},
       R"({"a":1,"b":2})",
       R"({"a":1,"b":2,"c":3})"},
      {"a required field is appended",
       v1,
       schema(kA + "," + kB + "," + field("c", "u64", 8), 16),
       {"required-field-missing"},
       {},
       "",
       R"({"a":1,"b":2,"c":3})"},
      {"the last field is removed", v1, schema(kA, 4), {}, {"required-field-missing"}, R"({"a":1,"b":2})", ""},
      {"a field in padding",
       schema(field("a", "u64", 0) + "," + field("b", "u32", 8), 16),
       schema(field("a", "u64", 0) + "," + field("b", "u32", 8) + "," + field("c", "u32", 12), 16, required(12)),
       {"field-in-padding"},
       {"payload-too-short"},
       "",
       ""},
      {"a field leaves padding",
       schema(kA + "," + kB + "," + field("c", "u32", 8), 12),
       schema(kA + "," + field("c", "u32", 8), 12),
       {},
       {"field-in-padding"},
       R"({"a":1,"b":2,"c":3})",
       ""},
      {"an optional field becomes required",
       schema(kA + "," + kB, 8, required(4)),
       v1,
       {"optional-field-required"},
       {},
       "",
       R"({"a":1,"b":2})"},
      {"padding becomes optional",
       schema(kA, 8),
       schema(kA, 8, required(4)),
       {},
       {"payload-too-short"},
       R"({"a":1})",
       ""},
  };
}

std::vector<Change> grown() {
  const auto inner1 = schema(kA, 4), inner2 = schema(kA + "," + kB, 8);
  return {
      {"a struct at the end grows",
       schema(field("x", "u32", 0) + "," + nested("n", 4, inner1), 8),
       schema(field("x", "u32", 0) + "," + nested("n", 4, inner2), 12, required(8)),
       {},
       {},
       R"({"x":1,"n":{"a":2}})",
       R"({"x":1,"n":{"a":2,"b":3}})"},
      {"a struct at the end grows, and something follows",
       schema(field("x", "u32", 0) + "," + nested("n", 4, inner1), 8),
       schema(field("x", "u32", 0) + "," + nested("n", 4, inner2) + "," + field("y", "u32", 12), 16, required(8)),
       {},
       {},
       R"({"x":1,"n":{"a":2}})",
       R"({"x":1,"n":{"a":2,"b":3},"y":4})"},
      {"a struct in the middle grows",
       schema(nested("n", 0, inner1) + "," + field("x", "u32", 4), 8),
       schema(nested("n", 0, inner2) + "," + field("x", "u32", 8), 12),
       {"nested-struct-resized", "field-moved"},
       {"nested-struct-resized", "field-moved"},
       "",
       ""},
      {"structs in an array grow",
       schema(nested("n", 0, inner1, R"(,"array":[2])"), 8),
       schema(nested("n", 0, inner2, R"(,"array":[2])"), 16),
       {"nested-struct-resized"},
       {"nested-struct-resized"},
       "",
       ""},
      {"a field of a nested struct",
       schema(nested("n", 0, inner2), 8),
       schema(nested("n", 0, schema(kA + "," + field("b", "i32", 4), 8)), 8),
       {"sign-changed"},
       {"sign-changed"},
       "",
       ""},
  };
}

std::vector<Change> changed() {
  const auto one = [](const std::string& type, const std::string& more = "") {
    return schema(field("a", type, 0, more), 8);
  };
  const auto both = [](const std::string& name, const std::string& old_schema, const std::string& new_schema,
                       const std::string& backward, const std::string& forward) {
    return Change{name, old_schema, new_schema, {backward}, {forward}, "", ""};
  };
  return {
      both("wider", one("i16"), one("i32"), "type-widened", "type-narrowed"),
      both("more precise", one("f32"), one("f64"), "type-widened", "type-narrowed"),
      both("with a sign", one("u32"), one("i32"), "sign-changed", "sign-changed"),
      both("wider, with a sign", one("u32"), one("i64"), "type-changed", "type-changed"),
      both("a number for a truth", one("bool"), one("u8"), "type-changed", "type-changed"),
      both("an array", one("u8"), one("u8", R"(,"array":[2])"), "type-changed", "type-changed"),
      both("a longer array", one("u8", R"(,"array":[2])"), one("u8", R"(,"array":[4])"), "array-length-changed",
           "array-length-changed"),
      both("longer text", one("text", R"(,"bytes":2)"), one("text", R"(,"bytes":4)"), "length-changed",
           "length-changed"),
      both("text for bytes", one("bytes", R"(,"bytes":4)"), one("text", R"(,"bytes":4)"), "type-changed",
           "type-changed"),
      both("another name", schema(kA, 4), schema(field("b", "u32", 0), 4), "field-renamed", "field-renamed"),
      both("another field", schema(kA, 4), schema(field("b", "f32", 0), 4), "field-overlaps", "field-overlaps"),
      both("moved", schema(kA, 8), schema(field("a", "u32", 4), 8), "field-moved", "field-moved"),
      {"two change places",
       schema(kA + "," + kB, 8),
       schema(field("b", "u32", 0) + "," + field("a", "u32", 4), 8),
       {"field-moved", "field-moved"},
       {"field-moved", "field-moved"},
       "",
       ""},
      {"inserted in the middle",
       schema(kA + "," + kB, 8),
       schema(kA + "," + field("x", "u32", 4) + "," + field("b", "u32", 8), 12),
       {"field-overlaps", "field-moved"},
       {"field-moved"},
       "",
       ""},
      {"widened in the middle",
       schema(kA + "," + kB, 8),
       schema(field("a", "u64", 0) + "," + field("b", "u32", 8), 16),
       {"type-widened", "field-moved"},
       {"type-narrowed", "field-moved"},
       "",
       ""},
  };
}

std::vector<Change> changed_enums() {
  const auto both = [](const std::string& name, const std::string& old_schema, const std::string& new_schema,
                       const std::string& backward, const std::string& forward) {
    return Change{name, old_schema, new_schema, {backward}, {forward}, "", ""};
  };
  return {
      {"an enumerator is added",
       schema(side(0, kBuySell), 1),
       schema(side(0, kBuySell + R"(,"hold":3)"), 1),
       {},
       {"enumerator-unknown"},
       R"({"side":"buy"})",
       ""},
      {"an enumerator is added to an open enum",
       schema(side(0, kBuySell, R"(,"open":true)"), 1),
       schema(side(0, kBuySell + R"(,"hold":3)", R"(,"open":true)"), 1),
       {},
       {},
       R"({"side":"buy"})",
       R"({"side":"hold"})"},
      {"another name for a value",
       schema(side(0, kBuySell), 1),
       schema(side(0, kBuySell + R"(,"purchase":1)"), 1),
       {},
       {},
       R"({"side":"buy"})",
       R"({"side":"purchase"})"},
      {"an enum is opened",
       schema(side(0, kBuySell), 1),
       schema(side(0, kBuySell, R"(,"open":true)"), 1),
       {},
       {"enum-opened"},
       R"({"side":"buy"})",
       ""},
      both("an enumerator is renamed", schema(side(0, kBuySell), 1), schema(side(0, R"("purchase":1,"sell":2)"), 1),
           "enumerator-renamed", "enumerator-renamed"),
      both("an enumerator is renumbered", schema(side(0, kBuySell), 1), schema(side(0, R"("buy":1,"sell":3)"), 1),
           "enumerator-renumbered", "enumerator-renumbered"),
      both("a wider enum", schema(side(0, kBuySell), 2), schema(side(0, kBuySell, "", "u16"), 2), "type-widened",
           "type-narrowed"),
  };
}

std::vector<BadSchema> bad_schemas() {
  return {
      {"{", "line 1, column 2"},
      {"[]", "is no object"},
      {R"({"name":"T","size":4})", R"("fields" is missing)"},
      {schema("", 4), "has 0 fields"},
      {schema(kA, 0), "has 0 bytes"},
      {schema(kA, 4, R"(,"colour":1)"), R"(unknown key "colour")"},
      {schema(field("a", "u32", 0, R"(,"colour":1)"), 4), R"(a: unknown key "colour")"},
      {schema(field("a", "u33", 0), 4), R"(a: unknown type "u33")"},
      {schema(field("a", "u32", 2), 4), "a: does not fit the 4 bytes"},
      {schema(kA + "," + field("b", "u32", 2), 8), "b: begins at byte 2, in the field before it"},
      {schema(kA + "," + field("a", "u32", 4), 8), "a: is there twice"},
      {schema(field("", "u32", 0), 4), "a field without a name"},
      {schema(field("a", "text", 0), 4), R"("bytes" is missing)"},
      {schema(field("a", "u8", 0, R"(,"array":[0])"), 4), "array of 0 elements"},
      {schema(field("a", "u8", 0, R"(,"array":[16000000,16000000,16000000])"), 4), "does not fit"},
      {schema(kA, 4, required(2)), R"("required" 2 is not where a field begins)"},
      {schema(kA, 4, required(0)), "at least one field has to be required"},
      {schema(field("a", "u32", 0, R"(,"default":1)"), 4), "a required field has no default"},
      {schema(kA + "," + field("b", "u32", 4, R"(,"default":-1)"), 8, required(4)),
       "default of b: -1 does not fit u32"},
      {schema(kA + "," + side(4, kBuySell), 8, required(4)), "default of side: 0 is no enumerator of Side"},
      {schema(side(0, R"("buy":300)"), 1), "side.buy: 300 does not fit u8"},
      {schema(kA, 20000000), "is no whole number from 0 to 16777216"},
  };
}

std::vector<BadJson> bad_json() {
  const auto v1 = schema(kA + "," + kB, 8);
  return {
      {v1, R"({"a":1})", "b: is missing"},
      {v1, R"({"a":1,"b":2,"c":3})", "c: unknown field"},
      {v1, R"({"a":-1,"b":2})", "a: -1 does not fit u32"},
      {v1, R"({"a":4294967296,"b":2})", "does not fit u32"},
      {v1, R"({"a":1.5,"b":2})", "a: 1.5 is no whole number"},
      {v1, R"({"a":null,"b":2})", "a: is required"},
      {v1, "7", "7 is no object"},
      {schema(side(0, kBuySell), 1), R"({"side":"hold"})", R"("hold" is no enumerator of Side)"},
      {schema(field("t", "text", 0, R"(,"bytes":3)"), 3), R"({"t":"abcd"})", "the text has 4 bytes, at most 3 fit"},
      {schema(field("t", "text", 0, R"(,"bytes":3)"), 3), R"({"t":"a\u0000"})", "NUL"},
      {schema(field("t", "bytes", 0, R"(,"bytes":3)"), 3), R"({"t":"00zz00"})", "hexadecimal"},
      {schema(field("t", "u8", 0, R"(,"array":[2])"), 3), R"({"t":[1]})", "is no list of 2 elements"},
      {schema(field("t", "f32", 0), 4), R"({"t":1e39})", "does not fit f32"},
      {schema(field("t", "bool", 0), 4), R"({"t":1})", "neither true nor false"},
  };
}

Conformance native() {
  const auto v1 = schema(kA + "," + kB, 8);
  const auto v2 = schema(kA + "," + kB + "," + field("c", "u64", 8, R"(,"default":5)"), 16, required(8));
  Conformance about{.format = std::make_shared<NativeFormat>(), .samples = samples(), .changes = appended()};
  for (auto& change : grown()) about.changes.push_back(std::move(change));
  for (auto& change : changed()) about.changes.push_back(std::move(change));
  for (auto& change : changed_enums()) about.changes.push_back(std::move(change));
  about.round_trips = {
      {"v2 through v1", v1, v2, R"({"a":1,"b":2,"c":3})", R"({"b":9})", R"({"a":1,"b":9,"c":3})"},
      {"v1 is the newer one", v2, v1, R"({"a":1,"b":2})", R"({"b":9})", R"({"a":1,"b":9})"},
  };
  about.spellings = {
      {schema(kA + "," + kB, 8), schema(kB + ", \n" + kA, 8)},
      {v1, R"({"fields":[{"offset":0,"type":"u32","name":"a"},)" + kB + R"(],"size":8,"required":8,"name":"T"})"},
      {schema(side(0, kBuySell), 1), schema(side(0, R"("sell":2,"buy":1)", R"(,"open":false)"), 1)},
  };
  about.bad_schemas = bad_schemas();
  about.bad_json = bad_json();
  about.bad_payloads = {
      {"short", v1, bytes({1, 0, 0, 0}), "a payload of T has at least 8 bytes, this one 4"},
      {"inside a field", v2, bytes({1, 0, 0, 0, 2, 0, 0, 0, 3}), "c: the payload of 9 bytes ends inside of it"},
      {"bool", schema(field("t", "bool", 0), 1), bytes({2}), "t: is neither true nor false"},
      {"enumerator", schema(side(0, kBuySell), 1), bytes({3}), "side: 3 is no enumerator of Side"},
      {"text", schema(field("t", "text", 0, R"(,"bytes":2)"), 2), bytes({0xc0, 0x80}), "t: is no UTF-8"},
  };
  return about;
}

}  // namespace

EVF_SCHEMA_CONFORMANCE(Native, native);

}  // namespace fabric::contract::testing
