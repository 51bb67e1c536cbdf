#pragma once
// Publishing to a topic: the key picks the partition, and keeps the order of everything that has it.
//
// One Producer per thread; it holds a publisher line in every partition. publish() does not block; no allocation after
// open(). What is published by one Producer under one key is delivered in that order. Between Producers there is no
// order.
//
// A topic may grow meanwhile (Fabric::grow_topic). The next publish that meets the new route attaches the new partitions, once per doubling:
// it allocates, and blocks on the file system. The order of keys is kept. Where that fails, nothing was published: `moved`; trouble() says why.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/delivery/id_index.hpp"
#include "fabric/delivery/router.hpp"
#include "fabric/event/event_attributes.hpp"
#include "fabric/event/key.hpp"
#include "fabric/fabric.hpp"
#include "ipc/ring_writer.hpp"

namespace fabric {

inline constexpr std::uint32_t kMaxSchema = (1U << 24) - 1;

struct Published {
  ipc::PublishOutcome outcome = ipc::PublishOutcome::published;
  std::uint32_t partition = 0;
  std::uint64_t sequence = 0;  // valid when published
  bool repeated = false;       // idempotent: it was published before, as this sequence; nothing was published now
  explicit operator bool() const noexcept { return outcome == ipc::PublishOutcome::published; }
};

struct ProducerOptions {
  bool take_over = false;  // one-writer topics: take the leases from a live producer by force
  // Events with an id (EventAttributes::id, or that of an event that is passed on) are published once: if the partition retains one with that id, however old and
  // whoever wrote it, publish() says so (`repeated`), and it counts as published. Exact among idempotent producers, through kills and
  // restarts. Costs 16 bytes per slot of every partition, a look at every retained record at open(), and at every one
  // of other producers after that.
  bool idempotent = false;
};

// Who holds a partition's publishers up: a cursor, by name.
struct PartitionBlame {
  std::string cursor{};          // empty: nobody
  ipc::MemberId owner = 0;       // 0: the cursor has no owner, nobody reads for it
  std::uint64_t position = 0;    // its next sequence
  std::uint64_t blocked_ns = 0;  // for how long we have been refused
};

class Producer {
 public:
  // Errors: those of Fabric::topic, Publisher::attach and Fabric::confirm. The topic that was opened is the one that
  // has this name now: no delete came in between, and no unforced one removes it for as long as the Producer lives.
  static Result<Producer> open(const Fabric& fabric, const std::string& topic, const ProducerOptions& options = {});

