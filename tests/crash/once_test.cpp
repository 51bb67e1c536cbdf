// An idempotent producer, killed and stopped at every instruction of a publish, while another publishes the same id: it
// stands in the log once.

#include <unistd.h>

#include <algorithm>

#include "fabric/delivery/consumer.hpp"
#include "fabric/delivery/producer.hpp"
#include "tests/crash/fault_log.hpp"
#include "tests/crash/images.hpp"
#include "tests/crash/points.hpp"
#include "tests/fabric/fabric_fixture.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::crash {
namespace {

using ipc::PublishOutcome;
using ipc::crash::Mode;

constexpr std::uint64_t kSlots = 16;
constexpr std::uint64_t kPatienceNs = 10'000'000'000;

struct OnceSweep {
  std::string name;
  ipc::WriterMode writers = ipc::WriterMode::many;
  // What the child publishes before its region, and in it; ids.
  std::vector<std::string> before{}, region{"x"};
  // What the other one publishes while it is stopped or dead; and whether it asks first whether it has to wait.
  std::vector<std::string> meanwhile{"x"};
};

class OnceStage : public ipc::crash::Stage {
 public:
  explicit OnceStage(const OnceSweep& sweep) : sweep_(sweep) {
    fabric_.emplace(Fabric::open(directory_.path()).value());
    const auto created = fabric_->create_topic({.name = "orders",
                                                .ring = {.writers = sweep.writers,
                                                         .slot_count = kSlots,
                                                         .slot_bytes = 128,
                                                         .max_publishers = 4,
                                                         .max_cursors = 2,
                                                         .void_after_ns = 200'000}});
    EXPECT_TRUE(created.has_value()) << created.error().message;
    topic_ = fabric_->topic("orders").value();
    {
      auto producer = open();
      for (int i = 0; i < 5; ++i) publish(producer, "baked-" + std::to_string(i));
    }
    image_.emplace(*topic_);
  }

  ipc::crash::Notes& notes() override { return log_.notes(); }
  void begin_point() override {
    other_.reset();
    image_->restore();
    log_.reset();
    if (sweep_.writers == ipc::WriterMode::many) other_.emplace(open());
  }
  void child() override {
    ipc::crash::Actor actor(log_.notes(), "");
    auto producer = open();
    for (const auto& id : sweep_.before) publish(producer, id);
    actor.begin();
    bool fenced = false;
    for (const auto& id : sweep_.region) fenced = !publish(producer, id) || fenced;
    actor.end();
    if (!fenced)
      for (const auto& id : sweep_.region) fenced = !publish(producer, id) || fenced;
    _exit(0);
  }
  void meanwhile() override {
    if (!other_) other_.emplace(open());
    for (const auto& id : sweep_.meanwhile) publish(*other_, id);
  }
  void end_point() override {
    for (const auto& id : sweep_.meanwhile) {
      const auto again = other_->publish_within(as_bytes("key"), as_bytes(id), kPatienceNs, {.id = id});
      if (!again.repeated) fault("what was confirmed as published is not recognised: " + id);
    }
    std::vector<std::string> found;
    auto all = Consumer::join(*fabric_, "orders", {.start = {ipc::StartAt::Kind::earliest, 0}}).value();
    testing::read_all(all, [&](const Delivery& delivery) { found.push_back(to_string(delivery.event.envelope.id())); });
    std::sort(found.begin(), found.end());
    if (std::adjacent_find(found.begin(), found.end()) != found.end())
      fault("an id stands in the log twice: " + *std::adjacent_find(found.begin(), found.end()));
    for (const auto& id : sweep_.meanwhile)
      if (!std::binary_search(found.begin(), found.end(), id)) fault("a confirmed id is not in the log: " + id);
  }
  void fault(std::string text) override { log_.fault(text); }
  const std::vector<std::string>& faults() const override { return log_.faults(); }

 private:
  Producer open() const {
    return Producer::open(*fabric_, "orders", {.take_over = sweep_.writers == ipc::WriterMode::one, .idempotent = true})
        .value();
  }
  // False: fenced.
  bool publish(Producer& producer, const std::string& id) {
    const auto sent = producer.publish_within(as_bytes("key"), as_bytes(id), kPatienceNs, {.id = id});
    if (!sent && sent.outcome != PublishOutcome::fenced)
      fault("not published: " + std::string(to_string(sent.outcome)));
    return static_cast<bool>(sent);
  }

  OnceSweep sweep_;
  testing::TempDir directory_;
  std::optional<Fabric> fabric_;
  std::shared_ptr<const Topic> topic_;
  std::optional<Images> image_;
  FaultLog log_;
  std::optional<Producer> other_;
};

const std::vector<OnceSweep>& sweeps() {
  static const std::vector<OnceSweep> all{
      {.name = "same_id"},
      {.name = "same_ids_the_other_way_round", .region = {"x", "y"}, .meanwhile = {"y", "x"}},
      {.name = "a_repeat", .before = {"x"}, .region = {"x", "y"}, .meanwhile = {"x", "y"}},
      {.name = "among_others", .region = {"x"}, .meanwhile = {"a", "b", "x", "c"}},
      {.name = "one_writer", .writers = ipc::WriterMode::one, .region = {"x", "y"}, .meanwhile = {"y", "x"}},
  };
  return all;
}

struct Case {
  const OnceSweep* sweep;
  Mode mode;
};

class OncePoints : public ::testing::TestWithParam<Case> {};

std::vector<Case> cases() {
  std::vector<Case> found;
  for (const auto& sweep : sweeps())
    for (const auto mode : {Mode::kill, Mode::stop}) found.push_back({&sweep, mode});
  return found;
}

TEST_P(OncePoints, EveryInstruction) {
  OnceStage stage(*GetParam().sweep);
  run_points(stage, {.name = GetParam().sweep->name, .mode = GetParam().mode});
}
INSTANTIATE_TEST_SUITE_P(Once, OncePoints, ::testing::ValuesIn(cases()), [](const auto& point) {
  return point.param.sweep->name + (point.param.mode == Mode::kill ? "_kill" : "_stop");
});

}  // namespace
}  // namespace fabric::crash
