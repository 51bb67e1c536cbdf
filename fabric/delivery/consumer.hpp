#pragma once
// Consuming a topic as a member of a group: every partition has one durable cursor per group, owned by one member at a
// time.
//
// The members of a group, in any number of processes and threads, divide the partitions among themselves, evenly, without a coordinator
// (assignment.hpp has the rules, sharing.hpp the leases). What a member does with a partition:
//
// | the partition's cursor           | this member                                                            |
// | does not exist                   | creates it at `start`, and holds the partition                         |
// | has no owner, or a dead one      | takes it, and goes on at its position: what was not acked comes again   |
// | has an owner whose lease is over | takes it by force; the owner is fenced                                 |
// | has a live owner                 | stands by, looks again every millisecond (1,024 partitions: 2 to 3); asks for it if that is fair |
// | is ours, and another asks for it | if that is fair: delivers no more of it, and gives it away once all is acked, or after `hand_over_ns` |
// | was taken from us by force       | is told `fenced`, or has its ack refused; drops the partition, stands by |
//
// Death is proven by the kernel within milliseconds (ipc/liveness.hpp). A lease is for those that live and do nothing: stopped, or in a
// handler that hangs. With one (`lease_ns`) a member has to poll, ack or call renew_lease() in time, or others take its partitions.
// Publishers may then overwrite what it has in its hands, so with a lease records are copied out before the handler gets them, and a
// copy that was made too late is not delivered. Without one a stopped member holds up its group, and is blamed (Producer::blame).
//
// One partition that cannot be taken (it is damaged, its cursor lines are used up, ...) does not keep the others from
// being delivered. join() fails when no wanted partition could be taken and none has a live owner, so that there is
// nothing to deliver or to stand by for. Otherwise the consumer goes on with the rest and tries the bad one again every
// millisecond; trouble() has the first error until it is over, and state() says it for every partition.
//
// The topic may grow meanwhile (Fabric::grow_topic). Members see it when they look at the group, attach the new partitions (allocates, and blocks on the
// file system, once per doubling) and divide those as well. A new partition is held back until the group has acked what its keys had in
// the partition that they come from (hand_over.hpp), so the order of each key is kept; a group that does not consume that one gets nothing of
// the new one. Who was told `partitions` also takes what these grow into while it lives.
//
// Delivery is at least once and in the order of the partition: within one member's possession of it no record comes
// twice (but after a nack, or a handler that threw under automatic acks), and a successor starts at or before the first record that its
// predecessor did not ack. One thread at a time per Consumer. poll() allocates nothing while the division stands. A handler may use the
// consumer that called it; a poll() in it delivers nothing.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "fabric/delivery/ack_window.hpp"
#include "fabric/delivery/filter.hpp"
#include "fabric/delivery/hand_over.hpp"
#include "fabric/delivery/id_index.hpp"
#include "fabric/delivery/sharing.hpp"
#include "fabric/event/envelope.hpp"
#include "fabric/fabric.hpp"
#include "ipc/ring_reader.hpp"
#include "ipc/waiter.hpp"

