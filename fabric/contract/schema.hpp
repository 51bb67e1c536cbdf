#pragma once
// Contracts: what a producer and a consumer agreed about the bytes of an event, whatever format says it.
//
// A SchemaFormat reads schemas of one format (native structs, JSON Schema, FlatBuffers, Protobuf); a Schema is one of them,
// ready for use. Everything above (registry, compatibility modes, evf) knows these two only; one conformance suite
// (tests/fabric/contract/conformance.hpp) holds for all. Control plane: virtual calls and allocation are fine here; what producers
// and consumers do per record does not come by. Schemas are immutable and thread-safe, formats as well.
//
// Compatibility has one primitive, `cannot_read`: what a reader with one schema cannot make of data written with another. The modes
// (compatibility.hpp) say who has to be able to read whom; the vocabulary is that of Confluent's registry.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/result.hpp"

namespace fabric::contract {

template <class T>
using Result = ipc::Result<T>;

// Stored in the registry: values never change.
enum class Format : std::uint8_t { native = 1, json_schema = 2, flatbuffers = 3, protobuf = 4 };
inline constexpr Format kFormats[] = {Format::native, Format::json_schema, Format::flatbuffers, Format::protobuf};
// "native", "json-schema", "flatbuffers", "protobuf": in files, on the command line, in messages.
std::string_view to_string(Format format) noexcept;
std::optional<Format> format_named(std::string_view name) noexcept;
// The media type of payloads: CloudEvents' datacontenttype.
std::string_view media_type(Format format) noexcept;

// One thing that a reader cannot make of a writer's data.
struct Violation {
  std::string path{};     // what it is about, in the format's own notation: "/properties/amount/type", "sales.Order.amount"
  std::string rule{};     // which rule, in kebab-case, the same for the same cause: "type-changed", "required-field-added"
  std::string message{};  // one sentence with both sides' values, for people
};

class Schema {
 public:
  virtual ~Schema() = default;
  virtual Format format() const noexcept = 0;
  // The schema's text in a normal form: equal for schemas that differ in nothing but spelling (white space, order of keys,
  // comments), and accepted by parse(). What the registry stores and compares.
  virtual const std::string& canonical() const noexcept = 0;
  // What it describes: the full name of the struct, message or table, a JSON Schema's title or $id; may be empty.
  virtual const std::string& name() const noexcept = 0;

  // What a reader with this schema cannot make of data written with `writer`, a schema of the same format; in order of path.
  // Empty: it reads all of it, defaults and unknown fields included.
  virtual std::vector<Violation> cannot_read(const Schema& writer) const = 0;

  // Whether a payload is what the schema says. Errors: corrupt, naming the place. Every byte is input: nothing but an error
  // comes of hostile ones.
  virtual Result<void> validate(std::span<const std::byte> payload) const = 0;
  // A payload as JSON text, fields in the schema's order; fields that this schema does not know are left out where they cannot be
  // named. Errors: corrupt.
  virtual Result<std::string> to_json(std::span<const std::byte> payload) const = 0;
  // The payload that JSON text describes. Errors: invalid_argument, naming the place; unknown fields are refused where the
  // schema does not allow them.
  virtual Result<std::vector<std::byte>> from_json(std::string_view json) const = 0;
  // A payload with changes (an RFC 7396 merge patch; null: back to the default, or absent) to fields that this schema knows.
  // What it does not know, because a newer schema wrote it, stays as it was: so an older consumer may pass an event on.
  // Errors: corrupt (payload), invalid_argument (patch).
  virtual Result<std::vector<std::byte>> edit(std::span<const std::byte> payload, std::string_view patch) const = 0;
};

class SchemaFormat {
 public:
  virtual ~SchemaFormat() = default;
  virtual Format format() const noexcept = 0;
  // Errors: invalid_argument with line and column, or the place in the schema, and what is wrong there.
  virtual Result<std::shared_ptr<const Schema>> parse(std::string_view text) const = 0;
};

// The formats that a process knows, at most one of each kind. The core has native structs; eventfabric::formats the others.
class Formats {
 public:
  void add(std::shared_ptr<const SchemaFormat> format);
  // nullptr: this process does not know it.
  const SchemaFormat* find(Format format) const noexcept;
  // Errors: unsupported (format unknown here: says which library has it), those of SchemaFormat::parse.
  Result<std::shared_ptr<const Schema>> parse(Format format, std::string_view text) const;

 private:
  std::vector<std::shared_ptr<const SchemaFormat>> formats_;
};

}  // namespace fabric::contract