  // `schema`: at most kMaxSchema; higher bits are cut off. Outcomes: those of Publisher::publish; too_large also for a
  // key of more than kMaxKeyBytes; moved: the topic has grown, and the new partitions could not be attached. On back_pressure and arena_full nothing was published: ask blame(partition) who it
  // is, and try again.
  Published publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                    std::uint32_t schema = 0) noexcept;
  Published publish(std::string_view key, std::string_view payload, std::uint32_t schema = 0) noexcept {
    return publish(as_bytes(key), as_bytes(payload), schema);
  }
  // With metadata. Outcomes: likewise; too_large also when an attribute is longer than its maximum, or an extension has
  // no name (event_attributes.hpp); damaged also when the event that is passed on was changed while it was read. Names
  // and values are not checked otherwise: those from outside go through check() first. Idempotent: `refused` when another live
  // producer is publishing this id right now, so that nobody knows yet; try again.
  Published publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                    const EventAttributes& attributes, std::uint32_t schema = 0) noexcept;
  Published publish(std::string_view key, std::string_view payload, const EventAttributes& attributes,
                    std::uint32_t schema = 0) noexcept {
    return publish(as_bytes(key), as_bytes(payload), attributes, schema);
  }
  // The same, waiting out back_pressure, arena_full, moved and refused (spins, yields, then naps of up to 1 ms) for at most
  // `timeout_ns`. Blocks.
  Published publish_within(std::span<const std::byte> key, std::span<const std::byte> payload, std::uint64_t timeout_ns,
                           std::uint32_t schema = 0) noexcept;
  Published publish_within(std::span<const std::byte> key, std::span<const std::byte> payload, std::uint64_t timeout_ns,
                           const EventAttributes& attributes, std::uint32_t schema = 0) noexcept;

  // The same with integers as keys (event/key.hpp).
  template <KeyInteger Key>
  Published publish(Key key, std::span<const std::byte> payload, std::uint32_t schema = 0) noexcept {
    return publish(IntegerKey(key).bytes(), payload, schema);
  }
  template <KeyInteger Key>
  Published publish(Key key, std::string_view payload, std::uint32_t schema = 0) noexcept {
    return publish(IntegerKey(key).bytes(), as_bytes(payload), schema);
  }
  template <KeyInteger Key>
  Published publish(Key key, std::span<const std::byte> payload, const EventAttributes& attributes,
                    std::uint32_t schema = 0) noexcept {
    return publish(IntegerKey(key).bytes(), payload, attributes, schema);
  }
  template <KeyInteger Key>
  Published publish(Key key, std::string_view payload, const EventAttributes& attributes,
                    std::uint32_t schema = 0) noexcept {
    return publish(IntegerKey(key).bytes(), as_bytes(payload), attributes, schema);
  }

  // All with one key, in this order, with one claim and one time stamp for up to 64 where there is room; `published` counts those that are in. Stops
  // at the first that is not, and says why; nothing behind it is in. Valid in the result: outcome, partition, and the sequence of the last one
  // that is in, if any is. What does not fit a slot together with its key goes one by one. Non-blocking, no allocation.
  Published publish_batch(std::span<const std::byte> key, std::span<const std::span<const std::byte>> payloads,
                          std::size_t& published, std::uint32_t schema = 0) noexcept;

  // Not for hot paths: allocates.
  PartitionBlame blame(std::uint32_t partition) const;
  // As far as this Producer has followed it; valid until the next publish().
  const Topic& topic() const noexcept { return *topic_; }
  // Valid as long as the Producer.
  ipc::Publisher& publisher(std::uint32_t partition) { return publishers_[partition]; }
  // For who claims in publisher(partition) himself: where the key belongs, and the route to name (ipc::RecordOptions::route). When that is
  // `moved`, publish() finds the way. Valid until the next publish().
  struct Routed {
    std::uint32_t partition = 0;
    std::uint64_t route = 0;
  };
  Routed route(std::span<const std::byte> key) const noexcept {
    const auto partition = router_.partition_of(key);
    return {.partition = partition, .route = router_.word(partition)};
  }
  // Why the growth of the topic could not be followed the last time.
  const std::optional<Error>& trouble() const noexcept { return trouble_; }

 private:
  Producer(const Fabric& fabric, std::shared_ptr<const Topic> topic, std::deque<ipc::Publisher> publishers,
           std::vector<IdIndex> ids)
      : fabric_(fabric), topic_(std::move(topic)), publishers_(std::move(publishers)), ids_(std::move(ids)) {}
  template <class Send>
  Published send(std::span<const std::byte> key, std::uint32_t schema, const Send& send_to) noexcept;
  Published publish_once(const EventId& id, std::span<const std::byte> key, std::span<const std::byte> payload,
                         const EventAttributes& attributes, std::uint32_t schema) noexcept;
  static constexpr std::uint32_t kMostMoves = 1000;  // of one publish; more is damage
  ipc::PublishOutcome follow_growth() noexcept;
  Result<void> attach_grown();
  Fabric fabric_;
  std::shared_ptr<const Topic> topic_;
  std::deque<ipc::Publisher> publishers_;  // by partition; they stay where they are, claims point to them
  std::vector<IdIndex> ids_;  // by partition; idempotent producers only
  Router router_;
  std::optional<Error> trouble_;
};

}  // namespace fabric
