#pragma once
// What has to be known of a host to judge a figure that was measured on it. Reads /proc and /sys; thread-safe.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/evf/terminal.hpp"

namespace fabric::evf::bench {

// Two processors that this process may use, of different cores where there are such. Empty: there is only one.
std::optional<std::array<int, 2>> choose_cpus();
bool may_use(int cpu);

// Time that the hypervisor gave to others, all processors together.
std::uint64_t steal_ms();

struct Host {
  std::string cpu, kernel, governor, compiler, flags, build, clock, huge_pages, version;
  std::uint32_t cores = 0;
  std::array<int, 2> pinned{};
  double load = 0;              // of the last minute, before the run
  std::uint64_t stolen_ms = 0;  // during the run

  static Host look(const std::array<int, 2>& pinned);
  Json json() const;
  void print() const;  // for people
};

}  // namespace fabric::evf::bench
