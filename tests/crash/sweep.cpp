#include "tests/crash/sweep.hpp"

#include <cstdlib>
#include <iostream>
#include <random>

namespace fabric::ipc::crash {
namespace {

constexpr std::uint64_t kDefaultBudgetMs = 700;
constexpr std::size_t kMostFaults = 5, kLeastPoints = 40;
constexpr std::size_t kChunk = 150, kMostSteps = 1'000'000, kMostStrays = 100;
// Generous: what a reader may add to the bound (system calls to ask who is alive, a membarrier), on a slow machine.
constexpr std::uint64_t kSlackNs = 20'000'000;

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
  Runner(const Sweep& sweep, Mode mode) : sweep_(sweep), mode_(mode), world_(options()) {
    if (sweep_.bake) {
      sweep_.bake(world_);
      world_.bake();
    }
  }

  void run() {
    auto trace = dry_run();
    if (trace.steps() == 0) return;
    const auto started = monotonic_ns();
    const auto points = trace.steps() + 1;
    const bool full = sweep_.whole || setting("EVF_FULL", 0) != 0;
    std::mt19937_64 random(setting("EVF_SEED", 1) * 1000 + std::hash<std::string>()(sweep_.name));
    const auto first = full ? 0 : random() % points;
    const auto until = started + setting("EVF_SWEEP_MS", kDefaultBudgetMs) * 1'000'000;
    std::size_t done = 0;
    while (done < points && (full || done < kLeastPoints || monotonic_ns() < until) && faulty_ < kMostFaults)
      visit(trace, (first + done++) % points);
    const auto seconds = static_cast<double>(monotonic_ns() - started) / 1e9;
    std::cout << "[  POINTS  ] " << sweep_.name << ' ' << (mode_ == Mode::kill ? "kill" : "stop") << ": " << done
              << " of " << points << " from " << first << ", " << strays_ << " strayed, "
              << static_cast<std::uint64_t>(static_cast<double>(done) / seconds) << "/s, longest delay of a reader "
              << world_.longest_delay_ns() / 1000 << " us" << std::endl;
    Total::add(done);
    ::testing::Test::RecordProperty("points", static_cast<int>(done));
    EXPECT_GT(done, 0U);
    if (mode_ == Mode::stop) {
      EXPECT_LE(world_.longest_delay_ns(), kStopBoundNs + kSlackNs);
    }
  }

 private:
  RingOptions options() const {
    auto options = sweep_.options;
    options.void_after_ns = sweep_.bound_ns.value_or(mode_ == Mode::kill ? kKillBoundNs : kStopBoundNs);
    return options;
  }

  std::function<void()> body() {
    return [this] {
      Actor actor(world_.notes(), world_.path());
      sweep_.child(actor);
    };
  }

  // The region once, undisturbed; its end state must pass the audit too.
  Trace dry_run() {
    Trace trace;
    auto recorded = Tracee::Recorded::more;
    std::size_t strays = 0, in_a_row = 0;
    while (recorded != Tracee::Recorded::end && trace.steps() < kMostSteps) {
      begin_point();
      Tracee tracee(world_.notes(), body());
      recorded = tracee.record(trace, strays < kMostStrays ? kChunk >> std::min<std::size_t>(in_a_row, 4) : kMostSteps);
      if (recorded == Tracee::Recorded::strayed) {
        ++strays;
        if (++in_a_row > 1) trace.drop(kChunk);  // the last chunk was of a path that is seldom taken at full speed
        continue;
      }
      in_a_row = 0;
      if (recorded == Tracee::Recorded::more) continue;
      tracee.finish();
      if (sweep_.meanwhile) sweep_.meanwhile(world_, mode_);
      if (!tracee.fault().empty()) world_.fault(tracee.fault());
      end_point("undisturbed");
    }
    EXPECT_EQ(recorded, Tracee::Recorded::end) << sweep_.name << " does not end";
    EXPECT_GT(trace.steps(), 0U) << sweep_.name;
    return faulty_ == 0 ? trace : Trace();
  }

  void visit(const Trace& trace, std::size_t step) {
    begin_point();
    Tracee tracee(world_.notes(), body());
    if (!tracee.advance(trace, step) && step + 1 < trace.steps()) ++strays_;
    if (mode_ == Mode::kill) tracee.kill();
    if (sweep_.meanwhile) sweep_.meanwhile(world_, mode_);
    if (mode_ == Mode::stop) tracee.finish();
    if (!tracee.fault().empty()) world_.fault(tracee.fault());
    end_point("at step " + std::to_string(step) + " of " + std::to_string(trace.steps()) + ", before " +
              (step < trace.steps() ? describe_instruction(trace.instruction(step)) : "the end"));
  }

  void begin_point() {
    world_.reset();
    if (sweep_.prepare) sweep_.prepare(world_);
  }

  void end_point(const std::string& where) {
    if (world_.faults().empty() && sweep_.afterwards) sweep_.afterwards(world_, mode_);
    world_.audit();
    if (world_.faults().empty()) return;
    ++faulty_;
    for (const auto& fault : world_.faults())
      ADD_FAILURE() << sweep_.name << (mode_ == Mode::kill ? ", killed " : ", stopped ") << where << ": " << fault;
  }

  const Sweep& sweep_;
  Mode mode_;
  World world_;
  std::size_t faulty_ = 0, strays_ = 0;
};

}  // namespace

void open_all(World& world) {
  world.open_witness("a");
  world.open_witness("b");
  world.open(world.other());
}

void two_laps(World& world, Mode) {
  world.drain();
  world.go_on_two_laps(*world.other(), kOther);
}

void run_sweep(const Sweep& sweep, Mode mode) { Runner(sweep, mode).run(); }

std::vector<SweepCase> both_modes(const std::vector<Sweep>& sweeps) {
  std::vector<SweepCase> cases;
  for (const auto& sweep : sweeps)
    for (const auto mode : {Mode::kill, Mode::stop})
      if (mode == Mode::kill ? sweep.kill : sweep.stop) cases.push_back({&sweep, mode});
  return cases;
}

std::string case_name(const ::testing::TestParamInfo<SweepCase>& info) {
  return info.param.sweep->name + (info.param.mode == Mode::kill ? "_kill" : "_stop");
}

}  // namespace fabric::ipc::crash
