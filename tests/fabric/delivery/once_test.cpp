// Publishing once: what an idempotent producer recognises, and how two of them settle which one it is.

#include <unistd.h>

#include <csignal>
#include <map>

#include "fabric/delivery/cause.hpp"
#include "fabric/delivery/id_index.hpp"
#include "tests/fabric/delivery/publish_around.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::testing {
namespace {

using ipc::PublishOutcome;

constexpr std::uint64_t kSoonNs = 10'000'000'000;

class OnceTest : public FabricFixture {
 protected:
  Producer once(const std::string& topic = "orders") const {
    return must(Producer::open(open(), topic, {.idempotent = true}));
  }
  // How often each id stands in the partition.
  std::map<std::string, unsigned> ids(std::uint32_t partition = 0, const std::string& topic = "orders") const {
    std::map<std::string, unsigned> found;
    auto all = consumer(topic, {.start = {ipc::StartAt::Kind::earliest, 0}, .partitions = {partition}});
    read_all(all, [&](const Delivery& delivery) { ++found[to_string(delivery.event.envelope.id())]; });
    return found;
  }
};

TEST_F(OnceTest, ARepeatIsTheRecordThatIsThere) {
  create(small_topic("orders", 1));
  auto producer = once();
  const auto first = producer.publish("key", "1", {.id = "order-17"});
  ASSERT_TRUE(first);
  EXPECT_FALSE(first.repeated);
  ASSERT_TRUE(producer.publish("key", "2", {.id = "order-18"}));
  const auto again = producer.publish("key", "3", {.id = "order-17"});
  ASSERT_TRUE(again) << "it is published: that is what the caller wants to know";
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.sequence, first.sequence);
  EXPECT_EQ(must(open().topic("orders"))->ring(0)->map().tail(), 2U) << "nothing was claimed for it";
}

TEST_F(OnceTest, WithoutAnIdEverythingIsNew) {
  create(small_topic("orders", 1));
  auto producer = once();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(producer.publish("key", "same").repeated);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(producer.publish("key", "same", {.type = "order"}).repeated);
  EXPECT_EQ(ids().at(""), 6U);
}

TEST_F(OnceTest, WhateverFormTheIdHas) {
  create(small_topic("orders", 1));
  auto producer = once();
  const auto hash = derive_id("cause", "scope", 1);
  const std::string place(32, 'a');
  for (const EventId& id : {EventId("x"), EventId(std::string_view("a\0b", 3)), hash, EventId(to_string(hash) + "-1"),
                            EventId(place + "-7"), EventId(std::string_view(place))}) {
    EXPECT_FALSE(producer.publish("key", "1", {.id = id}).repeated) << to_string(id);
    EXPECT_TRUE(producer.publish("key", "1", {.id = id}).repeated) << to_string(id);
  }
  EXPECT_TRUE(producer.publish("key", "1", {.id = to_string(hash)}).repeated) << "as text it is the same id";
}

TEST_F(OnceTest, OverTheWholeRetainedLogAndNoFurther) {
  create(small_topic("orders", 1, 64));
  auto producer = once();
  const auto first = producer.publish("key", "1", {.id = "first"});
  for (int i = 1; i < 64; ++i) {
    ASSERT_TRUE(producer.publish("key", "1", {.id = "order-" + std::to_string(i)}));
    ASSERT_TRUE(producer.publish("key", "1", {.id = "first"}).repeated) << i;
  }
  ASSERT_TRUE(producer.publish("key", "1", {.id = "order-64"}));  // in its place
  const auto again = producer.publish("key", "1", {.id = "first"});
  ASSERT_TRUE(again);
  EXPECT_FALSE(again.repeated);
  EXPECT_EQ(again.sequence, first.sequence + 65);
  for (int i = 2; i <= 64; ++i)
    EXPECT_TRUE(producer.publish("key", "1", {.id = "order-" + std::to_string(i)}).repeated) << i;
}

TEST_F(OnceTest, WhoeverWroteItAndHoweverLongAgo) {
  create(small_topic("orders", 1));
  {
    auto ordinary = producer("orders");
    ASSERT_TRUE(ordinary.publish("key", "1", {.id = "old"}));
  }
  auto one = once();
  EXPECT_TRUE(one.publish("key", "1", {.id = "old"}).repeated);
  auto other = once();
  ASSERT_FALSE(one.publish("key", "1", {.id = "new"}).repeated);
  EXPECT_TRUE(other.publish("key", "1", {.id = "new"}).repeated);
  auto ordinary = producer("orders");
  ASSERT_TRUE(ordinary.publish("key", "1", {.id = "newer"}));
  EXPECT_TRUE(one.publish("key", "1", {.id = "newer"}).repeated);
  // One that was left behind by more than the ring: it looks at what is there.
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(one.publish("key", "1", {.id = "order-" + std::to_string(i)}));
  for (int i = 199; i > 136; --i)
    EXPECT_TRUE(other.publish("key", "1", {.id = "order-" + std::to_string(i)}).repeated) << i;
}

