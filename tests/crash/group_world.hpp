#pragma once
// A topic and the members of a group that go on with it while a traced child, a member too, is dead or stopped; the audit of what they did.
//
// The clocks of all members stand still but for what they pass by themselves, so that leases and the other bounds run out at once. A
// GroupWorld belongs to one sweep; reset() brings the topic's files back to the baked image.

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabric/delivery/producer.hpp"
#include "tests/crash/fault_log.hpp"
#include "tests/crash/images.hpp"
#include "tests/crash/points.hpp"
#include "tests/fabric/delivery/key_ledger.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::crash {

inline constexpr std::uint64_t kTickNs = 1'100'000;  // longer than members look at the group
inline constexpr std::uint64_t kLeaseNs = 50'000'000;
inline constexpr const char* kGroup = "group";

class GroupWorld;

// One consumer; in the child, or beside it. What it is handed it enters into the world's ledger.
class Member {
 public:
  // Joins; from then on its clock stands still.
  Member(GroupWorld& world, ConsumerOptions options);

  void pass_time(std::uint64_t ns);
  // A tick later. Does not ack.
  void poll();
  // The same, and acks everything.
  void round() { poll(), ack(); }
  bool ack() { return consumer_->ack(); }
  // The last record that was handed out of each partition first, then backwards: the cursor follows only at the end.
  void ack_backwards();
  // Polls until it must have learned what was taken from it, and complains if it believes to hold what it does not.
  void wake_up();

  Consumer& consumer() { return *consumer_; }
  ConsumerId id() const;
  std::uint32_t held() const { return consumer_->partitions_held(); }
  unsigned moves() const { return moves_; }

 private:
  GroupWorld* world_;
  std::optional<Consumer> consumer_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> delivered_;  // partition, sequence; since the last ack
  unsigned moves_ = 0;
};

class GroupWorld {
 public:
  // `partitions` with 16 slots each; a few records of every key; the group's cursors stand at the beginning and are nobody's.
  explicit GroupWorld(std::uint32_t partitions);
  GroupWorld(const GroupWorld&) = delete;
  GroupWorld& operator=(const GroupWorld&) = delete;

  void reset();
  ipc::crash::Notes& notes() noexcept { return log_.notes(); }
  testing::KeyLedger& ledger() noexcept { return ledger_; }
  const Fabric& fabric() const noexcept { return *fabric_; }
  const Topic& topic() const noexcept { return *topic_; }
  ipc::CursorLine& line(std::uint32_t partition) const;

  // Beside the child.
  Member& join(ConsumerOptions options = {});
  std::list<Member>& members() noexcept { return members_; }
  void go_on(unsigned rounds);
  // One more record of each key, as many times; less when publishers are held up.
  void publish(unsigned times);

  // The partition is this process's, by a member that never gives way and does nothing.
  void occupy(std::uint32_t partition);
  // It was a process's that is dead; or nobody's, and asked for.
  void orphan(std::uint32_t partition);
  void vacate(std::uint32_t partition, ConsumerId requester = 0);
  // What `act` sees of the leases is that nobody gives way.
  void while_nobody_gives_way(const std::function<void()>& act);

  // Everything is delivered and acked, in the order of keys; the members come to an even division and to rest. The child is dead.
  void audit();
  // In the child: ends it. Beside it: collected.
  void fault(const std::string& text) { log_.fault(text); }
  const std::vector<std::string>& faults() const noexcept { return log_.faults(); }

 private:
  bool is_settled();
  void await(const char* what, const std::function<bool()>& holds);

  testing::TempDir directory_;
  std::optional<Fabric> fabric_;
  std::shared_ptr<const Topic> topic_;
  std::optional<Images> image_;
  FaultLog log_;
  testing::KeyLedger ledger_;
  std::uint64_t dead_ = 0;  // a member's id
  std::list<Member> members_;
  std::optional<Producer> producer_;
  std::vector<std::uint64_t> published_;  // by key
};

}  // namespace fabric::crash
