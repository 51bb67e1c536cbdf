#pragma once
// A way to pass messages between two processes (or two threads), as peers_bench measures it: one message to and fro,
// and a lossless stream. Every implementation copies the payload in and out, and waits for room and for messages by
// itself.
//
// Not thread-safe: each side is used by one thread.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fabric::bench {

enum class Side { leader, partner };

// One end. Aborts with a message when the library fails: there is nothing to measure then.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void send(std::span<const std::byte> message) = 0;
  // Fills `message`, whose size is that of every message.
  virtual void receive(std::span<std::byte> message) = 0;
};

struct PeerKind {
  std::string name;
  bool pinned = true;     // false: it has threads of its own, which would inherit the processor
  bool threads = false;   // its two sides are threads of one process, not processes
  bool executes = false;  // its partner is a program of its own: the library does not survive a fork
  // Prepares what both sides share, before they part. The result opens a side; it is called once in each.
  std::function<std::function<std::unique_ptr<Peer>(Side)>(const std::string& directory, std::size_t message_bytes)>
      prepare;
};

std::vector<PeerKind> ring_peers();
std::vector<PeerKind> boost_peers();
std::vector<PeerKind> unix_peers();
std::vector<PeerKind> moodycamel_peers();
std::vector<PeerKind> zmq_peers();
std::vector<PeerKind> nng_peers();

[[noreturn]] void give_up(const std::string& what);

}  // namespace fabric::bench
