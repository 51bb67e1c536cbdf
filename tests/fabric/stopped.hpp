#pragma once
// A child that is stopped at system calls of its own (ptrace), so that a test decides what happens between two of them.

#include <sys/types.h>

#include <functional>
#include <string>

namespace fabric::testing {

class Stopped {
 public:
  // The child stands before `body`, whose value will be its exit code.
  explicit Stopped(const std::function<int()>& body);
  ~Stopped();  // kills it
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

  pid_t pid() const noexcept { return pid_; }
  // Runs to the entry of its next system call, which has not happened then. False: it ended.
  bool next();
  // Runs to the entry of its `nth` next system call, counted from 0. False: it ended.
  bool skip(unsigned nth);
  // Runs to the entry of the next system call `number` (SYS_...) that has `text` in one of its first four arguments,
  // where they are strings. False: it ended.
  bool reach(long number, const std::string& text);
  // Lets it run to its end: the exit code, or -signal.
  int finish();

 private:
  bool ended_at_next_stop(bool& at_entry);
  std::string text_at(unsigned long address) const;

  pid_t pid_ = -1;
  int status_ = 0, signal_ = 0;
};

}  // namespace fabric::testing
