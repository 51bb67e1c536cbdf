#pragma once
// One member's part in dividing a topic's partitions among its group: looks at the group's cursors, asks for partitions, renews its
// leases, and says what is to be taken and given away (assignment.hpp has the rules). It owns no partition itself: Consumer does.
//
// Leases. Death is proven by the kernel and needs none. A lease is for members that live and do nothing: stopped by a signal or a
// debugger, or in a handler that hangs. Its owner renews it whenever it polls or acks; one that is over is taken by force, and its
// former owner is fenced. A member that was stopped between taking a partition and writing its lease has none: others give it their
// own lease's time from when they first saw it there. A lease that somebody wrote over (a former owner that woke up, damage) is written
// again at the next look.
//
// Killed anywhere, it leaves requests that nobody believes (their maker is dead); stopped, requests that cost others kOverdueNs once. A
// member that looks seldom, because its handler takes long, may come too late for what it was given. So who takes a partition instead of a
// live member that had asked for it waits twice as long the next time, up to kLongestOverdueNs; who has come too late even then
// is not listened to for kDeafNs.
//
// A partition that could not be taken (it is damaged, ...) counts for nobody, and is not asked for, until it is taken or kUnfitNs have passed.
// Not thread-safe: used by its Consumer alone. look() asks the kernel once per other member; allocates. 255 members of a group in one process
// are told apart.

#include <cstdint>
#include <string>
#include <vector>

#include "fabric/delivery/assignment.hpp"
#include "fabric/fabric.hpp"
#include "ipc/cursor_watch.hpp"

namespace fabric {

class Sharing {
 public:
  struct Options {
    std::string group{};
    std::uint64_t lease_ns = 0;  // 0: for ever
    bool balance = true;         // false: was told which partitions to have
    bool gating = true;          // as the cursors have to be
  };
  static constexpr std::uint64_t kOverdueNs = 20'000'000, kLongestOverdueNs = 64 * kOverdueNs;
  static constexpr std::uint64_t kDeafNs = 30'000'000'000, kUnfitNs = 1'000'000'000;

  // `wanted`: partitions, ascending.
  Sharing(const Topic& topic, std::vector<std::uint32_t> wanted, Options options);
  // The topic has grown by these as well, which come after all others.
  void extend(const Topic& topic, const std::vector<std::uint32_t>& more);
  ~Sharing();  // takes its requests back
  Sharing(const Sharing&) = delete;
  Sharing& operator=(const Sharing&) = delete;

  ConsumerId self() const noexcept { return self_; }

  struct Take {
    std::uint32_t partition = 0;
    bool by_force = false;  // its owner's lease is over
    std::uint64_t owner_changes = 0;  // by force: of the owner whose lease it is
  };
  struct Step {
    std::vector<Take> take;
    std::vector<std::uint32_t> give;
  };
  // What is to be done now. `now_ns`: CLOCK_MONOTONIC. Renews the leases of what this member owns, makes and withdraws requests.
  const Step& look(std::uint64_t now_ns);
  // Renews the leases that look() would; cheap when there is nothing to renew.
  void renew(std::uint64_t now_ns);
  // After a partition was taken, could not be taken for another reason than its owner, or was given away (or lost).
  void took(std::uint32_t partition, std::uint64_t now_ns);
  void failed(std::uint32_t partition, std::uint64_t now_ns);
  void gave(std::uint32_t partition);

 private:
  struct Watched {
    ipc::CursorWatch watch;
    bool ours = false, asked = false;
    bool lease_over = false, instead = false;  // instead: it is taken although a live member asked for it
    // As we last saw it, and since when it is so.
    ipc::CursorSight seen{};
    std::uint64_t since_ns = 0;
    // Ours: the lease we wrote, and as what owner.
    std::uint64_t lease = 0, owner_changes = 0;
    std::uint64_t overdue_ns = kOverdueNs, deaf_until_ns = 0, unfit_until_ns = 0;
    std::uint64_t woken_ns = 0;  // asked: when its owner was last woken for it
  };
  PartitionSight sight(Watched& watched, std::uint64_t now_ns);
  PartitionSight sight_of_ours(Watched& watched, std::uint64_t now_ns);
  bool lease_is_over(const Watched& watched, std::uint64_t now_ns) const noexcept;
  bool is_unfit(const Watched& watched, std::uint64_t now_ns) const noexcept;
  bool is_alive(ipc::MemberId member);
  bool is_reader_alive(ipc::ReaderId reader);
  void ask(Watched& watched, std::uint64_t now_ns);
  std::uint64_t new_lease(std::uint64_t now_ns) const noexcept;
  Watched& of(std::uint32_t partition);

  std::vector<std::uint32_t> wanted_;
  Options options_;
  std::shared_ptr<const ipc::Ring> ring_;  // partition 0's: members are the same in all
  std::uint8_t number_;                    // of this consumer, in its process
  ConsumerId self_;
  std::vector<Watched> watched_;           // as wanted_
  std::vector<std::pair<std::uint64_t, bool>> alive_;  // answers of one look, by the lowest 56 bits of the id
  std::vector<PartitionSight> sights_;
  Step step_;
  std::uint64_t renewed_ns_ = 0;
};

}  // namespace fabric
