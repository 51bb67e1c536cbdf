// evf catalog.

#include <filesystem>

#include "tests/tools/evf_fixture.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CatalogVerbs : public EvfFixture {
 protected:
  static std::string source(const std::string& relative) {
    return std::string(EVF_SOURCE_DIR) + "/tests/fabric/catalog/" + relative;
  }
  static std::string shop() { return source("shop"); }
  // A copy of the shop with one text replaced by another.
  std::string shop_with(const std::string& name, const std::string& from, const std::string& to) const {
    const auto copy = file(name);
    std::filesystem::copy(shop(), copy, std::filesystem::copy_options::recursive);
    for (const auto* part : {"sales.yaml", "billing.yaml", "shipping.yaml"}) {
      auto text = read_file(copy + "/" + part);
      for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
      write_file(copy + "/" + part, text);
    }
    return copy;
  }
};

TEST_F(CatalogVerbs, LintFindsEveryProblemAndSaysSoInItsExitCode) {
  EXPECT_EQ(ok({"catalog", "lint", shop()}), "");
  EXPECT_EQ(ok({"catalog", "lint", shop(), "--strict"}), "");
  const auto bad = evf({"catalog", "lint", source("data/unknown_keys.yaml")});
  EXPECT_EQ(bad.code, kUnhealthy);
  EXPECT_THAT(
      bad.out,
      HasSubstr("unknown_keys.yaml:4:1: error: unknown key 'ownr' in the file; did you mean 'owner'? [unknown-key]\n"));
  EXPECT_THAT(bad.err, HasSubstr("errors, 0 warnings in 1 file"));
  const auto warned = source("data/keys_differ.yaml");
  EXPECT_EQ(evf({"catalog", "lint", warned}).code, kOk);
  EXPECT_EQ(evf({"catalog", "lint", warned, "--strict"}).code, kUnhealthy);
  const auto json =
      this->json({"catalog", "lint", source("data/duplicate_keys.yaml")}, "evf.catalog-lint/1", kUnhealthy);
  EXPECT_EQ(json["errors"], 2);
  EXPECT_EQ(json["problems"][0]["line"], 14);
  EXPECT_EQ(json["problems"][0]["rule"], "duplicate-key");
}

TEST_F(CatalogVerbs, PathsThatAreNotThere) {
  refused({"catalog", "lint", file("none")}, kNotFound, "there is no file or directory");
  std::filesystem::create_directory(file("empty"));
  refused({"catalog", "lint", file("empty")}, kNotFound, "there are no *.yaml files");
  refused({"catalog", "lint"}, kUsage, "PATH");
  refused({"catalog", "lnt"}, kUsage, "did you mean lint?");
  refused({"catalog"}, kUsage, "a verb is missing");
  refused({"catalog", "export", "--from", shop()}, kUsage, "--format");
  refused({"catalog", "export", "--from", shop(), "--format", "pdf"}, kUsage, "asyncapi");
  refused({"catalog", "export", "--from", shop(), "--format", "html", "--today", "soon"}, kUsage, "2026-10-31");
}

TEST_F(CatalogVerbs, ApplyShowsWhatChangesAndMakesSnapshots) {
  refused({"catalog", "show"}, kNotFound, "no catalog was applied");
  const auto dry = evf({"catalog", "apply", shop(), "--dry-run"});
  EXPECT_EQ(dry.code, kOk);
  EXPECT_THAT(dry.out, AllOf(StartsWith("IMPACT"), HasSubstr("PaymentCaptured")));
  refused({"catalog", "show"}, kNotFound, "no catalog was applied");
  const auto first = evf({"catalog", "apply", shop()});
  EXPECT_EQ(first.code, kOk) << first.err;
  EXPECT_THAT(first.err, HasSubstr("applied as snapshot 1"));
  const auto again = json({"catalog", "apply", shop()}, "evf.catalog-apply/1");
  EXPECT_EQ(again["applied"], false);
  EXPECT_EQ(again["base"], 1);
  const auto next =
      json({"catalog", "apply", shop_with("next", "From the shelf", "Straight from the shelf")}, "evf.catalog-apply/1");
  EXPECT_EQ(next["applied"], true);
  EXPECT_EQ(next["snapshot"], 2);
  EXPECT_EQ(next["impact"], "documentation");
  EXPECT_EQ(json({"catalog", "show", "--from", "1"}, "evf.catalog/1")["snapshot"], 1);
  EXPECT_EQ(json({"catalog", "show"}, "evf.catalog/1")["snapshot"], 2);
  refused({"catalog", "show", "--from", "9"}, kNotFound, "the latest is 2");
}

