// Interleaves limits and samples, voids samples whose limit moved, or during which the two processes did not run side
// by side, and reduces what is left to medians.

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "tools/evf/bench_pair.hpp"

namespace fabric::evf::bench {
namespace {

constexpr double kMostDrift = 0.15;             // of the limit's median, from before a sample to after it
constexpr std::uint64_t kPlausibleNs = 20'000;  // a limit above it says that the two hardly ever ran at the same time
constexpr double kLeastCpuShare = 0.85;         // of a spinning process: else the sample measures the neighbours
constexpr std::uint32_t kTriesPerSample = 4;
constexpr std::uint64_t kLimitNs = 20'000'000, kWarmUpNs = 20'000'000;

// What one sample gave.
struct Sample {
  Percentiles limit, rtt;
  double records_per_s = 0, copy_bytes_per_s = 0;
  double cpu_share = 1;  // of the process that had less of its processor
};

template <class Value, class Of>
Value median(const std::vector<Sample>& samples, Of of) {
  std::vector<Value> values;
  for (const auto& sample : samples) values.push_back(of(sample));
  if (values.empty()) return {};
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Percentiles median(const std::vector<Sample>& samples, Percentiles Sample::*what) {
  const auto of = [&](std::uint64_t Percentiles::*which) {
    return median<std::uint64_t>(samples, [&](const Sample& sample) { return (sample.*what).*which; });
  };
  Percentiles result{of(&Percentiles::p50), of(&Percentiles::p90), of(&Percentiles::p99), of(&Percentiles::p999), 0};
  for (const auto& sample : samples) result.max = std::max(result.max, (sample.*what).max);
  return result;
}

// Both of a sample's limits: before and after.
Percentiles mean_of(const Percentiles& a, const Percentiles& b) {
  return {(a.p50 + b.p50) / 2, (a.p90 + b.p90) / 2, (a.p99 + b.p99) / 2, (a.p999 + b.p999) / 2, std::max(a.max, b.max)};
}

double rate_of(const Answer& answer) {
  return answer.ns == 0 ? 0 : static_cast<double>(answer.records) * 1e9 / static_cast<double>(answer.ns);
}

class Measurement {
 public:
  Measurement(const Plan& plan, const Case& what, Pair& pair, Side& side)
      : plan_(plan), what_(what), pair_(pair), side_(side) {}

  ipc::Result<Row> run(const Progress& progress) {
    if (auto warm = take_sample(kWarmUpNs); !warm) return warm.error();
    auto before = measure_limit();
    if (!before) return before.error();
    std::vector<Sample> good, all;
    for (std::uint32_t tries = 0; good.size() < plan_.samples && tries < plan_.samples * kTriesPerSample; ++tries) {
      progress(what_, static_cast<std::uint32_t>(good.size()), static_cast<std::uint32_t>(all.size() - good.size()));
      auto sample = take_sample(plan_.sample_ns);
      if (!sample) return sample.error();
      auto after = measure_limit();
      if (!after) return after.error();
      sample->limit = mean_of(*before, *after);
      const auto drift =
          std::abs(static_cast<double>(after->p50) / static_cast<double>(std::max<std::uint64_t>(before->p50, 1)) - 1);
      all.push_back(*sample);
      // Round trips that were interrupted are in the tail, where they belong; a rate suffers as a whole.
      const bool ran = what_.measure == Measure::latency || what_.wait != ipc::WaitStrategy::spin ||
                       sample->cpu_share >= kLeastCpuShare;
      if (drift <= kMostDrift && after->p50 <= kPlausibleNs && ran) good.push_back(*sample);
      before = std::move(after);
    }
    return reduce(good, all);
  }

 private:
  ipc::Result<Percentiles> measure_limit() {
    Histogram round_trips;
    reset_lines();
    const Order order{.task = Task::ping_pong, .what = what_, .ns = std::min(plan_.sample_ns, kLimitNs)};
    double cpu_share = 1;
    const auto done = command(
        order, [&](Watch& watch) { lead_ping_pong(order, pair_.shared(), watch, round_trips); }, cpu_share);
    if (!done) return done.error();
    return round_trips.percentiles();
  }

  ipc::Result<Sample> take_sample(std::uint64_t ns) {
    Sample sample;
    if (what_.measure == Measure::throughput) {
      reset_lines();
      const Order order{.task = Task::copy, .what = what_, .ns = ns, .count = plan_.count};
      const auto copied = command(
          order, [&](Watch& watch) { lead_copy(order, pair_.shared(), watch); }, sample.cpu_share);
      if (!copied) return copied.error();
      sample.copy_bytes_per_s = rate_of(*copied);
    }
    Histogram round_trips;
    const Order order{.task = Task::measure, .what = what_, .ns = ns, .count = plan_.count};
    const auto measured = command(
        order, [&](Watch& watch) { side_.lead(order, watch, round_trips); }, sample.cpu_share);
    if (!measured) return measured.error();
    sample.rtt = round_trips.percentiles();
    sample.records_per_s = rate_of(*measured);
    return sample;
  }

  // Has both sides do their part. Lowers `cpu_share` to what the less fortunate one had.
  template <class Lead>
  ipc::Result<Answer> command(const Order& order, Lead lead, double& cpu_share) {
    auto watch = pair_.watch();
    const CpuShare ours;
    pair_.send(order);
    lead(watch);
    cpu_share = std::min(cpu_share, ours.value());
    auto answer = pair_.receive();
    if (answer) cpu_share = std::min(cpu_share, answer->cpu_share);
    return answer;
  }

  void reset_lines() noexcept {
    auto& shared = pair_.shared();
    for (auto& ball : shared.balls) ball.line.value.store(0, std::memory_order_relaxed);
    shared.copied_in.value.store(0, std::memory_order_relaxed);
    shared.copied_out.value.store(0, std::memory_order_release);
  }

  // Where every sample is void the figures are those of all samples, and `samples` is 0.
  Row reduce(const std::vector<Sample>& good, const std::vector<Sample>& all) const {
    const auto& samples = good.empty() ? all : good;
    Row row{.what = what_};
    row.limit_rtt_ns = median(samples, &Sample::limit);
    row.rtt_ns = median(samples, &Sample::rtt);
    row.ratio_p50 = median<double>(samples, [](const Sample& sample) {
      return static_cast<double>(sample.rtt.p50) / static_cast<double>(std::max<std::uint64_t>(sample.limit.p50, 1));
    });
    row.records_per_s = median<double>(samples, [](const Sample& sample) { return sample.records_per_s; });
    row.copy_limit_bytes_per_s = median<double>(samples, [](const Sample& sample) { return sample.copy_bytes_per_s; });
    row.samples = static_cast<std::uint32_t>(good.size());
    row.void_samples = static_cast<std::uint32_t>(all.size() - good.size());
    return row;
  }

  const Plan& plan_;
  const Case& what_;
  Pair& pair_;
  Side& side_;
};

ipc::Result<Row> measure(const Plan& plan, const Case& what, Pair& pair, const Progress& progress) {
  if (auto created = create_rings(what, plan.directory); !created) return created.error();
  pair.send({.task = Task::open, .what = what});
  if (auto opened = pair.receive(); !opened) return opened.error();
  auto side = attach_side(what, plan.directory, true, pair.shared());
  if (!side) return side.error();
  auto row = Measurement(plan, what, pair, **side).run(progress);
  if (!row) return row.error();
  pair.send({.task = Task::close});
  if (auto closed = pair.receive(); !closed) return closed.error();
  return row;
}

}  // namespace

ipc::Result<std::vector<Row>> run(const Plan& plan, const Progress& progress) {
  auto pair = Pair::start(plan.cpus, plan.directory);
  if (!pair) return pair.error();
  std::vector<Row> rows;
  for (const auto& what : plan.cases) {
    auto row = measure(plan, what, **pair, progress);
    if (!row) return row.error();
    rows.push_back(*row);
  }
  return rows;
}

}  // namespace fabric::evf::bench
