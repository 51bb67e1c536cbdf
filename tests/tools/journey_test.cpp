// The commands of the README's journey, as they stand there.

#include "tests/tools/evf_fixture.hpp"

namespace fabric::evf::testing {
namespace {

using ::testing::HasSubstr;

class JourneyOfTheReadme : public EvfFixture {
 protected:
  // The first block of shell commands behind the heading, for this build's command.
  static std::string commands() {
    const auto readme = read_file(std::string(EVF_SOURCE_DIR) + "/README.md");
    const std::string begin = "```sh\n", built = "$PWD/build/release/tools/evf";
    const auto from = readme.find(begin, readme.find("## One event's journey")) + begin.size();
    auto text = readme.substr(from, readme.find("```", from) - from);
    const auto at = text.find(built);
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, built.size(), EVF_COMMAND);
  }
};

TEST_F(JourneyOfTheReadme, can_be_pasted) {
  CommandOptions options;
  options.environment = {{"TMPDIR", directory()}};
  const auto finished = fabric::testing::run({"/bin/bash", "-euo", "pipefail", "-c", commands()}, options);
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("applied as snapshot 1"));
  EXPECT_THAT(finished.out, HasSubstr(R"({"order":17,"price":)"));
  EXPECT_THAT(finished.out, HasSubstr("risk"));
}

}  // namespace
}  // namespace fabric::evf::testing