TEST_F(CatalogVerbs, ApplyRefusesWhatBreaksSomebodyUnlessForced) {
  ok({"catalog", "apply", shop()});
  const auto broken = shop_with("broken", "topic: sales.baskets", "topic: sales.carts");
  const auto finished = evf({"catalog", "apply", broken});
  EXPECT_EQ(finished.code, kUnhealthy);
  EXPECT_THAT(finished.out, AllOf(HasSubstr("breaking"), HasSubstr("topic was 'sales.baskets', is 'sales.carts'")));
  EXPECT_THAT(finished.err, HasSubstr("--force"));
  EXPECT_EQ(json({"catalog", "show"}, "evf.catalog/1")["snapshot"], 1);
  EXPECT_EQ(evf({"catalog", "apply", broken, "--force"}).code, kOk);
  EXPECT_EQ(json({"catalog", "show"}, "evf.catalog/1")["snapshot"], 2);
  const auto wrong = evf({"catalog", "apply", source("data/unknown_keys.yaml"), "--force"});
  EXPECT_EQ(wrong.code, kUnhealthy) << "errors are not forced";
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'owner'?"));
}

TEST_F(CatalogVerbs, ApplyRegistersSchemasUnlessToldNotTo) {
  const auto subjects = [&] { return json({"schema", "list"}, "evf.schemas/1")["subjects"].size(); };
  const auto dry = evf({"catalog", "apply", shop(), "--dry-run"});
  EXPECT_THAT(dry.out, AllOf(HasSubstr("REGISTRY"), HasSubstr("register"), HasSubstr("becomes version 1 of the subject (version 2 in the catalog)")));
  EXPECT_THAT(dry.err, HasSubstr("in the registry"));
  EXPECT_EQ(subjects(), 0U);
  const auto alone = json({"catalog", "apply", shop(), "--no-register"}, "evf.catalog-apply/1");
  EXPECT_EQ(alone["applied"], true);
  EXPECT_EQ(alone["registry"], Json::array());
  EXPECT_EQ(subjects(), 0U);
  const auto completed = json({"catalog", "apply", shop()}, "evf.catalog-apply/1");
  EXPECT_EQ(completed["applied"], false) << "the snapshot is there";
  EXPECT_EQ(completed["registered"], true);
  EXPECT_GT(completed["registry"].size(), 5U);
  EXPECT_GT(subjects(), 5U);
  EXPECT_EQ(json({"schema", "show", "OrderPlaced"}, "evf.schema/1")["versions"][0]["version"], 1);
  EXPECT_THAT(ok({"schema", "mode", "OrderPlaced"}), HasSubstr("full-transitive"));
  EXPECT_THAT(ok({"schema", "show", "BasketAbandoned", "1"}), HasSubstr("2027-03-31"));
  const auto again = evf({"catalog", "apply", shop()});
  EXPECT_THAT(again.err, HasSubstr("nothing to apply"));
}

TEST_F(CatalogVerbs, ApplyIsRefusedByTheRegistryAsAWhole) {
  write_file(file("proto"), "syntax = \"proto3\"; message Other { bytes order_id = 1; }");
  ok({"schema", "register", "PaymentCaptured", file("proto"), "--format", "protobuf"});
  const auto refused = evf({"catalog", "apply", shop(), "--force"});
  EXPECT_EQ(refused.code, kUnhealthy);
  EXPECT_THAT(refused.out, HasSubstr("message-renamed"));
  EXPECT_THAT(refused.err, AllOf(HasSubstr("the registry refuses the schema of 'PaymentCaptured' (backward): version 1"),
                                 HasSubstr("--no-register")));
  EXPECT_EQ(json({"schema", "list"}, "evf.schemas/1")["subjects"].size(), 1U);
  this->refused({"catalog", "show"}, kNotFound, "no catalog was applied");
  const auto json = this->json({"catalog", "apply", shop()}, "evf.catalog-apply/1", kUnhealthy);
  EXPECT_EQ(json["refused"][0]["subject"], "PaymentCaptured");
  EXPECT_EQ(json["registered"], false);
  ok({"catalog", "apply", shop(), "--no-register"});
}

