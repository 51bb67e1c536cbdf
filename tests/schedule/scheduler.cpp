#include "tests/schedule/scheduler.hpp"

#include <stdexcept>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

// A killed fiber is never unwound: what its stack owned is lost with it, and is no leak.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

namespace fabric::ipc::testing {
namespace {

constexpr std::size_t kStackBytes = 256 << 10;
Scheduler* running = nullptr;

// ThreadSanitizer keeps a call stack per fiber and has to be told which one runs; those that are killed would otherwise
// stay on the stack of the thread, until the memory is used up.
#if defined(__SANITIZE_THREAD__)
void* make_fiber() { return __tsan_create_fiber(0); }
void* this_fiber() { return __tsan_get_current_fiber(); }
void end_fiber(void* fiber) { __tsan_destroy_fiber(fiber); }
void enter_fiber(void* fiber) { __tsan_switch_to_fiber(fiber, 0); }
#else
void* make_fiber() { return nullptr; }
void* this_fiber() { return nullptr; }
void end_fiber(void*) {}
void enter_fiber(void*) {}
#endif

}  // namespace

Scheduler::Actor::Actor() : fiber(make_fiber()) {}
Scheduler::Actor::~Actor() { end_fiber(fiber); }

Scheduler::Scheduler(std::uint64_t seed) : random_(seed), home_fiber_(this_fiber()) { running = this; }
Scheduler::~Scheduler() { running = nullptr; }

std::size_t Scheduler::add(std::function<void()> body) {
  auto actor = std::make_unique<Actor>();
  actor->body = std::move(body);
  actor->stack = std::make_unique<std::byte[]>(kStackBytes);
  getcontext(&actor->context);
  actor->context.uc_stack.ss_sp = actor->stack.get();
  actor->context.uc_stack.ss_size = kStackBytes;
  makecontext(&actor->context, &Scheduler::enter, 0);
  actors_.push_back(std::move(actor));
  return actors_.size() - 1;
}

void Scheduler::enter() {
  auto& actor = *running->actors_[running->current_];
  actor.body();
  actor.done = true;
  enter_fiber(running->home_fiber_);
  setcontext(&running->home_);
}

void Scheduler::give_way() {
  if (running == nullptr) return;  // set-up and audit run freely
  auto& scheduler = *running;
  if (scheduler.steps_ == 0) return;
  enter_fiber(scheduler.home_fiber_);
  swapcontext(&scheduler.actors_[scheduler.current_]->context, &scheduler.home_);
}

void Scheduler::kill(std::size_t actor) { actors_[actor]->killed = true; }

// Uniformly among the runnable, but for the victim, which stands still until its time is over or nobody else can go on.
std::size_t Scheduler::pick() {
  if (steps_ >= victim_until_) {
    victim_ = random_() % actors_.size();
    victim_until_ = steps_ + (one_in(4) ? 1 + random_() % 400 : 1 + random_() % 12);
  }
  std::vector<std::size_t> runnable;
  for (std::size_t i = 0; i < actors_.size(); ++i)
    if (!actors_[i]->done && !actors_[i]->killed && i != victim_) runnable.push_back(i);
  if (!runnable.empty()) return runnable[random_() % runnable.size()];
  if (!actors_[victim_]->done && !actors_[victim_]->killed) return victim_;
  return actors_.size();
}

bool Scheduler::run(std::uint64_t most_steps) {
  while (steps_ < most_steps) {
    ++steps_;
    if (hook_) hook_();
    current_ = pick();
    if (current_ == actors_.size()) {
      running = nullptr;
      return true;
    }
    enter_fiber(actors_[current_]->fiber);
    swapcontext(&home_, &actors_[current_]->context);
  }
  running = nullptr;
  return false;
}

}  // namespace fabric::ipc::testing
