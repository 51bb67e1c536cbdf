// What the dedupe guard must not take for handled, and what must not get into its way.

#include "fabric/delivery/id_index.hpp"
#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::testing {
namespace {

class DedupeBreakTest : public FabricFixture {
 protected:
  using Handled = std::vector<std::string>;
  DedupeBreakTest() { create(small_topic("orders", 1)); }

  Consumer member(ConsumerOptions options = {}) const {
    options.group = "billing";
    options.dedupe = true;
    return consumer("orders", options);
  }
  static Handled poll(Consumer& consumer) {
    Handled handled;
    consumer.poll([&](const Delivery& delivery) { handled.push_back(to_string(delivery.event.envelope.id())); });
    return handled;
  }
  static void publish(Producer& producer, std::uint64_t first, std::uint64_t end) {
    for (auto i = first; i < end; ++i) ASSERT_TRUE(producer.publish("key", "1", {.id = "order-" + std::to_string(i)}));
  }
  std::uint64_t started() const {
    const auto ring = must(open().topic("orders"))->ring(0);
    const auto cursor = ipc::find_cursor(ring->map(), "billing");
    return ipc::PositionWord::sequence(ring->map().cursors[cursor->index].started.load());
  }
};

// A reader that was passed goes on some way behind the oldest record, to have room: what lies in between is retained,
// and was never handed out.
TEST_F(DedupeBreakTest, WhatWasLostIsNoReasonToLeaveAnythingOut) {
  auto out = producer("orders");
  std::uint64_t lost_until = 0;
  {
    auto in = member({.gating = false});
    publish(out, 0, 100);
    in.poll([](const Delivery&) {}, [&](const Gap& gap) { lost_until = gap.range.end; });
    while (!poll(in).empty()) {
    }
    ASSERT_TRUE(in.ack());
    ASSERT_GT(lost_until, 40U);
    publish(out, 40, 41);
    EXPECT_EQ(poll(in), Handled{"order-40"}) << "its record of before was lost";
    publish(out, 99, 100);
    EXPECT_EQ(poll(in), Handled{}) << "that one was handled";
    ASSERT_TRUE(in.ack());
  }
  publish(out, 41, 42);
  auto successor = member({.gating = false});
  EXPECT_EQ(poll(successor), Handled{"order-41"}) << "whoever takes the partition over knows it, too";
}

// Killed between the loss and the ack, the cursor stands where it stood.
TEST_F(DedupeBreakTest, WhoDiesBehindALossLeavesNothingThatPassesForHandled) {
  auto out = producer("orders");
  { auto in = member({.gating = false}); }
  publish(out, 0, 100);
  Child child([&](const Channel&) {
    auto in = member({.gating = false});
    in.poll([](const Delivery&) { ::raise(SIGKILL); });
    return 0;
  });
  ASSERT_EQ(child.wait(), -SIGKILL);
  EXPECT_GT(started(), 40U) << "before the position could ever move";
  publish(out, 40, 41);
  auto in = member({.gating = false});
  const auto handled = poll(in);
  EXPECT_EQ(std::count(handled.begin(), handled.end(), "order-40"), 1);
}

TEST_F(DedupeBreakTest, WhatIsToldOfARepeatMayThrowAndSettlesNothing) {
  auto out = producer("orders");
  bool throws = true;
  Consumer* self = nullptr;
  auto in = member({.on_repeat = [&](const Delivery& delivery, std::uint64_t) {
    EXPECT_FALSE(self->nack(delivery)) << "it is acked already";
    if (std::exchange(throws, false)) throw std::runtime_error("told");
  }});
  self = &in;
  publish(out, 0, 1);
  publish(out, 0, 1);
  EXPECT_THROW(in.poll([&](const Delivery& delivery) { in.ack(delivery); }), std::runtime_error);
  EXPECT_EQ(poll(in), Handled{});
  EXPECT_EQ(ipc::find_cursor(in.topic().ring(0)->map(), "billing")->position, 2U) << "nobody would ever ack it";
}

TEST_F(DedupeBreakTest, TheFirstIsTheFirst) {
  auto out = producer("orders");
  std::vector<std::uint64_t> firsts;
  auto in = member({.on_repeat = [&](const Delivery&, std::uint64_t first) { firsts.push_back(first); }});
  for (int i = 0; i < 4; ++i) publish(out, 7, 8);
  EXPECT_EQ(poll(in), Handled{"order-7"});
  EXPECT_EQ(firsts, (std::vector<std::uint64_t>{0, 0, 0}));
}

}  // namespace
}  // namespace fabric::testing
