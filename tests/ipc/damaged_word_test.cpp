// A claim on a slot whose word is damaged: what stands there is not the claimant's record, and passes for it with
// nobody.

#include <functional>
#include <utility>

#include "ipc/standing.hpp"
#include "ipc/verdict.hpp"
#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

struct StopsBehindClaim : FreeRunning {
  static inline std::function<void()> behind_claim;
  static void point(Step step) noexcept {
    if (step == Step::inspect && behind_claim) std::exchange(behind_claim, nullptr)();
  }
};

class DamagedWord : public RingFixture {
 protected:
  // Publishes record 7 on a damaged slot 0, and runs `behind_claim` before the word is looked at.
  PublishOutcome publish(Ring& ring, BasicPublisher<StopsBehindClaim>& out, std::function<void()> behind_claim) {
    ring.map().slot(0).word.fetch_xor(2);
    StopsBehindClaim::behind_claim = std::move(behind_claim);
    return out.publish(bytes_of(numbered(7)));
  }
};

TEST_F(DamagedWord, IsUnfinishedWhileAnIntentCoversIt) {
  auto ring = make_ring();
  auto out = BasicPublisher<StopsBehindClaim>::attach(ring);
  ASSERT_TRUE(out);
  const auto look = [&] { EXPECT_EQ(standing_of(*ring, 0), Standing::unfinished); };
  ASSERT_EQ(publish(*ring, *out, look), PublishOutcome::published);
  EXPECT_EQ(standing_of(*ring, 0), Standing::record);
  ring->map().slot(0).word.fetch_xor(2);
  EXPECT_EQ(standing_of(*ring, 0), Standing::record) << "damaged later: it was one";
}

// A reader that has reported damage and gone on does not come back for a record.
TEST_F(DamagedWord, ThatWasReportedIsLeftAlone) {
  auto ring = make_ring();
  auto out = BasicPublisher<StopsBehindClaim>::attach(ring);
  ASSERT_TRUE(out);
  ASSERT_EQ(publish(*ring, *out, [&] { void_range(ring->map(), 0, 1); }), PublishOutcome::published);
  auto in = observer(ring);
  RecordView view;
  EXPECT_EQ(in.next(view), ReadOutcome::damaged);
  ASSERT_EQ(in.next(view), ReadOutcome::record);
  EXPECT_EQ(view.sequence, 1U);
}

}  // namespace
}  // namespace fabric::ipc::testing
