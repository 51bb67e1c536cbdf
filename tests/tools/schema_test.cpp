// evf schema: the registry from the command line, and comparing plain files.

#include "tests/tools/evf_fixture.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SchemaVerbs : public EvfFixture {
 protected:
  void SetUp() override {
    write("v1", R"({"name": "Order", "size": 8, "fields": [{"name": "id", "type": "u64", "offset": 0}]})");
    write("v2", R"({"name": "Order", "size": 16, "required": 8, "fields": [{"name": "id", "type": "u64", "offset": 0},)"
                R"({"name": "venue", "type": "u32", "offset": 8, "default": 7}]})");
    write("bad", R"({"name": "Order", "size": 4, "fields": [{"name": "id", "type": "u32", "offset": 0}]})");
    write("none", "{");
  }
  void write(const std::string& name, const std::string& text) const { write_file(file(name), text); }
  Words check(const std::string& mode, Words names) const {
    Words words{"schema", "check", "--format", "native", "--mode", mode};
    for (const auto& name : names) words.push_back(file(name));
    return words;
  }
  Words add(const std::string& subject, const std::string& name) const {
    return {"schema", "register", subject, file(name), "--format", "native"};
  }
};

TEST_F(SchemaVerbs, CheckComparesPlainFiles) {
  EXPECT_EQ(ok(check("full", {"v1", "v2"})), "");
  const auto broken = evf(check("backward", {"v1", "bad"}));
  EXPECT_EQ(broken.code, kUnhealthy);
  EXPECT_THAT(broken.out, HasSubstr("VERSION"));
  EXPECT_THAT(broken.out, HasSubstr("new reads old  id    type-narrowed  is u32, the writer's is u64"));
  EXPECT_THAT(broken.err, HasSubstr("1 violation"));
  EXPECT_EQ(ok(check("none", {"v1", "bad"})), "");
}

TEST_F(SchemaVerbs, CheckAsJson) {
  const auto fine = json(check("full-transitive", {"v1", "v2"}), "evf.schema-check/1");
  EXPECT_EQ(fine["compatible"], true);
  EXPECT_EQ(fine["violations"], Json::array());
  const auto broken = json(check("FULL_TRANSITIVE", {"v1", "v2", "bad"}), "evf.schema-check/1", kUnhealthy);
  EXPECT_EQ(broken["compatible"], false);
  EXPECT_EQ(broken["mode"], "full-transitive");
  ASSERT_EQ(broken["violations"].size(), 4U) << broken;
  EXPECT_EQ(broken["violations"][0], Json({{"version", 1},
                                           {"file", file("v1")},
                                           {"direction", "new-reads-old"},
                                           {"path", "id"},
                                           {"rule", "type-narrowed"},
                                           {"message", "is u32, the writer's is u64"}}));
  EXPECT_EQ(broken["violations"][3]["version"], 2);
  EXPECT_EQ(broken["violations"][3]["direction"], "old-reads-new");
  EXPECT_EQ(json(check("full", {"v1", "v2", "bad"}), "evf.schema-check/1", kUnhealthy)["violations"].size(), 2U)
      << "the latest only";
}

