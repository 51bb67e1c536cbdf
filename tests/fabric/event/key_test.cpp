// Keys as bytes, text and integers: one form as bytes, and the partition that it has for ever.
#include "fabric/event/key.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "fabric/contract/native.hpp"
#include "fabric/delivery/typed_producer.hpp"
#include "fabric/text.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric {
namespace {

using testing::FabricFixture;
using testing::must;

struct Fill {
  std::uint64_t id = 0;
};
BOOST_DESCRIBE_STRUCT(Fill, (), (id))

std::string hex(KeyInteger auto value) { return to_hex(IntegerKey(value).bytes()); }

TEST(Key, an_integer_is_eight_bytes_whatever_its_width) {
  EXPECT_EQ(hex(17), "1100000000000000");
  EXPECT_EQ(hex(std::uint8_t{17}), hex(17));
  EXPECT_EQ(hex(std::int16_t{17}), hex(17));
  EXPECT_EQ(hex(17ULL), hex(17));
  EXPECT_EQ(hex(0), "0000000000000000");
  EXPECT_EQ(hex(-2), "feffffffffffffff");
  EXPECT_EQ(hex(std::int8_t{-2}), hex(std::int64_t{-2}));
  EXPECT_EQ(hex(std::numeric_limits<std::int64_t>::min()), "0000000000000080");
  EXPECT_EQ(hex(0x0102030405060708), "0807060504030201");
  EXPECT_EQ(hex(~std::uint64_t{0}), hex(-1)) << "as documented";
  EXPECT_EQ(hex(std::uint32_t{0xffffffff}), "ffffffff00000000") << "is not -1";
  static_assert(!KeyInteger<bool> && !KeyInteger<char> && !KeyInteger<char32_t> && !KeyInteger<double>);
  static_assert(KeyInteger<signed char> && KeyInteger<std::size_t>);
}

TEST(Key, comes_back) {
  EXPECT_EQ(integer_of_key(IntegerKey(1234567890123).bytes()), 1234567890123U);
  EXPECT_EQ(static_cast<std::int64_t>(*integer_of_key(IntegerKey(-5).bytes())), -5);
  EXPECT_EQ(integer_of_key(as_bytes("17")), std::nullopt);
  EXPECT_EQ(integer_of_key({}), std::nullopt);
}

class KeyTopicTest : public FabricFixture {
 protected:
  contract::Registry registry() const {
    contract::Formats formats;
    formats.add(std::make_shared<contract::NativeFormat>());
    return must(contract::Registry::open(open(), formats));
  }
};

// Other bindings are held against the same table.
TEST_F(KeyTopicTest, partitions_of_integers_are_the_same_for_ever) {
  create(small_topic("four", 4));
  create(small_topic("seven", 7));
  const auto four = must(open().topic("four")), seven = must(open().topic("seven"));
  struct Golden {
    std::int64_t key;
    std::uint32_t of_four, of_seven;
  };
  for (const auto& [key, of_four, of_seven] :
       {Golden{0, 1, 3},  // XXH3-64 of the eight bytes is c77b3abb6f87acd9, by libxxhash
        Golden{1, 2, 0}, Golden{17, 3, 0}, Golden{42, 0, 1}, Golden{-1, 3, 4}, Golden{1'000'000, 0, 4},
        Golden{0x4141414141414141, 3, 1}, Golden{std::numeric_limits<std::int64_t>::min(), 3, 1}}) {
    EXPECT_EQ(four->partition_of(IntegerKey(key).bytes()), of_four) << key;
    EXPECT_EQ(seven->partition_of(IntegerKey(key).bytes()), of_seven) << key;
  }
  EXPECT_EQ(seven->partition_of(IntegerKey(0x4141414141414141).bytes()), seven->partition_of(as_bytes("AAAAAAAA")));
}

TEST_F(KeyTopicTest, producers_take_integers_and_they_are_not_their_digits) {
  create(small_topic("fills"));
  auto producer = this->producer("fills");
  auto typed = must(TypedProducer<Fill>::open(open(), registry(), "fills"));
  const auto partition = producer.topic().partition_of(IntegerKey(17).bytes());
  const std::array<std::byte, 1> bytes{std::byte{1}};
  EXPECT_EQ(producer.publish(17, "text").partition, partition);
  EXPECT_EQ(producer.publish(std::uint8_t{17}, std::span<const std::byte>(bytes)).partition, partition);
  EXPECT_EQ(producer.publish(17L, "text", {.correlation = "c"}).partition, partition);
  EXPECT_EQ(producer.publish(17U, std::span<const std::byte>(bytes), {.correlation = "c"}).partition, partition);
  EXPECT_EQ(typed.publish(17, Fill{.id = 1}).partition, partition);
  EXPECT_EQ(typed.publish_within(17, Fill{.id = 2}, 1).partition, partition);
  auto claim = typed.claim(17);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim.commit().partition, partition);
  std::size_t published = 0;
  EXPECT_EQ(typed.publish_batch(17, std::vector<Fill>(3), published).partition, partition);
  ASSERT_TRUE(producer.publish("17", "digits"));
  ASSERT_TRUE(producer.publish("\x11", "a byte"));
  std::size_t integers = 0, others = 0;
  auto consumer = this->consumer("fills", {});
  consumer.poll([&](const Delivery& delivery) {
    const auto key = integer_of_key(delivery.event.envelope.key);
    integers += key == 17U ? 1U : 0U;
    others += key ? 0U : 1U;
  });
  EXPECT_EQ(integers, 10U);
  EXPECT_EQ(others, 2U);
}

}  // namespace
}  // namespace fabric
