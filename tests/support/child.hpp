#pragma once
// Real processes for tests: a forked child that talks to its parent through two pipes, so that no sleep decides the
// order.

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>

namespace fabric::testing {

// One end of the conversation. Words arrive in order.
class Channel {
 public:
  Channel(int in, int out) noexcept : in_(in), out_(out) {}
  void tell(std::uint64_t word) const;
  // Blocks. False: the other end is gone.
  bool hear(std::uint64_t& word) const;
  // Blocks; aborts when the other end is gone.
  std::uint64_t hear() const;
  // Blocks until somebody kills this process. For a child that only has to be there; never returns.
  static int stay();

 private:
  friend class Child;
  int in_, out_;
};

// The child runs `body` and exits with its value (by _exit: nothing of the parent's is torn down or flushed twice). A
// child that still runs when its Child goes is killed.
class Child {
 public:
  explicit Child(const std::function<int(const Channel&)>& body);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const noexcept { return pid_; }
  const Channel& channel() const noexcept { return channel_; }
  std::uint64_t hear() const { return channel_.hear(); }
  void tell(std::uint64_t word) const { channel_.tell(word); }
  // Sends SIGKILL and reaps it.
  void kill();
  // Sends SIGSTOP and waits until it is stopped.
  void stop();
  // Waits until it has stopped itself (raise(SIGSTOP)).
  void wait_until_stopped() const;
  void resume() const;
  // Waits for its end: the exit code, or -signal.
  int wait();

 private:
  Channel channel_;
  pid_t pid_ = -1;
};

// Waits until `holds()` says yes, at most `limit` long (so long that only a defect reaches it); says whether it did.
bool eventually(const std::function<bool()>& holds, std::chrono::seconds limit = std::chrono::seconds(30));

// Runs `body` in a child that is killed (SIGKILL) at the entry of its `nth` system call, counted from 0 and from the
// start of `body`: that call and everything after it does not happen. False: the body ended before. Needs ptrace of own
// children.
bool kill_at_system_call(unsigned nth, const std::function<void()>& body);

// The same child stops there instead, while this process runs `meanwhile`, and then goes on to its end. Empty: the body
// ended before; otherwise the exit code (0), or -signal.
std::optional<int> stop_at_system_call(unsigned nth, const std::function<void()>& body,
                                       const std::function<void()>& meanwhile);

}  // namespace fabric::testing
