#pragma once
// Publishing to a topic: the key picks the partition, and keeps the order of everything that has it.
//
// One Producer per thread; it holds a publisher line in every partition. publish() does not block; no allocation after
// open(). What is published by one Producer under one key is delivered in that order. Between Producers there is no
// order.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

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
  explicit operator bool() const noexcept { return outcome == ipc::PublishOutcome::published; }
};

struct ProducerOptions {
  bool take_over = false;  // one-writer topics: take the leases from a live producer by force
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
  // key of more than kMaxKeyBytes. On back_pressure and arena_full nothing was published: ask blame(partition) who it
  // is, and try again.
  Published publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                    std::uint32_t schema = 0) noexcept;
  Published publish(std::string_view key, std::string_view payload, std::uint32_t schema = 0) noexcept {
    return publish(as_bytes(key), as_bytes(payload), schema);
  }
  // With metadata. Outcomes: likewise; too_large also when an attribute is longer than its maximum, or an extension has
  // no name (event_attributes.hpp); damaged also when the event that is passed on was changed while it was read. Names
  // and values are not checked otherwise: those from outside go through check() first.
  Published publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                    const EventAttributes& attributes, std::uint32_t schema = 0) noexcept;
  Published publish(std::string_view key, std::string_view payload, const EventAttributes& attributes,
                    std::uint32_t schema = 0) noexcept {
    return publish(as_bytes(key), as_bytes(payload), attributes, schema);
  }
  // The same, waiting out back_pressure and arena_full (spins, yields, then naps of up to 1 ms) for at most
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
  const Topic& topic() const noexcept { return *topic_; }
  ipc::Publisher& publisher(std::uint32_t partition) { return publishers_[partition]; }

 private:
  Producer(std::shared_ptr<const Topic> topic, std::vector<ipc::Publisher> publishers)
      : topic_(std::move(topic)), publishers_(std::move(publishers)) {}
  std::shared_ptr<const Topic> topic_;
  std::vector<ipc::Publisher> publishers_;
};

}  // namespace fabric