namespace fabric {

enum class AckMode : std::uint8_t {
  manual,     // ack() and ack(delivery)
  automatic,  // poll() acks what its handler has returned from; a record whose handler throws is delivered again
};

// What happened to one partition of this member; handed to ConsumerOptions::on_change during poll(), ack() or join(), which may poll and ack
// in its turn. What it throws comes out of that call: the partition is what it was said to be, but what else happened at the same time
// is not told any more.
struct PartitionChange {
  enum class Kind : std::uint8_t {
    taken,  // it is ours: `position` comes first
    given,  // to another member that asked for it; `position`: where it goes on
    lost,   // by force: we were fenced
  };
  std::uint32_t partition = 0;
  Kind kind = Kind::taken;
  std::uint64_t position = 0;
};

struct Delivery;

struct ConsumerOptions {
  std::string group{};  // names the cursors, 1 to 63 bytes; empty: no cursor, sees everything, gates nobody
  bool gating = true;   // publishers wait for this group; otherwise it may be overrun
  ipc::StartAt start{ipc::StartAt::Kind::earliest, 0};  // for partitions where the group has no cursor yet
  ipc::WaitStrategy wait = ipc::WaitStrategy::block;    // used by wait()
  std::uint64_t most_per_partition = 256;               // records that one poll takes from a partition, at least 1
  // Only these, and what they grow into, whatever others have: such a member neither asks for partitions nor gives any away. Empty: a fair share of all.
  std::vector<std::uint32_t> partitions{};
  AckMode ack = AckMode::manual;
  Filter filter{};                             // what else there is counts as acked
  // Leaves out, as acked, a record whose id an earlier record of the partition (or of that which its keys were in before the topic grew) has, of all that are retained and that the group has come by
  // (since its cursor was created, or last moved forwards). What is known of the past is the log and the cursor alone, so it changes with the
  // ack, by the same compare-and-swap: no kill can come in between, and whoever takes the partition over knows the same. It does not tell
  // whether a handler that was killed before its ack had had its effect; the effect has to be idempotent too, or be published
  // idempotently (Cause::attributes, ProducerOptions::idempotent). Costs 16 bytes per slot of a held partition, and a look at each retained
  // record when it is taken. Records without an id of their own are never repeats.
  bool dedupe = false;
  std::function<void(const Delivery&, std::uint64_t first_sequence)> on_repeat{};  // dedupe: called for what is left out
  std::uint64_t lease_ns = 0;                  // 0: until death
  std::uint64_t hand_over_ns = 1'000'000'000;  // how long a partition that another asked for waits for our acks
  std::function<void(const PartitionChange&)> on_change{};
  // Maps read-only and registers nowhere; only without a group. Such an observer does not settle claims of dead
  // publishers, it waits until another reader does. Without a group and without write permission it is chosen by
  // itself.
  bool read_only = false;
};

// One record handed to the handler; views are valid until the record is acked (gating, no lease; also by the handler itself), or
// until the handler returns (otherwise).
struct Delivery {
  std::uint32_t partition = 0;
  ipc::RecordView record;
  Event event{};  // key, metadata and payload
  const Topic* topic = nullptr;  // the consumer's
  std::uint64_t possession = 0;  // differs each time that the consumer takes the partition anew
};

// The same delivery with its bytes in `bytes`, for who keeps it longer than its views are valid. Valid for as long as `bytes` is left alone.
Delivery copy_delivery(const Delivery& delivery, std::vector<std::byte>& bytes);

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
  bool giving = false;  // held, and given away once everything is acked
  bool held_back = false;  // held, and not delivered before the partition that its keys come from is acked so far
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
  // Acks one record, in any order: the group's cursor follows once everything before it is acked as well. False: the partition is not
  // ours any more, or no such record was delivered since it is.
  bool ack(const Delivery& delivery) { return ack(delivery.partition, delivery.record.sequence); }
  bool ack(std::uint32_t partition, std::uint64_t sequence);
  // The record was not handled: it comes again with the next poll, and so does everything behind it in its partition that is not
  // acked, in order. False: the partition is not ours any more, or the record is already acked.
  bool nack(const Delivery& delivery) { return nack(delivery.partition, delivery.record.sequence); }
  bool nack(std::uint32_t partition, std::uint64_t sequence);
  // Polls and waits until `stop` is requested, which is seen within 100 ms. Blocks.
  void run(std::stop_token stop, const Handler& handler, const GapHandler& gaps = {});
  // For a handler that works longer than `lease_ns`.
  void renew_lease();
  // Waits for something to poll, at most `timeout_ns`; with the strategy of the options. Returns early when in doubt.
  // Blocks.
  void wait(std::uint64_t timeout_ns);

  // Partitions that this consumer wants, by number. Allocates.
  std::vector<PartitionState> state() const;
  std::uint32_t partitions_held() const noexcept { return partitions_held_; }
  std::uint64_t repeats() const noexcept { return repeats_; }  // left out by `dedupe` so far
  // Why the last try to take partitions failed, other than by a live owner: the first error, which names its partition.
  const std::optional<Error>& trouble() const noexcept { return trouble_; }
  const Topic& topic() const noexcept { return *topic_; }  // as far as this consumer has followed it
  AckMode ack_mode() const noexcept { return options_.ack; }
  // Whether a delivery's views are valid until its record is acked; otherwise until the handler returns.
  bool keeps_views() const noexcept { return sharing_ && options_.gating && options_.lease_ns == 0; }

