#pragma once
// What a publisher says about an event besides its key and payload, and how it becomes an envelope.
//
//   producer.publish(key, payload, {.id = "order-17", .correlation = "checkout-3"});
//   producer.publish(key, payload, cause.attributes("price"));       // delivery/cause.hpp: while another event is
//   handled producer.publish(key, payload, passed_on.attributes());          // delivery/cause.hpp: the same event,
//   elsewhere
//
// Views and values: what it is a view of has to live until publish() returned. Thread-safe; without allocation where
// not said otherwise. Publishing checks sizes only, which keeps every record readable; check() has all rules of
// CloudEvents.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "fabric/event/attribute.hpp"
#include "fabric/event/envelope.hpp"
#include "fabric/event/event_id.hpp"
#include "fabric/event/timestamp.hpp"
#include "fabric/event/trace_context.hpp"

namespace fabric {

// Everything is optional; what is left empty is not written.
struct EventAttributes {
  EventId id{};             // an idempotency id of the application, or a derived one; none: that of the record's place
  std::string_view type{};  // none: what the schema id stands for
  std::string_view source{};           // none: that of topic and partition
  std::optional<Timestamp> time{};     // none: the record's time stamp
  std::string_view datacontenttype{};  // none: what the schema id stands for
  std::string_view dataschema{};       // none: likewise
  std::optional<TraceParent> traceparent{};
  std::string_view tracestate{};  // at most kMaxTraceState, see limit_tracestate()
  EventId correlation{}, causation{};
  std::span<const Extension> extensions{};  // distinct names
  // An event that is passed on: what is empty above comes from there, with all extensions that are not named above and
  // with what this version does not know, verbatim.
  const Envelope* passed_on = nullptr;
};

// Of the block for a record with this key; 0: it needs none. nullopt: something is longer than its maximum
// (kMaxKeyBytes, kMaxIdBytes, kMaxTraceState, kMaxAttributeBytes, kMaxAttributeName, kMaxEnvelopeBytes in all), or an
// extension has no name.
std::optional<std::size_t> envelope_bytes(std::span<const std::byte> key, const EventAttributes& attributes) noexcept;
// Writes that block to the front of `out`, of as many bytes as envelope_bytes() said. False: somebody changed the event
// that is passed on meanwhile; what was written is of no use.
bool encode_envelope(std::span<const std::byte> key, const EventAttributes& attributes,
                     std::span<std::byte> out) noexcept;

// The rules of CloudEvents, for names and values that come from outside. Errors: invalid_argument, "attribute 'type':
// ...". Allocates.
ipc::Result<void> check(const EventAttributes& attributes);

}  // namespace fabric
