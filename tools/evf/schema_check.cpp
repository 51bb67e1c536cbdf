// evf schema check: two or more schema files against a mode; no fabric needed.

#include <fmt/format.h>

#include "tools/evf/schema.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

struct Arguments {
  std::optional<contract::Format> format;
  std::optional<contract::Mode> mode = contract::Mode::backward;
  std::vector<std::string> files;
};

int check(const Context& context, const Arguments& arguments) {
  std::vector<contract::VersionedSchema> versions;
  for (const auto& file : arguments.files) {
    auto schema = parse_schema_file(*arguments.format, file);
    if (!schema) return fail(schema.error());
    versions.push_back({static_cast<std::uint32_t>(versions.size() + 1), std::move(*schema)});
  }
  const auto newest = versions.back().schema;
  versions.pop_back();
  const auto found = contract::incompatibilities(*newest, versions, *arguments.mode);
  if (context.json) {
    print_json({{"schema", "evf.schema-check/1"},
                {"format", std::string(contract::to_string(*arguments.format))},
                {"mode", std::string(contract::to_string(*arguments.mode))},
                {"new", arguments.files.back()},
                {"compatible", found.empty()},
                {"violations", violations_json(found, arguments.files)}});
  } else if (!found.empty()) {
    print_violations(found, arguments.files);
  }
  if (found.empty()) return kOk;
  note(fmt::format("{} is incompatible ({}): {}", printable(arguments.files.back()),
                   contract::to_string(*arguments.mode), plural(found.size(), "violation")));
  return kUnhealthy;
}

}  // namespace

void add_schema_check(CLI::App& schema, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub = add_verb(
      schema, context,
      {.name = "check",
       .description = "Say whether a new schema goes with older ones; on plain files, without a fabric.",
       .details = "FILES are OLD... NEW, the oldest first; modes that are not transitive compare with the last\n"
                  "OLD only. Exit code 0: compatible; 4: not, and each violation is a row: the version (file) it\n"
                  "breaks, who cannot read whom, where, which rule, why.",
       .examples = "  evf schema check --format native --mode full v1.json v2.json\n"
                   "  evf schema check --format protobuf --mode full-transitive v1 v2 v3",
       .json = true,
       .directory = false},
      [&context, arguments] { return check(context, *arguments); });
  sub->add_option("FILES", arguments->files, "OLD... NEW")->required()->expected(2, 10'000);
  add_format(*sub, arguments->format);
  add_mode(*sub, "--mode", arguments->mode, "Who has to read whom (backward)");
}

}  // namespace fabric::evf
