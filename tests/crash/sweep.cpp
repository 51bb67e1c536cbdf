#include "tests/crash/sweep.hpp"

namespace fabric::ipc::crash {
namespace {

// Generous: what a reader may add to the bound (system calls to ask who is alive, a membarrier), on a slow machine.
constexpr std::uint64_t kSlackNs = 20'000'000;

class WorldStage : public Stage {
 public:
  WorldStage(const Sweep& sweep, Mode mode) : sweep_(sweep), mode_(mode), world_(options()) {
    if (sweep_.bake) {
      sweep_.bake(world_);
      world_.bake();
    }
  }

  Notes& notes() override { return world_.notes(); }
  void begin_point() override {
    world_.reset();
    if (sweep_.prepare) sweep_.prepare(world_);
  }
  void child() override {
    Actor actor(world_.notes(), world_.path());
    sweep_.child(actor);
  }
  void meanwhile() override {
    if (sweep_.meanwhile) sweep_.meanwhile(world_, mode_);
  }
  void end_point() override {
    if (world_.faults().empty() && sweep_.afterwards) sweep_.afterwards(world_, mode_);
    world_.audit();
  }
  void fault(std::string text) override { world_.fault(std::move(text)); }
  const std::vector<std::string>& faults() const override { return world_.faults(); }
  std::string summary() const override {
    return "longest delay of a reader " + std::to_string(world_.longest_delay_ns() / 1000) + " us";
  }
  std::uint64_t longest_delay_ns() const { return world_.longest_delay_ns(); }

 private:
  RingOptions options() const {
    auto options = sweep_.options;
    options.void_after_ns = sweep_.bound_ns.value_or(mode_ == Mode::kill ? kKillBoundNs : kStopBoundNs);
    return options;
  }

  const Sweep& sweep_;
  Mode mode_;
  World world_;
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

void run_sweep(const Sweep& sweep, Mode mode) {
  WorldStage stage(sweep, mode);
  run_points(stage, {.name = sweep.name, .mode = mode, .whole = sweep.whole});
  if (mode == Mode::stop) {
    EXPECT_LE(stage.longest_delay_ns(), kStopBoundNs + kSlackNs);
  }
}

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
