// A group divides its partitions: joins, leaves, deaths, hand-overs, leases that run out. Members are processes where that matters.

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>
#include <tuple>

#include "tests/fabric/delivery/group_fixture.hpp"
#include "tests/fabric/delivery/held_time.hpp"
#include "tests/fabric/delivery/key_ledger.hpp"

namespace fabric {
namespace {

using testing::Channel;
using testing::Child;
using testing::eventually;
using testing::GroupFixture;
using testing::KeyLedger;
using testing::must;
using Kind = PartitionChange::Kind;

constexpr std::uint64_t kLong = 30'000'000'000;  // only a defect reaches it

class GroupTest : public GroupFixture {
 protected:
  void publish(std::uint64_t keys, std::uint64_t from, std::uint64_t to) const {
    auto producer = this->producer("orders");
    for (auto ordinal = from; ordinal < to; ++ordinal)
      for (std::uint64_t key = 0; key < keys; ++key)
        ASSERT_TRUE(producer.publish_within(as_bytes(KeyLedger::key(key)), as_bytes(std::to_string(ordinal)), kLong));
  }
  // A member in a process of its own that acks what it gets. Tells how many partitions it holds, whenever that changes.
  static int take_part(Consumer consumer, const Channel& parent) {
    std::uint32_t held = ~0U;
    for (;;) {
      if (consumer.partitions_held() != held) parent.tell(held = consumer.partitions_held());
      if (consumer.poll([](const Delivery&) {}) == 0) consumer.wait(kLong);
      consumer.ack();
    }
  }
};

TEST_F(GroupTest, members_of_one_process_divide_the_partitions_and_nothing_comes_twice) {
  create(small_topic("orders", 8));
  KeyLedger ledger(40);
  const auto handler = [&](const Delivery& delivery) { ledger.add(delivery); };
  auto first = consumer("orders", {.group = "billing"});
  EXPECT_EQ(first.partitions_held(), 8U);
  publish(40, 0, 3);
  auto second = consumer("orders", {.group = "billing"});
  EXPECT_TRUE(come_to({{&first, 4}, {&second, 4}}, handler));
  publish(40, 3, 6);
  {
    auto third = consumer("orders", {.group = "billing"});
    EXPECT_TRUE(come_to({{&first, 3}, {&second, 3}, {&third, 2}}, handler) ||
                come_to({{&first, 3}, {&second, 2}, {&third, 3}}, handler) ||
                come_to({{&first, 2}, {&second, 3}, {&third, 3}}, handler));
    publish(40, 6, 9);
    third.poll(handler);
    EXPECT_TRUE(third.ack());
  }
  EXPECT_TRUE(come_to({{&first, 4}, {&second, 4}}, handler));
  publish(40, 9, 12);
  EXPECT_TRUE(eventually([&] { return come_to({{&first, 4}, {&second, 4}}, handler) && ledger.unique() == 40 * 12; }));
  EXPECT_EQ(ledger.redelivered(), 0U) << "hand-overs wait for acks";
  EXPECT_EQ(ledger.faults(), 0U);
}

TEST_F(GroupTest, threads_of_one_process_join_and_leave_as_they_like) {
  create(small_topic("orders", 6));
  constexpr std::uint64_t kKeys = 24, kRounds = 60;
  KeyLedger ledger(kKeys);
  auto stays = consumer("orders", {.group = "billing"});
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      while (!ledger.stopped()) {
        auto member = consumer("orders", {.group = "billing", .lease_ns = seed == 0 ? 0 : kLong});
        for (auto polls = random() % 300; polls > 0 && !ledger.stopped(); --polls) {
          if (member.poll([&](const Delivery& delivery) { ledger.add(delivery); }) == 0) member.wait(500'000);
          member.ack();
        }
      }
    });
  }
  threads.emplace_back([&] { publish(kKeys, 0, kRounds); });
  EXPECT_TRUE(eventually([&] {
    stays.poll([&](const Delivery& delivery) { ledger.add(delivery); });
    stays.ack();
    return ledger.unique() == kKeys * kRounds;
  }));
  ledger.stop_publishing();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ledger.faults(), 0U);
  EXPECT_TRUE(come_to({{&stays, 6}}));
}

