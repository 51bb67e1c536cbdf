#include "tests/crash/soak.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <random>
#include <set>

namespace fabric::ipc::crash {
namespace {

void nap_us(long us) {
  const timespec time{0, us * 1000};
  ::nanosleep(&time, nullptr);
}

int complain(const WorkerOrder& order, const std::string& why) {
  std::fprintf(stderr, "worker %llu (%s): %s\n", static_cast<unsigned long long>(order.incarnation),
               order.group.empty() ? "publisher" : order.group.c_str(), why.c_str());
  return 1;
}

struct OwnerPeer : Reader {
  static std::uint64_t generation(Reader& of) noexcept { return CursorWord::generation((of.*&OwnerPeer::owned_).state_word); }
};

// Sequence -> number, as seen by all; and what was seen by one group.
struct Seen {
  std::map<std::uint64_t, std::uint64_t> at;
  std::map<std::string, std::set<std::uint64_t>> numbers;
};

class Auditor {
 public:
  std::vector<std::string> faults;

  void fault(const std::string& text) {
    if (faults.size() < 10) faults.push_back(text);
  }

  // `successor_at`: where the next owner of the cursor began. It may be behind the last `acked` entry: killed between the two.
  void add_consumer(const WorkerLog& log, std::uint64_t successor_at) {
    std::uint64_t last = 0;
    bool any = false;
    auto& acked = acked_[log.group];
    for (const auto& entry : log.entries) {
      if (entry.kind == EntryKind::acked) {
        acked = std::max(acked, entry.sequence);
        continue;
      }
      if (entry.kind == EntryKind::took) {
        if (entry.sequence < acked) fault(log.group + ": begins at " + std::to_string(entry.sequence) + ", although " + std::to_string(acked) + " was acked");
        continue;
      }
      if (log.overtaken && entry.sequence >= successor_at) continue;
      if (any && entry.sequence <= last)
        fault(log.group + ": " + std::to_string(entry.sequence) + " after " + std::to_string(last));
      any = true;
      last = entry.sequence;
      const auto [place, fresh] = seen_.at.try_emplace(entry.sequence, entry.number);
      if (!fresh && place->second != entry.number)
        fault("two records at sequence " + std::to_string(entry.sequence) + ": " + std::to_string(place->second) +
              ", " + std::to_string(entry.number));
      seen_.numbers[log.group].insert(entry.number);
    }
  }

  void check_publisher(const WorkerLog& log, const std::vector<std::string>& groups) {
    for (const auto& entry : log.entries) {
      if (entry.kind == EntryKind::attempt) attempted_.insert(entry.number);
      if (entry.kind != EntryKind::acknowledged) continue;
      for (const auto& group : groups)
        if (!seen_.numbers[group].contains(entry.number))
          fault(group + " never saw acknowledged record " + std::to_string(entry.number));
      const auto place = seen_.at.find(entry.sequence);
      if (place == seen_.at.end() || place->second != entry.number)
        fault("record " + std::to_string(entry.number) + " is not at sequence " + std::to_string(entry.sequence));
    }
  }

  void check_whole() {
    std::map<std::uint64_t, std::uint64_t> last;
    for (const auto& [sequence, number] : seen_.at) {
      if (!attempted_.contains(number)) fault("record " + std::to_string(number) + " was never attempted");
      auto& before = last[number >> 32];
      if (number <= before) fault("record " + std::to_string(number) + " came after " + std::to_string(before));
      before = number;
    }
  }

 private:
  Seen seen_;
  std::set<std::uint64_t> attempted_;
  std::map<std::string, std::uint64_t> acked_;
};

}  // namespace

Ledger::Ledger(const std::string& path)
    : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
Ledger::~Ledger() { ::close(file_); }

void Ledger::append(EntryKind kind, std::uint64_t number, std::uint64_t sequence) const {
  const Entry entry{kind, number, sequence};
  if (::write(file_, &entry, sizeof entry) != sizeof entry) std::abort();
}

std::vector<Entry> Ledger::read(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || ::fstat(file, &status) != 0) return {};
  std::vector<Entry> entries(static_cast<std::size_t>(status.st_size) / sizeof(Entry));
  const auto bytes = ::read(file, entries.data(), entries.size() * sizeof(Entry));
  ::close(file);
  if (bytes != static_cast<ssize_t>(entries.size() * sizeof(Entry))) std::abort();
  return entries;
}

