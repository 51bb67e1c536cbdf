// The command line: help, versions, usage errors, exit codes.

#include <unistd.h>
#include <filesystem>

#include <sstream>

#include "tests/tools/evf_fixture.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;

class CommandLine : public EvfFixture {};

const std::vector<Words> kVerbs{{"topic"},
                                {"topic", "create"},
                                {"topic", "list"},
                                {"topic", "describe"},
                                {"topic", "delete"},
                                {"pub"},
                                {"tail"},
                                {"group"},
                                {"group", "list"},
                                {"group", "describe"},
                                {"group", "reset"},
                                {"group", "delete"},
                                {"schema"},
                                {"schema", "list"},
                                {"schema", "show"},
                                {"schema", "register"},
                                {"schema", "check"},
                                {"schema", "delete"},
                                {"schema", "mode"},
                                {"schema", "deprecate"},
                                {"catalog"},
                                {"catalog", "lint"},
                                {"catalog", "diff"},
                                {"catalog", "apply"},
                                {"catalog", "show"},
                                {"catalog", "export"},
                                {"list"},
                                {"lag"},
                                {"doctor"},
                                {"fsck"}};

TEST_F(CommandLine, HelpOfEveryVerbFitsTheTerminalAndHasExamples) {
  auto verbs = kVerbs;
  verbs.push_back({});
  for (auto verb : verbs) {
    const bool group =
        verb.size() == 1 && (verb[0] == "topic" || verb[0] == "group" || verb[0] == "schema" || verb[0] == "catalog");
    verb.push_back("--help");
    const auto help = ok(verb);
    EXPECT_THAT(help, HasSubstr("Usage: evf"));
    EXPECT_TRUE(group || help.find("Examples:") != std::string::npos) << help;
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  }
}

TEST_F(CommandLine, VersionIsOneLine) { EXPECT_EQ(ok({"--version"}).substr(0, 4), "evf "); }

TEST_F(CommandLine, UnknownWordsAreUsageErrorsWithAHint) {
  refused({}, kUsage, "a verb is missing");
  refused({"topic"}, kUsage, "a verb is missing");
  refused({"tial"}, kUsage, "did you mean tail?");
  refused({"topic", "creat"}, kUsage, "did you mean create?");
  refused({"lag", "--jsn"}, kUsage, "did you mean --json?");
  refused({"list", "extra"}, kUsage, "unknown argument 'extra'");
  refused({"list", "--dir"}, kUsage, "--dir");
  refused({"tail"}, kUsage, "TOPIC is required");
}

TEST_F(CommandLine, TheDirectoryComesFromTheOptionBeforeTheEnvironment) {
  create("here");
  EXPECT_THAT(ok({"list"}), HasSubstr("here"));
  EXPECT_THAT(ok({"--dir", directory(), "list"}), HasSubstr("here"));
  refused({"list", "--dir", directory() + "/nowhere"}, kNotFound, "nowhere");
}

TEST_F(CommandLine, EveryErrorCodeHasItsExitCode) {
  EXPECT_EQ(exit_code(ErrorCode::invalid_argument), kUsage);
  EXPECT_EQ(exit_code(ErrorCode::not_found), kNotFound);
  EXPECT_EQ(exit_code(ErrorCode::permission), kPermission);
  EXPECT_EQ(exit_code(ErrorCode::corrupt), kCorrupt);
  EXPECT_EQ(exit_code(ErrorCode::incompatible), kCorrupt);
  for (const auto code : {ErrorCode::already_exists, ErrorCode::no_space, ErrorCode::busy, ErrorCode::fenced,
                          ErrorCode::unsupported, ErrorCode::system})
    EXPECT_EQ(exit_code(code), kFailed);
}

TEST_F(CommandLine, SomebodyElsesFabricIsAPermissionError) {
  ASSERT_EQ(::geteuid(), 0U) << "this test has to run as root";
  create("mine");
  auto as_nobody = options();
  as_nobody.user = 65534;
  // Where the build lies others may not be let in (/root).
  const fabric::testing::TempDir open_to_all;
  std::filesystem::permissions(open_to_all.path(), std::filesystem::perms(0755));
  const auto command = open_to_all.file("evf");
  std::filesystem::copy_file(EVF_COMMAND, command);
  for (const auto& arguments : std::vector<Words>{{"list"},
                                                  {"tail", "mine"},
                                                  {"pub", "mine"},
                                                  {"topic", "describe", "mine"},
                                                  {"lag"},
                                                  {"topic", "delete", "mine"},
                                                  {"fsck", ring_path("mine")}}) {
    auto line = words(arguments);
    line.front() = command;
    const auto finished = fabric::testing::run(line, as_nobody);
    EXPECT_EQ(finished.code, kPermission) << ::testing::PrintToString(arguments) << finished.err;
    EXPECT_THAT(finished.err, HasSubstr("check owner, group and mode"));
  }
}

