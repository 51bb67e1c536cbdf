// evf catalog diff and apply.

#include <fmt/format.h>

#include "fabric/catalog/registration.hpp"
#include "tools/evf/catalog.hpp"
#include "tools/evf/schema.hpp"
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
  bool force = false, dry_run = false, no_register = false;
};

// One apply: plans, shows, registers, commits; when somebody else was faster, plans and shows again. The order, and what a kill leaves, are
// in fabric/DESIGN.md.
class Application {
 public:
  Application(const Context& context, const Fabric& fabric, const catalog::Catalog& catalog, const ApplyArguments& arguments)
      : context_(context), fabric_(fabric), catalog_(catalog), arguments_(arguments) {}

  int run() {
    if (!arguments_.no_register) {
      auto registry = contract::Registry::open(fabric_, known_formats());
      if (!registry) return fail(registry.error());
      registry_ = std::move(*registry);
    }
    while (!interrupted())
      if (const auto code = once()) return *code;
    return kFailed;
  }

 private:
  // nullopt: once more.
  std::optional<int> once() {
    auto plan = catalog::plan_apply(fabric_, catalog_, &known_formats());
    if (!plan) return fail(plan.error());
    plan_ = std::move(*plan);
    registration_ = {};
    if (registry_) {
      auto planned = catalog::plan_registration(*registry_, known_formats(), plan_.base->catalog, catalog_);
      if (!planned) return fail(planned.error());
      registration_ = std::move(*planned);
    }
    const bool nothing = plan_.changes.empty() && registration_.steps.empty() && registration_.refused.empty();
    if (nothing || is_refused() || arguments_.dry_run) return only_show(nothing);
    if (!context_.json) show(0);
    const auto carried = registry_ ? catalog::carry_out(*registry_, registration_) : Result<bool>(true);
    if (!carried) return fail(carried.error());
    if (!*carried) return again("somebody changed the registry meanwhile");
    if (plan_.changes.empty()) return conclude(plan_.base->number, false);
    const auto number = catalog::commit(fabric_, catalog_, plan_);
    if (!number) return fail(number.error());
    if (!*number) return again("somebody applied another catalog meanwhile");
    return conclude(**number, true);
  }

  bool is_refused() const {
    return !registration_.refused.empty() ||
           (catalog::impact_of(plan_.changes) == catalog::Impact::breaking && !arguments_.force);
  }

  std::optional<int> again(std::string_view why) const {
    note(fmt::format("{}; comparing again", why));
    return std::nullopt;
  }

  int only_show(bool nothing) const {
    show(0);
    if (nothing) {
      note(fmt::format("nothing to apply: snapshot {} of {} says the same", plan_.base->number, fabric_.directory()));
      return kOk;
    }
    if (!registration_.refused.empty())
      return fail(kUnhealthy, "not applied: " + catalog::explain(registration_.refused),
                  "take the change back, loosen the subject's mode (evf schema mode), or leave the registry alone with --no-register");
    if (is_refused())
      return fail(kUnhealthy, fmt::format("not applied: {}", summary(plan_.changes)),
                  "take them back, or apply them with --force");
    note(fmt::format("not applied (--dry-run): {}{}", summary(plan_.changes), steps_text()));
    return kOk;
  }

  int conclude(std::uint64_t number, bool made) const {
    if (context_.json) show(made ? number : 0, true);
    note(made ? fmt::format("applied as snapshot {} of {}: {}{}", number, fabric_.directory(), summary(plan_.changes), steps_text())
              : fmt::format("snapshot {} of {} says the same; the registry lacked {}", number, fabric_.directory(),
                            plural(registration_.steps.size(), "step")));
    return kOk;
  }

  std::string steps_text() const {
    return registration_.steps.empty() ? "" : fmt::format("; {} in the registry", plural(registration_.steps.size(), "step"));
  }

  // `number`: of the snapshot that was made; 0: none. `registered`: the steps were made, too.
  void show(std::uint64_t number, bool registered = false) const {
    if (context_.json)
      return print_json(Json{
          {"schema", "evf.catalog-apply/1"},
          {"base", plan_.base->number},
          {"snapshot", number == 0 ? Json() : Json(number)},
          {"applied", number != 0},
          {"impact", plan_.changes.empty() ? Json() : Json(catalog::to_string(catalog::impact_of(plan_.changes)))},
          {"changes", changes_json(plan_.changes)},
          {"registered", registered},
          {"registry", steps_json()},
          {"refused", refused_json()}});
    print_changes(plan_.changes);
    Table table({"REGISTRY", "SUBJECT", ">VERSION", "WHAT"});
    for (const auto& step : registration_.steps)
      table.add({std::string(catalog::to_string(step.kind)), printable(step.subject),
                 step.version == 0 ? "all" : std::to_string(step.version), printable(step.message)});
    if (!table.empty()) table.print();
    for (const auto& refusal : registration_.refused) print_violations(refusal.violations);
  }

  Json steps_json() const {
    Json rows = Json::array();
    for (const auto& step : registration_.steps)
      rows.push_back({{"step", catalog::to_string(step.kind)},
                      {"subject", step.subject},
                      {"version", step.version == 0 ? Json() : Json(step.version)},
                      {"message", step.message}});
    return rows;
  }
  Json refused_json() const {
    Json rows = Json::array();
    for (const auto& [subject, mode, violations] : registration_.refused)
      rows.push_back({{"subject", subject}, {"mode", contract::to_string(mode)}, {"violations", violations_json(violations)}});
    return rows;
  }

  const Context& context_;
  const Fabric& fabric_;
  const catalog::Catalog& catalog_;
  const ApplyArguments& arguments_;
  std::optional<contract::Registry> registry_;  // none: it is left alone
  catalog::Plan plan_;
  catalog::RegistryPlan registration_;
};

int apply(const Context& context, const ApplyArguments& arguments) {
  int code = kOk;
  const auto source = read_catalog(arguments.paths, code);
  if (!source) return code;
  const auto fabric = open_fabric(context, !arguments.dry_run);
  if (!fabric) return fail(fabric.error());
  return Application(context, *fabric, source->catalog, arguments).run();
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
                           "snapshot. The paths are the whole catalog: what they do not mention is removed.\n\n"
                           "Schemas go into the registry under the names of their events and commands, together with\n"
                           "their compatibility modes and deprecations (--no-register leaves it alone). A schema that\n"
                           "its subject's mode stands against is refused before anything is written, --force or not.\n"
                           "What was cut short is completed by applying the same catalog again.",
                .examples = "  evf catalog apply catalog/ --dry-run\n  evf catalog apply catalog/",
                .json = true},
               [&context, arguments] { return apply(context, *arguments); });
  sub->add_option("PATH", arguments->paths, "Files, or a directory of them")->required();
  sub->add_flag("--force", arguments->force, "Apply breaking changes too");
  sub->add_flag("--no-register", arguments->no_register, "Leave the registry of schemas alone");
  sub->add_flag("--dry-run", arguments->dry_run, "Show what would change, and change nothing");
}

}  // namespace fabric::evf
