// The index of ids against a model of the log.

#include "fabric/delivery/id_index.hpp"

#include <random>

#include "tests/fabric/delivery/publish_around.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::testing {
namespace {

using ipc::PublishOutcome;

class IdIndexTest : public FabricFixture {
 protected:
  std::shared_ptr<ipc::Ring> ring() const { return must(open().topic("orders"))->ring(0); }
};

// Few ids, a ring that laps all the time, claims that finish late, looks now and then: what is found is what is
// retained.
TEST_F(IdIndexTest, WhatIsFoundIsWhatIsRetained) {
  auto options = small_topic("orders", 1, 16);
  options.ring.void_after_ns = 60'000'000'000;
  create(options);
  auto producer = must(Producer::open(open(), "orders"));
  auto index = must(IdIndex::open(ring()));
  auto slow = must(ipc::Publisher::attach(ring()));
  const auto kept = ring();
  const auto& map = kept->map();
  std::mt19937 random(4711);
  std::vector<std::string> log;  // by sequence; empty: not finished
  const auto look = [&](bool in_order) {
    const auto tail = map.tail();
    ASSERT_TRUE(index.follow(tail));
    for (const std::string id : {"a", "b", "c", "d"}) {
      std::optional<std::uint64_t> expected;
      for (auto s = tail - std::min<std::uint64_t>(tail, 16); s < tail && !expected; ++s)
        if (log[s] == id) expected = s;
      const auto found = index.find(id, tail);
      ASSERT_EQ(found.has_value(), expected.has_value()) << id << " at " << tail;
      if (!found) continue;
      EXPECT_EQ(log[*found], id);
      EXPECT_LE(*expected, *found);
      if (in_order) {
        EXPECT_EQ(*found, *expected);
      }
    }
  };
  const auto next_id = [&] { return std::string(1, static_cast<char>('a' + random() % 4)); };
  const auto publish = [&] {
    const auto id = next_id();
    const auto sent = producer.publish("", "", {.id = id});
    ASSERT_TRUE(sent);
    log.resize(sent.sequence + 1);
    log[sent.sequence] = id;
  };
  for (int step = 0; step < 3000; ++step) {
    if (step >= 1000 && random() % 8 == 0) {
      const auto id = next_id();
      const auto meanwhile = [&](std::uint64_t sequence) {
        log.resize(sequence + 1);
        for (auto i = random() % 12; i != 0; --i) publish();
        look(false);
        log[sequence] = id;
      };
      EXPECT_EQ(publish_around(slow, id, meanwhile), PublishOutcome::published);
    } else {
      publish();
    }
    if (random() % 4 == 0) look(step < 1000);
  }
}

// A record that is delivered again is no repeat of itself, nor of what came later.
TEST_F(IdIndexTest, OnlyWhatComesBeforeCounts) {
  create(small_topic("orders", 1));
  auto producer = must(Producer::open(open(), "orders"));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(producer.publish("", "", {.id = "a"}));
  auto index = must(IdIndex::open(ring()));
  ASSERT_TRUE(index.follow(2));
  EXPECT_EQ(index.find("a", 0), std::nullopt);
  EXPECT_EQ(index.find("a", 1), 0U);
}

TEST_F(IdIndexTest, WithTooManyUnfinishedClaimsNobodyKnows) {
  auto options = small_topic("orders", 1, 8192);
  options.ring.void_after_ns = 60'000'000'000;
  create(options);
  auto producer = must(Producer::open(open(), "orders", {.idempotent = true}));
  auto& tail = producer.topic().ring(0)->map().control->tail;
  tail.fetch_add(IdIndex::kMostUnfinished);
  EXPECT_TRUE(producer.publish("", "", {.id = "a"})) << "that many can be kept in mind";
  const auto before = tail.fetch_add(1) + 1;
  EXPECT_EQ(producer.publish("", "", {.id = "b"}).outcome, PublishOutcome::refused);
  EXPECT_EQ(tail.load(), before) << "no claim is made only to be refused";
}

TEST_F(IdIndexTest, WhatIsRefusedIsVoidAtOnce) {
  create(small_topic("orders", 1));
  auto publisher = must(ipc::Publisher::attach(ring()));
  const ipc::Admission no{.announced = 1, .admit = [](void*, std::uint64_t) noexcept { return false; }};
  EXPECT_EQ(publisher.publish(as_bytes("x"), {.admission = &no}), PublishOutcome::refused);
  EXPECT_EQ(ring()->map().tail(), 1U);
  EXPECT_EQ(ipc::standing_of(*ring(), 0), ipc::Standing::nothing);
}

}  // namespace
}  // namespace fabric::testing
