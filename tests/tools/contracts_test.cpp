// evf pub and evf tail speak contracts: JSON is encoded to, and shown from, any format.

#include "tests/tools/evf_fixture.hpp"

#include <fstream>

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kProto = R"(syntax = "proto3";
package shop;
message Placed { string order = 1; int64 cents = 2; }
)";
constexpr const char* kJsonSchema =
    R"({"type":"object","properties":{"order":{"type":"string"},"cents":{"type":"integer"}},"required":["order"]})";
constexpr const char* kFbs = "namespace shop; table Placed { order:string; cents:long; } root_type Placed;\n";

class ContractsTest : public EvfFixture {
 protected:
  void SetUp() override { ok({"topic", "create", "orders"}); }
  void register_schema(const std::string& subject, const std::string& format, const std::string& text) {
    std::ofstream(file(subject)) << text;
    ok({"schema", "register", subject, file(subject), "--format", format});
  }
  Json last() const {
    return Json::parse(ok({"tail", "orders", "--from", "last-1", "--json"}), nullptr, false);
  }
};

TEST_F(ContractsTest, json_goes_in_and_comes_out_whatever_the_format) {
  for (const auto& [format, text] : {std::pair{"protobuf", kProto}, std::pair{"json-schema", kJsonSchema}, std::pair{"flatbuffers", kFbs}}) {
    const auto subject = std::string("shop.placed.") + format;
    register_schema(subject, format, text);
    ok({"pub", "orders", "--format", "ndjson", "--subject", subject}, "{\"order\":\"o-17\",\"cents\":4200}\n");
    const auto record = last();
    EXPECT_EQ(record["data"]["order"], "o-17") << record;
    EXPECT_NE(record["schema"], 0);
    EXPECT_EQ(record["cloudevent"]["type"], subject) << record;
    EXPECT_EQ(record["cloudevent"]["dataschema"], "evf:" + subject + "/1");
    EXPECT_THAT(ok({"tail", "orders", "--from", "last-1"}), HasSubstr("\"o-17\""));
  }
  EXPECT_THAT(ok({"tail", "orders", "--from", "earliest", "--limit", "1", "--raw"}), HasSubstr("o-17"));
  EXPECT_EQ(ok({"tail", "orders", "--from", "earliest", "--limit", "1", "--raw"}).find('{'), std::string::npos);
}

TEST_F(ContractsTest, what_does_not_keep_its_contract_is_refused_with_its_line) {
  register_schema("shop.placed", "json-schema", kJsonSchema);
  const auto done = evf({"pub", "orders", "--format", "ndjson", "--subject", "shop.placed"},
                        "{\"order\":\"a\"}\n{\"cents\":1}\n{\"order\":\"c\"}\n");
  EXPECT_EQ(done.code, 1);
  EXPECT_THAT(done.err, HasSubstr("line 2: "));
  EXPECT_THAT(done.err, HasSubstr("order"));
  EXPECT_EQ(last()["data"]["order"], "a") << "what came before it is published";
}

TEST_F(ContractsTest, a_payload_that_does_not_keep_its_contract_is_shown_as_it_is) {
  register_schema("shop.placed", "json-schema", kJsonSchema);
  ok({"pub", "orders", "--schema", "1"}, "no json\n");
  EXPECT_EQ(ok({"tail", "orders"}), "no json\n");
  EXPECT_TRUE(last()["data"].is_null());
  EXPECT_NE(last()["data_error"], "");
}

TEST_F(ContractsTest, tail_shows_the_types_and_keys_that_are_asked_for) {
  register_schema("orders.placed", "json-schema", kJsonSchema);
  register_schema("orders.paid", "json-schema", R"({"type":"object","properties":{"order":{"type":"integer"}}})");
  const auto publish = [&](const std::string& subject, const std::string& order, const std::string& key) {
    ok({"pub", "orders", "-f", "ndjson", "--subject", subject, "--key", key}, "{\"order\":" + order + "}\n");
  };
  publish("orders.placed", "\"a\"", "anna");
  publish("orders.paid", "2", "anna");
  publish("orders.placed", "\"c\"", "ben");
  ok({"pub", "orders"}, "of no type\n");
  ok({"pub", "orders", "-f", "cloudevents"},
     R"({"specversion":"1.0","id":"1","source":"/test","type":"orders.checked","data":{"order":5}})");
  const auto orders = [&](const Words& filter) {
    Words words{"tail", "orders", "--json"};
    words.insert(words.end(), filter.begin(), filter.end());
    std::vector<std::string> seen;
    for (const auto& record : lines_of(ok(words))) seen.push_back(Json::parse(std::string(record["payload"]))["order"].dump());
    return seen;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(orders({"--type", "orders.placed"}), ElementsAre("\"a\"", "\"c\""));
  EXPECT_THAT(orders({"--type", "orders.placed", "--limit", "1"}), ElementsAre("\"a\""));
  EXPECT_THAT(orders({"--type", "orders.paid", "--type", "orders.checked"}), ElementsAre("2", "5"));
  EXPECT_THAT(orders({"--type", "orders.placed", "--key", "ben"}), ElementsAre("\"c\""));
  EXPECT_THAT(orders({"--key", "anna", "--key", "ben"}), ElementsAre("\"a\"", "2", "\"c\""));
  EXPECT_THAT(orders({"--type", "orders.paid", "--raw"}), ElementsAre("2"));
  EXPECT_THAT(orders({"--type", "orders.placed", "--group", "g"}), ElementsAre("\"a\"", "\"c\""));
  EXPECT_EQ(ok({"tail", "orders", "--group", "g"}), "") << "what was left out is acked";
  refused({"tail", "orders", "--type", "orders.placd"}, 3, "there is no event type 'orders.placd'; did you mean 'orders.placed'?");
  refused({"tail", "orders", "--type", "orders.checkd"}, 3, "did you mean 'orders.checked'?");
  refused({"tail", "orders", "--type", "something quite different"}, 3, "evf schema list shows");
}

TEST_F(ContractsTest, refusals) {
  register_schema("shop.placed", "json-schema", kJsonSchema);
  refused({"pub", "orders", "--subject", "shop.placed"}, 2, "--subject needs JSON");
  refused({"pub", "orders", "--schema-version", "1"}, 2, "--schema-version goes with --subject");
  refused({"pub", "orders", "-f", "ndjson", "--subject", "shop.placed", "--schema", "7"}, 2, "exclude each other");
  refused({"pub", "orders", "-f", "ndjson", "--subject", "shop.nothing"}, 3, "shop.nothing");
  refused({"pub", "orders", "-f", "ndjson", "--subject", "shop.placed", "--schema-version", "9"}, 3, "9");
  ok({"schema", "deprecate", "shop.placed", "1", "--sunset", "2020-01-01T00:00:00Z"});
  const auto late = evf({"pub", "orders", "-f", "ndjson", "--subject", "shop.placed"}, "{\"order\":\"a\"}\n");
  EXPECT_EQ(late.code, 5);
  EXPECT_THAT(late.err, HasSubstr("may not be published any more since 2020-01-01"));
}

}  // namespace
}  // namespace fabric::evf::testing
