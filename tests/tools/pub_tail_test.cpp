// evf pub and evf tail: what goes in comes out.

#include <algorithm>
#include <csignal>

#include "tests/support/child.hpp"
#include "tests/tools/evf_fixture.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;

class PubTail : public EvfFixture {};

std::string numbers(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += std::to_string(i) + "\n";
  return lines;
}

TEST_F(PubTail, LinesComeBackAsTheyWere) {
  create("t", {"--arena-bytes", "4M", "--slot-bytes", "64"});
  const auto text = "first\n\n  blanks \tand tabs\r\n" + std::string(1'000'000, 'x') + "\n\xff\xfe not UTF-8\n\n";
  ok({"pub", "t"}, text);
  EXPECT_EQ(ok({"tail", "t"}), text);
  ok({"pub", "t"}, "no newline at the end");
  EXPECT_EQ(ok({"tail", "t", "--from", "last-1"}), "no newline at the end\n");
}

TEST_F(PubTail, NdjsonComesBackAndIsKeyedByAPath) {
  create("t", {"--partitions", "4"});
  const std::string text = R"({"customer":{"id":"anna"},"n":1})"
                           "\n"
                           R"({"customer":{"id":7},"n":2})"
                           "\n\n"
                           R"({"customer":{"id":"anna"},"n":3})"
                           "\n";
  ok({"pub", "t", "--format", "ndjson", "--key-field", "customer.id"}, text);
  const auto records = lines_of(ok({"tail", "t", "--json"}));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0]["key"], "anna");
  EXPECT_EQ(records[1]["key"], "7");
  EXPECT_EQ(records[0]["partition"], records[2]["partition"]);
  EXPECT_EQ(records[0]["payload"], R"({"customer":{"id":"anna"},"n":1})");
}

TEST_F(PubTail, LengthPrefixedComesBackByteForByte) {
  create("t", {"--arena-bytes", "4M"});
  std::string all(256, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i);
  const auto binary = length_prefixed({"", "one", std::string("\n\0\n", 3), all, std::string(300'000, '\xff')});
  write_file(file("in"), binary);
  ok({"pub", "t", file("in"), "--format", "length-prefixed"});
  EXPECT_EQ(ok({"tail", "t", "--format", "length-prefixed"}), binary);
}

TEST_F(PubTail, JsonHasAllMembersAndBase64WhereItIsNotText) {
  create("t");
  ok({"pub", "t", "--key", "k", "--format", "length-prefixed"}, length_prefixed({"text", "\xff\xfe"}));
  const auto records = lines_of(ok({"tail", "t", "--json"}));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0]["type"], "record");
  EXPECT_EQ(records[0]["partition"], 0);
  EXPECT_EQ(records[0]["sequence"], 0);
  EXPECT_EQ(records[0]["key"], "k");
  EXPECT_EQ(records[0]["payload"], "text");
  EXPECT_EQ(records[0]["schema"], 0);
  EXPECT_EQ(records[0]["time"].get<std::string>().size(), 30U);
  EXPECT_FALSE(records[0].contains("payload_encoding"));
  EXPECT_EQ(records[1]["payload"], "//4=");
  EXPECT_EQ(records[1]["payload_encoding"], "base64");
}

TEST_F(PubTail, HexHasOffsets) {
  create("t");
  ok({"pub", "t"}, "0123456789abcdefgh\n");
  const auto out = ok({"tail", "t", "--hex"});
  EXPECT_THAT(out, HasSubstr("partition 0 sequence 0 "));
  EXPECT_THAT(out, HasSubstr("00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"));
  EXPECT_THAT(out, HasSubstr("00000010  67 68                                             |gh|\n"));
}

TEST_F(PubTail, KeysOfLinesAreFields) {
  create("t");
  ok({"pub", "t", "--key-field", "2"}, "a  b c\nd e\n");
  ok({"pub", "t", "--key-field", "2", "--separator", ","}, "x,,y\n");
  const auto records = lines_of(ok({"tail", "t", "--json"}));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0]["key"], "b");
  EXPECT_EQ(records[1]["key"], "e");
  EXPECT_EQ(records[2]["key"], "");
  refused({"pub", "t", "--key-field", "3"}, kFailed, "line 2 has no field 3", "a b c\nd e\n");
}

