// evf catalog: the group of verbs, and what they share.

#include "tools/evf/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "fabric/catalog/lint.hpp"
#include "tools/evf/formats.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

// A snapshot's number; 0 is the latest one. nullopt: a path.
std::optional<std::uint64_t> snapshot_named(const std::string& word) {
  if (word == "latest") return catalog::kLatest;
  const bool number = !word.empty() && word.size() < 19 &&
                      std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number && word != "0" ? std::optional(std::stoull(word)) : std::nullopt;
}

std::optional<CatalogSource> open_snapshot(const Context& context, std::uint64_t number, int& code) {
  const auto refuse = [&](const Error& error) {
    code = fail(error);
    return std::nullopt;
  };
  const auto fabric = open_fabric(context);
  if (!fabric) return refuse(fabric.error());
  const auto snapshot = catalog::load_snapshot(*fabric, number);
  if (!snapshot) return refuse(snapshot.error());
  if ((*snapshot)->number == 0)
    return refuse(ipc::make_error(ErrorCode::not_found,
                                  fmt::format("no catalog was applied to {} yet; evf catalog apply PATH does that",
                                              printable(fabric->directory()))));
  auto all = catalog::load_all_snapshots(*fabric);
  if (!all) return refuse(all.error());
  std::erase_if(*all, [&](const auto& other) { return other->number > (*snapshot)->number; });
  return CatalogSource{.catalog = (*snapshot)->catalog,
                       .title = fmt::format("snapshot {}", (*snapshot)->number),
                       .snapshot = (*snapshot)->number,
                       .applied_at = (*snapshot)->applied_at,
                       .history = catalog::history_of(*all)};
}

}  // namespace

const contract::Formats& known_formats() {
  static const contract::Formats kFormats = formats();
  return kFormats;
}

std::optional<CatalogSource> read_catalog(const std::vector<std::string>& paths, int& code) {
  catalog::Problems problems;
  auto loaded = catalog::load_files(paths, problems);
  if (!loaded) {
    code = fail(loaded.error());
    return std::nullopt;
  }
  catalog::lint(*loaded, {.formats = &known_formats()}, problems);
  problems.sort();
  if (problems.errors() != 0) {
    for (const auto& problem : problems.all())
      if (problem.severity == catalog::Severity::error) note(printable(catalog::to_string(problem)));
    code = fail(kUnhealthy, fmt::format("the catalog has {}", plural(problems.errors(), "error")),
                "correct them; evf catalog lint shows all");
    return std::nullopt;
  }
  return CatalogSource{.catalog = std::move(*loaded),
                       .title = paths.size() == 1 ? printable(paths.front()) : plural(paths.size(), "path")};
}

std::optional<CatalogSource> open_catalog(const Context& context, const std::vector<std::string>& words, int& code) {
  if (words.size() == 1)
    if (const auto number = snapshot_named(words.front())) return open_snapshot(context, *number, code);
  return read_catalog(words, code);
}

Json problem_json(const catalog::Problem& problem) {
  return {{"severity", catalog::to_string(problem.severity)},
          {"file", problem.place.file},
          {"line", problem.place.line},
          {"column", problem.place.column},
          {"rule", problem.rule},
          {"message", problem.message}};
}

std::string count_of(const catalog::Problems& problems) {
  return plural(problems.errors(), "error") + ", " + plural(problems.warnings(), "warning");
}

void print_changes(const std::vector<catalog::Change>& changes) {
  Table table({"IMPACT", "CHANGE", "CONTEXT", "NAME", "PART", "WHAT"});
  for (const auto& change : changes) {
    const auto tone = change.impact == catalog::Impact::breaking        ? Tone::bad
                      : change.impact == catalog::Impact::documentation ? Tone::dim
                                                                        : Tone::plain;
    table.add({{std::string(catalog::to_string(change.impact)), tone},
               std::string(catalog::to_string(change.kind)),
               printable(change.context),
               change.subject.empty() ? "-" : printable(change.subject),
               change.part.empty() ? "-" : printable(change.part),
               printable(change.message)});
  }
  if (!table.empty()) table.print();
}

Json changes_json(const std::vector<catalog::Change>& changes) {
  Json rows = Json::array();
  for (const auto& change : changes)
    rows.push_back({{"impact", catalog::to_string(change.impact)},
                    {"change", catalog::to_string(change.kind)},
                    {"context", change.context},
                    {"name", change.subject.empty() ? Json() : Json(change.subject)},
                    {"part", change.part.empty() ? Json() : Json(change.part)},
                    {"rule", change.rule},
                    {"message", change.message}});
  return rows;
}

void add_catalog(CLI::App& app, Context& context) {
  auto* sub =
      add_verb(app, context,
               {.name = "catalog",
                .description = "Check, compare, apply, show and export the catalog of events and commands.",
                .details = "A catalog is one YAML file per bounded context; fabric/catalog/README.md describes it.\n"
                           "evf catalog VERB --help says more.",
                .directory = false});
  sub->require_subcommand(0, 1);
  add_catalog_lint(*sub, context);
  add_catalog_diff(*sub, context);
  add_catalog_apply(*sub, context);
  add_catalog_show(*sub, context);
  add_catalog_export(*sub, context);
}

}  // namespace fabric::evf
