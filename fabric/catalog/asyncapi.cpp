// AsyncAPI 3.0.0: https://www.asyncapi.com/docs/reference/specification/v3.0.0

#include <boost/json.hpp>
#include <map>

#include "fabric/catalog/catalog_json.hpp"
#include "fabric/catalog/export.hpp"
#include "fabric/json.hpp"

namespace fabric::catalog {
namespace {

namespace bj = boost::json;

// A token of a JSON pointer, RFC 6901, in the fragment of a URI: what is not unreserved there is percent-encoded.
std::string pointer_token(std::string_view name) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string token;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
             c == '-')
      token += c;
    else
      token += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return token;
}

bj::object reference(const std::string& to) { return {{"$ref", to}}; }

bj::object tag(const std::string& name, const std::string& description) {
  return {{"name", name}, {"description", description}};
}

std::string schema_format(const SchemaText& schema, const bj::value* json) {
  switch (schema.format) {
    case contract::Format::protobuf:
      return "application/vnd.google.protobuf";
    case contract::Format::flatbuffers:
      return "application/vnd.google.flatbuffers";
    case contract::Format::native:
      return "application/vnd.eventfabric.native+json";
    case contract::Format::json_schema:
      break;
  }
  const auto* object = json == nullptr ? nullptr : json->if_object();
  const auto* dialect = object == nullptr ? nullptr : object->if_contains("$schema");
  const bool draft_07 =
      dialect != nullptr && dialect->is_string() && dialect->get_string().find("draft-07") != bj::string::npos;
  return std::string("application/schema+json;version=") + (draft_07 ? "draft-07" : "2020-12");
}

// References within a schema stay within it where it lies in the document.
bj::value rebased(const bj::value& schema, const std::string& base) {
  if (const auto* array = schema.if_array()) {
    bj::array made;
    for (const auto& element : *array) made.push_back(rebased(element, base));
    return made;
  }
  const auto* object = schema.if_object();
  if (object == nullptr) return schema;
  bj::object made;
  for (const auto& [key, value] : *object) {
    const bool local = key == "$ref" && value.is_string() && value.get_string().starts_with('#');
    made.emplace(key, local ? bj::value(base + std::string(value.get_string()).substr(1)) : rebased(value, base));
  }
  return made;
}

bj::value schema_json(const Message& message) {
  const auto& schema = *message.schema;
  const bool json = schema.format == contract::Format::json_schema || schema.format == contract::Format::native;
  auto parsed = json ? json::parse(schema.text) : ipc::Result<bj::value>(bj::value(schema.text));
  bj::object made{{"schemaFormat", schema_format(schema, parsed ? &*parsed : nullptr)}};
  if (!parsed)  // it is shown as it was written; lint says what is wrong
    made.emplace("schema", schema.text);
  else
    made.emplace("schema", rebased(*parsed, "#/components/schemas/" + pointer_token(message.name) + "/schema"));
  made.emplace("x-eventfabric-version", schema.version);
  made.emplace("x-eventfabric-compatibility", contract::to_string(schema.mode));
  return made;
}

bj::value message_json(const Message& message) {
  bj::object made{{"name", message.name}, {"title", message.name}};
  if (!message.description.empty()) made.emplace("description", message.description);
  if (message.schema) {
    made.emplace("contentType", contract::media_type(message.schema->format));
    made.emplace("payload", reference("#/components/schemas/" + pointer_token(message.name)));
  }
  made.emplace("tags",
               bj::array{tag(message.owner, "owner"), tag("context:" + message.context, "bounded context"),
                         tag("kind:" + std::string(to_string(message.kind)), "event: a fact; command: a request")});
  made.emplace("x-eventfabric-kind", to_string(message.kind));
  made.emplace("x-eventfabric-context", message.context);
  // The rest in the catalog's own words.
  const auto whole = to_json(message);
  for (const auto* key : {"key", "producers", "consumers", "sla", "retention", "retry", "dead_letter", "deprecation"}) {
    const auto* value = whole.get_object().if_contains(key);
    auto name = "x-eventfabric-" + std::string(key);
    if (name.ends_with("dead_letter")) name = "x-eventfabric-dead-letter";
    if (value != nullptr) made.emplace(name, *value);
  }
  return made;
}

std::string channel_reference(const std::string& topic) { return "#/channels/" + pointer_token(topic); }
std::string channel_message(const Message& message) {
  return channel_reference(message.topic) + "/messages/" + pointer_token(message.name);
}