TEST_F(PubTail, BadInputNamesItsPlaceAndWhatWasPublished) {
  create("t", {"--slots", "1K"});
  const auto bad = [&](Words arguments, const std::string& input, const std::string& message,
                       const std::string& published) {
    arguments.insert(arguments.begin(), {"pub", "t"});
    const auto finished = evf(arguments, input);
    EXPECT_EQ(finished.code, kFailed);
    EXPECT_THAT(finished.err, HasSubstr(message));
    EXPECT_THAT(finished.err, HasSubstr("published " + published));
  };
  bad({"--format", "ndjson"}, "{\"a\":1}\n{\"a\":\n", "line 2 is not JSON", "1 record ");
  bad({"--format", "ndjson", "--key-field", "b"}, "{\"b\":1}\n{\"a\":1}\n",
      "line 2 has no text, number or boolean at 'b'", "1 record ");
  bad({"--format", "length-prefixed"}, length_prefixed({"one"}) + "\x05\0\0", "record 2 is cut off", "1 record ");
  bad({"--format", "length-prefixed"}, length_prefixed({"one", "two"}).substr(0, 12), "record 2 is cut off",
      "1 record ");
  bad({"--format", "length-prefixed"}, "not prefixed at all", "is the input length-prefixed?", "0 records");
  bad({}, "short\n" + std::string(1000, 'x') + "\n", "line 2 has more than 224 bytes", "1 record ");
  bad({"--key", std::string(100, 'k')}, std::string(200, 'x') + "\n", "do not fit", "0 records");
  bad({"--key", std::string(5000, 'k')}, "x\n", "its key has 5,000 bytes", "0 records");
  EXPECT_EQ(lines_of(ok({"tail", "t", "--json"})).size(), 5U) << "what was counted is there";
}

TEST_F(PubTail, UnusableInputsAndOptionsAreRefused) {
  create("t");
  refused({"pub", "t", file("nothing")}, kNotFound, "nothing");
  refused({"pub", "t", directory()}, kUsage, "is a directory");
  refused({"pub", "nowhere"}, kNotFound, "no topic 'nowhere'");
  refused({"pub", "t", "--format", "xml"}, kUsage, "lines|ndjson|cloudevents|length-prefixed");
  refused({"pub", "t", "--rate", "0"}, kUsage, "is no rate");
  refused({"pub", "t", "--key", "a", "--key-field", "1"}, kUsage, "excludes");
  refused({"pub", "t", "--key-field", "0"}, kUsage, "no field number");
  refused({"pub", "t", "--separator", ","}, kUsage, "--key-field");
  refused({"tail", "t", "--from", "yesterday"}, kUsage, "is no place");
  refused({"tail", "t", "--json", "--hex"}, kUsage, "exclude");
  refused({"tail", "t", "--no-gate"}, kUsage, "--group");
  refused({"tail", "t", "--partition", "1"}, kUsage, "no partition 1");
  refused({"tail", "t", "--group", std::string(64, 'g')}, kUsage, "at most 63");
  refused({"tail", "nowhere"}, kNotFound, "no topic 'nowhere'");
}

TEST_F(PubTail, ASchemaIsOfAllRecordsAndFits24Bits) {
  create("t", {"--slots", "16"});
  ok({"pub", "t", "--schema", "16777215"}, "a\n");
  ok({"pub", "t", "--schema", "7", "--key", "k"}, "b\n");
  ok({"pub", "t"}, "c\n");
  const auto records = lines_of(ok({"tail", "t", "--json"}));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0]["schema"], 16777215);
  EXPECT_EQ(records[1]["schema"], 7);
  EXPECT_EQ(records[2]["schema"], 0);
  refused({"pub", "t", "--schema", "16777216"}, kUsage, "does not fit 24 bits", "d\n");
  refused({"pub", "t", "--schema", "-1"}, kUsage, "--schema");
  refused({"pub", "t", "--schema", "orders"}, kUsage, "--schema");
  ok({"tail", "t", "--group", "g"});
  Command waiting(words({"pub", "t", "--schema", "9"}), options(numbers(20)));
  ASSERT_TRUE(waiting.wait_for_error("waiting for"));
  const auto later = lines_of(ok({"tail", "t", "--group", "g", "--follow", "--limit", "20", "--json"}));
  EXPECT_EQ(waiting.wait().code, 0);
  EXPECT_EQ(later.size(), 20U);
  for (const auto& record : later) EXPECT_EQ(record["schema"], 9) << "of those that had to wait as well";
}

