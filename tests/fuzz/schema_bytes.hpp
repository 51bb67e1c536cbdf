#pragma once
// Schemas and payloads of hostile bytes, for every format of eventfabric::formats. Called by *_fuzz.cpp and by
// schema_bytes_test.cpp.
//
// An input's first byte chooses: odd, the rest is a schema text; even, it is a payload of the format's example schema,
// and of a schema that knows less.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fabric/contract/schema.hpp"

namespace fabric::fuzz {

// The examples that a format is attacked with.
struct SchemaTarget {
  std::shared_ptr<const contract::SchemaFormat> format;
  std::string schema, older_schema;  // the older one knows fewer fields
  std::string json;                  // a payload of `schema`
  std::string patch;                 // for payloads of either
};
SchemaTarget protobuf_target();
SchemaTarget flatbuffers_target();

class SchemaBytes {
 public:
  explicit SchemaBytes(SchemaTarget target);
  // Aborts when what is valid cannot be decoded or edited, when what was edited is not valid, or when the canonical
  // text of a schema that was accepted is refused or is another one.
  void attack(std::span<const std::uint8_t> input) const;
  std::vector<std::vector<std::uint8_t>> seeds() const;

 private:
  void attack_payload(std::span<const std::uint8_t> bytes) const;
  void attack_text(std::string_view text) const;

  SchemaTarget target_;
  std::shared_ptr<const contract::Schema> schema_, older_;
};

}  // namespace fabric::fuzz
