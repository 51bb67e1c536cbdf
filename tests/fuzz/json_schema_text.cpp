#include "tests/fuzz/json_schema_text.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "fabric/formats/formats.hpp"
#include "tests/fuzz/ring_actions.hpp"

namespace fabric::fuzz {
namespace {

using contract::Schema;

// In memory of exactly its size, so that a sanitizer sees the first byte read behind it.
class Exact {
 public:
  explicit Exact(std::span<const std::uint8_t> bytes)
      : size_(bytes.size()), data_(std::make_unique<char[]>(bytes.size())) {
    if (size_ != 0) std::memcpy(data_.get(), bytes.data(), size_);
  }
  std::string_view text() const { return {data_.get(), size_}; }
  std::span<const std::byte> bytes() const { return {reinterpret_cast<const std::byte*>(data_.get()), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> data_;
};

std::shared_ptr<const Schema> parse(std::string_view text) {
  static const auto format = formats::json_schema();
  const auto schema = format->parse(text);
  if (!schema) {
    require(schema.error().code == ipc::ErrorCode::invalid_argument, "a bad schema is an invalid argument");
    return nullptr;
  }
  const auto again = format->parse((*schema)->canonical());
  require(again && (*again)->canonical() == (*schema)->canonical(), "the normal form parses to itself");
  require((*again)->cannot_read(**schema).empty(), "a schema reads itself");
  return *schema;
}

void use(const Schema& schema, const Exact& payload) {
  const auto json = schema.to_json(payload.bytes());
  if (!schema.validate(payload.bytes())) return require(!json, "what is not valid is not printed");
  require(json.has_value(), "what is valid is printed");
  require(schema.edit(payload.bytes(), "{}").has_value(), "what is valid can be edited");
  const auto back = schema.from_json(*json);
  require(back && schema.to_json(*back).value() == *json, "what is printed is valid, and prints alike");
}

}  // namespace

void read_hostile_schema(std::span<const std::uint8_t> input) {
  std::vector<Exact> parts;
  for (int i = 0; i < 2; ++i) {
    const auto end = std::find(input.begin(), input.end(), 0xff);
    const auto bytes = static_cast<std::size_t>(end - input.begin());
    parts.emplace_back(input.first(bytes));
    input = input.subspan(std::min(bytes + 1, input.size()));
  }
  const Exact payload(input);
  const auto writer = parse(parts[0].text()), reader = parse(parts[1].text());
  if (writer != nullptr) use(*writer, payload);
  if (reader != nullptr) use(*reader, payload);
  if (writer == nullptr || reader == nullptr) return;
  if (reader->cannot_read(*writer).empty() && writer->validate(payload.bytes()))
    require(reader->validate(payload.bytes()).has_value(), "a reader reads what it is said to read");
}

std::vector<std::vector<std::uint8_t>> json_schema_seeds() {
  const auto seed = [](std::string_view writer, std::string_view reader, std::string_view payload) {
    std::vector<std::uint8_t> bytes(writer.begin(), writer.end());
    bytes.push_back(0xff);
    bytes.insert(bytes.end(), reader.begin(), reader.end());
    bytes.push_back(0xff);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
  };
  return {
      seed(R"({"type":"integer","minimum":1})", R"({"type":["number","null"],"exclusiveMinimum":0.5})", "3"),
      seed(R"({"properties":{"a":{"$ref":"#"}},"required":["a"],"additionalProperties":false})",
           R"({"items":{"$ref":"#/$defs/x"},"$defs":{"x":{"pattern":"^(a|b)*$"}}})", R"({"a":{"a":{}}})"),
      seed(
          R"({"$schema":"http://json-schema.org/draft-07/schema#","items":[{"const":1}],"additionalItems":{"enum":["a"]},"dependencies":{"a":["b"]}})",
          R"({"prefixItems":[true],"contains":{"type":"string"},"minContains":0,"unevaluatedItems":false})",
          R"([1,"a"])"),
      seed(
          R"({"oneOf":[{"properties":{"k":{"const":1}},"required":["k"]},{"not":{"required":["k"]}}],"unevaluatedProperties":{"type":"null"}})",
          R"({"if":{"required":["k"]},"then":{"minProperties":1},"else":{"propertyNames":{"maxLength":3}},"multipleOf":0.01})",
          R"({"k":1,"z":null})"),
      seed(
          R"({"$id":"a","$dynamicAnchor":"n","$ref":"b","$defs":{"b":{"$id":"b","$dynamicAnchor":"n","additionalProperties":{"$dynamicRef":"#n"}}}})",
          "true", R"({"x":{}})"),
  };
}

const std::vector<std::string>& json_schema_words() {
  static const std::vector<std::string> words = {
      "\"type\":",
      "\"integer\"",
      "\"object\"",
      "\"array\"",
      "{\"$ref\":\"#\"}",
      "\"not\":",
      "\"anyOf\":[",
      "\"oneOf\":[",
      "\"allOf\":[",
      "\"if\":",
      "\"then\":",
      "\"properties\":{\"a\":",
      "\"items\":",
      "\"prefixItems\":[",
      "\"contains\":",
      "\"unevaluatedProperties\":",
      "\"patternProperties\":{\"^a\":",
      "\"required\":[\"a\"]",
      "\"dependentSchemas\":{\"a\":",
      "\"minimum\":",
      "\"multipleOf\":",
      "\"pattern\":\"[",
      "\\\\p{L}",
      "1e308",
      "-0.0",
      "18446744073709551615",
      "true",
      "false",
      "null",
      "{}",
      "[]",
      "{",
      "}",
      "[",
      "]",
      ",",
      "\"\\ud83d\\ude00\"",
  };
  return words;
}

}  // namespace fabric::fuzz
