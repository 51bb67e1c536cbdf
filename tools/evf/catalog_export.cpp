// evf catalog export.

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "fabric/catalog/export.hpp"
#include "fabric/json.hpp"
#include "tools/evf/catalog.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"

namespace fabric::evf {
namespace {

enum class Target { asyncapi, asyncapi_yaml, mermaid, mermaid_sequence, html };

struct Arguments {
  Target target = Target::html;
  std::vector<std::string> from;
  std::string output, title = "Events", today;
};

std::string export_text(const CatalogSource& source, const Arguments& arguments, catalog::Date today) {
  const catalog::ExportOptions options{.title = arguments.title,
                                       .today = today,
                                       .snapshot = source.snapshot,
                                       .applied_at = source.applied_at,
                                       .history = &source.history};
  switch (arguments.target) {
    case Target::asyncapi:
      return json::print(catalog::to_asyncapi(source.catalog, options), 2) + "\n";
    case Target::asyncapi_yaml:
      return catalog::to_yaml(catalog::to_asyncapi(source.catalog, options));
    case Target::mermaid:
      return catalog::to_mermaid(source.catalog);
    case Target::mermaid_sequence:
      return catalog::to_mermaid_sequence(source.catalog);
    case Target::html:
      return catalog::to_html(source.catalog, options);
  }
  return {};
}

// Readers of the file see the old one or the new one, whole.
Result<void> write_file(const std::string& path, const std::string& text) {
  const auto made = path + "." + std::to_string(::getpid()) + ".tmp";
  std::ofstream stream(made, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  std::error_code error;
  if (stream) std::filesystem::rename(made, path, error);
  if (stream && !error) return {};
  const auto reason = error ? error.value() : errno;
  std::filesystem::remove(made, error);
  return ipc::system_error("write " + printable(path), reason);
}

int export_catalog(const Context& context, const Arguments& arguments) {
  const auto today = arguments.today.empty() ? std::optional(catalog::today()) : catalog::parse_date(arguments.today);
  if (!today)
    return fail(kUsage, fmt::format("--today: '{}' is no day", printable(arguments.today)), "write 2026-10-31");
  int code = kOk;
  const auto source =
      open_catalog(context, arguments.from.empty() ? std::vector<std::string>{"latest"} : arguments.from, code);
  if (!source) return code;
  const auto text = export_text(*source, arguments, *today);
  if (arguments.output.empty()) {
    data().write(text);
    return kOk;
  }
  if (const auto written = write_file(arguments.output, text); !written) return fail(written.error());
  note(fmt::format("wrote {} ({}) from {}", printable(arguments.output), format_bytes(text.size()), source->title));
  return kOk;
}

}  // namespace

void add_catalog_export(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "export",
                .description = "Write a catalog as AsyncAPI, Mermaid or a page to read.",
                .details = "  asyncapi, asyncapi-yaml    AsyncAPI 3.0.0: channels, operations, messages\n"
                           "  mermaid                    a flowchart of contexts, messages and services\n"
                           "  mermaid-sequence           a sequence diagram of who tells whom what\n"
                           "  html                       one page, complete in itself\n\n"
                           "Without --from it is the catalog in force in the fabric, with the history of its schemas.",
                .examples = "  evf catalog export --format html --output events.html\n"
                            "  evf catalog export --format asyncapi --from catalog/ | jq .channels"},
               [&context, arguments] { return export_catalog(context, *arguments); });
  add_choice<Target>(*sub, "-f,--format", arguments->target,
                     {{"asyncapi", Target::asyncapi},
                      {"asyncapi-yaml", Target::asyncapi_yaml},
                      {"mermaid", Target::mermaid},
                      {"mermaid-sequence", Target::mermaid_sequence},
                      {"html", Target::html}},
                     "What to write")
      ->required();
  sub->add_option("--from", arguments->from, "Files, a directory, or the number of a snapshot (latest)")
      ->type_name("PATH|NUMBER");
  sub->add_option("-o,--output", arguments->output, "A file, replaced as a whole (standard output)")->type_name("FILE");
  sub->add_option("--title", arguments->title, "Title of the document (Events)")->type_name("TEXT");
  sub->add_option("--today", arguments->today, "The day from which sunsets are counted (today)")->type_name("DATE");
}

}  // namespace fabric::evf
