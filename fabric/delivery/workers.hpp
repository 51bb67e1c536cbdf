#pragma once
// Handles a consumer's records on several threads of its process, in order per key.
//
// One thread (who calls run()) polls, hands records to the workers and settles them; a key belongs to one worker, so records of a key are
// handled one after the other, in order, and different keys at the same time. Acks go out of order to the consumer's ack floor, so a
// kill costs the redelivery of what was in flight, at most `most_in_flight` records a partition's floor is behind.
//
// A record that the handler nacks (or throws for) comes again, and what is behind it of its key waits for that: the worker skips
// what it already has of the key, and those come again as well, in order. Records without a key have no order.
// Without a lease, records of a gating group are handled where they lie; otherwise they are copied to the worker.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "fabric/delivery/consumer.hpp"

namespace fabric {

enum class Settle : std::uint8_t { ack, nack };

struct WorkerOptions {
  unsigned threads = 4;                // 1 to 256
  std::uint64_t most_in_flight = 1024;  // records handed out and not settled, at least 1
};

class Workers {
 public:
  // Called on the workers' threads: several at a time, never two for one key. Must not use the consumer.
  using Handler = std::function<Settle(const Delivery&)>;
  // The consumer needs AckMode::manual. Errors: invalid_argument.
  static Result<Workers> start(Consumer consumer, Handler handler, const WorkerOptions& options = {});
  Workers(Workers&&) noexcept;
  ~Workers();  // handles what the workers have, settles it, ends the threads. Blocks.

  // One round: settles what is done, polls, hands out. Returns how many records it settled or handed out. Non-blocking. One thread at a time.
  std::uint64_t poll(const Consumer::GapHandler& gaps = {});
  // Rounds, waiting in between, until `stop` is requested (seen within 100 ms); then waits for what is in flight and settles it. Blocks.
  void run(std::stop_token stop, const Consumer::GapHandler& gaps = {});

  std::uint64_t in_flight() const noexcept;
  Consumer& consumer() noexcept;  // for state(), trouble(), between rounds

 private:
  struct Impl;
  explicit Workers(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabric
