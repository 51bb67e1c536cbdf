// evf catalog show.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "fabric/catalog/catalog_json.hpp"
#include "fabric/catalog/describe.hpp"
#include "fabric/catalog/fields.hpp"
#include "fabric/json.hpp"
#include "tools/evf/catalog.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

using catalog::Message;

struct Arguments {
  std::string name;
  std::vector<std::string> from;
};

std::string consumers_of(const Message& message) {
  std::vector<std::string> names;
  for (const auto& consumer : message.consumers) names.push_back(consumer.service);
  return names.empty() ? "-" : printable(catalog::joined(names));
}

Cell state_of(const Message& message) {
  if (!message.deprecation) return "-";
  const auto& sunset = message.deprecation->sunset;
  if (!sunset) return {"deprecated", Tone::warn};
  return {"sunset " + catalog::describe_days(*sunset, catalog::today()),
          *sunset <= catalog::today() ? Tone::bad : Tone::warn};
}

void print_messages(const std::vector<const Message*>& messages) {
  Table table({"CONTEXT", "KIND", "NAME", ">VERSION", "TOPIC", "KEY", "PRODUCERS", "CONSUMERS", "STATE"});
  for (const auto* message : messages)
    table.add({printable(message->context), std::string(catalog::to_string(message->kind)), printable(message->name),
               message->schema ? std::to_string(message->schema->version) : "-", printable(message->topic),
               message->key.empty() ? "-" : printable(message->key),
               message->producers.empty() ? "-" : printable(catalog::joined(message->producers)),
               consumers_of(*message), state_of(*message)});
  if (!table.empty()) table.print();
}

void row(std::string_view name, const std::string& value) {
  if (!value.empty())
    print_line(fmt::format("  {} {}", toned(fmt::format("{:<12}", name), Tone::dim, data().descriptor()), value));
}

void print_consumers(const Message& message) {
  Table table({"CONSUMER", "READS", "SLA"});
  for (const auto& consumer : message.consumers)
    table.add({printable(consumer.service), printable(catalog::describe_reads(consumer)),
               catalog::describe(message.sla_of(consumer))});
  print_line("");
  if (table.empty()) return print_line("no consumers");
  table.print();
}

void print_fields(const Message& message) {
  if (!message.schema) return;
  const auto list = catalog::FieldListers().list(*message.schema);
  if (!list) {
    print_line("");
    for (std::size_t at = 0; at < message.schema->text.size();) {  // as it was written
      const auto end = std::min(message.schema->text.find('\n', at), message.schema->text.size());
      print_line("  " + printable(std::string_view(message.schema->text).substr(at, end - at)));
      at = end + 1;
    }
    return;
  }
  Table table({"FIELD", "TYPE", "REQUIRED", "DESCRIPTION"});
  for (const auto& field : list->fields)
    table.add({printable(field.path), printable(field.type), field.required ? "yes" : "-",
               field.description.empty() ? "-" : printable(field.description)});
  print_line("");
  if (!table.empty()) table.print();
}

void print_versions(const Message& message, const catalog::History& history) {
  const auto versions = history.find(message.name);
  if (versions == history.end() || versions->second.size() < 2) return;
  Table table({">VERSION", "FORMAT", "COMPATIBILITY", ">SNAPSHOT", "APPLIED"});
  for (const auto& version : versions->second)
    table.add({std::to_string(version.schema.version), std::string(contract::to_string(version.schema.format)),
               std::string(contract::to_string(version.schema.mode)), std::to_string(version.snapshot),
               printable(version.applied_at)});
  print_line("");
  table.print();
}

void print_message(const Message& message, const catalog::History& history) {
  print_line(fmt::format("{} ({} of {})", toned(printable(message.name), Tone::bold, data().descriptor()),
                         catalog::to_string(message.kind), printable(message.context)));
  row("description", printable(message.description));
  row("owner", printable(message.owner));
  row("topic", printable(message.topic) + (message.key.empty() ? ", unkeyed" : ", keyed by " + printable(message.key)));
  row("schema", message.schema ? catalog::describe(*message.schema) : "none");
  row("producers", message.producers.empty() ? "none" : printable(catalog::joined(message.producers)));
  row("sla", catalog::describe(message.sla));
  row("retention", catalog::describe(message.retention));
  row("retry", catalog::describe(message.retry));
  row("dead letter", printable(message.dead_letter));
  if (message.deprecation) {
    row("deprecated", printable(catalog::describe(*message.deprecation)));
    row("reason", printable(message.deprecation->reason));
  }
  print_consumers(message);
  print_fields(message);
  print_versions(message, history);
}

