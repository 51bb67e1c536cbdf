// The asynchronous front: order per sender, flush, a queue that is full, back-pressure, the end.
#include "fabric/delivery/async_producer.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using testing::eventually;
using testing::FabricFixture;
using testing::must;

constexpr std::uint64_t kLong = 30'000'000'000;

class AsyncProducerTest : public FabricFixture {
 protected:
  void SetUp() override { create(small_topic("orders", 2, 256)); }
  AsyncProducer start(const AsyncOptions& options = {}) { return must(AsyncProducer::start(producer("orders"), options)); }
  // Payloads of each key, in the order of delivery.
  static void read(Consumer& consumer, std::map<std::string, std::vector<std::string>>& got) {
    consumer.poll([&](const Delivery& delivery) {
      got[std::string(as_text(delivery.event.envelope.key))].emplace_back(as_text(delivery.event.payload));
    });
    consumer.ack();
  }
};

TEST_F(AsyncProducerTest, every_thread_keeps_its_order_and_flush_says_when_it_is_done) {
  constexpr int kThreads = 4, kEach = 3000;
  auto consumer = this->consumer("orders", {.group = "billing"});
  auto async = start();
  std::atomic<int> done{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      auto sender = async.sender();
      const auto key = "sender" + std::to_string(t);
      for (int i = 0; i < kEach; ++i)
        while (!sender.send(key, std::to_string(i), 7)) std::this_thread::yield();
      EXPECT_TRUE(sender.flush(kLong));
      EXPECT_EQ(sender.sent(), static_cast<std::uint64_t>(kEach));
      EXPECT_EQ(sender.failed(), 0U);
      ++done;
    });
  std::map<std::string, std::vector<std::string>> got;
  EXPECT_TRUE(eventually([&] { return read(consumer, got), done == kThreads; }));
  read(consumer, got);
  EXPECT_EQ(async.queued(), 0U);
  ASSERT_EQ(got.size(), static_cast<std::size_t>(kThreads));
  for (const auto& [key, payloads] : got) {
    ASSERT_EQ(payloads.size(), static_cast<std::size_t>(kEach)) << key;
    for (int i = 0; i < kEach; ++i) ASSERT_EQ(payloads[static_cast<std::size_t>(i)], std::to_string(i)) << key;
  }
}

TEST_F(AsyncProducerTest, what_back_pressure_holds_up_fails_after_a_while_and_is_reported) {
  { auto gate = consumer("orders", {.group = "billing"}); }  // holds publishers up after a lap
  std::vector<std::string> failed;
  auto async = start({.give_up_ns = 1'000'000, .on_outcome = [&](const Published& published, auto key, auto payload) {
                        EXPECT_EQ(published.outcome, ipc::PublishOutcome::back_pressure);
                        EXPECT_EQ(as_text(key), "k");
                        failed.emplace_back(as_text(payload));
                      }});
  auto sender = async.sender();
  for (int i = 0; i < 259; ++i) ASSERT_TRUE(sender.send("k", std::to_string(i)));
  EXPECT_TRUE(sender.flush(kLong));
  EXPECT_EQ(sender.failed(), 3U);
  EXPECT_THAT(failed, ::testing::ElementsAre("256", "257", "258"));
}

TEST_F(AsyncProducerTest, a_full_queue_refuses_and_flush_gives_up_in_time) {
  { auto gate = consumer("orders", {.group = "billing"}); }
  auto async = start({.most_queued = 10});
  auto sender = async.sender();
  std::uint64_t sent = 0;
  EXPECT_TRUE(eventually([&] {  // a ring full, and then the queue
    while (sender.send("k", "x")) ++sent;
    return sent == 256 + 10;
  }));
  EXPECT_FALSE(sender.send("k", "x"));
  EXPECT_FALSE(sender.flush(1'000'000));
  auto consumer = this->consumer("orders", {.group = "billing"});
  std::map<std::string, std::vector<std::string>> got;
  EXPECT_TRUE(eventually([&] { return read(consumer, got), sender.flush(0); }));
  read(consumer, got);
  EXPECT_EQ(got["k"].size(), sent);
}

TEST_F(AsyncProducerTest, stop_publishes_what_is_queued_and_takes_no_more) {
  auto consumer = this->consumer("orders", {.group = "billing"});
  std::map<std::string, std::vector<std::string>> got;
  std::uint64_t taken = 0;
  {
    auto async = start();
    std::jthread racing([&] {
      auto sender = async.sender();
      while (sender.send("r", "x")) ++taken;
      EXPECT_TRUE(sender.flush(kLong)) << "all that was taken is settled";
      EXPECT_EQ(sender.failed(), 0U);
    });
    std::jthread reading([&](std::stop_token stop) {
      while (!stop.stop_requested()) read(consumer, got);
    });
    auto sender = async.sender();
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(sender.send("k", std::to_string(i)));
    async.stop();
    EXPECT_FALSE(sender.send("k", "x"));
    EXPECT_TRUE(sender.flush(0));
    async.stop();  // once more does nothing
  }
  read(consumer, got);
  EXPECT_EQ(got["k"].size(), 1000U);
  EXPECT_EQ(got["r"].size(), taken);
}

TEST_F(AsyncProducerTest, a_sender_may_outlive_its_producer) {
  std::optional<AsyncProducer::Sender> sender;
  {
    auto async = start();
    sender.emplace(async.sender());
    EXPECT_TRUE(sender->send("k", "x"));
  }
  EXPECT_TRUE(sender->flush(0));
  EXPECT_FALSE(sender->send("k", "y"));
}

TEST_F(AsyncProducerTest, outcomes_of_all_records_on_request) {
  std::vector<std::uint64_t> sequences;
  auto async = start({.on_outcome = [&](const Published& published, auto, auto) { sequences.push_back(published.sequence); },
                      .report_all = true});
  auto sender = async.sender();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(sender.send("", "x"));
  EXPECT_TRUE(sender.flush(kLong));
  EXPECT_THAT(sequences, ::testing::ElementsAre(0, 1, 2));
  EXPECT_FAILURE(AsyncProducer::start(producer("orders"), {.most_queued = 0}), ErrorCode::invalid_argument, "most_queued");
}

}  // namespace
}  // namespace fabric
