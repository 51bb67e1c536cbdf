// One conformance suite for every way of waiting, and what is special to those that sleep in the kernel.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "ipc/event_handle.hpp"
#include "tests/ipc/ring_fixture.hpp"
#include "tests/support/child.hpp"

namespace fabric::ipc::testing {
namespace {

using fabric::testing::Channel;
using fabric::testing::Child;

constexpr std::uint64_t kSecond = 1'000'000'000;

// What a strategy is to a reader: pass the time until the next poll is worth while.
class Waiter {
 public:
  virtual ~Waiter() = default;
  virtual void delivered(std::uint64_t records) = 0;
  virtual void wait(const WaitTarget& target) = 0;
};

template <WaitStrategy strategy>
class IdlerWaiter : public Waiter {
 public:
  void delivered(std::uint64_t records) override { idler_.delivered(records); }
  void wait(const WaitTarget& target) override { idler_.idle({&target, 1}, kSecond); }

 private:
  Idler idler_{strategy};
};

class EventHandleWaiter : public Waiter {
 public:
  void delivered(std::uint64_t) override {}
  void wait(const WaitTarget& target) override {
    handle_.arm({&target, 1});
    pollfd wanted{.fd = handle_.descriptor(), .events = POLLIN, .revents = 0};
    ::poll(&wanted, 1, 1000);
    handle_.clear();
  }

