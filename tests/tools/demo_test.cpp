// evf demo, the real binary: what it says, that its audit can fail, and that it leaves no process behind.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "fabric/delivery/consumer.hpp"
#include "fabric/delivery/producer.hpp"
#include "fabric/fabric.hpp"
#include "tests/support/child.hpp"
#include "tests/support/command.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::evf {
namespace {

using Json = nlohmann::json;
using testing::Command;
using testing::Finished;
using testing::TempDir;
namespace files = std::filesystem;

class DemoTest : public ::testing::Test {
 protected:
  // A package history of `lines` lines with some keys, where evf looks for it.
  void write_history(int lines, const std::string& name = "var/log/dpkg.log") const {
    const auto path = root_.path() + "/" + name;
    files::create_directories(files::path(path).parent_path());
    std::ofstream file(path);
    for (int i = 0; i < lines; ++i)
      file << "2026-01-02 03:04:" << 10 + i % 50 << " status installed package-" << i % 37 << ":amd64 1." << i << "\n";
  }
  std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words{EVF_COMMAND, "demo", "--dir", fabric_.path(), "--root", root_.path()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
  }
  Finished demo(const std::vector<std::string>& arguments, testing::CommandOptions options = {}) const {
    return testing::run(command(arguments), std::move(options));
  }
  Fabric fabric() const { return *Fabric::open(fabric_.path()); }
  const TempDir& directory() const { return fabric_; }
  const std::string& root() const { return root_.path(); }

