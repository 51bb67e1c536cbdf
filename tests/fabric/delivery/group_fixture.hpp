#pragma once
// Consumers of the topic "orders" in the group "billing", polled until they have divided its partitions.

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::testing {

class GroupFixture : public FabricFixture {
 protected:
  // Polls and acks all of them until each holds what is expected.
  static bool come_to(const std::vector<std::pair<Consumer*, std::uint32_t>>& expected,
                      const Consumer::Handler& handler = [](const Delivery&) {}) {
    return eventually([&] {
      bool there = true;
      for (const auto& [consumer, partitions] : expected) {
        poll(*consumer, handler);
        there = there && consumer->partitions_held() == partitions;
      }
      return there;
    });
  }
  static void poll(Consumer& consumer, const Consumer::Handler& handler = [](const Delivery&) {}) {
    consumer.poll(handler);
    consumer.ack();
  }
};

}  // namespace fabric::testing
