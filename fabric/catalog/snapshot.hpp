#pragma once
// The catalog inside a fabric: immutable snapshots, numbered 1, 2, 3, ... (fabric/numbered_files.hpp: atomic, survives
// kills at any instruction). The highest number is in force; a process that follows it sees the next one without
// restart.
//
//   auto followed = FollowedCatalog::open(*fabric);         // a service
//   followed->refresh();                                    // now and then: one system call when nothing changed
//   followed->current()->catalog.find("OrderPlaced");
//
//   auto plan = plan_apply(*fabric, catalog, &formats);     // who changes it: what would change, and whom it breaks
//   auto number = commit(*fabric, catalog, *plan);          // nullopt: somebody was faster, plan again
//
// Free functions are thread-safe; a FollowedCatalog may be read by all threads and refreshed by any. Everything read is
// input: damage is an error that names the file. Blocks on the file system.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "fabric/catalog/diff.hpp"
#include "fabric/catalog/model.hpp"
#include "fabric/catalog/registration.hpp"
#include "fabric/contract/schema.hpp"
#include "fabric/fabric.hpp"

namespace fabric::catalog {

inline constexpr std::uint64_t kLatest = 0;

struct Snapshot {
  std::uint64_t number = 0;  // 0: nothing was applied yet, and the catalog is empty
  std::string applied_at{};  // RFC 3339, UTC, to the second
  Catalog catalog{};
};
using SnapshotPointer = std::shared_ptr<const Snapshot>;

// `number`: of a snapshot, or kLatest (then an empty one when nothing was applied). Errors: not_found, corrupt,
// incompatible, permission, system.
Result<SnapshotPointer> load_snapshot(const Fabric& fabric, std::uint64_t number = kLatest);
// The highest number; 0: none. Errors: permission, system.
Result<std::uint64_t> latest_snapshot(const Fabric& fabric);
// All snapshots, oldest first. Errors: those of load_snapshot().
Result<std::vector<SnapshotPointer>> load_all_snapshots(const Fabric& fabric);
// Every version of every schema, from these snapshots.
History history_of(const std::vector<SnapshotPointer>& snapshots);

struct Plan {
  SnapshotPointer base{};         // what is in force
  std::vector<Change> changes{};  // empty: the catalog is in force already
};
// `formats`: nullptr, or one that lacks a format: changed schemas of it cannot be compared, and count as breaking.
Result<Plan> plan_apply(const Fabric& fabric, const Catalog& catalog, const contract::Formats* formats);
// Makes the snapshot behind plan.base; the fabric's processes see it whole or not at all. nullopt: there is one
// already. Whether breaking changes may go in is the caller's decision. Errors: invalid_argument (larger than 16 MiB),
// permission, no_space, system.
Result<std::optional<std::uint64_t>> commit(const Fabric& fabric, const Catalog& catalog, const Plan& plan);

struct ApplyOptions {
  const contract::Formats* formats = nullptr;
  bool force = false;  // breaking changes too; what the registry refuses is refused all the same
  // Not null: what registration.hpp says reaches it, ahead of the snapshot. Needs `formats`.
  const contract::Registry* registry = nullptr;
};
struct Applied {
  std::uint64_t number = 0;  // in force now
  bool made = false;         // false: it was in force already
  std::vector<Change> changes{};
  std::vector<RegistryStep> registered{};  // what the registry was told
};
// Plans, registers and commits until one of the two holds: nothing changes, or the snapshot is made. `catalog` has to be free of
// errors (load_files(), lint()). Errors: incompatible (names the breaking changes, unless forced, or what the registry refuses; then nothing
// was written); those above and of plan_registration() and carry_out().
Result<Applied> apply(const Fabric& fabric, const Catalog& catalog, const ApplyOptions& options);

// The snapshot in force, for a process that stays.
class FollowedCatalog {
 public:
  // The fabric has to outlive it. Errors: those of load_snapshot().
  static Result<std::unique_ptr<FollowedCatalog>> open(const Fabric& fabric);
  // Never null.
  SnapshotPointer current() const;
  // True: there is a new one. On errors the old one stays.
  Result<bool> refresh();

 private:
  FollowedCatalog(const Fabric& fabric, SnapshotPointer snapshot) : fabric_(fabric), current_(std::move(snapshot)) {}
  const Fabric& fabric_;
  mutable std::mutex mutex_;  // over `current_`: held for a copy of the pointer, never while anything is read
  SnapshotPointer current_;
};

}  // namespace fabric::catalog