TEST_F(GroupTest, one_more_member_than_partitions_stands_by_and_steps_in) {
  create(small_topic("orders", 2));
  auto first = consumer("orders", {.group = "billing"});
  std::optional<Consumer> second = consumer("orders", {.group = "billing"});
  EXPECT_TRUE(come_to({{&first, 1}, {&*second, 1}}));
  auto third = consumer("orders", {.group = "billing"});
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(come_to({{&first, 1}, {&*second, 1}, {&third, 0}}));
    third.wait(100'000);
  }
  second.reset();
  EXPECT_TRUE(come_to({{&first, 1}, {&third, 1}}));
}

TEST_F(GroupTest, processes_divide_share_a_killed_ones_part_and_come_to_rest) {
  create(small_topic("orders", 6));
  auto here = consumer("orders", {.group = "billing"});
  Child first([&](const Channel& parent) { return take_part(consumer("orders", {.group = "billing"}), parent); });
  EXPECT_TRUE(come_to({{&here, 3}}));
  {
    Child second([&](const Channel& parent) { return take_part(consumer("orders", {.group = "billing"}), parent); });
    EXPECT_TRUE(come_to({{&here, 2}}));
    second.kill();
  }
  EXPECT_TRUE(come_to({{&here, 3}}));
  first.kill();
  EXPECT_TRUE(come_to({{&here, 6}}));
}

TEST_F(GroupTest, a_hand_over_waits_for_acks_and_says_what_happens) {
  create(small_topic("orders", 2));
  publish(8, 0, 1);
  std::vector<std::pair<Kind, std::uint32_t>> changes;
  auto first = consumer("orders", {.group = "billing", .hand_over_ns = kLong, .on_change = [&](const PartitionChange& change) {
                                     changes.emplace_back(change.kind, change.partition);
                                   }});
  EXPECT_THAT(changes, ::testing::ElementsAre(std::pair(Kind::taken, 0U), std::pair(Kind::taken, 1U)));
  EXPECT_EQ(first.poll([](const Delivery&) {}), 8U);
  std::vector<PartitionChange> theirs;
  auto second = consumer("orders", {.group = "billing", .on_change = [&](const PartitionChange& change) { theirs.push_back(change); }});
  const auto giving = [&] {
    for (const auto& state : first.state())
      if (state.giving) return true;
    return false;
  };
  publish(8, 1, 2);
  EXPECT_TRUE(eventually([&] {
    second.poll([](const Delivery&) {});
    first.poll([](const Delivery&) {});
    return giving();
  }));
  std::uint64_t more = 0;
  for (int i = 0; i < 50; ++i) {
    second.poll([&](const Delivery&) { ++more; });
    first.poll([](const Delivery&) {});
    second.wait(100'000);
  }
  EXPECT_EQ(second.partitions_held(), 0U) << "not before the acks";
  EXPECT_EQ(more, 0U);
  EXPECT_TRUE(first.ack());
  EXPECT_EQ(first.partitions_held(), 1U) << "at once when all is acked";
  EXPECT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes.back().first, Kind::given);
  EXPECT_TRUE(come_to({{&first, 1}, {&second, 1}}));
  ASSERT_EQ(theirs.size(), 1U);
  EXPECT_EQ(theirs[0].partition, changes.back().second);
}

