#include "fabric/event/event_id.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "fabric/text.hpp"
#include "ipc/checksum.hpp"

namespace fabric {
namespace {

constexpr std::size_t kHashText = 32;
constexpr std::size_t kMaxScope = 0xffff;

void store_64(std::uint64_t value, std::byte* to) noexcept {
  for (std::size_t i = 0; i < 8; ++i) to[i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
}

// A place's ring id is little-endian words; its text has each word's highest digit first.
void reverse_words(std::span<const std::byte, 16> from, std::span<std::byte, 16> to) noexcept {
  for (std::size_t i = 0; i < 16; ++i) to[i] = from[i / 8 * 8 + 7 - i % 8];
}

// A decimal number as to_chars writes it.
bool parse_sequence(std::string_view text, std::uint64_t& sequence) noexcept {
  if (text.empty() || (text.front() == '0' && text.size() > 1)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sequence);
  return error == std::errc{} && end == text.data() + text.size();
}

class Hasher {
 public:
  Hasher() noexcept { XXH3_128bits_reset(&state_); }
  void add(const void* data, std::size_t bytes) noexcept { XXH3_128bits_update(&state_, data, bytes); }
  void add_number(std::uint64_t value, std::size_t bytes) noexcept {
    std::byte encoded[8];
    store_64(value, encoded);
    add(encoded, bytes);
  }
  EventId id() const noexcept {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state_));
    EventId::Hash hash;
    std::memcpy(hash.data(), canonical.digest, hash.size());
    return EventId::of_hash(hash);
  }

 private:
  XXH3_state_t state_;
};

Hasher hash_cause(const EventId& cause, std::string_view scope) noexcept {
  std::array<char, kMaxIdBytes> buffer;
  const auto text = cause.text(buffer);
  scope = scope.substr(0, kMaxScope);
  Hasher hasher;
  hasher.add_number(text.size(), 1);
  hasher.add(text.data(), text.size());
  hasher.add_number(scope.size(), 2);
  hasher.add(scope.data(), scope.size());
  return hasher;
}

}  // namespace

EventId::EventId(std::string_view text) noexcept {
  if (text.empty()) return;
  form_ = IdForm::text;
  text_ = text;
  if (text.size() < kHashText || text.size() > kHashText + 1 + 20) return;
  std::array<std::byte, kHashIdBytes> hash;
  if (text.size() == kHashText) {
    if (parse_hex(text, hash)) *this = of_hash(hash);
    return;
  }
  std::uint64_t sequence = 0;
  if (text[kHashText] != '-' || !parse_sequence(text.substr(kHashText + 1), sequence) ||
      !parse_hex(text.substr(0, kHashText), hash))
    return;
  form_ = IdForm::place;
  text_ = {};
  reverse_words(hash, std::span(fixed_).first<16>());
  store_64(sequence, &fixed_[16]);
}

EventId EventId::of_hash(const Hash& hash) noexcept {
  EventId id;
  id.form_ = IdForm::hash;
  std::copy(hash.begin(), hash.end(), id.fixed_.begin());
  return id;
}

EventId EventId::of_place(const RingId& ring, std::uint64_t sequence) noexcept {
  EventId id;
  id.form_ = IdForm::place;
  store_64(ring[0], id.fixed_.data());
  store_64(ring[1], &id.fixed_[8]);
  store_64(sequence, &id.fixed_[16]);
  return id;
}

EventId EventId::of_encoded(std::span<const std::byte> encoded) noexcept {
  EventId id;
  if (encoded.size() < 2) return id;
  const auto form = std::to_integer<std::uint8_t>(encoded[0]);
  const auto bytes = encoded.subspan(1);
  if (form == static_cast<std::uint8_t>(IdForm::text) && bytes.size() <= kMaxIdBytes) {
    id.form_ = IdForm::text;
    id.text_ = as_text(bytes);
  } else if ((form == static_cast<std::uint8_t>(IdForm::hash) && bytes.size() == kHashIdBytes) ||
             (form == static_cast<std::uint8_t>(IdForm::place) && bytes.size() == kPlaceIdBytes)) {
    id.form_ = static_cast<IdForm>(form);
    std::copy(bytes.begin(), bytes.end(), id.fixed_.begin());
  }
  return id;
}

std::span<const std::byte> EventId::bytes() const noexcept {
  switch (form_) {
    case IdForm::text:
      return as_bytes(text_);
    case IdForm::hash:
      return std::span(fixed_).first<kHashIdBytes>();
    case IdForm::place:
      return fixed_;
    case IdForm::none:
      break;
  }
  return {};
}

std::string_view EventId::text(std::span<char, kMaxIdBytes> buffer) const noexcept {
  if (form_ == IdForm::text) return text_;
  if (form_ == IdForm::none) return {};
  const auto head = std::span(fixed_).first<16>();
  if (form_ == IdForm::hash) {
    write_hex(head, buffer.data());
    return {buffer.data(), kHashText};
  }
  std::array<std::byte, 16> ring;
  reverse_words(head, ring);
  write_hex(ring, buffer.data());
  buffer[kHashText] = '-';
  std::uint64_t sequence = 0;
  for (std::size_t i = 0; i < 8; ++i) sequence |= std::to_integer<std::uint64_t>(fixed_[16 + i]) << (8 * i);
  const auto end = std::to_chars(&buffer[kHashText + 1], buffer.data() + buffer.size(), sequence).ptr;
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

bool EventId::operator==(const EventId& other) const noexcept {
  const auto mine = bytes(), theirs = other.bytes();
  return form_ == other.form_ && std::equal(mine.begin(), mine.end(), theirs.begin(), theirs.end());
}

std::string to_string(const EventId& id) {
  std::array<char, kMaxIdBytes> buffer;
  return std::string(id.text(buffer));
}

EventId derive_id(const EventId& cause, std::string_view scope, std::uint64_t step) noexcept {
  auto hasher = hash_cause(cause, scope);
  hasher.add("n", 1);
  hasher.add_number(step, 8);
  return hasher.id();
}

EventId derive_id(const EventId& cause, std::string_view scope, std::string_view step) noexcept {
  auto hasher = hash_cause(cause, scope);
  hasher.add("s", 1);
  hasher.add(step.data(), step.size());
  return hasher.id();
}

}  // namespace fabric
