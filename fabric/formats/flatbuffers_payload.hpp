#pragma once
// FlatBuffers bytes with a model: reading single values, and whether all of it is well-formed. Internal to the library.
// Places are bytes from the payload's start; alignment counts from there, so that a payload may lie anywhere in memory.

#include <cstring>
#include <map>
#include <set>
#include <span>

#include "fabric/formats/flatbuffers_model.hpp"

namespace fabric::formats::fb {

// Nothing here checks bounds: only for what survey() has passed.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t size() const noexcept { return bytes_.size(); }
  template <class T>
  T load(std::size_t at) const noexcept {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  // Of a scalar; unsigned 64-bit ones keep their bits.
  std::int64_t integer(Base base, std::size_t at) const noexcept;
  double real(Base base, std::size_t at) const noexcept;
  // What the offset at `at` refers to.
  std::size_t follow(std::size_t at) const noexcept { return at + load<std::uint32_t>(at); }
  std::size_t root() const noexcept { return follow(0); }
  std::size_t vtable(std::size_t table) const noexcept {
    return table - static_cast<std::size_t>(static_cast<std::ptrdiff_t>(load<std::int32_t>(table)));
  }
  std::size_t slots(std::size_t table) const noexcept { return (load<std::uint16_t>(vtable(table)) - 4U) / 2; }
  // Where the field with this id lies; 0: it is not there.
  std::size_t field(std::size_t table, std::size_t id) const noexcept {
    if (id >= slots(table)) return 0;
    const auto offset = load<std::uint16_t>(vtable(table) + 4 + 2 * id);
    return offset == 0 ? 0 : table + offset;
  }
  // Of a string or vector at `at`.
  std::size_t length(std::size_t at) const noexcept { return load<std::uint32_t>(at); }
  std::string_view string(std::size_t at) const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()) + at + 4, length(at)};
  }
  std::span<const std::byte> span() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

inline constexpr int kMaxTableNesting = 60;

struct Survey {
  bool unknown = false;            // there are fields or union members that the model does not know
  std::set<std::size_t> tables{};  // where tables lie
  std::set<std::size_t> shared{};  // those that are referred to more than once
};

// The file identifier, bounds, alignment, required fields, UTF-8, depth. Parts that are referred to from several places
// count each time; more than sixteen times the payload in all is refused, since JSON of it would explode. Errors:
// corrupt, naming field and byte.
ipc::Result<Survey> survey(const Model& model, std::span<const std::byte> payload);

}  // namespace fabric::formats::fb