TEST_F(PubTail, JsonSumsUpByPartition) {
  create("t", {"--partitions", "3"});
  write_file(file("in"), "a 1\nb 22\nc 333\na 4444\n");
  const auto sum = json({"pub", "t", file("in"), "--key-field", "1"}, "evf.pub/1");
  EXPECT_EQ(sum["topic"], "t");
  EXPECT_EQ(sum["complete"], true);
  EXPECT_EQ(sum["records"], 4);
  EXPECT_EQ(sum["bytes"], 3 + 4 + 5 + 6);
  EXPECT_GT(sum["seconds"].get<double>(), 0);
  ASSERT_EQ(sum["partitions"].size(), 3U);
  std::uint64_t bytes = 0;
  for (unsigned p = 0; p < 3; ++p) {
    EXPECT_EQ(sum["partitions"][p]["partition"], p);
    const auto there = lines_of(ok({"tail", "t", "--partition", std::to_string(p), "--json"})).size();
    EXPECT_EQ(sum["partitions"][p]["records"], there);
    bytes += sum["partitions"][p]["bytes"].get<std::uint64_t>();
  }
  EXPECT_EQ(bytes, sum["bytes"]);
  EXPECT_EQ(evf({"pub", "t", file("in"), "--json"}).err, "") << "the summary for people is left out";
}

TEST_F(PubTail, JsonSumsUpWhatWasPublishedBeforeAFailure) {
  create("t");
  write_file(file("in"), "{\"a\":1}\nnot JSON\n");
  const auto sum = json({"pub", "t", file("in"), "--format", "ndjson", "-q"}, "evf.pub/1", kFailed);
  EXPECT_EQ(sum["complete"], false);
  EXPECT_EQ(sum["records"], 1);
  EXPECT_EQ(sum["partitions"][0]["bytes"], 7);
  refused({"pub", "nowhere", "--json"}, kNotFound, "no topic 'nowhere'");
}

TEST_F(PubTail, TailStartsWhereItIsTold) {
  create("t", {"--partitions", "3", "--slots", "16"});
  ok({"pub", "t", "--key-field", "1"}, numbers(12));
  EXPECT_EQ(ok({"tail", "t"}), numbers(12)) << "partitions are merged in the order of time";
  EXPECT_EQ(ok({"tail", "t", "--from", "last-2"}), "10\n11\n");
  EXPECT_EQ(ok({"tail", "t", "--from", "latest"}), "");
  EXPECT_EQ(ok({"tail", "t", "--from", "-1h"}), numbers(12));
  EXPECT_EQ(ok({"tail", "t", "--from", "2999-01-01T00:00:00Z"}), "");
  EXPECT_EQ(ok({"tail", "t", "--limit", "3"}), numbers(3));
  EXPECT_EQ(ok({"tail", "t", "--limit", "0"}), "");
  const auto late = evf({"tail", "t", "--from", "1000", "--partition", "0"});
  EXPECT_THAT(late.err, HasSubstr("sequence 1000 is not retained"));
}

TEST_F(PubTail, AGroupReadsEachRecordOnceAndALimitIsExact) {
  create("t", {"--partitions", "3"});
  ok({"pub", "t", "--key-field", "1"}, numbers(20));
  EXPECT_EQ(ok({"tail", "t", "--group", "g", "--limit", "7"}), "0\n1\n2\n3\n4\n5\n6\n");
  std::string all;
  for (int i = 0; i < 4; ++i) all += ok({"tail", "t", "--group", "g", "--limit", "5"});
  EXPECT_EQ(all, numbers(20).substr(14));
  EXPECT_EQ(ok({"tail", "t"}), numbers(20)) << "without a group everything is still there";
}

