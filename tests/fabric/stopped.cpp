#include "tests/fabric/stopped.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fabric::testing {
namespace {

constexpr std::size_t kLongestText = 1024;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::abort();
}

int wait_status(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) != pid) {
    if (errno != EINTR) fail("waitpid");
  }
  return status;
}

__ptrace_syscall_info call_of(pid_t pid) {
  __ptrace_syscall_info info = {};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0) fail("PTRACE_GET_SYSCALL_INFO");
  return info;
}

}  // namespace

Stopped::Stopped(const std::function<int()>& body) {
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) fail("ptrace");
    ::raise(SIGSTOP);
    ::_exit(body());
  }
  if (!WIFSTOPPED(wait_status(pid_))) fail("traced child");
  ::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
}

Stopped::~Stopped() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (WIFSTOPPED(wait_status(pid_))) {
  }
}

bool Stopped::ended_at_next_stop(bool& at_entry) {
  ::ptrace(PTRACE_SYSCALL, pid_, nullptr, signal_);
  status_ = wait_status(pid_);
  if (!WIFSTOPPED(status_)) {
    pid_ = -1;
    return true;
  }
  const bool call = WSTOPSIG(status_) == (SIGTRAP | 0x80);
  signal_ = call ? 0 : WSTOPSIG(status_);
  at_entry = call && call_of(pid_).op == PTRACE_SYSCALL_INFO_ENTRY;
  return false;
}

bool Stopped::next() {
  for (bool at_entry = false; !at_entry;)
    if (pid_ < 0 || ended_at_next_stop(at_entry)) return false;
  return true;
}

bool Stopped::skip(unsigned nth) {
  for (unsigned i = 0; i <= nth; ++i)
    if (!next()) return false;
  return true;
}

bool Stopped::reach(long number, const std::string& text) {
  while (next()) {
    const auto call = call_of(pid_);
    if (call.entry.nr != static_cast<unsigned long>(number)) continue;
    for (int i = 0; i < 4; ++i)
      if (text_at(call.entry.args[i]).find(text) != std::string::npos) return true;
  }
  return false;
}

int Stopped::finish() {
  if (pid_ > 0) {
    ::ptrace(PTRACE_DETACH, pid_, nullptr, signal_);
    status_ = wait_status(pid_);
    pid_ = -1;
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

// What cannot be read is no text.
std::string Stopped::text_at(unsigned long address) const {
  std::string text;
  while (text.size() < kLongestText) {
    errno = 0;
    const long word = ::ptrace(PTRACE_PEEKDATA, pid_, address + text.size(), nullptr);
    if (errno != 0) return {};
    char bytes[sizeof word];
    std::memcpy(bytes, &word, sizeof word);
    const auto length = ::strnlen(bytes, sizeof bytes);
    text.append(bytes, length);
    if (length < sizeof bytes) break;
  }
  return text;
}

}  // namespace fabric::testing
