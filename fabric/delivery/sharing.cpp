#include "fabric/delivery/sharing.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

namespace fabric {

using ipc::LeaseWord;
using ipc::MemberId;

namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint64_t kWakeAgainNs = 5'000'000;
constexpr ConsumerId kNobodyFits = ~ConsumerId{0};  // owns, in our eyes, what cannot be taken
constexpr std::uint32_t kNumbers = 255;

std::array<std::atomic<bool>, kNumbers + 1> numbers_in_use{};

// 1 to 255, in turn, of those that no other consumer of this process has; where all are in use, one that another has as well.
std::uint8_t acquire_number() noexcept {
  static std::atomic<std::uint32_t> turn{0};
  std::uint32_t number = 0;
  for (std::uint32_t i = 0; i < kNumbers; ++i) {
    number = 1 + turn.fetch_add(1, std::memory_order_relaxed) % kNumbers;
    if (!numbers_in_use[number].exchange(true, std::memory_order_relaxed)) break;
  }
  return static_cast<std::uint8_t>(number);
}

std::uint64_t low_bits(MemberId member) noexcept { return ipc::reader_id(member, 0) >> 8; }

}  // namespace

Sharing::Sharing(const Topic& topic, std::vector<std::uint32_t> wanted, Options options)
    : wanted_(std::move(wanted)),
      options_(std::move(options)),
      ring_(topic.ring(0)),
      number_(acquire_number()),
      self_(ipc::reader_id(ring_->member(), number_)) {
  extend(topic, std::exchange(wanted_, {}));
}

void Sharing::extend(const Topic& topic, const std::vector<std::uint32_t>& more) {
  wanted_.insert(wanted_.end(), more.begin(), more.end());
  for (const auto partition : more) watched_.push_back({.watch = ipc::CursorWatch(topic.ring(partition), options_.group)});
}

Sharing::~Sharing() {
  for (auto& watched : watched_)
    if (watched.asked) watched.watch.withdraw(self_);
  numbers_in_use[number_].store(false, std::memory_order_relaxed);
}

Sharing::Watched& Sharing::of(std::uint32_t partition) {
  const auto found = std::lower_bound(wanted_.begin(), wanted_.end(), partition);
  return watched_[static_cast<std::size_t>(found - wanted_.begin())];
}

bool Sharing::is_alive(MemberId member) {
  if (member == 0) return false;
  for (const auto& [known, alive] : alive_)
    if (known == low_bits(member)) return alive;
  return alive_.emplace_back(low_bits(member), ring_->is_alive(member)).second;
}

bool Sharing::is_reader_alive(ipc::ReaderId reader) {
  if (reader == 0) return false;
  for (const auto& [known, alive] : alive_)
    if (known == reader >> 8) return alive;
  return alive_.emplace_back(reader >> 8, ipc::is_alive(*ring_, reader)).second;
}

std::uint64_t Sharing::new_lease(std::uint64_t now_ns) const noexcept {
  const auto end_ns = now_ns + std::min(options_.lease_ns, ~std::uint64_t{0} - now_ns);
  const auto until_ms = options_.lease_ns == 0 ? LeaseWord::kForEver : std::min(end_ns / kNsPerMs + 1, LeaseWord::kForEver - 1);
  return LeaseWord::make(until_ms, options_.balance, number_, ring_->member());
}

// Of a live owner that is not us. One that has written no lease is given the time of ours.
bool Sharing::lease_is_over(const Watched& watched, std::uint64_t now_ns) const noexcept {
  if (watched.seen.lease == 0) return options_.lease_ns != 0 && now_ns - watched.since_ns > options_.lease_ns;
  const auto until_ms = LeaseWord::until_ms(watched.seen.lease);
  return until_ms != LeaseWord::kForEver && until_ms < now_ns / kNsPerMs;
}

// It cannot be taken by us, or could not be shortly ago.
bool Sharing::is_unfit(const Watched& watched, std::uint64_t now_ns) const noexcept {
  return now_ns < watched.unfit_until_ns || (watched.seen.exists && watched.seen.gating != options_.gating);
}

PartitionSight Sharing::sight_of_ours(Watched& watched, std::uint64_t now_ns) {
  const auto& seen = watched.seen;
  if (seen.lease != watched.lease) watched.watch.renew(watched.lease, watched.owner_changes);  // scribbled over
  PartitionSight sight{.owner = self_, .gives_way = options_.balance};
  if (now_ns >= watched.deaf_until_ns && is_reader_alive(seen.requested_by)) sight.requester = seen.requested_by;
  return sight;
}

