#include "tools/evf/demo_worker.hpp"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "fabric/delivery/consumer.hpp"
#include "fabric/delivery/producer.hpp"
#include "ipc/clock.hpp"

namespace fabric::evf::demo {
namespace {

constexpr std::uint64_t kPatienceNs = 10'000'000, kConsumerNapNs = 2'000'000, kReleaseNapNs = 100'000;

void nap(std::uint64_t ns) {
  const timespec time{0, static_cast<long>(std::min<std::uint64_t>(ns, 999'999'999))};
  nanosleep(&time, nullptr);
}

// Holds a publisher to its share of the rate.
class Pace {
 public:
  explicit Pace(double rate) : interval_ns_(rate > 0 ? 1e9 / rate : 0) { restart(); }
  void restart() {
    start_ns_ = ipc::monotonic_ns();
    count_ = 0;
  }
  void wait() {
    if (interval_ns_ <= 0) return;
    const auto due = start_ns_ + static_cast<std::uint64_t>(interval_ns_ * static_cast<double>(count_++));
    const auto now = ipc::monotonic_ns();
    if (now < due) nap(due - now);
  }

 private:
  double interval_ns_;
  std::uint64_t start_ns_ = 0, count_ = 0;
};

std::uint32_t share_of(const Plan& plan, std::uint32_t publisher) {
  std::uint32_t share = 0;
  for (std::uint32_t r = 0; r < plan.records(); ++r) share += plan.publisher_of(r) == publisher ? 1 : 0;
  return share;
}

class PublisherRun {
 public:
  PublisherRun(const Plan& plan, const Ledger& ledger, std::uint32_t self, Producer producer)
      : plan_(plan),
        ledger_(ledger),
        self_(self),
        notes_(ledger.notes(self)),
        producer_(std::move(producer)),
        share_(share_of(plan, self)),
        pace_(plan.rate * share_ / std::max(1U, plan.records())) {}

  int run() {
    const auto hold_at = share_ - share_ / 4;
    const auto victims = plan_.victims();
    std::uint32_t done = 0;
    for (std::uint32_t r = 0; r < plan_.records(); ++r) {
      if (plan_.publisher_of(r) != self_) continue;
      if (done++ == hold_at) wait_for_release();
      pace_.wait();
      const bool chosen = r == victims.first || r == victims.second;
      if (!(chosen ? publish_chosen(r, victims) : publish(r, r))) return 1;
    }
    return 0;
  }

 private:
  void wait_for_release() {
    while (ledger_.control().released.load(std::memory_order_acquire) == 0) nap(kReleaseNapNs);
    pace_.restart();
  }

  bool publish_chosen(std::uint32_t record, const Plan::Victims& victims) {
    const auto other = record == victims.first ? victims.second : victims.first;
    switch (plan_.sabotage) {
      case Sabotage::swap:
        return publish(other, other);
      case Sabotage::lose:
        return record == victims.first ? note({record, 0, 0}) : publish(record, record);
      case Sabotage::tear:
        return publish(record, record, record == victims.first);
      case Sabotage::none:
        break;
    }
    return publish(record, record);
  }

  bool publish(std::uint32_t record, std::uint32_t as, bool torn = false) {
    plan_.write_payload(record, payload_);
    if (torn) payload_.back() = static_cast<char>(payload_.back() ^ 1);
    const auto key = as_bytes(plan_.line_of(record).key);
    auto published = producer_.publish(key, as_bytes(payload_));
    if (!published) published = wait_for_room(key, published);
    if (published) return note({as, published.partition, published.sequence});
    notes_.fail(std::string("partition ") + std::to_string(published.partition) + ": " + to_string(published.outcome));
    return false;
  }

  Published wait_for_room(std::span<const std::byte> key, Published published) {
    const auto is_full = [&] {
      return published.outcome == ipc::PublishOutcome::back_pressure ||
             published.outcome == ipc::PublishOutcome::arena_full;
    };
    if (!is_full()) return published;
    const auto since_ns = ipc::monotonic_ns();
    const auto blamed = producer_.blame(published.partition).cursor;
    if (!blamed.empty()) blamed.copy(notes_.blamed.data(), notes_.blamed.size() - 1);
    while (is_full()) published = producer_.publish_within(key, as_bytes(payload_), kPatienceNs);
    notes_.waits.fetch_add(1, std::memory_order_relaxed);
    notes_.waited_ns.fetch_add(ipc::monotonic_ns() - since_ns, std::memory_order_relaxed);
    return published;
  }

