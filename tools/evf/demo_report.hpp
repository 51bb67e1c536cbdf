#pragma once
// What the demo says at the end: for people a few tables, for machines one object.

#include "tools/evf/demo_audit.hpp"
#include "tools/evf/demo_run.hpp"

namespace fabric::evf::demo {

void print_report(const Plan& plan, const RunFacts& facts, const Ledger& ledger, const Audit& audit);
// {"schema": "evf.demo/1", "ok": ..., ...}; all times in nanoseconds.
void print_report_json(const Plan& plan, const RunFacts& facts, const Ledger& ledger, const Audit& audit);

}  // namespace fabric::evf::demo
