#include "tests/fabric/catalog/catalog_fixture.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fabric/catalog/load.hpp"

namespace fabric::catalog::testing {

std::string read_text(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    std::fprintf(stderr, "%s cannot be read\n", path.c_str());
    std::abort();
  }
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string source_path(const std::string& relative) { return std::string(EVF_SOURCE_DIR) + "/tests/" + relative; }

Date test_day() { return parse_date("2026-11-25").value(); }

void expect_golden(const std::string& relative, const std::string& text) {
  const auto path = source_path(relative);
  if (const auto* update = std::getenv("EVF_UPDATE_GOLDEN"); update != nullptr && std::string(update) == "1") {
    if (text.empty())
      std::filesystem::remove(path);
    else
      std::ofstream(path, std::ios::binary) << text;
    return;
  }
  const auto expected = std::filesystem::exists(path) ? read_text(path) : std::string();
  EXPECT_EQ(text, expected) << "is not what " << relative
                            << " says; if it should be: EVF_UPDATE_GOLDEN=1, and git diff";
}

Catalog shop() {
  Problems problems;
  auto loaded = load_files({source_path("fabric/catalog/shop")}, problems);
  EXPECT_TRUE(loaded && problems.empty());
  return loaded ? std::move(*loaded) : Catalog();
}

ExportOptions shop_options() {
  return {.title = "The shop's events", .today = test_day(), .snapshot = 3, .applied_at = "2026-11-20T08:00:00Z"};
}

Catalog hostile() {
  const std::string bad = "</script><img src=x onerror=alert(1)>\"'`;#&%end\n\x1b[31m\xff";
  Message event{.name = bad, .context = bad, .description = bad, .owner = bad, .topic = bad, .key = bad};
  event.schema = SchemaText{
      .text = "{\"properties\": {\"</pre><script>\": {\"description\": \"<b>\", \"$ref\": \"#/<x>\"}}}", .file = bad};
  event.producers = {bad, "end", "graph"};
  event.consumers = {{.service = bad + "2", .reads_all = false, .reads = {bad}}, {.service = "subgraph"}};
  event.dead_letter = bad;
  event.deprecation = Deprecation{.since = test_day(), .sunset = test_day(), .replacement = bad, .reason = bad};
  auto command = event;
  command.kind = Kind::command;
  command.name = "end";
  command.schema->format = contract::Format::protobuf;
  return {.contexts = {{.name = bad, .description = bad, .owner = bad, .contact = bad, .messages = {event, command}}}};
}

}  // namespace fabric::catalog::testing