  bool note(const PublishEntry& entry) {
    if (ledger_.append(self_, entry)) return true;
    notes_.fail("published more records than there are");
    return false;
  }

  const Plan& plan_;
  const Ledger& ledger_;
  std::uint32_t self_;
  Notes& notes_;
  Producer producer_;
  std::uint32_t share_;  // records that are ours
  Pace pace_;
  std::string payload_;
};

class ConsumerRun {
 public:
  ConsumerRun(const Ledger& ledger, std::uint32_t self, Consumer consumer)
      : ledger_(ledger), self_(self), notes_(ledger.notes(self)), consumer_(std::move(consumer)) {}

  int run() {
    const Consumer::Handler handler = [this](const Delivery& delivery) { write_down(delivery); };
    const Consumer::GapHandler gaps = [this](const Gap& gap) { write_down(gap); };
    for (;;) {
      const bool last = ledger_.control().stop.load(std::memory_order_acquire) != 0;
      const auto records = consumer_.poll(handler, gaps);
      const auto held = consumer_.partitions_held();
      if (notes_.partitions_held.exchange(held, std::memory_order_release) != held && held == kPartitions)
        notes_.partitions_held_at_ns.store(clock_.now_ns(), std::memory_order_release);
      if (full_) return 1;
      consumer_.ack();
      if (records != 0) continue;
      if (last) return 0;
      consumer_.wait(kConsumerNapNs);
    }
  }

 private:
  void write_down(const Delivery& delivery) {
    const auto now_ns = clock_.now_ns();
    const auto& map = consumer_.topic().ring(delivery.partition)->map();
    const auto stamped_ns = delivery.record.timestamp_ns - static_cast<std::uint64_t>(map.time_bias_ns);
    const auto key = as_text(delivery.event.envelope.key), payload = as_text(delivery.event.payload);
    const DeliveryEntry entry{.record = record_number(payload).value_or(kNoRecord),
                              .partition = delivery.partition,
                              .sequence = delivery.record.sequence,
                              .content_hash = content_hash(key, payload),
                              .latency_ns = now_ns > stamped_ns ? now_ns - stamped_ns : 0,
                              .delivered_at_ns = now_ns};
    if (full_ || ledger_.append(self_, entry)) return;
    full_ = true;
    notes_.fail("was given far more records than there are");
  }

  void write_down(const Gap& gap) {
    switch (gap.why) {
      case ipc::ReadOutcome::lost:
        notes_.lost.fetch_add(gap.range.end - gap.range.first);
        break;
      case ipc::ReadOutcome::damaged:
        notes_.damaged.fetch_add(1);
        break;
      default:
        notes_.fenced.fetch_add(1);
        break;
    }
  }

  const Ledger& ledger_;
  std::uint32_t self_;
  Notes& notes_;
  Consumer consumer_;
  ipc::Clock clock_;
  bool full_ = false;
};

}  // namespace

int run_publisher(const Plan& plan, const Ledger& ledger, std::uint32_t publisher) {
  ::prctl(PR_SET_TIMERSLACK, 1'000UL);  // naps as long as they were asked for
  auto& notes = ledger.notes(publisher);
  auto fabric = Fabric::open(plan.directory, false);
  if (!fabric) return notes.fail(fabric.error().message), 1;
  auto producer = Producer::open(*fabric, plan.topic);
  if (!producer) return notes.fail(producer.error().message), 1;
  notes.ready.store(1, std::memory_order_release);
  return PublisherRun(plan, ledger, publisher, std::move(*producer)).run();
}

int run_consumer(const Plan& plan, const Ledger& ledger, std::uint32_t role, const std::string& group) {
  auto& notes = ledger.notes(role);
  auto fabric = Fabric::open(plan.directory, false);
  if (!fabric) return notes.fail(fabric.error().message), 1;
  auto consumer = Consumer::join(*fabric, plan.topic, {.group = group});
  if (!consumer) return notes.fail(consumer.error().message), 1;
  notes.ready.store(1, std::memory_order_release);
  return ConsumerRun(ledger, role, std::move(*consumer)).run();
}

}  // namespace fabric::evf::demo
