#pragma once
// What the verbs of `evf catalog` share: where a catalog comes from, and how problems and changes are shown.

#include <optional>
#include <string>
#include <vector>

#include "fabric/catalog/diff.hpp"
#include "fabric/catalog/load.hpp"
#include "fabric/catalog/snapshot.hpp"
#include "fabric/contract/schema.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {

// The formats that this command can compare and parse schemas of.
const contract::Formats& known_formats();

// A catalog of files or of a fabric.
struct CatalogSource {
  catalog::Catalog catalog{};
  std::string title{};         // "shop/", "snapshot 3"
  std::uint64_t snapshot = 0;  // 0: files
  std::string applied_at{};
  catalog::History history{};  // of the fabric, if it comes from there
};
// "latest" or a number stands for a snapshot of the context's fabric, anything else for files and directories. What is
// wrong goes to stderr; nullopt: `code` is the exit code.
std::optional<CatalogSource> open_catalog(const Context& context, const std::vector<std::string>& words, int& code);
// Files only; warnings are not shown.
std::optional<CatalogSource> read_catalog(const std::vector<std::string>& paths, int& code);

Json problem_json(const catalog::Problem& problem);
// "2 errors, 1 warning".
std::string count_of(const catalog::Problems& problems);
void print_changes(const std::vector<catalog::Change>& changes);
Json changes_json(const std::vector<catalog::Change>& changes);

void add_catalog_lint(CLI::App& catalog, Context& context);
void add_catalog_diff(CLI::App& catalog, Context& context);
void add_catalog_apply(CLI::App& catalog, Context& context);
void add_catalog_show(CLI::App& catalog, Context& context);
void add_catalog_export(CLI::App& catalog, Context& context);

}  // namespace fabric::evf
