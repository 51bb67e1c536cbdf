// The kernel's own: Unix-domain sockets that keep message boundaries (blocking, and spinning), and pipes.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "bench/peers/peer.hpp"

namespace fabric::bench {
namespace {

class SocketPeer final : public Peer {
 public:
  SocketPeer(int descriptor, int flags) : descriptor_(descriptor), flags_(flags) {}
  ~SocketPeer() override { ::close(descriptor_); }
  void send(std::span<const std::byte> message) override {
    while (::send(descriptor_, message.data(), message.size(), flags_ | MSG_NOSIGNAL) < 0)
      if (errno != EAGAIN && errno != EINTR) give_up("send");
  }
  void receive(std::span<std::byte> message) override {
    ssize_t got = 0;
    while ((got = ::recv(descriptor_, message.data(), message.size(), flags_)) < 0)
      if (errno != EAGAIN && errno != EINTR) give_up("recv");
    if (got == 0) give_up("the other side is gone");
  }

 private:
  int descriptor_, flags_;
};

PeerKind socket_peer(const std::string& name, int flags) {
  return {.name = name, .prepare = [flags](const std::string&, std::size_t) {
            std::array<int, 2> ends{};
            if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) give_up("socketpair");
            return [ends, flags](Side side) -> std::unique_ptr<Peer> {
              ::close(ends[side == Side::leader ? 1 : 0]);
              return std::make_unique<SocketPeer>(ends[side == Side::leader ? 0 : 1], flags);
            };
          }};
}

class PipePeer final : public Peer {
 public:
  PipePeer(int out, int in) : out_(out), in_(in) {}
  ~PipePeer() override {
    ::close(out_);
    ::close(in_);
  }
  void send(std::span<const std::byte> message) override {
    while (!message.empty()) {
      const auto done = ::write(out_, message.data(), message.size());
      if (done < 0 && errno != EINTR) give_up("write");
      if (done > 0) message = message.subspan(static_cast<std::size_t>(done));
    }
  }
  void receive(std::span<std::byte> message) override {
    while (!message.empty()) {
      const auto done = ::read(in_, message.data(), message.size());
      if (done == 0 || (done < 0 && errno != EINTR)) give_up("read");
      if (done > 0) message = message.subspan(static_cast<std::size_t>(done));
    }
  }

 private:
  int out_, in_;
};

PeerKind pipe_peer() {
  return {.name = "pipe", .prepare = [](const std::string&, std::size_t) {
            std::array<int, 2> forth{}, back{};
            if (::pipe2(forth.data(), O_CLOEXEC) != 0 || ::pipe2(back.data(), O_CLOEXEC) != 0) give_up("pipe");
            return [forth, back](Side side) -> std::unique_ptr<Peer> {
              const auto& out = side == Side::leader ? forth : back;
              const auto& in = side == Side::leader ? back : forth;
              ::close(out[0]);
              ::close(in[1]);
              return std::make_unique<PipePeer>(out[1], in[0]);
            };
          }};
}

}  // namespace

std::vector<PeerKind> unix_peers() {
  return {socket_peer("unix_seqpacket", 0), socket_peer("unix_seqpacket_spin", MSG_DONTWAIT), pipe_peer()};
}

}  // namespace fabric::bench
