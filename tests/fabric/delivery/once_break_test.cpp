// Publishing once beside damage, power loss, forks and publishers that are slow.

#include <map>

#include "fabric/delivery/id_index.hpp"
#include "ipc/verdict.hpp"
#include "tests/fabric/delivery/publish_around.hpp"
#include "tests/fabric/fabric_fixture.hpp"
#include "tests/ipc/msync_hook.hpp"

namespace fabric::testing {
namespace {

using ipc::PublishOutcome;

constexpr std::uint64_t kSoonNs = 10'000'000'000;

class OnceBreakTest : public FabricFixture {
 protected:
  ~OnceBreakTest() override { ipc::testing::on_msync = nullptr; }

  Producer once() const { return must(Producer::open(open(), "orders", {.idempotent = true})); }
  std::shared_ptr<ipc::Ring> ring() const { return must(open().topic("orders"))->ring(0); }
  std::map<std::string, unsigned> ids() const {
    std::map<std::string, unsigned> found;
    auto all = consumer("orders", {.start = {ipc::StartAt::Kind::earliest, 0}});
    read_all(all, [&](const Delivery& delivery) { ++found[to_string(delivery.event.envelope.id())]; });
    return found;
  }
  static void damage_word(const ipc::RingMap& map, std::uint64_t sequence) { map.slot(sequence).word.fetch_xor(2); }
};

// The slot's word was damaged in the lap before: what a live publisher is about to write there is not damage.
TEST_F(OnceBreakTest, AClaimOnADamagedSlotIsUnfinishedAsAnyOther) {
  create(small_topic("orders", 1));
  auto producer = once();
  auto publisher = must(ipc::Publisher::attach(ring()));
  damage_word(ring()->map(), 0);
  Published meanwhile;
  EXPECT_EQ(publish_around(publisher, "x", [&](std::uint64_t) { meanwhile = producer.publish("", "", {.id = "x"}); }),
            PublishOutcome::published);
  EXPECT_EQ(meanwhile.outcome, PublishOutcome::refused);
  EXPECT_TRUE(producer.publish("", "", {.id = "x"}).repeated);
  EXPECT_EQ(ids().at("x"), 1U);
}

// As above, but it is stopped for longer than the bound: its claim is void, not damaged, so it learns that it lost.
TEST_F(OnceBreakTest, AndIsVoidedAsAnyOther) {
  create(small_topic("orders", 1));
  auto producer = once();
  auto publisher = must(ipc::Publisher::attach(ring()));
  damage_word(ring()->map(), 0);
  int asked = 0;
  const auto publish_meanwhile = [&](std::uint64_t) {
    if (++asked != 1) return;
    EXPECT_TRUE(producer.publish_within(as_bytes(""), as_bytes(""), kSoonNs, {.id = "x"}));
    EXPECT_EQ(ipc::standing_of(*ring(), 0), ipc::Standing::unfinished) << "it does not say x, so it is in nobody's way";
    ipc::void_range(ring()->map(), 0, 1);
  };
  EXPECT_EQ(publish_around(publisher, "y", publish_meanwhile), PublishOutcome::published);
  EXPECT_EQ(asked, 2) << "its first claim was lost";
  EXPECT_EQ(ids(), (std::map<std::string, unsigned>{{"x", 1}, {"y", 1}}));
}

// What is said to be published is on the disk, also when it was another who published it and was killed before it was
// written back.
TEST_F(OnceBreakTest, ARepeatIsWrittenBack) {
  auto options = small_topic("orders", 1);
  options.ring.sync = ipc::SyncMode::always;
  create(options);
  Child child([&](const Channel&) {
    auto producer = once();
    ipc::testing::on_msync = [](void*, std::size_t) { ::raise(SIGKILL); };
    producer.publish("key", "1", {.id = "x"});
    return 0;
  });
  ASSERT_EQ(child.wait(), -SIGKILL);
  auto producer = once();
  const auto& map = producer.topic().ring(0)->map();
  bool written = false;
  ipc::testing::on_msync = [&](void* address, std::size_t bytes) {
    const auto* first = static_cast<const std::byte*>(address);
    const auto* slot = reinterpret_cast<const std::byte*>(&map.slot(0));
    written = written || (first <= slot && slot + map.slot_bytes <= first + bytes);
  };
  const auto sent = producer.publish("key", "1", {.id = "x"});
  EXPECT_TRUE(sent.repeated);
  EXPECT_TRUE(written);
}

TEST_F(OnceBreakTest, InAForkedChildNothingIsVoidedAndTheOutcomeSaysWhy) {
  auto options = small_topic("orders", 1);
  options.ring.void_after_ns = 1;
  create(options);
  auto producer = once();
  auto publisher = must(ipc::Publisher::attach(ring()));
  bool first = true;
  EXPECT_EQ(publish_around(publisher, "x",
                           [&](std::uint64_t) {
                             if (!std::exchange(first, false)) return;
                             Child child([&](const Channel&) {
                               for (int i = 0; i < 3; ++i)
                                 if (producer.publish("", "", {.id = "x"}).outcome != PublishOutcome::wrong_process)
                                   return 1;
                               return 0;
                             });
                             EXPECT_EQ(child.wait(), 0);
                           }),
            PublishOutcome::published);
  EXPECT_EQ(publisher.ring().map().publishers[publisher.line()].voided.load(), 0U);
}

// ------------------------------------------------------------------------------------------- batches that take their
// time

class OnceBatchTest : public OnceBreakTest {
 protected:
  static constexpr std::size_t kBatch = 8;
  OnceBatchTest() {
    auto options = small_topic("orders", 1);
    options.ring.void_after_ns = 1;  // so that whatever may be voided is
    create(options);
  }
};

// Each record has the bound for itself, as with a reader. Otherwise a batch of large records never gets to its end.
TEST_F(OnceBatchTest, WhoGoesOnIsNotVoided) {
  auto index = must(IdIndex::open(ring()));
  auto publisher = must(ipc::Publisher::attach(ring()));
  const auto look = [&](std::uint64_t) { EXPECT_TRUE(index.follow(ring()->map().tail())); };
  const auto admission = admission_around(IdIndex::hash("x"), look);
  const std::vector<std::span<const std::byte>> payloads(kBatch, as_bytes("1"));
  std::size_t published = 0;
  EXPECT_EQ(publisher.publish_batch(payloads, published, {.admission = &admission}), PublishOutcome::published);
  EXPECT_EQ(published, kBatch);
  EXPECT_EQ(ring()->map().tail(), kBatch) << "nothing was voided and published again";
}

TEST_F(OnceBatchTest, WhoIsStoppedIsVoidedAsAWhole) {
  auto index = must(IdIndex::open(ring()));
  auto publisher = must(ipc::Publisher::attach(ring()));
  bool first = true;
  const auto look = [&](std::uint64_t) {
    if (!std::exchange(first, false)) return;
    EXPECT_TRUE(index.follow(ring()->map().tail()));
    EXPECT_TRUE(index.follow(ring()->map().tail()));
    for (std::uint64_t s = 0; s < kBatch; ++s) EXPECT_EQ(ipc::standing_of(*ring(), s), ipc::Standing::nothing) << s;
  };
  const auto admission = admission_around(IdIndex::hash("x"), look);
  const std::vector<std::span<const std::byte>> payloads(kBatch, as_bytes("1"));
  std::size_t published = 0;
  EXPECT_EQ(publisher.publish_batch(payloads, published, {.admission = &admission}), PublishOutcome::published);
  EXPECT_EQ(published, kBatch);
}

}  // namespace
}  // namespace fabric::testing
