#include "fabric/delivery/workers.hpp"

#include <concurrentqueue/blockingconcurrentqueue.h>

#include <algorithm>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fabric/topic_names.hpp"
#include "ipc/checksum.hpp"

namespace fabric {
namespace {

struct Task {
  Delivery delivery;             // views into the ring, or into bytes
  std::vector<std::byte> bytes;
  std::uint64_t key_hash = 0;    // 0: no key
  bool end = false;              // of the thread
};
struct Done {
  std::uint32_t partition = 0;
  std::uint64_t sequence = 0;
  Settle settle = Settle::ack;
};

using Tasks = moodycamel::BlockingConcurrentQueue<std::unique_ptr<Task>>;
using Dones = moodycamel::ConcurrentQueue<Done>;

// One thread. Its queue has one producer, so what comes out is in order.
class Worker {
 public:
  Worker(const Workers::Handler& handler, Dones& dones)
      : handler_(handler), dones_(dones), done_token_(dones), task_token_(tasks_), thread_([this] { work(); }) {}
  ~Worker() {
    auto end = std::make_unique<Task>();
    end->end = true;
    give(std::move(end));
    thread_.join();
  }
  void give(std::unique_ptr<Task> task) { tasks_.enqueue(task_token_, std::move(task)); }

 private:
  void work() {
    for (;;) {
      std::unique_ptr<Task> task;
      tasks_.wait_dequeue(task);
      if (task->end) return;
      const auto& record = task->delivery.record;
      dones_.enqueue(done_token_, {task->delivery.partition, record.sequence, handle(*task)});
    }
  }
  // What is behind a nacked record of its key is not handled before that one was, nor before what was skipped in between:
  //
  //     queue: 7, 8       7 is nacked, 8 is skipped; the poller hears of 7 first, and reads again from there
  //     queue: 7, 9       8 is not there: the poller thinks that it is still here. 7 succeeds; 9 has to wait for 8
  Settle handle(const Task& task) noexcept {
    if (task.key_hash == 0) return call(task.delivery);
    const auto sequence = task.delivery.record.sequence;
    const auto found = waiting_.find(task.key_hash);
    if (found != waiting_.end() && found->second.possession != task.delivery.possession) {
      waiting_.erase(found);  // another member may have handled them meanwhile
      return handle(task);
    }
    const bool blocked = found != waiting_.end() && *found->second.sequences.begin() < sequence;
    const auto settle = blocked ? Settle::nack : call(task.delivery);
    if (settle == Settle::nack) {
      auto& waiting = waiting_[task.key_hash];
      waiting.possession = task.delivery.possession;
      waiting.sequences.insert(sequence);
    } else if (found != waiting_.end()) {
      found->second.sequences.erase(sequence);
      if (found->second.sequences.empty()) waiting_.erase(found);
    }
    return settle;
  }
  Settle call(const Delivery& delivery) noexcept {
    try {
      return handler_(delivery);
    } catch (...) {
      return Settle::nack;
    }
  }

  struct Waiting {
    std::uint64_t possession = 0;
    std::set<std::uint64_t> sequences{};  // not empty: what has to be handled before anything behind it
  };

  const Workers::Handler& handler_;
  Dones& dones_;
  moodycamel::ProducerToken done_token_;
  Tasks tasks_;
  moodycamel::ProducerToken task_token_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;  // by key
  std::thread thread_;
};

}  // namespace

struct Workers::Impl {
  Impl(Consumer taken, Handler with, const WorkerOptions& how) : consumer(std::move(taken)), handler(std::move(with)), options(how) {
    for (unsigned i = 0; i < options.threads; ++i) workers.push_back(std::make_unique<Worker>(handler, dones));
  }
  ~Impl() {
    workers.clear();
    settle();
  }

  std::uint64_t place(std::uint32_t partition, std::uint64_t sequence) const {
    return sequence * kMaxPartitions + partition;
  }
  std::uint64_t settle() {
    Done done;
    std::uint64_t settled = 0;
    while (dones.try_dequeue(done)) {
      in_flight.erase(place(done.partition, done.sequence));
      if (done.settle == Settle::ack) {
        consumer.ack(done.partition, done.sequence);
      } else {
        consumer.nack(done.partition, done.sequence);
      }
      ++settled;
    }
    return settled;
  }
  void hand_out(const Delivery& delivery) {
    // Delivered again because of a nack before it, while a worker still has it.
    if (!in_flight.insert(place(delivery.partition, delivery.record.sequence)).second) return;
    auto task = std::make_unique<Task>();
    const auto key = delivery.event.envelope.key;
    task->delivery = consumer.keeps_views() ? delivery : copy_delivery(delivery, task->bytes);
    task->key_hash = key.empty() ? 0 : std::max<std::uint64_t>(ipc::hash_bytes(key.data(), key.size()), 1);
    const auto spread = key.empty() ? delivery.record.sequence : task->key_hash >> 32;
    workers[spread % workers.size()]->give(std::move(task));
  }

  Consumer consumer;
  Handler handler;
  WorkerOptions options;
  Dones dones;
  std::unordered_set<std::uint64_t> in_flight;
  std::vector<std::unique_ptr<Worker>> workers;
};

Workers::Workers(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Workers::Workers(Workers&&) noexcept = default;
Workers::~Workers() = default;

Result<Workers> Workers::start(Consumer consumer, Handler handler, const WorkerOptions& options) {
  const auto refuse = [](const std::string& what) { return ipc::make_error(ErrorCode::invalid_argument, what); };
  if (options.threads == 0 || options.threads > 256)
    return refuse("workers: " + std::to_string(options.threads) + " threads; use 1 to 256");
  if (options.most_in_flight == 0) return refuse("workers: most_in_flight is 0, so nothing would ever be handled; use at least 1");
  if (!handler) return refuse("workers: no handler");
  if (consumer.ack_mode() != AckMode::manual) return refuse("workers settle records themselves; join with AckMode::manual");
  return Workers(std::make_unique<Impl>(std::move(consumer), std::move(handler), options));
}

std::uint64_t Workers::poll(const Consumer::GapHandler& gaps) {
  auto& impl = *impl_;
  const auto settled = impl.settle();
  const auto room = impl.options.most_in_flight - std::min<std::uint64_t>(impl.in_flight.size(), impl.options.most_in_flight);
  if (room == 0) {
    impl.consumer.renew_lease();
    return settled;
  }
  return settled + impl.consumer.poll([&](const Delivery& delivery) { impl.hand_out(delivery); }, gaps, room);
}

void Workers::run(std::stop_token stop, const Consumer::GapHandler& gaps) {
  constexpr std::uint64_t kLookForStopNs = 100'000'000, kLookForDoneNs = 50'000;
  while (!stop.stop_requested())
    if (poll(gaps) == 0) impl_->consumer.wait(impl_->in_flight.empty() ? kLookForStopNs : kLookForDoneNs);
  while (!impl_->in_flight.empty())
    if (impl_->settle() == 0) std::this_thread::yield();
}

std::uint64_t Workers::in_flight() const noexcept { return impl_->in_flight.size(); }
Consumer& Workers::consumer() noexcept { return impl_->consumer; }

}  // namespace fabric
