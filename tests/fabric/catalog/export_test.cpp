// Exports: golden files of the shop (tests/golden/catalog; EVF_UPDATE_GOLDEN=1 writes them), their structure, and
// catalogs that try to be markup.
#include "fabric/catalog/export.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <regex>

#include "fabric/catalog/flow.hpp"
#include "fabric/catalog/html_text.hpp"
#include "fabric/json.hpp"
#include "tests/fabric/catalog/catalog_fixture.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::catalog::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

History shop_history() {
  const auto order = *shop().find("OrderPlaced")->schema;
  auto first = order;
  first.version = 1;
  first.text = "{\"title\": \"OrderPlaced\", \"properties\": {\"order_id\": {\"type\": \"string\"}}}";
  return {{"OrderPlaced", {{first, 1, "2026-01-31T10:00:00Z"}, {order, 3, "2026-11-20T08:00:00Z"}}}};
}

TEST(CatalogExport, GoldenAsyncApi) {
  const auto document = to_asyncapi(shop(), shop_options());
  expect_golden("golden/catalog/shop.asyncapi.json", json::print(document, 2) + "\n");
  expect_golden("golden/catalog/shop.asyncapi.yaml", to_yaml(document));
}

TEST(CatalogExport, GoldenMermaid) {
  expect_golden("golden/catalog/shop.flow.mmd", to_mermaid(shop()));
  expect_golden("golden/catalog/shop.sequence.mmd", to_mermaid_sequence(shop()));
}

TEST(CatalogExport, GoldenHtml) {
  auto options = shop_options();
  const auto history = shop_history();
  options.history = &history;
  expect_golden("golden/catalog/shop.html", to_html(shop(), options));
}

// What the published JSON Schema of AsyncAPI asks for, as far as it concerns us; and references that lead somewhere.
void check_asyncapi(const boost::json::value& document) {
  EXPECT_EQ(document.at("asyncapi"), "3.0.0");
  EXPECT_TRUE(document.at("info").at("title").is_string());
  EXPECT_TRUE(
      std::regex_match(std::string(document.at("info").at("version").as_string()), std::regex("\\d+\\.\\d+\\.\\d+")));
  for (const auto& [name, operation] : document.at("operations").as_object()) {
    EXPECT_TRUE(operation.at("action") == "send" || operation.at("action") == "receive") << name;
    const auto channel = std::string(operation.at("channel").at("$ref").as_string());
    EXPECT_TRUE(channel.starts_with("#/channels/")) << name;
    for (const auto& message : operation.at("messages").as_array())
      EXPECT_TRUE(std::string(message.at("$ref").as_string()).starts_with(channel + "/messages/")) << name;
  }
}

std::string unescaped(std::string token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '%') {
      out += static_cast<char>(std::stoi(token.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += token[i];
    }
  }
  return out;
}

void check_references(const boost::json::value& part, const boost::json::value& document) {
  if (part.is_array())
    for (const auto& element : part.get_array()) check_references(element, document);
  if (!part.is_object()) return;
  for (const auto& [key, value] : part.get_object()) {
    check_references(value, document);
    if (key != "$ref" || !value.is_string() || std::string(value.get_string()).find("%3Cx%3E") != std::string::npos)
      continue;
    boost::system::error_code error;
    EXPECT_NE(document.find_pointer(unescaped(std::string(value.get_string()).substr(1)), error), nullptr) << value;
  }
}

TEST(CatalogExport, AsyncApiHasWhatItsSchemaAsksForAndReferencesThatLeadSomewhere) {
  const auto document = to_asyncapi(shop(), shop_options());
  check_asyncapi(document);
  check_references(document, document);
  EXPECT_EQ(document.at("channels").as_object().size(), shop().topics().size());
  EXPECT_EQ(document.at("components").at("messages").as_object().size(), shop().messages().size());
  EXPECT_EQ(document.at("components").at("schemas").at("PaymentCaptured").at("schemaFormat"),
            "application/vnd.google.protobuf");
  EXPECT_EQ(
      document.at("components").at("schemas").at("OrderPlaced").at("schema").at("properties").at("total").at("$ref"),
      "#/components/schemas/OrderPlaced/schema/$defs/money");
  EXPECT_EQ(document.at("operations")
                .at("billing.receive.sales.orders")
                .at("x-eventfabric-sla")
                .at("OrderPlaced")
                .at("max_lag_ns"),
            250'000'000);
}

TEST(CatalogExport, YamlQuotesWhatWouldReadAsSomethingElse) {
  const auto yaml = [](const char* text) { return to_yaml(json::parse(text).value()); };
  EXPECT_EQ(yaml(R"({"a": "plain text", "b": ["true", "1.0", "", "no", "a: b", "#x", "- y", 1.5, null, true]})"),
            "a: plain text\nb:\n  - \"true\"\n  - \"1.0\"\n  - \"\"\n  - \"no\"\n  - \"a: b\"\n  - \"#x\"\n  - \"- "
            "y\"\n  - 1.5\n  - ~\n  - true\n");
  EXPECT_EQ(yaml(R"({"a": {}, "b": [], "c": "two\nlines\n", "d": "\u0001\"\\"})"),
            "a: {}\nb: []\nc: |\n  two\n  lines\nd: \"\\x01\\\"\\\\\"\n");
}

