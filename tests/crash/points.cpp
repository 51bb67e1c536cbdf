#include "tests/crash/points.hpp"

#include <cstdlib>
#include <iostream>
#include <random>

#include "ipc/clock.hpp"

namespace fabric::ipc::crash {
namespace {

constexpr std::size_t kMostFaults = 5, kLeastPoints = 40;
constexpr std::size_t kChunk = 150, kMostSteps = 1'000'000, kMostStrays = 100;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Sums up what one program has swept.
class Total : public ::testing::Environment {
 public:
  void TearDown() override {
    if (points_ > 0) std::cout << "[  POINTS  ] total: " << points_ << std::endl;
  }
  static void add(std::size_t points) { points_ += points; }

 private:
  static inline std::size_t points_ = 0;
};
[[maybe_unused]] const auto* const kTotal = ::testing::AddGlobalTestEnvironment(new Total);

class Runner {
 public:
  Runner(Stage& stage, const PointOptions& options) : stage_(stage), options_(options) {}

  void run() {
    auto trace = dry_run();
    if (trace.steps() == 0) return;
    const auto started = monotonic_ns();
    const auto points = trace.steps() + 1;
    const bool full = options_.whole || setting("EVF_FULL", 0) != 0;
    std::mt19937_64 random(setting("EVF_SEED", 1) * 1000 + std::hash<std::string>()(options_.name));
    const auto first = full ? 0 : random() % points;
    const auto until = started + setting("EVF_SWEEP_MS", options_.budget_ms) * 1'000'000;
    std::size_t done = 0;
    while (done < points && (full || done < kLeastPoints || monotonic_ns() < until) && faulty_ < kMostFaults)
      visit(trace, (first + done++) % points);
    const auto seconds = static_cast<double>(monotonic_ns() - started) / 1e9;
    std::cout << "[  POINTS  ] " << options_.name << ' ' << (options_.mode == Mode::kill ? "kill" : "stop") << ": " << done
              << " of " << points << " from " << first << ", " << strays_ << " strayed, "
              << static_cast<std::uint64_t>(static_cast<double>(done) / seconds) << "/s " << stage_.summary() << std::endl;
    Total::add(done);
    ::testing::Test::RecordProperty("points", static_cast<int>(done));
    EXPECT_GT(done, 0U);
  }

 private:
  std::function<void()> body() {
    return [this] { stage_.child(); };
  }

  // The region once, undisturbed; its end state must pass the audit too.
  Trace dry_run() {
    Trace trace;
    auto recorded = Tracee::Recorded::more;
    std::size_t strays = 0, in_a_row = 0;
    while (recorded != Tracee::Recorded::end && trace.steps() < kMostSteps) {
      stage_.begin_point();
      Tracee tracee(stage_.notes(), body());
      recorded = tracee.record(trace, strays < kMostStrays ? kChunk >> std::min<std::size_t>(in_a_row, 4) : kMostSteps);
      if (recorded == Tracee::Recorded::strayed) {
        ++strays;
        if (++in_a_row > 1) trace.drop(kChunk);  // the last chunk was of a path that is seldom taken at full speed
        continue;
      }
      in_a_row = 0;
      if (recorded == Tracee::Recorded::more) continue;
      tracee.finish();
      stage_.meanwhile();
      if (!tracee.fault().empty()) stage_.fault(tracee.fault());
      end_point("undisturbed");
    }
    EXPECT_EQ(recorded, Tracee::Recorded::end) << options_.name << " does not end";
    EXPECT_GT(trace.steps(), 0U) << options_.name;
    return faulty_ == 0 ? trace : Trace();
  }

  void visit(const Trace& trace, std::size_t step) {
    stage_.begin_point();
    Tracee tracee(stage_.notes(), body());
    if (!tracee.advance(trace, step) && step + 1 < trace.steps()) ++strays_;
    if (options_.mode == Mode::kill) tracee.kill();
    stage_.meanwhile();
    if (options_.mode == Mode::stop) tracee.finish();
    if (!tracee.fault().empty()) stage_.fault(tracee.fault());
    end_point("at step " + std::to_string(step) + " of " + std::to_string(trace.steps()) + ", before " +
              (step < trace.steps() ? describe_instruction(trace.instruction(step)) : "the end"));
  }

  void end_point(const std::string& where) {
    stage_.end_point();
    if (stage_.faults().empty()) return;
    ++faulty_;
    for (const auto& fault : stage_.faults())
      ADD_FAILURE() << options_.name << (options_.mode == Mode::kill ? ", killed " : ", stopped ") << where << ": " << fault;
  }

  Stage& stage_;
  PointOptions options_;
  std::size_t faulty_ = 0, strays_ = 0;
};

}  // namespace

void run_points(Stage& stage, const PointOptions& options) { Runner(stage, options).run(); }

}  // namespace fabric::ipc::crash
