#pragma once
// Time that passes for members of a group only when a test says so: leases and other bounds run out however slow the machine is, and never
// because it is.

#include <vector>

#include "fabric/delivery/consumer.hpp"
#include "tests/support/clock_peer.hpp"

namespace fabric {

struct ConsumerPeer {
  static ipc::Clock& clock(Consumer& of) noexcept { return of.clock_; }
  static ConsumerId id(const Consumer& of) noexcept { return of.sharing_->self(); }
};

namespace testing {

// Consumers of one process, which must stay where they are. Leases should be long: until a consumer is added it lives in real time.
class HeldTime {
 public:
  static constexpr std::uint64_t kTickNs = 5'000'000;  // longer than members look at the group

  // They all stand at the same time then.
  void add(Consumer& consumer) {
    ipc::ClockPeer::hold(ConsumerPeer::clock(consumer));
    consumers_.push_back(&consumer);
    for (auto* each : consumers_) now_ns_ = std::max(now_ns_, ConsumerPeer::clock(*each).now_ns());
    pass(0);
  }
  void pass(std::uint64_t ns) {
    now_ns_ += ns;
    for (auto* each : consumers_) {
      auto& clock = ConsumerPeer::clock(*each);
      ipc::ClockPeer::advance(clock, now_ns_ - clock.now_ns());
    }
  }
  // `act` at every tick.
  template <class Act>
  void pass(std::uint64_t ns, const Act& act) {
    for (const auto end_ns = now_ns_ + ns; now_ns_ < end_ns;) pass(kTickNs), act();
  }

 private:
  std::vector<Consumer*> consumers_;
  std::uint64_t now_ns_ = 0;
};

}  // namespace testing
}  // namespace fabric
