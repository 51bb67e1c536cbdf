// The ack floor against a plain set of sequences.
#include "fabric/delivery/ack_window.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace fabric {
namespace {

TEST(AckWindowTest, TheFloorFollowsWhatIsAckedWithoutAGap) {
  AckWindow window(64);
  window.reset(10);
  window.mark(11, 12);
  window.mark(13, 15);
  EXPECT_EQ(window.floor(), 10U);
  EXPECT_EQ(window.above(), 3U);
  EXPECT_FALSE(window.is_acked(10));
  EXPECT_TRUE(window.is_acked(11));
  EXPECT_TRUE(window.is_acked(9));
  window.mark(10, 11);
  EXPECT_EQ(window.floor(), 12U);
  window.mark(12, 13);
  EXPECT_EQ(window.floor(), 15U);
  EXPECT_EQ(window.above(), 0U);
  window.mark(3, 15);
  EXPECT_EQ(window.floor(), 15U) << "below it nothing changes";
}

TEST(AckWindowTest, AgainstASet) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    AckWindow window(128);
    std::set<std::uint64_t> acked;
    std::uint64_t floor = random() % 1000;
    window.reset(floor);
    for (int step = 0; step < 2000; ++step) {
      const auto first = floor + random() % 120, end = std::min(first + random() % 4, floor + 128);
      window.mark(first, end);
      for (auto i = first; i < end; ++i) acked.insert(i);
      while (acked.erase(floor) != 0) ++floor;
      acked.erase(acked.begin(), acked.lower_bound(floor));
      ASSERT_EQ(window.floor(), floor) << seed;
      ASSERT_EQ(window.above(), acked.size());
      for (auto i = floor; i < floor + 130; ++i) ASSERT_EQ(window.is_acked(i), acked.contains(i)) << i;
      if (random() % 200 == 0) window.reset(floor = floor + random() % 300), acked.clear();
    }
  }
}

TEST(AckWindowTest, WhatIsTooFarAboveLetsTheFloorUp) {
  AckWindow window(64);
  window.mark(5, 6);
  window.mark(70, 71);
  EXPECT_EQ(window.floor(), 7U);
  EXPECT_EQ(window.above(), 1U);
  EXPECT_TRUE(window.is_acked(70));
  window.mark(1000, 1001);
  EXPECT_EQ(window.floor(), 937U);
  EXPECT_EQ(window.above(), 1U);
  EXPECT_FALSE(window.is_acked(999));
  window.mark(937, 1000);
  EXPECT_EQ(window.floor(), 1001U);
  EXPECT_EQ(window.above(), 0U);
}

}  // namespace
}  // namespace fabric
