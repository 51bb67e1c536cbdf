// evf catalog lint.

#include <fmt/format.h>

#include "fabric/catalog/lint.hpp"
#include "tools/evf/catalog.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

struct Arguments {
  std::vector<std::string> paths;
  bool strict = false;
};

std::string shown(const catalog::Problem& problem) {
  const auto where = catalog::to_string(problem.place);
  const auto tone = problem.severity == catalog::Severity::error ? Tone::bad : Tone::warn;
  return fmt::format("{}: {}: {} {}", printable(where),
                     toned(catalog::to_string(problem.severity), tone, data().descriptor()), printable(problem.message),
                     toned(fmt::format("[{}]", problem.rule), Tone::dim, data().descriptor()));
}

int lint(const Context& context, const Arguments& arguments) {
  const auto files = catalog::catalog_files(arguments.paths);
  if (!files) return fail(files.error());
  catalog::Problems problems;
  const auto loaded = catalog::load_files(arguments.paths, problems);
  if (!loaded) return fail(loaded.error());
  catalog::lint(*loaded, {.formats = &known_formats()}, problems);
  problems.sort();
  if (context.json) {
    Json rows = Json::array();
    for (const auto& problem : problems.all()) rows.push_back(problem_json(problem));
    print_json(Json{{"schema", "evf.catalog-lint/1"},
                    {"files", *files},
                    {"contexts", loaded->contexts.size()},
                    {"messages", loaded->messages().size()},
                    {"errors", problems.errors()},
                    {"warnings", problems.warnings()},
                    {"problems", std::move(rows)}});
  } else {
    for (const auto& problem : problems.all()) print_line(shown(problem));
  }
  note(fmt::format("{} in {}: {}, {}", count_of(problems), plural(files->size(), "file"),
                   plural(loaded->contexts.size(), "context"), plural(loaded->messages().size(), "message")));
  return problems.errors() != 0 || (arguments.strict && !problems.empty()) ? kUnhealthy : kOk;
}

}  // namespace

void add_catalog_lint(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "lint",
                .description = "Check catalog files, alone and against each other.",
                .details = "A line for each problem: file:line:column, what is wrong, what to do, and the rule. Exit\n"
                           "code 4 when there are errors; with --strict also when there are warnings. A directory\n"
                           "stands for the *.yaml files in it.",
                .examples = "  evf catalog lint catalog/\n  evf catalog lint sales.yaml billing.yaml --strict",
                .json = true,
                .directory = false},
               [&context, arguments] { return lint(context, *arguments); });
  sub->add_option("PATH", arguments->paths, "Files, or a directory of them")->required();
  sub->add_flag("--strict", arguments->strict, "Warnings are errors");
}

}  // namespace fabric::evf
