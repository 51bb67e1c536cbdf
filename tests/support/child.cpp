#include "tests/support/child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace fabric::testing {

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::abort();
}

int wait_status(pid_t pid, int options) {
  int status = 0;
  while (::waitpid(pid, &status, options) != pid) {
    if (errno != EINTR) fail("waitpid");
  }
  return status;
}

bool at_entry(pid_t pid) {
  __ptrace_syscall_info info = {};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0) fail("PTRACE_GET_SYSCALL_INFO");
  return info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

}  // namespace

void Channel::tell(std::uint64_t word) const {
  if (::write(out_, &word, sizeof word) != static_cast<ssize_t>(sizeof word)) fail("tell");
}

bool Channel::hear(std::uint64_t& word) const {
  ssize_t bytes = 0;
  do {
    bytes = ::read(in_, &word, sizeof word);
  } while (bytes < 0 && errno == EINTR);
  return bytes == static_cast<ssize_t>(sizeof word);
}

std::uint64_t Channel::hear() const {
  std::uint64_t word = 0;
  if (!hear(word)) fail("hear: the other end is gone");
  return word;
}

int Channel::stay() {
  for (;;) ::pause();
}

Child::Child(const std::function<int(const Channel&)>& body) : channel_(-1, -1) {
  int down[2], up[2];
  std::fflush(nullptr);  // or the child might print it again
  if (::pipe2(down, O_CLOEXEC) != 0 || ::pipe2(up, O_CLOEXEC) != 0) fail("pipe2");
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nobody behind
    ::close(down[1]);
    ::close(up[0]);
    ::_exit(body(Channel(down[0], up[1])));
  }
  ::close(down[0]);
  ::close(up[1]);
  channel_ = Channel(up[0], down[1]);
}

Child::~Child() {
  if (pid_ > 0) kill();
  ::close(channel_.in_);
  ::close(channel_.out_);
}

void Child::kill() {
  ::kill(pid_, SIGKILL);
  wait();
}

void Child::stop() {
  ::kill(pid_, SIGSTOP);
  wait_until_stopped();
}

void Child::wait_until_stopped() const {
  if (!WIFSTOPPED(wait_status(pid_, WUNTRACED))) fail("the child ended instead of stopping");
}

void Child::resume() const { ::kill(pid_, SIGCONT); }

int Child::wait() {
  const int status = wait_status(pid_, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool eventually(const std::function<bool()>& holds, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

namespace {

// The pid of a child that stands at its `nth` system call; -1: it ended before.
pid_t run_to_system_call(unsigned nth, const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) fail("ptrace");
    ::raise(SIGSTOP);
    body();
    ::_exit(0);
  }
  int status = wait_status(pid, 0);
  if (!WIFSTOPPED(status)) fail("traced child");
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  unsigned entries = 0;
  int signal = 0;
  for (;;) {
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, signal);
    status = wait_status(pid, 0);
    if (!WIFSTOPPED(status)) return -1;
    const bool call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    signal = call ? 0 : WSTOPSIG(status);
    if (call && at_entry(pid) && entries++ == nth) return pid;
  }
}

}  // namespace

bool kill_at_system_call(unsigned nth, const std::function<void()>& body) {
  const pid_t pid = run_to_system_call(nth, body);
  if (pid < 0) return false;
  ::kill(pid, SIGKILL);
  wait_status(pid, 0);
  return true;
}

std::optional<int> stop_at_system_call(unsigned nth, const std::function<void()>& body,
                                       const std::function<void()>& meanwhile) {
  const pid_t pid = run_to_system_call(nth, body);
  if (pid < 0) return std::nullopt;
  meanwhile();
  ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  const int status = wait_status(pid, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace fabric::testing
