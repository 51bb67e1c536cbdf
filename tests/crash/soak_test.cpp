// Hours of kills, stops and resumes in small: EVF_SOAK_SECONDS for more, EVF_SEED for another run of the same kind.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/crash/soak.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::ipc::crash {
namespace {

constexpr std::uint64_t kRoundNs = 2'000'000'000;
const std::vector<std::string> kGroups{"billing", "audit"};

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Worker {
  pid_t pid = -1;
  std::string group, ledger_path;  // group empty: a publisher
  bool stopped = false, overtaken = false;
  std::uint64_t resume_at_ns = 0;
};

// One ring, its workers, and the hand that kills them.
class Round {
 public:
  Round(WriterMode writers, std::uint64_t seed) : writers_(writers), random_(seed) {
    const RingOptions options{.writers = writers,
                              .slot_count = 64,
                              .slot_bytes = 64,
                              .arena_bytes = 32 << 10,
                              .arena_block_bytes = 256,
                              .max_publishers = 16,
                              .max_cursors = 8};
    EXPECT_TRUE(RingFile::create(ring_path(), options).has_value());
    stop_ =
        new (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<bool>(false);
  }
  ~Round() {
    for (auto& worker : workers_) end(worker);
    ::munmap(stop_, 4096);
  }

  void run() {
    for (const auto& group : kGroups) start(group, false);
    for (int i = 0; i < 3; ++i) start("", false);
    const auto until = monotonic_ns() + kRoundNs;
    while (monotonic_ns() < until && !::testing::Test::HasFailure()) {
      ::usleep(static_cast<useconds_t>(random_() % 6000));
      tend();
      disturb();
    }
    finish();
  }

  std::uint64_t kills() const noexcept { return kills_; }
  std::uint64_t stops() const noexcept { return stops_; }
  std::uint64_t records() const noexcept { return records_; }

 private:
  std::string ring_path() const { return directory_.path() + "/ring"; }

  void start(const std::string& group, bool force) {
    ++incarnation_;
    Worker worker{.group = group, .ledger_path = directory_.path() + "/ledger" + std::to_string(incarnation_)};
    const WorkerOrder order{.ring_path = ring_path(),
                            .ledger_path = worker.ledger_path,
                            .group = group,
                            .incarnation = incarnation_,
                            .force = force,
                            .stop = stop_};
    worker.pid = ::fork();
    if (worker.pid == 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a worker never outlives the test
    if (worker.pid == 0) _exit(group.empty() ? run_publisher(order) : run_consumer(order));
    workers_.push_back(worker);
  }

  void end(Worker& worker) {
    if (worker.pid <= 0) return;
    ::kill(worker.pid, SIGKILL);
    ::waitpid(worker.pid, nullptr, 0);
    worker.pid = -1;
  }

  void resume(Worker& worker) {
    worker.stopped = false;
    ::kill(worker.pid, SIGCONT);
  }

  std::vector<std::size_t> alive() const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < workers_.size(); ++i)
      if (workers_[i].pid > 0) found.push_back(i);
    return found;
  }

  // Wakes whom it is time to wake, replaces who left (fenced).
  void tend() {
    for (const auto i : alive()) {
      int status = 0;
      if (::waitpid(workers_[i].pid, &status, WNOHANG) == workers_[i].pid) {
        workers_[i].pid = -1;
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
            << "worker " << i + 1 << " ended with status " << status;
        if (!workers_[i].overtaken) start(workers_[i].group, false);
      } else if (workers_[i].stopped && monotonic_ns() > workers_[i].resume_at_ns) {
        resume(workers_[i]);
      }
    }
  }

  void disturb() {
    const auto candidates = alive();
    const auto victim = candidates[random_() % candidates.size()];
    if (workers_[victim].stopped || random_() % 3 != 0) {
      ++kills_;
      end(workers_[victim]);
      if (!workers_[victim].overtaken) start(workers_[victim].group, false);
      return;
    }
    ++stops_;
    ::kill(workers_[victim].pid, SIGSTOP);
    ::waitpid(workers_[victim].pid, nullptr, WUNTRACED);
    workers_[victim].stopped = true;
    workers_[victim].resume_at_ns = monotonic_ns() + random_() % 30'000'000;
    // Somebody takes over by force what the stopped one holds; it will find itself fenced.
    const bool owner = !workers_[victim].group.empty() || writers_ == WriterMode::one;
    if (owner && !workers_[victim].overtaken && random_() % 2 == 0) {
      workers_[victim].overtaken = true;
      start(workers_[victim].group, true);
    }
  }

  // Publishers stop, consumers read to the end; then one more reader per group takes what a killed one has left.
  void finish() {
    stop_->store(true);
    for (const auto i : alive()) {
      if (workers_[i].stopped) resume(workers_[i]);
      int status = 0;
      ::waitpid(workers_[i].pid, &status, 0);
      workers_[i].pid = -1;
      EXPECT_EQ(status, 0) << "worker " << i + 1;
    }
    stop_->store(false);
    for (const auto& group : kGroups) start(group, true);
    ::usleep(100'000);
    stop_->store(true);
    for (const auto i : alive()) {
      int status = 0;
      ::waitpid(workers_[i].pid, &status, 0);
      workers_[i].pid = -1;
      EXPECT_EQ(status, 0) << "last reader of " << workers_[i].group;
    }
    audit();
  }

  void audit() {
    std::vector<WorkerLog> logs;
    for (const auto& worker : workers_) {
      logs.push_back(
          {.group = worker.group, .entries = Ledger::read(worker.ledger_path), .overtaken = worker.overtaken});
      for (const auto& entry : logs.back().entries) records_ += entry.kind == EntryKind::acknowledged;
    }
    for (const auto& fault : audit_ledgers(logs, kGroups)) ADD_FAILURE() << fault;
    EXPECT_GT(records_, 0U);
  }

  WriterMode writers_;
  std::mt19937_64 random_;
  fabric::testing::TempDir directory_;
  std::atomic<bool>* stop_;
  std::vector<Worker> workers_;
  std::uint64_t incarnation_ = 0, kills_ = 0, stops_ = 0, records_ = 0;
};

void soak(WriterMode writers) {
  const auto seed = setting("EVF_SEED", 1);
  const auto until = monotonic_ns() + setting("EVF_SOAK_SECONDS", 16) * 1'000'000'000 / 2;
  std::uint64_t rounds = 0, kills = 0, stops = 0, records = 0;
  while ((rounds == 0 || monotonic_ns() < until) && !::testing::Test::HasFailure()) {
    Round round(writers, seed * 1'000'003 + rounds++);
    round.run();
    kills += round.kills();
    stops += round.stops();
    records += round.records();
  }
  std::cout << "[   SOAK   ] seed " << seed << ": " << rounds << " rounds, " << kills << " kills, " << stops
            << " stops, " << records << " records acknowledged" << std::endl;
}

TEST(SoakTest, ManyWriters) { soak(WriterMode::many); }
TEST(SoakTest, OneWriter) { soak(WriterMode::one); }

}  // namespace
}  // namespace fabric::ipc::crash
