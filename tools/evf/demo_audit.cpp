#include "tools/evf/demo_audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "tools/evf/text.hpp"

namespace fabric::evf::demo {
namespace {

constexpr std::size_t kMostExamples = 8;

// Where each record of the plan was published.
struct Place {
  std::uint32_t times = 0, partition = 0;
  std::uint64_t sequence = 0;
};

class Auditor {
 public:
  Auditor(const Plan& plan, const Ledger& ledger) : plan_(plan), ledger_(ledger), places_(plan.records()) {
    hashes_.reserve(plan.records());
    for (std::uint32_t record = 0; record < plan.records(); ++record) hashes_.push_back(plan.content_hash(record));
  }

  Audit run() {
    audit_.records = plan_.records();
    audit_published();
    audit_group(0, {kVictim, kSurvivor});
    audit_group(1, {kOther});
    return std::move(audit_);
  }

 private:
  void example(const char* what, const std::string& where, std::uint32_t record) {
    if (audit_.examples.size() >= kMostExamples) return;
    audit_.examples.push_back(fmt::format("{}: record {} (key '{}', pass {}), {}", what, record,
                                          printable(plan_.line_of(record).key.substr(0, 60)), plan_.pass_of(record) + 1,
                                          where));
  }

  void audit_published() {
    for (const std::uint32_t publisher : {kPublisher0, kPublisher1}) {
      for (const auto& entry : ledger_.published(publisher)) {
        if (entry.record >= plan_.records()) continue;
        auto& place = places_[entry.record];
        place = {place.times + 1, entry.partition, entry.sequence};
      }
    }
    for (std::uint32_t record = 0; record < plan_.records(); ++record) {
      audit_.published += places_[record].times != 0 ? 1 : 0;
      if (places_[record].times == 1) continue;
      ++audit_.unpublished;
      example("not published once", fmt::format("but {} times", places_[record].times), record);
    }
  }

  void audit_group(std::size_t index, std::initializer_list<Role> members) {
    auto& group = audit_.groups[index];
    group.name = kGroups[index];
    std::vector<bool> seen(plan_.records());
    std::vector<std::uint64_t> latencies;
    latencies.reserve(plan_.records());
    for (const auto member : members) {
      const auto& notes = ledger_.notes(member);
      group.damaged += notes.damaged.load();
      group.overrun += notes.lost.load();
      group.fenced += notes.fenced.load();
      audit_member(group, member, seen, latencies);
    }
    for (std::uint32_t record = 0; record < plan_.records(); ++record) {
      if (seen[record] || places_[record].times == 0) continue;
      ++group.lost;
      example("lost", fmt::format("never delivered to {}", group.name), record);
    }
    group.latency_ns = percentiles(std::move(latencies));
  }

  void audit_member(GroupAudit& group, Role member, std::vector<bool>& seen, std::vector<std::uint64_t>& latencies) {
    std::vector<std::int64_t> last(plan_.input.lines_per_key().size(), -1);  // ordinal of each key at this member
    const auto where = fmt::format("at {}", kRoleNames[member]);
    for (const auto& entry : ledger_.delivered(member)) {
      ++group.delivered;
      if (entry.record >= plan_.records()) {
        ++group.foreign;
        continue;
      }
      const auto record = entry.record;
      if (entry.content_hash != hashes_[record]) {
        ++group.torn;
        example("torn", where, record);
      }
      const auto& place = places_[record];
      if (place.times != 0 && (place.partition != entry.partition || place.sequence != entry.sequence)) {
        ++group.misplaced;
        example("misplaced", where, record);
      }
      auto& last_of_key = last[plan_.line_of(record).key_index];
      const std::int64_t ordinal = plan_.ordinal_of(record);
      if (ordinal <= last_of_key) {
        ++group.out_of_order;
        example("out of order", where, record);
      }
      last_of_key = std::max(last_of_key, ordinal);
      if (seen[record]) {
        ++group.redelivered;
        continue;
      }
      seen[record] = true;
      ++group.unique;
      latencies.push_back(entry.latency_ns);
    }
  }

  const Plan& plan_;
  const Ledger& ledger_;
  std::vector<Place> places_;
  std::vector<std::uint64_t> hashes_;
  Audit audit_;
};

}  // namespace

Percentiles percentiles(std::vector<std::uint64_t> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  // The smallest value that at least so many thousandths of all values do not exceed.
  const auto at = [&](std::size_t thousandths) { return values[(values.size() * thousandths + 999) / 1000 - 1]; };
  return {.p50 = at(500), .p90 = at(900), .p99 = at(990), .p999 = at(999), .max = values.back()};
}

Audit audit(const Plan& plan, const Ledger& ledger) { return Auditor(plan, ledger).run(); }

}  // namespace fabric::evf::demo
