// The command line as a whole: verbs, help, usage errors, and what every run ends with.

#include <fmt/format.h>

#include <cstring>
#include <exception>

#include "tools/evf/help.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {
namespace {

constexpr const char* kFooter = R"(The fabric is a directory: --dir DIR, or $EVF_DIR, or /dev/shm/eventfabric.
Data goes to standard output, everything else to standard error.

Exit codes:
  0 ok   1 failed   2 usage   3 not found
  4 unhealthy, or a schema or catalog that breaks somebody
  5 corrupt or incompatible   6 permission

Examples:
  evf topic create orders --partitions 4
  evf pub orders events.ndjson --format ndjson --key-field customer.id
  evf tail orders --follow --group billing
  evf VERB --help
)";

void set_up(CLI::App& app, Context& context) {
  app.name("evf");
  app.description("Event Fabric: events between the processes of one host, through memory-mapped rings.");
  app.footer(kFooter);
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "Show this help")->group("Common");
  app.set_version_flag("--version", "evf " EVF_VERSION, "Show the version");
  app.add_option("--dir", context.directory, "The fabric's directory")->type_name("DIR");
  app.require_subcommand(0, 1);
  add_topic(app, context);
  add_pub(app, context);
  add_tail(app, context);
  add_list(app, context);
  add_group(app, context);
  add_lag(app, context);
  add_doctor(app, context);
  add_fsck(app, context);
  add_schema(app, context);
  add_bench(app, context);
  add_demo(app, context);
  add_catalog(app, context);
}

// The verb that was named last: its options and its help are meant.
CLI::App* innermost(CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return app;
}

std::string path_of(const CLI::App* app) {
  return app->get_parent() == nullptr ? app->get_name() : path_of(app->get_parent()) + " " + app->get_name();
}

std::vector<std::string> words_of(const CLI::App* app, bool options) {
  std::vector<std::string> words;
  if (!options) {
    for (const auto* verb : app->get_subcommands({})) words.push_back(verb->get_name());
    return words;
  }
  for (const auto* option : app->get_options())
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  return words;
}

// "pub: <what>; see evf pub --help"
int usage_error(const CLI::App* app, const std::string& what) {
  const auto path = path_of(app);
  const auto verb = app->get_parent() == nullptr ? std::string() : path.substr(path.find(' ') + 1) + ": ";
  return fail(kUsage, verb + what, fmt::format("see {} --help", path));
}

// A word that nothing takes: an unknown verb or option, or one argument too many.
int refuse_word(const CLI::App* app, const std::string& word) {
  const bool option = word.size() > 1 && word.front() == '-';
  const bool verb = !option && !app->get_subcommands({}).empty();
  const auto hint = nearest(word.substr(0, word.find('=')), words_of(app, option));
  const auto* kind = option ? "option" : verb ? "verb" : "argument";
  return usage_error(
      app, fmt::format("unknown {} '{}'{}", kind, printable(word), hint.empty() ? "" : ", did you mean " + hint + "?"));
}

int explain(CLI::App& app, const CLI::ParseError& error) {
  auto* verb = innermost(&app);
  if (dynamic_cast<const CLI::CallForHelp*>(&error) != nullptr) {
    data().write(verb->help());
    return kOk;
  }
  if (dynamic_cast<const CLI::CallForVersion*>(&error) != nullptr) {
    print_line(error.what());
    return kOk;
  }
  // Unknown words come first: they are the likely reason for what is missing.
  for (const auto* at : {static_cast<CLI::App*>(&app), verb})
    for (const auto& word : at->remaining())
      if (word != "--") return refuse_word(verb, word);
  return usage_error(verb, printable(error.what()));
}

int finish(int code) {
  auto& output = data();
  if (output.flush() || output.closed() || interrupted()) return code;
  return fail(kFailed, fmt::format("cannot write to standard output: {}", std::strerror(output.error())),
              "check where it goes to");
}

int parse_and_run(CLI::App& app, Context& context, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  }
  auto* verb = innermost(&app);
  if (verb->get_subcommands({}).empty()) return context.exit_code;
  return usage_error(verb, "a verb is missing");
}

}  // namespace

int run_command(int argc, const char* const* argv) {
  catch_signals();
  CLI::App app;
  Context context;
  try {
    set_up(app, context);
    return finish(parse_and_run(app, context, argc, argv));
  } catch (const std::bad_alloc&) {
    return fail(kFailed, "out of memory", "free some, or ask for less");
  } catch (const std::exception& error) {
    return fail(kFailed, error.what(), "please report this with the command line");
  }
}

}  // namespace fabric::evf
