#pragma once
// Runs the plan: makes the topic, starts five processes, kills one of them half way, and waits until everything was
// delivered.
//
// No child outlives it: on every way out they are killed by their process id and waited for; if it is killed itself,
// the kernel kills them (PR_SET_PDEATHSIG).

#include <sys/types.h>

#include <array>
#include <string>

#include "ipc/result.hpp"
#include "tools/evf/demo_ledger.hpp"
#include "tools/evf/demo_plan.hpp"

namespace fabric::evf::demo {

struct RunFacts {
  std::array<pid_t, kRoles> pids{};
  std::uint64_t started_ns = 0, ended_ns = 0;  // CLOCK_MONOTONIC: first publisher started, everything acked
  std::uint64_t killed_ns = 0;                 // just before SIGKILL was sent
  std::uint64_t slot_count = 0, slot_bytes = 0, file_bytes = 0;
};

// Replaces a topic of an earlier demo. Errors: already_exists (a topic that no demo made), busy, those of Fabric;
// system: a process failed, nothing moved for 20 s, or the run was interrupted.
ipc::Result<RunFacts> run_plan(const Plan& plan, const Ledger& ledger);

}  // namespace fabric::evf::demo
