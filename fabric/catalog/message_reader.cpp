#include "fabric/catalog/message_reader.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fabric/catalog/load.hpp"
#include "fabric/topic_names.hpp"

namespace fabric::catalog {
namespace {

using Kind_ = YamlNode::Kind;

constexpr std::string_view kDuration = "a duration with its unit: 250us, 50ms, 2s, 1h, 7d";
constexpr std::string_view kCount = "a number of records: 500, 10k, 2M";
constexpr std::string_view kBytes = "a size: 4096, 64KiB, 256MiB, 1GiB";
constexpr std::string_view kDate = "a day that exists: 2026-10-31";

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || number == 0 || number > 1'000'000)
    return std::nullopt;
  return number;
}

std::optional<std::uint64_t> parse_positive_count(std::string_view text) {
  const auto count = parse_count(text);
  return count == 0 ? std::nullopt : count;
}

std::optional<std::uint64_t> parse_positive_bytes(std::string_view text) {
  const auto bytes = parse_bytes(text);
  return bytes == 0 ? std::nullopt : bytes;
}

std::optional<Exhaustion> parse_exhaustion(std::string_view text) {
  for (const auto exhaustion : kExhaustions)
    if (to_string(exhaustion) == text) return exhaustion;
  return std::nullopt;
}

std::optional<contract::Format> parse_format(std::string_view text) { return contract::format_named(text); }
std::optional<contract::Mode> parse_mode(std::string_view text) {
  const auto mode = contract::mode_named(text);
  return mode && contract::to_string(*mode) == text ? mode : std::nullopt;  // one spelling in files
}

std::string all_formats() {
  std::vector<std::string> names;
  for (const auto format : contract::kFormats) names.emplace_back(contract::to_string(format));
  return "one of " + joined(names);
}

std::string all_modes() {
  std::vector<std::string> names;
  for (const auto mode : contract::kModes) names.emplace_back(contract::to_string(mode));
  return "one of " + joined(names);
}

Sla read_sla(const FileReader& reader, const YamlNode& node, const std::string& owner) {
  MapReader map(node, "the SLA of " + owner, reader.file, reader.problems);
  Sla sla;
  sla.max_lag = map.value("max_lag", parse_positive_count, kCount);
  sla.max_lag_ns = map.value("max_lag_time", parse_duration_ns, kDuration);
  sla.max_queue_ns = map.value("max_queue_time", parse_duration_ns, kDuration);
  map.finish();
  return sla;
}

Retention read_retention(const FileReader& reader, const YamlNode& node, const std::string& owner) {
  MapReader map(node, "the retention of " + owner, reader.file, reader.problems);
  Retention retention;
  retention.records = map.value("records", parse_positive_count, kCount);
  retention.bytes = map.value("bytes", parse_positive_bytes, kBytes);
  retention.ns = map.value("time", parse_duration_ns, kDuration);
  map.finish();
  return retention;
}

void read_backoff(const FileReader& reader, const YamlNode& node, const std::string& owner, Retry& retry) {
  MapReader map(node, "the backoff of " + owner, reader.file, reader.problems);
  retry.initial_ns = map.value("initial", parse_duration_ns, kDuration);
  retry.max_ns = map.value("max", parse_duration_ns, kDuration);
  retry.jitter_thousandths = map.value("jitter", parse_share, "a share from 0% to 100%");
  if (retry.initial_ns && retry.max_ns && *retry.initial_ns > *retry.max_ns)
    reader.problems.error(map.key_place("max"), "bad-value",
                          "max is " + format_duration(*retry.max_ns) + ", less than initial, " +
                              format_duration(*retry.initial_ns) + ", in the backoff of " + owner + "; raise max");
  map.finish();
}

std::optional<Retry> read_retry(const FileReader& reader, const YamlNode& node, const std::string& owner) {
  MapReader map(node, "the retry policy of " + owner, reader.file, reader.problems);
  Retry retry;
  map.need("attempts", "write attempts: 5");
  retry.attempts = map.value("attempts", parse_number, "a number from 1 to 1000000").value_or(1);
  if (const auto* backoff = map.take("backoff")) read_backoff(reader, *backoff, owner, retry);
  map.need("then", "write then: dead-letter, park or stop");
  const auto then = map.value("then", parse_exhaustion, "one of dead-letter, park, stop");
  retry.then = then.value_or(Exhaustion::dead_letter);
  map.finish();
  return then ? std::optional(retry) : std::nullopt;
}