TEST_F(GroupTest, a_hand_over_does_not_wait_for_acks_for_ever) {
  create(small_topic("orders", 2));
  publish(8, 0, 1);
  auto first = consumer("orders", {.group = "billing", .hand_over_ns = 1'000'000});
  EXPECT_EQ(first.poll([](const Delivery&) {}), 8U);
  auto second = consumer("orders", {.group = "billing"});
  std::uint64_t redelivered = 0;
  EXPECT_TRUE(eventually([&] {
    first.poll([](const Delivery&) {});  // polls, and never acks
    second.poll([&](const Delivery&) { ++redelivered; });
    return second.partitions_held() == 1 && redelivered != 0;
  }));
  EXPECT_EQ(first.partitions_held(), 1U);
  EXPECT_TRUE(first.ack()) << "what it still holds";
}

TEST_F(GroupTest, the_lease_of_a_stopped_member_runs_out_and_it_learns_so) {
  create(small_topic("orders", 2));
  publish(8, 0, 2);
  constexpr std::uint64_t kLease = 100'000'000;
  Child zombie([&](const Channel& parent) {
    std::uint64_t lost = 0;
    auto consumer = this->consumer("orders", {.group = "billing", .lease_ns = kLease, .on_change = [&](const PartitionChange& change) {
                                                lost += change.kind == Kind::lost ? 1 : 0;
                                              }});
    consumer.poll([](const Delivery&) {});
    ::raise(SIGSTOP);
    parent.tell(consumer.ack() ? 1 : 0);
    parent.tell(lost);
    parent.tell(consumer.partitions_held());
    return take_part(std::move(consumer), parent);
  });
  zombie.wait_until_stopped();
  auto here = consumer("orders", {.group = "billing", .lease_ns = kLease});
  EXPECT_EQ(here.partitions_held(), 0U);
  std::uint64_t records = 0;
  const auto handler = [&](const Delivery&) { ++records; };
  EXPECT_TRUE(come_to({{&here, 2}}, handler)) << "without its death";
  EXPECT_TRUE(eventually([&] { return here.poll(handler), records == 16; }));
  EXPECT_TRUE(here.ack());
  zombie.resume();
  EXPECT_EQ(zombie.hear(), 0U) << "its ack is refused";
  EXPECT_EQ(zombie.hear(), 2U) << "and it is told of both";
  EXPECT_EQ(zombie.hear(), 0U);
  EXPECT_TRUE(come_to({{&here, 1}})) << "it asks for its share again";
}

TEST_F(GroupTest, what_a_stopped_handler_has_in_its_hands_stays_as_it_was) {
  create(small_topic("orders", 1, 16));
  constexpr std::uint64_t kLease = 50'000'000;
  Child zombie([&](const Channel& parent) {
    auto consumer = this->consumer("orders", {.group = "billing", .lease_ns = kLease});
    parent.tell(consumer.partitions_held());
    std::string before, after;
    while (consumer.poll([&](const Delivery& delivery) {
      if (!before.empty()) return;
      before = std::string(as_text(delivery.event.envelope.key)) + "/" + std::string(as_text(delivery.event.payload));
      ::raise(SIGSTOP);
      after = std::string(as_text(delivery.event.envelope.key)) + "/" + std::string(as_text(delivery.event.payload));
    }) == 0) {
    }
    parent.tell(before == after && before == "key0/0" ? 1 : 0);
    parent.tell(consumer.partitions_held());
    return 0;
  });
  EXPECT_EQ(zombie.hear(), 1U);
  publish(1, 0, 1);
  zombie.wait_until_stopped();
  auto here = consumer("orders", {.group = "billing", .lease_ns = kLease});
  EXPECT_TRUE(come_to({{&here, 1}}));
  for (std::uint64_t i = 0; i < 8; ++i) {  // over the whole ring, several times
    publish(1, 100 + 8 * i, 108 + 8 * i);
    here.poll([](const Delivery&) {});
    EXPECT_TRUE(here.ack());
  }
  zombie.resume();
  EXPECT_EQ(zombie.hear(), 1U);
  EXPECT_EQ(zombie.hear(), 0U);
  EXPECT_EQ(zombie.wait(), 0);
}