TEST_F(PubTail, AGroupHoldsPublishersUpAndTheyNameIt) {
  create("t", {"--slots", "16"});
  ok({"pub", "t"}, "0\n");
  ok({"tail", "t", "--group", "slow"});
  const auto finished = evf({"pub", "t", "--timeout", "100ms"}, numbers(50));
  EXPECT_EQ(finished.code, kFailed);
  EXPECT_THAT(finished.err, HasSubstr("group 'slow'"));
  EXPECT_THAT(finished.err, HasSubstr("published 16 records"));
  EXPECT_EQ(ok({"tail", "t", "--group", "slow"}), numbers(16));
  EXPECT_EQ(evf({"tail", "t", "--group", "slow", "--no-gate"}).code, kUsage) << "the cursor gates";
}

TEST_F(PubTail, AWaitingPublisherGoesOnWhenItsGroupDoes) {
  create("t", {"--slots", "16"});
  ok({"pub", "t"}, "0\n");
  ok({"tail", "t", "--group", "g", "--limit", "1"});
  Command publisher(words({"pub", "t"}), options(numbers(100)));
  ASSERT_TRUE(publisher.wait_for_error("waiting for"));
  Command reader(words({"tail", "t", "--group", "g", "--follow", "--limit", "100"}), options());
  EXPECT_EQ(publisher.wait().code, 0);
  EXPECT_EQ(reader.wait().out, numbers(100));
}

TEST_F(PubTail, AnOverrunReaderIsToldTheRange) {
  create("t", {"--slots", "16"});
  ok({"pub", "t"}, numbers(1));
  ok({"tail", "t", "--group", "lossy", "--no-gate"});
  ok({"pub", "t"}, numbers(100));
  const auto finished = evf({"tail", "t", "--group", "lossy", "--no-gate", "--json"});
  EXPECT_EQ(finished.code, kFailed);
  EXPECT_THAT(finished.err, HasSubstr("lost "));
  const auto objects = lines_of(finished.out);
  ASSERT_FALSE(objects.empty());
  EXPECT_EQ(objects[0]["type"], "lost");
  EXPECT_EQ(objects[0]["first"], 1);
  EXPECT_EQ(objects[1]["type"], "record");
  EXPECT_EQ(objects[1]["sequence"], objects[0]["end"]);
}

TEST_F(PubTail, ADamagedRecordIsLeftOutReportedAndCounted) {
  create("t");
  ok({"pub", "t"}, "before\nvictim\nafter\n");
  flip_bit(ring_path("t"), find_in_file(ring_path("t"), "victim"), 3);
  for (const auto& extra : std::vector<Words>{{}, {"--group", "g"}}) {
    Words arguments{"tail", "t", "--json"};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    const auto finished = evf(arguments);
    EXPECT_EQ(finished.code, kCorrupt);
    EXPECT_THAT(finished.err, HasSubstr("record 1 is damaged"));
    const auto objects = lines_of(finished.out);
    ASSERT_EQ(objects.size(), 3U);
    EXPECT_EQ(objects[0]["payload"], "before");
    EXPECT_EQ(objects[1]["type"], "damaged");
    EXPECT_EQ(objects[1]["raw_encoding"], "base64");
    EXPECT_EQ(objects[2]["payload"], "after");
  }
}

TEST_F(PubTail, FollowSeesWhatComesAndEndsWithASignal) {
  create("t", {"--partitions", "2"});
  ok({"pub", "t"}, "old\n");
  for (const bool group : {false, true}) {
    Words arguments{"tail", "t", "--follow", "--from", "earliest"};
    if (group) arguments.insert(arguments.end(), {"--group", "g"});
    Command follower(words(arguments), options());
    ASSERT_TRUE(follower.wait_for_lines(1));
    ok({"pub", "t"}, "new\n");
    ASSERT_TRUE(follower.wait_for_lines(2));
    const auto all_acked = [&] {
      const auto rows = json({"lag"}, "evf.lag/1")["rows"];
      return std::all_of(rows.begin(), rows.end(), [](const auto& row) { return row["lag_records"] == 0; });
    };
    EXPECT_TRUE(fabric::testing::eventually(all_acked)) << "what was written out is acked";
    follower.signal(SIGINT);
    const auto finished = follower.wait();
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.out.substr(0, 8), "old\nnew\n");
  }
}

