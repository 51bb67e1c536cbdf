#include "fabric/catalog/catalog_json.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <set>

#include "fabric/topic_names.hpp"

namespace fabric::catalog {
namespace {

namespace bj = boost::json;

template <class Value>
void put(bj::object& object, std::string_view key, const std::optional<Value>& value) {
  if (value) object.emplace(key, *value);
}

void put(bj::object& object, std::string_view key, const std::string& value) {
  if (!value.empty()) object.emplace(key, value);
}

bj::array array_of(const std::vector<std::string>& words) {
  bj::array array;
  for (const auto& word : words) array.emplace_back(word);
  return array;
}

bj::object json_of(const Sla& sla) {
  bj::object object;
  put(object, "max_lag", sla.max_lag);
  put(object, "max_lag_ns", sla.max_lag_ns);
  put(object, "max_queue_ns", sla.max_queue_ns);
  return object;
}

bj::object json_of(const Retention& retention) {
  bj::object object;
  put(object, "records", retention.records);
  put(object, "bytes", retention.bytes);
  put(object, "ns", retention.ns);
  return object;
}

bj::object json_of(const Retry& retry) {
  bj::object object{{"attempts", retry.attempts}};
  put(object, "initial_ns", retry.initial_ns);
  put(object, "max_ns", retry.max_ns);
  put(object, "jitter_thousandths", retry.jitter_thousandths);
  object.emplace("then", to_string(retry.then));
  return object;
}

bj::object json_of(const Deprecation& deprecation) {
  bj::object object{{"since", to_string(deprecation.since)}};
  if (deprecation.sunset) object.emplace("sunset", to_string(*deprecation.sunset));
  put(object, "replacement", deprecation.replacement);
  put(object, "reason", deprecation.reason);
  return object;
}

bj::object json_of(const SchemaText& schema) {
  bj::object object{{"format", contract::to_string(schema.format)},
                    {"version", schema.version},
                    {"compatibility", contract::to_string(schema.mode)},
                    {"text", schema.text}};
  put(object, "file", schema.file);
  return object;
}

bj::object json_of(const Consumer& consumer) {
  bj::object object{{"service", consumer.service}};
  if (!consumer.reads_all) object.emplace("reads", array_of(consumer.reads));
  if (!consumer.sla.empty()) object.emplace("sla", json_of(consumer.sla));
  return object;
}

// Reads one object; the first thing wrong is kept, with its place, and everything after it is empty.
class ObjectReader {
 public:
  ObjectReader(const bj::value& value, std::string place, std::string& wrong)
      : object_(value.if_object()), place_(std::move(place)), wrong_(wrong) {
    if (object_ == nullptr) refuse("", "is no object");
  }

  std::string text(std::string_view key) {
    const auto* value = find(key);
    if (value == nullptr) return {};
    if (value->is_string()) return std::string(value->get_string());
    refuse(key, "is no text");
    return {};
  }
  std::string name(std::string_view key) {
    auto value = text(key);
    if (!is_name(value)) refuse(key, "is no name");
    return value;
  }
  std::optional<std::uint64_t> number(std::string_view key) {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
    if (value->is_uint64()) return value->get_uint64();
    refuse(key, "is no number");
    return std::nullopt;
  }
  std::uint32_t small_number(std::string_view key) {
    const auto value = number(key).value_or(0);
    if (value == 0 || value > std::numeric_limits<std::uint32_t>::max()) refuse(key, "is out of range");
    return static_cast<std::uint32_t>(value);
  }
  template <class Parse>
  auto word(std::string_view key, Parse parse) -> typename decltype(parse(std::string_view()))::value_type {
    const auto value = parse(text(key));
    if (!value) refuse(key, "is not known");
    return value.value_or(typename decltype(parse(std::string_view()))::value_type{});
  }
  std::optional<ObjectReader> object(std::string_view key) {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    return ObjectReader(*value, place_ + "/" + std::string(key), wrong_);
  }
  // Calls each(value, place) for the elements of an array; absent: of none.
  template <class Each>
  void elements(std::string_view key, Each each) {
    const auto* value = find(key);
    if (value == nullptr) return;
    if (!value->is_array()) return refuse(key, "is no list");
    std::size_t index = 0;
    for (const auto& element : value->get_array())
      each(element, place_ + "/" + std::string(key) + "/" + std::to_string(index++));
  }
  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> words;
    elements(key, [&](const bj::value& element, const std::string&) {
      if (element.is_string())
        words.emplace_back(element.get_string());
      else
        refuse(key, "has an element that is no text");
    });
    return words;
  }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  std::string& wrong() noexcept { return wrong_; }
  void refuse(std::string_view key, const std::string& what) {
    if (wrong_.empty()) wrong_ = place_ + (key.empty() ? "" : "/" + std::string(key)) + " " + what;
  }

 private:
  const bj::value* find(std::string_view key) const { return object_ == nullptr ? nullptr : object_->if_contains(key); }

