#pragma once
// The verbs of `evf schema`, and what they share. Not thread-safe.

#include <string>
#include <vector>

#include "fabric/contract/registry.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {

void add_schema_check(CLI::App& schema, Context& context);
void add_schema_list(CLI::App& schema, Context& context);
void add_schema_show(CLI::App& schema, Context& context);
void add_schema_register(CLI::App& schema, Context& context);
void add_schema_delete(CLI::App& schema, Context& context);
void add_schema_mode(CLI::App& schema, Context& context);
void add_schema_deprecate(CLI::App& schema, Context& context);

// The registry of the context's fabric, which has to be there.
Result<contract::Registry> open_registry(const Context& context);
// The whole file; "-": standard input. Errors: those of the file system, invalid_argument (too large for a schema).
Result<std::string> read_schema_file(const std::string& path);
// The same as a schema. Errors name the file.
Result<std::shared_ptr<const contract::Schema>> parse_schema_file(contract::Format format, const std::string& path);

// An option that takes a format, a mode.
CLI::Option* add_format(CLI::App& app, std::optional<contract::Format>& format);
CLI::Option* add_mode(CLI::App& app, const std::string& names, std::optional<contract::Mode>& mode,
                      const std::string& description);

// Each violation a row; those of `source` (what the programs of older versions lose, whichever way data goes) come last. `names`: what the
// versions are called, where they are files.
using Incompatibilities = std::vector<contract::Incompatibility>;
void print_violations(const Incompatibilities& found, const std::vector<std::string>& names = {}, const Incompatibilities& source = {});
Json violations_json(const Incompatibilities& found, const std::vector<std::string>& names = {}, const Incompatibilities& source = {});

}  // namespace fabric::evf
