#pragma once
// An event as CloudEvents 1.0 sees it: a value that owns everything, its JSON form (JSON Event Format 1.0.2), and the
// way from a record and back. Not for hot paths: allocates. Functions without state; thread-safe.
//
//   attribute             of a record
//   id                    what its envelope says; otherwise the text of its place (event_id.hpp)
//   source                likewise; otherwise /topics/NAME/PARTITION
//   type                  likewise; otherwise what its schema id stands for; otherwise kUntyped
//   subject               its key; a key that is not what a String may be is the Binary extension `evfkey` instead
//   time                  likewise; otherwise the record's time stamp
//   dataschema, datacontenttype   likewise; otherwise what its schema id stands for; otherwise absent
//   sequence              likewise; otherwise the record's sequence in 16 digits
//   traceparent, tracestate, correlationid, causationid   what its envelope says
//   deprecated, deprecationfrom, deprecationsunset, deprecationmigration   likewise; otherwise what its schema id
//   stands for evfschema             its schema id, unless 0 data                  its payload; an empty one is no data
//
// What the tables of the envelope do not have is kept as an extension. JSON has no types of its own for URI, Timestamp
// and Binary: an extension that is none of the above comes back from JSON as Boolean, Integer or String.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabric/event/event_attributes.hpp"
#include "fabric/event/record_place.hpp"
#include "fabric/event/schema_names.hpp"
#include "ipc/result.hpp"

namespace fabric {

inline constexpr std::string_view kCloudEventsJson = "application/cloudevents+json";
inline constexpr std::string_view kCloudEventsBatchJson = "application/cloudevents-batch+json";
inline constexpr std::string_view kUntyped = "evf.record";  // the type of a record whose publisher named none

class AttributeValue {
 public:
  AttributeValue(const AttributeView& view) : view_(view), text_(view.text()) {}
  AttributeView view() const noexcept;
  AttributeType type() const noexcept { return view_.type(); }
  bool operator==(const AttributeValue& other) const noexcept { return view() == other.view(); }

 private:
  AttributeView view_;  // its text is not used
  std::string text_;
};

struct CloudEvent {
  std::string id{}, source{}, type{};  // required: not empty
  std::string subject{};               // empty: absent
  std::optional<Timestamp> time{};
  std::string dataschema{}, datacontenttype{};                       // empty: absent
  std::vector<std::pair<std::string, AttributeValue>> extensions{};  // set() keeps them in the order of their names
  std::string data{};                                                // bytes; empty: none

  const AttributeValue* find(std::string_view name) const noexcept;
  void set(std::string_view name, const AttributeView& value);  // replaces
  bool operator==(const CloudEvent&) const = default;
};

// All rules of the specification. Errors: invalid_argument, "attribute 'time': ...".
ipc::Result<void> check(const CloudEvent& event);

// ------------------------------------------------------------------------------------------------------------------
// JSON

// Structured mode, one line. Data is the member `data` as JSON where datacontenttype is JSON or absent and the data is
// JSON, or as text where datacontenttype is one of text and the data is UTF-8; otherwise `data_base64`. JSON data
// stands there as it is, byte for byte, but for line breaks. Errors: those of check().
ipc::Result<std::string> to_json(const CloudEvent& event);
ipc::Result<std::string> to_json(const std::vector<CloudEvent>& batch);
// The attributes only, without data.
ipc::Result<std::string> attributes_to_json(const CloudEvent& event);
// Errors: invalid_argument with line and column of the text, the attribute, and the rule. Where `data` has no
// datacontenttype, it is application/json, as the specification says, and the attribute is set.
ipc::Result<CloudEvent> cloud_event_from_json(std::string_view text);
// Of an array; "event 2, " (from 1) before the attribute.
ipc::Result<std::vector<CloudEvent>> cloud_events_from_json(std::string_view text);

// ---------------------------------------------------------------------------------------------------------------
// records

// Errors: corrupt: an attribute is not what CloudEvents allows, which its publisher did not check.
ipc::Result<CloudEvent> to_cloud_event(const RecordPlace& place, const ipc::RecordView& record, const Event& event,
                                       const SchemaNames* names = nullptr);

// A CloudEvent taken apart for Producer::publish(). Views into the CloudEvent, which has to stay where it is.
class OutgoingEvent {
 public:
  // What follows from the schema id is left out. `evfschema` counts when `names` has the same type for it, or when
  // there are no `names`. Errors: those of check(); invalid_argument: `evfkey` beside a subject, or out of range.
  static ipc::Result<OutgoingEvent> of(const CloudEvent& event, const SchemaNames* names = nullptr);

  std::span<const std::byte> key() const noexcept { return key_; }
  std::span<const std::byte> payload() const noexcept { return payload_; }
  std::uint32_t schema() const noexcept { return schema_; }
  // Valid as long as this.
  EventAttributes attributes() const noexcept;

 private:
  ipc::Result<void> take_extension(const CloudEvent& event, const std::string& name, const AttributeView& value);
  void leave_out_what_follows(const SchemaNames* names);
  std::span<const std::byte> key_, payload_;
  std::uint32_t schema_ = 0;
  EventAttributes attributes_;
  std::vector<Extension> extensions_;
};

}  // namespace fabric
