// evf catalog diff and apply.

#include <fmt/format.h>

#include "tools/evf/catalog.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

std::string summary(const std::vector<catalog::Change>& changes) {
  std::size_t counts[3] = {};
  for (const auto& change : changes) ++counts[static_cast<std::size_t>(change.impact)];
  return fmt::format("{}: {} breaking, {} compatible, {} of documentation", plural(changes.size(), "change"), counts[2],
                     counts[1], counts[0]);
}

struct DiffArguments {
  std::string before, after;
};

int diff(const Context& context, const DiffArguments& arguments) {
  int code = kOk;
  const bool against_latest = arguments.after.empty();
  const auto before = open_catalog(context, {against_latest ? "latest" : arguments.before}, code);
  if (!before) return code;
  const auto after = open_catalog(context, {against_latest ? arguments.before : arguments.after}, code);
  if (!after) return code;
  const auto changes =
      catalog::compare(before->catalog, after->catalog, {.formats = &known_formats(), .history = &before->history});
  const bool breaking = catalog::impact_of(changes) == catalog::Impact::breaking;
  if (context.json)
    print_json(Json{{"schema", "evf.catalog-diff/1"},
                    {"before", before->title},
                    {"after", after->title},
                    {"impact", changes.empty() ? Json() : Json(catalog::to_string(catalog::impact_of(changes)))},
                    {"changes", changes_json(changes)}});
  else
    print_changes(changes);
  note(changes.empty() ? fmt::format("{} and {} say the same", before->title, after->title)
                       : fmt::format("from {} to {}, {}", before->title, after->title, summary(changes)));
  return breaking ? kUnhealthy : kOk;
}

struct ApplyArguments {
  std::vector<std::string> paths;
  bool force = false, dry_run = false;
};

void show_plan(const Context& context, const catalog::Plan& plan, std::uint64_t number) {
  if (!context.json) return print_changes(plan.changes);
  print_json(
      Json{{"schema", "evf.catalog-apply/1"},
           {"base", plan.base->number},
           {"snapshot", number == 0 ? Json() : Json(number)},
           {"applied", number != 0},
           {"impact", plan.changes.empty() ? Json() : Json(catalog::to_string(catalog::impact_of(plan.changes)))},
           {"changes", changes_json(plan.changes)}});
}

// Commits the plan that was shown; when somebody else was faster, plans and shows again.
int plan_and_commit(const Context& context, const Fabric& fabric, const catalog::Catalog& catalog,
                    const ApplyArguments& arguments) {
  while (!interrupted()) {
    const auto plan = catalog::plan_apply(fabric, catalog, &known_formats());
    if (!plan) return fail(plan.error());
    const bool refused = catalog::impact_of(plan->changes) == catalog::Impact::breaking && !arguments.force;
    if (plan->changes.empty() || refused || arguments.dry_run) {
      show_plan(context, *plan, 0);
      if (plan->changes.empty())
        note(fmt::format("nothing to apply: snapshot {} of {} says the same", plan->base->number, fabric.directory()));
      if (refused)
        return fail(kUnhealthy, fmt::format("not applied: {}", summary(plan->changes)),
                    "take them back, or apply them with --force");
      if (arguments.dry_run && !plan->changes.empty())
        note(fmt::format("not applied (--dry-run): {}", summary(plan->changes)));
      return kOk;
    }
    if (!context.json) show_plan(context, *plan, 0);
    const auto number = catalog::commit(fabric, catalog, *plan);
    if (!number) return fail(number.error());
    if (!*number) {
      note("somebody applied another catalog meanwhile; comparing with that one");
      continue;
    }
    if (context.json) show_plan(context, *plan, **number);
    note(fmt::format("applied as snapshot {} of {}: {}", **number, fabric.directory(), summary(plan->changes)));
    return kOk;
  }
  return kFailed;
}

int apply(const Context& context, const ApplyArguments& arguments) {
  int code = kOk;
  const auto source = read_catalog(arguments.paths, code);
  if (!source) return code;
  const auto fabric = open_fabric(context, !arguments.dry_run);
  if (!fabric) return fail(fabric.error());
  return plan_and_commit(context, *fabric, source->catalog, arguments);
}

}  // namespace

void add_catalog_diff(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<DiffArguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "diff",
                .description = "Compare two catalogs and say whom the changes break.",
                .details = "Each side is a file, a directory, the number of a snapshot or 'latest'. With one side, it\n"
                           "is compared with what is in force in the fabric. Exit code 4 when a change breaks\n"
                           "somebody, 0 otherwise. A schema that changes has to keep its compatibility mode.",
                .examples = "  evf catalog diff catalog/\n  evf catalog diff main/catalog branch/catalog\n  evf "
                            "catalog diff 3 latest --json",
                .json = true},
               [&context, arguments] { return diff(context, *arguments); });
  sub->add_option("OLD", arguments->before, "File, directory, number of a snapshot, or latest")->required();
  sub->add_option("NEW", arguments->after, "The same (without it: OLD is compared with latest)");
}

void add_catalog_apply(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<ApplyArguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "apply",
                .description = "Make a catalog the one in force in a fabric.",
                .details = "Shows what changes, and makes the next snapshot; every process of the fabric sees it\n"
                           "without restart. Refused with exit code 4 when the catalog has errors or a change breaks\n"
                           "somebody (then --force applies it all the same). A catalog that changes nothing makes no\n"
                           "snapshot. The paths are the whole catalog: what they do not mention is removed.",
                .examples = "  evf catalog apply catalog/ --dry-run\n  evf catalog apply catalog/",
                .json = true},
               [&context, arguments] { return apply(context, *arguments); });
  sub->add_option("PATH", arguments->paths, "Files, or a directory of them")->required();
  sub->add_flag("--force", arguments->force, "Apply breaking changes too");
  sub->add_flag("--dry-run", arguments->dry_run, "Show what would change, and change nothing");
}

}  // namespace fabric::evf