TEST_F(GroupTest, a_member_that_polls_keeps_its_lease) {
  create(small_topic("orders", 2));
  constexpr std::uint64_t kLease = 20'000'000'000;
  unsigned lost = 0;
  const auto options = ConsumerOptions{.group = "billing", .lease_ns = kLease, .on_change = [&](const PartitionChange& change) {
                                         lost += change.kind == Kind::lost ? 1 : 0;
                                       }};
  auto first = consumer("orders", options);
  auto second = consumer("orders", options);
  EXPECT_TRUE(come_to({{&first, 1}, {&second, 1}}));
  testing::HeldTime time;
  time.add(first);
  time.add(second);
  time.pass(4 * kLease, [&] { EXPECT_TRUE(come_to({{&first, 1}, {&second, 1}})); });
  time.pass(4 * kLease, [&] {
    first.renew_lease();  // as a handler that works for long
    second.poll([](const Delivery&) {});
  });
  EXPECT_TRUE(first.ack());
  EXPECT_EQ(first.partitions_held(), 1U);
  EXPECT_EQ(lost, 0U);
}

TEST_F(GroupTest, what_a_stopped_member_asked_for_is_given_once_and_no_more) {
  create(small_topic("orders", 2));
  unsigned changes = 0;
  auto here = consumer("orders", {.group = "billing", .on_change = [&](const PartitionChange&) { ++changes; }});
  Child asks([&](const Channel& parent) {
    auto consumer = this->consumer("orders", {.group = "billing"});
    ::raise(SIGSTOP);
    return take_part(std::move(consumer), parent);
  });
  asks.wait_until_stopped();
  EXPECT_TRUE(come_to({{&here, 1}}));
  EXPECT_TRUE(come_to({{&here, 2}})) << "it did not take what it was given";
  EXPECT_EQ(changes, 4U);
  for (const auto start_ns = ipc::monotonic_ns(); ipc::monotonic_ns() - start_ns < 5 * Sharing::kOverdueNs;) {
    here.poll([](const Delivery&) {});
    here.wait(1'000'000);
  }
  EXPECT_EQ(changes, 4U) << "its request is forgotten";
  asks.resume();
  EXPECT_TRUE(come_to({{&here, 1}})) << "and made again";
}

TEST_F(GroupTest, without_a_lease_only_death_frees_a_partition) {
  create(small_topic("orders", 2));
  Child stopped([&](const Channel& parent) {
    auto consumer = this->consumer("orders", {.group = "billing", .lease_ns = 0});
    parent.tell(consumer.partitions_held());
    return Channel::stay();
  });
  EXPECT_EQ(stopped.hear(), 2U);
  stopped.stop();
  auto here = consumer("orders", {.group = "billing", .lease_ns = 1'000'000});
  for (int i = 0; i < 100; ++i) {
    here.poll([](const Delivery&) {});
    here.wait(1'000'000);
  }
  EXPECT_EQ(here.partitions_held(), 0U);
  stopped.kill();
  EXPECT_TRUE(come_to({{&here, 2}}));
}

TEST_F(GroupTest, a_member_that_was_told_its_partitions_keeps_them) {
  create(small_topic("orders", 4));
  auto told = consumer("orders", {.group = "billing", .partitions = {0, 1, 2}});
  auto free = consumer("orders", {.group = "billing"});
  EXPECT_EQ(told.partitions_held(), 3U);
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(come_to({{&told, 3}, {&free, 1}}));
    free.wait(100'000);
  }
}

// Everything at once, with a ledger that no member can forge: joins, leaves, kills, stops with and without expired leases, nacks, acks out
// of order. EVF_FULL=1 runs it for longer.
class RandomGroupTest : public GroupTest {
 protected:
  static constexpr std::uint64_t kKeys = 64, kLease = 50'000'000;

