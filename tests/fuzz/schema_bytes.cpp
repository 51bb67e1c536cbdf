#include "tests/fuzz/schema_bytes.hpp"

#include <algorithm>

#include "fabric/formats/formats.hpp"
#include "tests/fuzz/ring_actions.hpp"

namespace fabric::fuzz {

SchemaTarget protobuf_target() {
  const std::string head = "syntax = \"proto3\"; package p; import \"google/protobuf/timestamp.proto\"; message M { ";
  const std::string known =
      "string s = 1; int64 i = 2; repeated M m = 3; map<string, double> d = 4; E e = 5; bytes b = 6; bool o = 7; ";
  const std::string more =
      "google.protobuf.Timestamp t = 8; repeated sint32 z = 9; oneof u { float f = 10; M n = 11; } ";
  const std::string tail = "enum E { A = 0; B = 1; } }";
  return {
      formats::protobuf(), head + known + more + tail, "syntax = \"proto3\"; package p; message M { " + known + tail,
      R"({"s":"x","i":"5","m":[{"s":"y"}],"d":{"k":0.5},"e":"B","b":"AAE=","t":"2026-01-01T00:00:00Z","z":[1,-1],"f":1.5})",
      R"({"s":"edited","i":null,"d":{"k":1,"l":2},"m":[{"i":"1"}]})"};
}

SchemaTarget flatbuffers_target() {
  const std::string types =
      "namespace p; enum E : short { A, B } struct P { x : int; y : double; } table N { x : int; s : string; } union U "
      "{ N, M, t : string } ";
  const std::string known = "s : string; i : long; m : [M]; p : P; n : N; u : U; v : [int]; e : E; ";
  const std::string more = "w : [string]; us : [U]; ps : [P]; b : bool; ";
  return {formats::flatbuffers(), types + "table M { " + known + more + "} root_type M;",
          types + "table M { " + known + "} root_type M;",
          R"({"s":"x","i":5,"m":[{"s":"y"}],"p":{"x":1,"y":2.0},"n":{"x":3},"u_type":"t","u":"z","v":[1,2],"e":"B",)"
          R"("w":["a","b"],"us_type":["N","t"],"us":[{"x":1},"q"],"ps":[{"x":1,"y":0.5}],"b":true})",
          R"({"s":"edited","i":null,"n":{"x":null,"s":"new"},"u_type":"N","u":{"x":9},"p":{"x":7},"e":"A"})"};
}

SchemaBytes::SchemaBytes(SchemaTarget target) : target_(std::move(target)) {
  const auto newer = target_.format->parse(target_.schema), older = target_.format->parse(target_.older_schema);
  require(newer && older, "the examples are schemas");
  schema_ = *newer;
  older_ = *older;
}

void SchemaBytes::attack(std::span<const std::uint8_t> input) const {
  if (input.empty()) return attack_payload({});
  const auto rest = input.subspan(1);
  if (input[0] % 2 == 0) return attack_payload(rest);
  attack_text({reinterpret_cast<const char*>(rest.data()), rest.size()});
}

void SchemaBytes::attack_payload(std::span<const std::uint8_t> bytes) const {
  // Exactly as large as what is read, so that a sanitizer sees the first byte behind it.
  const auto copy = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(copy.get()));
  const std::span<const std::byte> payload(copy.get(), bytes.size());
  for (const auto& schema : {schema_, older_}) {
    const auto valid = schema->validate(payload);
    const auto json = schema->to_json(payload);
    require(valid.has_value() == json.has_value(), "what is valid decodes, and nothing else");
    const auto edited = schema->edit(payload, target_.patch);
    require(valid || !edited, "what is not valid is not edited");
    if (edited) require(schema->validate(*edited).has_value(), "what was edited is valid");
    if (json) static_cast<void>(schema->from_json(*json));
  }
}

void SchemaBytes::attack_text(std::string_view text) const {
  const auto parsed = target_.format->parse(text);
  static_cast<void>(schema_->from_json(text));
  if (!parsed) return;
  const auto again = target_.format->parse((*parsed)->canonical());
  require(again && (*again)->canonical() == (*parsed)->canonical(), "canonical text is accepted and stays as it is");
  require((*again)->cannot_read(**parsed).empty(), "a schema reads itself");
  static_cast<void>((*parsed)->cannot_read(*schema_));
  static_cast<void>(schema_->cannot_read(**parsed));
}

std::vector<std::vector<std::uint8_t>> SchemaBytes::seeds() const {
  std::vector<std::vector<std::uint8_t>> seeds;
  const auto payload = *schema_->from_json(target_.json);
  auto& first = seeds.emplace_back(1, std::uint8_t{0});
  for (const auto byte : payload) first.push_back(std::to_integer<std::uint8_t>(byte));
  for (const auto& text : {target_.schema, target_.older_schema, schema_->canonical(), target_.json}) {
    auto& seed = seeds.emplace_back(1, std::uint8_t{1});
    seed.insert(seed.end(), text.begin(), text.end());
  }
  return seeds;
}

}  // namespace fabric::fuzz
