#include "tools/evf/bench_pair.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

#include "tools/evf/terminal.hpp"

namespace fabric::evf::bench {
namespace {

// A short message through a pipe is whole or not there.
template <class Message>
bool read_message(int descriptor, Message& message) noexcept {
  ssize_t got = 0;
  do got = ::read(descriptor, &message, sizeof message);
  while (got < 0 && errno == EINTR && !interrupted());
  return got == static_cast<ssize_t>(sizeof message);
}

template <class Message>
void write_message(int descriptor, const Message& message) noexcept {
  while (::write(descriptor, &message, sizeof message) < 0 && errno == EINTR) {
  }
}

Answer obey(const Order& order, const std::string& directory, SharedMemory& shared, std::unique_ptr<Side>& side) {
  Watch watch(shared);
  switch (order.task) {
    case Task::open: {
      auto attached = attach_side(order.what, directory, false, shared);
      if (!attached) {
        shared.fail(attached.error().message);
        return {};
      }
      side = std::move(*attached);
      return {.ok = true};
    }
    case Task::close:
      side.reset();
      return {.ok = true};
    case Task::ping_pong:
      follow_ping_pong(shared, watch);
      return {.ok = true};
    case Task::copy:
      return follow_copy(order, shared, watch);
    case Task::measure:
      return side ? side->follow(order, watch) : Answer{};
  }
  return {};
}

}  // namespace

std::uint64_t CpuShare::thread_cpu_ns() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

void SharedMemory::fail(std::string_view why) noexcept {
  if (failed.load(std::memory_order_acquire) != 0) return;  // the first reason is the one that counts
  const auto length = std::min(why.size(), failure.size() - 1);
  std::memcpy(failure.data(), why.data(), length);
  failure[length] = '\0';
  failed.store(1, std::memory_order_release);
}

bool Watch::look() noexcept {
  if (shared_.failed.load(std::memory_order_acquire) != 0 || interrupted()) return true;
  if (partner_ == 0 || (turns_ & 0xfffff) != 0) return false;
  siginfo_t ended{};
  if (::waitid(P_PID, static_cast<id_t>(partner_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0)
    return false;
  shared_.fail("the partner process is gone");
  return true;
}

ipc::Result<void> pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) == 0) return {};
  return ipc::system_error("pin a process to processor " + std::to_string(cpu), errno);
}

ipc::Result<std::unique_ptr<Pair>> Pair::start(const std::array<int, 2>& cpus, const std::string& directory) {
  std::unique_ptr<Pair> pair(new Pair);
  void* memory =
      ::mmap(nullptr, sizeof(SharedMemory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return ipc::system_error("map memory for two processes", errno);
  pair->shared_ = ::new (memory) SharedMemory;
  for (auto* pipe : {pair->orders_, pair->answers_}) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return ipc::system_error("make a pipe", errno);
    pipe[0] = ipc::Descriptor(ends[0]);
    pipe[1] = ipc::Descriptor(ends[1]);
  }
  const auto parent = ::getpid();
  pair->partner_ = ::fork();
  if (pair->partner_ < 0) return ipc::system_error("start the partner process", errno);
  if (pair->partner_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) _exit(1);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);  // the parent decides
    pair->serve(directory, cpus[1]);
  }
  pair->orders_[0] = ipc::Descriptor();
  pair->answers_[1] = ipc::Descriptor();
  if (auto pinned = pin_to(cpus[0]); !pinned) return pinned.error();
  if (auto ready = pair->receive(); !ready) return ready.error();
  return pair;
}

Pair::~Pair() {
  if (partner_ > 0) {
    shared_->failed.store(1, std::memory_order_release);  // ends any loop that still runs
    orders_[1] = ipc::Descriptor();                       // and the partner reads the end of its orders
    while (::waitpid(partner_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (shared_ != nullptr) ::munmap(shared_, sizeof(SharedMemory));
}

void Pair::serve(const std::string& directory, int cpu) {
  orders_[1] = ipc::Descriptor();
  answers_[0] = ipc::Descriptor();
  try {
    const auto pinned = pin_to(cpu);
    if (!pinned) shared_->fail(pinned.error().message);
    write_message(answers_[1].get(), Answer{.ok = pinned.has_value()});
    std::unique_ptr<Side> side;
    for (Order order; read_message(orders_[0].get(), order);) {
      const CpuShare share;
      auto answer = obey(order, directory, *shared_, side);
      answer.cpu_share = share.value();
      write_message(answers_[1].get(), answer);
    }
  } catch (const std::exception& error) {
    shared_->fail(error.what());
  }
  _exit(0);  // nothing of the parent's is flushed or destroyed here
}

void Pair::send(const Order& order) noexcept { write_message(orders_[1].get(), order); }

ipc::Result<Answer> Pair::receive() {
  Answer answer;
  if (read_message(answers_[0].get(), answer) && answer.ok && shared_->failed.load(std::memory_order_acquire) == 0)
    return answer;
  const std::string_view why = shared_->failure.data();
  if (interrupted()) return ipc::make_error(ipc::ErrorCode::system, "interrupted; nothing was measured to the end");
  return ipc::make_error(ipc::ErrorCode::system,
                         "the measurement failed: " + std::string(why.empty() ? "the partner process is gone" : why));
}

}  // namespace fabric::evf::bench
