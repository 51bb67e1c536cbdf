#pragma once
// Two pinned processes: the command itself and a forked partner that obeys orders. They share a little anonymous
// memory, in which the machine's own limits are measured.
//
// Orders and answers go through pipes (both sides sleep in between); what is measured goes through memory. Either side
// may fail: it says why in the shared memory, and the other ends its loop. Not thread-safe.

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/clock.hpp"
#include "ipc/file_lock.hpp"
#include "tools/evf/bench.hpp"

namespace fabric::evf::bench {

struct alignas(ipc::kLine) SharedLine {
  std::atomic<std::uint64_t> value{0};
};

// A line whose neighbours in an array lie in other pages: lines differ in the part of the last-level cache that they
// belong to, and by a factor of up to two in how long they take to cross.
struct FarLine {
  SharedLine line;
  std::array<std::byte, 33 * ipc::kLine> apart;
};

inline constexpr std::size_t kBalls = 64;                 // lines that go to and fro in turn
inline constexpr std::uint64_t kEnd = ~std::uint64_t{0};  // the last value of a line: the partner stops
inline constexpr std::size_t kMostRingBytes = std::size_t{256} << 20;

struct SharedMemory {
  std::array<FarLine, kBalls> balls;
  SharedLine copied_in, copied_out;  // chunks of the copy ring
  std::atomic<std::uint32_t> failed{0};
  std::array<char, 512> failure{};
  alignas(4096) std::array<std::byte, kMostRingBytes> copy_ring;  // pages appear as they are used

  void fail(std::string_view why) noexcept;
};

enum class Task : std::uint32_t {
  open,
  close,
  ping_pong,
  copy,
  measure,
};

struct Order {
  Task task = Task::close;
  Case what{};
  std::uint64_t ns = 0, count = 0;  // when the commanding side stops; count 0: by time
};

struct Answer {
  bool ok = false;
  std::uint64_t records = 0, ns = 0;
  double cpu_share = 0;  // part of the time that its processor was the partner's
};

// How much of its processor a process had since this was made.
class CpuShare {
 public:
  CpuShare() noexcept : wall_ns_(ipc::monotonic_ns()), cpu_ns_(thread_cpu_ns()) {}
  double value() const noexcept {
    const auto wall = ipc::monotonic_ns() - wall_ns_;
    return wall == 0 ? 1 : static_cast<double>(thread_cpu_ns() - cpu_ns_) / static_cast<double>(wall);
  }

 private:
  static std::uint64_t thread_cpu_ns() noexcept;
  std::uint64_t wall_ns_, cpu_ns_;
};

// When a loop that waits for the other process has to give up: it failed or died, or the user interrupts.
class Watch {
 public:
  explicit Watch(SharedMemory& shared, pid_t partner = 0) noexcept : shared_(shared), partner_(partner) {}
  // Called at every turn that found nothing; cheap.
  bool over() noexcept { return (++turns_ & 0x3ff) == 0 && look(); }

 private:
  bool look() noexcept;
  SharedMemory& shared_;
  pid_t partner_;  // 0: we are the partner, and follow our parent to death
  std::uint64_t turns_ = 0;
};

// When a measurement ends: after a time, or a number of records.
class Budget {
 public:
  explicit Budget(const Order& order) noexcept : order_(order), end_ns_(ipc::monotonic_ns() + order.ns) {}
  bool spent(std::uint64_t records, std::uint64_t now_ns) const noexcept {
    return order_.count != 0 ? records >= order_.count : now_ns >= end_ns_;
  }

 private:
  const Order& order_;
  std::uint64_t end_ns_;
};

// The measured side of one case. Two implementations: with checksums, and for comparison without.
class Side {
 public:
  virtual ~Side() = default;
  // The commanding process: sends, and records round trips.
  virtual void lead(const Order& order, Watch& watch, Histogram& round_trips) = 0;
  // The partner: answers or receives.
  virtual Answer follow(const Order& order, Watch& watch) = 0;
};

// Creates the case's rings in `directory`: before either side attaches.
ipc::Result<void> create_rings(const Case& what, const std::string& directory);
// Attaches one side. The partner first: its cursor has to gate before anything is published.
ipc::Result<std::unique_ptr<Side>> attach_side(const Case& what, const std::string& directory, bool leads,
                                               SharedMemory& shared);

// The machine's limits: a cache line to and fro (one of kBalls in turn), and memory copied into a ring and out of it
// (bytes: the ring's).
void lead_ping_pong(const Order& order, SharedMemory& shared, Watch& watch, Histogram& round_trips);
void follow_ping_pong(SharedMemory& shared, Watch& watch);
void lead_copy(const Order& order, SharedMemory& shared, Watch& watch);
Answer follow_copy(const Order& order, SharedMemory& shared, Watch& watch);

class Pair {
 public:
  // Forks the partner and pins both. Errors: system.
  static ipc::Result<std::unique_ptr<Pair>> start(const std::array<int, 2>& cpus, const std::string& directory);
  ~Pair();
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  SharedMemory& shared() noexcept { return *shared_; }
  Watch watch() noexcept { return Watch(*shared_, partner_); }
  void send(const Order& order) noexcept;
  // Blocks until the partner has done what it was told. Errors: what it says went wrong; system when it is gone.
  ipc::Result<Answer> receive();

 private:
  Pair() = default;
  [[noreturn]] void serve(const std::string& directory, int cpu);
  SharedMemory* shared_ = nullptr;
  pid_t partner_ = -1;
  ipc::Descriptor orders_[2], answers_[2];  // reading end, writing end
};

// Errors: system.
ipc::Result<void> pin_to(int cpu);

}  // namespace fabric::evf::bench
