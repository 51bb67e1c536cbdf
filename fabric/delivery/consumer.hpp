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
// One partition that cannot be taken (it is damaged, its cursor lines are used up, ...) does not keep the others from
// being delivered. join() fails when no wanted partition could be taken and none has a live owner, so that there is
// nothing to deliver or to stand by for. Otherwise the consumer goes on with the rest and tries the bad one again every
// millisecond; trouble() has the first error until it is over, and state() says it for every partition.
//
// Delivery is at least once and in the order of the partition: within one member's possession of it no record comes
// twice, and a successor starts at or before the first record that its predecessor did not ack. One thread at a time
// per Consumer. poll() allocates nothing while all wanted partitions are held. A handler may use the consumer that called
// it; a poll() in it delivers nothing.

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

// One record handed to the handler; views are valid until ack() (gating; also one by the handler itself), or until the
// handler returns (otherwise).
struct Delivery {
  std::uint32_t partition = 0;
  ipc::RecordView record;
  Event event;  // key, metadata and payload
  const Topic* topic = nullptr;  // the consumer's
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
  std::string trouble{};  // why it could not be taken the last time, other than by a live owner; empty: nothing is wrong
};

class Consumer {
 public:
  // Errors: invalid_argument, those of Fabric::topic and Fabric::confirm; those of acquire_cursor as said above: holding
  // no partition because all are owned by live members is no error, it stands by.
  static Result<Consumer> join(const Fabric& fabric, const std::string& topic, const ConsumerOptions& options);

  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
  // A record whose handler throws counts as delivered.
  using Handler = std::function<void(const Delivery&)>;
  using GapHandler = std::function<void(const Gap&)>;
  // Polls the held partitions once, in turn; returns how many records were delivered, at most `most`: the next poll goes
  // on with the partition behind the last one, so that none starves. Tries to take ownerless partitions at most every
  // millisecond; where that finds out that the topic was deleted, it takes none any more, and trouble() says so.
  // Non-blocking.
  std::uint64_t poll(const Handler& handler, const GapHandler& gaps = {}, std::uint64_t most = kNoLimit);
  // Acks everything delivered so far, in every held partition; in a handler the record in its hands as well. False: at
  // least one partition was taken from us. It is no longer held, and a poll that is under way delivers no more of it.
  bool ack();
  // Waits for something to poll, at most `timeout_ns`; with the strategy of the options. Returns early when in doubt.
  // Blocks.
  void wait(std::uint64_t timeout_ns);

  // Partitions that this consumer wants, by number. Allocates.
  std::vector<PartitionState> state() const;
  std::uint32_t partitions_held() const noexcept { return held_; }
  // Why the last try to take partitions failed, other than by a live owner: the first error, which names its partition.
  const std::optional<Error>& trouble() const noexcept { return trouble_; }
  const Topic& topic() const noexcept { return *topic_; }

 private:
  Consumer(const Fabric& fabric, std::shared_ptr<const Topic> topic, ConsumerOptions options,
           std::vector<std::uint32_t> wanted);
  class Polling;
  std::uint64_t poll_partition(std::uint32_t partition, const Handler& handler, const GapHandler& gaps,
                               std::uint64_t most);
  bool hand_over(std::uint32_t partition, const ipc::RecordView& view, const Handler& handler, const GapHandler& gaps);
  bool holds(std::uint32_t partition) const noexcept { return readers_[partition] && !dropped_[partition]; }
  bool is_free(const ipc::Ring& ring) const;
  Result<bool> take_partition(std::uint32_t partition);
  void take_partitions(std::uint64_t confirm_within_ns);
  void give_back(const std::vector<std::uint32_t>& partitions);
  void drop(std::uint32_t partition) noexcept;

  Fabric fabric_;
  std::shared_ptr<const Topic> topic_;
  ConsumerOptions options_;
  std::vector<std::uint32_t> wanted_;                // partitions, ascending
  std::vector<std::optional<ipc::Reader>> readers_;  // by partition
  std::vector<char> dropped_;                        // by partition: not held any more, but poll() still uses its reader
  std::vector<std::string> troubles_;                // by partition
  std::vector<ipc::WaitTarget> targets_;             // scratch of wait()
  ipc::Idler idler_;
  ipc::Clock clock_;
  std::uint32_t held_ = 0, failed_ = 0;  // partitions held; not taken at the last try, other than by a live owner
  std::size_t turn_ = 0;                 // of wanted_: where poll() begins
  bool polling_ = false, deleted_ = false;
  std::uint64_t looked_for_partitions_ns_ = 0;
  std::optional<Error> trouble_;
};

}  // namespace fabric