 private:
  static constexpr std::uint64_t kLookAgainNs = 1'000'000;
  friend struct ConsumerPeer;  // tests: holds its clock
  Consumer(const Fabric& fabric, std::shared_ptr<const Topic> topic, ConsumerOptions options,
           std::vector<std::uint32_t> wanted);
  class Polling;
  std::uint64_t poll_partition(std::uint32_t partition, const Handler& handler, const GapHandler& gaps,
                               std::uint64_t most);
  // What there is of a partition that is ours.
  struct Held {
    explicit Held(ipc::Reader taken);
    ipc::Reader reader;
    AckWindow acks;
    std::optional<IdIndex> ids{};    // where repeats are left out
    struct Earlier {
      std::uint32_t partition, child;  // it took over half of the partition's keys
      IdIndex ids;
      bool settled = false;            // once the hand-over is over, what was lost there is known
    };
    std::vector<Earlier> earlier{};  // likewise, of the partitions that its keys were in before the topic grew
    std::uint64_t possession = 0;
    std::uint64_t delivered_until;   // everything before was delivered, or is not there; falls when it is rewound
    std::uint64_t read_until;        // the same, and never falls: what lies behind was never delivered
    std::uint64_t give_by_ns = 0;    // not 0: it is given away, by then at the latest
    std::uint64_t rewind_to;         // nacked: delivered again from here on; kNoLimit: nothing is
    HandOver hand_over{};            // until it is over nothing is delivered
    std::uint64_t looked_ns = 0;     // when that was last looked at
    bool dropped = false;            // not ours any more, but poll() is still using its reader
  };
  bool holds(std::uint32_t partition) const noexcept { return held_[partition] && !held_[partition]->dropped; }
  bool deliver(Held& held, Delivery& delivery, const Handler& handler, const GapHandler& gaps);
  bool copy_out(Held& held, ipc::RecordView& view);
  Result<void> index_ids(std::uint32_t partition, Held& held) const;
  // The group's cursor there, whoever has it.
  std::optional<ipc::CursorInfo> cursor_in(std::uint32_t partition) const {
    return ipc::find_cursor(topic_->ring(partition)->map(), options_.group);
  }
  std::optional<std::uint64_t> began_in(std::uint32_t partition) const;
  std::optional<std::uint64_t> find_first(Held& held, const Delivery& delivery);
  bool is_repeat(Held& held, const Delivery& delivery);
  void rewind(std::uint32_t partition, Held& held, const GapHandler& gaps);
  void settle(Held& held, std::uint64_t position);
  bool move_cursor(std::uint32_t partition, std::uint64_t position);
  Result<bool> take_partition(const Sharing::Take& take);
  void share(std::uint64_t confirm_within_ns);
  void divide(std::uint64_t confirm_within_ns);
  std::optional<Error> follow_growth();
  ipc::StartAt start_in(std::uint32_t partition, bool follows) const;
  bool is_held_back(Held& held);
  std::optional<ipc::WaitTarget> wait_target(std::uint32_t partition) const;
  void take_all(const std::vector<Sharing::Take>& takes, std::uint64_t confirm_within_ns);
  void give_when_acked(std::uint64_t now_ns);
  void drop(std::uint32_t partition, std::optional<PartitionChange::Kind> why);

  Fabric fabric_;
  std::shared_ptr<const Topic> topic_;
  ConsumerOptions options_;
  std::vector<std::shared_ptr<const Topic>> former_;  // as it was before it grew: deliveries point to them
  std::uint32_t joined_;                          // so many partitions it had when we joined
  std::vector<std::uint32_t> wanted_;             // partitions, ascending; never moves in memory
  std::deque<std::optional<Held>> held_;          // by partition; likewise
  std::unique_ptr<Sharing> sharing_;              // null: no group
  std::vector<std::string> troubles_;             // by partition
  std::vector<ipc::WaitTarget> targets_;          // scratch of wait()
  std::vector<std::byte> copy_;                   // of the record that the handler has, where there is a lease
  ipc::Idler idler_;
  ipc::Clock clock_;
  std::uint32_t partitions_held_ = 0, giving_ = 0, failed_ = 0;  // failed_: not taken at the last try, other than by a live owner
  bool took_ = false;                             // share() has taken partitions
  std::uint64_t possessions_ = 0;                 // partitions taken so far
  std::uint64_t repeats_ = 0;
  std::size_t turn_ = 0;                          // of wanted_: where poll() begins
  bool polling_ = false, deleted_ = false;
  std::uint64_t shared_ns_ = 0;                   // when share() last ran
  std::uint64_t look_again_ns_;                   // how long after that it runs again
  std::optional<Error> trouble_;
};

}  // namespace fabric
