#pragma once
// A log-linear histogram of durations: every power of two is divided into 64 buckets of equal width, values below 128
// have one each. A value type of fixed size (19 KiB): copy, merge and keep it wherever it is needed.
//
// Invariants:
//   H1  A percentile errs by at most 1/128 (0.8 %) of the value; below 128 it is exact. min() and max() are exact.
//   H2  count() is the number of values recorded; none is dropped. Those above kMostNs (73 minutes) count as kMostNs.
//   H3  Merging gives what recording all values into one histogram gives.
// Cost: a few instructions per record, no allocation. Not thread-safe: one writer, or a copy per thread and merge().
// Source: the layout of HdrHistogram, without its configuration.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace fabric {

// What a histogram is usually reduced to. Nanoseconds.
struct Percentiles {
  std::uint64_t p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;
};

class Histogram {
 public:
  static constexpr unsigned kPrecisionBits = 6;  // 64 buckets per power of two
  static constexpr unsigned kMostBits = 42;
  static constexpr std::uint64_t kMostNs = (std::uint64_t{1} << kMostBits) - 1;

  void record(std::uint64_t ns) noexcept { record(ns, 1); }
  void record(std::uint64_t ns, std::uint64_t times) noexcept {
    const auto value = std::min(ns, kMostNs);
    counts_[bucket_of(value)] += times;
    count_ += times;
    if (times == 0) return;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }

  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
  }

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
  std::uint64_t max() const noexcept { return max_; }

  // The smallest recorded value (to H1) that at least `fraction` (0 to 1) of all values do not exceed; 0 when there is
  // none.
  std::uint64_t percentile(double fraction) const noexcept {
    if (count_ == 0) return 0;
    const auto wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::clamp(static_cast<std::uint64_t>(wanted), std::uint64_t{1}, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank) return std::clamp(middle_of(i), min_, max_);
    }
    return max_;
  }

  Percentiles percentiles() const noexcept {
    return {percentile(0.5), percentile(0.9), percentile(0.99), percentile(0.999), max_};
  }

 private:
  static constexpr std::uint64_t kHalf = std::uint64_t{1} << kPrecisionBits;  // buckets per power of two
  static constexpr std::size_t kBuckets = (kMostBits - kPrecisionBits + 1) * kHalf;

  // value < 128: itself. Else the 7 leading bits, in the group of its power of two.
  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const auto bits = static_cast<unsigned>(std::bit_width(value));
    const auto shift = bits > kPrecisionBits + 1 ? bits - kPrecisionBits - 1 : 0;
    return static_cast<std::size_t>(shift * kHalf + (value >> shift));
  }
  static constexpr std::uint64_t middle_of(std::size_t bucket) noexcept {
    if (bucket < 2 * kHalf) return bucket;
    const auto shift = static_cast<unsigned>(bucket / kHalf - 1);
    const auto first = (bucket - shift * kHalf) << shift;
    return first + (std::uint64_t{1} << shift) / 2;
  }
  static_assert(kBuckets == 2368);

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t min_ = kMostNs, max_ = 0;
};

}  // namespace fabric
