// A ring with SyncMode::always and a power loss: what was written back is on the disk, and of the rest nothing is.
//
// The disk is a copy of the file to which every msync brings the pages that it names.

#include <cstring>

#include "ipc/repair.hpp"
#include "ipc/verdict.hpp"
#include "tests/ipc/msync_hook.hpp"
#include "tests/ipc/ring_bytes.hpp"
#include "tests/ipc/ring_fixture.hpp"

namespace fabric::ipc::testing {
namespace {

struct StopsBeforeCommit : FreeRunning {
  static inline std::function<void()> at_commit;
  static void point(Step step) noexcept {
    if (step == Step::commit && at_commit) std::exchange(at_commit, nullptr)();
  }
};
using StoppedPublisher = BasicPublisher<StopsBeforeCommit>;

class PowerLoss : public RingFixture {
 protected:
  PowerLoss() { options.sync = SyncMode::always; }
  ~PowerLoss() override { on_msync = nullptr; }

  void put_on_disk(const RingMap& map) {
    disk_ = read_bytes(path());
    written_.clear();
    on_msync = [this, base = map.base](void* address, std::size_t bytes) {
      const auto first = static_cast<std::size_t>(static_cast<std::byte*>(address) - base) / kPage;
      const auto last = (first * kPage + bytes - 1) / kPage;
      for (auto page = first; page <= last; ++page) {
        std::memcpy(disk_.data() + page * kPage, base + page * kPage, kPage);
        written_.push_back(page);
      }
    };
  }
  void lose_power() {
    on_msync = nullptr;
    seal_boots(disk_, {1, 2, 3});
    write_bytes(path(), disk_);
  }
  bool is_written(const RingMap& map, std::uint64_t sequence) const {
    const auto* place = reinterpret_cast<const std::byte*>(&map.verdict(sequence));
    return std::count(written_.begin(), written_.end(), static_cast<std::size_t>(place - map.base) / kPage) != 0;
  }
  std::vector<std::uint64_t> replay_recovered() {
    const auto recovered = recover_ring(path());
    EXPECT_TRUE(recovered) << recovered.error().message;
    auto in = observer(attach());
    return drain(in);
  }

  Bytes disk_;
  std::vector<std::size_t> written_;
};

// Publishes record 7, which is declared void between its words and its commit; `as_reader` voids sequence 0.
PublishOutcome publish_what_is_voided(StoppedPublisher& out, std::function<void()> as_reader) {
  StopsBeforeCommit::at_commit = std::move(as_reader);
  return out.publish(bytes_of(numbered(7)));
}

TEST_F(PowerLoss, AVoidRecordDoesNotComeBack) {
  auto ring = make_ring();
  auto out = StoppedPublisher::attach(ring);
  ASSERT_TRUE(out);
  put_on_disk(ring->map());
  ASSERT_EQ(publish_what_is_voided(*out, [&] { void_range(ring->map(), 0, 1); }), PublishOutcome::published);
  auto live = observer(ring);
  EXPECT_EQ(drain(live), std::vector<std::uint64_t>{7});
  lose_power();
  EXPECT_EQ(replay_recovered(), std::vector<std::uint64_t>{7}) << "R1: a replay sees what was seen live";
}

// The voider is killed before it has written its verdict back: the loser does it, before it publishes again.
TEST_F(PowerLoss, NorDoesOneWhoseVoiderWasKilled) {
  auto ring = make_ring();
  auto out = StoppedPublisher::attach(ring);
  ASSERT_TRUE(out);
  put_on_disk(ring->map());
  const auto void_and_die = [&] {
    const auto& map = ring->map();
    raise_horizon(*map.control, 1);
    ASSERT_TRUE(open_verdict(map, 0, Fate::contested));
    settle_fenced(map, 0, load_verdict(map, 0));
  };
  ASSERT_EQ(publish_what_is_voided(*out, void_and_die), PublishOutcome::published);
  ASSERT_TRUE(says_void(load_verdict(ring->map(), 0), 1));
  lose_power();
  EXPECT_EQ(replay_recovered(), std::vector<std::uint64_t>{7});
}

TEST_F(PowerLoss, WhoDecidesAVoidWritesItBack) {
  auto ring = make_ring();
  const auto& map = ring->map();
  const auto last = map.slot_count - 1;
  map.control->tail.store(map.slot_count + 2);
  put_on_disk(map);
  void_range(map, last, last + 3);  // round the end of the table
  for (auto s = last; s < last + 3; ++s) {
    EXPECT_TRUE(says_void(load_verdict(map, s), map.lap(s)));
    EXPECT_TRUE(is_written(map, s));
  }
  written_.clear();
  map.control->tail.store(map.slot_count + 3);
  raise_horizon(*map.control, map.slot_count + 3);
  ASSERT_TRUE(open_verdict(map, map.slot_count + 2, Fate::contested));
  settle(map, map.slot_count + 2);
  EXPECT_TRUE(is_written(map, map.slot_count + 2));
}

TEST_F(PowerLoss, WithoutSyncNothingIsWrittenBack) {
  for (const auto mode : {SyncMode::none, SyncMode::async}) {
    std::remove(path().c_str());
    options.sync = mode;
    auto ring = make_ring();
    ring->map().control->tail.store(1);
    put_on_disk(ring->map());
    void_range(ring->map(), 0, 1);
    EXPECT_TRUE(written_.empty());
  }
}

}  // namespace
}  // namespace fabric::ipc::testing
