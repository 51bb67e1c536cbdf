// Boost.Interprocess message_queue, spinning: its blocking calls cost microseconds more.

#include <boost/interprocess/ipc/message_queue.hpp>

#include "bench/peers/peer.hpp"

namespace fabric::bench {
namespace {

namespace bi = boost::interprocess;
constexpr std::size_t kMessages = 4096;

class BoostPeer final : public Peer {
 public:
  BoostPeer(const std::string& out, const std::string& in, std::size_t bytes)
      : out_(bi::open_only, out.c_str()), in_(bi::open_only, in.c_str()), bytes_(bytes) {}
  void send(std::span<const std::byte> message) override {
    while (!out_.try_send(message.data(), message.size(), 0)) {
    }
  }
  void receive(std::span<std::byte> message) override {
    bi::message_queue::size_type got = 0;
    unsigned priority = 0;
    while (!in_.try_receive(message.data(), bytes_, got, priority)) {
    }
  }

 private:
  bi::message_queue out_, in_;
  std::size_t bytes_;
};

// Their names live in /dev/shm, beside the directory of the benchmark.
struct Queues {
  explicit Queues(const std::string& directory) {
    const auto unique = directory.substr(directory.rfind('/') + 1);
    forth = unique + ".forth";
    back = unique + ".back";
  }
  void create(std::size_t bytes) const {
    for (const auto& name : {forth, back}) bi::message_queue(bi::create_only, name.c_str(), kMessages, bytes);
  }
  ~Queues() {
    for (const auto& name : {forth, back}) bi::message_queue::remove(name.c_str());
  }
  std::string forth, back;
};

}  // namespace

std::vector<PeerKind> boost_peers() {
  return {{.name = "boost_message_queue", .prepare = [](const std::string& directory, std::size_t bytes) {
             const auto queues = std::make_shared<Queues>(directory);
             queues->create(bytes);
             return [queues, bytes](Side side) -> std::unique_ptr<Peer> {
               const bool leads = side == Side::leader;
               return std::make_unique<BoostPeer>(leads ? queues->forth : queues->back,
                                                  leads ? queues->back : queues->forth, bytes);
             };
           }}};
}

}  // namespace fabric::bench
