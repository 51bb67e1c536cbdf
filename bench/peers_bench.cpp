// The same two workloads over our ring and over what Debian packages: a round trip with one message in flight, and a
// lossless stream whose every message is checked. Two processes on two cores; two threads where a peer works in one
// process only.

#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include "bench/bench_ring.hpp"
#include "bench/peers/peer.hpp"

namespace fabric::bench {

void give_up(const std::string& what) {
  std::fprintf(stderr, "peers_bench: %s\n", what.c_str());
  std::fflush(stderr);
  _exit(1);
}

namespace {

constexpr std::uint64_t kEnd = ~std::uint64_t{0};

void stamp(std::vector<std::byte>& message, std::uint64_t value) { std::memcpy(message.data(), &value, sizeof value); }
std::uint64_t stamp_of(const std::vector<std::byte>& message) {
  std::uint64_t value = 0;
  std::memcpy(&value, message.data(), sizeof value);
  return value;
}

void place(bool pinned, unsigned nth) { pinned ? pin_to_nth(nth) : unpin(); }

// Answers every message (round trip), or the last one only (stream).
void follow(Peer& peer, std::size_t bytes, bool answers) {
  auto message = payload_of(bytes);
  for (std::uint64_t expected = 0;; ++expected) {
    peer.receive(message);
    const auto value = stamp_of(message);
    if (value != expected && value != kEnd) give_up("a message is missing, double or out of order");
    if (answers || value == kEnd) peer.send(message);
    if (value == kEnd) return;
  }
}

// The partner of a kind that executes: run as `peers_bench --partner NAME DIRECTORY BYTES ANSWERS`.
constexpr const char* kPartner = "--partner";

[[noreturn]] void execute_partner(const PeerKind& kind, const std::string& directory, std::size_t bytes, bool answers) {
  const auto size = std::to_string(bytes);
  unpin();
  ::execl("/proc/self/exe", "peers_bench", kPartner, kind.name.c_str(), directory.c_str(), size.c_str(),
          answers ? "1" : "0", nullptr);
  give_up("exec");
}

// The other side, a process or a thread of its own.
class Partner {
 public:
  Partner(const PeerKind& kind, const std::string& directory, const std::function<std::unique_ptr<Peer>(Side)>& open,
          std::size_t bytes, bool answers) {
    const auto body = [open, bytes, answers, threads = kind.threads, pinned = kind.pinned] {
      place(pinned, 1);
      const auto peer = open(Side::partner);
      follow(*peer, bytes, answers);
      if (!threads) ::pause();  // until we are killed: some libraries drop what is still on its way when they close
    };
    if (kind.threads) {
      thread_ = std::thread(body);
      return;
    }
    ::signal(SIGCHLD, [](int) { _exit(1); });  // a partner that gives up would leave us waiting
    const auto parent = ::getpid();
    process_ = ::fork();
    if (process_ < 0) give_up("fork");
    if (process_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent && kind.executes) execute_partner(kind, directory, bytes, answers);
    if (::getppid() == parent) body();
    _exit(0);
  }
  ~Partner() {
    if (thread_.joinable()) thread_.join();
    if (process_ <= 0) return;
    ::signal(SIGCHLD, SIG_DFL);
    ::kill(process_, SIGKILL);  // ours, and not reaped yet
    ::waitpid(process_, nullptr, 0);
  }
  Partner(const Partner&) = delete;
  Partner& operator=(const Partner&) = delete;

 private:
  std::thread thread_;
  pid_t process_ = 0;
};

// Both sides are there when the first message was answered; a stream has only one answer, its last.
void measure(benchmark::State& state, const PeerKind& kind, bool answers) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Workspace workspace;
  const auto open = kind.prepare(workspace.path(), bytes);
  const Partner partner(kind, workspace.path(), open, bytes, answers);
  place(kind.pinned, 0);
  const auto peer = open(Side::leader);
  auto message = payload_of(bytes), answer = payload_of(bytes);
  std::uint64_t sent = 0;
  for (auto _ : state) {
    stamp(message, sent++);
    peer->send(message);
    if (answers) peer->receive(answer);
  }
  stamp(message, kEnd);
  peer->send(message);
  peer->receive(answer);
  if (stamp_of(answer) != kEnd) state.SkipWithError("the last answer is not the last question");
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

std::vector<PeerKind> all_peers() {
  std::vector<PeerKind> all;
  const auto add = [&](std::vector<PeerKind> some) { all.insert(all.end(), some.begin(), some.end()); };
  add(ring_peers());
  add(boost_peers());
#ifdef EVF_PEER_ZMQ
  add(zmq_peers());
#endif
#ifdef EVF_PEER_NNG
  add(nng_peers());
#endif
  add(unix_peers());
  add(moodycamel_peers());
  return all;
}

int be_partner(char** arguments) {
  for (const auto& kind : all_peers()) {
    if (kind.name != arguments[0]) continue;
    const auto bytes = std::stoul(arguments[2]);
    const auto peer = kind.prepare(arguments[1], bytes)(Side::partner);
    follow(*peer, bytes, *arguments[3] == '1');
    ::pause();  // until we are killed
  }
  return 1;
}

}  // namespace
}  // namespace fabric::bench

int main(int argc, char** argv) {
  using namespace fabric::bench;
  if (argc == 6 && std::string_view(argv[1]) == kPartner) return be_partner(argv + 2);
  for (const bool answers : {true, false}) {
    for (const auto& kind : all_peers()) {
      const auto name = (answers ? "round_trip/" : "stream/") + kind.name;
      benchmark::RegisterBenchmark(name.c_str(),
                                   [kind, answers](benchmark::State& state) { measure(state, kind, answers); })
          ->ArgName("bytes")
          ->Arg(32)
          ->Arg(256)
          ->Arg(1024)
          ->Arg(4096)
          ->UseRealTime();
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
