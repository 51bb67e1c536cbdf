#include "tests/crash/tracee.hpp"

#include <dlfcn.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace fabric::ipc::crash {
namespace {

constexpr unsigned kHangSeconds = 60;
constexpr std::size_t kFarthestLanding = 400;
constexpr std::size_t kCostOfHit = 3;  // in single steps
constexpr long kBreakpoint = 0xcc;

long trace_request(int request, pid_t pid, std::uint64_t address, std::uint64_t data) noexcept {
  errno = 0;
  return ::ptrace(static_cast<__ptrace_request>(request), pid, address, data);
}

}  // namespace

void Trace::add(std::uint64_t instruction) {
  instructions_.push_back(instruction);
  occurrence_.push_back(++counts_[instruction]);
}

void Trace::drop(std::size_t steps) {
  for (; steps > 0 && !instructions_.empty(); --steps) {
    --counts_[instructions_.back()];
    instructions_.pop_back();
    occurrence_.pop_back();
  }
}

Trace::Landing Trace::landing_for(std::size_t step) const noexcept {
  Landing best{0, 0};
  std::size_t cost = step;
  for (std::size_t back = 0; back < kFarthestLanding && back < step; ++back) {
    const auto candidate = step - back;
    if (candidate >= instructions_.size()) continue;
    const auto hits = occurrence_[candidate];
    if (hits * kCostOfHit + back >= cost) continue;
    cost = hits * kCostOfHit + back;
    best = {candidate, hits};
  }
  return best;
}

Tracee::Tracee(Notes& notes, const std::function<void()>& body) : notes_(&notes) {
  new (&notes) Notes();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::alarm(kHangSeconds);
    ::raise(SIGSTOP);  // the tracer sets its options
    body();
    _exit(0);
  }
  if (pid_ < 0) {
    fault_ = "fork failed";
    return;
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  trace_request(PTRACE_SETOPTIONS, pid_, 0, PTRACE_O_EXITKILL);
  resume(PTRACE_CONT);
  if (pid_ > 0 && !in_region()) fault_ = "the child stopped before its region";
}

Tracee::~Tracee() {
  if (pid_ > 0) kill();
}

Tracee::Recorded Tracee::record(Trace& trace, std::size_t most) {
  if (!advance(trace, trace.steps())) return Recorded::strayed;
  for (std::size_t added = 0; added < most; ++added) {
    trace.add(instruction_pointer());
    resume(PTRACE_SINGLESTEP);
    if (!in_region()) return Recorded::end;
  }
  return Recorded::more;
}

bool Tracee::advance(const Trace& trace, std::size_t step) {
  const auto landing = trace.landing_for(step);
  if (landing.hits > 0 && !run_into(trace.instruction(landing.step), landing.hits)) return false;
  for (auto i = landing.hits > 0 ? landing.step : 0; i < step && in_region(); ++i) resume(PTRACE_SINGLESTEP);
  return in_region();
}

bool Tracee::run_into(std::uint64_t instruction, std::uint32_t hits) {
  const auto word = static_cast<std::uint64_t>(trace_request(PTRACE_PEEKTEXT, pid_, instruction, 0));
  const auto trapped = (word & ~std::uint64_t{0xff}) | kBreakpoint;
  for (std::uint32_t hit = 1;; ++hit) {
    trace_request(PTRACE_POKETEXT, pid_, instruction, trapped);
    resume(PTRACE_CONT);
    if (pid_ < 0) return false;
    trace_request(PTRACE_POKETEXT, pid_, instruction, word);
    if (!in_region()) return false;
    trace_request(PTRACE_POKEUSER, pid_, offsetof(user_regs_struct, rip), instruction);
    if (hit == hits) return true;
    resume(PTRACE_SINGLESTEP);
    if (!in_region()) return false;
  }
}

void Tracee::kill() {
  if (pid_ <= 0) return;
  int status = 0;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, &status, 0) >= 0 && !WIFSIGNALED(status) && !WIFEXITED(status)) {
  }
  pid_ = -1;
}

void Tracee::finish() {
  while (pid_ > 0 && resume(PTRACE_CONT) == Stop::trap) {
  }
}

Tracee::Stop Tracee::resume(int request) {
  if (pid_ <= 0) return Stop::gone;
  trace_request(request, pid_, 0, 0);
  return wait();
}

Tracee::Stop Tracee::wait() {
  int status = 0;
  if (::waitpid(pid_, &status, 0) < 0) {
    fault_ = "waitpid failed";
    pid_ = -1;
    return Stop::gone;
  }
  if (WIFSTOPPED(status)) {
    if (WSTOPSIG(status) == SIGTRAP) return Stop::trap;
    fault_ = std::string("the child received ") +
             (WSTOPSIG(status) == SIGALRM ? "no answer for a minute: it hangs" : strsignal(WSTOPSIG(status))) + " at " +
             describe_instruction(instruction_pointer());
    kill();
    return Stop::gone;
  }
  if (WIFSIGNALED(status)) fault_ = std::string("the child was ended by ") + strsignal(WTERMSIG(status));
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
    fault_ = "the child exited with " + std::to_string(WEXITSTATUS(status)) + ": " + notes_->failure.data();
  pid_ = -1;
  return Stop::gone;
}

std::uint64_t Tracee::instruction_pointer() const {
  return static_cast<std::uint64_t>(trace_request(PTRACE_PEEKUSER, pid_, offsetof(user_regs_struct, rip), 0));
}

std::string describe_instruction(std::uint64_t instruction) {
  Dl_info info{};
  char text[64];
  const bool known = ::dladdr(reinterpret_cast<void*>(instruction), &info) != 0 && info.dli_fname != nullptr;
  const auto base = known ? reinterpret_cast<std::uint64_t>(info.dli_fbase) : 0;
  std::snprintf(text, sizeof text, "+0x%llx", static_cast<unsigned long long>(instruction - base));
  if (!known) return text;
  const std::string file(info.dli_fname);
  return file.substr(file.find_last_of('/') + 1) + text +
         (info.dli_sname != nullptr ? std::string(" ") + info.dli_sname : "");
}

}  // namespace fabric::ipc::crash
