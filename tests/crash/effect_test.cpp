// A handler that publishes what follows from the event in its hands, killed and stopped at every instruction from its
// poll to its ack, while another member takes over: every effect is there once.

#include <unistd.h>

#include <map>

#include "fabric/delivery/cause.hpp"
#include "tests/crash/fault_log.hpp"
#include "tests/crash/images.hpp"
#include "tests/crash/points.hpp"
#include "tests/fabric/delivery/held_time.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::crash {
namespace {

using ipc::crash::Mode;

constexpr std::uint64_t kOrders = 3, kSteps = 2;
constexpr std::uint64_t kLeaseNs = 1'000'000, kPatienceNs = 10'000'000'000;

class EffectStage : public ipc::crash::Stage {
 public:
  explicit EffectStage(AckMode ack) : ack_(ack) {
    for (const auto* name : {"orders", "effects"}) {
      const auto created = fabric_.create_topic(
          {.name = name,
           .ring = {
               .slot_count = 64, .slot_bytes = 256, .max_publishers = 4, .max_cursors = 2, .void_after_ns = 200'000}});
      EXPECT_TRUE(created.has_value()) << created.error().message;
    }
    static_cast<void>(member());  // the group's cursor
    auto out = Producer::open(fabric_, "orders").value();
    for (std::uint64_t i = 0; i < kOrders; ++i) EXPECT_TRUE(out.publish("key", std::to_string(i)));
    for (const auto* name : {"orders", "effects"}) images_.emplace_back(*fabric_.topic(name).value());
  }

  ipc::crash::Notes& notes() override { return log_.notes(); }
  void begin_point() override {
    for (const auto& image : images_) image.restore();
    log_.reset();
  }
  void child() override {
    ipc::crash::Actor actor(log_.notes(), "");
    auto effects = producer();
    auto in = member();
    ipc::ClockPeer::hold(ConsumerPeer::clock(in));  // always the same way through its poll
    actor.begin();
    handle(in, effects);
    actor.end();
    _exit(0);
  }
  void meanwhile() override {
    auto effects = producer();
    auto in = member();
    const auto& map = in.topic().ring(0)->map();
    const bool done = testing::eventually([&] {
      handle(in, effects);
      return ipc::find_cursor(map, "billing")->position == kOrders;
    });
    if (!done) fault("the group did not get to the end");
  }
  void end_point() override {
    std::map<std::string, unsigned> found;
    auto all = Consumer::join(fabric_, "effects", {.start = {ipc::StartAt::Kind::earliest, 0}}).value();
    testing::read_all(all, [&](const Delivery& delivery) { ++found[to_string(delivery.event.envelope.id())]; });
    if (found.size() != kOrders * kSteps) fault(std::to_string(found.size()) + " effects");
    for (const auto& [id, times] : found)
      if (times != 1) fault("an effect is there " + std::to_string(times) + " times");
  }
  void fault(std::string text) override { log_.fault(text); }
  const std::vector<std::string>& faults() const override { return log_.faults(); }

 private:
  Producer producer() const { return Producer::open(fabric_, "effects", {.idempotent = true}).value(); }
  Consumer member() const {
    return Consumer::join(fabric_, "orders",
                          {.group = "billing",
                           .start = {ipc::StartAt::Kind::earliest, 0},
                           .ack = ack_,
                           .dedupe = true,
                           .lease_ns = kLeaseNs})
        .value();
  }
  void handle(Consumer& in, Producer& effects) {
    in.poll([&](const Delivery& delivery) {
      const Cause cause(delivery, "billing");
      for (std::uint64_t step = 0; step < kSteps; ++step) {
        const auto sent =
            effects.publish_within(as_bytes("key"), delivery.event.payload, kPatienceNs, cause.attributes(step));
        if (!sent) fault("an effect was not published: " + std::string(to_string(sent.outcome)));
      }
    });
    if (ack_ == AckMode::manual) in.ack();
  }

  AckMode ack_;
  testing::TempDir directory_;
  Fabric fabric_ = Fabric::open(directory_.path()).value();
  std::vector<Images> images_;
  FaultLog log_;
};

class EffectPoints : public ::testing::TestWithParam<std::tuple<AckMode, Mode>> {};

std::string name_of(const std::tuple<AckMode, Mode>& point) {
  return std::string(std::get<0>(point) == AckMode::manual ? "manual" : "automatic") +
         (std::get<1>(point) == Mode::kill ? "_kill" : "_stop");
}

TEST_P(EffectPoints, EveryInstruction) {
  EffectStage stage(std::get<0>(GetParam()));
  run_points(stage, {.name = name_of(GetParam()), .mode = std::get<1>(GetParam())});
}
INSTANTIATE_TEST_SUITE_P(Effect, EffectPoints,
                         ::testing::Combine(::testing::Values(AckMode::manual, AckMode::automatic),
                                            ::testing::Values(Mode::kill, Mode::stop)),
                         [](const auto& point) { return name_of(point.param); });

}  // namespace
}  // namespace fabric::crash
