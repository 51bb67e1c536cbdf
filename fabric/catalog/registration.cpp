#include "fabric/catalog/registration.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "fabric/catalog/problem.hpp"

namespace fabric::catalog {
namespace {

using Step = RegistryStep::Kind;

std::uint64_t start_of(Date day) noexcept {
  constexpr std::uint64_t kDayNs = 86'400'000'000'000;
  return static_cast<std::uint64_t>(std::max(day.days, 0)) * kDayNs;
}

// As the registry says it. It takes a `since` of 0 for now, so the first day of Unix time begins a nanosecond late.
std::optional<contract::Deprecation> deprecation_of(const Message* message) {
  if (message == nullptr || !message->deprecation) return std::nullopt;
  const auto& said = *message->deprecation;
  return contract::Deprecation{.since_ns = std::max<std::uint64_t>(start_of(said.since), 1),
                               .sunset_ns = said.sunset ? std::max<std::uint64_t>(start_of(*said.sunset), 1) : 0,
                               .replacement = said.replacement};
}

bool same(const contract::Deprecation& a, const contract::Deprecation& b) {
  return a.since_ns == b.since_ns && a.sunset_ns == b.sunset_ns && a.replacement == b.replacement;
}

std::string version_text(std::uint32_t version) { return "version " + std::to_string(version); }

std::string words(const Deprecation& said) {
  return "deprecated since " + to_string(said.since) + (said.sunset ? ", refused from " + to_string(*said.sunset) : "") +
         (said.replacement.empty() ? "" : "; use " + said.replacement);
}

// What one message wants of the registry.
class Planner {
 public:
  Planner(const contract::Registry& registry, const contract::Formats& formats, const Catalog& before, RegistryPlan& plan)
      : registry_(registry), formats_(formats), before_(before), plan_(plan) {}

  Result<void> read_modes() {
    const auto subjects = registry_.subjects();
    if (!subjects) return subjects.error();
    for (const auto& subject : *subjects) modes_.emplace(subject.name, subject.mode);
    return {};
  }

  Result<void> add(const Message& message) {
    std::vector<contract::Registered> versions;
    const auto known = registry_.versions(message.name, true);
    if (known) versions = *known;
    if (!known && known.error().code != ErrorCode::not_found) return known.error();
    const bool exists = known.has_value();
    std::erase_if(versions, [](const auto& one) { return one.deleted; });
    auto live = numbers_of(versions);
    if (message.schema) {
      const auto registered = add_schema(message, exists ? known->size() : 0, versions);
      if (!registered) return registered.error();
      if (*registered != 0) live.push_back(*registered);
      add_mode(message);
    }
    add_deprecations(message, live, versions);
    return {};
  }

 private:
  static std::vector<std::uint32_t> numbers_of(const std::vector<contract::Registered>& versions) {
    std::vector<std::uint32_t> numbers;
    for (const auto& one : versions) numbers.push_back(one.version);
    return numbers;
  }

  // The version that is to come; 0: it is there already, or refused.
  Result<std::uint32_t> add_schema(const Message& message, std::size_t ever, const std::vector<contract::Registered>& live) {
    const auto& text = *message.schema;
    auto schema = formats_.parse(text.format, text.text);
    if (!schema) {
      auto error = schema.error();
      error.message = "schema of " + in_quotes(message.name) + ": " + error.message;
      return error;
    }
    if ((*schema)->canonical().size() > contract::kMaxSchemaBytes)
      return ipc::make_error(ErrorCode::invalid_argument,
                             "schema of " + in_quotes(message.name) + ": has " +
                                 std::to_string((*schema)->canonical().size()) + " bytes; at most " +
                                 std::to_string(contract::kMaxSchemaBytes) + " fit the registry");
    const auto is_it = [&](const auto& one) {
      return one.format == text.format && *one.text == (*schema)->canonical();
    };
    if (std::any_of(live.begin(), live.end(), is_it)) return std::uint32_t{0};
    auto against = registry_.check(message.name, **schema);
    if (!against) return against.error();
    if (!against->empty()) {
      const auto mode = registry_.mode(message.name);
      if (!mode) return mode.error();
      plan_.refused.push_back({.subject = message.name, .mode = *mode, .violations = std::move(*against)});
      return std::uint32_t{0};
    }
    const auto version = static_cast<std::uint32_t>(ever + 1);
    auto words = "becomes " + version_text(version) + " of the subject";
    if (version != text.version) words += " (" + version_text(text.version) + " in the catalog)";
    plan_.steps.push_back({.kind = Step::register_schema,
                           .subject = message.name,
                           .version = version,
                           .message = std::move(words),
                           .schema = std::move(*schema)});
    return version;
  }

