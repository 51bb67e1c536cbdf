#pragma once
// What every process of the demo writes down, in memory of its own that has nothing to do with any ring: the audit
// compares the rings with it. It outlives a SIGKILL of the writer.
//
// Each log has one writer, which appends an entry and then raises the count; the parent reads what is below the count.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ipc/result.hpp"
#include "tools/evf/demo_plan.hpp"

namespace fabric::evf::demo {

inline constexpr std::uint32_t kNoRecord = ~0U;

// A record that a publisher was told is published.
struct PublishEntry {
  std::uint32_t record;
  std::uint32_t partition;
  std::uint64_t sequence;
};

// A record that a consumer's handler was given.
struct DeliveryEntry {
  std::uint32_t record;  // kNoRecord: its payload names none
  std::uint32_t partition;
  std::uint64_t sequence;
  std::uint64_t content_hash;
  std::uint64_t latency_ns;       // from its time stamp to the handler
  std::uint64_t delivered_at_ns;  // CLOCK_MONOTONIC
};

// The processes, by their place in the ledger.
enum Role : std::uint32_t { kPublisher0, kPublisher1, kVictim, kSurvivor, kOther, kRoles };
inline constexpr std::uint32_t kFirstConsumer = kVictim;
inline constexpr std::array<const char*, kRoles> kRoleNames{"publisher 0", "publisher 1", "inventory, first",
                                                            "inventory, second", "notify"};
constexpr bool is_publisher(std::uint32_t role) noexcept { return role < kFirstConsumer; }

struct Notes {
  std::atomic<std::uint64_t> count{0};                        // entries in the log
  std::atomic<std::uint32_t> ready{0};                        // attached
  std::atomic<std::uint64_t> partitions_held{0};              // consumer: now
  std::atomic<std::uint64_t> partitions_held_at_ns{0};        // consumer: when it came to hold all of them
  std::atomic<std::uint64_t> lost{0}, damaged{0}, fenced{0};  // consumer: records not delivered, partitions taken away
  std::atomic<std::uint64_t> waits{0}, waited_ns{0};          // publisher: back-pressure
  std::array<char, 64> blamed{};                              // the cursor that held it up last
  std::array<char, 512> failure{};                            // why it gave up
  void fail(std::string_view why) noexcept;
};

struct Control {
  std::atomic<std::uint32_t> released{0};  // publishers go on behind three quarters
  std::atomic<std::uint32_t> stop{0};      // consumers end when nothing is left
  std::array<Notes, kRoles> notes;
};

class Ledger {
 public:
  // Shared with children that are forked later. Reserves address space only. Errors: no_space.
  static ipc::Result<Ledger> create(const Plan& plan);
  Ledger(Ledger&& other) noexcept;
  Ledger& operator=(Ledger&&) = delete;
  ~Ledger();

  Control& control() const noexcept { return *control_; }
  Notes& notes(std::uint32_t role) const noexcept { return control_->notes[role]; }
  // False: the log is full.
  bool append(std::uint32_t publisher, const PublishEntry& entry) const noexcept;
  bool append(std::uint32_t consumer, const DeliveryEntry& entry) const noexcept;
  std::span<const PublishEntry> published(std::uint32_t publisher) const noexcept;
  std::span<const DeliveryEntry> delivered(std::uint32_t consumer) const noexcept;

 private:
  Ledger() = default;
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
  Control* control_ = nullptr;
  std::array<PublishEntry*, kFirstConsumer> publishers_{};
  std::array<DeliveryEntry*, kRoles> consumers_{};  // those of publishers are null
  std::size_t publish_capacity_ = 0, delivery_capacity_ = 0;
};

}  // namespace fabric::evf::demo
