// R5 on a live ring: a process scribbles over the mapping that publishers and readers of all kinds are using. None of
// them may crash, hang, or deliver what is not a whole record; and when it is over, the fabric still works.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "ipc/clock.hpp"
#include "ipc/ring_reader.hpp"
#include "ipc/ring_writer.hpp"
#include "tests/hostile/actors.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::hostile {
namespace {

using namespace ipc;
using fabric::testing::Channel;
using fabric::testing::Child;

constexpr auto kDuration = std::chrono::seconds(4);
constexpr std::uint64_t kLongestCallNs = 15'000'000'000;  // on two busy cores under a sanitizer

struct Case {
  const char* name;
  WriterMode writers;
  std::uint64_t spared;  // bytes at the front of the file
};

// Without reaping it.
bool has_ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

class ScribbleTest : public ::testing::TestWithParam<Case> {
 protected:
  ScribbleTest() {
    void* memory = ::mmap(nullptr, sizeof(Stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    stage_ = new (memory) Stage;
  }
  ~ScribbleTest() override { ::munmap(stage_, sizeof(Stage)); }

  void create(const std::string& path) {
    RingOptions options{.slot_count = 64,
                        .slot_bytes = 128,
                        .arena_bytes = 4096,
                        .arena_block_bytes = 64,
                        .max_publishers = 6,
                        .max_cursors = 6};
    options.writers = GetParam().writers;
    options.void_after_ns = 100'000;
    const auto created = RingFile::create(path, options);
    ASSERT_TRUE(created.has_value()) << created.error().message;
  }

  struct Actor {
    const char* name;
    Beat* beat;
    std::unique_ptr<Child> child;
  };
  template <class Body>
  void start(const char* name, Body body) {
    auto* beat = &stage_->beats[actors_.size()];
    beat->at_ns.store(monotonic_ns());
    actors_.push_back({name, beat, std::make_unique<Child>([this, body, beat](const Channel&) {
                         return body(place_, *stage_, *beat);
                       })});
  }
  // Watches the heartbeats for as long; false: somebody does not come back.
  bool watch(std::chrono::milliseconds duration) {
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      for (const auto& actor : actors_) {
        const auto now = monotonic_ns();
        const auto at = actor.beat->at_ns.load();
        if (now > at && now - at > kLongestCallNs) {
          ADD_FAILURE() << actor.name << ": a call has not returned for " << (now - at) / 1'000'000 << " ms";
          return false;
        }
      }
    }
    return true;
  }
  void expect_all_come_back() {
    stage_->stop = true;
    for (auto& actor : actors_) {
      if (!fabric::testing::eventually([&] { return has_ended(actor.child->pid()); })) {
        ADD_FAILURE() << actor.name << " does not come back";
        continue;  // killed with its Child
      }
      EXPECT_EQ(actor.child->wait(), 0) << actor.name << " crashed";
      EXPECT_EQ(actor.beat->torn.load(), 0U) << actor.name;
      RecordProperty(actor.name, std::to_string(actor.beat->calls.load()) + " calls, " +
                                     std::to_string(actor.beat->good.load()) + " good, " +
                                     std::to_string(actor.beat->bad.load()) + " refused, longest " +
                                     std::to_string(actor.beat->longest_ns.load() / 1000) + " us");
      EXPECT_GT(actor.beat->calls.load(), 10U) << actor.name << " did nothing";
    }
  }
  // Publishes in one process and reads in this one, through a new ring of the same fabric.
  void expect_fabric_works() {
    const auto path = directory_.file("fresh");
    create(path);
    Child publishing([&](const Channel&) {
      const auto ring = Ring::attach(path, {});
      if (!ring) return 1;
      auto out = Publisher::attach(*ring);
      if (!out) return 2;
      for (std::uint64_t i = 0; i < 1000;) {
        const auto outcome = out->publish(std::as_bytes(std::span(&i, 1)));
        if (outcome == PublishOutcome::published)
          ++i;
        else if (outcome != PublishOutcome::back_pressure)
          return 3;
      }
      return 0;
    });
    const auto ring = Ring::attach(path, {});
    ASSERT_TRUE(ring.has_value()) << ring.error().message;
    auto in = Reader::attach(*ring, {.cursor = CursorOptions{.name = "group"}, .start = {StartAt::Kind::earliest, 0}});
    ASSERT_TRUE(in.has_value()) << in.error().message;
    std::uint64_t seen = in->position();
    EXPECT_TRUE(fabric::testing::eventually([&] {
      in->poll([&](const RecordView& view) { EXPECT_EQ(view.sequence, seen++); });
      in->ack();
      return seen == 1000;
    })) << seen;
    EXPECT_EQ(publishing.wait(), 0);
  }

  fabric::testing::TempDir directory_;
  Place place_{directory_.file("ring"), directory_.path()};
  Stage* stage_;
  std::vector<Actor> actors_;
};

INSTANTIATE_TEST_SUITE_P(Scribble, ScribbleTest,
                         ::testing::Values(Case{"many", WriterMode::many, kPage}, Case{"one", WriterMode::one, kPage},
                                           Case{"manyAndHeader", WriterMode::many, 0}),
                         [](const auto& mode) { return mode.param.name; });

TEST_P(ScribbleTest, NobodyCrashesHangsOrIsLiedTo) {
  create(place_.ring);
  start("publisher", run_publisher);
  start("second publisher", run_publisher);
  start("gating reader", run_gating_reader);
  start("overrunnable reader", run_overrunnable_reader);
  start("observer", run_observer);
  start("blocked reader", run_blocked_reader);
  start("event loop", run_event_loop);
  start("inspector", run_inspector);
  ASSERT_TRUE(watch(std::chrono::milliseconds(300)));
  const ScribbleOptions options{.seed = 77, .spared = GetParam().spared};
  start("scribbler", [options](const Place& place, const Stage& stage, Beat& beat) {
    return run_scribbler(place, options, stage, beat);
  });
  ASSERT_TRUE(watch(kDuration));
  expect_all_come_back();
  expect_fabric_works();
}

// What publish() is given is what is read, though somebody writes into the arena while the payload is copied there: the
// checksum is that of the caller's bytes.
TEST_P(ScribbleTest, ArenaScribbledOverWhileItIsFilled) {
  create(place_.ring);
  Child scribbling([&](const Channel&) {
    auto file = RingFile::attach(place_.ring, {.access = Access::read_write});
    if (!file) return 1;
    const auto bytes = file->map().arena_block_count * file->map().arena_block_bytes;
    for (std::uint32_t at = 0; !stage_->stop; at = (at + 997) % bytes)
      std::atomic_ref(reinterpret_cast<std::uint8_t&>(file->map().arena[at])).store(0xee, std::memory_order_relaxed);
    return 0;
  });
  const auto ring = Ring::attach(place_.ring, {});
  ASSERT_TRUE(ring.has_value()) << ring.error().message;
  auto out = Publisher::attach(*ring);
  auto in = Reader::attach(*ring);
  ASSERT_TRUE(out.has_value() && in.has_value());
  const std::vector<std::byte> payload(3000, std::byte{0x11});
  std::uint64_t good = 0, damaged = 0;
  const auto end = monotonic_ns() + 1'000'000'000;
  while (monotonic_ns() < end) {
    static_cast<void>(out->publish(payload));
    RecordView view;
    const auto outcome = in->next(view);
    damaged += outcome == ReadOutcome::damaged;
    if (outcome != ReadOutcome::record) continue;
    ++good;
    ASSERT_TRUE(std::equal(view.payload.begin(), view.payload.end(), payload.begin(), payload.end())) << good;
  }
  stage_->stop = true;
  EXPECT_EQ(scribbling.wait(), 0);
  EXPECT_GT(damaged, 0U) << "nothing was ever scribbled over";
}

}  // namespace
}  // namespace fabric::hostile
