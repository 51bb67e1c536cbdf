#include "tools/evf/demo_processes.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

namespace fabric::evf::demo {
namespace {

// Ends with the parent, and not by a Ctrl-C that the terminal sends to everybody: the parent does it.
void follow_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) _exit(1);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
}

}  // namespace

Processes::~Processes() {
  for (std::uint32_t role = 0; role < kRoles; ++role) kill(role);
}

ipc::Result<void> Processes::start(std::uint32_t role, const std::function<int()>& main) {
  const auto parent = ::getpid();
  const auto child = ::fork();
  if (child < 0) return ipc::system_error(fmt::format("start {}", kRoleNames[role]), errno);
  if (child == 0) {
    follow_parent(parent);
    int code = 1;
    try {
      code = main();
    } catch (const std::exception& error) {
      ledger_.notes(role).fail(error.what());
    }
    _exit(code);  // nothing of the parent's is flushed or destroyed here
  }
  pids_[role] = child;
  running_[role] = true;
  return {};
}

void Processes::kill(std::uint32_t role) noexcept {
  if (!running_[role]) return;
  ::kill(pids_[role], SIGKILL);  // not reaped yet, so the id is still its own
  while (::waitpid(pids_[role], nullptr, 0) < 0 && errno == EINTR) {
  }
  running_[role] = false;
}

ipc::Result<void> Processes::reap() {
  for (std::uint32_t role = 0; role < kRoles; ++role) {
    if (!running_[role]) continue;
    int status = 0;
    const auto ended = ::waitpid(pids_[role], &status, WNOHANG);
    if (ended != pids_[role]) continue;
    running_[role] = false;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failure_of(role, status);
  }
  return {};
}

ipc::Error Processes::failure_of(std::uint32_t role, int status) const {
  const std::string_view why = ledger_.notes(role).failure.data();
  const auto how = WIFSIGNALED(status)
                       ? fmt::format("was ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)))
                       : fmt::format("failed: {}", why.empty() ? "it did not say why" : why);
  return ipc::make_error(ipc::ErrorCode::system, fmt::format("{} (process {}) {}; nothing was audited, run it again",
                                                             kRoleNames[role], pids_[role], how));
}

}  // namespace fabric::evf::demo
