// An applied catalog reaches the registry: schemas, modes, deprecations; refused as a whole, completed after any kill.
#include "fabric/catalog/registration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "fabric/catalog/snapshot.hpp"
#include "fabric/formats/formats.hpp"
#include "tests/fabric/catalog/catalog_fixture.hpp"
#include "tests/support/child.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::catalog::testing {
namespace {

using contract::Mode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Closed, so that a newer one may name what an older one did not.
constexpr const char* kPlaced1 =
    R"({"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"additionalProperties":false})";
constexpr const char* kPlaced2 =
    R"({"type":"object","properties":{"id":{"type":"string"},"note":{"type":"string"}},"required":["id"],"additionalProperties":false})";
constexpr const char* kOther = R"({"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]})";

const contract::Formats& known() {
  static const contract::Formats kFormats = [] {
    contract::Formats formats;
    formats.add(formats::json_schema());
    formats.add(formats::protobuf());
    formats.add(formats::flatbuffers());
    return formats;
  }();
  return kFormats;
}

Message event(const std::string& name, std::uint32_t version, const std::string& schema, Mode mode = Mode::backward) {
  Message made{.name = name, .context = "sales", .topic = "sales." + name};
  made.schema = SchemaText{.version = version, .mode = mode, .text = schema};
  return made;
}
Catalog of(std::vector<Message> messages) {
  return {.contexts = {Context{.name = "sales", .messages = std::move(messages)}}};
}
Date day(const char* text) { return *parse_date(text); }

class CatalogRegistration : public ::testing::Test {
 protected:
  explicit CatalogRegistration() = default;
  Fabric open() const { return Fabric::open(directory_.path()).value(); }
  contract::Registry registry() const { return registry_in(directory_.path()); }
  static contract::Registry registry_in(const std::string& directory) {
    return contract::Registry::open(Fabric::open(directory).value(), known()).value();
  }
  Result<Applied> apply_all(const Catalog& catalog, bool force = false) const {
    return apply_in(directory_.path(), catalog, force);
  }
  static Result<Applied> apply_in(const std::string& directory, const Catalog& catalog, bool force = false) {
    const auto fabric = Fabric::open(directory).value();
    const auto registry = registry_in(directory);
    return apply(fabric, catalog, {.formats = &known(), .force = force, .registry = &registry});
  }
  // "subject mode: 1, 2 deprecated until SUNSET for REPLACEMENT", each subject a line.
  std::vector<std::string> said() const { return said_in(directory_.path()); }
  static std::vector<std::string> said_in(const std::string& directory) {
    std::vector<std::string> lines;
    const auto registry = registry_in(directory);
    for (const auto& subject : registry.subjects().value()) {
      auto line = subject.name + " " + (subject.mode ? std::string(contract::to_string(*subject.mode)) : "default") + ":";
      for (const auto& version : registry.versions(subject.name, true).value()) {
        line += " " + std::to_string(version.version) + (version.deleted ? " deleted" : "");
        if (const auto& old = version.deprecation)
          line += " deprecated " + std::to_string(old->since_ns / 86'400'000'000'000) + " to " +
                  std::to_string(old->sunset_ns / 86'400'000'000'000) + (old->replacement.empty() ? "" : " for ") +
                  old->replacement;
      }
      lines.push_back(line);
    }
    return lines;
  }
  std::size_t entries() const {
    std::size_t count = 0;
    const auto path = directory_.path() + "/registry";
    if (!std::filesystem::exists(path)) return 0;
    for (const auto& file : std::filesystem::directory_iterator(path)) count += file.path().extension() == ".entry" ? 1U : 0U;
    return count;
  }
  static std::vector<std::string> steps(const std::vector<RegistryStep>& made) {
    std::vector<std::string> words;
    for (const auto& step : made)
      words.push_back(std::string(to_string(step.kind)) + " " + step.subject + " " + std::to_string(step.version));
    return words;
  }
  fabric::testing::TempDir directory_;
};

