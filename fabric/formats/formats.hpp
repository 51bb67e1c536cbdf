#pragma once
// eventfabric::formats: the schema formats that need libraries of their own, ready to be added to a contract::Formats.
// Stateless and thread-safe; the headers of those libraries stay out of ours.

#include <memory>

#include "fabric/contract/schema.hpp"

namespace fabric::formats {

// JSON Schema draft-07 and 2020-12, of documents that stand alone (json_schema.cpp).
std::shared_ptr<const contract::SchemaFormat> json_schema();
// Protobuf: .proto source or descriptor sets (protobuf.hpp says what is read and how).
std::shared_ptr<const contract::SchemaFormat> protobuf();
// FlatBuffers: .fbs source or binary schemas. flatbuffers_model.hpp says what is read, flatbuffers_json.hpp how JSON
// looks, flatbuffers_edit.hpp how payloads are edited, flatbuffers_compare.hpp which changes a reader survives.
std::shared_ptr<const contract::SchemaFormat> flatbuffers();

}  // namespace fabric::formats