TEST_F(OnceTest, InTheArenaAsWell) {
  auto options = small_topic("orders", 1);
  options.ring.arena_bytes = 1 << 20;
  create(options);
  auto producer = once();
  const std::string large(10'000, 'x');
  const auto first = producer.publish("key", large, {.id = "large"});
  ASSERT_TRUE(first) << to_string(first.outcome);
  EXPECT_TRUE(producer.publish("key", large, {.id = "large"}).repeated);
  EXPECT_TRUE(once().publish("key", large, {.id = "large"}).repeated);
}

TEST_F(OnceTest, AnEventThatIsPassedOnKeepsItsId) {
  create(small_topic("orders", 1));
  auto copies = small_topic("copies", 1);
  copies.ring.slot_bytes = 512;  // ids, source and time are written there
  create(copies);
  auto source = producer("orders");
  ASSERT_TRUE(source.publish("key", "1"));
  ASSERT_TRUE(source.publish("key", "2", {.id = "named"}));
  auto target = once("copies");
  for (int round = 0; round < 2; ++round) {
    auto all = consumer("orders", {.start = {ipc::StartAt::Kind::earliest, 0}});
    all.poll([&](const Delivery& delivery) {
      const PassedOn passed(delivery);
      const auto sent = target.publish(delivery.event.envelope.key, delivery.event.payload, passed.attributes());
      ASSERT_TRUE(sent) << to_string(sent.outcome);
      EXPECT_EQ(sent.repeated, round == 1);
    });
  }
  EXPECT_EQ(ids(0, "copies").size(), 2U);
}

TEST_F(OnceTest, DamageIsNotMistakenForARepeat) {
  create(small_topic("orders", 1));
  auto producer = once();
  const auto first = producer.publish("key", "1", {.id = "order-17"});
  const auto topic = must(open().topic("orders"));
  auto& slot = topic->ring(0)->map().slot(first.sequence);
  *(topic->ring(0)->map().payload(slot) + 10) ^= std::byte{1};
  EXPECT_FALSE(producer.publish("key", "1", {.id = "order-17"}).repeated) << "nobody will be delivered that record";
}

// ------------------------------------------------------------------------------------------- claims that are under way

TEST_F(OnceTest, AnotherWhoPublishesTheSameIdIsWaitedForByItsName) {
  create(small_topic("orders", 1));
  auto producer = once();
  const EventId id = "order-17";
  Published refused, other;
  auto publisher = must(ipc::Publisher::attach(must(open().topic("orders"))->ring(0)));
  EXPECT_EQ(publish_around(publisher, IdIndex::hash(id),
                           [&] {
                             refused = producer.publish("key", "1", {.id = id});
                             other = producer.publish("key", "1", {.id = "order-18"});
                           }),
            PublishOutcome::published);
  EXPECT_EQ(refused.outcome, PublishOutcome::refused);
  EXPECT_EQ(must(open().topic("orders"))->ring(0)->map().tail(), 2U)
      << "what is refused beforehand leaves no void behind";
  EXPECT_TRUE(other) << "what has another id has nothing to fear from it: " << to_string(other.outcome);
  EXPECT_FALSE(producer.publish("key", "1", {.id = id}).repeated)
      << "the one that was waited for had no such id after all";
}

TEST_F(OnceTest, WhatAnOrdinaryPublisherHasClaimedHoldsNobodyUp) {
  create(small_topic("orders", 1));
  auto producer = once();
  const auto topic = must(open().topic("orders"));
  auto publisher = must(ipc::Publisher::attach(topic->ring(0)));
  EXPECT_EQ(publish_around(publisher, std::uint64_t{1},
                           [&] { EXPECT_TRUE(producer.publish("key", "1", {.id = "order-17"})); }),
            PublishOutcome::published);
  EXPECT_TRUE(producer.publish("key", "1", {.id = "order-17"}).repeated);
}

TEST_F(OnceTest, AClaimThatWasMadeAheadIsGivenBackFirst) {
  create(small_topic("orders", 1));
  const auto topic = must(open().topic("orders"));
  auto publisher = must(ipc::Publisher::attach(topic->ring(0)));
  // A batch that ends early leaves the rest of its claim, which was made when nothing was announced.
  int asked = 0;
  const ipc::Admission second_refused{
      .announced = 1,
      .admit = [](void* context, std::uint64_t) noexcept { return ++*static_cast<int*>(context) != 2; },
      .context = &asked};
  const std::array payloads{as_bytes("0"), as_bytes("1"), as_bytes("2")};
  std::size_t published = 0;
  EXPECT_EQ(publisher.publish_batch(payloads, published, {.admission = &second_refused}), PublishOutcome::refused);
  const auto& map = topic->ring(0)->map();
  ASSERT_EQ(map.tail(), 3U);
  std::uint64_t announced = 0, first = 0;
  auto& line = map.publishers[publisher.line()];
  EXPECT_EQ(publish_around(publisher, std::uint64_t{4711},
                           [&] {
                             announced = line.announced.load();
                             first = ipc::IntentWord::first(line.intent.load());
                           }),
            PublishOutcome::published);
  EXPECT_EQ(announced, 4711U);
  EXPECT_EQ(first, 3U) << "claimed after it was announced";
  EXPECT_EQ(line.announced.load(), 0U);
  EXPECT_EQ(line.intent.load(), ipc::IntentWord::kNone);
}

// The child stands between claim and commit.
class OnceUnderWay : public OnceTest {
 protected:
  OnceUnderWay() { create(small_topic("orders", 1)); }
  std::unique_ptr<Child> start(int signal) const {
    return std::make_unique<Child>([this, signal](const Channel& parent) {
      auto producer = once();
      const auto topic = must(open().topic("orders"));
      auto publisher = must(ipc::Publisher::attach(topic->ring(0)));
      int asked = 0;
      const auto outcome = publish_around(publisher, IdIndex::hash("order-17"), [&] {
        if (++asked == 1) ::raise(signal);
      });
      parent.tell(static_cast<std::uint64_t>(outcome));
      parent.tell(static_cast<std::uint64_t>(asked));
      return 0;
    });
  }
};

TEST_F(OnceUnderWay, AfterItsDeathItHoldsNobodyUp) {
  auto producer = once();
  auto child = start(SIGKILL);
  EXPECT_EQ(child->wait(), -SIGKILL);
  const auto sent = producer.publish("key", "1", {.id = "order-17"});
  EXPECT_TRUE(sent) << to_string(sent.outcome);
  EXPECT_FALSE(sent.repeated);
  EXPECT_TRUE(producer.publish("key", "1", {.id = "order-17"}).repeated);
}

TEST_F(OnceUnderWay, StoppedItIsWaitedForNoLongerThanAReaderWould) {
  auto producer = once();
  auto child = start(SIGSTOP);
  child->wait_until_stopped();
  EXPECT_EQ(producer.publish("key", "1", {.id = "order-17"}).outcome, PublishOutcome::refused);
  // Nobody reads this topic, so nobody else voids the claim.
  const auto sent = producer.publish_within(as_bytes("key"), as_bytes("1"), kSoonNs, {.id = "order-17"});
  EXPECT_TRUE(sent) << to_string(sent.outcome);
  EXPECT_FALSE(sent.repeated);
  child->resume();
  EXPECT_EQ(child->hear(), static_cast<std::uint64_t>(PublishOutcome::published)) << "it says yes to everything";
  EXPECT_EQ(child->hear(), 2U) << "its claim was voided, so it was asked again for the next one";
}

// Several processes publish the same ids, some are killed on the way: each id stands there once, and everything that
// was confirmed.
TEST_F(OnceTest, ManyProcessesPublishTheSameIdsOnce) {
  constexpr std::uint64_t kIds = 3000;
  create(small_topic("orders", 1, 8192));
  const auto publish_all = [&](const Channel&) {
    auto producer = once();
    for (std::uint64_t i = 0; i < kIds; ++i) {
      const auto id = "order-" + std::to_string(i);
      if (!producer.publish_within(as_bytes("key"), as_bytes(id), kSoonNs, {.id = id})) return 1;
    }
    return 0;
  };
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 4; ++i) children.push_back(std::make_unique<Child>(publish_all));
  const auto topic = must(open().topic("orders"));
  const auto& map = topic->ring(0)->map();
  for (std::uint64_t at = 500; at <= 1500; at += 500) {  // one after the other is killed, and another takes its place
    ASSERT_TRUE(eventually([&] { return map.tail() >= at; }));
    children.front()->kill();
    children.erase(children.begin());
    children.push_back(std::make_unique<Child>(publish_all));
  }
  for (auto& child : children) EXPECT_EQ(child->wait(), 0);
  const auto found = ids();
  EXPECT_EQ(found.size(), kIds);
  for (const auto& [id, times] : found) EXPECT_EQ(times, 1U) << id;
}

TEST_F(OnceTest, OnOneWriterTopicsASuccessorKnowsWhatItsPredecessorWrote) {
  auto options = small_topic("orders", 1);
  options.ring.writers = ipc::WriterMode::one;
  create(options);
  auto first = once();
  for (int i = 0; i < 5; ++i) ASSERT_FALSE(first.publish("key", "1", {.id = "order-" + std::to_string(i)}).repeated);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(first.publish("key", "1", {.id = "order-" + std::to_string(i)}).repeated);
  auto second = must(Producer::open(open(), "orders", {.take_over = true, .idempotent = true}));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(second.publish("key", "1", {.id = "order-" + std::to_string(i)}).repeated);
  EXPECT_FALSE(second.publish("key", "1", {.id = "order-5"}).repeated);
  EXPECT_EQ(first.publish("key", "1", {.id = "order-6"}).outcome, PublishOutcome::fenced);
}

}  // namespace
}  // namespace fabric::testing