bj::object channels_json(const Catalog& catalog) {
  bj::object channels;
  for (const auto& topic : catalog.topics()) {
    bj::object messages;
    std::map<std::string, bool> contexts;
    for (const auto* message : catalog.on_topic(topic)) {
      messages.emplace(message->name, reference("#/components/messages/" + pointer_token(message->name)));
      contexts[message->context] = true;
    }
    bj::array tags;
    for (const auto& [context, there] : contexts) tags.push_back(tag("context:" + context, "bounded context"));
    channels.emplace(topic,
                     bj::object{{"address", topic}, {"messages", std::move(messages)}, {"tags", std::move(tags)}});
  }
  return channels;
}

// What one service does with one topic.
struct Operation {
  std::string service, topic;
  bool send = false;
  std::vector<const Message*> messages{};
};

std::map<std::string, Operation> operations_of(const Catalog& catalog) {
  std::map<std::string, Operation> operations;
  const auto add = [&](const std::string& service, bool send, const Message& message) {
    auto& operation = operations[service + (send ? ".send." : ".receive.") + message.topic];
    operation.service = service;
    operation.topic = message.topic;
    operation.send = send;
    operation.messages.push_back(&message);
  };
  for (const auto* message : catalog.messages()) {
    for (const auto& producer : message->producers) add(producer, true, *message);
    for (const auto& consumer : message->consumers) add(consumer.service, false, *message);
  }
  return operations;
}

bj::object operation_json(const Operation& operation) {
  bj::array messages;
  bj::object reads, slas;
  for (const auto* message : operation.messages) {
    messages.push_back(reference(channel_message(*message)));
    const auto* consumer = operation.send ? nullptr : message->consumer(operation.service);
    if (consumer == nullptr) continue;
    bj::array fields;
    for (const auto& field : consumer->reads) fields.emplace_back(field);
    if (!consumer->reads_all) reads.emplace(message->name, std::move(fields));
    Message promise;
    promise.sla = message->sla_of(*consumer);
    if (!promise.sla.empty()) slas.emplace(message->name, to_json(promise).at("sla"));
  }
  bj::object made{
      {"action", operation.send ? "send" : "receive"},
      {"channel", reference(channel_reference(operation.topic))},
      {"title", operation.service + (operation.send ? " produces on " : " consumes from ") + operation.topic},
      {"messages", std::move(messages)},
      {"tags", bj::array{tag("service:" + operation.service, "service")}}};
  if (!reads.empty()) made.emplace("x-eventfabric-reads", std::move(reads));
  if (!slas.empty()) made.emplace("x-eventfabric-sla", std::move(slas));
  return made;
}

bj::object info_json(const Catalog& catalog, const ExportOptions& options) {
  std::string description;
  std::map<std::string, std::string> owners;
  for (const auto& context : catalog.contexts) {
    description +=
        "- **" + context.name + "**" + (context.description.empty() ? "" : ": " + context.description) + "\n";
    if (!context.owner.empty())
      owners.emplace(context.owner, "owner" + (context.contact.empty() ? "" : ", " + context.contact));
    for (const auto& message : context.messages)
      if (!message.owner.empty()) owners.emplace(message.owner, "owner");
  }
  bj::array tags;
  for (const auto& [owner, text] : owners) tags.push_back(tag(owner, text));
  bj::object info{{"title", options.title}, {"version", std::to_string(options.snapshot) + ".0.0"}};
  if (!description.empty()) info.emplace("description", std::move(description));
  if (!tags.empty()) info.emplace("tags", std::move(tags));
  if (options.snapshot != 0) info.emplace("x-eventfabric-snapshot", options.snapshot);
  if (!options.applied_at.empty()) info.emplace("x-eventfabric-applied-at", options.applied_at);
  return info;
}

}  // namespace

bj::value to_asyncapi(const Catalog& catalog, const ExportOptions& options) {
  bj::object operations, messages, schemas;
  for (const auto& [name, operation] : operations_of(catalog)) operations.emplace(name, operation_json(operation));
  for (const auto* message : catalog.messages()) {
    messages.emplace(message->name, message_json(*message));
    if (message->schema) schemas.emplace(message->name, schema_json(*message));
  }
  return bj::object{{"asyncapi", "3.0.0"},
                    {"info", info_json(catalog, options)},
                    {"defaultContentType", "application/json"},
                    {"channels", channels_json(catalog)},
                    {"operations", std::move(operations)},
                    {"components", bj::object{{"messages", std::move(messages)}, {"schemas", std::move(schemas)}}}};
}

}  // namespace fabric::catalog
