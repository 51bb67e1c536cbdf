// Where keys lie while a topic grows: every doubling moves keys from a parent to its child and nowhere else.

#include "fabric/topic_route.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace fabric {
namespace {

TEST(TopicRoute, a_new_partition_has_one_parent) {
  EXPECT_EQ(born_count(3, 2), 3U);
  EXPECT_EQ(born_count(3, 3), 6U);
  EXPECT_EQ(born_count(3, 11), 12U);
  EXPECT_FALSE(parent_of(3, 2).has_value());
  EXPECT_EQ(parent_of(3, 4), 1U);
  EXPECT_EQ(parent_of(3, 7), 1U);
  EXPECT_EQ(parent_of(3, 11), 5U);
  EXPECT_TRUE(is_reachable(3, 12));
  EXPECT_FALSE(is_reachable(3, 9));
  EXPECT_FALSE(is_reachable(3, 2));
  EXPECT_FALSE(is_reachable(512, 2048)) << "more than a topic can have";
  EXPECT_FALSE(is_reachable(0, 8));
}

TEST(TopicRoute, a_word_says_what_was_written) {
  const auto word = RouteWord::make({.count = 6, .growing = true});
  const auto route = read_route(word, 3, 1);
  ASSERT_TRUE(route.has_value());
  EXPECT_EQ(route->count, 6U);
  EXPECT_TRUE(route->growing);
  EXPECT_EQ(route->existing(), 12U);
  EXPECT_EQ(read_route(0, 3, 1)->count, 3U) << "as it was made";
  EXPECT_EQ(read_route(0, 3, 4)->count, 6U) << "it was made by a doubling";
}

TEST(TopicRoute, no_flipped_bit_passes_for_a_word) {
  for (const auto word :
       {std::uint64_t{0}, RouteWord::make({.count = 4}), RouteWord::make({.count = 8, .growing = true})})
    for (int bit = 0; bit < 64; ++bit)
      EXPECT_FALSE(read_route(word ^ std::uint64_t{1} << bit, 4, 0).has_value()) << word << ", bit " << bit;
}

TEST(TopicRoute, counts_that_cannot_be_are_refused) {
  EXPECT_FALSE(read_route(RouteWord::make({.count = 6}), 4, 0).has_value()) << "no power of two";
  EXPECT_FALSE(read_route(RouteWord::make({.count = 4}), 4, 5).has_value()) << "before the partition was made";
  EXPECT_FALSE(read_route(RouteWord::make({.count = 1024, .growing = true}), 4, 0).has_value())
      << "to more than there can be";
}

// What a grown topic says for a key is its hash modulo the count, as if it had been made so.
RC_GTEST_PROP(TopicRouteProperty, a_grown_topic_divides_like_one_that_was_made_so, (std::uint64_t hash)) {
  const auto base = *rc::gen::inRange(1U, 20U);
  const auto doublings = *rc::gen::inRange(0U, 5U);
  const auto count = base << doublings;
  RC_ASSERT(place_of(hash, base, [&](std::uint32_t) { return count; }) == hash % count);
}

// In the middle of a doubling, in whatever order partitions follow: a key lies where it was, or where it will be; and a
// child has keys of parents only that have handed over.
RC_GTEST_PROP(TopicRouteProperty, half_way_a_key_lies_where_it_was_or_will_be, (std::uint64_t hash)) {
  const auto base = *rc::gen::inRange(1U, 20U);
  const auto count = base << *rc::gen::inRange(0U, 4U);
  const auto flipped = *rc::gen::container<std::vector<bool>>(count, rc::gen::arbitrary<bool>());
  const auto count_of = [&](std::uint32_t partition) {
    return partition >= count || flipped[partition] ? 2 * count : count;
  };
  const auto place = place_of(hash, base, count_of);
  const auto old = hash % count;
  RC_ASSERT(place == (flipped[old] ? hash % (2 * count) : old));
}

}  // namespace
}  // namespace fabric
