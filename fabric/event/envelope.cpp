#include "fabric/event/envelope.hpp"

#include <algorithm>
#include <cstring>

namespace fabric {
namespace {

constexpr std::size_t kBlockHeader = 4, kFieldHeader = 4, kUnit = 8;

std::size_t load_16(const std::byte* at) noexcept {
  return std::to_integer<std::size_t>(at[0]) | std::to_integer<std::size_t>(at[1]) << 8;
}
void store_16(std::byte* at, std::size_t value) noexcept {
  at[0] = static_cast<std::byte>(value & 0xff);
  at[1] = static_cast<std::byte>(value >> 8 & 0xff);
}
bool all_zero(std::span<const std::byte> bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// `fields`: everything behind the block's header. False: malformed.
bool decode_fields(std::span<const std::byte> fields, Envelope& envelope) noexcept {
  while (!fields.empty() && fields[0] != static_cast<std::byte>(EnvelopeTag::end)) {
    if (fields.size() < kFieldHeader || fields[1] != std::byte{0}) return false;
    const auto length = load_16(&fields[2]);
    if (length > fields.size() - kFieldHeader) return false;
    const auto data = fields.subspan(kFieldHeader, length);
    if (fields[0] == static_cast<std::byte>(EnvelopeTag::key)) {
      if (!envelope.key.empty() || data.empty() || data.size() > kMaxKeyBytes) return false;
      envelope.key = data;
    }
    fields = fields.subspan(kFieldHeader + length);
  }
  return fields.size() < kUnit && all_zero(fields);
}

}  // namespace

std::size_t envelope_bytes(const Envelope& envelope) noexcept {
  if (envelope.key.empty()) return 0;
  return (kBlockHeader + kFieldHeader + envelope.key.size() + kUnit - 1) / kUnit * kUnit;
}

void encode_envelope(const Envelope& envelope, std::span<std::byte> out) noexcept {
  const auto bytes = envelope_bytes(envelope);
  if (bytes == 0) return;
  auto* at = out.data();
  store_16(at, bytes);
  at[2] = static_cast<std::byte>(kEnvelopeVersion);
  at[3] = std::byte{0};
  at += kBlockHeader;
  at[0] = static_cast<std::byte>(EnvelopeTag::key);
  at[1] = std::byte{0};
  store_16(at + 2, envelope.key.size());
  std::memcpy(at + kFieldHeader, envelope.key.data(), envelope.key.size());
  const auto used = kBlockHeader + kFieldHeader + envelope.key.size();
  std::memset(out.data() + used, 0, bytes - used);
}

std::optional<Event> decode_event(const ipc::RecordView& record) noexcept {
  Event event{.envelope = {}, .payload = record.payload};
  if ((record.flags & ipc::kExtended) == 0) return event;
  if (record.payload.size() < kBlockHeader) return std::nullopt;
  const auto bytes = load_16(record.payload.data());
  if (bytes < kUnit || bytes % kUnit != 0 || bytes > record.payload.size()) return std::nullopt;
  if (record.payload[2] != static_cast<std::byte>(kEnvelopeVersion) || record.payload[3] != std::byte{0})
    return std::nullopt;
  if (!decode_fields(record.payload.subspan(kBlockHeader, bytes - kBlockHeader), event.envelope)) return std::nullopt;
  event.payload = record.payload.subspan(bytes);
  return event;
}

}  // namespace fabric