// The text of a schema file, or nullopt and a problem at `place`.
std::optional<std::string> read_schema_file(const FileReader& reader, const Place& place, const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto path = fs::path(reader.file).parent_path() / name;
  const auto refuse = [&](std::string what) {
    reader.problems.error(place, "schema-file", "the schema file " + in_quotes(name) + " " + std::move(what));
    return std::nullopt;
  };
  if (!fs::exists(path, error)) return refuse("does not exist; its path is relative to this file");
  if (!fs::is_regular_file(path, error)) return refuse("is no file; name a file");
  if (fs::file_size(path, error) > kMaxSchemaBytes || error) return refuse("is larger than 1 MiB; split it");
  std::ostringstream text;
  if (!(text << std::ifstream(path, std::ios::binary).rdbuf()))
    return refuse("is empty or cannot be read; check it and its permissions");
  if (!is_utf8(text.view())) return refuse("is not text; name the schema's source, in UTF-8");
  return text.str();
}

std::optional<SchemaText> read_schema(const FileReader& reader, const YamlNode& node, const std::string& owner,
                                      Message& message, contract::Mode mode) {
  MapReader map(node, "the schema of " + owner, reader.file, reader.problems);
  SchemaText schema;
  map.need("format", "write format: " + all_formats().substr(7));
  const auto format = map.value("format", parse_format, all_formats());
  map.need("version", "write version: 1, and raise it with every change");
  schema.version = map.value("version", parse_number, "a number from 1, raised with every change").value_or(1);
  schema.mode = map.value("compatibility", parse_mode, all_modes()).value_or(mode);
  schema.format = format.value_or(contract::Format::json_schema);
  message.places.add("schema.version", map.key_place("version"));
  const auto* file = map.take("file");
  const auto* text = map.take("inline");
  if (map.valid() && file != nullptr && text != nullptr)
    reader.problems.error(map.key_place("inline"), "schema-file",
                          "the schema of " + owner + " is inline and in a file; keep one of the two");
  else if (map.valid() && file == nullptr && text == nullptr)
    reader.problems.error(
        map.place(), "missing-key",
        "the schema of " + owner + " has no text; write file: PATH, or inline: | and the schema below it");
  else if (file != nullptr && map.is(*file, Kind_::text, "'file'")) {
    message.places.add("schema.text", map.place_of(*file));
    schema.file = file->text;
    schema.text = read_schema_file(reader, map.place_of(*file), file->text).value_or("");
  } else if (text != nullptr && text->kind != Kind_::text) {
    reader.problems.error(
        map.place_of(*text), "wrong-type",
        "'inline' of the schema of " + owner + " has to be text; write inline: | and the schema indented below it");
  } else if (text != nullptr) {
    message.places.add("schema.text", map.place_of(*text));
    schema.text = text->text;
    while (schema.text.ends_with('\n')) schema.text.pop_back();  // the same wherever in the file it stands
  }
  map.finish({{"mode", "did you mean 'compatibility'?"}});
  return format && !schema.text.empty() ? std::optional(std::move(schema)) : std::nullopt;
}

std::optional<Deprecation> read_deprecation(const FileReader& reader, const YamlNode& node, const std::string& owner,
                                            Message& message) {
  MapReader map(node, "the deprecation of " + owner, reader.file, reader.problems);
  Deprecation deprecation;
  map.need("since", "write since: 2026-01-31, the day on which it was announced");
  const auto since = map.value("since", parse_date, kDate);
  deprecation.since = since.value_or(Date{});
  deprecation.sunset = map.value("sunset", parse_date, kDate);
  deprecation.replacement = map.text("replacement");
  deprecation.reason = map.text("reason");
  for (const auto* key : {"since", "sunset", "replacement"})
    message.places.add(std::string("deprecation.") + key, map.key_place(key));
  map.finish();
  return since ? std::optional(deprecation) : std::nullopt;
}

// A service's name; reports what is none.
bool check_service(const FileReader& reader, const YamlNode& node, const std::string& what) {
  const Place place{.file = reader.file, .line = node.line, .column = node.column};
  if (node.kind != Kind_::text) {
    reader.problems.error(
        place, "wrong-type",
        what + " has to be a service's name, not " + std::string(to_string(node.kind)) + "; write one name");
    return false;
  }
  if (is_name(node.text)) return true;
  reader.problems.error(place, "bad-name",
                        in_quotes(node.text) + " is no name for " + what + "; " + std::string(kNameRule));
  return false;
}

