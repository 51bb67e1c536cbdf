// evf schema list|show: what is in the registry.

#include <fmt/format.h>

#include "fabric/json.hpp"
#include "ipc/clock.hpp"
#include "tools/evf/schema.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

using contract::Registered;

std::string state_of(const Registered& one, std::uint64_t now_ns) {
  if (one.deleted) return "deleted";
  if (!one.deprecation) return "current";
  return one.deprecation->is_over(now_ns) ? "sunset" : "deprecated";
}

Tone tone_of(const std::string& state) {
  return state == "current" ? Tone::plain : state == "sunset" ? Tone::bad : Tone::warn;
}

Json version_json(const Registered& one) {
  Json object{{"version", one.version},
              {"id", one.id},
              {"format", std::string(contract::to_string(one.format))},
              {"registered_at_ns", one.registered_at_ns},
              {"state", state_of(one, ipc::unix_ns())}};
  if (one.deprecation) {
    object["deprecated_since_ns"] = one.deprecation->since_ns;
    object["sunset_ns"] = one.deprecation->sunset_ns == 0 ? Json() : Json(one.deprecation->sunset_ns);
    object["replacement"] = one.deprecation->replacement;
  }
  object["text"] = *one.text;
  return object;
}

int list(const Context& context) {
  const auto registry = open_registry(context);
  if (!registry) return fail(registry.error());
  const auto subjects = registry->subjects();
  if (!subjects) return fail(subjects.error());
  const auto default_mode = registry->default_mode();
  if (!default_mode) return fail(default_mode.error());
  auto rows = Json::array();
  Table table({"SUBJECT", ">VERSIONS", ">LATEST", ">ID", "FORMAT", "MODE", "STATE"});
  for (const auto& subject : *subjects) {
    const auto latest = subject.latest == 0 ? Result<Registered>(Registered{.deleted = true})
                                            : registry->version(subject.name, subject.latest);
    if (!latest) return fail(latest.error());
    const auto state = subject.versions == 0 ? std::string("empty") : state_of(*latest, ipc::unix_ns());
    const auto mode = std::string(contract::to_string(subject.mode.value_or(*default_mode)));
    const bool there = subject.latest != 0;
    const auto format = std::string(contract::to_string(latest->format));
    table.add({printable(subject.name),
               std::to_string(subject.versions),
               there ? std::to_string(subject.latest) : "-",
               there ? std::to_string(latest->id) : "-",
               there ? format : "-",
               subject.mode ? mode : mode + " (default)",
               {state, tone_of(state)}});
    rows.push_back({{"subject", subject.name},
                    {"versions", subject.versions},
                    {"deleted", subject.deleted},
                    {"latest", there ? Json(subject.latest) : Json()},
                    {"id", there ? Json(latest->id) : Json()},
                    {"format", there ? Json(format) : Json()},
                    {"mode", mode},
                    {"own_mode", subject.mode.has_value()},
                    {"state", state}});
  }
  if (context.json)
    print_json({{"schema", "evf.schemas/1"},
                {"default_mode", std::string(contract::to_string(*default_mode))},
                {"subjects", std::move(rows)}});
  else if (!table.empty())
    table.print();
  return kOk;
}

// JSON in lines for people; other texts as they are.
std::string pretty(const std::string& text) {
  const auto value = json::parse(text);
  return value ? json::print(*value, 2) : text;
}

void print_version(const Registered& one) {
  const auto state = state_of(one, ipc::unix_ns());
  print_line(fmt::format("subject     {}", printable(one.subject)));
  print_line(fmt::format("version     {}", one.version));
  print_line(fmt::format("id          {}", one.id));
  print_line(fmt::format("format      {}", contract::to_string(one.format)));
  print_line(fmt::format("registered  {}", format_time(one.registered_at_ns)));
  print_line(fmt::format("state       {}", toned(state, tone_of(state), data().descriptor())));
  if (one.deprecation) {
    print_line(fmt::format("deprecated  {}", format_time(one.deprecation->since_ns)));
    if (one.deprecation->sunset_ns != 0)
      print_line(fmt::format("sunset      {}", format_time(one.deprecation->sunset_ns)));
    if (!one.deprecation->replacement.empty())
      print_line(fmt::format("instead     {}", printable(one.deprecation->replacement)));
  }
  print_line("");
  print_line(pretty(*one.text));
}

