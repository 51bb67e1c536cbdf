#pragma once
// What a record carries besides its payload, as an extension block at the front of the record, present when used.
//
//   0        2        3        4
//   +--------+--------+--------+---------------------------------------------+
//   | bytes  | version| 0      | fields, padded with zeros to 8 bytes        |
//   +--------+--------+--------+---------------------------------------------+
//   field:  tag (1 byte), 0 (1 byte), length (2 bytes, little-endian), data
//
//   tag  CloudEvents       data
//    0   -                 ends the fields, at most 7 zeros follow
//    1   subject           the key, 1 to 4096 bytes
//    2   id                form (1 byte) and bytes, see event_id.hpp
//    3   type              text, 1 to 8192 bytes
//    4   source            text, likewise
//    5   time              Unix seconds (8 bytes, signed), nanoseconds (4 bytes)
//    6   dataschema        text, likewise
//    7   datacontenttype   text, likewise
//    8   traceparent       trace id (16 bytes), parent id (8 bytes), flags (1 byte)
//    9   tracestate        text, 1 to 512 bytes
//   10   correlationid     as id
//   11   causationid       as id
//   12   any other one     AttributeType (1 byte), length of the name (1 byte), name, value; may come more than once
//                          value: text or bytes as they are; Boolean 0 or 1 (1 byte), Integer 4 bytes, Timestamp as
//                          time
//
// bytes: the whole block, a multiple of 8. Every field but 12 comes once. Readers skip tags and attribute types that
// they do not know; the version is raised only for what they could not skip. What is absent follows from elsewhere: id
// from the record's place, time from its time stamp, type, dataschema and datacontenttype from its schema id
// (schema_names.hpp). A record without kExtended has no block: a keyless 32-byte event fills one 64-byte line.
// Everything decoded is input: a block that breaks a rule is reported, never trusted; as others may write to it still,
// whatever is read later is checked again. Thread-safe, no allocation.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "fabric/event/attribute.hpp"
#include "fabric/event/event_id.hpp"
#include "fabric/event/trace_context.hpp"
#include "fabric/text.hpp"
#include "ipc/ring_reader.hpp"

namespace fabric {

enum class EnvelopeTag : std::uint8_t {
  end = 0,
  key = 1,
  id = 2,
  type = 3,
  source = 4,
  time = 5,
  dataschema = 6,
  datacontenttype = 7,
  traceparent = 8,
  tracestate = 9,
  correlationid = 10,
  causationid = 11,
  extension = 12,
};
inline constexpr std::size_t kSingleTags = 12;  // those below come once
inline constexpr std::uint8_t kEnvelopeVersion = 1;
inline constexpr std::size_t kMaxKeyBytes = 4096;
inline constexpr std::size_t kMaxEnvelopeBytes = 0xfff8;

// A field of a block. Fields of a decoded block: for (FieldReader fields(envelope.fields); fields.next();) ...
// fields.data().
class FieldReader {
 public:
  explicit FieldReader(std::span<const std::byte> fields) noexcept : rest_(fields) {}
  // False: no more, or no whole one.
  bool next() noexcept;
  std::uint8_t tag() const noexcept { return tag_; }
  bool is(EnvelopeTag tag) const noexcept { return tag_ == static_cast<std::uint8_t>(tag); }
  std::span<const std::byte> data() const noexcept { return data_; }
  // What was not read: padding, at the end of a whole block.
  std::span<const std::byte> rest() const noexcept { return rest_; }

 private:
  std::uint8_t tag_ = 0;
  std::span<const std::byte> rest_, data_{};
};

struct Envelope {
  std::span<const std::byte> key{};
  // Of a decoded block: everything behind its header. encode_envelope() copies it, whether it knows the fields or not, so an event
  // that is passed on keeps them.
  std::span<const std::byte> fields{};

  // What the block says itself; empty or nullopt: it does not. Each looks through the fields: every delivery is decoded, few are
  // asked for more than key and payload. Views into the record. Texts are as their publisher
  // wrote them: that they are UTF-8 is checked where they leave (cloud_event.hpp).
  EventId id() const noexcept { return EventId::of_encoded(field(EnvelopeTag::id)); }
  std::string_view type() const noexcept { return as_text(field(EnvelopeTag::type)); }
  std::string_view source() const noexcept { return as_text(field(EnvelopeTag::source)); }
  std::optional<Timestamp> time() const noexcept;
  std::string_view dataschema() const noexcept { return as_text(field(EnvelopeTag::dataschema)); }
  std::string_view datacontenttype() const noexcept { return as_text(field(EnvelopeTag::datacontenttype)); }
  std::optional<TraceParent> traceparent() const noexcept {
    return TraceParent::of_bytes(field(EnvelopeTag::traceparent));
  }
  std::string_view tracestate() const noexcept { return as_text(field(EnvelopeTag::tracestate)); }
  EventId correlation() const noexcept { return EventId::of_encoded(field(EnvelopeTag::correlationid)); }
  EventId causation() const noexcept { return EventId::of_encoded(field(EnvelopeTag::causationid)); }
  std::optional<AttributeView> extension(std::string_view name) const noexcept;

  // Of a tag that comes once; empty: it is not there.
  std::span<const std::byte> field(EnvelopeTag tag) const noexcept;
};

// The data of a field of EnvelopeTag::extension. nullopt: malformed, or of a type that is not known.
std::optional<Extension> decode_extension(std::span<const std::byte> data) noexcept;

// Bytes that encode_envelope() writes for it; 0 when nothing has to be said.
std::size_t envelope_bytes(const Envelope& envelope) noexcept;
// Writes exactly envelope_bytes() to `out`: the key, then all other fields of a decoded one, verbatim.
void encode_envelope(const Envelope& envelope, std::span<std::byte> out) noexcept;

// A record taken apart; views into the record.
struct Event {
  Envelope envelope;
  std::span<const std::byte> payload;
};
// Of a record with kExtended. False: the block is malformed, and the event is of no use.
bool decode_block(std::span<const std::byte> record, Event& event) noexcept;
// False: likewise. Inline, as most records may have no block.
inline bool decode_event(const ipc::RecordView& record, Event& event) noexcept {
  event = {.envelope = {}, .payload = record.payload};
  return (record.flags & ipc::kExtended) == 0 || decode_block(record.payload, event);
}
// The same; nullopt: malformed.
inline std::optional<Event> decode_event(const ipc::RecordView& record) noexcept {
  std::optional<Event> event(std::in_place);
  if (!decode_event(record, *event)) event.reset();
  return event;
}

}  // namespace fabric
