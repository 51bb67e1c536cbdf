#pragma once
// FlatBuffers payloads as JSON values and back. Internal to the library; pure functions.
//
// As flatc has it: fields by name in the order of their ids, absent ones left out (what is said is written, defaults
// too); enums by name, bit flags as names with spaces between them, numbers where there is no name; a union as
// "x_type": "Member", "x": value; structs as objects, all fields given. Unlike flatc, NaN and infinities are "NaN",
// "Infinity", "-Infinity". A null field is one that is not there.

#include <boost/json/value.hpp>
#include <map>

#include "fabric/formats/flatbuffers_payload.hpp"

namespace fabric::formats::fb {

// Of a payload that survey() passed.
boost::json::value to_value(const Model& model, const Bytes& bytes);

// A scalar as bytes, in the order of this machine, which is that of FlatBuffers (little-endian). Errors:
// invalid_argument.
ipc::Result<std::vector<std::byte>> scalar_from(const Model& model, const Type& type, const boost::json::value& value);

// Writes forward: what an object refers to stands behind it, so parts can be added at the end of any payload.
class Encoder {
 public:
  Encoder(const Model& model, std::vector<std::byte> bytes) : model_(model), bytes_(std::move(bytes)) {}

  std::vector<std::byte> take() { return std::move(bytes_); }
  Bytes view() const { return Bytes(bytes_); }
  std::size_t size() const { return bytes_.size(); }

  // What JSON says, at the end; returns where. Errors: invalid_argument, naming the field.
  ipc::Result<std::size_t> table(const Object& object, const boost::json::value& value);
  // Whatever an offset may refer to: string, vector, table, or a struct in a union.
  ipc::Result<std::size_t> referred(const Type& type, const boost::json::value& value);
  ipc::Result<std::size_t> union_vector(const Enum& type, const boost::json::array& types,
                                        const boost::json::value& values);
  // A struct's or an array's bytes at `at`. `whole`: every field has to be given; otherwise the others stay.
  ipc::Result<void> put_inline(const Type& type, std::size_t at, const boost::json::value& value, bool whole = true);

  // `bytes` zeros at the end, from a place where place + skip is aligned.
  std::size_t append(std::size_t bytes, std::size_t align, std::size_t skip = 0);
  template <class T>
  void store(std::size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void refer(std::size_t at, std::size_t to) { store(at, static_cast<std::uint32_t>(to - at)); }

 private:
  struct Present {
    const Field* field = nullptr;
    const boost::json::value* value = nullptr;
  };
  ipc::Result<std::vector<Present>> present_fields(const Object& object, const boost::json::object& value) const;
  ipc::Result<void> put_field(const Object& object, const boost::json::object& all, const Present& present,
                              std::size_t at);
  std::size_t start_table(const std::vector<Present>& present, std::vector<std::size_t>& places);
  ipc::Result<std::size_t> vector(const Type& item, const boost::json::array& values);

  const Model& model_;
  std::vector<std::byte> bytes_;
  std::map<std::vector<std::uint16_t>, std::size_t> vtables_;
};

// A whole payload. Errors: invalid_argument, naming the field.
ipc::Result<std::vector<std::byte>> encode(const Model& model, const boost::json::value& value);
// The member of a union that the value of its type field names. Errors: invalid_argument.
ipc::Result<const Value*> union_member(const Enum& type, const boost::json::value& name);

}  // namespace fabric::formats::fb
