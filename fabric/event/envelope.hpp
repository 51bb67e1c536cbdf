#pragma once
// What a record carries besides its payload, as an extension block at the front of the record, present when used.
//
//   0        2        3        4
//   +--------+--------+--------+---------------------------------------------+
//   | bytes  | version| 0      | fields, padded with zeros to 8 bytes        |
//   +--------+--------+--------+---------------------------------------------+
//   field:  tag (1 byte), 0 (1 byte), length (2 bytes, little-endian), data
//
// bytes: the whole block, a multiple of 8. Readers skip tags that they do not know; the version is raised only for what
// they could not skip. A key has at least one byte and comes once; tag 0 ends the fields, at most 7 zeros follow. A
// record without kExtended has no block: a keyless 32-byte event fills one 64-byte line. Everything decoded is input: a
// block that breaks a rule is reported, never trusted. Thread-safe, no allocation.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ipc/ring_reader.hpp"

namespace fabric {

enum class EnvelopeTag : std::uint8_t { end = 0, key = 1 };
inline constexpr std::uint8_t kEnvelopeVersion = 1;
inline constexpr std::size_t kMaxKeyBytes = 4096;

struct Envelope {
  std::span<const std::byte> key;
};

// Bytes that encode_envelope() writes for it; 0 when nothing has to be said.
std::size_t envelope_bytes(const Envelope& envelope) noexcept;
// Writes exactly envelope_bytes() to `out`.
void encode_envelope(const Envelope& envelope, std::span<std::byte> out) noexcept;

// A record taken apart; views into the record.
struct Event {
  Envelope envelope;
  std::span<const std::byte> payload;
};
// nullopt: the extension block is malformed.
std::optional<Event> decode_event(const ipc::RecordView& record) noexcept;

inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace fabric
