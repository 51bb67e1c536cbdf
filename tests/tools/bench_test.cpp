// evf bench: what it prints, whatever the figures are. No time is asserted.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/tools/evf_fixture.hpp"
#include "tools/evf/bench_host.hpp"

namespace fabric::evf::testing {
namespace {

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

void expect_percentiles(const Json& of) {
  EXPECT_THAT(keys_of(of), ::testing::UnorderedElementsAre("p50", "p90", "p99", "p999", "max"));
  EXPECT_GT(of["p50"], 0);
  EXPECT_LE(of["p50"], of["p90"]);
  EXPECT_LE(of["p99"], of["p999"]);
  EXPECT_LE(of["p999"], of["max"]);
}

class Bench : public EvfFixture {
 protected:
  // On one processor there is nothing to measure, and the command says so.
  static bool measurable() { return bench::choose_cpus().has_value(); }
  Json bench_json(Words arguments) const {
    arguments.insert(arguments.begin(), "bench");
    if (measurable()) return json(arguments, "evf.bench/1");
    refused(arguments, 1, "two processors");
    return Json::object();
  }
};

TEST_F(Bench, LatencyHasOneRowPerCaseWithTheDocumentedKeys) {
  const auto object = bench_json({"latency", "--size", "32", "--seconds", "0.05"});
  if (object.empty()) return;
  for (const auto* fact : {"cpu", "cores", "pinned_to", "kernel", "governor", "clock", "huge_pages", "compiler",
                           "flags", "version", "steal_ms"})
    EXPECT_TRUE(object["host"].contains(fact)) << fact;
  ASSERT_EQ(object["data"].size(), 2U);
  EXPECT_EQ(object["data"][0]["writers"], "one");
  EXPECT_EQ(object["data"][1]["writers"], "many");
  for (const auto& row : object["data"]) {
    EXPECT_THAT(keys_of(row), ::testing::UnorderedElementsAre("size_bytes", "writers", "checksum", "limit_rtt_ns",
                                                              "rtt_ns", "ratio_p50", "samples", "void_samples"));
    EXPECT_EQ(row["size_bytes"], 32);
    EXPECT_EQ(row["checksum"], "on");
    EXPECT_GT(row["ratio_p50"], 0);
    EXPECT_GT(row["samples"].get<int>() + row["void_samples"].get<int>(), 0);
    expect_percentiles(row["limit_rtt_ns"]);
    expect_percentiles(row["rtt_ns"]);
  }
}

TEST_F(Bench, ThroughputHasTheDocumentedKeysWithAndWithoutChecksums) {
  const auto object = bench_json({"throughput", "--size", "64,1K", "--writers", "many", "--checksum", "both",
                                  "--seconds", "0.05", "--batch", "7"});
  if (object.empty()) return;
  ASSERT_EQ(object["data"].size(), 4U);
  EXPECT_EQ(object["data"][1]["checksum"], "off");
  EXPECT_EQ(object["data"][3]["size_bytes"], 1024);
  for (const auto& row : object["data"]) {
    EXPECT_THAT(keys_of(row),
                ::testing::UnorderedElementsAre("size_bytes", "writers", "checksum", "records_per_s", "bytes_per_s",
                                                "copy_limit_bytes_per_s", "limit_rtt_ns", "samples", "void_samples"));
    EXPECT_GT(row["records_per_s"], 0);
    EXPECT_NEAR(row["bytes_per_s"].get<double>(), row["records_per_s"].get<double>() * row["size_bytes"].get<double>(),
                1.0);
    EXPECT_GT(row["copy_limit_bytes_per_s"], 0);
    expect_percentiles(row["limit_rtt_ns"]);
  }
}

TEST_F(Bench, CountsRecordsAndKeepsARate) {
  for (const std::string wait : {"spin", "yield", "back-off", "block"}) {
    const auto object = bench_json({"latency", "--size", "32", "--writers", "one", "--count", "200", "--samples", "1",
                                    "--rate", "20k/s", "--wait", wait});
    if (!object.empty()) expect_percentiles(object["data"][0]["rtt_ns"]);
  }
  bench_json({"throughput", "--size", "32", "--writers", "one", "--count", "1001", "--samples", "1", "--batch", "1",
              "--wait", "block"});
}

TEST_F(Bench, PrintsATableForPeopleAndLeavesNothingBehind) {
  if (!measurable()) return;
  const auto text = ok({"bench", "latency", "--size", "32", "--seconds", "0.02", "--checksum", "--dir", directory()});
  EXPECT_THAT(text, ::testing::HasSubstr("LIMIT P50"));
  EXPECT_THAT(text, ::testing::HasSubstr("off"));
  EXPECT_TRUE(std::filesystem::is_empty(directory()));
}

TEST_F(Bench, RefusesWhatItCannotMeasure) {
  refused({"bench", "latency", "--size", "7"}, 2, "no size from");
  refused({"bench", "latency", "--size", "32,huge"}, 2, "no size from");
  refused({"bench", "latency", "--cpus", "0,0"}, 2, "two processors");
  refused({"bench", "latency", "--cpus", "0,9999"}, 2, "not allowed");
  refused({"bench", "throughput", "--checksum", "perhaps"}, 2, "on|off|both");
  refused({"bench", "throughput", "--ring", "1K"}, 2, "--ring");
  refused({"bench", "latency", "--seconds", "0"}, 2, "--seconds");
}

}  // namespace
}  // namespace fabric::evf::testing
