#include "fabric/observe/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace fabric {
namespace {

constexpr double kError = 1.0 / 128;

// The definition that percentile() approximates.
std::uint64_t exact_percentile(std::vector<std::uint64_t> values, double fraction) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0U);
  EXPECT_EQ(empty.min(), 0U);
  EXPECT_EQ(empty.max(), 0U);
  EXPECT_EQ(empty.percentile(0.5), 0U);
}

TEST(Histogram, IsExactForSmallValues) {
  for (std::uint64_t value = 0; value < 128; ++value) {
    Histogram one;
    one.record(value);
    EXPECT_EQ(one.percentile(0.5), value);
  }
}

TEST(Histogram, KeepsEverySingleValueToOnePercent) {
  // Around every edge of every power of two, between two other values so that no clamp to the extremes helps.
  for (unsigned bit = 7; bit < Histogram::kMostBits; ++bit) {
    for (std::uint64_t part = 0; part < 64; ++part) {
      const auto width = (std::uint64_t{1} << bit) / 64;
      for (const auto offset : {std::uint64_t{0}, width / 2, width - 1}) {
        const auto value = (std::uint64_t{1} << bit) + part * width + offset;
        Histogram three;
        three.record(1);
        three.record(value);
        three.record(Histogram::kMostNs);
        EXPECT_NEAR(static_cast<double>(three.percentile(0.5)), static_cast<double>(value),
                    static_cast<double>(value) * kError);
      }
    }
  }
}

TEST(Histogram, KeepsPercentilesToOnePercent) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> durations(6, 3);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(durations(random)));
    histogram.record(values.back());
  }
  for (const double fraction : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto exact = static_cast<double>(exact_percentile(values, fraction));
    EXPECT_NEAR(static_cast<double>(histogram.percentile(fraction)), exact, exact * kError + 0.5) << fraction;
  }
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.min(), *std::min_element(values.begin(), values.end()));
  EXPECT_EQ(histogram.max(), *std::max_element(values.begin(), values.end()));
  EXPECT_EQ(histogram.percentiles().max, histogram.max());
}

TEST(Histogram, MergesLikeOne) {
  std::mt19937_64 random(11);
  Histogram whole, parts[3];
  for (int i = 0; i < 10'000; ++i) {
    const auto value = random() >> (random() % 60);
    whole.record(value);
    parts[i % 3].record(value);
  }
  Histogram merged;
  for (const auto& part : parts) merged.merge(part);
  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_EQ(merged.min(), whole.min());
  EXPECT_EQ(merged.max(), whole.max());
  for (int percent = 0; percent <= 100; ++percent)
    EXPECT_EQ(merged.percentile(percent / 100.0), whole.percentile(percent / 100.0));
}

TEST(Histogram, CountsRepeatedAndOversizedValues) {
  Histogram histogram;
  histogram.record(100, 99);
  histogram.record(~std::uint64_t{0});
  histogram.record(5, 0);
  EXPECT_EQ(histogram.count(), 100U);
  EXPECT_EQ(histogram.min(), 100U);
  EXPECT_EQ(histogram.max(), Histogram::kMostNs);
  EXPECT_EQ(histogram.percentile(0.99), 100U);
  EXPECT_NEAR(static_cast<double>(histogram.percentile(0.995)), static_cast<double>(Histogram::kMostNs),
              static_cast<double>(Histogram::kMostNs) * kError);
}

}  // namespace
}  // namespace fabric