 private:
  TempDir fabric_, root_;
};

void expect_groups_complete(const Json& report, std::uint64_t records) {
  ASSERT_EQ(report["groups"].size(), 2U);
  for (const auto& group : report["groups"]) {
    EXPECT_EQ(group["unique"], records);
    EXPECT_EQ(group["delivered"], records + group["redelivered"].get<std::uint64_t>());
    for (const auto* finding : {"lost", "out_of_order", "torn", "foreign", "misplaced", "damaged", "overrun", "fenced"})
      EXPECT_EQ(group[finding], 0) << finding;
    const auto& ns = group["latency_ns"];
    EXPECT_GT(ns["p50"], 0);
    EXPECT_LE(ns["p50"], ns["p90"]);
    EXPECT_LE(ns["p90"], ns["p99"]);
    EXPECT_LE(ns["p99"], ns["p999"]);
    EXPECT_LE(ns["p999"], ns["max"]);
  }
}

TEST_F(DemoTest, audits_the_package_history) {
  write_history(500);
  const auto done = demo({"--json", "--repeat", "40", "--rate", "max"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.err, "");
  const auto report = Json::parse(done.out);
  EXPECT_EQ(report["schema"], "evf.demo/1");
  EXPECT_EQ(report["ok"], true);
  EXPECT_EQ(report["input"]["source"], root() + "/var/log/dpkg.log");
  EXPECT_EQ(report["input"]["key"], "package");
  EXPECT_EQ(report["input"]["keys"], 37);
  EXPECT_EQ(report["records"], 20'000);
  EXPECT_EQ(report["published"], 20'000);
  expect_groups_complete(report, 20'000);
  EXPECT_GT(report["take_over"]["held_ns"], 0);
  const auto& processes = report["processes"];
  ASSERT_EQ(processes.size(), 5U);
  EXPECT_GT(processes[2]["records"], 0) << "the one that is killed had its share";
  EXPECT_GE(processes[2]["records"].get<int>() + processes[3]["records"].get<int>(), 20'000);
  EXPECT_EQ(processes[0]["records"].get<int>() + processes[1]["records"].get<int>(), 20'000);
  EXPECT_GT(processes[0]["records"], 0) << "two publishers publish";
  EXPECT_GT(processes[1]["records"], 0);
  for (const auto& process : processes)
    EXPECT_EQ(::kill(process["pid"].get<pid_t>(), 0), -1) << "left behind: " << process;
}

TEST_F(DemoTest, repeats_a_small_input_and_says_how_to_go_on) {
  write_history(500);
  const auto done = demo({});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("400 passes"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("audit holds"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("200,000 published = delivered"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("evf tail demo --dir " + directory().path()), std::string::npos) << done.out;
  EXPECT_EQ(done.out.find("\033["), std::string::npos) << "no colours in a pipe";
  EXPECT_EQ(done.err, "") << "no progress line either";
  const auto next = testing::run({EVF_COMMAND, "tail", "demo", "--dir", directory().path(), "--from", "last-5"});
  EXPECT_EQ(next.code, 0) << next.err;
  EXPECT_NE(next.out.find("status installed package-"), std::string::npos) << next.out;
}

TEST_F(DemoTest, falls_back_to_the_package_database) {
  files::create_directories(root() + "/var/lib/dpkg");
  std::ofstream(root() + "/var/lib/dpkg/status")
      << "Package: bash\nStatus: install ok installed\nVersion: 5.2\nDescription: x\n y\n\n"
      << "Package: coreutils\nVersion: 9.1\nStatus: hold ok installed\n";
  for (const bool empty_history : {false, true}) {
    if (empty_history) write_history(0);
    const auto done = demo({"--json", "--repeat", "100", "--rate", "max"});
    ASSERT_EQ(done.code, 0) << done.err;
    const auto report = Json::parse(done.out);
    EXPECT_EQ(report["input"]["source"], root() + "/var/lib/dpkg/status");
    EXPECT_EQ(report["input"]["lines"], 2);
    EXPECT_EQ(report["input"]["keys"], 2);
    expect_groups_complete(report, 200);
  }
  files::remove_all(root() + "/var");
  const auto none = demo({});
  EXPECT_EQ(none.code, 3);
  EXPECT_NE(none.err.find("name a file"), std::string::npos) << none.err;
}

TEST_F(DemoTest, older_history_comes_first) {
  write_history(30);
  write_history(20, "var/log/dpkg.log.1");
  const auto report = Json::parse(demo({"--json", "--repeat", "2", "--rate", "max"}).out);
  EXPECT_EQ(report["input"]["lines"], 50);
  EXPECT_EQ(report["input"]["source"], root() + "/var/log/dpkg.log.1 and " + root() + "/var/log/dpkg.log");
}

TEST_F(DemoTest, takes_a_file_or_a_pipe_with_any_key) {
  std::string lines;
  for (int i = 0; i < 100; ++i)
    lines += "line " + std::to_string(i) + " key-" + std::to_string(i % 9) + " " +
             std::string(static_cast<std::size_t>(i) * 40, 'x') + "\n\n";
  const auto path = root() + "/input";
  std::ofstream(path) << lines;
  for (const bool pipe : {true, false}) {
    const auto done = demo({pipe ? "-" : path, "--key-field", "3", "--json", "--repeat", "20", "--rate", "max"},
                           {.input = pipe ? lines : ""});
    ASSERT_EQ(done.code, 0) << done.err;
    const auto report = Json::parse(done.out);
    EXPECT_EQ(report["input"]["lines"], 100) << "empty lines are none";
    EXPECT_EQ(report["input"]["keys"], 9);
    expect_groups_complete(report, 2000);
  }
}

TEST_F(DemoTest, the_smallest_inputs_come_to_an_end) {
  for (const auto* input : {"a", "a\nb", "a\na\na\n"}) {
    const auto done = demo({"-", "--json", "--repeat", "1"}, {.input = input});
    ASSERT_EQ(done.code, 0) << done.err;
    const auto report = Json::parse(done.out);
    expect_groups_complete(report, report["records"]);
  }
}

TEST_F(DemoTest, input_that_cannot_be_used_is_named) {
  struct Case {
    std::vector<std::string> arguments;
    std::string input;
    int code;
    const char* says;
  };
  const std::vector<Case> cases{
      {{"-"}, "", 2, "has no lines"},
      {{"-"}, "\n\n", 2, "has no lines"},
      {{"/nowhere/at/all"}, "", 3, "/nowhere/at/all"},
      {{"-"}, std::string((1 << 20) + 1, 'x'), 2, "line 1 of standard input has 1,048,577 bytes"},
      {{"-"}, "short\n" + std::string(5000, 'x'), 2, "key (word 1) of line 2"},
      {{"-", "--repeat", "0"}, "x", 2, "--repeat"},
      {{"-", "--key-field", "x"}, "x", 2, "--key-field"},
      {{"-", "--rate", "fast"}, "x", 2, "--rate"},
      {{"-", "--topic", "a/b"}, "x", 2, "a/b"},
      {{"-", "--repeat", "1", "--sabotage", "swap"}, "a\nb", 2, "no key comes twice"},
      {{"-", "--sabotage", "burn"}, "x", 2, "lose|swap|tear"},
  };
  for (const auto& [arguments, input, code, says] : cases) {
    const auto done = demo(arguments, {.input = input});
    EXPECT_EQ(done.code, code) << done.err;
    EXPECT_NE(done.err.find(says), std::string::npos) << done.err;
    EXPECT_EQ(done.out, "");
  }
}

TEST_F(DemoTest, each_sabotage_makes_the_audit_fail) {
  write_history(200);
  const std::vector<std::pair<std::string, std::string>> findings{
      {"lose", "lost"}, {"swap", "out_of_order"}, {"tear", "torn"}};
  for (const auto& [sabotage, finding] : findings) {
    const auto done = demo({"--json", "--repeat", "20", "--rate", "max", "--sabotage", sabotage});
    EXPECT_EQ(done.code, 1) << sabotage;
    EXPECT_NE(done.err.find("the audit failed: "), std::string::npos) << done.err;
    const auto report = Json::parse(done.out);
    EXPECT_EQ(report["ok"], false);
    for (const auto& group : report["groups"]) EXPECT_GE(group[finding], 1) << sabotage << ": " << group;
    EXPECT_FALSE(report["examples"].empty());
    const auto told = demo({"--repeat", "20", "--rate", "max", "--sabotage", sabotage});
    EXPECT_EQ(told.code, 1);
    EXPECT_NE(told.out.find("AUDIT FAILED"), std::string::npos) << told.out;
  }
}

TEST_F(DemoTest, replaces_only_what_a_demo_made) {
  write_history(50);
  ASSERT_EQ(demo({"--repeat", "10", "--rate", "max"}).code, 0);
  ASSERT_EQ(demo({"--repeat", "10", "--rate", "max"}).code, 0) << "a second run replaces the first one's topic";
  ASSERT_TRUE(fabric().create_topic({.name = "mine", .ring = {.slot_count = 64}}).has_value());
  ASSERT_TRUE(Producer::open(fabric(), "mine")->publish("key", "precious"));
  const auto refused = demo({"--topic", "mine", "--repeat", "10"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("was not made by evf demo"), std::string::npos) << refused.err;
  EXPECT_EQ((*fabric().topic("mine"))->ring(0)->map().tail(), 1U);
  const testing::Child reader([&](const testing::Channel& parent) {
    const auto consumer = Consumer::join(fabric(), "demo", {.group = "inventory"});
    parent.tell(1);
    return testing::Channel::stay();
  });
  reader.hear();
  const auto busy = demo({"--repeat", "10"});
  EXPECT_EQ(busy.code, 1);
  EXPECT_NE(busy.err.find("in use"), std::string::npos) << busy.err;
}

// Processes whose parent is `parent`.
std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  std::ifstream list("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  for (pid_t child = 0; list >> child;) children.push_back(child);
  return children;
}

TEST_F(DemoTest, ends_its_processes_when_it_is_interrupted_or_killed) {
  write_history(200);
  for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
    Command running(command({"--rate", "2000"}));  // for 100 s
    std::vector<pid_t> children;
    EXPECT_TRUE(testing::eventually([&] { return (children = children_of(running.pid())).size() == 5; }));
    running.signal(signal);
    const auto done = running.wait();
    EXPECT_EQ(done.code, signal == SIGKILL ? -SIGKILL : 1);
    if (signal != SIGKILL) {
      EXPECT_NE(done.err.find("interrupted"), std::string::npos) << done.err;
    }
    EXPECT_TRUE(testing::eventually([&] {
      return std::none_of(children.begin(), children.end(), [](pid_t child) { return ::kill(child, 0) == 0; });
    })) << "after signal "
        << signal;
  }
}

TEST_F(DemoTest, says_which_process_failed) {
  write_history(200);
  Command running(command({"--rate", "2000"}));
  std::vector<pid_t> children;
  EXPECT_TRUE(testing::eventually([&] { return (children = children_of(running.pid())).size() == 5; }));
  ::kill(children.back(), SIGTERM);  // ignored: only the demo ends its children
  ::kill(children.back(), SIGKILL);
  const auto done = running.wait();
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.err.find("publisher 1 (process " + std::to_string(children.back()) + ") was ended by signal 9"),
            std::string::npos)
      << done.err;
}

}  // namespace
}  // namespace fabric::evf
