#pragma once
// One member's part in dividing a topic's partitions among its group: looks at the group's cursors, asks for partitions, renews its
// leases, and says what is to be taken and given away (assignment.hpp has the rules). It owns no partition itself: Consumer does.
//
// Leases. Death is proven by the kernel and needs none. A lease is for members that live and do nothing: stopped by a signal or a
// debugger, or in a handler that hangs. Its owner renews it whenever it polls or acks; one that is over is taken by force, and its
// former owner is fenced. A member that was stopped between taking a partition and writing its lease has none: others give it their
// own lease's time from when they first saw it there.
//
// Killed anywhere, it leaves requests that nobody believes (their maker is dead); stopped, requests that cost others kOverdueNs once.
// Not thread-safe: used by its Consumer alone. look() asks the kernel once per other member; allocates.

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
  };
  static constexpr std::uint64_t kOverdueNs = 20'000'000;

  // `wanted`: partitions, ascending.
  Sharing(const Topic& topic, std::vector<std::uint32_t> wanted, Options options);
  ~Sharing();  // takes its requests back
  Sharing(const Sharing&) = delete;
  Sharing& operator=(const Sharing&) = delete;

  struct Take {
    std::uint32_t partition = 0;
    bool by_force = false;  // its owner's lease is over
  };
  struct Step {
    std::vector<Take> take;
    std::vector<std::uint32_t> give;
  };
  // What is to be done now. `now_ns`: CLOCK_MONOTONIC. Renews the leases of what this member owns, makes and withdraws requests.
  const Step& look(std::uint64_t now_ns);
  // Renews the leases that look() would; cheap when there is nothing to renew.
  void renew(std::uint64_t now_ns);
  // After a partition was taken, or was given away.
  void took(std::uint32_t partition, std::uint64_t now_ns);
  void gave(std::uint32_t partition);

 private:
  struct Watched {
    ipc::CursorWatch watch;
    bool ours = false, asked = false;
    bool lease_over = false;
    // As we last saw it, and since when it is so.
    ipc::CursorSight seen{};
    std::uint64_t since_ns = 0;
  };
  PartitionSight sight(Watched& watched, std::uint64_t now_ns);
  bool lease_is_over(const Watched& watched, std::uint64_t now_ns) const noexcept;
  bool is_alive(ipc::MemberId member);
  std::uint64_t new_lease(std::uint64_t now_ns) const noexcept;
  Watched& of(std::uint32_t partition);

  std::vector<std::uint32_t> wanted_;
  Options options_;
  std::shared_ptr<const ipc::Ring> ring_;  // partition 0's: members are the same in all
  std::uint8_t number_;                    // of this consumer, in its process
  ConsumerId self_;
  std::vector<Watched> watched_;           // as wanted_
  std::vector<std::pair<ipc::MemberId, bool>> alive_;  // answers of one look
  std::vector<PartitionSight> sights_;
  Step step_;
  std::uint64_t renewed_ns_ = 0;
};

}  // namespace fabric
