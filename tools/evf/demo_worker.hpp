#pragma once
// What the processes of the demo do: two publish, three consume. Each runs in a forked child and writes into its own
// place of the ledger. They return the child's exit code; why a child failed stands in its notes.

#include "tools/evf/demo_ledger.hpp"
#include "tools/evf/demo_plan.hpp"

namespace fabric::evf::demo {

// Publishes the plan's records of this publisher in their order, paced, and waits behind three quarters of them until
// it is released.
int run_publisher(const Plan& plan, const Ledger& ledger, std::uint32_t publisher);

// Consumes as a member of `group` until it is told to stop: writes down, then acks.
int run_consumer(const Plan& plan, const Ledger& ledger, std::uint32_t role, const std::string& group);

}  // namespace fabric::evf::demo
