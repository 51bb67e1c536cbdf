#include "fabric/delivery/cause.hpp"

namespace fabric {

Cause::Cause(const RecordPlace& place, const Envelope& envelope, std::string_view scope) noexcept
    : id_(id_of(place, envelope)),
      correlation_(envelope.correlation()),
      traceparent_(envelope.traceparent()),
      tracestate_(envelope.tracestate()),
      scope_(scope) {
  if (correlation_.empty()) correlation_ = id_;
}

EventAttributes Cause::attributes() const noexcept {
  EventAttributes attributes;
  attributes.traceparent = traceparent_;
  attributes.tracestate = tracestate_;
  attributes.correlation = correlation_;
  attributes.causation = id_;
  return attributes;
}

EventAttributes Cause::attributes(std::uint64_t step) const noexcept {
  auto attributes = this->attributes();
  attributes.id = derive_id(id_, scope_, step);
  return attributes;
}

EventAttributes Cause::attributes(std::string_view step) const noexcept {
  auto attributes = this->attributes();
  attributes.id = derive_id(id_, scope_, step);
  return attributes;
}

PassedOn::PassedOn(const Delivery& delivery) noexcept {
  const auto place = place_of(delivery);
  const auto& envelope = delivery.event.envelope;
  attributes_.passed_on = &envelope;
  if (envelope.id().empty()) attributes_.id = EventId::of_place(place.ring_id, place.sequence);
  if (envelope.source().empty()) attributes_.source = source_of(place, source_);
  if (!envelope.time()) attributes_.time = Timestamp::of_unix_ns(delivery.record.timestamp_ns);
  if (!envelope.extension("sequence")) add({"sequence", sequence_text(place.sequence, sequence_)});
}

bool PassedOn::add(const Extension& extension) noexcept {
  const auto count = attributes_.extensions.size();
  if (count == kMostAdded + (count != 0 && extensions_[0].name == "sequence" ? 1 : 0)) return false;
  extensions_[count] = extension;
  attributes_.extensions = {extensions_.data(), count + 1};
  return true;
}

}  // namespace fabric
