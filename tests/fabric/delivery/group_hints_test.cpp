// What the members of a group tell each other are hints: requests of the dead, words that were scribbled over, numbers at their limits,
// members that do not fit. None of it may starve a member, keep a partition from the others, or set two healthy members against each other.

#include <gmock/gmock.h>
#include <unistd.h>

#include <memory>
#include <random>

#include "ipc/cursor_watch.hpp"
#include "tests/fabric/delivery/group_fixture.hpp"
#include "tests/fabric/delivery/held_time.hpp"

namespace fabric {
namespace {

using testing::Channel;
using testing::Child;
using testing::eventually;
using testing::GroupFixture;
using testing::HeldTime;
using testing::must;
using Kind = PartitionChange::Kind;

constexpr std::uint64_t kLong = 30'000'000'000;  // only a defect reaches it
constexpr std::uint64_t kLease = 20'000'000'000;  // of time that is held
constexpr std::uint64_t kNever = ~std::uint64_t{0};

class GroupHintsTest : public GroupFixture {
 protected:
  struct Changes {
    unsigned taken = 0, given = 0, lost = 0;
  };
  Consumer member(ConsumerOptions options = {}, Changes* changes = nullptr) const {
    options.group = "billing";
    if (changes != nullptr) {
      options.on_change = [changes](const PartitionChange& change) {
        ++(change.kind == Kind::taken ? changes->taken : change.kind == Kind::given ? changes->given : changes->lost);
      };
    }
    return consumer("orders", options);
  }
  void publish(int each) const {
    auto producer = this->producer("orders");
    for (std::uint32_t p = 0; p < producer.topic().partitions(); ++p)
      for (int i = 0; i < each; ++i) ASSERT_EQ(producer.publisher(p).publish(as_bytes("x")), ipc::PublishOutcome::published);
  }
  // The group's cursor line.
  static ipc::CursorLine& line(const Topic& topic, std::uint32_t partition) {
    const auto& map = topic.ring(partition)->map();
    return map.cursors[ipc::find_cursor(map, "billing")->index];
  }
  // Polls all of them for so long.
  static void go_on(const std::vector<Consumer*>& consumers, std::uint64_t ns) {
    for (const auto start_ns = ipc::monotonic_ns(); ipc::monotonic_ns() - start_ns < ns;)
      for (auto* consumer : consumers) poll(*consumer);
  }
  // The same in held time.
  static void pass(HeldTime& time, std::uint64_t ns, const std::vector<Consumer*>& consumers) {
    time.pass(ns, [&] {
      for (auto* consumer : consumers) poll(*consumer);
    });
  }
  [[noreturn]] int take_part() const {
    auto consumer = member();
    for (;;) {
      if (consumer.poll([](const Delivery&) {}) == 0) consumer.wait(kLong);
      consumer.ack();
    }
  }
};

TEST_F(GroupHintsTest, a_request_names_its_maker_whole) {
  create(small_topic("orders", 1));
  const auto topic = must(open().topic("orders"));
  const auto& ring = *topic->ring(0);
  Child dead([&](const Channel& parent) {
    const auto same = must(open().topic("orders"));
    parent.tell(same->ring(0)->member());
    return Channel::stay();
  });
  const auto theirs = dead.hear();
  const auto alive = [&](ipc::MemberId member) { return ipc::is_alive(ring, ipc::reader_id(member, 7)); };
  EXPECT_TRUE(alive(ring.member()));
  EXPECT_TRUE(alive(theirs));
  dead.kill();
  EXPECT_FALSE(alive(theirs));
  EXPECT_TRUE(alive(ring.member()));
  EXPECT_FALSE(ipc::is_alive(ring, 0));
  for (std::uint64_t i = 1; i < 64; ++i) EXPECT_FALSE(ipc::is_alive(ring, i * 0x9e3779b97f4a7c15)) << "nonsense is nobody";
}

TEST_F(GroupHintsTest, what_a_dead_member_asked_for_is_not_given_to_it) {
  create(small_topic("orders", 2));
  Changes changes;
  auto here = member({}, &changes);
  Child asks([&](const Channel& parent) {
    auto consumer = member();  // asks, as it has nothing
    parent.tell(1);
    return Channel::stay();
  });
  asks.hear();
  ASSERT_NE(line(here.topic(), 0).requested_by.load() | line(here.topic(), 1).requested_by.load(), 0U);
  asks.kill();
  go_on({&here}, 3 * Sharing::kOverdueNs);
  EXPECT_EQ(changes.given, 0U);
  EXPECT_EQ(here.partitions_held(), 2U);
}

TEST_F(GroupHintsTest, a_lease_that_was_scribbled_over_is_written_again) {
  create(small_topic("orders", 4));
  for (const std::uint64_t lease_ns : {std::uint64_t{0}, std::uint64_t{200'000'000}}) {
    Changes changes;
    auto first = member({.lease_ns = lease_ns}, &changes);
    for (std::uint32_t p = 0; p < 4; ++p) line(first.topic(), p).lease.store(0);
    auto second = member({.lease_ns = lease_ns});
    EXPECT_TRUE(come_to({{&first, 2}, {&second, 2}})) << "who is believed not to give way starves the others";
    EXPECT_EQ(changes.lost, 0U);
  }
}

TEST_F(GroupHintsTest, a_member_without_a_lease_is_not_replaced_because_of_damage) {
  create(small_topic("orders", 2));
  Changes changes;
  HeldTime time;
  auto first = member({}, &changes);
  auto second = member({.lease_ns = kLease});
  time.add(first);
  time.add(second);
  pass(time, 100'000'000, {&first, &second});
  ASSERT_EQ(second.partitions_held(), 1U);
  for (std::uint32_t p = 0; p < 2; ++p) line(first.topic(), p).lease.store(0);
  pass(time, 2 * kLease, {&first, &second});
  EXPECT_EQ(changes.lost, 0U);
  EXPECT_EQ(first.partitions_held(), 1U);
}

// A former owner that wakes up in the middle of renewing. Without the check it would pass for the one who has the partition now.
TEST_F(GroupHintsTest, only_the_owner_renews) {
  create(small_topic("orders", 1));
  auto first = member();
  const auto& ring = first.topic().ring(0);
  ipc::CursorWatch watch(ring, "billing");
  const auto seen = watch.look();
  const auto before = line(first.topic(), 0).lease.load();
  EXPECT_FALSE(watch.renew(77, seen.owner_changes + 2)) << "another epoch";
  EXPECT_EQ(line(first.topic(), 0).lease.load(), before);
  EXPECT_TRUE(watch.renew(77, seen.owner_changes));
  EXPECT_EQ(line(first.topic(), 0).lease.load(), 77U);
  line(first.topic(), 0).owner.store(12345);
  EXPECT_FALSE(watch.renew(78, seen.owner_changes)) << "another owner";
  EXPECT_EQ(line(first.topic(), 0).lease.load(), 77U);
}

// Random words where the hints are, and now and then where the owner is, while two members work; then they have to come to rest, and to stay there.
TEST_F(GroupHintsTest, scribbled_hints_set_nobody_against_each_other_for_long) {
  create(small_topic("orders", 6));
  Changes changes;
  HeldTime time;
  auto first = member({.lease_ns = kLease, .hand_over_ns = 1'000'000}, &changes);
  auto second = member({.lease_ns = kLease, .hand_over_ns = 1'000'000}, &changes);
  time.add(first);
  time.add(second);
  pass(time, 100'000'000, {&first, &second});
  ASSERT_EQ(first.partitions_held(), 3U);
  std::mt19937_64 random(7);
  const auto self = first.topic().ring(0)->member();
  for (int i = 0; i < 600; ++i) {
    auto& words = line(first.topic(), static_cast<std::uint32_t>(random() % 6));
    const std::uint64_t values[] = {0, ~std::uint64_t{0}, random(), ipc::reader_id(self, static_cast<std::uint8_t>(random())),
                                    ipc::LeaseWord::make(random() % 2 == 0 ? 1 : ipc::LeaseWord::kForEver, random() % 2 == 0,
                                                         static_cast<std::uint8_t>(random()), self)};
    (i % 50 == 0 ? words.owner : random() % 2 == 0 ? words.lease : words.requested_by).store(values[random() % 5]);
    pass(time, HeldTime::kTickNs, {&first, &second});
  }
  pass(time, 3 * kLease, {&first, &second});  // what nobody alive renews is over by then
  const auto moves = changes.taken;
  pass(time, 2 * kLease, {&first, &second});
  EXPECT_EQ(changes.taken, moves) << "something moves without a cause";
  EXPECT_EQ(first.partitions_held(), 3U);
  EXPECT_EQ(second.partitions_held(), 3U);
  publish(10);
  std::uint64_t records = 0;
  EXPECT_TRUE(eventually([&] {
    for (auto* consumer : {&first, &second}) {
      records += consumer->poll([](const Delivery&) {});
      EXPECT_TRUE(consumer->ack());
    }
    return records == 60;
  }));
}

TEST_F(GroupHintsTest, the_longest_lease_and_the_longest_hand_over_are_for_ever) {
  create(small_topic("orders", 2));
  publish(1);
  Changes changes;
  auto first = member({.lease_ns = kNever, .hand_over_ns = kNever}, &changes);
  EXPECT_EQ(first.poll([](const Delivery&) {}), 2U);
  auto second = member({.lease_ns = kNever, .hand_over_ns = kNever}, &changes);
  for (const auto start_ns = ipc::monotonic_ns(); ipc::monotonic_ns() - start_ns < 20'000'000;) {
    first.poll([](const Delivery&) {});
    second.poll([](const Delivery&) {});
  }
  EXPECT_EQ(first.partitions_held(), 2U) << "what was delivered is not acked";
  EXPECT_TRUE(first.ack());
  EXPECT_TRUE(come_to({{&first, 1}, {&second, 1}}));
  go_on({&first, &second}, 20'000'000);
  EXPECT_EQ(changes.lost, 0U);
  EXPECT_EQ(changes.taken, 3U);
}

TEST_F(GroupHintsTest, members_beyond_the_numbers_of_a_process_are_told_apart) {
  create(small_topic("orders", 4));
  create(small_topic("other", 1));
  auto first = member();
  for (int i = 0; i < 254; ++i) consumer("other", {.group = "billing"});
  auto second = member();
  EXPECT_TRUE(come_to({{&first, 2}, {&second, 2}}));
}

// A child has its parent's consumers, and its parent's lines are none of its business.
TEST_F(GroupHintsTest, a_forked_member_does_nothing_and_its_parent_notices_nothing) {
  create(small_topic("orders", 4));
  publish(1);
  Changes changes;
  auto other = member();
  auto here = std::make_optional(member({.lease_ns = kLong}, &changes));  // asks for two
  const auto words = [&] {
    std::vector<std::uint64_t> all;
    for (std::uint32_t p = 0; p < 4; ++p)
      for (const auto* word : {&line(other.topic(), p).owner, &line(other.topic(), p).lease, &line(other.topic(), p).requested_by})
        all.push_back(word->load());
    return all;
  };
  for (const bool holds : {false, true}) {
    const auto before = words();
    Child child([&](const Channel&) {
      ::usleep(2000);
      std::uint64_t delivered = here->poll([](const Delivery&) {});
      here->renew_lease();
      here->ack();
      ::usleep(2000);
      delivered += here->poll([](const Delivery&) {});
      here.reset();
      return static_cast<int>(delivered);
    });
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(words(), before);
    if (!holds) {
      EXPECT_TRUE(come_to({{&*here, 2}, {&other, 2}}));
    }
  }
  go_on({&*here, &other}, 5'000'000);
  EXPECT_EQ(changes.lost, 0U);
  EXPECT_EQ(here->partitions_held(), 2U);
}

// It asks with what it cannot have: the cursor would refuse it.
TEST_F(GroupHintsTest, a_member_whose_group_gates_otherwise_is_refused_and_disturbs_nobody) {
  create(small_topic("orders", 2));
  Changes changes;
  auto first = member({}, &changes);
  const auto refused = Consumer::join(open(), "orders", {.group = "billing", .gating = false});
  EXPECT_FAILURE(refused, ErrorCode::invalid_argument, "exists as gating");
  go_on({&first}, 3 * Sharing::kOverdueNs);
  EXPECT_EQ(changes.given, 0U);
  EXPECT_EQ(first.partitions_held(), 2U);
}

// Partitions that nobody can take count for nobody.
TEST_F(GroupHintsTest, bad_partitions_do_not_keep_a_member_from_its_share_of_the_good_ones) {
  create(small_topic("orders", 6));
  { auto creator = member(); }
  const auto topic = must(open().topic("orders"));
  for (std::uint32_t p = 2; p < 6; ++p) line(*topic, p).position.store(ipc::PositionWord::make(1U << 20, 0));  // beyond the tail
  auto first = member();
  EXPECT_EQ(first.partitions_held(), 2U);
  EXPECT_TRUE(first.trouble());
  auto second = member();
  EXPECT_TRUE(come_to({{&first, 1}, {&second, 1}}));
  go_on({&first, &second}, 3 * Sharing::kOverdueNs);
  EXPECT_TRUE(come_to({{&first, 1}, {&second, 1}}));
  for (std::uint32_t p = 2; p < 6; ++p) line(*topic, p).position.store(0);
  EXPECT_TRUE(come_to({{&first, 3}, {&second, 3}})) << "mended, they are taken";
}

// The owner looked before it was asked, and slept after it was woken.
TEST_F(GroupHintsTest, a_request_wakes_an_owner_that_was_about_to_sleep) {
  create(small_topic("orders", 2));
  auto first = member();
  poll(first);
  Child asks([&](const Channel& parent) -> int {
    auto consumer = member();
    parent.tell(1);
    for (;;) {
      consumer.poll([](const Delivery&) {});
      consumer.wait(kLong);
    }
  });
  asks.hear();
  const auto start_ns = ipc::monotonic_ns();
  for (int i = 0; i < 300; ++i) first.wait(kLong / 2);  // the first ones spin
  EXPECT_LT(ipc::monotonic_ns() - start_ns, kLong / 2);
  EXPECT_TRUE(come_to({{&first, 1}}));
}

// Each poll comes long after the last: whoever looks more often must not take what was given to it for ever.
TEST_F(GroupHintsTest, a_member_that_seldom_polls_gets_its_share_beside_one_that_polls_all_the_time) {
  create(small_topic("orders", 4));
  Child fast([&](const Channel&) { return take_part(); });
  const auto topic = must(open().topic("orders"));
  ASSERT_TRUE(eventually([&] { return ipc::find_cursor(topic->ring(3)->map(), "billing").has_value(); }));
  auto seldom = member();
  EXPECT_TRUE(eventually([&] {
    ::usleep(3 * Sharing::kOverdueNs / 1000);  // as a handler that takes so long
    poll(seldom);
    return seldom.partitions_held() == 2;
  }));
}

TEST_F(GroupHintsTest, a_handler_that_acks_keeps_the_lease_and_so_does_one_that_comes_to_the_next_record) {
  create(small_topic("orders", 2));
  for (const bool acks : {true, false}) {
    publish(8);
    Changes changes;
    HeldTime time;
    auto first = member({.lease_ns = kLease}, &changes);
    auto second = member({.partitions = {0, 1}, .lease_ns = kLease});
    time.add(first);
    time.add(second);
    EXPECT_EQ(first.poll([&](const Delivery& delivery) {
      for (int part = 0; part < (acks ? 4 : 1); ++part) {
        pass(time, kLease / 2, {&second});
        if (acks) {
          EXPECT_TRUE(first.ack(delivery));
        }
      }
    }), 16U);
    EXPECT_TRUE(first.ack());
    EXPECT_EQ(changes.lost, 0U);
  }
}

TEST_F(GroupHintsTest, a_member_that_neither_polls_nor_acks_loses_its_partitions_to_one_other) {
  create(small_topic("orders", 3));
  Changes changes;
  HeldTime time;
  auto first = member({.lease_ns = kLease}, &changes);
  auto second = member({.lease_ns = kLease}, &changes);
  auto third = member({.lease_ns = kLease}, &changes);
  for (auto* each : {&first, &second, &third}) time.add(*each);
  pass(time, 100'000'000, {&first, &second, &third});
  ASSERT_EQ(first.partitions_held(), 1U);
  pass(time, kLease / 2, {&second, &third});
  EXPECT_EQ(changes.taken, 5U) << "not before the lease is over";
  pass(time, 2 * kLease, {&second, &third});
  EXPECT_EQ(second.partitions_held() + third.partitions_held(), 3U);
  EXPECT_EQ(changes.taken, 6U);
  poll(first);
  pass(time, 100'000'000, {&first, &second, &third});
  EXPECT_EQ(changes.lost, 1U);
  EXPECT_EQ(first.partitions_held(), 1U) << "it asks for its share again";
}

TEST_F(GroupHintsTest, a_fenced_member_is_told_that_it_lost_what_it_was_giving_away) {
  create(small_topic("orders", 2));
  publish(1);
  Changes changes;
  auto first = member({.hand_over_ns = kLong}, &changes);
  EXPECT_EQ(first.poll([](const Delivery&) {}), 2U);
  auto second = member();
  const auto given = [&]() -> std::optional<std::uint32_t> {
    for (const auto& state : first.state())
      if (state.giving) return state.partition;
    return std::nullopt;
  };
  ASSERT_TRUE(eventually([&] { return first.poll([](const Delivery&) {}), second.poll([](const Delivery&) {}), given().has_value(); }));
  const auto taker = must(ipc::Reader::attach(
      first.topic().ring(*given()), {.cursor = ipc::CursorOptions{.name = "billing", .take_over = true}, .start = {}}));
  first.ack();
  EXPECT_EQ(changes.given, 0U);
  EXPECT_EQ(changes.lost, 1U);
}

// Force is for the owner whose lease was seen to be over, not for one who took the partition from it meanwhile.
TEST_F(GroupHintsTest, force_hits_only_the_owner_that_was_seen) {
  create(small_topic("orders", 1));
  auto first = member();
  const auto& ring = first.topic().ring(0);
  const auto seen = ipc::find_cursor(ring->map(), "billing");
  auto taken = must(ipc::Reader::attach(
      ring, {.cursor = ipc::CursorOptions{.name = "billing", .take_over = true, .only_from_epoch = seen->epoch}, .start = {}}));
  const auto again = ipc::Reader::attach(
      ring, {.cursor = ipc::CursorOptions{.name = "billing", .take_over = true, .only_from_epoch = seen->epoch}, .start = {}});
  EXPECT_FAILURE(again, ErrorCode::busy, "live owner");
  EXPECT_TRUE(taken.is_protected());
}

}  // namespace
}  // namespace fabric
