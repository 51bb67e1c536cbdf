#include "ipc/event_handle.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace fabric::ipc {

struct EventHandle::State {
  Descriptor event;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<WaitTarget> targets;  // empty: not armed
  std::atomic<bool> changed_mind = false;  // the targets that the thread sleeps on are old
  bool stop = false;
  std::thread thread;

  void run();
  void wake_thread() noexcept;
};

namespace {

constexpr std::uint64_t kSleepNs = 1'000'000'000, kNapNs = 1'000'000;

bool any_ready(std::span<const WaitTarget> targets) noexcept {
  for (const auto& target : targets)
    if (something_to_read(target)) return true;
  return false;
}

}  // namespace

void EventHandle::State::run() {
  std::unique_lock lock(mutex);
  std::vector<WaitTarget> mine;
  for (;;) {
    changed.wait(lock, [this] { return stop || !targets.empty(); });
    if (stop) return;
    mine = targets;
    changed_mind.store(false, std::memory_order_seq_cst);
    lock.unlock();
    bool ready = any_ready(mine);
    if (!ready) {
      sleep_on(mine, kSleepNs, kNapNs, &changed_mind);
      ready = any_ready(mine);
    }
    lock.lock();
    if (!ready || changed_mind.load(std::memory_order_relaxed)) continue;
    targets.clear();
    const std::uint64_t one = 1;
    static_cast<void>(!::write(event.get(), &one, sizeof one));  // it can only fail when the counter is full: readable already
  }
}

// The thread may be asleep on the rings: wake all who are; the others look and go to sleep again. Called under the mutex.
void EventHandle::State::wake_thread() noexcept {
  changed_mind.store(true, std::memory_order_seq_cst);
  changed.notify_all();
  for (const auto& target : targets) wake_sleepers(*target.map->control);
}

Result<EventHandle> EventHandle::create() {
  auto state = std::make_unique<State>();
  state->event = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state->event) return system_error("eventfd", errno);
  try {
    state->thread = std::thread([raw = state.get()] { raw->run(); });
  } catch (const std::system_error& failure) {
    return system_error("start the thread of an EventHandle", failure.code().value());
  }
  return EventHandle(std::move(state));
}

EventHandle::EventHandle(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventHandle::EventHandle(EventHandle&&) noexcept = default;

EventHandle::~EventHandle() {
  if (!state_) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
    state_->wake_thread();
  }
  state_->thread.join();
}

int EventHandle::descriptor() const noexcept { return state_->event.get(); }

void EventHandle::arm(std::span<const WaitTarget> targets) {
  const std::lock_guard lock(state_->mutex);
  state_->wake_thread();
  state_->targets.assign(targets.begin(), targets.end());
  state_->changed.notify_all();
}

void EventHandle::clear() noexcept {
  std::uint64_t count = 0;
  static_cast<void>(!::read(state_->event.get(), &count, sizeof count));
}

}  // namespace fabric::ipc