// A field that goes is fine for data, and not for the next one to use its number.
TEST_F(SchemaVerbs, CheckJudgesProtobufSourceBesideTheData) {
  const auto proto = [&](const std::string& name, const std::string& body) {
    write(name, "syntax = \"proto3\"; package p; message M { " + body + " }");
  };
  proto("p1", "int32 a = 1; string b = 2;");
  proto("p2", "int32 a = 1; reserved 2; reserved \"b\";");
  proto("p3", "int32 a = 1;");
  proto("p4", "int64 a = 1; string c = 2;");
  const auto check = [&](const std::string& mode, const std::string& rules, const Words& names) {
    Words words{"schema", "check", "--format", "protobuf", "--mode", mode, "--rules", rules};
    for (const auto& name : names) words.push_back(file(name));
    return words;
  };
  EXPECT_EQ(ok(check("full", "wire", {"p1", "p3"})), "");
  EXPECT_EQ(ok(check("full", "source", {"p1", "p2"})), "") << "reserved: nobody is hurt";
  const auto gone = evf(check("full", "source", {"p1", "p3"}));
  EXPECT_EQ(gone.code, kUnhealthy);
  EXPECT_THAT(gone.out, HasSubstr("source     p.M.b  field-removed"));
  EXPECT_THAT(gone.err, HasSubstr("is incompatible (full, source): 1 violation"));
  EXPECT_EQ(evf(check("none", "source", {"p1", "p3"})).code, kUnhealthy) << "mode none is about data";
  EXPECT_EQ(ok(check("none", "wire", {"p1", "p4"})), "");
  EXPECT_EQ(ok(check("full", "source", {"p1", "p2", "p2"})), "");
  EXPECT_EQ(ok(check("full", "source", {"p3", "p3"})), "");

  const auto both = json(check("full", "source", {"p2", "p4"}), "evf.schema-check/1", kUnhealthy);
  EXPECT_EQ(both["rules"], "source");
  std::vector<std::string> rows;
  for (const auto& row : both["violations"]) rows.push_back(std::string(row["direction"]) + " " + std::string(row["rule"]));
  EXPECT_THAT(rows, ::testing::ElementsAre("old-reads-new type-narrowed", "source reserved-removed", "source reserved-reused"));
  EXPECT_EQ(json(check("full", "wire", {"p2", "p4"}), "evf.schema-check/1", kUnhealthy)["violations"].size(), 1U);

  proto("q1", "int32 a = 1; string b = 2;");
  const auto last = json(check("full", "source", {"q1", "p3", "p3"}), "evf.schema-check/1");
  EXPECT_EQ(last["compatible"], true) << "the last OLD only";
  const auto all = json(check("full-transitive", "source", {"q1", "p3", "p3"}), "evf.schema-check/1", kUnhealthy);
  ASSERT_EQ(all["violations"].size(), 1U);
  EXPECT_EQ(all["violations"][0]["version"], 1);
  EXPECT_EQ(all["violations"][0]["file"], file("q1"));
  auto native = this->check("full", {"v1", "v2"});
  native.insert(native.end(), {"--rules", "source"});
  refused(native, kUsage, "--rules source has no meaning for --format native");
}

TEST_F(SchemaVerbs, WhatCannotBeReadNamesTheFile) {
  refused(check("full", {"v1", "none"}), kUsage, file("none") + ": line 1, column 2");
  refused(check("full", {"v1", "missing"}), kNotFound, file("missing"));
  refused(check("sideways", {"v1", "v2"}), kUsage, "full-transitive");
  refused({"schema", "check", "--format", "avro", file("v1"), file("v2")}, kUsage, "json-schema");
  refused({"schema", "check", "--format", "native", file("v1")}, kUsage, "FILES");
  refused({"schema", "check", file("v1"), file("v2")}, kUsage, "--format");
  refused({"schema"}, kUsage, "a verb is missing");
}

TEST_F(SchemaVerbs, RegisterListAndShow) {
  EXPECT_EQ(ok({"schema", "list"}), "");
  const auto first = json(add("orders", "v1"), "evf.schema-registered/1");
  EXPECT_EQ(first["version"], 1);
  EXPECT_EQ(first["id"], 1);
  EXPECT_EQ(first["created"], true);
  EXPECT_EQ(json(add("orders", "v1"), "evf.schema-registered/1")["created"], false);
  EXPECT_THAT(evf(add("orders", "v2")).err, HasSubstr("registered version 2 of subject orders, id 2"));
  EXPECT_EQ(evf({"schema", "register", "refunds", "-", "--format", "native"}, read_file(file("v1"))).code, kOk);

  EXPECT_THAT(ok({"schema", "list"}), HasSubstr("orders          2       2   2  native  backward (default)  current"));
  const auto listed = json({"schema", "list"}, "evf.schemas/1");
  EXPECT_EQ(listed["default_mode"], "backward");
  ASSERT_EQ(listed["subjects"].size(), 2U);
  EXPECT_EQ(listed["subjects"][1]["id"], 3);

  EXPECT_THAT(ok({"schema", "show", "orders"}), HasSubstr("VERSION  ID  FORMAT  REGISTERED"));
  EXPECT_THAT(ok({"schema", "show", "orders", "1"}), HasSubstr("\"size\": 8"));
  EXPECT_EQ(ok({"schema", "show", "--id", "1", "--text"}),
            "{\"name\":\"Order\",\"size\":8,\"fields\":[{\"name\":\"id\",\"type\":\"u64\",\"offset\":0}]}\n");
  const auto shown = json({"schema", "show", "orders"}, "evf.schema/1");
  ASSERT_EQ(shown["versions"].size(), 2U);
  EXPECT_EQ(shown["versions"][1]["id"], 2);
  EXPECT_EQ(json({"schema", "show", "orders", "latest"}, "evf.schema/1")["versions"][0]["version"], 2);
  refused({"schema", "show", "orders", "9"}, kNotFound, "no version 9");
  refused({"schema", "show", "nothing"}, kNotFound, "no subject 'nothing'");
  refused({"schema", "show", "--id", "9"}, kNotFound, "no schema with the id 9");
  refused({"schema", "show"}, kUsage, "SUBJECT");
  refused({"schema", "show", "orders", "x"}, kUsage, "latest");
}

