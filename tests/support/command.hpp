#pragma once
// Another program for tests: started with its arguments, fed, read, signalled, waited for.
//
// Nothing blocks for ever: a program that still runs after kPatience is killed, and the test fails with what it
// printed.

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fabric::testing {

struct CommandOptions {
  std::string input{};                                             // on its standard input, which is then closed
  bool keep_input_open = false;                                    // until close_input()
  std::vector<std::pair<std::string, std::string>> environment{};  // added to ours
  std::optional<uid_t> user{};                                     // run as (the test is root)
  std::optional<std::string> output_file{};                        // standard output goes there
};

// What a finished program left. code: its exit code, or -signal.
struct Finished {
  int code = 0;
  std::string out, err;
};

class Command {
 public:
  explicit Command(const std::vector<std::string>& arguments, CommandOptions options = {});
  ~Command();  // kills it if it still runs
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  // What does not fit the pipe goes in while this Command is waited for; more than that belongs in a file.
  void feed(const std::string& text);
  void close_input();
  void close_output();  // its next write to standard output fails with EPIPE
  // Until its standard output holds so many lines, or it ended. False: patience is over.
  bool wait_for_lines(std::size_t lines);
  // Until `text` stands on its standard error.
  bool wait_for_error(const std::string& text);
  Finished wait();

 private:
  bool pump(std::chrono::milliseconds patience);
  void push();

  CommandOptions options_;
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  Finished result_;
};

Finished run(const std::vector<std::string>& arguments, CommandOptions options = {});

}  // namespace fabric::testing
