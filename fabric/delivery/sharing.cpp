#include "fabric/delivery/sharing.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace fabric {

using ipc::LeaseWord;
using ipc::MemberId;

namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

// 1 to 255, in turn.
std::uint8_t next_number() noexcept {
  static std::atomic<std::uint32_t> numbers{0};
  return static_cast<std::uint8_t>(1 + numbers.fetch_add(1, std::memory_order_relaxed) % 255);
}

}  // namespace

Sharing::Sharing(const Topic& topic, std::vector<std::uint32_t> wanted, Options options)
    : wanted_(std::move(wanted)),
      options_(std::move(options)),
      ring_(topic.ring(0)),
      number_(next_number()),
      self_(ipc::reader_id(ring_->member(), number_)) {
  watched_.reserve(wanted_.size());
  for (const auto partition : wanted_)
    watched_.push_back({.watch = ipc::CursorWatch(topic.ring(partition), options_.group)});
}

Sharing::~Sharing() {
  for (auto& watched : watched_)
    if (watched.asked) watched.watch.withdraw(self_);
}

Sharing::Watched& Sharing::of(std::uint32_t partition) {
  const auto found = std::lower_bound(wanted_.begin(), wanted_.end(), partition);
  return watched_[static_cast<std::size_t>(found - wanted_.begin())];
}

bool Sharing::is_alive(MemberId member) {
  if (member == 0) return false;
  for (const auto& [known, alive] : alive_)
    if (known == member) return alive;
  return alive_.emplace_back(member, ring_->is_alive(member)).second;
}

std::uint64_t Sharing::new_lease(std::uint64_t now_ns) const noexcept {
  const auto until_ms = options_.lease_ns == 0 ? LeaseWord::kForEver
                                               : std::min((now_ns + options_.lease_ns) / kNsPerMs + 1, LeaseWord::kForEver - 1);
  return LeaseWord::make(until_ms, options_.balance, number_, ring_->member());
}

// Of a live owner that is not us. One that has written no lease is given the time of ours.
bool Sharing::lease_is_over(const Watched& watched, std::uint64_t now_ns) const noexcept {
  if (watched.seen.lease == 0) return options_.lease_ns != 0 && now_ns - watched.since_ns > options_.lease_ns;
  const auto until_ms = LeaseWord::until_ms(watched.seen.lease);
  return until_ms != LeaseWord::kForEver && until_ms < now_ns / kNsPerMs;
}

PartitionSight Sharing::sight(Watched& watched, std::uint64_t now_ns) {
  auto seen = watched.watch.look();
  if (!is_alive(seen.owner)) seen.owner = seen.lease = 0;
  const auto& before = watched.seen;
  if (watched.since_ns == 0 || before.owner != seen.owner || (seen.owner != 0 && before.owner_changes != seen.owner_changes))
    watched.since_ns = now_ns;
  watched.seen = seen;
  watched.asked = watched.asked && seen.requested_by == self_;
  watched.lease_over = false;
  PartitionSight sight;
  if (is_alive(ipc::member_of(seen.requested_by))) sight.requester = seen.requested_by;
  if (watched.ours) {
    sight.owner = self_;
    sight.gives_way = options_.balance;
    return sight;
  }
  watched.lease_over = seen.owner != 0 && lease_is_over(watched, now_ns);
  if (seen.owner == 0 || watched.lease_over) {
    sight.overdue = watched.lease_over || now_ns - watched.since_ns > kOverdueNs;
    return sight;
  }
  sight.owner = ipc::reader_id(seen.owner, LeaseWord::reader(seen.lease));
  sight.gives_way = LeaseWord::gives_way(seen.lease);
  return sight;
}

void Sharing::renew(std::uint64_t now_ns) {
  if (options_.lease_ns == 0 || now_ns - renewed_ns_ < options_.lease_ns / 8) return;
  renewed_ns_ = now_ns;
  for (auto& watched : watched_)
    if (watched.ours) watched.watch.renew(new_lease(now_ns));
}

const Sharing::Step& Sharing::look(std::uint64_t now_ns) {
  renew(now_ns);
  alive_.clear();
  sights_.clear();
  step_.take.clear();
  step_.give.clear();
  for (auto& watched : watched_) sights_.push_back(sight(watched, now_ns));
  const auto next = next_step(self_, sights_, options_.balance);
  for (const auto i : next.withdraw) {
    watched_[i].watch.withdraw(self_);
    watched_[i].asked = false;
  }
  for (const auto i : next.request)  // in place of nobody, or of a dead one: next_step asks where it saw no live one
    watched_[i].asked = watched_[i].watch.request(self_, watched_[i].seen.requested_by);
  for (const auto i : next.take) step_.take.push_back({.partition = wanted_[i], .by_force = watched_[i].lease_over});
  for (const auto i : next.give) step_.give.push_back(wanted_[i]);
  return step_;
}

void Sharing::took(std::uint32_t partition, std::uint64_t now_ns) {
  auto& watched = of(partition);
  watched.ours = true;
  watched.watch.renew(new_lease(now_ns));
  watched.watch.forget_requests();
  watched.asked = false;
}

void Sharing::gave(std::uint32_t partition) {
  auto& watched = of(partition);
  watched.ours = false;
  watched.since_ns = 0;
  watched.watch.wake();
}

}  // namespace fabric
