// evf schema check: two or more schema files against a mode; no fabric needed.

#include <fmt/format.h>

#include "fabric/formats/protobuf.hpp"
#include "tools/evf/schema.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"

namespace fabric::evf {
namespace {

struct Arguments {
  std::optional<contract::Format> format;
  std::optional<contract::Mode> mode = contract::Mode::backward;
  bool source = false;  // --rules
  std::vector<std::string> files;
};

// What the newest breaks in the programs of the versions that the mode compares with; none compares with the last one here, as there is no
// other way to ask.
Incompatibilities source_changes(const contract::Schema& newest, const std::vector<contract::VersionedSchema>& versions,
                                 contract::Mode mode) {
  Incompatibilities found;
  for (const auto& [version, older] : versions) {
    if (!contract::is_transitive(mode) && version != versions.back().version) continue;
    for (auto& violation : formats::breaking_changes(*older, newest)) found.push_back({version, true, std::move(violation)});
  }
  return found;
}

int check(const Context& context, const Arguments& arguments) {
  if (arguments.source && arguments.format != contract::Format::protobuf)
    return fail(kUsage, fmt::format("--rules source has no meaning for --format {}", contract::to_string(*arguments.format)),
                "only programs generated from Protobuf are bound to more than their data; leave it out");
  std::vector<contract::VersionedSchema> versions;
  for (const auto& file : arguments.files) {
    auto schema = parse_schema_file(*arguments.format, file);
    if (!schema) return fail(schema.error());
    versions.push_back({static_cast<std::uint32_t>(versions.size() + 1), std::move(*schema)});
  }
  const auto newest = versions.back().schema;
  versions.pop_back();
  const auto found = contract::incompatibilities(*newest, versions, *arguments.mode);
  const auto source = arguments.source ? source_changes(*newest, versions, *arguments.mode) : Incompatibilities();
  const auto count = found.size() + source.size();
  if (context.json) {
    print_json({{"schema", "evf.schema-check/1"},
                {"format", std::string(contract::to_string(*arguments.format))},
                {"mode", std::string(contract::to_string(*arguments.mode))},
                {"rules", arguments.source ? "source" : "wire"},
                {"new", arguments.files.back()},
                {"compatible", count == 0},
                {"violations", violations_json(found, arguments.files, source)}});
  } else if (count != 0) {
    print_violations(found, arguments.files, source);
  }
  if (count == 0) return kOk;
  note(fmt::format("{} is incompatible ({}{}): {}", printable(arguments.files.back()),
                   contract::to_string(*arguments.mode), arguments.source ? ", source" : "", plural(count, "violation")));
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
                  "breaks, who cannot read whom, where, which rule, why.\n\n"
                  "Data decides: that is what the registry asks as well. --rules source asks besides, for\n"
                  "Protobuf, what a change does to programs and to later versions: fields, values, messages and\n"
                  "oneofs that are gone, numbers and names that are not reserved or that are used again, another\n"
                  "syntax. It compares with the same versions (mode none: with the last OLD). A check before a\n"
                  "merge; the registry does not enforce it.",
       .examples = "  evf schema check --format native --mode full v1.json v2.json\n"
                   "  evf schema check --format protobuf --mode full-transitive v1 v2 v3\n"
                  "  evf schema check --format protobuf --rules source old.proto new.proto",
       .json = true,
       .directory = false},
      [&context, arguments] { return check(context, *arguments); });
  sub->add_option("FILES", arguments->files, "OLD... NEW")->required()->expected(2, 10'000);
  add_format(*sub, arguments->format);
  add_mode(*sub, "--mode", arguments->mode, "Who has to read whom (backward)");
  add_choice<bool>(*sub, "--rules", arguments->source, {{"wire", false}, {"source", true}},
                   "What is judged: data, or programs as well; Protobuf (wire)");
}

}  // namespace fabric::evf