 private:
  EventHandle handle_ = *EventHandle::create();
};

template <class T>
std::unique_ptr<Waiter> make() { return std::make_unique<T>(); }

struct Way {
  const char* name;
  std::unique_ptr<Waiter> (*make)();
};

class WaitingTest : public RingFixture, public ::testing::WithParamInterface<std::tuple<Way, WriterMode>> {
 protected:
  WaitingTest() {
    options.writers = std::get<1>(GetParam());
    options.slot_count = 64;
  }
  std::unique_ptr<Waiter> waiter() { return std::get<0>(GetParam()).make(); }
};

INSTANTIATE_TEST_SUITE_P(
    Ways, WaitingTest,
    ::testing::Combine(::testing::Values(Way{"spin", make<IdlerWaiter<WaitStrategy::spin>>},
                                         Way{"yield", make<IdlerWaiter<WaitStrategy::yield>>},
                                         Way{"back_off", make<IdlerWaiter<WaitStrategy::back_off>>},
                                         Way{"block", make<IdlerWaiter<WaitStrategy::block>>},
                                         Way{"event_handle", make<EventHandleWaiter>}),
                       ::testing::Values(WriterMode::one, WriterMode::many)),
    [](const auto& way) {
      return std::string(std::get<0>(way.param).name) + (std::get<1>(way.param) == WriterMode::one ? "_one" : "_many");
    });

// A child publishes `records`, each only after the one before was received: every one is waited for.
TEST_P(WaitingTest, EveryRecordIsWaitedForAndComes) {
  make_ring();
  auto ring = attach();
  auto in = reader(ring, {.name = "group"});
  constexpr std::uint64_t kRecords = 200;
  Child child([this](const Channel& channel) {
    auto out = publisher(attach());
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      if (i % 20 == 19) ::usleep(3000);  // long enough for the reader to have gone to sleep; correctness does not rest on it
      if (out.publish(bytes_of(numbered(i))) != PublishOutcome::published) return 1;
      channel.hear();
    }
    return 0;
  });
  auto way = waiter();
  std::uint64_t seen = 0;
  const auto until = monotonic_ns() + 60 * kSecond;
  while (seen < kRecords && monotonic_ns() < until) {
    const auto result = in.poll([&](const RecordView& view) { EXPECT_EQ(number_of(view.payload), seen++); });
    in.ack();
    if (result.records == 0) {
      way->wait(in.wait_target());
      continue;
    }
    way->delivered(result.records);
    for (std::uint64_t i = 0; i < result.records; ++i) child.tell(1);
  }
  EXPECT_EQ(seen, kRecords);
  EXPECT_EQ(child.wait(), 0);
}

TEST_P(WaitingTest, WhatIsThereAlreadyIsNotSleptThrough) {
  auto ring = make_ring();
  auto in = reader(ring, {.name = "group"});
  auto out = publisher(ring);
  ASSERT_EQ(out.publish(bytes_of(numbered(1))), PublishOutcome::published);
  auto way = waiter();
  const auto since = monotonic_ns();
  for (int i = 0; i < 400; ++i) way->wait(in.wait_target());
  EXPECT_LT(monotonic_ns() - since, 100 * kSecond) << "each of 400 waits would have lasted a second";
  EXPECT_EQ(drain(in).size(), 1U);
}

class SleepTest : public RingFixture {};

// Committed, and its publisher gone before it looked for sleepers a second time: the reader must not sleep for good.
TEST_F(SleepTest, RecordOfAPublisherThatDiedBeforeWakingIsFound) {
  auto ring = make_ring();
  auto in = reader(ring, {.name = "group"});
  {
    auto out = publisher(ring);
    ASSERT_EQ(out.publish(bytes_of(numbered(1))), PublishOutcome::published);
  }
  auto& line = ring->map().publishers[0];
  auto& word = ring->map().slot(0).word;
  const auto committed = word.load();
  word.store(0);
  ring->map().control->tail.store(0);
  line.owner.store(ring->member());
  line.intent.store(IntentWord::make(0, 1, true));
  std::thread sleeper([&] {
    Idler idler(WaitStrategy::block);
    RecordView view;
    while (in.next(view) != ReadOutcome::record) {
      const auto target = in.wait_target();
      idler.idle({&target, 1}, 3600 * kSecond);
    }
  });
  while ((ring->map().control->sleep.load() >> 32) == 0) std::this_thread::yield();
  word.store(committed);  // and nobody calls wake_sleepers()
  ring->map().control->tail.store(1);
  sleeper.join();
  EXPECT_EQ(in.position(), 1U);
}

TEST_F(SleepTest, SleepEndsByCancel) {
  auto ring = make_ring();
  auto in = reader(ring, {.name = "group"});
  std::atomic<bool> cancel{false};
  std::thread sleeper([&] {
    const auto target = in.wait_target();
    while (!cancel.load()) sleep_on({&target, 1}, 3600 * kSecond, 3600 * kSecond, &cancel);
  });
  while ((ring->map().control->sleep.load() >> 32) == 0) std::this_thread::yield();
  cancel.store(true);
  wake_sleepers(*ring->map().control);
  sleeper.join();
}

TEST_F(SleepTest, ManyRingsAtOnce) {
  std::vector<std::shared_ptr<Ring>> rings;
  std::vector<Reader> readers;
  std::vector<WaitTarget> targets;
  for (int i = 0; i < 40; ++i) {
    const auto file = path() + std::to_string(i);
    ASSERT_TRUE(RingFile::create(file, options).has_value());
    rings.push_back(*Ring::attach(file, {.members_directory = directory()}));
    readers.push_back(reader(rings.back(), {.name = "group"}));
  }
  for (const auto& in : readers) targets.push_back(in.wait_target());
  for (std::size_t i = 0; i < rings.size(); i += 13) {
    std::atomic<bool> woken{false};
    const auto tickets = rings[i]->map().control->sleep.load();
    std::thread sleeper([&] {
      while (!something_to_read(targets[i])) sleep_on(targets, 3600 * kSecond, 3600 * kSecond);
      woken.store(true);
    });
    while (rings[i]->map().control->sleep.load() == tickets && !woken.load()) std::this_thread::yield();
    auto out = publisher(rings[i]);
    ASSERT_EQ(out.publish(bytes_of(numbered(i))), PublishOutcome::published);
    sleeper.join();
    EXPECT_TRUE(woken.load());
  }
}

// From here on the kernel kills the process at any system call but _exit. (Strict mode would also forbid the time-stamp counter.)
bool forbid_system_calls() {
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
  const sock_fprog filter{.len = 4, .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// R9: the kernel kills the child at its first system call between the two marks.
class NoSystemCallTest : public RingFixture, public ::testing::WithParamInterface<WriterMode> {};
INSTANTIATE_TEST_SUITE_P(Writers, NoSystemCallTest, ::testing::Values(WriterMode::one, WriterMode::many),
                         [](const auto& mode) { return mode.param == WriterMode::one ? "one" : "many"; });

TEST_P(NoSystemCallTest, PublishAndPollMakeNone) {
  options.writers = GetParam();
  options.arena_bytes = 1 << 20;
  make_ring();
  Child child([this](const Channel&) {
    auto ring = attach();
    auto out = publisher(ring);
    auto in = reader(ring, {.name = "group"});
    const auto small = numbered(1), large = numbered(2, 5000);
    const std::vector<std::span<const std::byte>> batch(5, bytes_of(small));
    if (!forbid_system_calls()) return 2;
    std::uint64_t sent = 0, seen = 0, failed = 0;
    RecordView view;
    for (int i = 0; i < 20'000; ++i) {
      std::size_t published = 0;
      sent += out.publish(i % 16 == 0 ? bytes_of(large) : bytes_of(small)) == PublishOutcome::published;
      if (i % 8 == 0) out.publish_batch(batch, published);
      sent += published;
      auto claim = out.claim(24);
      std::memset(claim.bytes().data(), 0, 24);
      failed += claim.commit(24) != PublishOutcome::published;
      sent += 1;
      while (in.next(view) == ReadOutcome::record) ++seen;
      in.ack();
    }
    ::syscall(SYS_exit_group, failed != 0 || sent != seen ? 3 : 0);  // not _exit(): AddressSanitizer makes a system call before it
    return 4;
  });
  EXPECT_EQ(child.wait(), 0) << "-31: killed by the kernel at a system call";
}

}  // namespace
}  // namespace fabric::ipc::testing
