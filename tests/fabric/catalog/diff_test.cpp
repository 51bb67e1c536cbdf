// What changed between two catalogs, and whom it breaks: a table of edits of the shop.
#include "fabric/catalog/diff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "fabric/catalog/snapshot.hpp"
#include "tests/fabric/catalog/catalog_fixture.hpp"
#include "tests/fabric/catalog/toy_format.hpp"

namespace fabric::catalog::testing {
namespace {

Message& find(Catalog& catalog, const std::string& name) {
  for (auto& context : catalog.contexts)
    for (auto& message : context.messages)
      if (message.name == name) return message;
  ADD_FAILURE() << name;
  return catalog.contexts.front().messages.front();
}

using Edit = std::function<void(Catalog&)>;
Edit edit(std::string name, std::function<void(Message&)> change) {
  return [name = std::move(name), change = std::move(change)](Catalog& catalog) { change(find(catalog, name)); };
}

std::string schema_with(const std::string& properties, const std::string& required) {
  return "{\"title\": \"OrderCancelled\", \"type\": \"object\", \"properties\": {" + properties + "}, \"required\": [" +
         required + "]}";
}
const std::string kOld = R"("order_id": {"type": "string"}, "reason": {"enum": ["customer", "payment", "stock"]})";

struct Row {
  const char* rule;
  Impact impact;
  Edit edit;
};

const std::vector<Row> kRows{
    {"kind-changed", Impact::breaking, edit("OrderPlaced", [](Message& m) { m.kind = Kind::command; })},
    {"context-changed", Impact::breaking,
     [](Catalog& catalog) {
       auto moved = find(catalog, "OrderPlaced");
       std::erase_if(catalog.contexts[1].messages, [](const Message& m) { return m.name == "OrderPlaced"; });
       moved.context = "billing";
       catalog.contexts[0].messages.push_back(moved);
     }},
    {"topic-changed", Impact::breaking, edit("OrderPlaced", [](Message& m) { m.topic = "other"; })},
    {"key-changed", Impact::breaking, edit("OrderPlaced", [](Message& m) { m.key = "customer_id"; })},
    {"key-changed", Impact::breaking, edit("OrderPlaced", [](Message& m) { m.key.clear(); })},
    {"message-removed", Impact::breaking,
     [](Catalog& c) {
       std::erase_if(c.contexts[1].messages, [](const Message& m) { return m.name == "OrderPlaced"; });
     }},
    {"schema-removed", Impact::breaking, edit("OrderPlaced", [](Message& m) { m.schema.reset(); })},
    {"version-lowered", Impact::breaking, edit("OrderPlaced", [](Message& m) { m.schema->version = 1; })},
    {"version-kept", Impact::breaking, edit("OrderPlaced", [](Message& m) { m.schema->text = "{}"; })},
    {"format-changed", Impact::breaking,
     edit("PaymentCaptured",
          [](Message& m) {
            m.schema = SchemaText{.format = contract::Format::json_schema, .version = 4, .text = "{}"};
          })},
    {"required-field-added", Impact::breaking,
     edit("OrderCancelled",
          [](Message& m) {
            m.schema->version = 2,
            m.schema->text = schema_with(kOld + R"(, "by": {"type": "string"})", R"("order_id", "reason", "by")");
          })},
    {"type-changed", Impact::breaking,
     edit("OrderCancelled",
          [](Message& m) {
            m.schema->version = 2, m.schema->text = schema_with(R"("order_id": {"type": "integer"})", R"("order_id")");
          })},
    {"schema-evolved", Impact::compatible,
     edit("OrderCancelled",
          [](Message& m) {
            m.schema->version = 2,
            m.schema->text = schema_with(kOld + R"(, "by": {"type": "string"})", R"("order_id", "reason")");
          })},
    {"schema-respelled", Impact::documentation,
     edit("OrderCancelled", [](Message& m) { m.schema->text = "  " + m.schema->text; })},
    {"version-raised", Impact::documentation, edit("OrderPlaced", [](Message& m) { m.schema->version = 9; })},
    {"mode-changed", Impact::compatible,
     edit("OrderPlaced", [](Message& m) { m.schema->mode = contract::Mode::none; })},
    {"schema-not-comparable", Impact::breaking,
     edit("PaymentCaptured", [](Message& m) { m.schema->version = 4, m.schema->text += "// x"; })},
    {"producer-added", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.producers.push_back("app"); })},
    {"producer-removed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.producers.clear(); })},
    {"consumer-added", Impact::compatible,
     edit("OrderPlaced", [](Message& m) { m.consumers.push_back({.service = "x"}); })},
    {"consumer-removed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.consumers.clear(); })},
    {"reads-changed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.consumers[0].reads.pop_back(); })},
    {"reads-changed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.consumers[0].reads_all = true; })},
    {"sla-changed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.consumers[0].sla.max_lag = 3; })},
    {"sla-changed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.sla.max_queue_ns = 3; })},
    {"retention-changed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.retention.ns.reset(); })},
    {"retry-changed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.retry->attempts = 7; })},
    {"retry-changed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.retry->jitter_thousandths = 7; })},
    {"dead-letter-changed", Impact::compatible, edit("OrderPlaced", [](Message& m) { m.dead_letter = "x.dead"; })},
    {"deprecation-changed", Impact::documentation,
     edit("OrderPlaced", [](Message& m) { m.deprecation = Deprecation{}; })},
    {"deprecation-changed", Impact::documentation,
     edit("PaymentBooked", [](Message& m) { m.deprecation->reason = "x"; })},
    {"owner-changed", Impact::documentation, edit("OrderPlaced", [](Message& m) { m.owner = "x"; })},
    {"description-changed", Impact::documentation, edit("OrderPlaced", [](Message& m) { m.description = "x"; })},
    {"message-added", Impact::compatible,
     [](Catalog& c) { c.contexts[0].messages.push_back({.name = "New", .context = "billing", .topic = "t"}); }},
    {"context-added", Impact::compatible, [](Catalog& c) { c.contexts.push_back({.name = "zoo"}); }},
    {"owner-changed", Impact::documentation, [](Catalog& c) { c.contexts[0].owner = "x"; }},
    {"contact-changed", Impact::documentation, [](Catalog& c) { c.contexts[0].contact = "x"; }},
    {"description-changed", Impact::documentation, [](Catalog& c) { c.contexts[0].description = "x"; }},
};

TEST(CatalogDiff, EveryEditHasItsRuleAndImpact) {
  const auto before = shop();
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    const auto& row = kRows[i];
    auto after = before;
    row.edit(after);
    const auto changes = compare(before, after, {.formats = &toy_formats()});
    std::vector<std::string> found;
    bool right = false;
    for (const auto& change : changes) {
      found.push_back(change.rule + "/" + std::string(to_string(change.impact)));
      right |= change.rule == row.rule && change.impact == row.impact;
    }
    EXPECT_TRUE(right) << "row " << i << ": " << row.rule << " is not among " << joined(found);
    EXPECT_EQ(impact_of(changes), row.impact) << "row " << i << ": " << joined(found);
  }
}

TEST(CatalogDiff, NothingChangedIsNothing) {
  EXPECT_TRUE(compare(shop(), shop(), {}).empty());
  auto reordered = shop();
  std::swap(reordered.contexts[0].messages[0], reordered.contexts[0].messages[1]);
  EXPECT_TRUE(compare(shop(), reordered, {}).empty());
}

TEST(CatalogDiff, RemovingWhatNobodyReadsIsCompatible) {
  auto before = shop();
  find(before, "OrderPlaced").consumers.clear();
  auto after = before;
  std::erase_if(after.contexts[1].messages, [](const Message& m) { return m.name == "OrderPlaced"; });
  EXPECT_EQ(impact_of(compare(before, after, {})), Impact::compatible);
}

// The mode that held so far decides: it cannot be loosened and broken in one step.
TEST(CatalogDiff, AModeIsLoosenedForTheNextChangeOnly) {
  const auto before = shop();
  auto after = before;
  auto& schema = *find(after, "OrderCancelled").schema;
  schema.mode = contract::Mode::none;
  schema.version = 2;
  schema.text = schema_with(R"("order_id": {"type": "integer"})", R"("order_id")");
  EXPECT_EQ(impact_of(compare(before, after, {.formats = &toy_formats()})), Impact::breaking);
  auto loosened = before;
  find(loosened, "OrderCancelled").schema->mode = contract::Mode::none;
  EXPECT_EQ(impact_of(compare(before, loosened, {.formats = &toy_formats()})), Impact::compatible);
  EXPECT_EQ(impact_of(compare(loosened, after, {.formats = &toy_formats()})), Impact::compatible);
}

TEST(CatalogDiff, TransitiveModesLookAtEveryVersionOfTheHistory) {
  const auto v1 = shop();
  auto v2 = v1, v3 = v1;
  find(v2, "OrderCancelled").schema->version = 2;
  find(v2, "OrderCancelled").schema->text = schema_with(R"("reason": {"enum": ["customer", "payment", "stock"]})", "");
  find(v3, "OrderCancelled").schema->version = 3;
  find(v3, "OrderCancelled").schema->text =
      schema_with(R"("order_id": {"type": "integer"}, "reason": {"enum": ["customer", "payment", "stock"]})", "");
  const auto snapshot = [](std::uint64_t number, const Catalog& catalog) {
    return std::make_shared<const Snapshot>(Snapshot{.number = number, .catalog = catalog});
  };
  const auto history = history_of({snapshot(1, v1), snapshot(2, v2)});
  EXPECT_EQ(history.at("OrderCancelled").size(), 2U);
  EXPECT_EQ(impact_of(compare(v2, v3, {.formats = &toy_formats()})), Impact::compatible)
      << "version 2 alone has no order_id";
  EXPECT_EQ(impact_of(compare(v2, v3, {.formats = &toy_formats(), .history = &history})), Impact::breaking);
}

}  // namespace
}  // namespace fabric::catalog::testing
