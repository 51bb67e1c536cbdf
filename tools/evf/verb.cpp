#include "tools/evf/verb.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "tools/evf/help.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

// What usually helps, for messages that do not say so themselves.
std::string_view advice(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "see --help for what is allowed";
    case ErrorCode::not_found:
      return "check the name; evf list shows what there is";
    case ErrorCode::already_exists:
      return "choose another name, or delete it first";
    case ErrorCode::no_space:
      return "free space, or ask for less";
    case ErrorCode::permission:
      return "check owner, group and mode, or run as a member of the group";
    case ErrorCode::corrupt:
      return "run evf fsck, and restore or re-create the file";
    case ErrorCode::incompatible:
      return "use a matching release, or re-create the topic";
    case ErrorCode::busy:
      return "stop its owner, or take over by force";
    case ErrorCode::fenced:
      return "another member took over; start again";
    case ErrorCode::unsupported:
      return "use another file system or kernel";
    case ErrorCode::system:
      return "run evf doctor";
  }
  return "run evf doctor";
}

}  // namespace

ExitCode exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return kUsage;
    case ErrorCode::not_found:
      return kNotFound;
    case ErrorCode::permission:
      return kPermission;
    case ErrorCode::corrupt:
    case ErrorCode::incompatible:
      return kCorrupt;
    case ErrorCode::already_exists:
    case ErrorCode::no_space:
    case ErrorCode::busy:
    case ErrorCode::fenced:
    case ErrorCode::unsupported:
    case ErrorCode::system:
      return kFailed;
  }
  return kFailed;
}

CLI::App* add_verb(CLI::App& app, Context& context, const Verb& verb, std::function<int()> run) {
  auto* sub = app.add_subcommand(verb.name, verb.description);
  std::string footer;
  if (!verb.details.empty()) footer += reflow(verb.details);
  if (!verb.examples.empty())
    footer += (footer.empty() ? "" : "\n") + std::string("Examples:\n") + verb.examples + "\n";
  sub->footer(footer);
  if (verb.directory) {
    sub->add_option("--dir", context.directory, "The fabric's directory (or $EVF_DIR; else /dev/shm/eventfabric)")
        ->type_name("DIR")
        ->group("Common");
  }
  if (verb.json) sub->add_flag("--json", context.json, "Output for machines instead of people")->group("Common");
  if (run) sub->callback([&context, run = std::move(run)] { context.exit_code = run(); });
  return sub;
}

std::string directory_of(const Context& context) {
  return context.directory.empty() ? default_directory() : context.directory;
}

Result<Fabric> open_fabric(const Context& context, bool create) {
  auto fabric = Fabric::open(directory_of(context), create);
  if (fabric || create || fabric.error().code != ErrorCode::not_found) return fabric;
  return ipc::make_error(ErrorCode::not_found,
                         fmt::format("there is no fabric in {}; evf topic create makes one, --dir or EVF_DIR "
                                     "names another",
                                     printable(directory_of(context))));
}

Result<std::shared_ptr<const Topic>> open_topic(const Fabric& fabric, const std::string& name, ipc::Access access) {
  auto topic = fabric.topic(name, access);
  if (topic || topic.error().code != ErrorCode::not_found) return topic;
  const auto names = fabric.topic_names();
  const auto hint = names ? nearest(name, *names) : std::string();
  return ipc::make_error(ErrorCode::not_found,
                         fmt::format("there is no topic '{}' in {}; {}", printable(name), fabric.directory(),
                                     hint.empty() ? "evf list shows what there is, evf topic create makes one"
                                                  : "did you mean '" + hint + "'? evf list shows all"));
}

int fail(const Error& error) {
  const bool advised = error.message.find("; ") != std::string::npos;
  note(advised ? error.message : fmt::format("{}; {}", error.message, advice(error.code)));
  return exit_code(error.code);
}

int fail(ExitCode code, std::string_view what, std::string_view what_to_do) {
  note(fmt::format("{}; {}", what, what_to_do));
  return code;
}

void note(std::string_view text) {
  Output errors(STDERR_FILENO);
  const auto width = terminal_width(STDERR_FILENO);
  errors.write(fmt::format("{} {}\n", toned("evf:", Tone::dim, STDERR_FILENO),
                           width == 0 ? std::string(text) : wrap(text, 5, 5, width)));
  errors.flush();
}

}  // namespace fabric::evf