TEST_F(CatalogRegistration, the_shop_is_registered_once) {
  const auto first = apply_all(shop());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->made);
  std::size_t with_schema = 0;
  const auto catalog = shop();
  for (const auto* message : catalog.messages()) {
    if (!message->schema) continue;
    ++with_schema;
    const auto latest = registry().latest(message->name);
    ASSERT_TRUE(latest) << latest.error().message;
    EXPECT_EQ(registry().mode(message->name).value(), message->schema->mode);
    EXPECT_EQ(latest->deprecation.has_value(), message->deprecation.has_value()) << message->name;
  }
  EXPECT_GT(with_schema, 5U);
  const auto count = entries();
  const auto again = apply_all(shop());
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->made);
  EXPECT_THAT(again->registered, IsEmpty());
  EXPECT_EQ(entries(), count);
}

TEST_F(CatalogRegistration, a_new_version_joins_the_subject) {
  ASSERT_TRUE(apply_all(of({event("Placed", 7, kPlaced1)})));
  EXPECT_THAT(said(), ElementsAre("Placed backward: 1"));
  const auto next = apply_all(of({event("Placed", 8, kPlaced2, Mode::full), event("Paid", 1, kOther)}));
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_THAT(steps(next->registered), ElementsAre("register Placed 2", "register Paid 1", "set-mode Placed 0", "set-mode Paid 0"));
  EXPECT_THAT(next->registered[0].message, HasSubstr("becomes version 2 of the subject (version 8 in the catalog)"));
  EXPECT_THAT(said(), ElementsAre("Paid backward: 1", "Placed full: 1 2")) << "judged by the mode before";
  const auto less = apply_all(of({event("Placed", 8, kPlaced2, Mode::full)}));
  ASSERT_TRUE(less) << less.error().message;
  EXPECT_THAT(said(), ElementsAre("Paid backward: 1", "Placed full: 1 2")) << "what is registered stays";
}

// The registry may know more than the snapshots: it decides for itself.
TEST_F(CatalogRegistration, is_refused_as_a_whole_before_anything_is_written) {
  ASSERT_TRUE(apply_all(of({event("Placed", 1, kPlaced1)})));
  const auto count = entries();
  for (const bool force : {false, true}) {
    const auto refused = apply_all(of({event("Added", 1, kPlaced1), event("Placed", 2, kOther, Mode::none)}), force);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::incompatible);
    EXPECT_THAT(refused.error().message, HasSubstr(force ? "the registry refuses the schema of 'Placed' (backward): version 1"
                                                         : "the catalog breaks what is in force"));
    EXPECT_EQ(entries(), count) << "nothing of the other event either, and no mode";
    EXPECT_EQ(latest_snapshot(open()).value(), 1U);
  }
  ASSERT_TRUE(registry().set_mode("Placed", Mode::none));
  const auto forced = apply_all(of({event("Placed", 2, kOther, Mode::none)}), true);
  ASSERT_TRUE(forced) << forced.error().message;
  EXPECT_THAT(said(), ElementsAre("Placed none: 1 2"));
}

TEST_F(CatalogRegistration, schemas_that_cannot_be_read_write_nothing) {
  const auto bad = apply_all(of({event("Added", 1, kPlaced1), event("Bad", 1, "{")}));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(bad.error().message, HasSubstr("schema of 'Bad': "));
  auto unknown = event("Struct", 1, "{}");
  unknown.schema->format = contract::Format::native;
  EXPECT_EQ(apply_all(of({event("Added", 1, kPlaced1), unknown})).error().code, ErrorCode::unsupported);
  EXPECT_EQ(entries(), 0U);
  EXPECT_EQ(latest_snapshot(open()).value(), 0U);
}

TEST_F(CatalogRegistration, deprecations_come_change_and_go) {
  ASSERT_TRUE(apply_all(of({event("Placed", 1, kPlaced1), event("Paid", 1, kOther)})));
  auto old = event("Placed", 2, kPlaced2);
  old.deprecation = Deprecation{.since = day("2026-01-01"), .sunset = day("2026-06-01"), .replacement = "Paid"};
  const auto deprecated = apply_all(of({old, event("Paid", 1, kOther)}));
  ASSERT_TRUE(deprecated) << deprecated.error().message;
  EXPECT_THAT(steps(deprecated->registered), ElementsAre("register Placed 2", "deprecate Placed 1", "deprecate Placed 2"));
  EXPECT_THAT(said(), ElementsAre("Paid backward: 1", "Placed backward: 1 deprecated 20454 to 20605 for Paid 2 deprecated "
                                                      "20454 to 20605 for Paid"));
  old.deprecation->sunset.reset();
  ASSERT_TRUE(apply_all(of({old, event("Paid", 1, kOther)})));
  EXPECT_EQ(said()[1], "Placed backward: 1 deprecated 20454 to 0 for Paid 2 deprecated 20454 to 0 for Paid");

  ASSERT_TRUE(registry().deprecate("Placed", 1, contract::Deprecation{.since_ns = 1, .sunset_ns = 2}));
  ASSERT_TRUE(registry().deprecate("Paid", 1, contract::Deprecation{.since_ns = 1, .sunset_ns = 2}));
  ASSERT_TRUE(apply_all(of({event("Placed", 2, kPlaced2), event("Paid", 1, kOther)})));
  EXPECT_THAT(said(), ElementsAre("Paid backward: 1 deprecated 0 to 0", "Placed backward: 1 deprecated 0 to 0 2"))
      << "what somebody else said stays, the catalog's own goes";
}

