// Our own ring: two of them, one each way, as everywhere with checksums and time stamps.

#include <cstring>
#include <optional>
#include <thread>

#include "bench/bench_ring.hpp"
#include "bench/peers/peer.hpp"
#include "ipc/waiter.hpp"

namespace fabric::bench {
namespace {

constexpr std::uint64_t kAckEvery = 64;

class RingPeer final : public Peer {
 public:
  RingPeer(const std::string& out, const std::string& in)
      : reader_(value_or_abort(ipc::Reader::attach(attach(in), {.cursor = ipc::CursorOptions{.durable = false}}))),
        out_(out) {}

  void send(std::span<const std::byte> message) override {
    if (!publisher_) connect();
    auto outcome = publisher_->publish(message);
    while (outcome == ipc::PublishOutcome::back_pressure) outcome = publisher_->publish(message);
    if (outcome != ipc::PublishOutcome::published) give_up(ipc::to_string(outcome));
  }

  void receive(std::span<std::byte> message) override {
    ipc::RecordView view;
    ipc::ReadOutcome outcome;
    while ((outcome = reader_.next(view)) == ipc::ReadOutcome::empty) idler_.idle({}, 0);
    if (outcome != ipc::ReadOutcome::record) give_up(ipc::to_string(outcome));
    idler_.delivered(1);
    std::memcpy(message.data(), view.payload.data(), message.size());
    if (reader_.position() - reader_.acked() >= kAckEvery && !reader_.ack()) give_up("fenced");
  }

 private:
  // What is published before the other side's cursor gates is not for it.
  void connect() {
    const auto ring = attach(out_);
    while (ipc::list_cursors(ring->map()).empty()) std::this_thread::yield();
    publisher_.emplace(value_or_abort(ipc::Publisher::attach(ring)));
  }
  static std::shared_ptr<ipc::Ring> attach(const std::string& path) {
    return value_or_abort(ipc::Ring::attach(path, {.prefault = true}));
  }
  ipc::Reader reader_;
  std::string out_;
  std::optional<ipc::Publisher> publisher_;
  ipc::Idler idler_{ipc::WaitStrategy::spin};
};

PeerKind ring_peer(const std::string& name, ipc::WriterMode writers) {
  return {.name = name, .prepare = [writers](const std::string& directory, std::size_t bytes) {
            const auto forth = directory + "/forth.ring", back = directory + "/back.ring";
            for (const auto& path : {forth, back})
              value_or_abort(ipc::RingFile::create(path, ring_for(bytes, writers)));
            return [=](Side side) -> std::unique_ptr<Peer> {
              const bool leads = side == Side::leader;
              return std::make_unique<RingPeer>(leads ? forth : back, leads ? back : forth);
            };
          }};
}

}  // namespace

std::vector<PeerKind> ring_peers() {
  return {ring_peer("eventfabric_one_writer", ipc::WriterMode::one),
          ring_peer("eventfabric_many_writers", ipc::WriterMode::many)};
}

}  // namespace fabric::bench