  // Its own, even if it is the default: the default may change.
  void add_mode(const Message& message) {
    const auto known = modes_.find(message.name);
    const auto own = known == modes_.end() ? std::nullopt : known->second;
    const auto wanted = message.schema->mode;
    if (own == wanted) return;
    const auto name = std::string(contract::to_string(wanted));
    plan_.steps.push_back(
        {.kind = Step::set_mode,
         .subject = message.name,
         .message = own ? "compatibility was " + std::string(contract::to_string(*own)) + ", is " + name
                        : "compatibility is " + name,
         .mode = wanted});
  }

  void add_deprecations(const Message& message, const std::vector<std::uint32_t>& live,
                        const std::vector<contract::Registered>& versions) {
    const auto wanted = deprecation_of(&message), said = deprecation_of(before_.find(message.name));
    for (const auto version : live) {
      const auto known = std::find_if(versions.begin(), versions.end(), [&](const auto& one) { return one.version == version; });
      const auto now = known == versions.end() ? std::nullopt : known->deprecation;
      if (wanted && !(now && same(*now, *wanted)))
        plan_.steps.push_back({.kind = Step::deprecate,
                               .subject = message.name,
                               .version = version,
                               .message = "is " + words(*message.deprecation),
                               .deprecation = *wanted});
      if (!wanted && said && now && same(*now, *said))
        plan_.steps.push_back({.kind = Step::restore,
                               .subject = message.name,
                               .version = version,
                               .message = "is not deprecated any more"});
    }
  }

  const contract::Registry& registry_;
  const contract::Formats& formats_;
  const Catalog& before_;
  RegistryPlan& plan_;
  std::map<std::string, std::optional<contract::Mode>, std::less<>> modes_;  // subjects' own
};

// False: somebody was faster.
Result<bool> make(const contract::Registry& registry, const RegistryStep& step) {
  const auto lost = [](const Error& error) -> Result<bool> {
    if (error.code == ErrorCode::not_found) return false;  // deleted meanwhile
    return error;
  };
  switch (step.kind) {
    case Step::register_schema: {
      const auto done = registry.register_schema(step.subject, *step.schema);
      if (!done) return done.error();
      return *done && done->schema.version == step.version;  // otherwise later steps name another version
    }
    case Step::set_mode: {
      const auto done = registry.set_mode(step.subject, step.mode);
      if (!done) return done.error();
      return true;
    }
    case Step::deprecate:
    case Step::restore: {
      const auto wanted = step.kind == Step::deprecate ? std::optional(step.deprecation) : std::nullopt;
      const auto done = registry.deprecate(step.subject, step.version, wanted);
      if (!done) return lost(done.error());
      return true;
    }
  }
  return true;
}

}  // namespace

std::string_view to_string(RegistryStep::Kind kind) noexcept {
  switch (kind) {
    case Step::register_schema:
      return "register";
    case Step::set_mode:
      return "set-mode";
    case Step::deprecate:
      return "deprecate";
    case Step::restore:
      return "restore";
  }
  return "?";
}

Result<RegistryPlan> plan_registration(const contract::Registry& registry, const contract::Formats& formats, const Catalog& before,
                                       const Catalog& catalog) {
  RegistryPlan plan;
  Planner planner(registry, formats, before, plan);
  if (auto read = planner.read_modes(); !read) return read.error();
  for (const auto* message : catalog.messages())
    if (auto added = planner.add(*message); !added) return added.error();
  const auto order = [](const RegistryStep& a, const RegistryStep& b) { return a.kind < b.kind; };
  std::stable_sort(plan.steps.begin(), plan.steps.end(), order);
  return plan;
}

Result<bool> carry_out(const contract::Registry& registry, const RegistryPlan& plan) {
  if (!plan.refused.empty()) return ipc::make_error(ErrorCode::incompatible, explain(plan.refused));
  for (const auto& step : plan.steps) {
    const auto made = make(registry, step);
    if (!made || !*made) return made;
  }
  return true;
}

std::string explain(const std::vector<RegistryRefusal>& refused) {
  std::string text;
  for (const auto& [subject, mode, violations] : refused) {
    text += (text.empty() ? "" : "; ") + std::string("the registry refuses the schema of ") + in_quotes(subject) + " (" +
            std::string(contract::to_string(mode)) + ")";
    for (const auto& [version, new_reads_old, violation] : violations)
      text += std::string(&violation == &violations.front().violation ? ": " : ", ") + version_text(version) + ": " +
              (violation.path.empty() ? "" : printable(violation.path) + ": ") + violation.rule;
  }
  return text;
}

}  // namespace fabric::catalog