// What a name stands for besides an event or command: a context, a topic or a service.
std::vector<const Message*> messages_named(const catalog::Catalog& catalog, const std::string& name) {
  auto messages = catalog.messages();
  const auto keep = [&](auto wanted) {
    auto kept = messages;
    std::erase_if(kept, [&](const auto* message) { return !wanted(*message); });
    return kept;
  };
  if (catalog.context(name) != nullptr) return keep([&](const Message& message) { return message.context == name; });
  if (auto found = catalog.on_topic(name); !found.empty()) return found;
  return keep([&](const Message& message) {
    return message.consumer(name) != nullptr ||
           std::find(message.producers.begin(), message.producers.end(), name) != message.producers.end();
  });
}

int not_found(const CatalogSource& source, const std::string& name) {
  auto names = source.catalog.services();
  for (const auto& topic : source.catalog.topics()) names.push_back(topic);
  for (const auto& context : source.catalog.contexts) names.push_back(context.name);
  for (const auto* message : source.catalog.messages()) names.push_back(message->name);
  const auto hint = nearest(name, names);
  return fail(kNotFound,
              fmt::format("{} has no event, command, context, topic or service '{}'", source.title, printable(name)),
              hint.empty() ? "evf catalog show lists them" : fmt::format("did you mean '{}'?", printable(hint)));
}

void print_as_json(const CatalogSource& source, const std::vector<const Message*>& messages) {
  catalog::Catalog part;
  for (const auto& context : source.catalog.contexts) {
    catalog::Context kept = context;
    std::erase_if(kept.messages, [&](const Message& message) {
      return std::none_of(messages.begin(), messages.end(),
                          [&](const auto* wanted) { return wanted->name == message.name; });
    });
    if (!kept.messages.empty() || messages.size() == source.catalog.messages().size())
      part.contexts.push_back(std::move(kept));
  }
  boost::json::object object{{"schema", "evf.catalog/1"}, {"source", source.title}};
  if (source.snapshot != 0) {
    object.emplace("snapshot", source.snapshot);
    object.emplace("applied_at", source.applied_at);
  }
  object.emplace("contexts", catalog::to_json(part));
  print_line(json::print(object));
}

int show(const Context& context, const Arguments& arguments) {
  int code = kOk;
  const auto source =
      open_catalog(context, arguments.from.empty() ? std::vector<std::string>{"latest"} : arguments.from, code);
  if (!source) return code;
  const auto* message = source->catalog.find(arguments.name);
  const auto messages = arguments.name.empty() ? source->catalog.messages()
                        : message != nullptr   ? std::vector<const Message*>{message}
                                               : messages_named(source->catalog, arguments.name);
  if (messages.empty() && !arguments.name.empty() && source->catalog.context(arguments.name) == nullptr)
    return not_found(*source, arguments.name);
  if (context.json)
    print_as_json(*source, messages);
  else if (message != nullptr)
    print_message(*message, source->history);
  else
    print_messages(messages);
  return kOk;
}

}  // namespace

void add_catalog_show(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub = add_verb(
      app, context,
      {.name = "show",
       .description = "Show the events and commands of a catalog, or one of them in full.",
       .details = "NAME is an event or command (shown in full), or a context, topic or service (what belongs\n"
                  "to it is listed). Without --from it is the catalog in force in the fabric.",
       .examples = "  evf catalog show\n  evf catalog show OrderPlaced\n  evf catalog show billing --from catalog/",
       .json = true},
      [&context, arguments] { return show(context, *arguments); });
  sub->add_option("NAME", arguments->name, "Event, command, context, topic or service");
  sub->add_option("--from", arguments->from, "Files, a directory, or the number of a snapshot (latest)")
      ->type_name("PATH|NUMBER");
}

}  // namespace fabric::evf
