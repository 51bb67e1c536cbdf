#pragma once
// The registry of a fabric: which schemas its events have, by subject (the event's type), version and id.
//
//   auto registry = contract::Registry::open(*fabric, formats);          // formats: those that this process knows
//   auto done = registry->register_schema("orders.placed", *schema);     // the same again: the same id and version
//   if (done && !*done) ... done->incompatible                           // refused, and why
//   registry->by_id(record.schema)
//
// It lies in DIR/registry/ as numbered files (numbered_files.hpp), without a daemon and without locks: all processes
// fold the same entries (registry_state.hpp), so all decide alike; who wants to add one decides on what it has read,
// and is told when somebody was faster: then it reads on and decides again. A process that is killed or stopped
// anywhere holds nobody up.
//
// G1  An id (1 to 2^24 - 1) names one schema of one subject for ever, deleted or not. Ids and versions are dense and
// never reused. G2  What was acknowledged stays, through any kill, and on a disk through power failures. G3  A version
// that is not deleted was compatible with those it was compared with (compatibility.hpp), at that time.
//
// Deleting is soft: a deleted version is found by id and by version, and compared with no more. Registering it again
// makes a new version with the same id.
//
// Thread-safe; copies share what was read. Blocks on the file system. Reading needs read permission only, also of no
// registry at all.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/contract/registry_state.hpp"
#include "fabric/fabric.hpp"

namespace fabric::contract {

// What register_schema() came to.
struct Registration {
  Registered schema{};                          // valid unless it was refused
  bool created = false;                         // false: it was registered already
  std::vector<Incompatibility> incompatible{};  // what it was refused for, all of it
  explicit operator bool() const noexcept { return incompatible.empty(); }
};

struct SubjectSummary {
  std::string name{};
  std::uint32_t versions = 0, deleted = 0;  // all there ever were; of these
  std::uint32_t latest = 0;                 // not deleted; 0: none
  std::optional<Mode> mode{};               // its own
};

class Registry {
 public:
  // Reads all entries. Errors: corrupt (naming the file), incompatible (of a newer release), permission, system.
  static Result<Registry> open(const Fabric& fabric, Formats formats);

  // Takes in what others have added; returns how many entries. One system call when there is nothing new. Errors: as
  // open().
  Result<std::size_t> refresh() const;

  // What was read so far outlives a power failure from now on: before records get ids that others registered
  // (register_schema() does it, too). A no-op on tmpfs. Errors: permission, system.
  Result<void> settle() const;

  // Looks; an id that is not known is looked for in new entries. What else may have changed meanwhile (deleted,
  // deprecated) is as of the last refresh. Errors: not_found, those of refresh().
  Result<Registered> by_id(std::uint32_t id) const;
  // These refresh first. Errors: not_found, those of refresh().
  Result<Registered> version(std::string_view subject, std::uint32_t version) const;
  Result<Registered> latest(std::string_view subject) const;  // the newest that is not deleted
  // All of a subject, ascending; not_found: there never was one.
  Result<std::vector<Registered>> versions(std::string_view subject, bool with_deleted = false) const;
  // The version with this schema; deleted ones too, if there is no other.
  Result<Registered> find(std::string_view subject, const Schema& schema) const;
  Result<std::vector<SubjectSummary>> subjects() const;  // by name
  Result<Mode> mode(std::string_view subject) const;     // its own, or the default
  Result<Mode> default_mode() const;

  // The schema itself; parsed once. Errors: unsupported (this process does not know the format), corrupt (the text is
  // damaged).
  Result<std::shared_ptr<const Schema>> schema(const Registered& registered) const;
  // Those of a subject's versions that are not deleted, ascending. Errors: of schema(), versions().
  Result<std::vector<VersionedSchema>> schemas(std::string_view subject) const;

  // Adds a version, unless there is one with the same schema, or the subject's mode stands against it. Errors:
  // invalid_argument (subject, size), no_space (ids are used up), those of schema() for the versions to compare with,
  // of NumberedFiles::append and of refresh().
  Result<Registration> register_schema(const std::string& subject, const Schema& schema) const;
  // What would stand against it now. Errors: as above.
  Result<std::vector<Incompatibility>> check(const std::string& subject, const Schema& schema) const;

  // Errors of these: not_found (also: deleted already), invalid_argument, those of NumberedFiles::append and refresh().
  Result<void> delete_version(const std::string& subject, std::uint32_t version) const;
  Result<void> delete_subject(const std::string& subject) const;
  // nullopt: back to the default. The subject need not have versions yet.
  Result<void> set_mode(const std::string& subject, std::optional<Mode> mode) const;
  Result<void> set_default_mode(Mode mode) const;
  // since_ns 0: now. nullopt: not deprecated any more.
  Result<void> deprecate(const std::string& subject, std::uint32_t version,
                         std::optional<Deprecation> deprecation) const;

 private:
  struct Shared;
  explicit Registry(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
};

}  // namespace fabric::contract
