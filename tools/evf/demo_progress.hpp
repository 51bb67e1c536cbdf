#pragma once
// One line on standard error that is rewritten ten times a second, when that is a terminal. Not thread-safe.

#include <cstdint>

#include "tools/evf/demo_ledger.hpp"
#include "tools/evf/demo_plan.hpp"

namespace fabric::evf::demo {

class Progress {
 public:
  Progress(const Plan& plan, const Ledger& ledger);
  void show(std::uint64_t now_ns);
  void clear();

 private:
  const Plan& plan_;
  const Ledger& ledger_;
  bool terminal_, shown_ = false;
  std::uint64_t shown_ns_ = 0;
};

}  // namespace fabric::evf::demo
