#pragma once
// From files to a catalog: reads YAML, follows schema files, merges contexts. All problems are found in one run.
// Thread-safe; blocks on the file system.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabric/catalog/model.hpp"
#include "fabric/catalog/problem.hpp"
#include "ipc/result.hpp"

namespace fabric::catalog {

template <class T>
using Result = ipc::Result<T>;

inline constexpr std::size_t kMaxSchemaBytes = 1 << 20;

// One context of one file's text. `file` names it in places, and schema files are relative to its directory. nullopt:
// nothing could be read.
std::optional<Context> read_context(std::string_view text, const std::string& file, Problems& problems);

// The files that paths stand for: files as they are, of a directory all *.yaml and *.yml directly in it, by name; at
// most 1,000. Errors: not_found (a path, or a directory without any), invalid_argument (too many), permission, system.
Result<std::vector<std::string>> catalog_files(const std::vector<std::string>& paths);

// All contexts of all files, sorted by name. What can be read is in it, whatever is wrong elsewhere; it may be used for
// more than lint() only while `problems` has no errors. Reports what cannot be merged: a context in two files, a
// message in two contexts. Errors: those of catalog_files().
Result<Catalog> load_files(const std::vector<std::string>& paths, Problems& problems);
// The same of texts that are not in files: (file name, text).
Catalog load_texts(const std::vector<std::pair<std::string, std::string>>& files, Problems& problems);

}  // namespace fabric::catalog
