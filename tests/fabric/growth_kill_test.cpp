// Topics that grow while real processes publish and consume, and any of them is killed or stopped: growers at every system call, all of
// them at random. tests/crash/growth_test.cpp has every instruction.

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>

#include "tests/fabric/delivery/group_fixture.hpp"
#include "tests/fabric/delivery/key_ledger.hpp"

namespace fabric::testing {
namespace {

constexpr std::uint64_t kKeys = 48;

// How far each key was published, in memory that outlives the publishers. Two of them take turns at every key: who publishes ordinal n + 1
// knows that n is published, so their order is one that consumers have to see.
class Turns {
 public:
  Turns() {
    memory_ = ::mmap(nullptr, sizeof(Words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) std::abort();
    new (memory_) Words{};
  }
  ~Turns() { ::munmap(memory_, sizeof(Words)); }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  std::atomic<std::uint64_t>& next(std::uint64_t key) const { return (*static_cast<Words*>(memory_))[key]; }
  std::uint64_t all() const {
    std::uint64_t sum = 0;
    for (std::uint64_t key = 0; key < kKeys; ++key) sum += next(key).load();
    return sum;
  }

 private:
  using Words = std::array<std::atomic<std::uint64_t>, kKeys>;
  void* memory_;
};

class GrowthKillTest : public GroupFixture {
 protected:
  static constexpr std::uint64_t kLease = 50'000'000;

  // Publishes what is its turn until it is told to stop. After a kill the same is done again by its successor: that is a record twice at most.
  int publish_in_turn(std::uint64_t side) const {
    auto out = producer("orders");
    while (!ledger_.stopped()) {
      for (std::uint64_t key = 0; key < kKeys; ++key) {
        const auto ordinal = turns_.next(key).load();
        if (ordinal % 2 != side) continue;
        const auto done = out.publish_within(as_bytes(KeyLedger::key(key)), as_bytes(std::to_string(ordinal)), 1'000'000);
        if (done) turns_.next(key).store(ordinal + 1);
      }
    }
    return 0;
  }
  int consume(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (;;) {  // leaves and comes back
      auto in = consumer("orders", {.group = "billing",
                                    .most_per_partition = 1 + random() % 32,
                                    .ack = random() % 3 == 0 ? AckMode::automatic : AckMode::manual,
                                    .lease_ns = kLease,
                                    .hand_over_ns = kLease / (1 + random() % 50)});
      for (auto polls = 20 + random() % 5000; polls > 0; --polls) {
        if (in.poll([&](const Delivery& delivery) { ledger_.add(delivery); }) == 0) in.wait(1'000'000);
        if (random() % 2 == 0) in.ack();
      }
    }
  }
  std::uint32_t partitions() const { return must(open().describe_topic("orders")).partitions; }

  KeyLedger ledger_{kKeys};
  Turns turns_;
};

// --------------------------------------------------------------------------------------------- everything at random

class RandomGrowthTest : public GrowthKillTest {
 protected:
  enum Kind : std::size_t { publisher0, publisher1, member, grower, kinds };
  struct Worker {
    std::unique_ptr<Child> child;
    Kind kind;
  };

