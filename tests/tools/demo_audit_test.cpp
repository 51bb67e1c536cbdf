// The audit of evf demo, on ledgers written by hand: every kind of finding, and what is none. And the words it reads
// its input by.

#include "tools/evf/demo_audit.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temp_dir.hpp"
#include "tools/evf/demo_input.hpp"

namespace fabric::evf {
namespace {

// Three lines, two keys, two passes: six records; a: 0 2 3 5, b: 1 4.
class DemoAuditTest : public ::testing::Test {
 protected:
  DemoAuditTest() : plan_(make_plan(directory_.file("input"))), ledger_(*demo::Ledger::create(plan_)) {
    for (std::uint32_t record = 0; record < 6; ++record) publish(record);
  }
  static demo::Plan make_plan(const std::string& path) {
    std::ofstream(path) << "a one\nb two\na three\n";
    demo::InputOptions options;
    options.path = path;
    options.max_lines = 100;
    demo::Plan plan{.input = *demo::Input::read(options), .directory = "", .topic = ""};
    plan.passes = 2;
    return plan;
  }
  void publish(std::uint32_t record) {
    ASSERT_TRUE(ledger_.append(plan_.publisher_of(record), demo::PublishEntry{record, partition_of(record), record}));
  }
  // Records of one key share a partition; a record's sequence is its number.
  std::uint32_t partition_of(std::uint32_t record) const { return plan_.line_of(record).key_index; }
  demo::DeliveryEntry entry(std::uint32_t record) const {
    return {record, partition_of(record), record, plan_.content_hash(record), 1000 + record, 1};
  }
  void deliver(demo::Role member, const std::vector<std::uint32_t>& records) {
    for (const auto record : records) ASSERT_TRUE(ledger_.append(member, entry(record)));
  }
  demo::Audit audit() const { return demo::audit(plan_, ledger_); }

