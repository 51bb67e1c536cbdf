#include "fabric/delivery/assignment.hpp"

#include <algorithm>
#include <map>

namespace fabric {
namespace {

using Counts = std::map<ConsumerId, std::uint32_t>;

// For whom a partition counts; 0: nobody.
ConsumerId beneficiary(const PartitionSight& sight) noexcept { return sight.owner != 0 ? sight.owner : sight.requester; }

// Owners that do not give way keep what they have: neither they nor their partitions are part of the division.
bool takes_part(ConsumerId self, const PartitionSight& sight) noexcept {
  return sight.owner == 0 || sight.owner == self || sight.gives_way;
}

Counts count(ConsumerId self, const std::vector<PartitionSight>& seen) {
  Counts counts{{self, 0}};
  for (const auto& sight : seen) {
    if (sight.requester != 0) counts.try_emplace(sight.requester, 0);
    const auto whose = beneficiary(sight);
    if (whose != 0 && takes_part(self, sight)) ++counts[whose];
  }
  return counts;
}

class Step {
 public:
  Step(ConsumerId self, const std::vector<PartitionSight>& seen, bool balance)
      : self_(self), seen_(seen), balance_(balance), counts_(count(self, seen)) {}

  AssignmentStep decide() {
    take();
    if (balance_) {
      give();
      keep_requests();
      request();
    }
    for (auto* list : {&step_.take, &step_.give, &step_.request, &step_.withdraw}) std::sort(list->begin(), list->end());
    return std::move(step_);
  }

 private:
  void take() {
    const auto in_division = static_cast<std::size_t>(
        std::count_if(seen_.begin(), seen_.end(), [&](const auto& sight) { return takes_part(self_, sight); }));
    const auto share = (in_division + counts_.size() - 1) / counts_.size();
    for (std::uint32_t i = 0; i < seen_.size(); ++i) {
      const auto& sight = seen_[i];
      if (sight.owner != 0) continue;
      const bool asked = sight.requester == self_;
      const bool free_to_take = sight.requester == 0 && (!balance_ || counts_[self_] < share);
      if (!asked && !free_to_take && !sight.overdue) continue;
      step_.take.push_back(i);
      if (!asked) ++counts_[self_];
    }
  }

  void give() {
    for (std::uint32_t i = 0; i < seen_.size(); ++i) {
      const auto& sight = seen_[i];
      if (sight.owner != self_ || sight.requester == 0 || sight.requester == self_) continue;
      auto& theirs = counts_[sight.requester];
      if (counts_[self_] < theirs + 2) continue;
      step_.give.push_back(i);
      --counts_[self_];
      ++theirs;
    }
  }

  // What we have asked for counts as if we had it, as long as its owner would give it.
  void keep_requests() {
    for (std::uint32_t i = 0; i < seen_.size(); ++i) {
      const auto& sight = seen_[i];
      if (sight.requester != self_ || sight.owner == 0) continue;
      if (sight.owner == self_ || !sight.gives_way || !move_to_us(sight.owner)) step_.withdraw.push_back(i);
    }
  }

  // One more each time, from whoever has most, for as long as that makes the division more even.
  void request() {
    std::map<ConsumerId, std::vector<std::uint32_t>> offers;  // by owner; descending
    for (auto i = static_cast<std::uint32_t>(seen_.size()); i-- > 0;) {
      const auto& sight = seen_[i];
      if (sight.owner == 0 || sight.owner == self_ || !sight.gives_way || sight.requester != 0) continue;
      offers[sight.owner].push_back(i);
    }
    while (!offers.empty()) {
      const auto richest = std::max_element(offers.begin(), offers.end(), [&](const auto& one, const auto& other) {
        const auto ones = counts_[one.first], others = counts_[other.first];
        return ones != others ? ones < others : one.second.back() > other.second.back();
      });
      if (!move_to_us(richest->first)) return;
      step_.request.push_back(richest->second.back());
      richest->second.pop_back();
      if (richest->second.empty()) offers.erase(richest);
    }
  }

  bool move_to_us(ConsumerId owner) {
    if (counts_[owner] < counts_[self_] + 2) return false;
    --counts_[owner];
    ++counts_[self_];
    return true;
  }

  ConsumerId self_;
  const std::vector<PartitionSight>& seen_;
  bool balance_;
  Counts counts_;
  AssignmentStep step_;
};

}  // namespace

AssignmentStep next_step(ConsumerId self, const std::vector<PartitionSight>& seen, bool balance) {
  return Step(self, seen, balance).decide();
}

}  // namespace fabric
