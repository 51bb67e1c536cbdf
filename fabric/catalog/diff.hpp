#pragma once
// What changed between two catalogs, and whom it breaks. Thread-safe.
//
//   breaking        an event or command becomes a command or event, moves to another context or topic, or gets another
//   partition key;
//                   goes while a consumer is declared; its schema goes, goes back in version, changes without a new
//                   version, or breaks the compatibility mode that held so far (a mode that is loosened counts from the
//                   next change on)
//   compatible      everything that is added; producers, consumers, SLAs, retention, retries; schemas that keep their
//   mode documentation   descriptions, owners, contacts, deprecations; schemas that differ in spelling only
//
// A schema whose format this process does not know cannot be compared: its change counts as breaking.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/catalog/model.hpp"

namespace fabric::catalog {

enum class Impact : std::uint8_t { documentation, compatible, breaking };
std::string_view to_string(Impact impact) noexcept;
enum class ChangeKind : std::uint8_t { added, removed, changed };
std::string_view to_string(ChangeKind kind) noexcept;

struct Change {
  Impact impact = Impact::compatible;
  ChangeKind kind = ChangeKind::changed;
  std::string context{};  // of the new catalog, or of the old one for what was removed
  std::string subject{};  // event or command; empty: the context itself
  std::string part{};     // "key", "schema", "consumers.billing"; empty: the whole
  std::string rule{};     // in kebab-case: "key-changed", or a violation's: "required-field-added"
  std::string message{};  // one sentence with both values
};

// A schema that was in force, and since which snapshot (0: not from a snapshot).
struct SchemaVersion {
  SchemaText schema{};
  std::uint64_t snapshot = 0;
  std::string applied_at{};  // RFC 3339
};
// Per event or command, each version once, oldest first.
using History = std::map<std::string, std::vector<SchemaVersion>, std::less<>>;

struct CompareOptions {
  const contract::Formats* formats = nullptr;  // nullptr: changed schemas cannot be compared
  const History* history = nullptr;  // earlier versions, for transitive modes; nullptr: the old catalog's alone
};

// In order of context and message; within a message the breaking ones first.
std::vector<Change> compare(const Catalog& before, const Catalog& after, const CompareOptions& options);
// The worst; documentation when there is none.
Impact impact_of(const std::vector<Change>& changes) noexcept;

}  // namespace fabric::catalog
