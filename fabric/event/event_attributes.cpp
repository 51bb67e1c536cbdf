#include "fabric/event/event_attributes.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "fabric/event/envelope_fields.hpp"

namespace fabric {
namespace {

std::array<std::byte, 12> encode_time(const Timestamp& time) noexcept {
  std::array<std::byte, 12> bytes;
  store_little<8>(static_cast<std::uint64_t>(time.unix_seconds()), bytes.data());
  store_little<4>(time.nanoseconds(), &bytes[8]);
  return bytes;
}

template <class Sink>
void write_id(EnvelopeTag tag, const EventId& id, Sink& sink) noexcept {
  if (id.empty()) return;
  const std::byte form[] = {static_cast<std::byte>(id.form())};
  sink.field(tag, form, id.bytes());
}

template <class Sink>
void write_text(EnvelopeTag tag, std::string_view text, Sink& sink) noexcept {
  if (!text.empty()) sink.field(tag, {}, as_bytes(text));
}

template <class Sink>
void write_time(const std::optional<Timestamp>& time, Sink& sink) noexcept {
  if (time) sink.field(EnvelopeTag::time, {}, encode_time(*time));
}

template <class Sink>
void write_extension(const Extension& extension, Sink& sink) noexcept {
  const auto& value = extension.value;
  const std::byte head[] = {static_cast<std::byte>(value.type()), static_cast<std::byte>(extension.name.size() & 0xff)};
  const auto write = [&](std::span<const std::byte> bytes) {
    sink.field(EnvelopeTag::extension, head, as_bytes(extension.name), bytes);
  };
  switch (value.type()) {
    case AttributeType::boolean: {
      const std::byte flag[] = {value.boolean() ? std::byte{1} : std::byte{0}};
      return write(flag);
    }
    case AttributeType::integer: {
      std::array<std::byte, 4> number;
      store_little<4>(static_cast<std::uint32_t>(value.integer()), number.data());
      return write(number);
    }
    case AttributeType::timestamp:
      return write(encode_time(value.timestamp()));
    default:
      return write(as_bytes(value.text()));
  }
}

// Whether the attributes say themselves what the field of the event that is passed on says.
bool replaces(const EventAttributes& attributes, const FieldReader& field) noexcept {
  switch (static_cast<EnvelopeTag>(field.tag())) {
    case EnvelopeTag::key:
      return true;
    case EnvelopeTag::id:
      return !attributes.id.empty();
    case EnvelopeTag::type:
      return !attributes.type.empty();
    case EnvelopeTag::source:
      return !attributes.source.empty();
    case EnvelopeTag::time:
      return attributes.time.has_value();
    case EnvelopeTag::dataschema:
      return !attributes.dataschema.empty();
    case EnvelopeTag::datacontenttype:
      return !attributes.datacontenttype.empty();
    // A tracestate belongs to its traceparent.
    case EnvelopeTag::traceparent:
      return attributes.traceparent.has_value();
    case EnvelopeTag::tracestate:
      return attributes.traceparent.has_value() || !attributes.tracestate.empty();
    case EnvelopeTag::correlationid:
      return !attributes.correlation.empty();
    case EnvelopeTag::causationid:
      return !attributes.causation.empty();
    case EnvelopeTag::extension: {
      const auto carried = decode_extension(field.data());
      return carried && std::any_of(attributes.extensions.begin(), attributes.extensions.end(),
                                    [&](const Extension& extension) { return extension.name == carried->name; });
    }
    default:
      return false;
  }
}

template <class Sink>
[[gnu::always_inline]] inline void write_fields(std::span<const std::byte> key, const EventAttributes& attributes,
                                                Sink& sink) noexcept {
  if (!key.empty()) sink.field(EnvelopeTag::key, {}, key);
  write_id(EnvelopeTag::id, attributes.id, sink);
  write_text(EnvelopeTag::type, attributes.type, sink);
  write_text(EnvelopeTag::source, attributes.source, sink);
  write_time(attributes.time, sink);
  write_text(EnvelopeTag::dataschema, attributes.dataschema, sink);
  write_text(EnvelopeTag::datacontenttype, attributes.datacontenttype, sink);
  if (attributes.traceparent) sink.field(EnvelopeTag::traceparent, {}, attributes.traceparent->bytes());
  write_text(EnvelopeTag::tracestate, attributes.tracestate, sink);
  write_id(EnvelopeTag::correlationid, attributes.correlation, sink);
  write_id(EnvelopeTag::causationid, attributes.causation, sink);
  for (const auto& extension : attributes.extensions) write_extension(extension, sink);
  if (attributes.passed_on == nullptr) return;
  for (FieldReader fields(attributes.passed_on->fields); fields.next();)
    if (!replaces(attributes, fields)) sink.verbatim(fields.tag(), fields.data());
}

bool fits(const EventId& id) noexcept { return id.bytes().size() <= kMaxIdBytes; }
bool fits(std::string_view text) noexcept { return text.size() <= kMaxAttributeBytes; }

bool within_limits(std::span<const std::byte> key, const EventAttributes& attributes) noexcept {
  return key.size() <= kMaxKeyBytes && fits(attributes.id) && fits(attributes.correlation) &&
         fits(attributes.causation) && fits(attributes.type) && fits(attributes.source) &&
         fits(attributes.datacontenttype) && fits(attributes.dataschema) &&
         attributes.tracestate.size() <= kMaxTraceState &&
         std::all_of(attributes.extensions.begin(), attributes.extensions.end(), [](const Extension& extension) {
           return !extension.name.empty() && extension.name.size() <= kMaxAttributeName && fits(extension.value.text());
         });
}

ipc::Result<void> check_id_of(std::string_view name, const EventId& id) {
  return id.form() == IdForm::text ? check_id(name, as_text(id.bytes())) : ipc::Result<void>{};
}

ipc::Result<void> check_trace(const EventAttributes& attributes) {
  const auto& state = attributes.tracestate;
  if (state.size() <= kMaxTraceState && is_tracestate(state)) return {};
  return ipc::make_error(ipc::ErrorCode::invalid_argument,
                         "attribute 'tracestate': it is no W3C tracestate of at most 32 members and 512 bytes");
}

}  // namespace

std::optional<std::size_t> envelope_bytes(std::span<const std::byte> key, const EventAttributes& attributes) noexcept {
  if (!within_limits(key, attributes)) return std::nullopt;
  FieldCounter counter;
  write_fields(key, attributes, counter);
  const auto bytes = counter.block_bytes();
  if (bytes > kMaxEnvelopeBytes) return std::nullopt;
  return bytes;
}

bool encode_envelope(std::span<const std::byte> key, const EventAttributes& attributes,
                     std::span<std::byte> out) noexcept {
  FieldWriter writer(out);
  write_fields(key, attributes, writer);
  return writer.finish();
}

ipc::Result<void> check(const EventAttributes& attributes) {
  const auto unless_empty = [](std::string_view name, const AttributeView& value) {
    return value.text().empty() ? ipc::Result<void>{} : check_value(name, value);
  };
  for (const auto& checked :
       {check_id_of("id", attributes.id), check_id_of("correlationid", attributes.correlation),
        check_id_of("causationid", attributes.causation), unless_empty("type", attributes.type),
        unless_empty("source", AttributeView::uri_reference(attributes.source)),
        unless_empty("dataschema", AttributeView::uri(attributes.dataschema)), check_trace(attributes),
        attributes.datacontenttype.empty() ? ipc::Result<void>{}
                                           : check_media_type("datacontenttype", attributes.datacontenttype)})
    if (!checked) return checked;
  for (const auto& extension : attributes.extensions) {
    if (auto checked = check_name(extension.name); !checked) return checked;
    if (auto checked = check_value(extension.name, extension.value); !checked) return checked;
    if (std::count_if(attributes.extensions.begin(), attributes.extensions.end(),
                      [&](const Extension& other) { return other.name == extension.name; }) > 1)
      return ipc::make_error(ipc::ErrorCode::invalid_argument,
                             "attribute '" + std::string(extension.name) + "': it is there twice");
  }
  return {};
}

}  // namespace fabric
