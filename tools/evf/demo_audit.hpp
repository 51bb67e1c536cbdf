#pragma once
// Whether everything that was published reached every group, whole and in the order of its key: from the ledger and the
// plan alone.
//
// | finding        | a record of the plan that                                                                       |
// | unpublished    | no publisher says it published, or more than once                                              |
// | lost           | was never given to a member of the group                                                       |
// | out_of_order   | came, at one member, after a later record of its key, or twice                                  |
// | torn           | differs from its line in key or payload                                                         |
// | foreign        | names no record of the plan                                                                     |
// | misplaced      | came from another partition or sequence than its publisher was told                             |
// | damaged        | the ring handed out as damaged; overrun: reported as passed by publishers                       |
// A record that a member gets again from its predecessor's unacked end is a redelivery: counted, and no finding.

#include <array>
#include <string>
#include <vector>

#include "tools/evf/demo_ledger.hpp"
#include "tools/evf/demo_plan.hpp"

namespace fabric::evf::demo {

struct Percentiles {
  std::uint64_t p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;
};
Percentiles percentiles(std::vector<std::uint64_t> values);

struct GroupAudit {
  std::string name;
  std::uint64_t delivered = 0, unique = 0, redelivered = 0;
  std::uint64_t lost = 0, out_of_order = 0, torn = 0, foreign = 0, misplaced = 0, damaged = 0, overrun = 0, fenced = 0;
  Percentiles latency_ns;  // of first deliveries
  std::uint64_t findings() const noexcept {
    return lost + out_of_order + torn + foreign + misplaced + damaged + overrun + fenced;
  }
};

struct Audit {
  std::uint64_t records = 0;    // of the plan
  std::uint64_t published = 0;  // different records that publishers say are published
  std::uint64_t unpublished = 0;
  std::array<GroupAudit, kGroups.size()> groups;
  std::vector<std::string> examples;  // the first findings, in words
  std::uint64_t findings() const noexcept { return unpublished + groups[0].findings() + groups[1].findings(); }
  bool holds() const noexcept { return findings() == 0; }
};

Audit audit(const Plan& plan, const Ledger& ledger);

}  // namespace fabric::evf::demo
