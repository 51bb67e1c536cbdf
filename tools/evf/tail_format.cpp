#include "tools/evf/tail_format.hpp"

#include <fmt/format.h>

#include "fabric/event/cloud_event.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

const char* type_of(Item::Kind kind) noexcept {
  switch (kind) {
    case Item::Kind::record:
      return "record";
    case Item::Kind::lost:
      return "lost";
    case Item::Kind::damaged:
      return "damaged";
    case Item::Kind::unfinished:
      return "unfinished";
    case Item::Kind::fenced:
      return "fenced";
    default:
      return "?";
  }
}

void write_json(Output& output, const Json& object) {
  output.write(object.dump(-1, ' ', false, Json::error_handler_t::replace));
  output.write("\n");
}

// Text where it is text; otherwise base64, and a member NAME_encoding says so.
void put_bytes(Json& object, const char* name, std::string_view bytes) {
  const bool text = is_utf8(bytes);
  object[name] = text ? std::string(bytes) : to_base64(as_bytes(bytes));
  if (!text) object[std::string(name) + "_encoding"] = "base64";
}

// The attributes as CloudEvents has them; null, and why, where they are not.
void put_attributes(Json& object, const Item& item, const contract::RegistryNames* names) {
  const auto event = to_cloud_event(item.place, item.record, item.event, names);
  const auto attributes = event ? attributes_to_json(*event) : event.error();
  object["cloudevent"] = attributes ? Json::parse(*attributes, nullptr, false) : Json();
  if (!attributes) object["cloudevent_error"] = attributes.error().message;
}

std::string write_cloud_event(Output& output, const Item& item, const contract::RegistryNames* names) {
  const auto event = to_cloud_event(item.place, item.record, item.event, names);
  const auto text = event ? to_json(*event) : event.error();
  if (!text) return text.error().message;
  output.write(*text);
  output.write("\n");
  return {};
}

// By its contract, as JSON text; an error says that it does not keep it, nullopt that it has none that is known here.
std::optional<Result<std::string>> decode(const Item& item, const contract::RegistryNames* names) {
  if (names == nullptr || item.record.schema == 0) return std::nullopt;
  const auto schema = names->schema(item.record.schema);
  if (!schema) return std::nullopt;
  return schema->to_json(item.event.payload);
}

Json record_json(const Item& item, const contract::RegistryNames* names) {
  Json object{{"type", "record"},
              {"partition", item.partition},
              {"sequence", item.record.sequence},
              {"time", format_time(item.record.timestamp_ns)}};
  put_bytes(object, "key", as_text(item.event.envelope.key));
  put_bytes(object, "payload", as_text(item.event.payload));
  object["schema"] = item.record.schema;
  if (const auto decoded = decode(item, names)) {
    object["data"] = *decoded ? Json::parse(**decoded, nullptr, false) : Json();
    if (!*decoded) object["data_error"] = decoded->error().message;
  }
  put_attributes(object, item, names);
  return object;
}

void write_hex(Output& output, const Item& item) {
  const auto payload = as_text(item.event.payload);
  const auto key = item.event.envelope.key.empty() ? "" : " key " + printable(as_text(item.event.envelope.key));
  const auto heading = fmt::format("partition {} sequence {} {}{} {}", item.partition, item.record.sequence,
                                   format_time(item.record.timestamp_ns), key, plural(payload.size(), "byte"));
  output.write(toned(heading, Tone::bold, output.descriptor()) + "\n");
  for (std::size_t at = 0; at < payload.size(); at += 16) {
    const auto row = payload.substr(at, 16);
    auto line = fmt::format("{:08x} ", at);
    for (std::size_t i = 0; i < 16; ++i) {
      if (i == 8) line += ' ';
      line += i < row.size() ? fmt::format(" {:02x}", static_cast<unsigned char>(row[i])) : "   ";
    }
    line += "  |";
    for (const char byte : row) line += byte >= 0x20 && byte < 0x7f ? byte : '.';
    output.write(line + "|\n");
  }
}

void write_prefixed(Output& output, std::string_view payload) {
  std::string prefix(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) prefix[i] = static_cast<char>(payload.size() >> (8 * i) & 0xff);
  output.write(prefix);
  output.write(payload);
}

}  // namespace

std::string write_record(Output& output, TailFormat format, const Item& item, const contract::RegistryNames* names) {
  const auto payload = as_text(item.event.payload);
  switch (format) {
    case TailFormat::lines:
      if (const auto decoded = decode(item, names); decoded && *decoded) {
        output.write(**decoded);
      } else {
        output.write(output.terminal() ? std::string_view(printable(payload)) : payload);
      }
      output.write("\n");
      break;
    case TailFormat::length_prefixed:
      write_prefixed(output, payload);
      break;
    case TailFormat::json:
      write_json(output, record_json(item, names));
      break;
    case TailFormat::cloudevents:
      return write_cloud_event(output, item, names);
    case TailFormat::hex:
      write_hex(output, item);
      break;
  }
  return {};
}

void write_gap(Output& output, TailFormat format, const Item& item) {
  if (format != TailFormat::json) return;
  Json object{{"type", type_of(item.kind)}, {"partition", item.partition}};
  if (item.kind != Item::Kind::fenced) {
    object["first"] = item.range.first;
    object["end"] = item.range.end;
  }
  if (!item.raw.empty()) {
    object["raw"] = to_base64(item.raw);
    object["raw_encoding"] = "base64";
  }
  write_json(output, object);
}

std::string gap_text(const Item& item) {
  const auto& range = item.range;
  const auto where = fmt::format("partition {}: ", item.partition);
  switch (item.kind) {
    case Item::Kind::lost:
      return where + fmt::format("lost {} [{}, {}): publishers passed this reader; a gating group is never passed",
                                 plural(range.end - range.first, "record"), range.first, range.end);
    case Item::Kind::damaged:
      return where + fmt::format("record {} is damaged and was left out; see evf fsck", range.first);
    case Item::Kind::unfinished:
      return where +
             fmt::format(
                 "{} from sequence {} on never finished: passed over; the next reader with a group settles them",
                 plural(range.end - range.first, "claim"), range.first);
    case Item::Kind::fenced:
      return where + "another member took it over; what was not acked is delivered to that member";
    default:
      return where + "nothing";
  }
}

}  // namespace fabric::evf
