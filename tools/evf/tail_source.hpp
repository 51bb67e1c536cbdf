#pragma once
// Where `evf tail` gets its records: the partitions of a topic, merged by time.
//
// Two modes. An observer maps read-only and has no cursor. A group's reader shares the partitions with the other members, as Consumer
// does, and acks what was written out; unlike Consumer it merges partitions by time, and can stop behind any record, which --limit
// needs. With --follow both take the partitions that the topic grows, behind those that their keys come from (hand_over.hpp); who is to
// read one partition only reads it whatever stands before. Not thread-safe. next() does not block, but where the topic has grown.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabric/delivery/hand_over.hpp"
#include "fabric/delivery/sharing.hpp"
#include "fabric/event/record_place.hpp"
#include "fabric/fabric.hpp"
#include "ipc/ring_reader.hpp"
#include "ipc/waiter.hpp"

namespace fabric::evf {

struct SourceOptions {
  std::string group;  // empty: an observer
  bool gating = true;
  bool follow = false;  // otherwise it ends at the head as found at the start
  ipc::StartAt start;
  std::optional<std::uint32_t> partition;  // only this one
};

struct Item {
  enum class Kind : std::uint8_t {
    record,
    lost,        // range: publishers passed us
    damaged,     // range: one record; raw: its bytes
    unfinished,  // range: claimed, never committed, and passed over (observers only)
    fenced,      // another member took the partition
    idle,        // nothing now: wait()
    end,         // nothing any more
  };
  Kind kind = Kind::idle;
  std::uint32_t partition = 0;
  ipc::RecordView record{};
  Event event{};
  RecordPlace place{};  // of a record
  ipc::LostRange range{};
  std::span<const std::byte> raw{};
};

// A new group that could not start where it was told to: publishers may already write there.
struct LateStart {
  std::uint32_t partition = 0;
  std::uint64_t wanted = 0, position = 0;
};

class Source {
 public:
  // Errors: those of Reader::attach; invalid_argument (no such partition).
  static Result<Source> open(const Fabric& fabric, const std::shared_ptr<const Topic>& topic, const SourceOptions& options);

  // The oldest record at hand, or something else to report. Views are valid until the next call.
  Item next();
  // Everything handed out by next() so far is done with.
  void ack();
  // Until there may be something new, or for a while.
  void wait();

  std::size_t held() const noexcept;
  // Partitions of the group that live members own.
  std::vector<std::uint32_t> owned_by_others() const;
  const std::vector<LateStart>& late_starts() const noexcept { return late_starts_; }

 private:
  struct Partition {
    std::uint32_t number = 0;
    std::optional<ipc::Reader> reader{};
    std::uint64_t end = 0;  // without follow: where to stop
    std::optional<ipc::RecordView> pending{};
    std::uint64_t acked_until = 0;  // behind the last item handed out
    std::uint64_t stalled_at = 0, stalled_since_ns = 0;
    HandOver hand_over{};           // until it is over nothing is read
    bool giving = false;            // another member asked for it: given away with the next ack
  };

  Source(const Fabric& fabric, std::shared_ptr<const Topic> topic, SourceOptions options);
  Result<void> share();
  Result<void> follow_growth();
  bool is_held_back(Partition& partition);
  Result<void> take(std::uint32_t index, const Sharing::Take& due);
  ipc::ReaderOptions reader_options(std::uint32_t partition) const;
  bool finished(const Partition& partition) const noexcept;
  std::optional<Item> fill(Partition& partition);
  std::optional<Item> pass_unfinished(Partition& partition);
  Item hand_out(Partition& partition);

  Fabric fabric_;
  std::shared_ptr<const Topic> topic_;
  SourceOptions options_;
  std::vector<Partition> partitions_;
  std::vector<ipc::StartAt> starts_;  // of the partitions, for `last`
  std::vector<LateStart> late_starts_;
  std::unique_ptr<Sharing> sharing_;  // null: an observer
  std::uint64_t shared_ns_ = 0;
  ipc::Idler idler_;
  std::vector<ipc::WaitTarget> targets_;
};

// Where the last `count` records of all partitions together begin in each.
std::vector<ipc::StartAt> last_of_all(const Topic& topic, const std::vector<std::uint32_t>& partitions,
                                      std::uint64_t count);

}  // namespace fabric::evf
