#pragma once
// W3C Trace Context (Recommendation; version 00 of the header, and higher ones as its section on versioning says): the
// position of an event in a distributed trace. Parsing follows the grammar to the letter; what does not fit is no
// context, and a tracer starts a new trace then. Values; thread-safe; without allocation where not said otherwise.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fabric {

inline constexpr std::size_t kTraceParentText = 55;   // bytes of version 00
inline constexpr std::size_t kTraceParentBytes = 25;  // in the envelope: trace id, parent id, flags
inline constexpr std::size_t kMaxTraceState =
    512;  // bytes that have to be carried on; longer ones are cut by whole members
inline constexpr std::size_t kMaxTraceMembers = 32;

// trace id, parent id, flags. Neither id is all zeros: such a context cannot be made.
class TraceParent {
 public:
  using TraceId = std::array<std::uint8_t, 16>;
  using ParentId = std::array<std::uint8_t, 8>;
  static constexpr std::uint8_t kSampled = 1;

  // nullopt: an id is all zeros.
  static std::optional<TraceParent> of(const TraceId& trace_id, const ParentId& parent_id, std::uint8_t flags) noexcept;
  // kTraceParentBytes as in the envelope. nullopt: another size, or an id is all zeros.
  static std::optional<TraceParent> of_bytes(std::span<const std::byte> bytes) noexcept;

  const TraceId& trace_id() const noexcept { return trace_id_; }
  const ParentId& parent_id() const noexcept { return parent_id_; }
  std::uint8_t flags() const noexcept { return flags_; }
  bool sampled() const noexcept { return (flags_ & kSampled) != 0; }
  std::array<std::byte, kTraceParentBytes> bytes() const noexcept;
  bool operator==(const TraceParent&) const noexcept = default;

 private:
  TraceParent() noexcept = default;
  TraceId trace_id_{};
  ParentId parent_id_{};
  std::uint8_t flags_ = 0;
};

// "00-<32 hex>-<16 hex>-<2 hex>", lower case. Allocates.
std::string to_string(const TraceParent& parent);
// Version 00: exactly that text. Higher versions, which may append fields: the first 55 bytes, of the flags only
// `sampled`. nullopt: not a context; version ff, upper case, ids of zeros included.
std::optional<TraceParent> parse_traceparent(std::string_view text) noexcept;

// Whether it is a list of at most 32 members "key=value" with distinct keys, blank members aside. An empty text is one.
bool is_tracestate(std::string_view text) noexcept;
// The members of a tracestate that fit `most_bytes`, in their order, blank ones left out: when there are too many,
// those of more than 128 bytes go first, then those at the end; always whole members. Allocates.
std::string limit_tracestate(std::string_view text, std::size_t most_bytes = kMaxTraceState);

}  // namespace fabric