  void start(Kind kind) {
    ++seed_;
    const auto target = std::min(kMost, 2 * partitions());
    workers_.push_back({std::make_unique<Child>([&](const Channel&) {
                          if (kind == member) return consume(seed_);
                          if (kind != grower) return publish_in_turn(kind);
                          for (;;) static_cast<void>(open().grow_topic("orders", target)), ::usleep(2000);
                        }),
                        kind});
  }
  // Growers come every now and then, and live for a moment, which may be too short.
  void disturb(std::mt19937_64& random, int step, int steps) {
    const auto limit = std::uint32_t{2} << (8 * step / steps);
    if (partitions() < std::min(limit, kMost) && random() % 2 == 0) {
      start(grower);
      ::usleep(static_cast<useconds_t>(random() % 3000));
      if (random() % 2 == 0) {
        workers_.back().child->stop();
        stopped_growers_.push_back(std::move(workers_.back().child));
      }
      workers_.pop_back();
      ++growers_;
    }
    auto& victim = workers_[random() % workers_.size()];
    if (random() % 2 == 0) {
      const auto kind = victim.kind;
      victim.child->kill();
      std::swap(victim, workers_.back());
      workers_.pop_back();
      start(kind);
      ++kills_;
    } else {
      victim.child->stop();
      ::usleep(random() % 2 == 0 ? 2 * kLease / 1000 : 3000);
      victim.child->resume();
      ++stops_;
    }
    ::usleep(static_cast<useconds_t>(random() % 10'000));
  }

  static constexpr std::uint32_t kMost = 32;
  std::vector<Worker> workers_;
  std::vector<std::unique_ptr<Child>> stopped_growers_;
  std::uint64_t seed_ = 0;
  unsigned kills_ = 0, stops_ = 0, growers_ = 0;
};

TEST_F(RandomGrowthTest, loses_nothing_and_keeps_the_order_of_keys) {
  create(small_topic("orders", 2, 256));
  { auto creator = consumer("orders", {.group = "billing"}); }  // so that publishers wait for the group from the first record
  for (const auto kind : {publisher0, publisher1, member, member, member}) start(kind);
  std::mt19937_64 random(std::getenv("EVF_SEED") != nullptr ? std::strtoull(std::getenv("EVF_SEED"), nullptr, 10) : 1);
  const int steps = std::getenv("EVF_FULL") != nullptr ? 5'000 : 120;
  for (int step = 0; step < steps; ++step) disturb(random, step, steps);
  const auto done = open().grow_topic("orders", kMost);  // beside all that were stopped half way
  EXPECT_TRUE(done.has_value()) << done.error().message;
  ::usleep(20'000);
  ledger_.stop_publishing();
  for (auto& worker : workers_)
    if (worker.kind != member) {
      EXPECT_EQ(worker.child->wait(), 0);
    }
  EXPECT_TRUE(eventually([&] { return ledger_.unique() == turns_.all(); })) << ledger_.unique() << " of " << turns_.all();
  EXPECT_EQ(ledger_.faults(), 0U);
  EXPECT_EQ(partitions(), kMost);
  EXPECT_FALSE(must(open().describe_topic("orders")).growing);
  for (auto& stopped : stopped_growers_) stopped->resume();  // they find that everything is done
  ::usleep(20'000);
  EXPECT_EQ(partitions(), kMost);
  EXPECT_GT(turns_.all(), kKeys);
  std::cout << turns_.all() << " records, " << ledger_.redelivered() << " again; " << kills_ << " kills, " << stops_ << " stops, " << growers_
            << " growers, " << stopped_growers_.size() << " of them stopped\n";
}

// -------------------------------------------------------------------------------------- growers at every system call

class GrowerSweepTest : public GrowthKillTest {
 protected:
  // A topic of two partitions with records of every key, which the group has not had yet.
  void set_stage() {
    ledger_.clear();
    std::fill(next_.begin(), next_.end(), 0);
    create(small_topic("orders", 2));
    { auto creator = consumer("orders", {.group = "billing"}); }
    out_ = std::make_unique<Producer>(producer("orders"));
    in_.reset();
    publish();
  }
  void publish() {
    for (std::uint64_t key = 0; key < kKeys / 2; ++key) {
      const auto ordinal = std::to_string(next_[key]);
      const auto done = out_->publish(as_bytes(KeyLedger::key(key)), as_bytes(ordinal));
      ASSERT_EQ(to_string(done.outcome), std::string("published"));
      ++next_[key];
    }
  }
  // Everybody goes on as if nothing were; and a second grower is not held up.
  void go_on(unsigned point) {
    publish();
    in_ = std::make_unique<Consumer>(consumer("orders", {.group = "billing"}));
    drain(point);
    const auto done = open().grow_topic("orders", 4);
    ASSERT_TRUE(done.has_value()) << "at system call " << point << ": " << done.error().message;
    publish();
    drain(point);
    EXPECT_EQ(partitions(), 4U);
    EXPECT_FALSE(must(open().describe_topic("orders")).growing);
    const auto topic = must(open().topic("orders"));
    for (std::uint32_t p = 0; p < 4; ++p) EXPECT_TRUE(ipc::find_cursor(topic->ring(p)->map(), "billing").has_value());
  }
  void drain(unsigned point) {
    std::uint64_t all = 0;
    for (const auto count : next_) all += count;
    ASSERT_TRUE(eventually([&] {
      poll(*in_, [&](const Delivery& delivery) { ledger_.add(delivery); });
      return ledger_.unique() == all;
    })) << "at system call "
        << point << ": " << ledger_.unique() << " of " << all;
    ASSERT_EQ(ledger_.faults(), 0U) << "at system call " << point;
  }
  void clear_stage() {
    in_.reset(), out_.reset();
    ASSERT_NO_FAILURE(open().delete_topic("orders", true));
  }
  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(directory() + "/topics/orders")) ++count;
    return count;
  }

  std::array<std::uint64_t, kKeys> next_{};
  std::unique_ptr<Producer> out_;
  std::unique_ptr<Consumer> in_;
};

TEST_F(GrowerSweepTest, a_killed_grower_is_completed_by_the_next) {
  unsigned point = 0, dirty = 0;
  for (;; ++point) {
    set_stage();
    if (!kill_at_system_call(point, [&] { static_cast<void>(open().grow_topic("orders", 4)); })) break;
    dirty += files() != 2 && files() != 4 ? 1 : 0;
    go_on(point);
    ASSERT_NO_FAILURE(open().remove_leftovers());
    EXPECT_EQ(files(), 4U) << "killed at system call " << point;
    EXPECT_EQ(must(open().count_leftovers()), 0U) << "killed at system call " << point;
    clear_stage();
    if (HasFailure()) return;
  }
  EXPECT_GT(point, 50U);
  EXPECT_GT(dirty, 10U) << "files under private names were there";
  RecordProperty("points", static_cast<int>(point));
}

TEST_F(GrowerSweepTest, a_stopped_grower_holds_nobody_up) {
  unsigned point = 0;
  for (;; ++point) {
    set_stage();
    const auto end = stop_at_system_call(
        point, [&] { _exit(open().grow_topic("orders", 4) ? 0 : 1); }, [&] { go_on(point); });
    if (!end) break;
    EXPECT_EQ(*end, 0) << "stopped at system call " << point << ", it finds that everything is done";
    publish();
    drain(point);
    EXPECT_EQ(files(), 4U) << "stopped at system call " << point;
    clear_stage();
    if (HasFailure()) return;
  }
  EXPECT_GT(point, 50U);
}

// The topic is deleted while its grower stands anywhere, and made anew: nothing of the grower comes into the new one.
TEST_F(GrowerSweepTest, a_topic_can_be_deleted_under_its_grower) {
  for (const bool force : {false, true}) {
    unsigned point = 0;
    for (;; ++point) {
      create(small_topic("orders", 2));
      const auto end = stop_at_system_call(
          point, [&] { static_cast<void>(open().grow_topic("orders", 4)); },
          [&] {
            const auto deleted = open().delete_topic("orders", force);
            EXPECT_TRUE(deleted.has_value()) << "at system call " << point << ": " << deleted.error().message;
            create(small_topic("orders", 2));
          });
      if (!end) break;
      const auto info = open().describe_topic("orders");
      ASSERT_TRUE(info.has_value()) << "at system call " << point << ": " << info.error().message;
      EXPECT_FALSE(info->growing) << "at system call " << point;
      EXPECT_EQ(files(), info->partitions) << "at system call " << point;
      ASSERT_NO_FAILURE(open().delete_topic("orders", true));
      EXPECT_FALSE(std::filesystem::exists(directory() + "/topics/orders")) << "at system call " << point;
      if (HasFailure()) return;
    }
    EXPECT_GT(point, 50U);
    ASSERT_NO_FAILURE(open().delete_topic("orders", true));
  }
}

}  // namespace
}  // namespace fabric::testing
