#pragma once
// What the parts of `evf bench` share: what is measured, in how many samples, and what comes out of it.
//
// A row is one case (size, writers, checksum). It is measured in samples; between any two of them, and before the first
// and after the last, the same two pinned processes measure the machine's own limit. A sample is void if the limit
// moved, or if one of the two had too little of its processor.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fabric/observe/histogram.hpp"
#include "ipc/result.hpp"
#include "ipc/ring_file.hpp"
#include "ipc/waiter.hpp"

namespace fabric::evf::bench {

enum class Measure : std::uint8_t { latency, throughput };

// One case. Trivially copyable: it travels through a pipe.
struct Case {
  Measure measure = Measure::latency;
  ipc::WriterMode writers = ipc::WriterMode::one;
  ipc::WaitStrategy wait = ipc::WaitStrategy::spin;
  bool checksum = true;
  std::uint32_t size_bytes = 32;
  std::uint32_t batch = 1;       // records in one publish_batch(); 1: publish()
  std::uint64_t ring_bytes = 0;  // of all slots
  double rate = 0;               // messages a second; 0: the next as soon as the answer is there

  ipc::RingOptions ring() const noexcept;
};

struct Plan {
  std::vector<Case> cases;
  std::string directory;  // where the rings are made
  std::array<int, 2> cpus{};
  std::uint32_t samples = 5;
  std::uint64_t sample_ns = 0;  // how long a sample and a limit take each
  std::uint64_t count = 0;      // records of a sample; 0: by time
};

struct Row {
  Case what;
  Percentiles limit_rtt_ns{};  // medians of the limits
  Percentiles rtt_ns{};        // medians of the samples; max: the largest
  double ratio_p50 = 0;        // median of the samples' own ratios
  double records_per_s = 0;    // medians
  double copy_limit_bytes_per_s = 0;
  std::uint32_t samples = 0, void_samples = 0;

  double bytes_per_s() const noexcept { return records_per_s * what.size_bytes; }
};

// Measures all cases of the plan in two processes. `progress` hears which case is at which sample.
// Errors: those of the rings; system (a process cannot be started or pinned); and whatever the measured rings did
// wrong.
using Progress = std::function<void(const Case& what, std::uint32_t samples, std::uint32_t void_samples)>;
ipc::Result<std::vector<Row>> run(const Plan& plan, const Progress& progress);

}  // namespace fabric::evf::bench
