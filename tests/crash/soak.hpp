#pragma once
// Real publishers and consumers that are killed, stopped and resumed at random, with a ledger on the side.
//
// Every worker is a process. It appends to a ledger file of its own: a publisher what it is about to publish and what
// was acknowledged, a consumer what it saw and what it acked, each before it goes on. The ledgers know nothing of the
// ring, and outlive their writers. audit() compares them:
//   - what was acknowledged was seen by every gating group, at the sequence that was told;
//   - nothing was seen that was never attempted;
//   - everybody saw the same record at the same sequence;
//   - the records of one publisher come in its order;
//   - a consumer sees nothing twice; its successor goes on at or before, never behind, what was acked.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/crash/notes.hpp"

namespace fabric::ipc::crash {

enum class EntryKind : std::uint64_t { attempt, acknowledged, took, saw, acked };

struct Entry {
  EntryKind kind;
  std::uint64_t number;    // attempt, acknowledged, saw: the payload's; took: the cursor's generation, which orders its owners
  std::uint64_t sequence;  // acknowledged, saw; took, acked: the position
};

// Appends whole entries (one write each); what was appended survives its writer's death.
class Ledger {
 public:
  explicit Ledger(const std::string& path);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  void append(EntryKind kind, std::uint64_t number, std::uint64_t sequence) const;
  static std::vector<Entry> read(const std::string& path);

 private:
  int file_;
};

struct WorkerLog {
  std::string group;  // empty: a publisher
  std::vector<Entry> entries;
  bool overtaken = false;  // its cursor was perhaps taken by force: what it saw from where its successor began may be torn,
                           // zero-copy as it reads
};

// What they find. A worker that was started earlier may take the cursor later.
std::vector<std::string> audit_ledgers(const std::vector<WorkerLog>& logs, const std::vector<std::string>& groups);

// The bodies of the worker processes. They return when they are fenced or when `ring` says so.
struct WorkerOrder {
  std::string ring_path, ledger_path, group;
  std::uint64_t incarnation = 0;
  bool force = false;
  const std::atomic<bool>* stop = nullptr;
};
int run_publisher(const WorkerOrder& order);
int run_consumer(const WorkerOrder& order);

}  // namespace fabric::ipc::crash
