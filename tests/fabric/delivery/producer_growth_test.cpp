// The other ways to publish, while a topic grows: claims in place and batches go where their key belongs by then.

#include "fabric/delivery/typed_producer.hpp"
#include "fabric/topic_route.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace shop {

struct Ticket {
  std::uint64_t id = 0;
};
BOOST_DESCRIBE_STRUCT(Ticket, (), (id))

}  // namespace shop

namespace fabric::testing {
namespace {

using shop::Ticket;

class ProducerGrowth : public FabricFixture {
 protected:
  ProducerGrowth() {
    auto options = small_topic("orders", 2);
    options.ring.arena_bytes = 1 << 16;
    create(options);
  }
  void grow(std::uint32_t partitions) const { ASSERT_NO_FAILURE(open().grow_topic("orders", partitions)); }
  contract::Registry registry() const {
    contract::Formats formats;
    formats.add(std::make_shared<contract::NativeFormat>());
    return must(contract::Registry::open(open(), formats));
  }
  // A key that a topic of four has in partition 2, and one of two in partition 0.
  static std::string key_that_moves() {
    for (int i = 0;; ++i) {
      auto key = "key-" + std::to_string(i);
      if (hash_of_key(as_bytes(key)) % 4 == 2) return key;
    }
  }
  std::vector<std::uint64_t> tails() const {
    const auto topic = must(open().topic("orders"));
    std::vector<std::uint64_t> found;
    for (std::uint32_t partition = 0; partition < topic->partitions(); ++partition)
      found.push_back(topic->ring(partition)->map().tail());
    return found;
  }
  using Tails = std::vector<std::uint64_t>;
};

TEST_F(ProducerGrowth, AClaimInPlaceIsCommittedWhereItsKeyBelongsByThen) {
  auto producer = must(TypedProducer<Ticket>::open(open(), registry(), "orders", {.subject = "tickets"}));
  const auto key = key_that_moves();
  auto claim = producer.claim(key);
  ASSERT_TRUE(claim);
  claim->id = 17;
  grow(4);
  const auto sent = claim.commit();
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent.partition, 2U);
  EXPECT_EQ(tails(), (Tails{0, 0, 1, 0}));
  auto next = producer.claim(key);
  next->id = 18;
  EXPECT_EQ(next.commit().partition, 2U);
  std::vector<std::uint64_t> ids;
  auto all = consumer("orders", {.start = {ipc::StartAt::Kind::earliest, 0}});
  read_all(all, [&](const Delivery& delivery) {
    EXPECT_EQ(as_text(delivery.event.envelope.key), key);
    ids.push_back(reinterpret_cast<const Ticket*>(delivery.event.payload.data())->id);
  });
  EXPECT_EQ(ids, (std::vector<std::uint64_t>{17, 18}));
}

TEST_F(ProducerGrowth, ABatchFollows) {
  auto producer = must(Producer::open(open(), "orders"));
  const auto key = key_that_moves();
  const std::array payloads{as_bytes("1"), as_bytes("2"), as_bytes("3")};
  std::size_t published = 0;
  EXPECT_EQ(producer.publish_batch(as_bytes(key), payloads, published).partition, 0U);
  grow(4);
  const auto sent = producer.publish_batch(as_bytes(key), payloads, published);
  EXPECT_TRUE(sent);
  EXPECT_EQ(sent.partition, 2U);
  EXPECT_EQ(published, 3U);
  EXPECT_EQ(tails(), (Tails{3, 0, 3, 0}));
  EXPECT_EQ(producer.publish_batch({}, payloads, published).partition, 0U) << "no key stays in partition 0";
}

}  // namespace
}  // namespace fabric::testing
