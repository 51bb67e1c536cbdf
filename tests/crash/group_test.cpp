// A member of a group, killed and stopped at every instruction: taking what a dead member had, asking, taking what it asked for, giving,
// taking by force what a member with an expired lease had, and settling what it was handed; while others go on.

#include <unistd.h>

#include "tests/crash/group_world.hpp"

namespace fabric::crash {
namespace {

using ipc::crash::Mode;

struct GroupSweep {
  std::string name;
  // Per point: in this process before the child; in the child before it joins, and before its region; the region.
  std::function<void(GroupWorld&)> prepare = [](GroupWorld&) {};
  ConsumerOptions options{};
  std::function<void(GroupWorld&)> before_join = [](GroupWorld&) {};
  std::function<void(GroupWorld&, Member&)> set_up = [](GroupWorld&, Member&) {};
  std::function<void(Member&)> region;
  // While it is stopped or dead.
  std::function<void(GroupWorld&)> meanwhile;
};

class GroupStage : public ipc::crash::Stage {
 public:
  explicit GroupStage(const GroupSweep& sweep) : sweep_(sweep), world_(2) {}

  ipc::crash::Notes& notes() override { return world_.notes(); }
  void begin_point() override {
    world_.reset();
    sweep_.prepare(world_);
  }
  void child() override {
    ipc::crash::Actor actor(world_.notes(), "");
    std::optional<Member> member;
    sweep_.before_join(world_);
    world_.while_nobody_gives_way([&] { member.emplace(world_, sweep_.options); });
    sweep_.set_up(world_, *member);
    actor.begin();
    sweep_.region(*member);
    actor.end();
    member->wake_up();
    _exit(0);
  }
  void meanwhile() override { sweep_.meanwhile(world_); }
  void end_point() override { world_.audit(); }
  void fault(std::string text) override { world_.fault(text); }
  const std::vector<std::string>& faults() const override { return world_.faults(); }

 private:
  const GroupSweep& sweep_;
  GroupWorld world_;
};

void occupy_all(GroupWorld& world) {
  for (std::uint32_t p = 0; p < 2; ++p) world.occupy(p);
}

// So that whoever joins next takes both.
void vacate_all(GroupWorld& world) {
  for (std::uint32_t p = 0; p < 2; ++p) world.vacate(p);
}

void others_go_on(GroupWorld& world) {
  world.publish(2);
  world.go_on(40);
}

// Longer than the lease of a stopped one, whose records are written over.
void others_take_by_force(GroupWorld& world) {
  for (auto& member : world.members()) member.pass_time(4 * kLeaseNs);
  world.go_on(10);
  world.publish(12);
  world.go_on(10);
}

GroupSweep takes_of_a_dead_one() {
  return {.name = "takes_of_a_dead_one",
          .prepare = occupy_all,
          .set_up = [](GroupWorld& world, Member&) { world.orphan(0), world.orphan(1); },
          .region = [](Member& member) { member.round(); },
          .meanwhile = [](GroupWorld& world) { world.join(), others_go_on(world); }};
}

GroupSweep asks() {
  return {.name = "asks",
          .prepare = [](GroupWorld& world) { world.join().poll(); },
          .region = [](Member& member) { member.round(), member.round(); },
          .meanwhile = others_go_on};
}

GroupSweep takes_what_it_was_given() {
  return {.name = "takes_what_it_was_given",
          .prepare =
              [](GroupWorld& world) {
                world.occupy(0);
                world.join().poll();
              },
          .set_up = [](GroupWorld& world, Member& member) { world.vacate(0, member.id()); },
          .region = [](Member& member) { member.round(); },
          .meanwhile = others_go_on};
}

GroupSweep gives() {
  return {.name = "gives",
          .prepare =
              [](GroupWorld& world) {
                occupy_all(world);
                world.join();
              },
          .before_join = vacate_all,
          .set_up =
              [](GroupWorld& world, Member& member) {
                member.poll();
                world.line(0).requested_by.store(world.members().front().id());
              },
          .region = [](Member& member) { member.round(), member.round(); },
          .meanwhile = others_go_on};
}

GroupSweep takes_by_force() {
  return {.name = "takes_by_force",
          .prepare = [](GroupWorld& world) { world.join({.lease_ns = kLeaseNs}).poll(); },
          .options = {.lease_ns = kLeaseNs},
          .set_up = [](GroupWorld&, Member& member) { member.pass_time(4 * kLeaseNs); },
          .region = [](Member& member) { member.round(); },
          .meanwhile =
              [](GroupWorld& world) {
                world.go_on(2);  // the former owner wakes up
                others_take_by_force(world);
              }};
}

GroupSweep settles() {
  return {.name = "settles",
          .region =
              [](Member& member) {
                member.poll();
                member.ack_backwards();
                member.round();
              },
          .meanwhile = [](GroupWorld& world) { world.join(), others_go_on(world); }};
}

GroupSweep settles_after_its_lease() {
  auto sweep = settles();
  sweep.name = "settles_after_its_lease";
  sweep.prepare = [](GroupWorld& world) {
    occupy_all(world);
    world.join({.lease_ns = kLeaseNs});
  };
  sweep.before_join = vacate_all;
  sweep.options = {.lease_ns = kLeaseNs};
  sweep.meanwhile = others_take_by_force;
  return sweep;
}

const std::vector<GroupSweep>& sweeps() {
  static const std::vector<GroupSweep> all{takes_of_a_dead_one(), asks(),    takes_what_it_was_given(), gives(),
                                           takes_by_force(),      settles(), settles_after_its_lease()};
  return all;
}

struct GroupCase {
  const GroupSweep* sweep;
  Mode mode;
};

std::vector<GroupCase> cases() {
  std::vector<GroupCase> all;
  for (const auto& sweep : sweeps())
    for (const auto mode : {Mode::kill, Mode::stop}) all.push_back({&sweep, mode});
  return all;
}

class GroupSweepTest : public ::testing::TestWithParam<GroupCase> {};

TEST_P(GroupSweepTest, EveryInstruction) {
  const auto& [sweep, mode] = GetParam();
  GroupStage stage(*sweep);
  ipc::crash::run_points(stage, {.name = sweep->name, .mode = mode});
}
INSTANTIATE_TEST_SUITE_P(Group, GroupSweepTest, ::testing::ValuesIn(cases()), [](const auto& point) {
  return point.param.sweep->name + (point.param.mode == Mode::kill ? "_kill" : "_stop");
});

}  // namespace
}  // namespace fabric::crash
