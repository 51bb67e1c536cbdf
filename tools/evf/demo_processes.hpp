#pragma once
// The demo's child processes. Not thread-safe.

#include <sys/types.h>

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "ipc/result.hpp"
#include "tools/evf/demo_ledger.hpp"

namespace fabric::evf::demo {

class Processes {
 public:
  explicit Processes(const Ledger& ledger) : ledger_(ledger) {}
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  // Kills what still runs, by process id, and waits for it.
  ~Processes();

  // Forks a child that runs `main` and exits with what it returns. Errors: system.
  ipc::Result<void> start(std::uint32_t role, const std::function<int()>& main);
  pid_t pid(std::uint32_t role) const noexcept { return pids_[role]; }
  bool running(std::uint32_t role) const noexcept { return running_[role]; }
  // Sends SIGKILL and waits until it is dead.
  void kill(std::uint32_t role) noexcept;
  // Looks after those that ended. Errors: system, naming one that failed and why.
  ipc::Result<void> reap();

 private:
  ipc::Error failure_of(std::uint32_t role, int status) const;
  const Ledger& ledger_;
  std::array<pid_t, kRoles> pids_{};
  std::array<bool, kRoles> running_{};
};

}  // namespace fabric::evf::demo
