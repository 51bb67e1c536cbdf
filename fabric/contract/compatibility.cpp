#include "fabric/contract/compatibility.hpp"

#include <algorithm>
#include <cctype>
#include <string>

namespace fabric::contract {
namespace {

void compare(const Schema& reader, const Schema& writer, std::uint32_t version, bool new_reads_old,
             std::vector<Incompatibility>& found) {
  for (auto& violation : reader.cannot_read(writer))
    found.push_back({.version = version, .new_reads_old = new_reads_old, .violation = std::move(violation)});
}

}  // namespace

std::string_view to_string(Mode mode) noexcept {
  switch (mode) {
    case Mode::none: return "none";
    case Mode::backward: return "backward";
    case Mode::forward: return "forward";
    case Mode::full: return "full";
    case Mode::backward_transitive: return "backward-transitive";
    case Mode::forward_transitive: return "forward-transitive";
    case Mode::full_transitive: return "full-transitive";
  }
  return "unknown";
}

std::optional<Mode> mode_named(std::string_view name) {
  std::string wanted(name);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(), [](unsigned char letter) {
    return letter == '_' ? '-' : static_cast<char>(std::tolower(letter));
  });
  for (const auto mode : kModes)
    if (to_string(mode) == wanted) return mode;
  return std::nullopt;
}

std::vector<Incompatibility> incompatibilities(const Schema& schema, const std::vector<VersionedSchema>& versions,
                                               Mode mode) {
  std::vector<Incompatibility> found;
  if (mode == Mode::none || versions.empty()) return found;
  for (std::size_t i = is_transitive(mode) ? 0 : versions.size() - 1; i < versions.size(); ++i) {
    const auto& [version, old] = versions[i];
    if (old->format() != schema.format()) {
      found.push_back({.version = version,
                       .violation = {.path = "",
                                     .rule = "format-changed",
                                     .message = "version " + std::to_string(version) + " is of format " +
                                                std::string(to_string(old->format())) + ", the new schema of format " +
                                                std::string(to_string(schema.format()))}});
      continue;
    }
    if (reads_old(mode)) compare(schema, *old, version, true, found);
    if (is_read_by_old(mode)) compare(*old, schema, version, false, found);
  }
  return found;
}

}  // namespace fabric::contract
