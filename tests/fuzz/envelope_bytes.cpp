#include "tests/fuzz/envelope_bytes.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "fabric/event/cloud_event.hpp"
#include "tests/fuzz/ring_actions.hpp"

namespace fabric::fuzz {
namespace {

bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::vector<std::byte> encode(const Event& event) {
  const auto bytes = envelope_bytes(event.envelope);
  std::vector<std::byte> record(bytes);
  encode_envelope(event.envelope, record);
  record.insert(record.end(), event.payload.begin(), event.payload.end());
  return record;
}

// Every view that an envelope hands out.
std::vector<std::span<const std::byte>> views_of(const Envelope& envelope) {
  std::vector<std::span<const std::byte>> views{envelope.key,
                                                envelope.fields,
                                                as_bytes(envelope.type()),
                                                as_bytes(envelope.source()),
                                                as_bytes(envelope.dataschema()),
                                                as_bytes(envelope.datacontenttype()),
                                                as_bytes(envelope.tracestate())};
  for (const auto& id : {envelope.id(), envelope.correlation(), envelope.causation()})
    if (id.form() == IdForm::text) views.push_back(as_bytes(as_text(id.bytes())));
  for (FieldReader fields(envelope.fields); fields.next();) {
    views.push_back(fields.data());
    if (!fields.is(EnvelopeTag::extension)) continue;
    if (const auto extension = decode_extension(fields.data())) {
      views.push_back(as_bytes(extension->name));
      views.push_back(as_bytes(extension->value.text()));
    }
  }
  return views;
}

// What is passed on says the same, and what the attributes add.
void pass_on(const Event& event) {
  const EventAttributes attributes{.id = "passed on", .passed_on = &event.envelope};
  const auto bytes = envelope_bytes(event.envelope.key, attributes);
  if (!bytes) return;
  std::vector<std::byte> block(*bytes);
  require(encode_envelope(event.envelope.key, attributes, block), "what was counted is written");
  const auto decoded = decode_event({.flags = ipc::kExtended, .payload = block});
  require(decoded && decoded->envelope.id() == EventId("passed on"), "with an id of its own");
  require(decoded->envelope.type() == event.envelope.type() && decoded->envelope.time() == event.envelope.time() &&
              decoded->envelope.traceparent() == event.envelope.traceparent() &&
              decoded->envelope.correlation() == event.envelope.correlation(),
          "and all the rest");
}

// Either it is reported, or it is a CloudEvent that JSON can say and a record can keep.
void export_event(const ipc::RecordView& record, const Event& event) {
  const auto exported = to_cloud_event({.topic = "t"}, record, event);
  if (!exported) return;
  const auto json = to_json(*exported);
  require(json && cloud_event_from_json(*json), "JSON reads back");
  const auto out = OutgoingEvent::of(*exported);
  require(out && as_text(out->key()) == as_text(event.envelope.key), "it fits a record");
}

}  // namespace

void decode_hostile_envelope(std::span<const std::uint8_t> input) {
  const auto exact = std::make_unique<std::byte[]>(input.size());
  if (!input.empty()) std::memcpy(exact.get(), input.data(), input.size());
  const std::span<const std::byte> record(exact.get(), input.size());
  const auto plain = decode_event({.payload = record});
  require(plain && plain->envelope.key.empty() && same(plain->payload, record), "without kExtended all is payload");
  const ipc::RecordView extended{.flags = ipc::kExtended, .payload = record};
  const auto event = decode_event(extended);
  if (!event) return;
  const auto inside = [&](std::span<const std::byte> view) {
    return view.empty() || (view.data() >= record.data() && view.data() + view.size() <= record.data() + record.size());
  };
  require(inside(event->payload), "the payload lies in the record");
  for (const auto of_envelope : views_of(event->envelope)) require(inside(of_envelope), "views lie in the record");
  require(event->envelope.key.size() + event->payload.size() <= record.size(), "and do not overlap");
  require(event->envelope.key.size() <= kMaxKeyBytes, "a key has its maximum");
  const auto again = encode(*event);
  const auto decoded =
      decode_event({.flags = envelope_bytes(event->envelope) != 0 ? std::uint8_t{ipc::kExtended} : std::uint8_t{0},
                    .payload = again});
  require(decoded && same(decoded->envelope.key, event->envelope.key) && same(decoded->payload, event->payload),
          "what is encoded comes back");
  pass_on(*event);
  export_event(extended, *event);
}

std::vector<std::vector<std::uint8_t>> envelope_seeds() {
  std::vector<std::vector<std::uint8_t>> seeds{
      {8, 0, 1, 0, 0, 0, 0, 0},
      {16, 0, 1, 0, 1, 0, 8, 0, 'o', 'r', 'd', 'e', 'r', 's', '-', '7', 'x'},
      {24, 0, 1, 0, 150, 0, 2, 0, 'a', 'b', 1, 0, 3, 0, 'k', 'e', 'y', 200, 0, 0, 0, 0, 0, 0, 'P'},
      {16, 0, 1, 0, 1, 0, 1, 0, 'k', 0, 0, 0, 0, 0, 0, 0}};
  const auto add = [&](std::string_view key, const EventAttributes& attributes) {
    const Event event{.envelope = {.key = as_bytes(key)}, .payload = as_bytes("{}")};
    std::vector<std::byte> block(envelope_bytes(event.envelope.key, attributes).value());
    require(encode_envelope(event.envelope.key, attributes, block), "seeds fit");
    block.insert(block.end(), event.payload.begin(), event.payload.end());
    const auto* first = reinterpret_cast<const std::uint8_t*>(block.data());
    seeds.emplace_back(first, first + block.size());
  };
  const Extension extensions[] = {{"a", true}, {"b", 5}, {"c", "t"}, {"d", AttributeView::uri("urn:x:y")}, {"e", Timestamp()}};
  add("k", {.id = "i", .type = "t", .source = "/s", .time = Timestamp()});
  add("", {.datacontenttype = "a/b", .dataschema = "x:y", .correlation = EventId::of_place({1, 2}, 3), .causation = "c"});
  add("k", {.traceparent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), .tracestate = "a=1"});
  add("", {.id = derive_id("c", "s", 1), .extensions = extensions});
  return seeds;
}

}  // namespace fabric::fuzz