TEST_F(CatalogRegistration, a_snapshot_from_before_is_completed) {
  const auto catalog = of({event("Placed", 1, kPlaced1)});
  ASSERT_TRUE(apply(open(), catalog, {.formats = &known()}));
  EXPECT_EQ(entries(), 0U);
  const auto completed = apply_all(catalog);
  ASSERT_TRUE(completed) << completed.error().message;
  EXPECT_FALSE(completed->made);
  EXPECT_EQ(completed->number, 1U);
  EXPECT_THAT(said(), ElementsAre("Placed backward: 1"));
}

// Killed at each of its system calls: applying it again gives what one apply gives, and each version once.
TEST_F(CatalogRegistration, killed_anywhere_a_second_apply_completes_it) {
  const auto before = of({event("Placed", 1, kPlaced1)});
  auto old = event("Placed", 2, kPlaced2, Mode::full);
  old.deprecation = Deprecation{.since = day("2026-01-01")};
  const auto after = of({old, event("Paid", 1, kOther)});
  unsigned nth = 0, partly = 0;
  for (bool killed = true; killed; ++nth) {
    const fabric::testing::TempDir directory;
    ASSERT_TRUE(apply_in(directory.path(), before));
    killed = fabric::testing::kill_at_system_call(nth, [&] { static_cast<void>(apply_in(directory.path(), after)); });
    const auto left = said_in(directory.path());
    const auto snapshot = latest_snapshot(Fabric::open(directory.path()).value()).value();
    partly += snapshot == 1 && left != std::vector<std::string>{"Placed backward: 1"};
    const std::vector<std::string> whole{"Paid backward: 1", "Placed full: 1 deprecated 20454 to 0 2 deprecated 20454 to 0"};
    if (snapshot == 2) {
      EXPECT_EQ(left, whole) << "the snapshot comes last; killed at system call " << nth;
    }
    const auto again = apply_in(directory.path(), after);
    ASSERT_TRUE(again) << "after system call " << nth << ": " << again.error().message;
    EXPECT_EQ(said_in(directory.path()), whole) << "killed at system call " << nth;
    EXPECT_EQ(again->number, 2U);
  }
  EXPECT_GT(nth, 50U);
  EXPECT_GT(partly, 10U) << "some kills came between the steps";
}

TEST_F(CatalogRegistration, many_that_apply_the_same_at_once_register_it_once) {
  auto old = event("Placed", 1, kPlaced1);
  old.deprecation = Deprecation{.since = day("2026-01-01")};
  const auto catalog = of({old, event("Paid", 1, kOther), event("Sent", 1, kPlaced2)});
  {
    std::vector<std::unique_ptr<fabric::testing::Child>> children;
    for (unsigned p = 0; p < 4; ++p)
      children.push_back(std::make_unique<fabric::testing::Child>([&](const fabric::testing::Channel& channel) {
        channel.hear();
        return apply_all(catalog) ? 0 : 1;
      }));
    for (auto& child : children) child->tell(1);
    for (auto& child : children) EXPECT_EQ(child->wait(), 0);
  }
  EXPECT_THAT(said(), ElementsAre("Paid backward: 1", "Placed backward: 1 deprecated 20454 to 0", "Sent backward: 1"));
  EXPECT_EQ(latest_snapshot(open()).value(), 1U);
}

}  // namespace
}  // namespace fabric::catalog::testing
