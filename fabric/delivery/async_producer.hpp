#pragma once
// Publishing from many threads of a process: they put records into a queue, one thread of its own publishes them.
//
// For threads that must not wait for back-pressure, and for more threads than a topic has publisher lines. Costs a copy and a wake-up; a
// thread that can have a Producer of its own is faster with it.
//
//   auto async = fabric::AsyncProducer::start(std::move(*producer), {...});
//   auto sender = async->sender();                  // one per thread
//   sender.send(key, payload);                      // never waits; false: the queue is full
//   sender.flush(1'000'000'000);                    // everything that this sender sent is published, or reported as failed
//
// Order: what one Sender sends is published in that order (so under one key it is delivered so). Between Senders there is none.
// What is in the queue when the process dies is lost: only what flush() has confirmed, or the outcome handler has seen, is in a ring.
// AsyncProducer is thread-safe; a Sender is used by one thread at a time. Source: moodycamel::ConcurrentQueue, FIFO per producer token.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "fabric/delivery/producer.hpp"

namespace fabric {

struct AsyncOptions {
  std::uint64_t most_queued = 65'536;         // records in the queue, at least 1; more are refused
  std::uint64_t give_up_ns = 30'000'000'000;  // how long one record waits for back-pressure to end, before it is reported as failed
  // Called on the publishing thread for every record that was not published (or, with report_all, for every record). Must not throw.
  std::function<void(const Published&, std::span<const std::byte> key, std::span<const std::byte> payload)> on_outcome{};
  bool report_all = false;
};

class AsyncProducer {
  struct Impl;

 public:
  class Sender {
   public:
    Sender(Sender&&) noexcept;
    Sender& operator=(Sender&&) = delete;
    ~Sender();  // what it sent is published all the same
    // Copies the record into the queue. False: the queue is full, or stop() was called; nothing was taken.
    bool send(std::span<const std::byte> key, std::span<const std::byte> payload, std::uint32_t schema = 0);
    bool send(std::string_view key, std::string_view payload, std::uint32_t schema = 0) {
      return send(as_bytes(key), as_bytes(payload), schema);
    }
    // Waits until everything that this sender sent is published or has failed, at most `timeout_ns`. False: the time is up. Blocks.
    bool flush(std::uint64_t timeout_ns);
    std::uint64_t sent() const noexcept;
    std::uint64_t failed() const noexcept;  // of those, not published; known after flush()

   private:
    friend class AsyncProducer;
    struct State;
    Sender(std::shared_ptr<Impl> impl, std::unique_ptr<State> state);
    std::shared_ptr<Impl> impl_;
    std::unique_ptr<State> state_;  // before impl_ is gone: its token is of the queue in there
  };

  // Starts the thread. Errors: invalid_argument.
  static Result<AsyncProducer> start(Producer producer, const AsyncOptions& options = {});
  AsyncProducer(AsyncProducer&&) noexcept;
  AsyncProducer& operator=(AsyncProducer&&) = delete;
  ~AsyncProducer();  // stop()

  Sender sender();
  std::uint64_t queued() const noexcept;
  // Takes no more records, publishes those that are queued, and ends the thread. Blocks: until the queue is empty, and behind a record
  // that waited for `give_up_ns` in vain the others are tried only once.
  void stop();

 private:
  explicit AsyncProducer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace fabric
