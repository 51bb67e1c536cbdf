#pragma once
// The real command `evf` on a fabric directory of its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fabric/fabric.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::evf::testing {

using fabric::testing::Command;
using fabric::testing::CommandOptions;
using fabric::testing::Finished;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

class EvfFixture : public ::testing::Test {
 protected:
  const std::string& directory() const { return directory_.path(); }
  std::string file(const std::string& name) const { return scratch_.file(name); }
  std::string ring_path(const std::string& topic, unsigned partition = 0) const {
    return directory() + "/topics/" + topic + "/" + std::to_string(partition) + ".ring";
  }

  // The words of a command line: evf, VERB, and EVF_DIR in the environment.
  static Words words(Words arguments) {
    arguments.insert(arguments.begin(), EVF_COMMAND);
    return arguments;
  }
  CommandOptions options(std::string input = {}) const {
    CommandOptions made{.input = std::move(input)};
    made.environment = {{"EVF_DIR", directory()}};
    return made;
  }
  Finished evf(Words arguments, std::string input = {}) const {
    return fabric::testing::run(words(std::move(arguments)), options(std::move(input)));
  }
  // The same, and it has to succeed.
  std::string ok(Words arguments, std::string input = {}) const {
    const auto finished = evf(std::move(arguments), std::move(input));
    EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
    return finished.out;
  }
  // One versioned object.
  Json json(Words arguments, const std::string& schema, int code = 0) const {
    arguments.push_back("--json");
    const auto finished = evf(std::move(arguments));
    EXPECT_EQ(finished.code, code) << finished.err;
    auto object = Json::parse(finished.out, nullptr, false);
    EXPECT_EQ(object.value("schema", ""), schema) << finished.out;
    return object;
  }
  // Refused with this exit code, nothing on stdout, and a message `evf: <wrong>; <to do>`.
  void refused(Words arguments, int code, const std::string& message, std::string input = {}) const {
    const auto finished = evf(arguments, std::move(input));
    const auto line = ::testing::PrintToString(arguments);
    EXPECT_EQ(finished.code, code) << line << finished.err;
    EXPECT_EQ(finished.out, "") << line;
    EXPECT_THAT(finished.err, ::testing::StartsWith("evf: ")) << line;
    EXPECT_THAT(finished.err, ::testing::HasSubstr("; ")) << line;
    EXPECT_THAT(finished.err, ::testing::HasSubstr(message)) << line;
  }
  void create(const std::string& topic, Words arguments = {}) const {
    Words all{"topic", "create", topic};
    all.insert(all.end(), arguments.begin(), arguments.end());
    ok(all);
  }

  static std::vector<Json> lines_of(const std::string& ndjson);
  static void write_file(const std::string& path, const std::string& bytes);
  static std::string read_file(const std::string& path);
  // Inverts one bit of a file.
  static void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);
  // Where the first byte of `text` is in a file.
  static std::uint64_t find_in_file(const std::string& path, const std::string& text);

 private:
  fabric::testing::TempDir directory_, scratch_;
};

// Payloads with 4 bytes of length before each.
std::string length_prefixed(const std::vector<std::string>& payloads);

}  // namespace fabric::evf::testing