struct ShowArguments {
  std::string subject, version;
  std::uint32_t id = 0;
  bool text = false;
};

int show_one(const Context& context, const Result<Registered>& one, bool text) {
  if (!one) return fail(one.error());
  if (context.json) {
    auto object = version_json(*one);
    Json whole{{"schema", "evf.schema/1"}, {"subject", one->subject}, {"versions", Json::array({std::move(object)})}};
    print_json(whole);
  } else if (text) {
    print_line(*one->text);
  } else {
    print_version(*one);
  }
  return kOk;
}

int show_all(const Context& context, const contract::Registry& registry, const std::string& subject) {
  const auto versions = registry.versions(subject, true);
  if (!versions) return fail(versions.error());
  if (context.json) {
    auto rows = Json::array();
    for (const auto& one : *versions) rows.push_back(version_json(one));
    print_json({{"schema", "evf.schema/1"}, {"subject", subject}, {"versions", std::move(rows)}});
    return kOk;
  }
  Table table({">VERSION", ">ID", "FORMAT", "REGISTERED", "STATE", "INSTEAD"});
  for (const auto& one : *versions) {
    const auto state = state_of(one, ipc::unix_ns());
    table.add({std::to_string(one.version),
               std::to_string(one.id),
               std::string(contract::to_string(one.format)),
               format_time(one.registered_at_ns),
               {state, tone_of(state)},
               one.deprecation ? printable(one.deprecation->replacement) : ""});
  }
  table.print();
  return kOk;
}

int show(const Context& context, const ShowArguments& arguments) {
  if ((arguments.id == 0) == arguments.subject.empty())
    return fail(kUsage, "schema show: name a SUBJECT or an --id, not both", "see evf schema show --help");
  const auto registry = open_registry(context);
  if (!registry) return fail(registry.error());
  if (arguments.id != 0) return show_one(context, registry->by_id(arguments.id), arguments.text);
  if (arguments.version == "latest" || (arguments.text && arguments.version.empty()))
    return show_one(context, registry->latest(arguments.subject), arguments.text);
  if (arguments.version.empty()) return show_all(context, *registry, arguments.subject);
  std::uint32_t version = 0;
  if (!CLI::detail::lexical_cast(arguments.version, version) || version == 0)
    return fail(kUsage, fmt::format("'{}' is no version", printable(arguments.version)), "write a number, or latest");
  return show_one(context, registry->version(arguments.subject, version), arguments.text);
}

}  // namespace

void add_schema_list(CLI::App& schema, Context& context) {
  add_verb(schema, context,
           {.name = "list",
            .description = "List the subjects, their latest versions and modes.",
            .examples = "  evf schema list\n  evf schema list --json",
            .json = true},
           [&context] { return list(context); });
}

void add_schema_show(CLI::App& schema, Context& context) {
  const auto arguments = std::make_shared<ShowArguments>();
  auto* sub = add_verb(schema, context,
                       {.name = "show",
                        .description = "Show the versions of a subject, or one schema.",
                        .examples = "  evf schema show orders.placed\n"
                                    "  evf schema show orders.placed latest\n"
                                    "  evf schema show --id 17\n"
                                    "  evf schema show orders.placed 2 --text > order.json",
                        .json = true},
                       [&context, arguments] { return show(context, *arguments); });
  sub->add_option("SUBJECT", arguments->subject, "The type of the events");
  sub->add_option("VERSION", arguments->version, "A number, or latest (lists all)");
  sub->add_option("--id", arguments->id, "By the id that records have")->type_name("ID");
  sub->add_flag("--text", arguments->text, "Only the schema's text, in its normal form");
}

}  // namespace fabric::evf
