// The catalog in a fabric: snapshots that appear whole or not at all, whoever is killed and however many apply at once.
#include "fabric/catalog/snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fabric/catalog/catalog_json.hpp"
#include "fabric/json.hpp"
#include "tests/fabric/catalog/catalog_fixture.hpp"
#include "tests/fabric/catalog/toy_format.hpp"
#include "tests/support/child.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::catalog::testing {
namespace {

using ::testing::HasSubstr;

class CatalogSnapshots : public ::testing::Test {
 protected:
  static Catalog numbered(unsigned number) {
    auto catalog = shop();
    catalog.contexts[0].description = "edition " + std::to_string(number);
    return catalog;
  }
  Fabric open() const { return Fabric::open(directory_.path()).value(); }
  fabric::testing::TempDir directory_;
};

TEST_F(CatalogSnapshots, WhatIsAppliedIsLoadedAgain) {
  const auto fabric = open();
  EXPECT_EQ(load_snapshot(fabric).value()->number, 0U);
  const auto applied = apply(fabric, shop(), {.formats = &toy_formats()});
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_TRUE(applied->made);
  EXPECT_EQ(applied->number, 1U);
  const auto loaded = load_snapshot(fabric).value();
  EXPECT_EQ(loaded->number, 1U);
  EXPECT_EQ(loaded->catalog, shop());
  EXPECT_TRUE(loaded->applied_at.ends_with("Z")) << loaded->applied_at;
  EXPECT_EQ(loaded->catalog.find("OrderPlaced")->context, "sales");
  EXPECT_EQ(loaded->catalog.on_topic("sales.orders").size(), 3U);
}

TEST_F(CatalogSnapshots, AnUnchangedCatalogMakesNoSnapshot) {
  const auto fabric = open();
  ASSERT_TRUE(apply(fabric, shop(), {}));
  const auto again = apply(fabric, shop(), {});
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->made);
  EXPECT_EQ(again->number, 1U);
  EXPECT_EQ(latest_snapshot(fabric).value(), 1U);
}

TEST_F(CatalogSnapshots, WhatBreaksSomebodyNeedsForce) {
  const auto fabric = open();
  ASSERT_TRUE(apply(fabric, shop(), {}));
  auto broken = shop();
  broken.contexts[1].messages[0].key = "customer_id";
  const auto refused = apply(fabric, broken, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::incompatible);
  EXPECT_THAT(refused.error().message, HasSubstr("OrderPlaced: partition key was 'order_id', is 'customer_id'"));
  EXPECT_EQ(latest_snapshot(fabric).value(), 1U);
  EXPECT_EQ(apply(fabric, broken, {.force = true}).value().number, 2U);
}

TEST_F(CatalogSnapshots, FollowersSeeTheNextOneWithoutRestart) {
  const auto fabric = open();
  const auto followed = FollowedCatalog::open(fabric).value();
  EXPECT_FALSE(followed->refresh().value());
  EXPECT_EQ(followed->current()->number, 0U);
  fabric::testing::Child other([&](const auto&) { return apply(open(), shop(), {}) ? 0 : 1; });
  EXPECT_EQ(other.wait(), 0);
  EXPECT_TRUE(followed->refresh().value());
  EXPECT_EQ(followed->current()->catalog, shop());
  EXPECT_FALSE(followed->refresh().value());
}

TEST_F(CatalogSnapshots, DamageIsAnErrorThatNamesTheFileAndFollowersKeepWhatTheyHave) {
  const auto fabric = open();
  ASSERT_TRUE(apply(fabric, numbered(1), {}));
  const auto followed = FollowedCatalog::open(fabric).value();
  ASSERT_TRUE(apply(fabric, numbered(2), {}));
  const auto path = directory_.file("catalog/2.entry");
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(200).put('\x01');
  const auto refreshed = followed->refresh();
  ASSERT_FALSE(refreshed);
  EXPECT_EQ(refreshed.error().code, ErrorCode::corrupt);
  EXPECT_THAT(refreshed.error().message, HasSubstr("catalog/2.entry"));
  EXPECT_EQ(followed->current()->number, 1U);
  EXPECT_EQ(load_snapshot(fabric, 3).error().code, ErrorCode::not_found);
}

