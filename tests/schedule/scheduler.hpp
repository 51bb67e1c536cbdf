#pragma once
// Runs actors (the production code, instantiated with Seeded) one step at a time, in an order that a seed decides.
//
// An actor is a coroutine of its own stack; it gives way at every Schedule::point() of ipc/. The scheduler picks who goes on: at random, with
// one victim at a time that stands still for a while, as a stopped process does; it may also kill one for good. So the interleavings
// are those of sequential consistency; what weaker orders add is checked by the models (store buffers) and under ThreadSanitizer.
// Not thread-safe: one scheduler at a time per process.

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "ipc/schedule.hpp"

namespace fabric::ipc::testing {

class Scheduler {
 public:
  explicit Scheduler(std::uint64_t seed);
  ~Scheduler();

  // Adds an actor; returns its number. `body` runs until it returns, giving way at every point.
  std::size_t add(std::function<void()> body);
  // Called before each step; may kill actors.
  void before_each_step(std::function<void()> hook) { hook_ = std::move(hook); }
  // Runs until all actors have returned or were killed, or `most_steps` are over. False: the steps did not suffice.
  bool run(std::uint64_t most_steps);

  // The actor takes no further step, ever. Its objects are never destroyed: as with SIGKILL.
  void kill(std::size_t actor);
  bool finished(std::size_t actor) const { return actors_[actor]->done; }
  std::mt19937_64& random() { return random_; }
  bool one_in(std::uint64_t n) { return random_() % n == 0; }
  std::uint64_t steps() const { return steps_; }

  static void give_way();  // from inside an actor

 private:
  struct Actor {
    Actor();
    ~Actor();
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;

    std::function<void()> body;
    std::unique_ptr<std::byte[]> stack;
    ucontext_t context{};
    void* fiber;  // ThreadSanitizer's name for it
    bool done = false, killed = false;
  };
  static void enter();
  std::size_t pick();

  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::function<void()> hook_;
  ucontext_t home_{};
  void* home_fiber_;
  std::size_t current_ = 0, victim_ = 0;
  std::uint64_t victim_until_ = 0, steps_ = 0;
};

struct Seeded {
  static constexpr bool kImpatient = true;
  static void point(Step) noexcept { Scheduler::give_way(); }
};

}  // namespace fabric::ipc::testing
