#include "bench/bench_ring.hpp"

#include <sched.h>
#include <stdlib.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace fabric::bench {

Workspace::Workspace() : path_(std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp") {
  path_ += "/evf-bench-XXXXXX";
  if (::mkdtemp(path_.data()) != nullptr) return;
  std::perror("bench: mkdtemp");
  std::abort();
}

Workspace::~Workspace() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

BenchRing::BenchRing(const ipc::RingOptions& options) : path_(workspace_.path() + "/0.ring") {
  value_or_abort(ipc::RingFile::create(path_, options));
  ring_ = value_or_abort(ipc::Ring::attach(path_, {.prefault = true}));
}

ipc::Publisher BenchRing::publisher() const { return value_or_abort(ipc::Publisher::attach(ring_)); }

ipc::Reader BenchRing::reader(bool gating) const {
  return value_or_abort(ipc::Reader::attach(ring_, {.cursor = ipc::CursorOptions{.gating = gating, .durable = false}}));
}

ipc::RingOptions ring_for(std::size_t payload_bytes, ipc::WriterMode writers, std::size_t ring_bytes) {
  ipc::RingOptions options{.topic = "bench", .writers = writers};
  options.slot_bytes = static_cast<std::uint32_t>((payload_bytes + sizeof(ipc::SlotHeader) + 63) / 64 * 64);
  options.slot_count = std::bit_floor(std::max<std::uint64_t>(ring_bytes / options.slot_bytes, 64));
  return options;
}

namespace {

// Those of the program, before anybody was pinned: what is forked or started then inherits that.
const cpu_set_t& allowed_processors() {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    return set;
  }();
  return allowed;
}

}  // namespace

void pin_to_nth(unsigned nth) {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (unsigned cpu = 0, found = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed_processors()) || found++ != nth) continue;
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

void unpin() { ::sched_setaffinity(0, sizeof(cpu_set_t), &allowed_processors()); }

}  // namespace fabric::bench