  // Until it is told to stop; then how many rounds over all keys there were.
  std::uint64_t publish_until_stopped() const {
    auto producer = this->producer("orders");
    std::uint64_t ordinal = 0;
    for (; !ledger_.stopped(); ++ordinal)
      for (std::uint64_t key = 0; key < kKeys; ++key)
        if (!producer.publish_within(as_bytes(KeyLedger::key(key)), as_bytes(std::to_string(ordinal)), kLong)) return 0;
    return ordinal;
  }
  int be_a_member(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (;;) {  // leaves and comes back
      auto consumer = this->consumer("orders", {.group = "billing",
                                                .most_per_partition = 1 + random() % 32,
                                                .ack = random() % 3 == 0 ? AckMode::automatic : AckMode::manual,
                                                .lease_ns = kLease,
                                                .hand_over_ns = random() % 2 == 0 ? kLease / 50 : kLease});
      for (auto polls = 20 + random() % 5000; polls > 0; --polls) poll(consumer, random);
    }
  }
  void poll(Consumer& consumer, std::mt19937_64& random) {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> delivered;
    const auto records = consumer.poll([&](const Delivery& delivery) {
      if (random() % 500 == 0) {
        consumer.nack(delivery);
        return;
      }
      ledger_.add(delivery);
      delivered.emplace_back(delivery.partition, delivery.record.sequence);
    });
    std::shuffle(delivered.begin(), delivered.end(), random);
    if (random() % 2 == 0) {
      for (const auto& [partition, sequence] : delivered) consumer.ack(partition, sequence);
    } else {
      consumer.ack();
    }
    if (records == 0) consumer.wait(1'000'000);
  }
  void start() {
    ++seed_;
    members_.push_back(std::make_unique<Child>([&](const Channel&) { return be_a_member(seed_); }));
  }
  void disturb(std::mt19937_64& random) {
    auto& victim = members_[random() % members_.size()];
    switch (random() % 4) {
      case 0:
        if (members_.size() < 5) start();
        break;
      case 1:
        std::swap(victim, members_.back());
        members_.back()->kill();
        members_.pop_back();
        ++kills_;
        if (members_.empty()) start();
        break;
      case 2:
        victim->stop();
        ++stops_;
        ::usleep(random() % 2 == 0 ? 2 * kLease / 1000 : kLease / 10'000);  // longer than the lease, or shorter
        victim->resume();
        break;
      default: break;
    }
    ::usleep(static_cast<useconds_t>(random() % 30'000));
  }

  KeyLedger ledger_{kKeys};
  std::vector<std::unique_ptr<Child>> members_;
  std::uint64_t seed_ = 0;
  unsigned kills_ = 0, stops_ = 0;
};

TEST_F(RandomGroupTest, loses_nothing_and_keeps_the_order_of_keys) {
  create(small_topic("orders", 8, 256));
  { auto creator = consumer("orders", {.group = "billing"}); }  // so that publishers wait for the group from the first record
  for (int i = 0; i < 3; ++i) start();
  Child producer([&](const Channel& parent) { return parent.tell(publish_until_stopped()), 0; });
  std::mt19937_64 random(1);
  for (int i = std::getenv("EVF_FULL") != nullptr ? 20'000 : 120; i > 0; --i) disturb(random);
  ledger_.stop_publishing();
  const auto total = producer.hear() * kKeys;
  EXPECT_TRUE(eventually([&] { return ledger_.unique() == total; })) << ledger_.unique() << " of " << total;
  EXPECT_EQ(ledger_.faults(), 0U);
  EXPECT_GT(total, 0U);
  EXPECT_EQ(producer.wait(), 0);
  RecordProperty("records", std::to_string(total));
  RecordProperty("kills", static_cast<int>(kills_));
  RecordProperty("stops", static_cast<int>(stops_));
  RecordProperty("redelivered", std::to_string(ledger_.redelivered()));
}

}  // namespace
}  // namespace fabric
