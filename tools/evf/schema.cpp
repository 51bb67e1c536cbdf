// evf schema: what its verbs share, and the verbs that change the registry.

#include "tools/evf/schema.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "ipc/clock.hpp"
#include "ipc/file_lock.hpp"
#include "tools/evf/formats.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"

namespace fabric::evf {
namespace {

using contract::Incompatibility;
using contract::Mode;

std::string name_of(std::uint32_t version, const std::vector<std::string>& names) {
  return names.empty() ? std::to_string(version) : names[version - 1];
}

int register_schema(const Context& context, const std::string& subject, contract::Format format,
                    const std::string& path, bool only_check) {
  const auto schema = parse_schema_file(format, path);
  if (!schema) return fail(schema.error());
  const auto fabric = open_fabric(context, !only_check);
  if (!fabric) return fail(fabric.error());
  const auto registry = contract::Registry::open(*fabric, formats());
  if (!registry) return fail(registry.error());
  contract::Registration done;
  if (only_check) {
    auto found = registry->check(subject, **schema);
    if (!found) return fail(found.error());
    done.incompatible = std::move(*found);
  } else {
    auto registered = registry->register_schema(subject, **schema);
    if (!registered) return fail(registered.error());
    done = std::move(*registered);
  }
  if (context.json) {
    Json object{{"schema", "evf.schema-registered/1"}, {"subject", subject}, {"compatible", static_cast<bool>(done)}};
    if (done && !only_check) {
      object["version"] = done.schema.version;
      object["id"] = done.schema.id;
      object["created"] = done.created;
    }
    object["violations"] = violations_json(done.incompatible);
    print_json(object);
  } else if (!done) {
    print_violations(done.incompatible);
  } else if (!only_check) {
    note(fmt::format("{} version {} of subject {}, id {}", done.created ? "registered" : "there is already",
                     done.schema.version, printable(subject), done.schema.id));
  }
  if (done) return kOk;
  return fail(kUnhealthy,
              fmt::format("the schema is incompatible with subject {}: {}", printable(subject),
                          plural(done.incompatible.size(), "violation")),
              only_check ? "correct it" : "nothing was registered; correct it, or see evf schema mode");
}

int remove(const Context& context, const std::string& subject, std::uint32_t version) {
  const auto registry = open_registry(context);
  if (!registry) return fail(registry.error());
  const auto done = version == 0 ? registry->delete_subject(subject) : registry->delete_version(subject, version);
  if (!done) return fail(done.error());
  note(version == 0 ? fmt::format("deleted all versions of subject {}", printable(subject))
                    : fmt::format("deleted version {} of subject {}", version, printable(subject)));
  return kOk;
}

int show_or_set_mode(const Context& context, const std::string& subject, const std::string& wanted) {
  const auto mode = contract::mode_named(wanted);
  if (!wanted.empty() && !mode && (wanted != "default" || subject.empty())) {
    std::string words;
    for (const auto known : contract::kModes) words += std::string(contract::to_string(known)) + ", ";
    return fail(kUsage, fmt::format("'{}' is no mode", printable(wanted)),
                "use " + words + "or default, for a subject");
  }
  const auto fabric = open_fabric(context, !wanted.empty());
  if (!fabric) return fail(fabric.error());
  const auto registry = contract::Registry::open(*fabric, formats());
  if (!registry) return fail(registry.error());
  if (!wanted.empty()) {
    const auto done = subject.empty() ? registry->set_default_mode(*mode) : registry->set_mode(subject, mode);
    if (!done) return fail(done.error());
  }
  const auto now = subject.empty() ? registry->default_mode() : registry->mode(subject);
  if (!now) return fail(now.error());
  if (context.json)
    print_json({{"schema", "evf.schema-mode/1"},
                {"subject", subject.empty() ? Json() : Json(subject)},
                {"mode", std::string(contract::to_string(*now))}});
  else
    print_line(contract::to_string(*now));
  return kOk;
}

struct DeprecateArguments {
  std::string subject, since, sunset, replacement;
  std::uint32_t version = 0;
  bool undo = false;
};

int deprecate(const Context& context, const DeprecateArguments& arguments) {
  std::optional<contract::Deprecation> deprecation;
  if (!arguments.undo) {
    deprecation.emplace().replacement = arguments.replacement;
    const auto take = [&](const std::string& option, const std::string& text, std::uint64_t& ns) {
      if (text.empty()) return;
      const auto time = parse_time_ns(text, ipc::unix_ns());
      if (!time) refuse_value(option, "'" + text + "' is no time; write 2026-12-31T00:00:00Z");
      ns = *time;
    };
    take("--since", arguments.since, deprecation->since_ns);
    take("--sunset", arguments.sunset, deprecation->sunset_ns);
  }
  const auto registry = open_registry(context);
  if (!registry) return fail(registry.error());
  if (auto done = registry->deprecate(arguments.subject, arguments.version, deprecation); !done)
    return fail(done.error());
  const auto what = fmt::format("version {} of subject {}", arguments.version, printable(arguments.subject));
  note(arguments.undo ? what + " is not deprecated any more" : "deprecated " + what);
  return kOk;
}

}  // namespace

Result<contract::Registry> open_registry(const Context& context) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fabric.error();
  return contract::Registry::open(*fabric, formats());
}

