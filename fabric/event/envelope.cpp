#include "fabric/event/envelope.hpp"

#include <algorithm>
#include <cstring>

#include "fabric/event/envelope_fields.hpp"

namespace fabric {
namespace {

constexpr std::size_t kTimeBytes = 12, kExtensionHead = 2;

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

// Of a block, which has at least 8 bytes: whether the last `bytes` of them, fewer than 8, are zero.
bool ends_with_zeros(std::span<const std::byte> block, std::size_t bytes) noexcept {
  std::uint64_t last;
  std::memcpy(&last, block.data() + block.size() - sizeof last, sizeof last);
  return bytes == 0 || last >> (8 * (sizeof last - bytes)) == 0;
}

// Nearly every block has a key only: its first field is looked at without a detour.
bool take_first_key(std::span<const std::byte> fields, Envelope& envelope) noexcept {
  if (fields[0] != static_cast<std::byte>(EnvelopeTag::key) || fields[1] != std::byte{0}) return false;
  const auto length = load_16(&fields[2]);
  if (length == 0 || length > kMaxKeyBytes || length > fields.size() - kFieldHeader) return false;
  envelope.key = fields.subspan(kFieldHeader, length);
  return true;
}

// `rest`: what of the block's fields was not looked at. False: malformed.
bool decode_fields(std::span<const std::byte> block, std::span<const std::byte> rest, Envelope& envelope) noexcept {
  static_assert(kSingleTags <= 32);
  std::uint32_t seen = envelope.key.empty() ? 0 : 1U << static_cast<unsigned>(EnvelopeTag::key);
  FieldReader fields(rest);
  while (fields.next()) {
    if (fields.tag() >= kSingleTags) {
      if (fields.is(EnvelopeTag::extension) && !is_extension(fields.data())) return false;
      continue;
    }
    const auto bit = 1U << fields.tag();
    const auto data = fields.data();
    if ((seen & bit) != 0 || data.empty() || !is_well_formed(static_cast<EnvelopeTag>(fields.tag()), data)) return false;
    seen |= bit;
    if (fields.is(EnvelopeTag::key)) envelope.key = data;
  }
  return fields.rest().size() < kBlockUnit && ends_with_zeros(block, fields.rest().size());
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

std::span<const std::byte> Envelope::field(EnvelopeTag tag) const noexcept {
  for (FieldReader reader(fields); reader.next();)
    if (reader.is(tag)) return reader.data();
  return {};
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

bool decode_block(std::span<const std::byte> record, Event& event) noexcept {
  if (record.size() < kBlockUnit) return false;
  const auto bytes = load_16(record.data());
  if (bytes < kBlockUnit || bytes % kBlockUnit != 0 || bytes > record.size()) return false;
  if (record[2] != static_cast<std::byte>(kEnvelopeVersion) || record[3] != std::byte{0}) return false;
  const auto block = record.first(bytes);
  const auto fields = block.subspan(kBlockHeader);
  event.envelope.fields = fields;
  event.payload = record.subspan(bytes);
  if (!take_first_key(fields, event.envelope)) return decode_fields(block, fields, event.envelope);
  const auto rest = fields.subspan(kFieldHeader + event.envelope.key.size());
  if (rest.size() < kBlockUnit && ends_with_zeros(block, rest.size())) [[likely]] return true;
  return decode_fields(block, rest, event.envelope);
}

}  // namespace fabric
