#include "fabric/catalog/schema_change.hpp"

#include <algorithm>

#include "fabric/catalog/describe.hpp"

namespace fabric::catalog {
namespace {

using contract::VersionedSchema;
using Parsed = contract::Result<std::shared_ptr<const contract::Schema>>;

std::string version_text(std::uint32_t version) { return "version " + std::to_string(version); }

// The versions that the mode compares with, ascending, `before` last. What cannot be parsed any more is left out: it
// was in force once.
std::vector<VersionedSchema> versions_before(const SchemaText& before,
                                             const std::shared_ptr<const contract::Schema>& parsed,
                                             const std::vector<SchemaVersion>& earlier,
                                             const contract::Formats& formats) {
  std::vector<VersionedSchema> versions;
  for (const auto& old : earlier) {
    if (old.schema.version >= before.version) continue;
    if (auto schema = formats.parse(old.schema.format, old.schema.text))
      versions.push_back({old.schema.version, *schema});
  }
  std::stable_sort(versions.begin(), versions.end(),
                   [](const auto& a, const auto& b) { return a.version < b.version; });
  versions.push_back({before.version, parsed});
  return versions;
}

SchemaChange cannot_compare(const SchemaText& schema, const std::string& why) {
  return {Impact::breaking, "schema-not-comparable", version_text(schema.version) + " cannot be compared: " + why};
}

// The text changed, beyond spelling: does it keep the promise?
std::vector<SchemaChange> judge(const SchemaText& before, const SchemaText& after,
                                const std::vector<VersionedSchema>& versions, const contract::Schema& schema) {
  std::vector<SchemaChange> changes;
  const auto mode = std::string(contract::to_string(before.mode));
  const bool kept = before.version == after.version;
  const auto now = kept ? std::string("the new text") : version_text(after.version);
  for (const auto& [version, new_reads_old, violation] : contract::incompatibilities(schema, versions, before.mode)) {
    const auto who =
        new_reads_old ? now + " cannot read " + version_text(version) : version_text(version) + " cannot read " + now;
    const bool named = violation.path.empty() || violation.message.find(violation.path) != std::string::npos;
    changes.push_back({Impact::breaking, violation.rule,
                       "breaks " + mode + ", " + who + ": " + (named ? "" : printable(violation.path) + ": ") +
                           printable(violation.message)});
  }
  if (changes.empty() && !kept)
    changes.push_back({Impact::compatible, "schema-evolved",
                       "was " + version_text(before.version) + ", is " + now + ", which keeps " + mode});
  return changes;
}

}  // namespace

std::vector<SchemaChange> compare_schema(const SchemaText& before, const SchemaText& after,
                                         const std::vector<SchemaVersion>& earlier, const contract::Formats* formats) {
  std::vector<SchemaChange> changes;
  if (before.mode != after.mode)
    changes.push_back({Impact::compatible, "mode-changed",
                       "compatibility was " + std::string(contract::to_string(before.mode)) + ", is " +
                           std::string(contract::to_string(after.mode)) + " from the next change on"});
  if (after.version < before.version)
    changes.push_back(
        {Impact::breaking, "version-lowered",
         "was " + version_text(before.version) + ", is " + version_text(after.version) + "; versions only rise"});
  const bool same_text = before.format == after.format && before.text == after.text;
  if (same_text && before.version < after.version)
    changes.push_back(
        {Impact::documentation, "version-raised",
         "was " + version_text(before.version) + ", is " + version_text(after.version) + ", with the same text"});
  if (same_text) return changes;
  if (before.format != after.format && before.mode != contract::Mode::none) {
    changes.push_back({Impact::breaking, "format-changed",
                       "was of format " + std::string(contract::to_string(before.format)) + ", is of format " +
                           std::string(contract::to_string(after.format))});
    return changes;
  }
  const bool known =
      formats != nullptr && formats->find(before.format) != nullptr && formats->find(after.format) != nullptr;
  const auto old = known
                       ? formats->parse(before.format, before.text)
                       : Parsed(ipc::make_error(ipc::ErrorCode::unsupported, "this process does not know its format"));
  const auto now = known ? formats->parse(after.format, after.text) : old;
  if (old && now && before.format == after.format && (*old)->canonical() == (*now)->canonical()) {
    changes.push_back({Impact::documentation, "schema-respelled",
                       version_text(after.version) + " is spelled differently, with the same meaning"});
    return changes;
  }
  if (after.version == before.version)
    changes.push_back({Impact::breaking, "version-kept",
                       "the schema changed, but is still " + version_text(after.version) + "; raise its version"});
  if (!old || !now) {
    if (before.mode != contract::Mode::none)
      changes.push_back(cannot_compare(old ? after : before, printable((old ? now : old).error().message)));
    return changes;
  }
  auto verdict = judge(before, after, versions_before(before, *old, earlier, *formats), **now);
  changes.insert(changes.end(), verdict.begin(), verdict.end());
  return changes;
}

}  // namespace fabric::catalog