std::vector<std::string> read_producers(const FileReader& reader, MapReader& map, Message& message) {
  std::vector<std::string> names;
  const auto* list = map.take("producers");
  if (list == nullptr || !map.is(*list, Kind_::list, "'producers'")) return names;
  for (const auto& node : list->values) {
    if (!check_service(reader, node, "a producer of " + map.what())) continue;
    message.places.add("producers." + node.text, map.place_of(node));
    if (std::find(names.begin(), names.end(), node.text) == names.end())
      names.push_back(node.text);
    else
      reader.problems.error(map.place_of(node), "duplicate-name",
                            in_quotes(node.text) + " is listed twice in 'producers' of " + map.what() + "; remove one");
  }
  return names;
}

void read_fields(const FileReader& reader, MapReader& map, const YamlNode& node, Consumer& consumer, Message& message) {
  if (node.kind == Kind_::text && node.text == "all") return;
  if (node.kind != Kind_::list) {
    reader.problems.error(
        map.place_of(node), "wrong-type",
        "what " + map.what() + " reads has to be a list of fields or the word all; write [order_id, total]");
    return;
  }
  consumer.reads_all = false;
  for (const auto& field : node.values) {
    if (field.kind != Kind_::text || !is_field_path(field.text)) {
      reader.problems.error(map.place_of(field), "bad-value",
                            (field.kind == Kind_::text ? in_quotes(field.text) : std::string(to_string(field.kind))) +
                                " is no field for " + map.what() + " to read; " + std::string(kFieldRule));
      continue;
    }
    if (std::find(consumer.reads.begin(), consumer.reads.end(), field.text) != consumer.reads.end()) {
      reader.problems.error(map.place_of(field), "duplicate-name",
                            in_quotes(field.text) + " is listed twice in what " + map.what() + " reads; remove one");
      continue;
    }
    consumer.reads.push_back(field.text);
    message.places.add("consumers." + consumer.service + "." + field.text, map.place_of(field));
  }
}

// What stands behind a consumer's name: a list of fields, `all`, or a map with `reads` and `sla`.
Consumer read_consumer(const FileReader& reader, const std::string& service, const YamlNode& node,
                       const std::string& what, Message& message) {
  Consumer consumer{.service = service};
  if (node.kind != Kind_::map) {
    const YamlNode empty{.kind = Kind_::map, .line = node.line, .column = node.column};
    MapReader map(empty, what, reader.file, reader.problems);
    read_fields(reader, map, node, consumer, message);
    return consumer;
  }
  MapReader map(node, what, reader.file, reader.problems);
  map.take("service");  // of a handler, which has no key to say it
  if (const auto* reads = map.take("reads")) read_fields(reader, map, *reads, consumer, message);
  if (const auto* sla = map.take("sla")) {
    consumer.sla = read_sla(reader, *sla, what);
    message.places.add("consumers." + service + ".sla", map.key_place("sla"));
  }
  map.finish();
  return consumer;
}

void read_consumers(const FileReader& reader, MapReader& map, Message& message) {
  const auto* consumers = map.take("consumers");
  if (consumers == nullptr || !map.is(*consumers, Kind_::map, "'consumers'")) return;
  for (std::size_t i = 0; i < consumers->keys.size(); ++i) {
    const auto& key = consumers->keys[i];
    if (!check_service(reader, key, "a consumer of " + map.what())) continue;
    message.places.add("consumers." + key.text, map.place_of(key));
    message.consumers.push_back(read_consumer(reader, key.text, consumers->values[i],
                                              "consumer " + in_quotes(key.text) + " of " + map.what(), message));
  }
}

void read_handler(const FileReader& reader, MapReader& map, Message& message) {
  const auto* handler = map.need("handler", "a command has exactly one: write handler: SERVICE");
  if (handler == nullptr) return;
  if (handler->kind == Kind_::list) {
    reader.problems.error(map.place_of(*handler), "several-handlers",
                          map.what() + " has " + plural(handler->values.size(), "handler") +
                              "; a command has exactly one: keep one, or make it an event");
    return;
  }
  const auto* service = handler;
  if (handler->kind == Kind_::map) {
    MapReader inner(*handler, "the handler of " + map.what(), reader.file, reader.problems);
    service = inner.need("service", "write service: NAME");
  }
  if (service == nullptr || !check_service(reader, *service, "the handler of " + map.what())) return;
  message.places.add("consumers." + service->text, map.place_of(*service));
  if (handler->kind == Kind_::map)
    message.consumers.push_back(
        read_consumer(reader, service->text, *handler, "the handler of " + map.what(), message));
  else
    message.consumers.push_back({.service = service->text});
}