TEST_F(PubTail, AClosedPipeEndsTailQuietlyAndAcksNothingThatWasNotWritten) {
  create("t", {"--slots", "16K"});
  ok({"pub", "t"}, numbers(10'000));
  Command reader(words({"tail", "t", "--group", "g", "--follow"}), options());
  reader.close_output();
  const auto finished = reader.wait();
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(finished.err, "");
  EXPECT_EQ(json({"lag"}, "evf.lag/1")["rows"][0]["position"], 0);
}

TEST_F(PubTail, AKilledPublisherLosesNothingThatIsThere) {
  create("t", {"--partitions", "2", "--slots", "64K"});
  write_file(file("numbers"), numbers(60'000));
  Command publisher(words({"pub", "t", file("numbers"), "--key-field", "1", "--rate", "20k/s"}), options());
  Command follower(words({"tail", "t", "--follow", "--from", "earliest"}), options());
  ASSERT_TRUE(follower.wait_for_lines(1000));
  publisher.signal(SIGKILL);
  EXPECT_EQ(publisher.wait().code, -SIGKILL);
  const auto out = ok({"tail", "t"});
  const auto count = static_cast<int>(std::count(out.begin(), out.end(), '\n'));
  EXPECT_GE(count, 1000);
  EXPECT_EQ(out, numbers(count)) << "a prefix without a hole";
  ok({"pub", "t"}, "after\n");
  EXPECT_EQ(ok({"tail", "t", "--group", "g"}), numbers(count) + "after\n");
  follower.signal(SIGTERM);
  EXPECT_EQ(follower.wait().code, 0);
}

TEST_F(PubTail, AStandbyTakesOverFromAKilledReader) {
  create("t");
  ok({"pub", "t"}, "0\n");
  Command first(words({"tail", "t", "--group", "g", "--follow"}), options());
  ASSERT_TRUE(first.wait_for_lines(1));
  const auto refused_second = evf({"tail", "t", "--group", "g"});
  EXPECT_EQ(refused_second.code, kFailed);
  EXPECT_THAT(refused_second.err, HasSubstr("--follow to stand by"));
  Command second(words({"tail", "t", "--group", "g", "--follow"}), options());
  ASSERT_TRUE(second.wait_for_error("is read by another member"));
  first.signal(SIGKILL);
  first.wait();
  ok({"pub", "t"}, "1\n");
  ASSERT_TRUE(second.wait_for_lines(1));
  second.signal(SIGINT);
  EXPECT_THAT(second.wait().out, HasSubstr("1\n"));
}

TEST_F(PubTail, ARateIsKeptWithoutDrift) {
  create("t");
  const auto start = std::chrono::steady_clock::now();
  ok({"pub", "t", "--rate", "200/s"}, numbers(100));
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, std::chrono::milliseconds(490));
  EXPECT_LT(took, std::chrono::seconds(20));
}

TEST_F(PubTail, AOneWriterTopicHasOneWriter) {
  create("t", {"--writers", "one"});
  auto open_input = options("1\n");
  open_input.keep_input_open = true;
  Command first(words({"pub", "t"}), open_input);
  while (evf({"tail", "t"}).out.empty()) {
  }
  refused({"pub", "t"}, kFailed, "alive", "2\n");
  EXPECT_EQ(evf({"pub", "t", "--take-over", "-q"}, "3\n").code, 0);
  first.feed("4\n");
  first.close_input();
  const auto finished = first.wait();
  EXPECT_EQ(finished.code, kFailed);
  EXPECT_THAT(finished.err, HasSubstr("another publisher took partition 0 over"));
  EXPECT_EQ(ok({"tail", "t"}), "1\n3\n");
}

}  // namespace
}  // namespace fabric::evf::testing
