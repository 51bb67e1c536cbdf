#pragma once
// How fields are written, for envelope.cpp and event_attributes.cpp. One function says what is written, to whichever of
// the two sinks: so what is counted is what comes. No allocation.

#include <cstring>

#include "fabric/event/envelope.hpp"

namespace fabric {

inline constexpr std::size_t kBlockHeader = 4, kFieldHeader = 4, kBlockUnit = 8;

inline std::size_t load_16(const std::byte* at) noexcept {
  return std::to_integer<std::size_t>(at[0]) | std::to_integer<std::size_t>(at[1]) << 8;
}
template <std::size_t N>
void store_little(std::uint64_t value, std::byte* to) noexcept {
  std::memcpy(to, &value, N);  // layout.hpp asserts little-endian
}

// Counts what FieldWriter would write.
class FieldCounter {
 public:
  void field(EnvelopeTag, std::span<const std::byte> head, std::span<const std::byte> data,
             std::span<const std::byte> more = {}) noexcept {
    bytes_ += kFieldHeader + head.size() + data.size() + more.size();
  }
  void verbatim(std::uint8_t, std::span<const std::byte> data) noexcept { bytes_ += kFieldHeader + data.size(); }
  // Of the whole block; 0 without fields.
  std::size_t block_bytes() const noexcept {
    return bytes_ == 0 ? 0 : (kBlockHeader + bytes_ + kBlockUnit - 1) / kBlockUnit * kBlockUnit;
  }

 private:
  std::size_t bytes_ = 0;
};

// Writes a block of out.size() bytes, a multiple of 8 and not 0. What does not fit is left out: the source of a
// verbatim field may have changed since it was counted.
class FieldWriter {
 public:
  explicit FieldWriter(std::span<std::byte> out) noexcept
      : at_(out.data() + kBlockHeader), end_(out.data() + out.size()) {
    const std::uint64_t header = (out.size() & 0xffff) | std::uint64_t{kEnvelopeVersion} << 16;
    store_little<kBlockHeader>(header, out.data());
  }
  void field(EnvelopeTag tag, std::span<const std::byte> head, std::span<const std::byte> data,
             std::span<const std::byte> more = {}) noexcept {
    if (!begin(static_cast<std::uint8_t>(tag), head.size() + data.size() + more.size())) return;
    put(head);
    put(data);
    put(more);
  }
  void verbatim(std::uint8_t tag, std::span<const std::byte> data) noexcept {
    if (begin(tag, data.size())) put(data);
  }
  // Pads. False: something was left out.
  bool finish() noexcept {
    std::memset(at_, 0, static_cast<std::size_t>(end_ - at_));
    return whole_ && end_ - at_ < static_cast<std::ptrdiff_t>(kBlockUnit);
  }

 private:
  bool begin(std::uint8_t tag, std::size_t bytes) noexcept {
    whole_ = whole_ && bytes <= 0xffff && kFieldHeader + bytes <= static_cast<std::size_t>(end_ - at_);
    if (!whole_) return false;
    store_little<kFieldHeader>(std::uint64_t{tag} | static_cast<std::uint64_t>(bytes) << 16, at_);
    at_ += kFieldHeader;
    return true;
  }
  void put(std::span<const std::byte> data) noexcept {
    if (data.empty()) return;
    std::memcpy(at_, data.data(), data.size());
    at_ += data.size();
  }

  std::byte* at_;
  std::byte* end_;
  bool whole_ = true;
};

}  // namespace fabric
