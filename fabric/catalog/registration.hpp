#pragma once
// From a catalog to the registry: a catalog that is applied registers the schemas of its events and commands under their names, the
// subjects, gives the subjects its compatibility modes, and deprecates their versions.
//
//   auto plan = plan_registration(*registry, formats, before, catalog);  // before: what is in force
//   if (plan && plan->refused.empty()) carry_out(*registry, *plan);
//
// Steps, in this order; each is made only where the registry does not say so already, so a plan of what was carried out is empty, and a
// second apply completes what a kill cut short (DESIGN.md has the table):
//
//   register   the schema, for each message that has one. Judged by the mode that was in force before, as compare() does
//   set_mode   the schema's compatibility becomes the subject's own mode
//   deprecate  all versions that are not deleted: since, sunset and replacement of the message's deprecation
//   restore    a version whose deprecation is the one that `before` has, and `catalog` has none any more
//
// The registry's versions count what was registered in this fabric; they need not be the catalog's. What the catalog has no more stays
// registered: records with its ids are there. Deprecations that somebody else has made stay, unless the catalog has one.
//
// Free functions, thread-safe; block on the file system.

#include <memory>
#include <string>
#include <vector>

#include "fabric/catalog/model.hpp"
#include "fabric/contract/registry.hpp"

namespace fabric::catalog {

struct RegistryStep {
  enum class Kind : std::uint8_t { register_schema = 1, set_mode, deprecate, restore };
  Kind kind = Kind::register_schema;
  std::string subject{};
  std::uint32_t version = 0;  // that it will have, or has; 0: all (set_mode)
  std::string message{};      // one sentence
  std::shared_ptr<const contract::Schema> schema{};  // register_schema
  contract::Mode mode = contract::Mode::backward;    // set_mode
  contract::Deprecation deprecation{};               // deprecate
};
std::string_view to_string(RegistryStep::Kind kind) noexcept;  // "register", "set-mode", "deprecate", "restore"

// What a subject's mode stands against.
struct RegistryRefusal {
  std::string subject{};
  contract::Mode mode = contract::Mode::backward;
  std::vector<contract::Incompatibility> violations{};
};

struct RegistryPlan {
  std::vector<RegistryStep> steps{};       // nothing to do: empty
  std::vector<RegistryRefusal> refused{};  // not empty: nothing may be carried out
};

// Reads only. Errors: invalid_argument (a schema that its format refuses, or that is too large), unsupported (a format that is not among
// `formats`), those of Registry.
Result<RegistryPlan> plan_registration(const contract::Registry& registry, const contract::Formats& formats, const Catalog& before,
                                       const Catalog& catalog);

// Makes the steps. False: another process was faster with something that stands against one of them; what was made before it stays. Plan
// again. Errors: incompatible (the plan is refused), those of Registry.
Result<bool> carry_out(const contract::Registry& registry, const RegistryPlan& plan);

// "the registry refuses the schema of 'OrderPlaced' (backward): version 2, lines[].sku: field-removed, ..."; one sentence for all.
std::string explain(const std::vector<RegistryRefusal>& refused);

}  // namespace fabric::catalog
