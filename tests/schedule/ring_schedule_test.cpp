// Seeded schedules of the production code with forbidden outcomes. A failure names its seed: EVF_SCHEDULE_SEED=N runs it alone,
// EVF_SCHEDULES=N sets how many are run.

#include <cstdlib>
#include <map>
#include <set>

#include "ipc/cursor.hpp"
#include "tests/ipc/ring_fixture.hpp"
#include "tests/schedule/scheduler.hpp"

namespace fabric::ipc::testing {
namespace {

using SeededPublisher = BasicPublisher<Seeded>;
using SeededReader = BasicReader<Seeded>;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// What a record is: publisher number * 1000 + its count.
struct Ledger {
  std::set<std::uint64_t> attempted, published;
};

struct Seen {
  std::map<std::uint64_t, std::uint64_t> by_sequence;  // number delivered
  std::set<std::uint64_t> lost;                        // sequences told as lost
  std::uint64_t position = 0;
  bool damaged = false;
};

struct Scenario {
  const char* name;
  WriterMode writers = WriterMode::many;
  int publishers = 2, gating_readers = 2, observers = 0;
  std::uint64_t records = 14;     // each publisher's
  std::size_t batch = 1;
  bool take_over = false;         // one writer: publishers take the lease from each other by force
  bool kill = false;              // one publisher dies somewhere
  bool arena = false;
};

class Schedule {
 public:
  Schedule(std::shared_ptr<Ring> ring, const Scenario& scenario, std::uint64_t seed)
      : ring_(std::move(ring)), scenario_(scenario), scheduler_(seed) {}

