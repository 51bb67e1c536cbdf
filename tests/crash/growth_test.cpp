// A grower that is killed or stopped at every instruction that changes shared words, while publishers, a group and another grower go on.
// Its files are there already; tests/fabric/growth_kill_test.cpp has what happens while they are made.

#include <unistd.h>

#include <array>
#include <numeric>
#include <optional>

#include "fabric/delivery/producer.hpp"
#include "fabric/topic_growth.hpp"
#include "ipc/cursor.hpp"
#include "tests/crash/fault_log.hpp"
#include "tests/crash/images.hpp"
#include "tests/crash/points.hpp"
#include "tests/fabric/delivery/held_time.hpp"
#include "tests/fabric/delivery/key_ledger.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::crash {
namespace {

using ipc::crash::Mode;

constexpr std::uint32_t kBase = 2;
constexpr std::uint64_t kKeys = 6;
constexpr std::uint64_t kTickNs = 1'100'000;

class GrowthStage : public ipc::crash::Stage {
 public:
  explicit GrowthStage(Mode mode) : mode_(mode), ledger_(kKeys) {
    fabric_.emplace(Fabric::open(directory_.path()).value());
    const ipc::RingOptions ring{.slot_count = 64, .slot_bytes = 128, .max_publishers = 4, .max_cursors = 3};
    EXPECT_TRUE(fabric_->create_topic({.name = "orders", .partitions = kBase, .ring = ring}).has_value());
    { auto group = Consumer::join(*fabric_, "orders", {.group = "group"}).value(); }
    publish(2);
    producer_.reset();
    for (auto partition = kBase; partition < 2 * kBase; ++partition) {
      auto options = ring;
      options.topic = "orders", options.partition = partition, options.partition_count = 2 * kBase;
      EXPECT_TRUE(ipc::RingFile::create(path(partition), options).has_value());
    }
    for (std::uint32_t partition = 0; partition < 2 * kBase; ++partition) {
      rings_.push_back(ipc::Ring::attach(path(partition), {.members_directory = directory_.path()}).value());
    }
    image_.emplace(rings_);
  }

  ipc::crash::Notes& notes() override { return log_.notes(); }
  void begin_point() override {
    member_.reset(), producer_.reset();
    image_->restore();
    published_.fill(2);
    ledger_.clear();
    log_.reset();
  }
  void child() override {
    ipc::crash::Actor actor(log_.notes(), "");
    const auto directory = TopicDirectory::open(directory_.path(), "orders").value();
    // Attached before: how long that takes depends on how many members there have been.
    Rings rings;
    for (std::uint32_t partition = 0; partition < 2 * kBase; ++partition)
      rings.push_back(ipc::Ring::attach(path(partition), {.members_directory = directory_.path()}).value());
    Growth growth(directory, "orders", directory_.path(), rings[0]->member(), rings);
    actor.begin();
    const auto done = growth.finish();
    actor.end();
    _exit(done ? 0 : 3);
  }
  void meanwhile() override {
    publish(2);
    member_.emplace(Consumer::join(*fabric_, "orders", {.group = "group"}).value());
    ipc::ClockPeer::hold(ConsumerPeer::clock(*member_));
    drain("before the second grower");
    publish(1);
    const auto done = fabric_->grow_topic("orders", 2 * kBase);
    if (!done) fault("the second grower: " + done.error().message);
    publish(2);
    drain("after the second grower");
  }
  void end_point() override {
    publish(1);
    drain("at the end");
    if (ledger_.faults() != 0) fault("records were left out, or a key's order was not kept");
    const auto info = fabric_->describe_topic("orders").value();
    if (info.partitions != 2 * kBase || info.growing) fault("it has not grown");
    for (const auto& ring : rings_) {
      const auto cursor = ipc::find_cursor(ring->map(), "group");
      if (!cursor || cursor->owner != ring->member()) fault("a partition is not the member's: " + ring->path());
      if (cursor && cursor->position != ring->map().tail()) fault("not everything is acked: " + ring->path());
      if (ipc::list_cursors(ring->map()).size() != 1) fault("there is a cursor too many: " + ring->path());
    }
  }
  void fault(std::string text) override { log_.fault(text); }
  const std::vector<std::string>& faults() const override { return log_.faults(); }

 private:
  std::string path(std::uint32_t partition) const { return fabric_->partition_path("orders", partition); }
  void publish(unsigned times) {
    if (!producer_) producer_.emplace(Producer::open(*fabric_, "orders").value());
    for (unsigned i = 0; i < times; ++i) {
      for (std::uint64_t key = 0; key < kKeys; ++key) {
        const auto done = producer_->publish(testing::KeyLedger::key(key), std::to_string(published_[key]));
        if (!done) fault(std::string("publish: ") + to_string(done.outcome));
        published_[key] += done ? 1 : 0;
      }
    }
  }
  void drain(const std::string& when) {
    const auto all = std::accumulate(published_.begin(), published_.end(), std::uint64_t{0});
    for (int i = 0; i < 200 && faults().empty(); ++i) {
      ipc::ClockPeer::advance(ConsumerPeer::clock(*member_), kTickNs);
      member_->poll([&](const Delivery& delivery) { ledger_.add(delivery); });
      member_->ack();
      if (ledger_.unique() == all && (mode_ == Mode::kill || i > 3)) return;
    }
    if (faults().empty()) fault(when + ": " + std::to_string(ledger_.unique()) + " of " + std::to_string(all) + " delivered");
  }

  Mode mode_;
  testing::TempDir directory_;
  std::optional<Fabric> fabric_;
  Rings rings_;
  std::optional<Images> image_;
  FaultLog log_;
  testing::KeyLedger ledger_;
  std::optional<Producer> producer_;
  std::optional<Consumer> member_;
  std::array<std::uint64_t, kKeys> published_{};
};

class GrowthSweepTest : public ::testing::TestWithParam<Mode> {};

TEST_P(GrowthSweepTest, EveryInstruction) {
  GrowthStage stage(GetParam());
  ipc::crash::run_points(stage, {.name = "grows", .mode = GetParam(), .budget_ms = 3000});
}
INSTANTIATE_TEST_SUITE_P(Growth, GrowthSweepTest, ::testing::Values(Mode::kill, Mode::stop),
                         [](const auto& point) { return point.param == Mode::kill ? "kill" : "stop"; });

}  // namespace
}  // namespace fabric::crash
