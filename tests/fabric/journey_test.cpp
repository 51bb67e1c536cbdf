// One record's way, step by step, in the order in which the README tells it. Each step looks at what the step left
// behind, not at what the next one makes of it.

#include <cstring>

#include "ipc/checksum.hpp"
#include "ipc/record.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using testing::FabricFixture;
using testing::must;

class Journey : public FabricFixture {
 protected:
  // Envelope and payload side by side, as a slot has them.
  static std::vector<std::byte> record_of(std::span<const std::byte> key, std::span<const std::byte> payload) {
    const Envelope envelope{.key = key};
    std::vector<std::byte> bytes(envelope_bytes(envelope));
    encode_envelope(envelope, bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
  }
};

TEST_F(Journey, of_one_record) {
  const auto fabric = open();
  ASSERT_NO_FAILURE(fabric.create_topic({.name = "orders", .partitions = 4}));
  auto producer = must(Producer::open(fabric, "orders"));
  auto consumer = must(Consumer::join(fabric, "orders", {.group = "billing"}));
  const auto key = as_bytes("customer-17"), payload = as_bytes("two tea pots");
  const auto& topic = producer.topic();

  // 1. The key picks the partition: the same from every process, for ever.
  const auto partition = topic.partition_of(key);
  EXPECT_EQ(partition, ipc::hash_bytes(key.data(), key.size()) % 4);
  const auto& map = topic.ring(partition)->map();
  EXPECT_EQ(map.tail(), 0U) << "nothing is claimed yet";
  EXPECT_EQ(map.slot(0).word.load(), 0U) << "nothing is committed yet";

  // 2. The producer publishes: claims the next sequence of that partition and of no other.
  const auto published = producer.publish(key, payload, 3);
  ASSERT_TRUE(published);
  EXPECT_EQ(published.partition, partition);
  EXPECT_EQ(published.sequence, 0U);
  for (std::uint32_t other = 0; other < 4; ++other) {
    EXPECT_EQ(topic.ring(other)->map().tail(), other == partition ? 1U : 0U);
  }

  // 3. The slot's word is the commit; it says lap 1 of this slot. The publisher's intent is cleared.
  auto& slot = map.slot(0);
  EXPECT_EQ(slot.word.load(), ipc::SlotWord::committed(1));
  EXPECT_EQ(map.publishers[producer.publisher(partition).line()].intent.load(), ipc::IntentWord::kNone);

  // 4. In the slot: the header, then the envelope (which says the key), then the payload.
  const auto expected = record_of(key, payload);
  ASSERT_EQ(slot.content, ipc::ContentWord::make(static_cast<std::uint32_t>(expected.size()), 3, ipc::kExtended));
  EXPECT_EQ(std::memcmp(map.payload(slot), expected.data(), expected.size()), 0);

  // 5. Its checksum covers header and payload and where the record stands.
  const auto header = ipc::load_header(slot);
  EXPECT_TRUE(ipc::verify(map, map.committed_word(0), header, 0, expected));
  EXPECT_FALSE(ipc::verify(map, map.committed_word(map.slot_count), header, 0, expected)) << "a lap later it is not valid";
  auto flipped = expected;
  flipped.back() ^= std::byte{1};
  EXPECT_FALSE(ipc::verify(map, map.committed_word(0), header, 0, flipped)) << "nor with a flipped bit";

  // 6. The consumer polls: the record is verified and taken apart in place, nothing is copied.
  const auto deliveries = consumer.poll([&](const Delivery& delivery) {
    EXPECT_EQ(delivery.partition, partition);
    EXPECT_EQ(delivery.record.sequence, 0U);
    EXPECT_EQ(delivery.record.schema, 3U);
    EXPECT_EQ(delivery.record.timestamp_ns, header.timestamp_ns);
    EXPECT_EQ(as_text(delivery.event.envelope.key), "customer-17");
    EXPECT_EQ(as_text(delivery.event.payload), "two tea pots");
    const auto& of_consumer = consumer.topic().ring(partition)->map();
    EXPECT_EQ(delivery.record.payload.data(), of_consumer.payload(of_consumer.slot(0)));
  });
  EXPECT_EQ(deliveries, 1U);

  // 7. Delivered is not acked: the group's cursor stands where it stood, and gates.
  EXPECT_EQ(ipc::find_cursor(map, "billing")->position, 0U);

  // 8. The ack moves the cursor. Who comes next starts behind it.
  EXPECT_TRUE(consumer.ack());
  EXPECT_EQ(ipc::find_cursor(map, "billing")->position, 1U);
  EXPECT_EQ(consumer.poll([](const Delivery&) {}), 0U);
  const auto state = consumer.state()[partition];
  EXPECT_EQ(state.head, 1U);
  EXPECT_EQ(state.acked, 1U);
}

}  // namespace
}  // namespace fabric