std::string read_topic(const FileReader& reader, MapReader& map, std::string_view key, std::string name) {
  if (name.empty()) return name;
  if (const auto valid = check_topic_name(name); !valid)
    reader.problems.error(map.key_place(key), "bad-name",
                          "'" + std::string(key) + "' of " + map.what() + ": " + valid.error().message);
  return name;
}

void read_policies(const FileReader& reader, MapReader& map, const std::string& what, const Defaults& defaults,
                   Message& message) {
  message.sla = defaults.sla;
  message.retention = defaults.retention;
  message.retry = defaults.retry;
  if (const auto* sla = map.take("sla")) message.sla = read_sla(reader, *sla, what);
  if (const auto* retention = map.take("retention")) message.retention = read_retention(reader, *retention, what);
  if (const auto* retry = map.take("retry")) message.retry = read_retry(reader, *retry, what);
  message.dead_letter = read_topic(reader, map, "dead_letter", map.text("dead_letter"));
  if (const auto* deprecation = map.take("deprecation"))
    message.deprecation = read_deprecation(reader, *deprecation, what, message);
}

}  // namespace

Defaults read_defaults(const FileReader& reader, const YamlNode& node) {
  MapReader map(node, "'defaults'", reader.file, reader.problems);
  Defaults defaults;
  if (const auto* sla = map.take("sla")) defaults.sla = read_sla(reader, *sla, "'defaults'");
  if (const auto* retention = map.take("retention"))
    defaults.retention = read_retention(reader, *retention, "'defaults'");
  if (const auto* retry = map.take("retry")) defaults.retry = read_retry(reader, *retry, "'defaults'");
  defaults.mode = map.value("compatibility", parse_mode, all_modes()).value_or(defaults.mode);
  map.finish();
  return defaults;
}

Message read_message(const FileReader& reader, Kind kind, const YamlNode& name, const YamlNode& node,
                     const Defaults& defaults) {
  Message message{.kind = kind, .name = name.text};
  const auto what = std::string(to_string(kind)) + " " + in_quotes(name.text);
  MapReader map(node, what, reader.file, reader.problems);
  message.places.add("", map.place_of(name));
  if (!is_name(name.text))
    reader.problems.error(map.place_of(name), "bad-name",
                          in_quotes(name.text) + " is no name for an event or command; " + std::string(kNameRule));
  message.description = map.text("description");
  message.owner = map.text("owner");
  if (message.owner.empty()) message.owner = defaults.owner;
  message.topic =
      read_topic(reader, map, "topic", map.needed_text("topic", "write topic: NAME, the topic that carries it"));
  message.key = map.text("key");
  if (!message.key.empty() && !is_field_path(message.key)) {
    reader.problems.error(
        map.key_place("key"), "bad-value",
        in_quotes(message.key) + " is no field for the key of " + what + "; " + std::string(kFieldRule));
    message.key.clear();
  }
  if (const auto* schema = map.take("schema"))
    message.schema = read_schema(reader, *schema, what, message, defaults.mode);
  message.producers = read_producers(reader, map, message);
  if (kind == Kind::event)
    read_consumers(reader, map, message);
  else
    read_handler(reader, map, message);
  read_policies(reader, map, what, defaults, message);
  for (const auto* key : {"description", "topic", "key", "schema", "producers", "consumers", "handler", "sla",
                          "retention", "retry", "dead_letter", "deprecation"})
    if (map.has(key)) message.places.add(key, map.key_place(key));
  map.finish(
      kind == Kind::event
          ? std::vector<std::pair<
                std::string, std::string>>{{"handler",
                                            "an event has consumers: write consumers: below it, or make it a command"}}
          : std::vector<std::pair<std::string, std::string>>{
                {"consumers", "a command has exactly one handler: write handler: SERVICE"}});
  return message;
}

}  // namespace fabric::catalog
