#include "fabric/event/envelope.hpp"

#include <algorithm>
#include <cstring>

#include "fabric/event/envelope_fields.hpp"

namespace fabric {
namespace {

constexpr std::size_t kTimeBytes = 12, kExtensionHead = 2;

bool all_zero(std::span<const std::byte> bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::optional<Timestamp> decode_time(std::span<const std::byte> data) noexcept {
  if (data.size() != kTimeBytes) return std::nullopt;
  std::int64_t seconds;
  std::uint32_t nanoseconds;
  std::memcpy(&seconds, data.data(), sizeof seconds);
  std::memcpy(&nanoseconds, &data[sizeof seconds], sizeof nanoseconds);
  return Timestamp::of(seconds, nanoseconds);
}

bool is_known_type(std::byte type) noexcept {
  return type >= std::byte{1} && type <= static_cast<std::byte>(AttributeType::binary);
}

// Type, name, value; a type that is not known may have any value.
bool is_extension(std::span<const std::byte> data) noexcept {
  if (data.size() < kExtensionHead) return false;
  const auto name_bytes = std::to_integer<std::size_t>(data[1]);
  if (name_bytes == 0 || name_bytes > kMaxAttributeName || name_bytes > data.size() - kExtensionHead) return false;
  return !is_known_type(data[0]) || decode_extension(data).has_value();
}

// Whether the data of a field that comes once is what its tag asks for.
bool is_well_formed(EnvelopeTag tag, std::span<const std::byte> data) noexcept {
  switch (tag) {
    case EnvelopeTag::key:
      return data.size() <= kMaxKeyBytes;
    case EnvelopeTag::id:
    case EnvelopeTag::correlationid:
    case EnvelopeTag::causationid:
      return !EventId::of_encoded(data).empty();
    case EnvelopeTag::time:
      return decode_time(data).has_value();
    case EnvelopeTag::traceparent:
      return TraceParent::of_bytes(data).has_value();
    case EnvelopeTag::tracestate:
      return data.size() <= kMaxTraceState;
    default:
      return data.size() <= kMaxAttributeBytes;
  }
}

// False: malformed.
bool decode_fields(Envelope& envelope) noexcept {
  FieldReader fields(envelope.fields);
  while (fields.next()) {
    if (fields.tag() >= kSingleTags) {
      if (fields.is(EnvelopeTag::extension) && !is_extension(fields.data())) return false;
      continue;
    }
    auto& place = envelope.places[fields.tag()];
    const auto data = fields.data();
    if (place.bytes != 0 || data.empty() || !is_well_formed(static_cast<EnvelopeTag>(fields.tag()), data)) return false;
    place = {.offset = static_cast<std::uint16_t>(data.data() - envelope.fields.data()),
             .bytes = static_cast<std::uint16_t>(data.size())};
  }
  envelope.key = envelope.field(EnvelopeTag::key);
  return fields.rest().size() < kBlockUnit && all_zero(fields.rest());
}

template <class Sink>
void write_fields(const Envelope& envelope, Sink& sink) noexcept {
  if (!envelope.key.empty()) sink.field(EnvelopeTag::key, {}, envelope.key);
  for (FieldReader fields(envelope.fields); fields.next();)
    if (!fields.is(EnvelopeTag::key)) sink.verbatim(fields.tag(), fields.data());
}

}  // namespace

bool FieldReader::next() noexcept {
  if (rest_.size() < kFieldHeader || rest_[1] != std::byte{0}) return false;
  tag_ = std::to_integer<std::uint8_t>(rest_[0]);
  const auto length = load_16(&rest_[2]);
  if (tag_ == static_cast<std::uint8_t>(EnvelopeTag::end) || length > rest_.size() - kFieldHeader) return false;
  data_ = rest_.subspan(kFieldHeader, length);
  rest_ = rest_.subspan(kFieldHeader + length);
  return true;
}

std::optional<Timestamp> Envelope::time() const noexcept { return decode_time(field(EnvelopeTag::time)); }

std::optional<AttributeView> Envelope::extension(std::string_view name) const noexcept {
  for (FieldReader reader(fields); reader.next();) {
    if (!reader.is(EnvelopeTag::extension)) continue;
    if (const auto found = decode_extension(reader.data()); found && found->name == name) return found->value;
  }
  return std::nullopt;
}

std::optional<Extension> decode_extension(std::span<const std::byte> data) noexcept {
  if (data.size() < kExtensionHead) return std::nullopt;
  const auto type = data[0];
  const auto name_bytes = std::to_integer<std::size_t>(data[1]);
  data = data.subspan(kExtensionHead);
  if (name_bytes == 0 || name_bytes > kMaxAttributeName || name_bytes > data.size()) return std::nullopt;
  const auto name = as_text(data.first(name_bytes));
  const auto value = data.subspan(name_bytes);
  if (value.size() > kMaxAttributeBytes) return std::nullopt;
  std::int32_t integer;
  switch (static_cast<AttributeType>(type)) {
    case AttributeType::boolean: {
      if (value.size() != 1 || value[0] > std::byte{1}) return std::nullopt;
      return Extension{name, value[0] == std::byte{1}};
    }
    case AttributeType::integer:
      if (value.size() != sizeof integer) return std::nullopt;
      std::memcpy(&integer, value.data(), sizeof integer);
      return Extension{name, integer};
    case AttributeType::string:
      return Extension{name, as_text(value)};
    case AttributeType::uri:
      return Extension{name, AttributeView::uri(as_text(value))};
    case AttributeType::uri_reference:
      return Extension{name, AttributeView::uri_reference(as_text(value))};
    case AttributeType::timestamp: {
      const auto time = decode_time(value);
      return time ? std::optional(Extension{name, *time}) : std::nullopt;
    }
    case AttributeType::binary:
      return Extension{name, value};
  }
  return std::nullopt;
}

std::size_t envelope_bytes(const Envelope& envelope) noexcept {
  FieldCounter counter;
  write_fields(envelope, counter);
  return counter.block_bytes();
}

void encode_envelope(const Envelope& envelope, std::span<std::byte> out) noexcept {
  const auto bytes = std::min(envelope_bytes(envelope), out.size());
  if (bytes < kBlockUnit) return;
  FieldWriter writer(out.first(bytes));
  write_fields(envelope, writer);
  static_cast<void>(writer.finish());  // of a decoded one all fits
}

std::optional<Event> decode_event(const ipc::RecordView& record) noexcept {
  Event event{.envelope = {}, .payload = record.payload};
  if ((record.flags & ipc::kExtended) == 0) return event;
  if (record.payload.size() < kBlockHeader) return std::nullopt;
  const auto bytes = load_16(record.payload.data());
  if (bytes < kBlockUnit || bytes % kBlockUnit != 0 || bytes > record.payload.size()) return std::nullopt;
  if (record.payload[2] != static_cast<std::byte>(kEnvelopeVersion) || record.payload[3] != std::byte{0})
    return std::nullopt;
  event.envelope.fields = record.payload.subspan(kBlockHeader, bytes - kBlockHeader);
  if (!decode_fields(event.envelope)) return std::nullopt;
  event.payload = record.payload.subspan(bytes);
  return event;
}

}  // namespace fabric
