#pragma once
// Only the latest of each key: for consumers that want the state and not the history (prices, positions, gauges), and cannot keep up with all.
//
// Takes what its consumer has, keeps the last record of each key, and hands out one per key, in the order in which those came. With
// `interval_ns` a key is handed out at most that often, and its last value is never lost: it waits for the interval to end.
//
// Acks: a record that was replaced needs no ack; one that was handed out is acked with it, so a kill loses no key's latest value. Copies
// records, one per key that waits: memory is bounded by `most_keys`, beyond it keys are handed out early. Not thread-safe.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "fabric/delivery/consumer.hpp"

namespace fabric {

struct ConflateOptions {
  std::uint64_t interval_ns = 0;       // between two deliveries of one key
  std::size_t most_keys = 65'536;      // that wait at the same time, at least 1
  std::uint64_t most_records = 65'536;  // taken from the consumer by one poll, at least 1
};

class Conflater {
 public:
  // The consumer must outlive it, be polled by nobody else, and have AckMode::manual.
  Conflater(Consumer& consumer, ConflateOptions options);

  // Returns how many keys were handed out. The delivery's views are valid until the handler returns; its record is the latest of its key.
  // A handler that throws leaves its record and those behind it for the next poll. False acks (a partition was lost) need nothing: the
  // successor hands the value out again. Non-blocking.
  std::uint64_t poll(const Consumer::Handler& handler, const Consumer::GapHandler& gaps = {});
  // As Consumer::wait, and not beyond the moment at which a waiting key is due.
  void wait(std::uint64_t timeout_ns);

  std::uint64_t replaced() const noexcept { return replaced_; }  // records that a later one of their key made superfluous
  std::size_t waiting() const noexcept { return latest_.size(); }

 private:
  struct Latest {
    Delivery delivery;             // views into bytes
    std::vector<std::byte> bytes;  // the record's
    std::uint64_t arrival = 0;     // order of hand-out
  };
  void keep(const Delivery& delivery);
  bool is_due(const std::string& key, std::uint64_t now_ns) const;

  Consumer& consumer_;
  ConflateOptions options_;
  std::unordered_map<std::string, Latest> latest_;
  std::unordered_map<std::string, std::uint64_t> handed_out_ns_;  // with an interval only
  std::uint64_t arrivals_ = 0, replaced_ = 0;
};

}  // namespace fabric