TEST_F(SchemaVerbs, RegisterRefusesWhatIsIncompatible) {
  ok(add("orders", "v1"));
  const auto broken = evf(add("orders", "bad"));
  EXPECT_EQ(broken.code, kUnhealthy);
  EXPECT_THAT(broken.out, HasSubstr("type-narrowed"));
  EXPECT_THAT(broken.err, HasSubstr("nothing was registered"));
  const auto same = json(add("orders", "bad"), "evf.schema-registered/1", kUnhealthy);
  EXPECT_EQ(same["compatible"], false);
  EXPECT_EQ(same["violations"].size(), 1U);
  EXPECT_EQ(same.count("id"), 0U);
  auto only = add("orders", "v2");
  only.push_back("--check");
  EXPECT_EQ(ok(only), "");
  EXPECT_EQ(json({"schema", "show", "orders"}, "evf.schema/1")["versions"].size(), 1U);
  refused(add("", "v1"), kUsage, "is empty");
}

TEST_F(SchemaVerbs, ModesAreShownAndSet) {
  EXPECT_EQ(ok({"schema", "mode"}), "backward\n");
  EXPECT_EQ(ok({"schema", "mode", "--set", "FULL"}), "full\n");
  EXPECT_EQ(ok({"schema", "mode", "orders"}), "full\n");
  EXPECT_EQ(json({"schema", "mode", "orders", "--set", "none"}, "evf.schema-mode/1"),
            Json({{"schema", "evf.schema-mode/1"}, {"subject", "orders"}, {"mode", "none"}}));
  EXPECT_EQ(ok({"schema", "mode"}), "full\n");
  EXPECT_EQ(ok({"schema", "mode", "orders", "--set", "default"}), "full\n");
  refused({"schema", "mode", "--set", "default"}, kUsage, "no mode");
  refused({"schema", "mode", "--set", "sideways"}, kUsage, "backward-transitive");
}

TEST_F(SchemaVerbs, DeleteAndDeprecate) {
  ok(add("orders", "v1"));
  ok(add("orders", "v2"));
  ok({"schema", "deprecate", "orders", "1", "--since", "2020-01-01T00:00:00Z", "--sunset", "2021-01-01T00:00:00Z",
      "--use", "version 2"});
  auto shown = json({"schema", "show", "orders"}, "evf.schema/1")["versions"][0];
  EXPECT_EQ(shown["state"], "sunset");
  EXPECT_EQ(shown["sunset_ns"], 1609459200000000000);
  EXPECT_THAT(ok({"schema", "show", "orders", "1"}), HasSubstr("instead     version 2"));
  ok({"schema", "deprecate", "orders", "1", "--undo"});
  EXPECT_EQ(json({"schema", "show", "orders"}, "evf.schema/1")["versions"][0]["state"], "current");
  refused({"schema", "deprecate", "orders", "1", "--sunset", "soon"}, kUsage, "no time");
  refused({"schema", "deprecate", "orders", "7"}, kNotFound, "no version 7");
  ok({"schema", "delete", "orders", "1"});
  refused({"schema", "delete", "orders", "1"}, kNotFound, "deleted already");
  ok({"schema", "delete", "orders"});
  EXPECT_EQ(json({"schema", "list"}, "evf.schemas/1")["subjects"][0]["state"], "deleted");
  EXPECT_THAT(ok({"schema", "show", "--id", "2"}), HasSubstr("deleted"));
}

}  // namespace
}  // namespace fabric::evf::testing
