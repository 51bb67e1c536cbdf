// Workers: order per key on several threads, through nacks, exceptions and hand-overs; bounded; nothing lost at the end.
#include "fabric/delivery/workers.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/fabric/delivery/key_ledger.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using testing::eventually;
using testing::FabricFixture;
using testing::KeyLedger;
using testing::must;

constexpr std::uint64_t kKeys = 20, kLong = 30'000'000'000;

class WorkersTest : public FabricFixture {
 protected:
  void SetUp() override { create(small_topic("orders", 4, 256)); }
  void publish(std::uint64_t from, std::uint64_t to) const {
    auto producer = this->producer("orders");
    for (auto ordinal = from; ordinal < to; ++ordinal)
      for (std::uint64_t key = 0; key < kKeys; ++key)
        ASSERT_TRUE(producer.publish_within(as_bytes(KeyLedger::key(key)), as_bytes(std::to_string(ordinal)), kLong));
  }
  Workers start(const Workers::Handler& handler, const WorkerOptions& options = {}, const ConsumerOptions& how = {.group = "billing"}) {
    return must(Workers::start(consumer("orders", how), handler, options));
  }
  static bool run_until(Workers& workers, const std::function<bool()>& done) {
    return eventually([&] {
      if (workers.poll() == 0) workers.consumer().wait(20'000);
      return done() && workers.in_flight() == 0;
    });
  }
  std::uint64_t lag() const {
    std::uint64_t lag = 0;
    const auto topic = must(open().topic("orders"));
    for (std::uint32_t p = 0; p < 4; ++p)
      lag += ipc::find_head(topic->ring(p)->map()) - ipc::find_cursor(topic->ring(p)->map(), "billing")->position;
    return lag;
  }
};

TEST_F(WorkersTest, handle_keys_in_order_and_at_the_same_time) {
  KeyLedger ledger(kKeys);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<unsigned> inside{0};
  publish(0, 20);
  auto workers = start([&](const Delivery& delivery) {
    // Waits for company until it had some: with one thread at a time this would not end.
    ++inside;
    while (inside < 2) std::this_thread::yield();
    ledger.add(delivery);
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
    return Settle::ack;
  }, {.threads = 4});
  EXPECT_TRUE(run_until(workers, [&] { return ledger.unique() == 20 * kKeys; }));
  EXPECT_EQ(ledger.faults(), 0U);
  EXPECT_EQ(ledger.redelivered(), 0U);
  EXPECT_EQ(threads.size(), 4U);
  EXPECT_EQ(lag(), 0U) << "all of it is acked";
}

TEST_F(WorkersTest, a_nacked_record_holds_up_its_key_and_no_other) {
  std::mutex mutex;
  std::map<std::string, std::vector<std::string>> handled;
  std::atomic<bool> heal{false};
  publish(0, 5);
  auto workers = start([&](const Delivery& delivery) {
    const std::string key(as_text(delivery.event.envelope.key)), ordinal(as_text(delivery.event.payload));
    if (key == "key3" && ordinal == "2" && !heal) return Settle::nack;
    const std::lock_guard lock(mutex);
    handled[key].push_back(ordinal);
    return Settle::ack;
  });
  const auto all_others = [&] {
    const std::lock_guard lock(mutex);
    for (std::uint64_t key = 0; key < kKeys; ++key)
      if (handled[KeyLedger::key(key)].size() != (key == 3 ? 2U : 5U)) return false;
    return true;
  };
  EXPECT_TRUE(eventually([&] { return workers.poll(), all_others(); }));
  EXPECT_GT(lag(), 0U);
  heal = true;
  EXPECT_TRUE(run_until(workers, [&] { return lag() == 0; }));
  EXPECT_THAT(handled["key3"], ::testing::ElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(WorkersTest, random_nacks_and_exceptions_keep_the_order_of_keys) {
  KeyLedger ledger(kKeys);
  std::atomic<std::uint64_t> failures{0};
  auto workers = start([&](const Delivery& delivery) {
    thread_local std::mt19937_64 random(std::hash<std::thread::id>()(std::this_thread::get_id()));
    switch (random() % 12) {
      case 0: ++failures; return Settle::nack;
      case 1: ++failures; throw std::runtime_error("handler");
      default: ledger.add(delivery); return Settle::ack;
    }
  }, {.threads = 3, .most_in_flight = 100});
  std::jthread publisher([&] { publish(0, 500); });
  EXPECT_TRUE(run_until(workers, [&] { return ledger.unique() == 500 * kKeys; }));
  EXPECT_EQ(ledger.faults(), 0U);
  EXPECT_EQ(ledger.redelivered(), 0U) << "a record that was handled is not handled again";
  EXPECT_GT(failures, 500U);
  EXPECT_EQ(lag(), 0U);
}

TEST_F(WorkersTest, partitions_come_and_go) {
  KeyLedger ledger(kKeys);
  const auto handler = [&](const Delivery& delivery) {
    thread_local std::mt19937_64 random(std::hash<std::thread::id>()(std::this_thread::get_id()));
    if (random() % 20 == 0) return Settle::nack;
    ledger.add(delivery);
    return Settle::ack;
  };
  auto workers = start(handler, {.threads = 2});
  std::jthread publisher([&] { publish(0, 800); });
  for (int i = 0; i < 12; ++i) {
    auto others = start(handler, {.threads = 2}, {.group = "billing", .hand_over_ns = kLong});
    EXPECT_TRUE(eventually([&] {
      workers.poll();
      others.poll();
      return others.consumer().partitions_held() == 2 || ledger.unique() == 800 * kKeys;
    }));
    for (int round = 0; round < 20; ++round) workers.poll(), others.poll();
  }
  EXPECT_TRUE(run_until(workers, [&] { return ledger.unique() == 800 * kKeys && lag() == 0; }));
  EXPECT_EQ(ledger.faults(), 0U);
}

TEST_F(WorkersTest, no_more_is_in_flight_than_was_said) {
  std::atomic<bool> go{false};
  publish(0, 20);
  auto workers = start([&](const Delivery&) {
    while (!go) std::this_thread::yield();
    return Settle::ack;
  }, {.threads = 2, .most_in_flight = 7});
  for (int i = 0; i < 100; ++i) {
    workers.poll();
    EXPECT_LE(workers.in_flight(), 7U);
  }
  EXPECT_EQ(workers.in_flight(), 7U);
  go = true;
  EXPECT_TRUE(run_until(workers, [&] { return lag() == 0; }));
}

TEST_F(WorkersTest, run_settles_what_is_in_flight_when_it_is_stopped) {
  KeyLedger ledger(kKeys);
  publish(0, 30);
  std::stop_source stop;
  auto workers = start([&](const Delivery& delivery) {
    ledger.add(delivery);
    if (ledger.unique() == 100) stop.request_stop();
    return Settle::ack;
  });
  workers.run(stop.get_token());
  EXPECT_EQ(workers.in_flight(), 0U);
  EXPECT_GE(ledger.unique(), 100U);
  EXPECT_EQ(lag(), 30 * kKeys - ledger.unique()) << "what was handled is acked, and nothing else";
}

TEST_F(WorkersTest, with_a_lease_what_a_worker_has_is_a_copy) {
  KeyLedger ledger(kKeys);
  publish(0, 30);
  auto workers = start([&](const Delivery& delivery) { return ledger.add(delivery), Settle::ack; }, {},
                       {.group = "billing", .lease_ns = 10'000'000'000});
  EXPECT_FALSE(workers.consumer().keeps_views());
  EXPECT_TRUE(run_until(workers, [&] { return ledger.unique() == 30 * kKeys && lag() == 0; }));
  EXPECT_EQ(ledger.faults(), 0U);
}

TEST_F(WorkersTest, options_that_make_no_sense_are_refused) {
  const auto handler = [](const Delivery&) { return Settle::ack; };
  EXPECT_FAILURE(Workers::start(consumer("orders", {.group = "a"}), handler, {.threads = 0}), ErrorCode::invalid_argument, "0 threads");
  EXPECT_FAILURE(Workers::start(consumer("orders", {.group = "a"}), handler, {.most_in_flight = 0}), ErrorCode::invalid_argument,
                 "most_in_flight");
  EXPECT_FAILURE(Workers::start(consumer("orders", {.group = "a"}), {}, {}), ErrorCode::invalid_argument, "no handler");
  EXPECT_FAILURE(Workers::start(consumer("orders", {.group = "a", .ack = AckMode::automatic}), handler, {}),
                 ErrorCode::invalid_argument, "AckMode::manual");
}

}  // namespace
}  // namespace fabric
