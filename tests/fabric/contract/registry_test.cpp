// The registry: what it promises (G1 to G3), and what it does with entries that it cannot read.
#include "fabric/contract/registry.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <set>

#include "fabric/contract/native.hpp"
#include "fabric/numbered_files.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::contract {
namespace {

using fabric::testing::Child;
using fabric::testing::FabricFixture;
using fabric::testing::must;
using ipc::ErrorCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A struct of `fields` unsigned numbers; those behind the first `required` are optional.
std::string text_of(unsigned fields, unsigned required = 1, const std::string& name = "T") {
  std::string text = R"({"name":")" + name + R"(","size":)" + std::to_string(4 * fields) + R"(,"required":)" +
                     std::to_string(4 * required) + R"(,"fields":[)";
  for (unsigned i = 0; i < fields; ++i)
    text += (i == 0 ? "" : ",") + (R"({"name":"f)" + std::to_string(i)) + R"(","type":"u32","offset":)" +
            std::to_string(4 * i) + "}";
  return text + "]}";
}

std::shared_ptr<const Schema> schema_of(const std::string& text) { return must(NativeFormat().parse(text)); }
std::shared_ptr<const Schema> schema_with(unsigned fields, unsigned required = 1, const std::string& name = "T") {
  return schema_of(text_of(fields, required, name));
}

Formats formats() {
  Formats known;
  known.add(std::make_shared<NativeFormat>());
  return known;
}

class RegistryTest : public FabricFixture {
 protected:
  Registry registry() const { return must(Registry::open(open(), formats())); }
  static Registration add(const Registry& registry, const std::string& subject, const Schema& schema) {
    return must(registry.register_schema(subject, schema));
  }
  static std::vector<std::uint32_t> numbers(const std::vector<Registered>& versions) {
    std::vector<std::uint32_t> found;
    for (const auto& version : versions) found.push_back(version.version);
    return found;
  }
  NumberedFiles files() const { return NumberedFiles(directory(), "registry"); }
};

TEST_F(RegistryTest, AnEmptyFabricHasNoSchemas) {
  const auto empty = registry();
  EXPECT_TRUE(must(empty.subjects()).empty());
  EXPECT_EQ(must(empty.default_mode()), Mode::backward);
  EXPECT_FAILURE(empty.by_id(1), ErrorCode::not_found, "no schema with the id 1");
  EXPECT_FAILURE(empty.latest("orders"), ErrorCode::not_found, "no subject 'orders'");
  EXPECT_FALSE(std::filesystem::exists(directory() + "/registry")) << "reading makes nothing";
}

TEST_F(RegistryTest, RegisteringIsIdempotent) {
  const auto first = registry(), second = registry();
  const auto one = add(first, "orders", *schema_with(1));
  EXPECT_TRUE(one.created);
  EXPECT_EQ(one.schema.id, 1U);
  EXPECT_EQ(one.schema.version, 1U);
  const auto again = add(second, "orders", *schema_of(" " + text_of(1)));
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.schema.id, 1U);
  EXPECT_EQ(add(second, "orders", *schema_with(2)).schema.version, 2U);
  const auto other = add(first, "refunds", *schema_with(1));
  EXPECT_EQ(other.schema.id, 3U) << "the id names the subject as well";
  EXPECT_EQ(other.schema.version, 1U);
  EXPECT_EQ(must(files().last()), 3U) << "nothing is written for what is there";
}

TEST_F(RegistryTest, WhatOthersAddIsSeenWithoutARestart) {
  const auto reader = registry(), writer = registry();
  const auto added = add(writer, "orders", *schema_with(1)).schema;
  const auto found = must(reader.by_id(added.id));
  EXPECT_EQ(found.subject, "orders");
  EXPECT_EQ(*found.text, schema_with(1)->canonical());
  EXPECT_EQ(must(reader.refresh()), 0U);
  add(writer, "orders", *schema_with(2));
  EXPECT_EQ(must(reader.refresh()), 1U);
  const auto second = must(reader.by_id(2));
  EXPECT_EQ(second.subject, "orders");
  EXPECT_EQ(second.version, 2U);
  EXPECT_EQ(must(reader.schema(must(reader.latest("orders"))))->canonical(), schema_with(2)->canonical());
}

TEST_F(RegistryTest, ARefusalSaysAllThatStandsAgainstIt) {
  const auto shop = registry();
  add(shop, "orders", *schema_with(2, 2));
  const auto refused = add(shop, "orders", *schema_with(4, 4));
  EXPECT_FALSE(refused);
  ASSERT_EQ(refused.incompatible.size(), 2U);
  EXPECT_EQ(refused.incompatible[1].version, 1U);
  EXPECT_TRUE(refused.incompatible[1].new_reads_old);
  EXPECT_EQ(refused.incompatible[1].violation.path, "f3");
  EXPECT_EQ(refused.incompatible[1].violation.rule, "required-field-missing");
  EXPECT_EQ(must(shop.check("orders", *schema_with(4, 4))).size(), 2U);
  EXPECT_TRUE(must(shop.check("orders", *schema_with(4, 2))).empty());
  EXPECT_TRUE(must(shop.check("never seen", *schema_with(4, 4))).empty());
  EXPECT_THAT(numbers(must(shop.versions("orders"))), ElementsAre(1)) << "nothing was registered";
}

TEST_F(RegistryTest, ModesAreOfASubjectOrOfAll) {
  const auto shop = registry();
  add(shop, "orders", *schema_with(2, 2));
  ASSERT_NO_FAILURE(shop.set_mode("orders", Mode::none));
  EXPECT_EQ(must(shop.mode("orders")), Mode::none);
  EXPECT_TRUE(add(shop, "orders", *schema_with(4, 4)));
  ASSERT_NO_FAILURE(shop.set_default_mode(Mode::forward));
  EXPECT_EQ(must(shop.mode("orders")), Mode::none);
  EXPECT_EQ(must(shop.mode("refunds")), Mode::forward);
  ASSERT_NO_FAILURE(shop.set_mode("orders", std::nullopt));
  EXPECT_EQ(must(registry().mode("orders")), Mode::forward);
  ASSERT_NO_FAILURE(shop.set_mode("later", Mode::full));
  EXPECT_EQ(must(registry().mode("later")), Mode::full) << "before there is a version";
  EXPECT_FALSE(add(shop, "orders", *schema_with(1, 1))) << "version 2 could not read it";
}

TEST_F(RegistryTest, DeletedVersionsAreFoundButNotCompared) {
  const auto shop = registry();
  add(shop, "orders", *schema_with(2, 2));
  const auto deleted_id = add(shop, "orders", *schema_with(3, 2)).schema.id;
  ASSERT_NO_FAILURE(shop.set_mode("orders", Mode::forward_transitive));
  EXPECT_FALSE(add(shop, "orders", *schema_with(1, 1)));
  ASSERT_NO_FAILURE(shop.delete_version("orders", 2));
  EXPECT_FAILURE(shop.delete_version("orders", 2), ErrorCode::not_found, "deleted already");
  EXPECT_FAILURE(shop.delete_version("orders", 3), ErrorCode::not_found, "no version 3");
  ASSERT_NO_FAILURE(shop.delete_version("orders", 1));
  EXPECT_TRUE(add(shop, "orders", *schema_with(1, 1))) << "nothing to compare with";
  EXPECT_THAT(numbers(must(shop.versions("orders"))), ElementsAre(3));
  EXPECT_THAT(numbers(must(shop.versions("orders", true))), ElementsAre(1, 2, 3));
  EXPECT_TRUE(must(shop.by_id(deleted_id)).deleted);
  const auto restored = add(shop, "orders", *schema_with(3, 1));
  EXPECT_TRUE(restored);
  EXPECT_EQ(restored.schema.version, 4U);
}

TEST_F(RegistryTest, ADeletedSchemaComesBackAsTheNextVersionWithItsId) {
  const auto shop = registry();
  const auto before = add(shop, "orders", *schema_with(1)).schema;
  add(shop, "orders", *schema_with(2));
  ASSERT_NO_FAILURE(shop.delete_subject("orders"));
  EXPECT_FAILURE(shop.delete_subject("orders"), ErrorCode::not_found, "orders");
  EXPECT_FAILURE(shop.latest("orders"), ErrorCode::not_found, "not deleted");
  const auto after = add(shop, "orders", *schema_with(1)).schema;
  EXPECT_EQ(after.version, 3U);
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(must(shop.by_id(before.id)).version, 3U);
  EXPECT_FALSE(must(shop.find("orders", *schema_with(1))).deleted);
  EXPECT_TRUE(must(shop.find("orders", *schema_with(2))).deleted);
}

TEST_F(RegistryTest, VersionsAreDeprecatedAndRestored) {
  const auto shop = registry();
  const auto id = add(shop, "orders", *schema_with(1)).schema.id;
  ASSERT_NO_FAILURE(shop.deprecate("orders", 1, Deprecation{.sunset_ns = 2000, .replacement = "orders.v2"}));
  const auto read = must(must(Registry::open(open(), formats())).by_id(id));
  ASSERT_TRUE(read.deprecation.has_value());
  EXPECT_GT(read.deprecation->since_ns, 0U);
  EXPECT_EQ(read.deprecation->replacement, "orders.v2");
  EXPECT_FALSE(read.deprecation->is_over(1999));
  EXPECT_TRUE(read.deprecation->is_over(2000));
  EXPECT_FALSE(Deprecation{}.is_over(~0ULL));
  ASSERT_NO_FAILURE(shop.deprecate("orders", 1, std::nullopt));
  EXPECT_FALSE(must(registry().by_id(id)).deprecation.has_value());
  EXPECT_FAILURE(shop.deprecate("orders", 2, Deprecation{}), ErrorCode::not_found, "no version 2");
}

TEST_F(RegistryTest, BadSubjectsAreRefused) {
  for (const auto& subject : {std::string(), std::string(256, 'x'), std::string("a\nb"), std::string(" a")})
    EXPECT_FAILURE(registry().register_schema(subject, *schema_with(1)), ErrorCode::invalid_argument, "subject");
  EXPECT_TRUE(add(registry(), std::string(255, 'x'), *schema_with(1)));
  EXPECT_TRUE(add(registry(), "org.example/Bestellung «größer» #1", *schema_with(1)));
}

TEST_F(RegistryTest, AFormatThatThisProcessDoesNotKnowIsStillListed) {
  add(registry(), "orders", *schema_with(1));
  const auto knows_none = must(Registry::open(open(), Formats()));
  const auto found = must(knows_none.latest("orders"));
  EXPECT_EQ(found.format, Format::native);
  EXPECT_FAILURE(knows_none.schema(found), ErrorCode::unsupported, "version 1 of subject 'orders'");
  EXPECT_FAILURE(knows_none.register_schema("orders", *schema_with(2)), ErrorCode::unsupported, "orders");
}

TEST_F(RegistryTest, EntriesThatMakeNoSenseNameTheirFile) {
  const auto refused = [&](const std::string& entry, ErrorCode code, const std::string& part) {
    const auto number = must(files().append(as_bytes(entry)));
    const auto opened = Registry::open(open(), formats());
    EXPECT_FAILURE(opened, code, part);
    EXPECT_FAILURE(opened, code, "registry/" + std::to_string(number) + ".entry");
    std::filesystem::remove(files().entry_path(number));
  };
  add(registry(), "orders", *schema_with(1));
  refused("", ErrorCode::corrupt, "no head");
  refused("[]\n", ErrorCode::corrupt, "no JSON object");
  refused("{}\n", ErrorCode::corrupt, "\"v\"");
  refused(R"({"v":2,"op":"register"})"
          "\n",
          ErrorCode::incompatible, "newer release");
  refused(R"({"v":1,"op":"rename","at":1})"
          "\n",
          ErrorCode::incompatible, "\"rename\"");
  refused(R"({"v":1,"op":"delete","at":1,"subject":"orders","hard":true})"
          "\n",
          ErrorCode::incompatible, "newer release");
  refused(R"({"v":1,"op":"delete","at":1,"subject":"orders","version":2})"
          "\n",
          ErrorCode::corrupt, "not there");
  refused(R"({"v":1,"op":"deprecate","at":1,"subject":"orders","version":0,"since":1,"replacement":""})"
          "\n",
          ErrorCode::corrupt, "not there");
  refused(R"({"v":1,"op":"mode","at":1,"mode":"sideways"})"
          "\n",
          ErrorCode::corrupt, "\"mode\"");
  refused(R"({"v":1,"op":"mode","at":1,"mode":null})"
          "\n",
          ErrorCode::corrupt, "\"mode\"");
  refused(R"({"v":1,"op":"register","at":1,"subject":"orders","version":3,"id":2,"format":"native"})"
          "\nx",
          ErrorCode::corrupt, "2 is next");
  refused(R"({"v":1,"op":"register","at":1,"subject":"orders","version":2,"id":3,"format":"native"})"
          "\nx",
          ErrorCode::corrupt, "has to be 2");
  refused(R"({"v":1,"op":"register","at":1,"subject":"a\u0001","version":1,"id":2,"format":"native"})"
          "\nx",
          ErrorCode::corrupt, "control characters");
  refused(R"({"v":1,"op":"register","at":1,"subject":"orders","version":2,"id":2,"format":"avro"})"
          "\nx",
          ErrorCode::corrupt, "\"format\"");
  EXPECT_EQ(must(registry().refresh()), 0U);
}

TEST_F(RegistryTest, ADamagedTextIsTheErrorOfItsSchemaOnly) {
  add(registry(), "orders", *schema_with(1));
  const auto entry = RegistryEntry{.subject = "refunds", .version = 1, .id = 2, .text = "no schema"};
  static_cast<void>(must(files().append(as_bytes(encode_entry(entry)))));
  const auto shop = registry();
  EXPECT_FAILURE(shop.schema(must(shop.by_id(2))), ErrorCode::corrupt, "version 1 of subject 'refunds'");
  EXPECT_TRUE(add(shop, "orders", *schema_with(2)));
}

TEST_F(RegistryTest, TenThousandSchemasAreOpenedFromPacks) {
  constexpr std::uint32_t kSchemas = 10'000;
  for (std::uint32_t i = 1; i <= kSchemas; ++i) {
    const RegistryEntry entry{.subject = "subject-" + std::to_string(i % 500),
                              .version = (i - 1) / 500 + 1,
                              .id = i,
                              .text = text_of(4, 1, "T" + std::to_string(i))};
    ASSERT_NO_FAILURE(files().append(i, as_bytes(encode_entry(entry))));
  }
  const auto start = std::chrono::steady_clock::now();
  const auto shop = registry();
  const auto took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start);
  RecordProperty("opened_in_ms", std::to_string(took.count()));
  EXPECT_EQ(must(shop.by_id(kSchemas)).version, 20U);
  EXPECT_EQ(must(shop.subjects()).size(), 500U);
}