TEST_F(CommandLine, AFullDeviceIsAFailureNotSilence) {
  create("orders");
  auto full = options();
  full.output_file = "/dev/full";
  for (const auto& arguments : std::vector<Words>{{"list"}, {"--help"}, {"doctor"}}) {
    const auto finished = fabric::testing::run(words(arguments), full);
    EXPECT_EQ(finished.code, kFailed) << ::testing::PrintToString(arguments);
    EXPECT_THAT(finished.err, HasSubstr("No space left on device"));
  }
}

TEST_F(CommandLine, NoColoursWithoutATerminal) {
  create("orders");
  for (const auto& arguments : std::vector<Words>{{"list"}, {"doctor"}, {"topic", "describe", "orders"}})
    EXPECT_EQ(ok(arguments).find('\033'), std::string::npos);
}

TEST(Values, Sizes) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("64K"), 65536U);
  EXPECT_EQ(parse_size("16MiB"), 16U << 20);
  EXPECT_EQ(parse_size("1.5G"), 3ULL << 29);
  EXPECT_EQ(parse_size("18446744073709551615"), ~0ULL);
  for (const auto* bad :
       {"", "K", "-1", "1Q", "1 K", "0.3", "1e3", "18446744073709551616", "99999999999T", "0x10", "1.", ".5"})
    EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
}

TEST(Values, Durations) {
  EXPECT_EQ(parse_duration_ns("0"), 0U);
  EXPECT_EQ(parse_duration_ns("250us"), 250'000U);
  EXPECT_EQ(parse_duration_ns("1.5s"), 1'500'000'000U);
  EXPECT_EQ(parse_duration_ns("2h"), 7'200'000'000'000U);
  for (const auto* bad : {"", "5", "s", "-1s", "1 s", "1y", "99999999999999d"})
    EXPECT_EQ(parse_duration_ns(bad), std::nullopt) << bad;
}

TEST(Values, TimesAndPlaces) {
  EXPECT_EQ(parse_time_ns("1970-01-01T00:00:01Z", 0), 1'000'000'000U);
  EXPECT_EQ(parse_time_ns("2026-10-02T12:00:00.5+02:00", 0), parse_time_ns("2026-10-02T10:00:00.500Z", 0));
  EXPECT_EQ(parse_time_ns("-5m", 400'000'000'000), 100'000'000'000U);
  EXPECT_EQ(format_time(*parse_time_ns("2024-02-29T23:59:59.000000001Z", 0)), "2024-02-29T23:59:59.000000001Z");
  for (const auto* bad :
       {"2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-10-02", "2026-10-02T12:00:00", "noon", "-5"})
    EXPECT_EQ(parse_time_ns(bad, 1), std::nullopt) << bad;
  EXPECT_EQ(parse_start("last-7")->value, 7U);
  EXPECT_EQ(parse_start("12")->kind, ipc::StartAt::Kind::sequence);
  EXPECT_EQ(parse_start("last-"), std::nullopt);
  EXPECT_EQ(parse_start("first"), std::nullopt);
}

TEST(Values, RatesAreNeverZero) {
  EXPECT_EQ(parse_rate("1000/s"), 1000.0);
  EXPECT_EQ(parse_rate("50k/s"), 50000.0);
  EXPECT_EQ(parse_rate("60/m"), 1.0);
  for (const auto* bad : {"", "0", "0/s", "-1", "fast", "1/y"}) EXPECT_EQ(parse_rate(bad), std::nullopt) << bad;
}

TEST(Text, ForeignBytesCannotSteerTheTerminal) {
  EXPECT_EQ(printable("a\033[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f \xff"), "gr\xc3\xbc\xc3\x9f \\xff");
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));      // a surrogate
  EXPECT_FALSE(is_utf8("\xc0\xaf"));          // overlong
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));  // beyond Unicode
  EXPECT_TRUE(is_utf8("\xf0\x9f\x98\x80"));
  EXPECT_EQ(to_base64(as_bytes("")), "");
  EXPECT_EQ(to_base64(as_bytes("f")), "Zg==");
  EXPECT_EQ(to_base64(as_bytes("fo")), "Zm8=");
  EXPECT_EQ(to_base64(as_bytes("foobar")), "Zm9vYmFy");
}

TEST(Text, NumbersForPeople) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_bytes(65536), "64 KiB");
  EXPECT_EQ(format_duration(1'500'000), "1.5 ms");
  EXPECT_EQ(format_duration(187'000'000'000), "3m 07s");
  EXPECT_EQ(plural(1, "record"), "1 record");
  EXPECT_EQ(plural(2000, "record"), "2,000 records");
}

}  // namespace
}  // namespace fabric::evf::testing