// Several processes apply different catalogs at once: each takes effect once, in an order that all see, and none is
// lost.
TEST_F(CatalogSnapshots, ManyApplyAtOnce) {
  constexpr unsigned kProcesses = 4, kEach = 6;
  {
    std::vector<std::unique_ptr<fabric::testing::Child>> children;
    for (unsigned p = 0; p < kProcesses; ++p)
      children.push_back(std::make_unique<fabric::testing::Child>([&, p](const fabric::testing::Channel& channel) {
        channel.hear();
        const auto fabric = open();
        for (unsigned i = 0; i < kEach; ++i) {
          const auto applied = apply(fabric, numbered(p * kEach + i), {});
          if (!applied || !applied->made) return 1;
        }
        return 0;
      }));
    for (auto& child : children) child->tell(1);
    for (auto& child : children) EXPECT_EQ(child->wait(), 0);
  }
  const auto all = load_all_snapshots(open()).value();
  ASSERT_EQ(all.size(), kProcesses * kEach);
  std::vector<bool> seen(all.size(), false);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i]->number, i + 1);
    const auto edition = std::stoul(all[i]->catalog.contexts[0].description.substr(8));
    EXPECT_FALSE(seen[edition]);
    seen[edition] = true;
  }
}

// Killed at each of its system calls: there is the old snapshot or the new one, whole, and the next apply goes on.
TEST_F(CatalogSnapshots, KilledAnywhereWhileApplying) {
  unsigned nth = 0, survived = 0;
  for (bool killed = true; killed; ++nth) {
    const fabric::testing::TempDir directory;
    const auto fabric = Fabric::open(directory.path()).value();
    ASSERT_TRUE(apply(fabric, numbered(1), {}));
    killed = fabric::testing::kill_at_system_call(nth, [&] { static_cast<void>(apply(fabric, numbered(2), {})); });
    const auto now = load_snapshot(fabric);
    ASSERT_TRUE(now) << "killed at system call " << nth << ": " << now.error().message;
    ASSERT_LE((*now)->number, 2U);
    EXPECT_EQ((*now)->catalog, numbered(static_cast<unsigned>((*now)->number)));
    survived += killed && (*now)->number == 2;
    const auto applied = apply(fabric, numbered(3), {});
    ASSERT_TRUE(applied) << "after system call " << nth << ": " << applied.error().message;
    EXPECT_EQ(applied->number, (*now)->number + 1);
  }
  EXPECT_GT(nth, 20U);
  EXPECT_GT(survived, 0U) << "some kills came after the snapshot was there";
}

TEST(CatalogJson, RoundTripsAndRefusesWhatIsNoCatalog) {
  const auto value = to_json(shop());
  EXPECT_EQ(catalog_from_json(value).value(), shop());
  EXPECT_EQ(json::print(to_json(catalog_from_json(value).value())), json::print(value));
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "the contexts are no list"},
      {"[1]", "contexts/0 is no object"},
      {R"([{"name": "a b"}])", "contexts/0/name is no name"},
      {R"([{"name": "a", "messages": 1}])", "contexts/0/messages is no list"},
      {R"([{"name": "a"}, {"name": "a"}])", "contexts/1/name is there twice"},
      {R"([{"name": "a", "messages": [{"kind": "fact", "name": "E", "topic": "t"}]}])",
       "contexts/0/messages/0/kind is not known"},
      {R"([{"name": "a", "messages": [{"kind": "event", "name": "E", "topic": "a/b"}]}])",
       "contexts/0/messages/0/topic is no name of a topic"},
      {R"([{"name": "a", "messages": [{"kind": "event", "name": "E", "topic": "t", "sla": {"max_lag": -1}}]}])",
       "contexts/0/messages/0/sla/max_lag is no number"},
      {R"([{"name": "a", "messages": [{"kind": "event", "name": "E", "topic": "t", "schema": {"format": "native", "version": 4294967296}}]}])",
       "contexts/0/messages/0/schema/version is out of range"},
      {R"([{"name": "a", "messages": [{"kind": "command", "name": "E", "topic": "t", "consumers": [{"service": "a"}, {"service": "b"}]}]}])",
       "contexts/0/messages/0/consumers has more than one handler"},
  };
  for (const auto& [text, message] : cases) {
    const auto parsed = catalog_from_json(json::parse(text).value());
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt);
    EXPECT_EQ(parsed.error().message, message);
  }
}

}  // namespace
}  // namespace fabric::catalog::testing
