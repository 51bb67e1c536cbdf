// What the machine takes for one message to and fro, with no ring at all. A ring cannot be faster than two_lines/records:
// each direction has a line of its own, which its reader polls, so a message is an invalidation and a fetch. In one line for
// both directions the one who read it last owns it already: a record of its own per message cannot have that.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "bench/bench_ring.hpp"

namespace fabric::bench {
namespace {

constexpr std::uint64_t kEnd = ~std::uint64_t{0};

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Slots of `lines` cache lines: a word, and the rest of a message behind it.
class Slots {
 public:
  Slots(std::size_t count, std::size_t lines)
      : count_(count), words_(lines * kWords), memory_(new(std::align_val_t{4096}) std::atomic<std::uint64_t>[count * words_]{}) {}
  std::atomic<std::uint64_t>& at(std::uint64_t message) noexcept { return memory_.get()[message % count_ * words_]; }
  std::byte* rest(std::uint64_t message) noexcept { return reinterpret_cast<std::byte*>(&at(message) + 1); }
  std::size_t rest_bytes() const noexcept { return (words_ - 1) * sizeof(std::uint64_t); }

 private:
  static constexpr std::size_t kWords = 8;
  struct Free {
    void operator()(std::atomic<std::uint64_t>* memory) const { ::operator delete[](memory, std::align_val_t{4096}); }
  };
  std::size_t count_, words_;
  std::unique_ptr<std::atomic<std::uint64_t>, Free> memory_;
};

void send(Slots& to, std::uint64_t message, std::uint64_t word, const std::vector<std::byte>& bytes) noexcept {
  if (bytes.size() > 56) std::memcpy(to.rest(message), bytes.data(), bytes.size());
  to.at(message).store(word, std::memory_order_release);
}

// False: it is over.
bool receive(Slots& from, std::uint64_t message, std::uint64_t word, std::vector<std::byte>& bytes) noexcept {
  std::uint64_t seen = 0;
  while ((seen = from.at(message).load(std::memory_order_acquire)) != word) {
    if (seen == kEnd) return false;
    pause();
  }
  if (bytes.size() > 56) std::memcpy(bytes.data(), from.rest(message), bytes.size());
  return true;
}

// One iteration is one round trip. `forth` and `back` may be the same.
void go_to_and_fro(benchmark::State& state, Slots& forth, Slots& back) {
  pin_to_nth(0);
  std::atomic<bool> ready{false};
  std::thread partner([&] {
    pin_to_nth(1);
    std::vector<std::byte> bytes(forth.rest_bytes());
    ready.store(true);
    for (std::uint64_t i = 0; receive(forth, i, 2 * i + 1, bytes); ++i) send(back, i, 2 * i + 2, bytes);
  });
  while (!ready.load()) pause();
  std::vector<std::byte> bytes(forth.rest_bytes());
  std::uint64_t i = 0;
  for (auto _ : state) {
    send(forth, i, 2 * i + 1, bytes);
    receive(back, i, 2 * i + 2, bytes);
    ++i;
  }
  forth.at(i).store(kEnd, std::memory_order_release);
  partner.join();
}

void one_line(benchmark::State& state) {
  Slots both(static_cast<std::size_t>(state.range(0)), 1);
  go_to_and_fro(state, both, both);
}
BENCHMARK(one_line)->ArgName("slots")->Arg(1)->Arg(64)->Arg(4096)->UseRealTime();

void two_lines(benchmark::State& state) {
  const auto slots = static_cast<std::size_t>(state.range(0)), lines = static_cast<std::size_t>(state.range(1));
  Slots forth(slots, lines), back(slots, lines);
  go_to_and_fro(state, forth, back);
}
BENCHMARK(two_lines)->ArgNames({"slots", "lines"})->Args({1, 1})->Args({4096, 1})->Args({4096, 5})->Args({4096, 17})->Args({1024, 65})->UseRealTime();

}  // namespace
}  // namespace fabric::bench
