#pragma once
// Ids of events: CloudEvents' `id`, and what refers to one (correlation, causation).
//
//   form    says                                              text                                          bytes
//   place   the ring and the sequence where it was published  32 hex digits of the ring's id, '-', decimal   24
//   hash    derived from the event that caused it             32 hex digits                                 16
//   text    what the application calls it                     itself, 1 to 255 bytes                        1-255
//
// An event that was given no id has the one of its place, which nobody has to write; it is written only when the event
// goes elsewhere. A text that is one of the other two forms is stored as that form: equal ids have one form, and equal
// bytes. Values; thread-safe, no allocation where not said otherwise.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fabric {

// Stored in the envelope: values never change.
enum class IdForm : std::uint8_t { none = 0, text = 1, hash = 2, place = 3 };
inline constexpr std::size_t kMaxIdBytes = 255;
inline constexpr std::size_t kHashIdBytes = 16, kPlaceIdBytes = 24;

class EventId {
 public:
  using RingId = std::array<std::uint64_t, 2>;
  using Hash = std::array<std::byte, kHashIdBytes>;

  EventId() noexcept = default;  // none
  // A view of the text, or, where the text is of such a form, its hash or place. Empty: none. Longer than kMaxIdBytes:
  // no publisher takes it.
  EventId(std::string_view text) noexcept;
  EventId(const char* text) noexcept : EventId(std::string_view(text)) {}
  EventId(const std::string& text) noexcept : EventId(std::string_view(text)) {}
  static EventId of_hash(const Hash& hash) noexcept;
  static EventId of_place(const RingId& ring, std::uint64_t sequence) noexcept;
  // As in the envelope: the form, then the bytes. Anything else than that is none. A text is a view of `encoded`.
  static EventId of_encoded(std::span<const std::byte> encoded) noexcept;

  IdForm form() const noexcept { return form_; }
  bool empty() const noexcept { return form_ == IdForm::none; }
  // Of its form, as in the envelope. Valid as long as this, and what it is a view of.
  std::span<const std::byte> bytes() const noexcept;
  // The text, in `buffer` unless it is a view already.
  std::string_view text(std::span<char, kMaxIdBytes> buffer) const noexcept;
  bool operator==(const EventId& other) const noexcept;

 private:
  IdForm form_ = IdForm::none;
  std::array<std::byte, kPlaceIdBytes> fixed_{};  // hash, place: ring id and sequence, little-endian
  std::string_view text_{};
};

// Empty when there is none. Allocates.
std::string to_string(const EventId& id);

// The id of an event that is published while another is handled: the same for the same cause, scope and step, in every
// process and binding, so that a handler which runs again publishes the same ids. XXH3-128 of these bytes, big-endian
// as in its canonical form:
//
//   length of the cause's text (1 byte), the text, length of the scope (2 bytes, little-endian), the scope,
//   then 'n' and the number (8 bytes, little-endian), or 's' and the name
//
// `scope`: who handles it (its group): two handlers of one event publish different events. At most 65535 bytes count.
EventId derive_id(const EventId& cause, std::string_view scope, std::uint64_t step) noexcept;
EventId derive_id(const EventId& cause, std::string_view scope, std::string_view step) noexcept;

}  // namespace fabric