PartitionSight Sharing::sight(Watched& watched, std::uint64_t now_ns) {
  auto seen = watched.watch.look();
  if (!is_alive(seen.owner)) seen.owner = seen.lease = 0;
  const auto& before = watched.seen;
  if (watched.since_ns == 0 || before.owner != seen.owner || (seen.owner != 0 && before.owner_changes != seen.owner_changes))
    watched.since_ns = now_ns;
  watched.seen = seen;
  watched.asked = watched.asked && seen.requested_by == self_;
  watched.lease_over = watched.instead = false;
  if (watched.ours) return sight_of_ours(watched, now_ns);
  PartitionSight sight;
  if (is_reader_alive(seen.requested_by)) sight.requester = seen.requested_by;
  watched.lease_over = seen.owner != 0 && lease_is_over(watched, now_ns);
  if (seen.owner == 0 || watched.lease_over) {
    sight.overdue = watched.lease_over || now_ns - watched.since_ns > watched.overdue_ns;
    watched.instead = !watched.lease_over && sight.requester != 0 && sight.requester != self_;
    return sight;
  }
  sight.owner = ipc::reader_id(seen.owner, LeaseWord::reader(seen.lease));
  sight.gives_way = LeaseWord::gives_way(seen.lease);
  return sight;
}

void Sharing::renew(std::uint64_t now_ns) {
  if (options_.lease_ns == 0 || now_ns - renewed_ns_ < options_.lease_ns / 8) return;
  renewed_ns_ = now_ns;
  for (auto& watched : watched_) {
    if (!watched.ours) continue;
    watched.lease = new_lease(now_ns);
    watched.watch.renew(watched.lease, watched.owner_changes);
  }
}

// In place of nobody, or of a dead one: next_step asks where it saw no live one.
void Sharing::ask(Watched& watched, std::uint64_t now_ns) {
  watched.asked = watched.watch.request(self_, watched.seen.requested_by);
  watched.woken_ns = now_ns;
}

const Sharing::Step& Sharing::look(std::uint64_t now_ns) {
  renew(now_ns);
  alive_.clear();
  sights_.clear();
  step_.take.clear();
  step_.give.clear();
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    auto& watched = watched_[i];
    auto seen = sight(watched, now_ns);
    if (!watched.ours && is_unfit(watched, now_ns)) {
      const bool due = seen.requester == 0 || seen.requester == self_ || seen.overdue;
      if (watched.seen.owner == 0 ? due : watched.seen.gating != options_.gating) step_.take.push_back({.partition = wanted_[i]});
      seen = {.owner = kNobodyFits};
    }
    // The owner may have looked before we asked, and have fallen asleep after we woke it.
    if (watched.asked && now_ns - watched.woken_ns >= kWakeAgainNs) {
      watched.watch.wake();
      watched.woken_ns = now_ns;
    }
    sights_.push_back(seen);
  }
  const auto next = next_step(self_, sights_, options_.balance);
  for (const auto i : next.withdraw) {
    watched_[i].watch.withdraw(self_);
    watched_[i].asked = false;
  }
  for (const auto i : next.request) ask(watched_[i], now_ns);
  for (const auto i : next.take)
    step_.take.push_back(
        {.partition = wanted_[i], .by_force = watched_[i].lease_over, .owner_changes = watched_[i].seen.owner_changes});
  for (const auto i : next.give) step_.give.push_back(wanted_[i]);
  return step_;
}

void Sharing::took(std::uint32_t partition, std::uint64_t now_ns) {
  auto& watched = of(partition);
  watched.ours = true;
  watched.owner_changes = watched.watch.look().owner_changes;
  watched.lease = new_lease(now_ns);
  watched.watch.renew(watched.lease, watched.owner_changes);
  watched.watch.forget_requests();
  watched.asked = false;
  watched.unfit_until_ns = 0;
  if (!watched.instead) return;
  if (watched.overdue_ns >= kLongestOverdueNs) watched.deaf_until_ns = now_ns + kDeafNs;
  watched.overdue_ns = std::min(2 * watched.overdue_ns, kLongestOverdueNs);
}

void Sharing::failed(std::uint32_t partition, std::uint64_t now_ns) {
  auto& watched = of(partition);
  watched.unfit_until_ns = now_ns + kUnfitNs;
  watched.watch.withdraw(self_);
  watched.asked = false;
}

void Sharing::gave(std::uint32_t partition) {
  auto& watched = of(partition);
  watched.ours = false;
  watched.since_ns = 0;
  watched.watch.wake();
}

}  // namespace fabric