TEST_F(CatalogVerbs, DiffOfFilesAndSnapshots) {
  const auto kinder = shop_with("kinder", "customer-care]", "customer-care, app]");
  const auto worse = shop_with("worse", "key: parcel_id", "key: order_id");
  EXPECT_EQ(evf({"catalog", "diff", shop(), shop()}).code, kOk);
  const auto table = ok({"catalog", "diff", shop(), kinder});
  EXPECT_THAT(table, AllOf(StartsWith("IMPACT"), HasSubstr("'app' may produce it")));
  const auto breaking = json({"catalog", "diff", shop(),
                              shop_with("removed", "consumers:\n      insights: all\n    deprecation", "deprecation")},
                             "evf.catalog-diff/1");
  EXPECT_EQ(breaking["impact"], "compatible");
  const auto lint = evf({"catalog", "diff", shop(), worse});
  EXPECT_EQ(lint.code, kUnhealthy) << lint.out;
  ok({"catalog", "apply", shop()});
  EXPECT_EQ(json({"catalog", "diff", "1", shop()}, "evf.catalog-diff/1")["changes"].size(), 0U);
  EXPECT_EQ(json({"catalog", "diff", kinder}, "evf.catalog-diff/1")["impact"], "compatible") << "with what is in force";
  EXPECT_EQ(evf({"catalog", "diff", shop(), shop_with("moved", "context: billing", "context: money")}).code,
            kUnhealthy);
}

TEST_F(CatalogVerbs, ShowListsAndTellsInFull) {
  const auto all = ok({"catalog", "show", "--from", shop()});
  EXPECT_THAT(all, AllOf(HasSubstr("CONTEXT"), HasSubstr("OrderPlaced"), HasSubstr("sunset")));
  const auto one = ok({"catalog", "show", "OrderPlaced", "--from", shop()});
  EXPECT_THAT(one, AllOf(HasSubstr("OrderPlaced (event of sales)"), HasSubstr("keyed by order_id"),
                         HasSubstr("lines[].sku"), HasSubstr("lag at most 10k records or 250ms")));
  EXPECT_THAT(ok({"catalog", "show", "ParcelPosition", "--from", shop()}), HasSubstr("position.latitude   double                  yes"));
  EXPECT_THAT(ok({"catalog", "show", "shipping", "--from", shop()}),
              AllOf(HasSubstr("ShipOrder"), Not(HasSubstr("OrderPlaced"))));
  EXPECT_THAT(ok({"catalog", "show", "sales.orders", "--from", shop()}),
              AllOf(HasSubstr("OrderPlaced"), Not(HasSubstr("BasketAbandoned"))));
  EXPECT_THAT(ok({"catalog", "show", "ledger", "--from", shop()}),
              AllOf(HasSubstr("PaymentCaptured"), Not(HasSubstr("OrderPlaced"))));
  refused({"catalog", "show", "OrderPlacd", "--from", shop()}, kNotFound, "did you mean 'OrderPlaced'?");
  const auto part = json({"catalog", "show", "OrderPlaced", "--from", shop()}, "evf.catalog/1");
  EXPECT_EQ(part["contexts"].size(), 1U);
  EXPECT_EQ(part["contexts"][0]["messages"][0]["schema"]["version"], 2);
}

TEST_F(CatalogVerbs, ExportWritesEachFormatToOutputOrAFile) {
  ok({"catalog", "apply", shop()});
  EXPECT_EQ(Json::parse(ok({"catalog", "export", "--format", "asyncapi"}))["info"]["version"], "1.0.0");
  EXPECT_THAT(ok({"catalog", "export", "--format", "asyncapi-yaml"}), StartsWith("asyncapi: \"3.0.0\"\n"));
  EXPECT_THAT(ok({"catalog", "export", "--format", "mermaid"}), StartsWith("flowchart LR\n"));
  EXPECT_THAT(ok({"catalog", "export", "--format", "mermaid-sequence"}), StartsWith("sequenceDiagram\n"));
  const auto page = file("events.html");
  const auto finished =
      evf({"catalog", "export", "--format", "html", "--output", page, "--title", "Shop <1>", "--today", "2027-03-30"});
  EXPECT_EQ(finished.code, kOk);
  EXPECT_EQ(finished.out, "");
  EXPECT_THAT(read_file(page), AllOf(HasSubstr("<title>Shop &lt;1&gt;</title>"), HasSubstr("sunset in 1 day")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(std::filesystem::path(page).parent_path()), {}), 1)
      << "nothing is left beside it";
  refused({"catalog", "export", "--format", "html", "--output", file("no/such/dir/x.html")}, kNotFound, "x.html");
}

}  // namespace
}  // namespace fabric::evf::testing
