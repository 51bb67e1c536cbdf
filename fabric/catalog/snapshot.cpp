#include "fabric/catalog/snapshot.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "fabric/catalog/catalog_json.hpp"
#include "fabric/event/timestamp.hpp"
#include "fabric/json.hpp"
#include "fabric/numbered_files.hpp"
#include "ipc/clock.hpp"

namespace fabric::catalog {
namespace {

constexpr std::string_view kSchema = "evf.catalog/1";

NumberedFiles files_of(const Fabric& fabric) { return {fabric.directory(), "catalog"}; }

std::string text_of(const Catalog& catalog) {
  return json::print(boost::json::object{
      {"schema", kSchema}, {"applied_at", to_the_second(ipc::unix_ns())}, {"contexts", to_json(catalog)}});
}

Error damaged(const std::string& path, const std::string& how) {
  return ipc::make_error(ErrorCode::corrupt,
                         path + ": " + how + "; restore it from a copy, or apply the catalog to a new fabric");
}

Result<SnapshotPointer> parse(std::uint64_t number, std::span<const std::byte> entry, const std::string& path) {
  const auto value = json::parse({reinterpret_cast<const char*>(entry.data()), entry.size()});
  if (!value) return damaged(path, value.error().message);
  const auto* object = value->if_object();
  const auto* schema = object == nullptr ? nullptr : object->if_contains("schema");
  if (schema == nullptr || !schema->is_string()) return damaged(path, "is no snapshot of a catalog");
  if (schema->get_string() != kSchema)
    return ipc::make_error(ErrorCode::incompatible, path + ": is of form " + in_quotes(schema->get_string()) +
                                                        ", this release reads " + std::string(kSchema) +
                                                        "; use a newer release");
  const auto* contexts = object->if_contains("contexts");
  if (contexts == nullptr) return damaged(path, "has no contexts");
  auto catalog = catalog_from_json(*contexts);
  if (!catalog) return damaged(path, catalog.error().message);
  const auto* at = object->if_contains("applied_at");
  return std::make_shared<const Snapshot>(
      Snapshot{.number = number,
               .applied_at = at != nullptr && at->is_string() ? std::string(at->get_string()) : "",
               .catalog = std::move(*catalog)});
}

}  // namespace

Result<std::uint64_t> latest_snapshot(const Fabric& fabric) { return files_of(fabric).last(); }

Result<SnapshotPointer> load_snapshot(const Fabric& fabric, std::uint64_t number) {
  const auto files = files_of(fabric);
  if (number == kLatest) {
    const auto last = files.last();
    if (!last) return last.error();
    if (*last == 0) return std::make_shared<const Snapshot>();
    number = *last;
  }
  const auto entry = files.read(number);
  if (!entry && entry.error().code == ErrorCode::not_found) {
    const auto last = files.last();
    return ipc::make_error(
        ErrorCode::not_found,
        "there is no snapshot " + std::to_string(number) + " of the catalog in " + fabric.directory() + "; " +
            (!last || *last == 0 ? "nothing was applied yet" : "the latest is " + std::to_string(*last)));
  }
  if (!entry) return entry.error();
  return parse(number, *entry, files.entry_path(number));
}

Result<std::vector<SnapshotPointer>> load_all_snapshots(const Fabric& fabric) {
  const auto files = files_of(fabric);
  std::vector<SnapshotPointer> all;
  const auto read = files.read_from(1, [&](std::uint64_t number, std::span<const std::byte> entry) -> Result<void> {
    auto snapshot = parse(number, entry, files.entry_path(number));
    if (!snapshot) return snapshot.error();
    all.push_back(std::move(*snapshot));
    return {};
  });
  if (!read) return read.error();
  return all;
}

History history_of(const std::vector<SnapshotPointer>& snapshots) {
  History history;
  for (const auto& snapshot : snapshots) {
    for (const auto* message : snapshot->catalog.messages()) {
      if (!message->schema) continue;
      auto& versions = history[message->name];
      const auto same = [&](const SchemaVersion& known) {
        return known.schema.version == message->schema->version && known.schema.text == message->schema->text;
      };
      if (std::none_of(versions.begin(), versions.end(), same))
        versions.push_back({*message->schema, snapshot->number, snapshot->applied_at});
    }
  }
  return history;
}

Result<Plan> plan_apply(const Fabric& fabric, const Catalog& catalog, const contract::Formats* formats) {
  auto snapshots = load_all_snapshots(fabric);
  if (!snapshots) return snapshots.error();
  auto base = snapshots->empty() ? std::make_shared<const Snapshot>() : snapshots->back();
  const auto history = history_of(*snapshots);
  auto changes = compare(base->catalog, catalog, {.formats = formats, .history = &history});
  return Plan{.base = std::move(base), .changes = std::move(changes)};
}

Result<std::optional<std::uint64_t>> commit(const Fabric& fabric, const Catalog& catalog, const Plan& plan) {
  const auto text = text_of(catalog);
  const auto number = plan.base->number + 1;
  const auto made = files_of(fabric).append(number, std::as_bytes(std::span(text.data(), text.size())));
  if (!made) return made.error();
  return *made ? std::optional(number) : std::nullopt;
}

Result<Applied> apply(const Fabric& fabric, const Catalog& catalog, const ApplyOptions& options) {
  while (true) {  // ends: who was faster made progress
    auto plan = plan_apply(fabric, catalog, options.formats);
    if (!plan) return plan.error();
    RegistryPlan registration;
    if (options.registry != nullptr && options.formats != nullptr) {
      auto planned = plan_registration(*options.registry, *options.formats, plan->base->catalog, catalog);
      if (!planned) return planned.error();
      registration = std::move(*planned);
    }
    if (!options.force && impact_of(plan->changes) == Impact::breaking) {
      std::string broken;
      for (const auto& change : plan->changes)
        if (change.impact == Impact::breaking)
          broken += (broken.empty() ? "" : "; ") + change.subject + ": " + change.message;
      return ipc::make_error(ErrorCode::incompatible, "the catalog breaks what is in force: " + broken);
    }
    if (!registration.steps.empty() || !registration.refused.empty()) {
      const auto carried = carry_out(*options.registry, registration);
      if (!carried) return carried.error();
      if (!*carried) continue;
    }
    if (plan->changes.empty())
      return Applied{.number = plan->base->number, .registered = std::move(registration.steps)};
    const auto number = commit(fabric, catalog, *plan);
    if (!number) return number.error();
    if (*number)
      return Applied{.number = **number,
                     .made = true,
                     .changes = std::move(plan->changes),
                     .registered = std::move(registration.steps)};
  }
}

Result<std::unique_ptr<FollowedCatalog>> FollowedCatalog::open(const Fabric& fabric) {
  auto snapshot = load_snapshot(fabric);
  if (!snapshot) return snapshot.error();
  return std::unique_ptr<FollowedCatalog>(new FollowedCatalog(fabric, std::move(*snapshot)));
}

Result<bool> FollowedCatalog::refresh() {
  const auto more = files_of(fabric_).has(current()->number + 1);
  if (!more) return more.error();
  if (!*more) return false;
  auto snapshot = load_snapshot(fabric_);
  if (!snapshot) return snapshot.error();
  const std::lock_guard lock(mutex_);
  if ((*snapshot)->number <= current_->number) return false;  // another thread was here meanwhile
  current_ = std::move(*snapshot);
  return true;
}

SnapshotPointer FollowedCatalog::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace fabric::catalog
