// nng over ipc://, a pair of sockets.

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "bench/peers/peer.hpp"

namespace fabric::bench {
namespace {

void check(int result, const char* what) {
  if (result != 0) give_up(std::string(what) + ": " + nng_strerror(result));
}

class NngPeer final : public Peer {
 public:
  NngPeer(const std::string& address, Side side) {
    check(nng_pair0_open(&socket_), "nng_pair0_open");
    if (side == Side::leader) {
      check(nng_listen(socket_, address.c_str(), nullptr, 0), "nng_listen");
    } else {
      check(nng_dial(socket_, address.c_str(), nullptr, NNG_FLAG_NONBLOCK), "nng_dial");
    }
  }
  ~NngPeer() override { nng_close(socket_); }
  // nng takes the bytes over from the caller's memory: it copies them.
  void send(std::span<const std::byte> message) override {
    check(nng_send(socket_, const_cast<std::byte*>(message.data()), message.size(), 0), "nng_send");
  }
  void receive(std::span<std::byte> message) override {
    auto bytes = message.size();
    check(nng_recv(socket_, message.data(), &bytes, 0), "nng_recv");
  }

 private:
  nng_socket socket_{};
};

}  // namespace

std::vector<PeerKind> nng_peers() {
  return {
      {.name = "nng_ipc", .pinned = false, .executes = true, .prepare = [](const std::string& directory, std::size_t) {
         return [address = "ipc://" + directory + "/nng"](Side side) -> std::unique_ptr<Peer> {
           return std::make_unique<NngPeer>(address, side);
         };
       }}};
}

}  // namespace fabric::bench
