#pragma once
// Consuming a topic as a member of a group: every partition has one durable cursor per group, owned by one member at a
// time.
//
// A member takes the partitions that nobody owns, and within milliseconds those of a member that died (its death is
// proven by the kernel, ipc/liveness.hpp; there is no time-out). What it may do with a partition:
//
// | the partition's cursor           | this member                                                            |
// | does not exist                   | creates it at `start`, and holds the partition                         |
// | has no owner, or a dead one      | takes it, and goes on at its position: what was not acked comes again   |
// | has a live owner                 | stands by, and looks again every millisecond                           |
// | was taken from us by force       | is told `fenced`, or has its ack refused; drops the partition, stands by |
//
// Delivery is at least once and in the order of the partition: within one member's possession of it no record comes
// twice, and a successor starts at or before the first record that its predecessor did not ack. One thread at a time
// per Consumer. poll() allocates nothing while all wanted partitions are held.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabric/event/envelope.hpp"
#include "fabric/fabric.hpp"
#include "ipc/ring_reader.hpp"
#include "ipc/waiter.hpp"

namespace fabric {

struct ConsumerOptions {
  std::string group{};  // names the cursors, 1 to 63 bytes; empty: no cursor, sees everything, gates nobody
  bool gating = true;   // publishers wait for this group; otherwise it may be overrun
  ipc::StartAt start{ipc::StartAt::Kind::earliest, 0};  // for partitions where the group has no cursor yet
  ipc::WaitStrategy wait = ipc::WaitStrategy::block;    // used by wait()
  std::uint64_t most_per_partition = 256;               // records that one poll takes from a partition, at least 1
  std::vector<std::uint32_t> partitions{};              // only these; empty: all
  // Maps read-only and registers nowhere; only without a group. Such an observer does not settle claims of dead
  // publishers, it waits until another reader does. Without a group and without write permission it is chosen by
  // itself.
  bool read_only = false;
};

// One record handed to the handler; views are valid until ack() (gating), or until the handler returns (otherwise).
struct Delivery {
  std::uint32_t partition = 0;
  ipc::RecordView record;
  Event event;  // key and payload
};

// What was not delivered, and why; also handed out by poll().
struct Gap {
  std::uint32_t partition = 0;
  // lost: overrun. damaged: one record whose checksum or whose extension block does not hold. fenced, wrong_process:
  // the partition is no longer ours.
  ipc::ReadOutcome why = ipc::ReadOutcome::lost;
  ipc::LostRange range{};            // fenced: what was read and not acked
  std::span<const std::byte> raw{};  // damaged: the bytes, until the handler returns
};

struct PartitionState {
  std::uint32_t partition = 0;
  bool held = false;
  // `position`: the next sequence to read. Where the partition is not held: both are the group's cursor, 0 if there is
  // none.
  std::uint64_t position = 0, acked = 0, head = 0;
};

class Consumer {
 public:
  // Errors: invalid_argument, those of Fabric::topic and acquire_cursor, but busy: holding no partition (all owned by
  // live members) is no error, it stands by.
  static Result<Consumer> join(const Fabric& fabric, const std::string& topic, const ConsumerOptions& options);

  // A record whose handler throws counts as delivered.
  using Handler = std::function<void(const Delivery&)>;
  using GapHandler = std::function<void(const Gap&)>;
  // Polls every held partition once, in turn; returns how many records were delivered. Tries to take ownerless
  // partitions at most every millisecond. Non-blocking.
  std::uint64_t poll(const Handler& handler, const GapHandler& gaps = {});
  // Acks everything delivered so far, in every held partition. False: at least one partition was taken from us (it is
  // no longer held).
  bool ack();
  // Waits for something to poll, at most `timeout_ns`; with the strategy of the options. Returns early when in doubt.
  // Blocks.
  void wait(std::uint64_t timeout_ns);

  // Partitions that this consumer wants, by number. Allocates.
  std::vector<PartitionState> state() const;
  std::uint32_t partitions_held() const noexcept { return held_; }
  // Why the last try to take a partition failed, other than by a live owner. It is tried again.
  const std::optional<Error>& trouble() const noexcept { return trouble_; }
  const Topic& topic() const noexcept { return *topic_; }

 private:
  Consumer(std::shared_ptr<const Topic> topic, ConsumerOptions options, std::vector<std::uint32_t> wanted);
  std::uint64_t poll_partition(std::uint32_t partition, const Handler& handler, const GapHandler& gaps);
  bool hand_over(std::uint32_t partition, const ipc::RecordView& view, const Handler& handler, const GapHandler& gaps);
  bool is_free(const ipc::Ring& ring) const;
  Result<void> take_partitions();
  void drop(std::uint32_t partition) noexcept;

  std::shared_ptr<const Topic> topic_;
  ConsumerOptions options_;
  std::vector<std::uint32_t> wanted_;                // partitions, ascending
  std::vector<std::optional<ipc::Reader>> readers_;  // by partition
  std::vector<ipc::WaitTarget> targets_;             // scratch of wait()
  ipc::Idler idler_;
  ipc::Clock clock_;
  std::uint32_t held_ = 0;
  std::uint64_t looked_for_partitions_ns_ = 0;
  std::optional<Error> trouble_;
};

}  // namespace fabric
