#pragma once
// What all verbs of the command evf share: context, exit codes, errors, and how a verb is declared.
//
// A verb is one pair of files with `void add_<verb>(CLI::App& app, Context& context)`; command.cpp registers it. Data
// goes to stdout, everything else to stderr. Streams and tables for people, one versioned object (or NDJSON) with
// --json. Not thread-safe; one Context per run of the command.

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "fabric/fabric.hpp"
#include "ipc/result.hpp"

namespace fabric::evf {

// The one place for exit codes; `evf --help` and the manual name them.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,      // the operation did not succeed; also: records were lost to an overrun
  kUsage = 2,       // unknown option or verb, or a value out of range
  kNotFound = 3,    // the topic, file or directory does not exist
  kUnhealthy = 4,   // doctor found something that needs attention
  kCorrupt = 5,     // damaged, foreign, or of another layout version
  kPermission = 6,  // the kernel said no
};
ExitCode exit_code(ErrorCode code) noexcept;

// What the command line says for all verbs, and what the verb that ran leaves behind.
struct Context {
  std::string directory;  // --dir; empty: default_directory()
  bool json = false;      // --json, for verbs that were declared with `json`
  int exit_code = kOk;    // set by the verb
};

// How a verb is declared. `run` returns the exit code.
struct Verb {
  std::string name{};
  std::string description{};  // one sentence, shown in lists
  std::string details{};      // paragraphs under the usage of `evf VERB --help`
  std::string examples{};     // one per line
  bool json = false;          // whether it has --json
  bool directory = true;      // whether it has --dir
};

// Adds a subcommand with --help, --dir and, if wanted, --json. `run` is called after its command line was parsed.
CLI::App* add_verb(CLI::App& app, Context& context, const Verb& verb, std::function<int()> run = {});

// Opens the fabric of the context. Without `create` a missing directory is `not_found`.
Result<Fabric> open_fabric(const Context& context, bool create = false);
std::string directory_of(const Context& context);
// Attaches to all partitions of a topic; `not_found` says which topics there are.
Result<std::shared_ptr<const Topic>> open_topic(const Fabric& fabric, const std::string& name, ipc::Access access);

// Prints `evf: <what is wrong>; <what to do>` to stderr and returns the exit code.
int fail(const Error& error);
int fail(ExitCode code, std::string_view what, std::string_view what_to_do);
// Prints `evf: <text>` to stderr: progress, warnings, summaries.
void note(std::string_view text);

// Parses the command line and runs one verb. Returns the exit code.
int run_command(int argc, const char* const* argv);

void add_topic(CLI::App& app, Context& context);
void add_pub(CLI::App& app, Context& context);
void add_tail(CLI::App& app, Context& context);
void add_list(CLI::App& app, Context& context);
void add_group(CLI::App& app, Context& context);
void add_lag(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_fsck(CLI::App& app, Context& context);
void add_schema(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_demo(CLI::App& app, Context& context);
void add_catalog(CLI::App& app, Context& context);

}  // namespace fabric::evf
