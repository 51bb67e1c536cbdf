#include "fabric/event/cloud_event.hpp"

#include <algorithm>

namespace fabric {
namespace {

ipc::Error refuse(std::string_view name, const std::string& why) {
  return ipc::make_error(ErrorCode::invalid_argument, "attribute '" + std::string(name) + "': " + why);
}

Result<void> check_optional(std::string_view name, const AttributeView& value) {
  return value.text().empty() ? Result<void>{} : check_value(name, value);
}

// Rules for the values of extensions that are documented beside the specification.
Result<void> check_known(std::string_view name, const AttributeView& value) {
  const auto wants = [&](AttributeType type) -> Result<void> {
    if (value.type() == type) return {};
    return refuse(
        name, "it is a " + std::string(to_string(value.type())) + "; it has to be a " + std::string(to_string(type)));
  };
  if (name == "correlationid" || name == "causationid") {
    if (auto checked = wants(AttributeType::string); !checked) return checked;
    return check_id(name, value.text());
  }
  if (name == "deprecated") return wants(AttributeType::boolean);
  if (name == "deprecationfrom" || name == "deprecationsunset") return wants(AttributeType::timestamp);
  if (name == "deprecationmigration") return wants(AttributeType::uri);
  if (name == "evfkey") return wants(AttributeType::binary);
  if (name == "evfschema") return wants(AttributeType::integer);
  return {};
}

}  // namespace

AttributeView AttributeValue::view() const noexcept {
  switch (view_.type()) {
    case AttributeType::string:
      return std::string_view(text_);
    case AttributeType::uri:
      return AttributeView::uri(text_);
    case AttributeType::uri_reference:
      return AttributeView::uri_reference(text_);
    case AttributeType::binary:
      return as_bytes(text_);
    default:
      return view_;
  }
}

const AttributeValue* CloudEvent::find(std::string_view name) const noexcept {
  const auto found = std::find_if(extensions.begin(), extensions.end(),
                                  [&](const auto& extension) { return extension.first == name; });
  return found == extensions.end() ? nullptr : &found->second;
}

void CloudEvent::set(std::string_view name, const AttributeView& value) {
  const auto at =
      std::lower_bound(extensions.begin(), extensions.end(), name,
                       [](const auto& extension, std::string_view wanted) { return extension.first < wanted; });
  if (at != extensions.end() && at->first == name)
    at->second = AttributeValue(value);
  else
    extensions.emplace(at, name, value);
}

Result<void> check(const CloudEvent& event) {
  if (event.source.empty()) return refuse("source", "it is empty");
  if (event.type.empty()) return refuse("type", "it is empty");
  for (const auto& checked :
       {check_id("id", event.id), check_value("source", AttributeView::uri_reference(event.source)),
        check_value("type", event.type), check_optional("subject", event.subject),
        check_optional("dataschema", AttributeView::uri(event.dataschema)),
        event.datacontenttype.empty() ? Result<void>{} : check_media_type("datacontenttype", event.datacontenttype)})
    if (!checked) return checked;
  if (event.subject.size() > kMaxKeyBytes)
    return refuse("subject", "it has " + std::to_string(event.subject.size()) + " bytes; as a key it may have " +
                                 std::to_string(kMaxKeyBytes));
  for (const auto& [name, value] : event.extensions) {
    if (auto checked = check_name(name); !checked) return checked;
    if (auto checked = check_value(name, value.view()); !checked) return checked;
    if (auto checked = check_known(name, value.view()); !checked) return checked;
    if (event.find(name) != &value) return refuse(name, "it is there twice");
  }
  return {};
}

// --------------------------------------------------------------------------------------------------------- from a
// record

namespace {

Result<void> add_extensions(const Envelope& envelope, CloudEvent& event) {
  for (FieldReader fields(envelope.fields); fields.next();) {
    if (!fields.is(EnvelopeTag::extension)) continue;
    const auto extension = decode_extension(fields.data());
    if (!extension) continue;  // of a type that a later version knows
    if (event.find(extension->name) != nullptr) return refuse(extension->name, "it is there twice");
    event.set(extension->name, extension->value);
  }
  return {};
}

void add_deprecation(const Deprecation& deprecation, CloudEvent& event) {
  if (event.find("deprecated") != nullptr) return;
  event.set("deprecated", true);
  if (deprecation.from) event.set("deprecationfrom", *deprecation.from);
  if (deprecation.sunset) event.set("deprecationsunset", *deprecation.sunset);
  if (!deprecation.migration.empty()) event.set("deprecationmigration", AttributeView::uri(deprecation.migration));
}

void add_relations(const Envelope& envelope, CloudEvent& event) {
  if (const auto parent = envelope.traceparent()) event.set("traceparent", to_string(*parent));
  if (const auto state = envelope.tracestate(); !state.empty()) event.set("tracestate", state);
  if (const auto id = envelope.correlation(); !id.empty()) event.set("correlationid", to_string(id));
  if (const auto id = envelope.causation(); !id.empty()) event.set("causationid", to_string(id));
}

std::string first_of(std::string_view said, std::string_view follows) {
  return std::string(said.empty() ? follows : said);
}

void add_core(const RecordPlace& place, const ipc::RecordView& record, const Envelope& envelope, const SchemaName& name,
              CloudEvent& event) {
  std::array<char, kMaxSource> source;
  event.id = to_string(id_of(place, envelope));
  event.source = first_of(envelope.source(), source_of(place, source));
  event.type = first_of(first_of(envelope.type(), name.type), kUntyped);
  event.time = envelope.time().value_or(Timestamp::of_unix_ns(record.timestamp_ns));
  event.dataschema = first_of(envelope.dataschema(), name.dataschema);
  event.datacontenttype = first_of(envelope.datacontenttype(), name.datacontenttype);
}

}  // namespace

Result<CloudEvent> to_cloud_event(const RecordPlace& place, const ipc::RecordView& record, const Event& event,
                                  const SchemaNames* names) {
  const auto& envelope = event.envelope;
  const auto known = names != nullptr && record.schema != 0 ? names->name_of(record.schema) : std::nullopt;
  CloudEvent result;
  add_core(place, record, envelope, known.value_or(SchemaName{}), result);
  const auto as_corrupt = [&](ipc::Error error) {
    error.code = ErrorCode::corrupt;
    return error;
  };
  add_relations(envelope, result);
  if (auto added = add_extensions(envelope, result); !added) return as_corrupt(added.error());
  std::array<char, kSequenceText> sequence;
  if (result.find("sequence") == nullptr) result.set("sequence", sequence_text(place.sequence, sequence));
  if (known && known->deprecation) add_deprecation(*known->deprecation, result);
  if (record.schema != 0) result.set("evfschema", static_cast<std::int32_t>(record.schema));
  if (is_attribute_text(as_text(envelope.key)))
    result.subject = as_text(envelope.key);
  else
    result.set("evfkey", envelope.key);
  result.data = as_text(event.payload);
  if (auto checked = check(result); !checked) return as_corrupt(checked.error());
  return result;
}

// ----------------------------------------------------------------------------------------------------------- to a
// record

Result<OutgoingEvent> OutgoingEvent::of(const CloudEvent& event, const SchemaNames* names) {
  if (auto checked = check(event); !checked) return checked.error();
  OutgoingEvent out;
  out.key_ = as_bytes(event.subject);
  out.payload_ = as_bytes(event.data);
  out.attributes_ = {.id = event.id,
                     .type = event.type == kUntyped ? std::string_view{} : std::string_view(event.type),
                     .source = event.source,
                     .time = event.time,
                     .datacontenttype = event.datacontenttype,
                     .dataschema = event.dataschema};
  for (const auto& [name, value] : event.extensions)
    if (auto taken = out.take_extension(event, name, value.view()); !taken) return taken.error();
  out.leave_out_what_follows(names);
  auto attributes = out.attributes();
  if (!envelope_bytes(out.key_, attributes))
    return ipc::make_error(ErrorCode::invalid_argument,
                           "the attributes have more than " + std::to_string(kMaxEnvelopeBytes) + " bytes in all");
  return out;
}

// Into its own field where it has one that keeps it as it is.
Result<void> OutgoingEvent::take_extension(const CloudEvent& event, const std::string& name,
                                           const AttributeView& value) {
  const bool text = value.type() == AttributeType::string;
  if (name == "traceparent" && text) {
    attributes_.traceparent = parse_traceparent(value.text());
    if (attributes_.traceparent && to_string(*attributes_.traceparent) == value.text()) return {};
    attributes_.traceparent.reset();  // of a later version: what it appends has to be kept
  } else if (name == "tracestate" && text && !value.text().empty() && value.text().size() <= kMaxTraceState) {
    attributes_.tracestate = value.text();
    return {};
  } else if (name == "correlationid" || name == "causationid") {
    (name == "correlationid" ? attributes_.correlation : attributes_.causation) = value.text();
    return {};
  } else if (name == "evfkey") {
    if (!event.subject.empty()) return refuse(name, "it is the key, and so is the subject; leave one out");
    if (value.text().size() > kMaxKeyBytes)
      return refuse(name, "it has more than " + std::to_string(kMaxKeyBytes) + " bytes");
    key_ = as_bytes(value.text());
    return {};
  } else if (name == "evfschema") {
    if (value.integer() < 0 || value.integer() >= 1 << 24) return refuse(name, "it does not fit 24 bits");
    schema_ = static_cast<std::uint32_t>(value.integer());
    return {};
  }
  extensions_.push_back({name, value});
  return {};
}

void OutgoingEvent::leave_out_what_follows(const SchemaNames* names) {
  if (names == nullptr || schema_ == 0) return;
  const auto known = names->name_of(schema_);
  if (!known || known->type != attributes_.type) {
    schema_ = 0;  // another registry's
    return;
  }
  attributes_.type = {};
  if (attributes_.dataschema == known->dataschema) attributes_.dataschema = {};
  if (attributes_.datacontenttype == known->datacontenttype) attributes_.datacontenttype = {};
}

EventAttributes OutgoingEvent::attributes() const noexcept {
  auto attributes = attributes_;
  attributes.extensions = extensions_;
  return attributes;
}

}  // namespace fabric
