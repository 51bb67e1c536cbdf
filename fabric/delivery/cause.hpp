#pragma once
// Publishing while an event is handled: the new event says what caused it, belongs to the same flow and trace, and can
// have an id that is the same whenever the handler runs again. And passing an event on as it is.
//
//   consumer.poll([&](const fabric::Delivery& delivery) {
//     const fabric::Cause cause(delivery, "billing");
//     producer.publish(key, invoice, cause.attributes("invoice"));
//   });
//
// Views into the record: valid as long as the delivery. Thread-safe, no allocation.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "fabric/delivery/consumer.hpp"
#include "fabric/event/event_attributes.hpp"
#include "fabric/event/record_place.hpp"

namespace fabric {

inline RecordPlace place_of(const Delivery& delivery) noexcept {
  return place_of(*delivery.topic, delivery.partition, delivery.record.sequence);
}
inline EventId id_of(const Delivery& delivery) noexcept { return id_of(place_of(delivery), delivery.event.envelope); }

class Cause {
 public:
  // `scope`: who handles it, as a rule the group. Handlers of one event have different ones, otherwise their derived
  // ids would be equal.
  Cause(const RecordPlace& place, const Envelope& envelope, std::string_view scope) noexcept;
  Cause(const Delivery& delivery, std::string_view scope) noexcept
      : Cause(place_of(delivery), delivery.event.envelope, scope) {}

  const EventId& id() const noexcept { return id_; }
  // The cause's own correlation, or, where it has none, its id: it began the flow.
  const EventId& correlation() const noexcept { return correlation_; }

  // correlation, causation, traceparent and tracestate; everything else is left empty. The new event has the id of its
  // place.
  EventAttributes attributes() const noexcept;
  // The same, and an id derived from the cause (derive_id). `step` is distinct among what the handler publishes for one
  // event: a number, or a name, which outlives changes of the code.
  EventAttributes attributes(std::uint64_t step) const noexcept;
  EventAttributes attributes(std::string_view step) const noexcept;

 private:
  EventId id_, correlation_;
  std::optional<TraceParent> traceparent_;
  std::string_view tracestate_, scope_;
};

// An event as it is published elsewhere, a dead-letter topic or another fabric: everything that it says, known here or
// not, and its id, source, time and sequence, which so far followed from its place. Key, payload and schema go along
// beside it. The Delivery has to outlive it.
class PassedOn {
 public:
  static constexpr std::size_t kMostAdded = 16;

  explicit PassedOn(const Delivery& delivery) noexcept;
  PassedOn(const PassedOn&) = delete;
  PassedOn& operator=(const PassedOn&) = delete;
  // Says something more about it, or replaces an extension that it has. False: there are kMostAdded.
  bool add(const Extension& extension) noexcept;
  const EventAttributes& attributes() const noexcept { return attributes_; }

 private:
  std::array<char, kMaxSource> source_;
  std::array<char, kSequenceText> sequence_;
  std::array<Extension, kMostAdded + 1> extensions_{};
  EventAttributes attributes_;
};

}  // namespace fabric