std::vector<std::string> audit_ledgers(const std::vector<WorkerLog>& logs, const std::vector<std::string>& groups) {
  Auditor auditor;
  for (const auto& group : groups) {
    std::map<std::uint64_t, const WorkerLog*> owners;  // in the order in which they took the cursor
    for (const auto& log : logs)
      if (log.group == group && !log.entries.empty()) owners.emplace(log.entries.front().number, &log);
    for (auto owner = owners.begin(); owner != owners.end(); ++owner) {
      const auto next = std::next(owner);
      const auto end = next == owners.end() ? ~std::uint64_t{0} : next->second->entries.front().sequence;
      auditor.add_consumer(*owner->second, end);
    }
  }
  for (const auto& log : logs)
    if (log.group.empty()) auditor.check_publisher(log, groups);
  auditor.check_whole();
  return auditor.faults;
}

int run_publisher(const WorkerOrder& order) {
  const Ledger ledger(order.ledger_path);
  auto ring = Ring::attach(order.ring_path);
  if (!ring) return complain(order, ring.error().message);
  std::optional<Publisher> out;
  while (!out && !order.stop->load()) {
    auto attached = Publisher::attach(*ring, {.take_over = order.force});
    if (attached) {
      out.emplace(std::move(*attached));
    } else if (attached.error().code != ErrorCode::busy) {
      return complain(order, attached.error().message);
    } else {
      nap_us(300);
    }
  }
  std::mt19937_64 random(order.incarnation);
  std::array<std::byte, kArenaBytes> payload;
  for (std::uint64_t count = 1; !order.stop->load(); ++count) {
    const auto number = order.incarnation << 32 | count;
    const auto bytes = std::span(payload).first(random() % 4 == 0 ? kArenaBytes : kInlineBytes);
    fill_payload(bytes, number);
    ledger.append(EntryKind::attempt, number, 0);
    std::uint64_t sequence = 0;
    PublishOutcome outcome;
    while (((outcome = out->publish(bytes, {.sequence = &sequence})) == PublishOutcome::back_pressure ||
            outcome == PublishOutcome::arena_full) &&
           !order.stop->load())
      nap_us(20);
    if (outcome == PublishOutcome::fenced) return 0;
    if (outcome == PublishOutcome::published) {
      ledger.append(EntryKind::acknowledged, number, sequence);
    } else if (!order.stop->load()) {
      return complain(order, to_string(outcome));
    }
    if (random() % 8 == 0) nap_us(static_cast<long>(random() % 200));
  }
  return 0;
}

int run_consumer(const WorkerOrder& order) {
  const Ledger ledger(order.ledger_path);
  auto ring = Ring::attach(order.ring_path);
  if (!ring) return complain(order, ring.error().message);
  std::optional<Reader> in;
  while (!in && !order.stop->load()) {
    auto attached = Reader::attach(*ring, {.cursor = CursorOptions{.name = order.group, .take_over = order.force},
                                           .start = {StartAt::Kind::earliest, 0}});
    if (attached) {
      in.emplace(std::move(*attached));
    } else if (attached.error().code != ErrorCode::busy) {
      return complain(order, attached.error().message);
    } else {
      nap_us(300);
    }
  }
  if (in) ledger.append(EntryKind::took, OwnerPeer::generation(*in), in->position());
  std::mt19937_64 random(order.incarnation);
  RecordView view;
  bool stopping = false;
  while (in) {
    const auto outcome = in->next(view);
    if (outcome == ReadOutcome::record) {
      const auto number = number_in(view.payload);
      ledger.append(EntryKind::saw, number.value_or(0), view.sequence);
      if (random() % 8 != 0) continue;
    } else if (outcome == ReadOutcome::fenced) {
      return 0;
    } else if (outcome != ReadOutcome::empty) {
      return complain(order, std::string("read: ") + to_string(outcome));
    } else if (stopping) {
      return 0;
    } else {
      stopping = order.stop->load();
      nap_us(20);
    }
    const auto position = in->position();
    if (!in->ack()) return 0;
    ledger.append(EntryKind::acked, 0, position);
  }
  return 0;
}

}  // namespace fabric::ipc::crash
