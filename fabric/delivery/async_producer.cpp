#include "fabric/delivery/async_producer.hpp"

#include <concurrentqueue/blockingconcurrentqueue.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "ipc/clock.hpp"

namespace fabric {
namespace {

// What a sender and the publishing thread know of each other.
struct Account {
  std::atomic<std::uint64_t> settled{0}, failed{0};  // written by the publishing thread; failed first
};

struct Record {
  std::shared_ptr<Account> account;  // null: the end
  std::vector<std::byte> bytes;      // key, payload
  std::size_t key_bytes = 0;
  std::uint32_t schema = 0;
};

using Queue = moodycamel::BlockingConcurrentQueue<Record>;

}  // namespace

struct AsyncProducer::Impl {
  Impl(Producer taken, const AsyncOptions& how)
      : producer(std::move(taken)), options(how), thread([this] { work(); }) {}
  ~Impl() { stop(); }

  void work() {
    Record record;
    for (bool end = false; !end || queued.load(std::memory_order_acquire) != 0;) {
      if (!end) {
        queue.wait_dequeue(record);
      } else if (!queue.try_dequeue(record)) {
        std::this_thread::yield();
        continue;
      }
      if (record.account) {
        publish(record);
      } else {
        end = true;  // the queue keeps no order between senders: there may be more
      }
    }
  }

  void publish(const Record& record) {
    const std::span<const std::byte> bytes(record.bytes);
    const auto key = bytes.first(record.key_bytes), payload = bytes.subspan(record.key_bytes);
    const bool in_a_hurry = gave_up && stopping.load(std::memory_order_relaxed);
    const auto published = producer.publish_within(key, payload, in_a_hurry ? 0 : options.give_up_ns, record.schema);
    gave_up = !published;
    if (options.on_outcome && (options.report_all || !published)) options.on_outcome(published, key, payload);
    if (!published) record.account->failed.fetch_add(1, std::memory_order_relaxed);
    queued.fetch_sub(1, std::memory_order_release);
    record.account->settled.fetch_add(1, std::memory_order_release);  // SYNC: async-settled
  }

  // No sender is between its look at `stopping` and the end of its enqueue when the end goes in.
  void stop() {
    if (!thread.joinable()) return;
    stopping.store(true, std::memory_order_seq_cst);
    while (sending.load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
    queue.enqueue(Record{});
    thread.join();
  }

  Producer producer;
  AsyncOptions options;
  Queue queue;
  std::atomic<std::uint64_t> queued{0}, sending{0};
  std::atomic<bool> stopping{false};
  bool gave_up = false;  // the last record waited in vain; of the publishing thread
  std::thread thread;    // last: it uses all the others
};

struct AsyncProducer::Sender::State {
  explicit State(Queue& queue) : token(queue) {}
  moodycamel::ProducerToken token;
  std::shared_ptr<Account> account = std::make_shared<Account>();
  std::uint64_t sent = 0;
};

AsyncProducer::Sender::Sender(std::shared_ptr<Impl> impl, std::unique_ptr<State> state)
    : impl_(std::move(impl)), state_(std::move(state)) {}
AsyncProducer::Sender::Sender(Sender&&) noexcept = default;
AsyncProducer::Sender::~Sender() = default;

bool AsyncProducer::Sender::send(std::span<const std::byte> key, std::span<const std::byte> payload, std::uint32_t schema) {
  auto& impl = *impl_;
  impl.sending.fetch_add(1, std::memory_order_seq_cst);
  const bool room = impl.queued.fetch_add(1, std::memory_order_acquire) < impl.options.most_queued;
  const bool taken = room && !impl.stopping.load(std::memory_order_seq_cst);
  if (taken) {
    Record record{.account = state_->account, .bytes = {}, .key_bytes = key.size(), .schema = schema};
    record.bytes.reserve(key.size() + payload.size());
    record.bytes.insert(record.bytes.end(), key.begin(), key.end());
    record.bytes.insert(record.bytes.end(), payload.begin(), payload.end());
    impl.queue.enqueue(state_->token, std::move(record));
    ++state_->sent;
  } else {
    impl.queued.fetch_sub(1, std::memory_order_release);
  }
  impl.sending.fetch_sub(1, std::memory_order_release);
  return taken;
}

bool AsyncProducer::Sender::flush(std::uint64_t timeout_ns) {
  const auto start_ns = ipc::monotonic_ns();
  for (std::uint64_t nap_ns = 1'000;; nap_ns = std::min<std::uint64_t>(nap_ns * 2, 1'000'000)) {
    if (state_->account->settled.load(std::memory_order_acquire) == state_->sent) return true;  // SYNC: async-settled
    const auto waited_ns = ipc::monotonic_ns() - start_ns;
    if (waited_ns >= timeout_ns) return false;
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(nap_ns, timeout_ns - waited_ns)));
  }
}

std::uint64_t AsyncProducer::Sender::sent() const noexcept { return state_->sent; }
std::uint64_t AsyncProducer::Sender::failed() const noexcept {
  return state_->account->failed.load(std::memory_order_relaxed);
}

AsyncProducer::AsyncProducer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
AsyncProducer::AsyncProducer(AsyncProducer&&) noexcept = default;
AsyncProducer::~AsyncProducer() {
  if (impl_) impl_->stop();
}

Result<AsyncProducer> AsyncProducer::start(Producer producer, const AsyncOptions& options) {
  if (options.most_queued == 0)
    return ipc::make_error(ErrorCode::invalid_argument,
                           "asynchronous producer: most_queued is 0, so nothing could be sent; use at least 1");
  return AsyncProducer(std::make_shared<Impl>(std::move(producer), options));
}

AsyncProducer::Sender AsyncProducer::sender() {
  return Sender(impl_, std::make_unique<Sender::State>(impl_->queue));
}
std::uint64_t AsyncProducer::queued() const noexcept { return impl_->queued.load(std::memory_order_relaxed); }
void AsyncProducer::stop() { impl_->stop(); }

}  // namespace fabric