// Each child registers schemas of its own and some that all of them want, and says what was acknowledged. Some are
// killed at random, one is stopped all the time.
TEST_F(RegistryTest, ManyProcessesAtOnceSomeOfThemKilled) {
  constexpr unsigned kChildren = 8, kRounds = 40, kKilled = 4;
  ASSERT_NO_FAILURE(registry().set_default_mode(Mode::none));
  const auto work = [&](unsigned self) {
    return [this, self](const fabric::testing::Channel& channel) {
      const auto mine = Registry::open(open(), formats());
      if (!mine) return 1;
      channel.tell(0);
      if (channel.hear() != 0) return 2;
      for (unsigned round = 1; round <= kRounds || self < kKilled || self == kChildren; ++round) {
        const bool shared = round % 2 == 0 && round <= kRounds;
        const auto done = mine->register_schema(
            "subject-" + std::to_string(round % 5),
            *schema_with(1, 1,
                         shared ? "S" + std::to_string(round) : std::to_string(self) + "-" + std::to_string(round)));
        if (!done || !*done) return 3;
        channel.tell(std::uint64_t{done->schema.id} << 32 | done->schema.version);
      }
      return 0;
    };
  };
  Child stopped(work(kChildren));
  EXPECT_EQ(stopped.hear(), 0U);
  stopped.tell(0);
  EXPECT_NE(stopped.hear(), 0U);
  stopped.stop();
  std::vector<std::unique_ptr<Child>> children;
  for (unsigned i = 0; i < kChildren; ++i) children.push_back(std::make_unique<Child>(work(i)));
  for (auto& child : children) EXPECT_EQ(child->hear(), 0U);
  for (auto& child : children) child->tell(0);
  std::vector<std::uint64_t> acks;
  for (unsigned i = 0; i < kChildren; ++i) {
    std::uint64_t word = 0;
    for (unsigned round = 1; children[i]->channel().hear(word); ++round) {
      acks.push_back(word);
      if (i < kKilled && round == 10 * (i + 1)) children[i]->kill();  // what it said before that is still heard
      if (i >= kKilled && round == kRounds) break;
    }
    if (i >= kKilled) {
      EXPECT_EQ(children[i]->wait(), 0);
    }
  }
  stopped.resume();  // goes on where it was stopped, long behind the others
  for (unsigned round = 0; round < kRounds; ++round) acks.push_back(stopped.hear());
  stopped.kill();

  const auto after = registry();
  for (const auto word : acks) {
    const auto found = must(after.by_id(static_cast<std::uint32_t>(word >> 32)));
    EXPECT_EQ(found.version, static_cast<std::uint32_t>(word)) << found.subject;
  }
  std::set<std::uint32_t> ids;
  std::set<std::pair<std::string, std::string>> texts;
  for (const auto& subject : must(after.subjects())) {
    std::uint32_t next = 1;
    for (const auto& version : must(after.versions(subject.name))) {
      EXPECT_EQ(version.version, next++) << subject.name;
      EXPECT_TRUE(ids.insert(version.id).second) << "twice: " << version.id;
      EXPECT_TRUE(texts.emplace(version.subject, *version.text).second) << "registered twice";
    }
  }
  EXPECT_EQ(*ids.rbegin(), ids.size()) << "dense";
  EXPECT_EQ(must(files().last()), ids.size() + 1);
  static_cast<void>(must(open().remove_leftovers()));
  EXPECT_EQ(must(open().count_leftovers()), 0U);
}

}  // namespace
}  // namespace fabric::contract