TEST(CatalogExport, HostileNamesStayNamesInMermaid) {
  for (const auto& text : {to_mermaid(hostile()), to_mermaid_sequence(hostile())}) {
    EXPECT_THAT(text, Not(HasSubstr("<")));
    EXPECT_THAT(text, Not(HasSubstr("`")));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, HasSubstr("#60;/script#62;"));
  }
  EXPECT_THAT(to_mermaid(hostile()), HasSubstr("[\"end\"]")) << "words of Mermaid are labels, never identifiers";
}

TEST(CatalogExport, HostileNamesStayNamesInHtml) {
  auto options = shop_options();
  options.title = "</title><script>alert(1)</script>";
  const History history{
      {hostile().messages().front()->name,
       {{*hostile().messages().front()->schema, 1, "<i>"}, {*hostile().messages().front()->schema, 2, "<i>"}}}};
  options.history = &history;
  const auto page = to_html(hostile(), options);
  std::size_t scripts = 0;
  for (auto at = page.find("<script"); at != std::string::npos; at = page.find("<script", at + 1)) ++scripts;
  EXPECT_EQ(scripts, 1U);
  for (const auto* bad : {"<img", "<b>", "<i>", "onerror=alert(1)>", "\x1b", "\xff"})
    EXPECT_THAT(page, Not(HasSubstr(bad))) << bad;
  // Attributes end where they should: no quote of the catalog's is a quote of the page's.
  EXPECT_THAT(page, Not(HasSubstr("onerror=alert(1)\"")));
  EXPECT_THAT(page, HasSubstr("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;`;#&amp;%end\\x0a\\x1b[31m\\xff"));
}

TEST(CatalogExport, ThePageAsksForNothingFromOutside) {
  const auto page = to_html(shop(), shop_options());
  for (const auto* outside : {" src=", "<link", "@import", "url(http", "fetch(", "XMLHttpRequest", "eval(",
                              "javascript:", " style=", "<iframe", " onclick="})
    EXPECT_THAT(page, Not(HasSubstr(outside))) << outside;
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme:dark"));
}

std::string base64_of_hex(const std::string& hex) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, count = 0;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bits = bits << 8 | static_cast<unsigned>(std::stoul(hex.substr(i, 2), nullptr, 16));
    for (count += 8; count >= 6; count -= 6) out += kDigits[bits >> (count - 6) & 63];
  }
  if (count != 0) out += kDigits[bits << (6 - count) & 63];
  while (out.size() % 4 != 0) out += '=';
  return out;
}

TEST(CatalogExport, TheContentSecurityPolicyNamesTheHashesOfStyleAndScript) {
  const fabric::testing::TempDir scratch;
  for (const auto& [text, hash] :
       {std::pair(html::kStyle, html::kStyleHash), std::pair(html::kScript, html::kScriptHash)}) {
    std::ofstream(scratch.file("text"), std::ios::binary) << text;
    const auto sum = fabric::testing::run({"/usr/bin/sha256sum", scratch.file("text")});
    ASSERT_EQ(sum.code, 0);
    EXPECT_EQ("sha256-" + base64_of_hex(sum.out.substr(0, 64)), hash)
        << "put this hash into fabric/catalog/html_style.cpp";
  }
}

TEST(CatalogFlow, NodesDoNotOverlapAndEdgesGoFromSideToSide) {
  auto flow = flow_of(shop());
  lay_out(flow);
  for (std::size_t i = 0; i < flow.nodes.size(); ++i) {
    const auto& a = flow.nodes[i];
    EXPECT_GE(a.x, 0);
    EXPECT_GE(a.y, 0);
    EXPECT_LE(a.x + a.width, flow.width);
    EXPECT_LE(a.y + a.height, flow.height);
    for (std::size_t j = i + 1; j < flow.nodes.size(); ++j) {
      const auto& b = flow.nodes[j];
      EXPECT_TRUE(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y)
          << a.name << " on " << b.name;
    }
  }
  for (const auto& edge : flow.edges) {
    EXPECT_NE(flow.nodes[edge.from].column, flow.nodes[edge.to].column);
    EXPECT_EQ(edge.back, flow.nodes[edge.from].column > flow.nodes[edge.to].column);
    EXPECT_EQ(edge.path.size() % 2, 0U);
  }
}

TEST(CatalogFlow, EmptyCatalogsAndLongChains) {
  EXPECT_THAT(to_html({}, shop_options()), HasSubstr("</html>"));
  EXPECT_EQ(to_mermaid_sequence({}), "sequenceDiagram\n");
  Catalog chain{.contexts = {{.name = "c"}}};
  for (int i = 0; i < 3'000; ++i)
    chain.contexts[0].messages.push_back({.name = "m" + std::to_string(i),
                                          .context = "c",
                                          .topic = "t",
                                          .producers = {"s" + std::to_string(i)},
                                          .consumers = {{.service = "s" + std::to_string(i + 1)}}});
  auto flow = flow_of(chain);
  lay_out(flow);
  EXPECT_EQ(flow.nodes.back().column, 6'000U);
  EXPECT_EQ(messages_in_flow(chain).back()->name, "m2999");
}

}  // namespace
}  // namespace fabric::catalog::testing