  void execute() {
    const auto actors = static_cast<std::size_t>(scenario_.publishers);
    ledgers_.resize(actors);
    outs_.resize(actors);
    for (std::size_t i = 0; i < actors; ++i) scheduler_.add([this, i] { publish(i); });
    const auto readers = static_cast<std::size_t>(scenario_.gating_readers + scenario_.observers);
    seen_.resize(readers);
    for (std::size_t i = 0; i < readers; ++i) {
      const bool gating = i < static_cast<std::size_t>(scenario_.gating_readers);
      readers_.push_back(attach(gating, i));
      scheduler_.add([this, i] { read(i); });
    }
    if (scenario_.kill) {
      const auto doomed = scheduler_.random()() % actors;
      const auto when = 1 + scheduler_.random()() % 400;
      scheduler_.before_each_step([this, doomed, when] {
        if (scheduler_.steps() == when && !scheduler_.finished(doomed)) kill(doomed);
      });
    }
    const bool through = scheduler_.run(400'000);
    ASSERT_TRUE(through) << "somebody waits for somebody: " << state();
    audit();
  }

 private:
  SeededReader attach(bool gating, std::size_t number) {
    ReaderOptions options{.start = {StartAt::Kind::earliest, 0}};
    if (gating) options.cursor = CursorOptions{.name = "group" + std::to_string(number)};
    auto attached = SeededReader::attach(ring_, options);
    EXPECT_TRUE(attached.has_value()) << attached.error().message;
    return std::move(*attached);
  }

  std::string state() const {
    const auto& map = ring_->map();
    std::string text = "tail " + std::to_string(map.tail()) + ", head " + std::to_string(find_head(map)) + ", limit " +
                       std::to_string(GateWord::limit(map.control->gate.load()));
    for (const auto& in : readers_) text += ", reader at " + std::to_string(in.position()) + " acked " + std::to_string(in.acked());
    for (std::size_t i = 0; i < ledgers_.size(); ++i)
      text += ", publisher " + std::to_string(i) + (scheduler_.finished(i) ? " through" : killed_.contains(i) ? " killed" : " at work") +
              " with " + std::to_string(ledgers_[i].published.size());
    for (auto s = oldest_sequence(map); s < map.tail(); ++s) text += std::string("\n  ") + std::to_string(s) + " " + to_string(examine_slot(map, s));
    return text;
  }

  bool publishers_are_through() const {
    for (std::size_t i = 0; i < ledgers_.size(); ++i)
      if (!scheduler_.finished(i) && !killed_.contains(i)) return false;
    return true;
  }

  void kill(std::size_t actor) {
    scheduler_.kill(actor);
    killed_.insert(actor);
    if (lines_.contains(actor)) ring_->map().publishers[lines_[actor]].owner.store(dead_member(*ring_, static_cast<std::uint32_t>(4000 + actor)));
  }

  void publish(std::size_t me) {
    auto& [out, texts, payloads] = outs_[me];
    for (std::uint64_t next = 0; next < scenario_.records;) {
      if (!out) {
        auto attached = SeededPublisher::attach(ring_, {.take_over = scenario_.take_over});
        if (!attached) {
          ASSERT_EQ(attached.error().code, ErrorCode::busy) << attached.error().message;
          Scheduler::give_way();
          continue;
        }
        lines_[me] = attached->line();
        out = std::make_unique<SeededPublisher>(std::move(*attached));
      }
      const auto count = std::min<std::uint64_t>(scenario_.batch, scenario_.records - next);
      texts.clear();
      payloads.clear();
      for (std::uint64_t i = 0; i < count; ++i) {
        texts.push_back(numbered(me * 1000 + next + i, scenario_.arena && (next + i) % 2 == 0 ? 300 : 24));
        ledgers_[me].attempted.insert(me * 1000 + next + i);
      }
      for (const auto& text : texts) payloads.push_back(bytes_of(text));
      std::size_t published = 0;
      auto outcome = PublishOutcome::published;
      if (count == 1) {
        outcome = out->publish(payloads[0]);
        published = outcome == PublishOutcome::published ? 1 : 0;
      } else {
        outcome = out->publish_batch(payloads, published);
      }
      for (std::uint64_t i = 0; i < published; ++i) ledgers_[me].published.insert(me * 1000 + next + i);
      next += published;
      if (outcome == PublishOutcome::fenced) {
        out.reset();
      } else if (outcome != PublishOutcome::published) {
        ASSERT_TRUE(outcome == PublishOutcome::back_pressure || outcome == PublishOutcome::arena_full) << to_string(outcome);
        Scheduler::give_way();
      }
    }
  }

  void read(std::size_t me) {
    auto& in = readers_[me];
    auto& seen = seen_[me];
    for (;;) {
      const bool through = publishers_are_through();
      RecordView view;
      switch (in.next(view)) {
        case ReadOutcome::record:
          ASSERT_TRUE(seen.by_sequence.emplace(view.sequence, number_of(view.payload)).second) << "sequence twice";
          break;
        case ReadOutcome::lost:
          for (auto s = in.lost_range().first; s < in.lost_range().end; ++s) seen.lost.insert(s);
          break;
        case ReadOutcome::empty:
          if (through && in.position() >= find_head(ring_->map())) {
            seen.position = in.position();
            in.ack();
            return;
          }
          Scheduler::give_way();
          break;
        default: seen.damaged = true; return;
      }
      if (scheduler_.one_in(3)) {
        ASSERT_TRUE(in.ack());
      }
    }
  }

  void audit() {
    for (std::size_t r = 0; r < seen_.size(); ++r) {
      SCOPED_TRACE("reader " + std::to_string(r));
      const auto& seen = seen_[r];
      const bool gating = r < static_cast<std::size_t>(scenario_.gating_readers);
      ASSERT_FALSE(seen.damaged) << "a torn record was believed or reported";
      std::map<std::uint64_t, int> times;
      std::map<std::uint64_t, std::uint64_t> last;
      for (const auto& [sequence, number] : seen.by_sequence) {
        ++times[number];
        const auto who = number / 1000;
        ASSERT_TRUE(ledgers_[who].attempted.contains(number)) << number << " was never published";
        ASSERT_TRUE(!last.contains(who) || last[who] < number) << "publisher " << who << " out of order at " << number;
        last[who] = number;
      }
      for (const auto& [number, count] : times) ASSERT_EQ(count, 1) << number << " was delivered twice";
      if (gating) {
        ASSERT_TRUE(seen.lost.empty());
        for (const auto& ledger : ledgers_)
          for (const auto number : ledger.published) ASSERT_TRUE(times.contains(number)) << number << " was published and is lost";
      }
      agree(seen);
    }
  }

  // Every reader sees the same record, or none, at each sequence that it was not told as lost.
  void agree(const Seen& seen) {
    for (const auto& other : seen_) {
      for (const auto& [sequence, number] : other.by_sequence) {
        if (seen.lost.contains(sequence) || sequence >= seen.position) continue;
        const auto here = seen.by_sequence.find(sequence);
        ASSERT_TRUE(here != seen.by_sequence.end()) << "readers disagree about sequence " << sequence;
        ASSERT_EQ(here->second, number);
      }
    }
  }

  std::shared_ptr<Ring> ring_;
  const Scenario& scenario_;
  Scheduler scheduler_;
  // On no actor's stack: what a killed one holds is destroyed with the schedule, after the audit.
  struct Outgoing {
    std::unique_ptr<SeededPublisher> publisher;
    std::vector<std::string> texts;
    std::vector<std::span<const std::byte>> payloads;
  };
  std::vector<Outgoing> outs_;
  std::vector<Ledger> ledgers_;
  std::vector<Seen> seen_;
  std::vector<SeededReader> readers_;
  std::map<std::size_t, std::uint32_t> lines_;
  std::set<std::size_t> killed_;
};

constexpr Scenario kScenarios[] = {
    {.name = "many_single"},
    {.name = "many_batches", .records = 24, .batch = 5},
    {.name = "many_kill", .publishers = 3, .kill = true},
    {.name = "many_batches_kill", .records = 24, .batch = 4, .kill = true},
    {.name = "many_overrun", .gating_readers = 0, .observers = 2, .records = 30},
    {.name = "many_mixed_kill", .publishers = 3, .gating_readers = 1, .observers = 1, .kill = true},
    {.name = "many_arena_kill", .records = 10, .kill = true, .arena = true},
    {.name = "one_take_over", .writers = WriterMode::one, .take_over = true},
    {.name = "one_take_over_kill", .writers = WriterMode::one, .publishers = 3, .take_over = true, .kill = true},
    {.name = "one_take_over_overrun", .writers = WriterMode::one, .gating_readers = 0, .observers = 2, .records = 30, .take_over = true},
    {.name = "one_batches_take_over_kill", .writers = WriterMode::one, .records = 24, .batch = 5, .take_over = true, .kill = true},
};

class RingScheduleTest : public RingFixture, public ::testing::WithParamInterface<Scenario> {};

INSTANTIATE_TEST_SUITE_P(Scenarios, RingScheduleTest, ::testing::ValuesIn(kScenarios),
                         [](const auto& scenario) { return std::string(scenario.param.name); });

TEST_P(RingScheduleTest, NoForbiddenOutcome) {
  options.writers = GetParam().writers;
  options.void_after_ns = 0;
  if (GetParam().arena) {
    options.arena_bytes = 4096;
    options.arena_block_bytes = 256;
  }
  const auto first = from_environment("EVF_SCHEDULE_SEED", 1);
  const auto schedules = std::getenv("EVF_SCHEDULE_SEED") != nullptr ? 1 : from_environment("EVF_SCHEDULES", 1500);
  for (auto seed = first; seed < first + schedules; ++seed) {
    SCOPED_TRACE("EVF_SCHEDULE_SEED=" + std::to_string(seed));
    std::remove(path().c_str());
    Schedule(make_ring(), GetParam(), seed).execute();
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

}  // namespace
}  // namespace fabric::ipc::testing