  const bj::object* object_;
  std::string place_;
  std::string& wrong_;
};

Sla read_sla(ObjectReader& reader) {
  auto sla = reader.object("sla");
  if (!sla) return {};
  return {.max_lag = sla->number("max_lag"),
          .max_lag_ns = sla->number("max_lag_ns"),
          .max_queue_ns = sla->number("max_queue_ns")};
}

std::optional<Exhaustion> exhaustion_named(std::string_view name) {
  for (const auto exhaustion : kExhaustions)
    if (to_string(exhaustion) == name) return exhaustion;
  return std::nullopt;
}

std::optional<Retry> read_retry(ObjectReader& reader) {
  auto object = reader.object("retry");
  if (!object) return std::nullopt;
  Retry retry{.attempts = object->small_number("attempts"),
              .initial_ns = object->number("initial_ns"),
              .max_ns = object->number("max_ns")};
  if (const auto jitter = object->number("jitter_thousandths")) {
    if (*jitter > 1000) object->refuse("jitter_thousandths", "is out of range");
    retry.jitter_thousandths = static_cast<std::uint32_t>(std::min<std::uint64_t>(*jitter, 1000));
  }
  retry.then = object->word("then", exhaustion_named);
  return retry;
}

std::optional<Deprecation> read_deprecation(ObjectReader& reader) {
  auto object = reader.object("deprecation");
  if (!object) return std::nullopt;
  Deprecation deprecation{.since = object->word("since", parse_date)};
  if (object->has("sunset")) deprecation.sunset = object->word("sunset", parse_date);
  deprecation.replacement = object->text("replacement");
  deprecation.reason = object->text("reason");
  return deprecation;
}

std::optional<SchemaText> read_schema(ObjectReader& reader) {
  auto object = reader.object("schema");
  if (!object) return std::nullopt;
  SchemaText schema;
  schema.format = object->word("format", contract::format_named);
  schema.version = object->small_number("version");
  schema.mode = object->word("compatibility", contract::mode_named);
  schema.text = object->text("text");
  schema.file = object->text("file");
  return schema;
}

std::optional<Kind> kind_named(std::string_view name) {
  if (name == "event") return Kind::event;
  return name == "command" ? std::optional(Kind::command) : std::nullopt;
}

Message read_message(const bj::value& value, const std::string& place, const std::string& context, std::string& wrong) {
  ObjectReader reader(value, place, wrong);
  Message message;
  message.kind = reader.word("kind", kind_named);
  message.name = reader.name("name");
  message.context = context;
  message.description = reader.text("description");
  message.owner = reader.text("owner");
  message.topic = reader.text("topic");
  if (!check_topic_name(message.topic)) reader.refuse("topic", "is no name of a topic");
  message.key = reader.text("key");
  message.schema = read_schema(reader);
  message.producers = reader.texts("producers");
  reader.elements("consumers", [&](const bj::value& element, const std::string& where) {
    ObjectReader inner(element, where, wrong);
    message.consumers.push_back({.service = inner.name("service"),
                                 .reads_all = !inner.has("reads"),
                                 .reads = inner.texts("reads"),
                                 .sla = read_sla(inner)});
  });
  if (message.kind == Kind::command && message.consumers.size() > 1)
    reader.refuse("consumers", "has more than one handler");
  message.sla = read_sla(reader);
  if (auto retention = reader.object("retention"))
    message.retention = {
        .records = retention->number("records"), .bytes = retention->number("bytes"), .ns = retention->number("ns")};
  message.retry = read_retry(reader);
  message.dead_letter = reader.text("dead_letter");
  message.deprecation = read_deprecation(reader);
  return message;
}

}  // namespace

bj::value to_json(const Message& message) {
  bj::object object{{"name", message.name}, {"kind", to_string(message.kind)}};
  put(object, "description", message.description);
  put(object, "owner", message.owner);
  object.emplace("topic", message.topic);
  put(object, "key", message.key);
  if (message.schema) object.emplace("schema", json_of(*message.schema));
  object.emplace("producers", array_of(message.producers));
  bj::array consumers;
  for (const auto& consumer : message.consumers) consumers.push_back(json_of(consumer));
  object.emplace("consumers", std::move(consumers));
  if (!message.sla.empty()) object.emplace("sla", json_of(message.sla));
  if (!message.retention.empty()) object.emplace("retention", json_of(message.retention));
  if (message.retry) object.emplace("retry", json_of(*message.retry));
  put(object, "dead_letter", message.dead_letter);
  if (message.deprecation) object.emplace("deprecation", json_of(*message.deprecation));
  return object;
}

bj::value to_json(const Catalog& catalog) {
  bj::array contexts;
  for (const auto& context : catalog.contexts) {
    bj::object object{{"name", context.name}};
    put(object, "description", context.description);
    put(object, "owner", context.owner);
    put(object, "contact", context.contact);
    bj::array messages;
    for (const auto& message : context.messages) messages.push_back(to_json(message));
    object.emplace("messages", std::move(messages));
    contexts.push_back(std::move(object));
  }
  return contexts;
}

ipc::Result<Catalog> catalog_from_json(const bj::value& value) {
  std::string wrong;
  Catalog catalog;
  std::set<std::string> names, messages;
  const auto* contexts = value.if_array();
  if (contexts == nullptr) return ipc::make_error(ipc::ErrorCode::corrupt, "the contexts are no list");
  std::size_t index = 0;
  for (const auto& element : *contexts) {
    ObjectReader reader(element, "contexts/" + std::to_string(index++), wrong);
    Context context{.name = reader.name("name"),
                    .description = reader.text("description"),
                    .owner = reader.text("owner"),
                    .contact = reader.text("contact")};
    if (!names.insert(context.name).second) reader.refuse("name", "is there twice");
    reader.elements("messages", [&](const bj::value& message, const std::string& place) {
      context.messages.push_back(read_message(message, place, context.name, wrong));
      if (!messages.insert(context.messages.back().name).second)
        reader.refuse("messages", "has a name that is there twice");
    });
    catalog.contexts.push_back(std::move(context));
    if (!wrong.empty()) return ipc::make_error(ipc::ErrorCode::corrupt, wrong);
  }
  return catalog;
}

}  // namespace fabric::catalog