  testing::TempDir directory_;
  demo::Plan plan_;
  demo::Ledger ledger_;
};

TEST_F(DemoAuditTest, holds_with_redeliveries_after_a_take_over) {
  deliver(demo::kVictim, {0, 1, 2});
  deliver(demo::kSurvivor, {1, 2, 3, 4, 5});
  deliver(demo::kOther, {1, 0, 2, 3, 5, 4});  // keys may overtake each other
  const auto found = audit();
  EXPECT_TRUE(found.holds()) << found.findings();
  EXPECT_EQ(found.published, 6U);
  EXPECT_EQ(found.groups[0].delivered, 8U);
  EXPECT_EQ(found.groups[0].unique, 6U);
  EXPECT_EQ(found.groups[0].redelivered, 2U);
  EXPECT_EQ(found.groups[1].redelivered, 0U);
  EXPECT_EQ(found.groups[0].latency_ns.max, 1005U);
}

TEST_F(DemoAuditTest, finds_what_is_lost) {
  deliver(demo::kVictim, {0, 1, 2, 3, 4});
  deliver(demo::kOther, {0, 1, 3, 4, 5});
  const auto found = audit();
  EXPECT_EQ(found.groups[0].lost, 1U);
  EXPECT_EQ(found.groups[1].lost, 1U);
  EXPECT_EQ(found.findings(), 2U);
  ASSERT_EQ(found.examples.size(), 2U);
  EXPECT_NE(found.examples[0].find("lost: record 5 (key 'a', pass 2)"), std::string::npos) << found.examples[0];
}

TEST_F(DemoAuditTest, finds_what_is_out_of_order_or_twice_at_one_member) {
  deliver(demo::kVictim, {0, 1, 3, 2, 4, 5});
  deliver(demo::kOther, {0, 1, 2, 3, 3, 4, 5});
  const auto found = audit();
  EXPECT_EQ(found.groups[0].out_of_order, 1U);
  EXPECT_EQ(found.groups[1].out_of_order, 1U);
  EXPECT_EQ(found.findings(), 2U);
}

TEST_F(DemoAuditTest, finds_what_is_torn_foreign_or_misplaced) {
  auto torn = entry(0), elsewhere = entry(1), later = entry(2);
  torn.content_hash ^= 1;
  elsewhere.partition ^= 1;
  ++later.sequence;
  for (const auto& bad : {torn, elsewhere, later}) ASSERT_TRUE(ledger_.append(demo::kVictim, bad));
  deliver(demo::kVictim, {3, 4, 5});
  ASSERT_TRUE(ledger_.append(demo::kOther, demo::DeliveryEntry{demo::kNoRecord, 0, 0, 0, 0, 0}));
  deliver(demo::kOther, {0, 1, 2, 3, 4, 5});
  const auto found = audit();
  EXPECT_EQ(found.groups[0].torn, 1U);
  EXPECT_EQ(found.groups[0].misplaced, 2U);
  EXPECT_EQ(found.groups[1].foreign, 1U);
  EXPECT_EQ(found.findings(), 4U);
}

TEST_F(DemoAuditTest, finds_what_the_ring_reported) {
  deliver(demo::kVictim, {0, 1, 2, 3, 4, 5});
  deliver(demo::kOther, {0, 1, 2, 3, 4, 5});
  ledger_.notes(demo::kVictim).damaged = 1;
  ledger_.notes(demo::kSurvivor).fenced = 2;
  ledger_.notes(demo::kOther).lost = 3;
  const auto found = audit();
  EXPECT_EQ(found.groups[0].damaged, 1U);
  EXPECT_EQ(found.groups[0].fenced, 2U);
  EXPECT_EQ(found.groups[1].overrun, 3U);
  EXPECT_EQ(found.findings(), 6U);
}

TEST(DemoAudit, finds_what_was_published_twice_or_never) {
  testing::TempDir directory;
  const auto path = directory.file("input");
  std::ofstream(path) << "a\nb\nc\n";
  demo::InputOptions options;
  options.path = path;
  options.max_lines = 100;
  const demo::Plan plan{.input = *demo::Input::read(options), .directory = "", .topic = ""};
  const auto ledger = *demo::Ledger::create(plan);
  ASSERT_TRUE(ledger.append(demo::kPublisher0, demo::PublishEntry{0, 0, 0}));
  ASSERT_TRUE(ledger.append(demo::kPublisher1, demo::PublishEntry{0, 0, 1}));
  ASSERT_TRUE(ledger.append(demo::kPublisher1, demo::PublishEntry{1, 0, 2}));
  const auto found = demo::audit(plan, ledger);
  EXPECT_EQ(found.published, 2U);
  EXPECT_EQ(found.unpublished, 2U);
  EXPECT_EQ(found.groups[0].lost, 2U) << "what was never published is not lost as well";
}

TEST(DemoInput, finds_the_package_of_a_line) {
  using demo::package_of;
  EXPECT_EQ(package_of("2026-01-02 03:04:05 status installed libc6:amd64 2.36", 0), "libc6");
  EXPECT_EQ(package_of("2026-01-02 03:04:05 upgrade libsystemd0:amd64 252.36 252.38", 0), "libsystemd0");
  EXPECT_EQ(package_of("2026-01-02 03:04:05 configure bash 5.2 <none>", 0), "bash");
  EXPECT_EQ(package_of("2026-01-02 03:04:05 startup archives unpack", 0), "dpkg");
  EXPECT_EQ(package_of("2026-01-02 03:04:05 status", 0), "dpkg");
  EXPECT_EQ(package_of("", 0), "dpkg");
}

TEST(DemoInput, finds_the_words_of_a_line) {
  using demo::word_of;
  EXPECT_EQ(word_of("  one\ttwo  three\r", 1), "one");
  EXPECT_EQ(word_of("  one\ttwo  three\r", 2), "two");
  EXPECT_EQ(word_of("  one\ttwo  three\r", 3), "three");
  EXPECT_EQ(word_of("  one\ttwo  three\r", 4), "");
  EXPECT_EQ(word_of("", 1), "");
}

TEST(DemoAudit, percentiles_are_ranks) {
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = 1; i <= 1000; ++i) values.push_back(1001 - i);
  const auto of = demo::percentiles(values);
  EXPECT_EQ(of.p50, 500U);
  EXPECT_EQ(of.p90, 900U);
  EXPECT_EQ(of.p99, 990U);
  EXPECT_EQ(of.p999, 999U);
  EXPECT_EQ(of.max, 1000U);
  EXPECT_EQ(demo::percentiles({7}).p999, 7U);
  EXPECT_EQ(demo::percentiles({}).max, 0U);
}

}  // namespace
}  // namespace fabric::evf
