// moodycamel::ConcurrentQueue between two threads of one process: messages by value in a vector each would allocate, so
// they are fixed arrays of the largest size that fits, as its users do.

#include <concurrentqueue/concurrentqueue.h>

#include <array>
#include <atomic>
#include <cstring>

#include "bench/peers/peer.hpp"

namespace fabric::bench {
namespace {

constexpr std::size_t kMostInFlight = 8192;  // the queue itself has no bound

template <std::size_t Bytes>
struct Queue {
  using Message = std::array<std::byte, Bytes>;
  moodycamel::ConcurrentQueue<Message> messages{kMostInFlight * 2};
  alignas(128) std::atomic<std::size_t> received{0};
};

template <std::size_t Bytes>
class QueuePeer final : public Peer {
 public:
  using Shared = std::shared_ptr<Queue<Bytes>>;
  QueuePeer(Shared out, Shared in)
      : out_(std::move(out)), in_(std::move(in)), producer_(out_->messages), consumer_(in_->messages) {}

  void send(std::span<const std::byte> message) override {
    while (sent_ - seen_ >= kMostInFlight) seen_ = out_->received.load(std::memory_order_acquire);
    typename Queue<Bytes>::Message copy;
    std::memcpy(copy.data(), message.data(), Bytes);
    if (!out_->messages.enqueue(producer_, copy)) give_up("enqueue");
    ++sent_;
  }
  void receive(std::span<std::byte> message) override {
    typename Queue<Bytes>::Message copy;
    while (!in_->messages.try_dequeue(consumer_, copy)) {
    }
    std::memcpy(message.data(), copy.data(), Bytes);
    in_->received.store(++received_, std::memory_order_release);
  }

 private:
  Shared out_, in_;
  moodycamel::ProducerToken producer_;
  moodycamel::ConsumerToken consumer_;
  std::size_t sent_ = 0, seen_ = 0, received_ = 0;
};

template <std::size_t Bytes>
std::function<std::unique_ptr<Peer>(Side)> prepare_queues() {
  const auto forth = std::make_shared<Queue<Bytes>>(), back = std::make_shared<Queue<Bytes>>();
  return [forth, back](Side side) -> std::unique_ptr<Peer> {
    const bool leads = side == Side::leader;
    return std::make_unique<QueuePeer<Bytes>>(leads ? forth : back, leads ? back : forth);
  };
}

}  // namespace

std::vector<PeerKind> moodycamel_peers() {
  return {{.name = "moodycamel_in_process", .threads = true, .prepare = [](const std::string&, std::size_t bytes) {
             switch (bytes) {
               case 32:
                 return prepare_queues<32>();
               case 256:
                 return prepare_queues<256>();
               case 1024:
                 return prepare_queues<1024>();
               case 4096:
                 return prepare_queues<4096>();
               default:
                 give_up("a size that is not instantiated");
             }
           }}};
}

}  // namespace fabric::bench
