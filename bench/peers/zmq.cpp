// ZeroMQ over ipc://, a pair of sockets.

#include <zmq.h>

#include "bench/peers/peer.hpp"

namespace fabric::bench {
namespace {

class ZmqPeer final : public Peer {
 public:
  ZmqPeer(const std::string& address, Side side) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_PAIR)) {
    const int result =
        side == Side::leader ? zmq_bind(socket_, address.c_str()) : zmq_connect(socket_, address.c_str());
    if (result != 0) give_up(std::string("zmq: ") + zmq_strerror(zmq_errno()));
  }
  ~ZmqPeer() override {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void send(std::span<const std::byte> message) override {
    if (zmq_send(socket_, message.data(), message.size(), 0) < 0) give_up("zmq_send");
  }
  void receive(std::span<std::byte> message) override {
    if (zmq_recv(socket_, message.data(), message.size(), 0) < 0) give_up("zmq_recv");
  }

 private:
  void* context_;
  void* socket_;
};

}  // namespace

std::vector<PeerKind> zmq_peers() {
  return {{.name = "zeromq_ipc", .pinned = false, .prepare = [](const std::string& directory, std::size_t) {
             return [address = "ipc://" + directory + "/zmq"](Side side) -> std::unique_ptr<Peer> {
               return std::make_unique<ZmqPeer>(address, side);
             };
           }}};
}

}  // namespace fabric::bench
