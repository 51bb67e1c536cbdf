#pragma once
// A file descriptor that becomes readable when a ring has something to read: for epoll, poll and select loops.
//
//   EventHandle handle = *EventHandle::create();
//   epoll_ctl(epoll, EPOLL_CTL_ADD, handle.descriptor(), ...);         // level-triggered
//   for (;;) {
//     while (reader.poll(...).records != 0) {}                           // until it is empty
//     handle.arm({{reader.wait_target()}});                             // then ask to be told
//     epoll_wait(epoll, ...);
//     handle.clear();
//   }
//
// Publishers are in other processes and must not pay, so they cannot write to a descriptor of ours: a thread of this handle sleeps on the
// rings' futexes as any blocked reader does (waiter.hpp) and then signals an eventfd. Cost: that hand-over, 5-10 us more than
// WaitStrategy::block. What was committed before arm() makes the descriptor readable too: nothing is missed between an empty poll
// and arm().
// Thread-safe: arm() and clear() may be called from any thread. The rings' mappings must outlive the handle or the next arm().

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "ipc/file_lock.hpp"
#include "ipc/result.hpp"
#include "ipc/waiter.hpp"

namespace fabric::ipc {

class EventHandle {
 public:
  // Errors: system (no descriptor or thread to be had).
  static Result<EventHandle> create();
  EventHandle(EventHandle&&) noexcept;
  EventHandle& operator=(EventHandle&&) = delete;
  ~EventHandle();  // stops the thread; blocks for about a wake-up

  int descriptor() const noexcept;
  // Signals once something stands at one of the positions. Replaces what was armed before. Rings attached for writing.
  void arm(std::span<const WaitTarget> targets);
  // Makes the descriptor unreadable until the next arm() fires.
  void clear() noexcept;

 private:
  struct State;
  explicit EventHandle(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fabric::ipc