Result<std::string> read_schema_file(const std::string& path) {
  ipc::Descriptor opened(path == "-" ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (path != "-" && !opened) return ipc::system_error("open " + path, errno);
  const int file = path == "-" ? STDIN_FILENO : opened.get();
  std::string text;
  std::string chunk(std::size_t{64} << 10, '\0');
  for (;;) {
    const auto got = ::read(file, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR && !interrupted()) continue;
    if (got < 0) return ipc::system_error("read " + path, errno);
    if (got == 0) return text;
    text.append(chunk, 0, static_cast<std::size_t>(got));
    if (text.size() > contract::kMaxSchemaBytes)
      return ipc::make_error(ErrorCode::invalid_argument,
                             fmt::format("{} is larger than the {} that a schema may have; name a schema file", path,
                                         format_bytes(contract::kMaxSchemaBytes)));
  }
}

Result<std::shared_ptr<const contract::Schema>> parse_schema_file(contract::Format format, const std::string& path) {
  const auto text = read_schema_file(path);
  if (!text) return text.error();
  auto schema = formats().parse(format, *text);
  if (schema) return schema;
  auto error = schema.error();
  error.message = fmt::format("{}: {}; correct it", path == "-" ? "standard input" : path, error.message);
  return error;
}

CLI::Option* add_format(CLI::App& app, std::optional<contract::Format>& format) {
  const auto choose = [&format](const std::string& text) {
    format = contract::format_named(text);
    if (!format) refuse_value("--format", "'" + text + "' is not one of native, json-schema, flatbuffers, protobuf");
  };
  return app.add_option_function<std::string>("--format", choose, "How the schema is written")
      ->type_name("native|json-schema|flatbuffers|protobuf")
      ->required();
}

CLI::Option* add_mode(CLI::App& app, const std::string& names, std::optional<contract::Mode>& mode,
                      const std::string& description) {
  const auto choose = [&mode, names](const std::string& text) {
    mode = contract::mode_named(text);
    if (!mode)
      refuse_value(names, "'" + text +
                              "' is not one of none, backward, forward, full, backward-transitive, forward-transitive, "
                              "full-transitive");
  };
  return app.add_option_function<std::string>(names, choose, description)->type_name("MODE");
}

void print_violations(const Incompatibilities& found, const std::vector<std::string>& names, const Incompatibilities& source) {
  Table table({"VERSION", "DIRECTION", "PATH", "RULE", "WHY"});
  const auto add = [&](const Incompatibility& one, const char* direction) {
    table.add({printable(name_of(one.version, names)), direction,
               one.violation.path.empty() ? "-" : printable(one.violation.path), one.violation.rule,
               printable(one.violation.message)});
  };
  for (const auto& one : found) add(one, one.new_reads_old ? "new reads old" : "old reads new");
  for (const auto& one : source) add(one, "source");
  table.print();
}

Json violations_json(const Incompatibilities& found, const std::vector<std::string>& names, const Incompatibilities& source) {
  auto list = Json::array();
  const auto add = [&](const Incompatibility& one, const char* direction) {
    Json row{{"version", one.version}};
    if (!names.empty()) row["file"] = name_of(one.version, names);
    row["direction"] = direction;
    row["path"] = one.violation.path;
    row["rule"] = one.violation.rule;
    row["message"] = one.violation.message;
    list.push_back(std::move(row));
  };
  for (const auto& one : found) add(one, one.new_reads_old ? "new-reads-old" : "old-reads-new");
  for (const auto& one : source) add(one, "source");
  return list;
}

void add_schema_register(CLI::App& schema, Context& context) {
  struct Arguments {
    std::string subject, file;
    std::optional<contract::Format> format;
    bool check = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* sub = add_verb(
      schema, context,
      {.name = "register",
       .description = "Add a version to a subject, if its mode lets it.",
       .details = "The subject is the type of the events. The same schema again gives the same version and\n"
                  "id. Exit code 4: incompatible; nothing was registered, each violation is a row.",
       .examples = "  evf schema register orders.placed order.json --format native\n"
                   "  evf schema register orders.placed - --format json-schema < order.schema.json",
       .json = true},
      [&context, arguments] {
        return register_schema(context, arguments->subject, *arguments->format, arguments->file, arguments->check);
      });
  sub->add_option("SUBJECT", arguments->subject, "The type of the events")->required();
  sub->add_option("FILE", arguments->file, "The schema; -: standard input")->required();
  add_format(*sub, arguments->format);
  sub->add_flag("--check", arguments->check, "Only say what stands against it");
}

void add_schema_delete(CLI::App& schema, Context& context) {
  struct Arguments {
    std::string subject;
    std::uint32_t version = 0;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* sub =
      add_verb(schema, context,
               {.name = "delete",
                .description = "Delete a version of a subject, or all of them.",
                .details = "It is found by its id for ever, so records that have it stay readable; but no producer\n"
                           "may attach with it, and nothing is compared with it any more.",
                .examples = "  evf schema delete orders.placed 2"},
               [&context, arguments] { return remove(context, arguments->subject, arguments->version); });
  sub->add_option("SUBJECT", arguments->subject, "The type of the events")->required();
  sub->add_option("VERSION", arguments->version, "Which one (all)")->check(CLI::PositiveNumber);
}

void add_schema_mode(CLI::App& schema, Context& context) {
  struct Arguments {
    std::string subject, mode;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* sub =
      add_verb(schema, context,
               {.name = "mode",
                .description = "Show or set the compatibility mode of a subject, or the default.",
                .details = "none, backward (consumers are upgraded first), forward (producers first), full (in any\n"
                           "order); with -transitive all versions are compared, not only the latest. --set default\n"
                           "takes a subject's own mode away.",
                .examples = "  evf schema mode --set full\n"
                            "  evf schema mode orders.placed --set backward-transitive",
                .json = true},
               [&context, arguments] { return show_or_set_mode(context, arguments->subject, arguments->mode); });
  sub->add_option("SUBJECT", arguments->subject, "The type of the events (the default of all)");
  sub->add_option("--set", arguments->mode, "The new mode")->type_name("MODE");
}

void add_schema_deprecate(CLI::App& schema, Context& context) {
  const auto arguments = std::make_shared<DeprecateArguments>();
  auto* sub =
      add_verb(schema, context,
               {.name = "deprecate",
                .description = "Warn the producers of a version, and refuse them from a day on.",
                .details = "Producers that attach with a deprecated version are warned; after its sunset they are\n"
                           "refused. Consumers go on reading it.",
                .examples = "  evf schema deprecate orders.placed 1 --sunset 2026-12-31T00:00:00Z"},
               [&context, arguments] { return deprecate(context, *arguments); });
  sub->add_option("SUBJECT", arguments->subject, "The type of the events")->required();
  sub->add_option("VERSION", arguments->version, "Which one")->required()->check(CLI::PositiveNumber);
  sub->add_option("--since", arguments->since, "Since when (now)")->type_name("TIME");
  sub->add_option("--sunset", arguments->sunset, "From when on producers are refused (never)")->type_name("TIME");
  sub->add_option("--use", arguments->replacement, "What to use instead")->type_name("TEXT");
  sub->add_flag("--undo", arguments->undo, "It is not deprecated any more");
}

void add_schema(CLI::App& app, Context& context) {
  auto* schema = add_verb(app, context,
                          {.name = "schema",
                           .description = "Register, list, compare and deprecate the schemas of events.",
                           .details = "evf schema VERB --help says more.",
                           .directory = false});
  schema->require_subcommand(0, 1);
  add_schema_list(*schema, context);
  add_schema_show(*schema, context);
  add_schema_register(*schema, context);
  add_schema_check(*schema, context);
  add_schema_delete(*schema, context);
  add_schema_mode(*schema, context);
  add_schema_deprecate(*schema, context);
}

}  // namespace fabric::evf
