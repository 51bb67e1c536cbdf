#pragma once
// What a test's processes write down, in memory that has nothing to do with any ring and outlives their SIGKILL. One
// writer per log.

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "fabric/delivery/consumer.hpp"

namespace fabric::testing {

// A record as a handler saw it. The tests' payloads are numbers: the record's place among those of its key, from 0.
struct Seen {
  std::uint32_t partition;
  std::uint64_t sequence;
  std::uint64_t key_hash;
  std::uint64_t ordinal;
};

class SharedLog {
 public:
  explicit SharedLog(std::size_t capacity = 1 << 18) : capacity_(capacity) {
    memory_ = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_ == MAP_FAILED) std::abort();
    new (memory_) std::atomic<std::uint64_t>(0);
  }
  ~SharedLog() { ::munmap(memory_, bytes()); }
  SharedLog(const SharedLog&) = delete;
  SharedLog& operator=(const SharedLog&) = delete;

  std::uint64_t count() const { return counter().load(std::memory_order_acquire); }
  void add(const Delivery& delivery) {
    const auto at = counter().load(std::memory_order_relaxed);
    if (at >= capacity_) std::abort();
    const auto key = as_text(delivery.event.envelope.key);
    entries()[at] = {delivery.partition, delivery.record.sequence, std::hash<std::string_view>()(key),
                     std::stoull(std::string(as_text(delivery.event.payload)))};
    counter().store(at + 1, std::memory_order_release);
  }
  std::span<const Seen> seen() const { return {entries(), count()}; }

 private:
  std::size_t bytes() const { return 64 + capacity_ * sizeof(Seen); }
  std::atomic<std::uint64_t>& counter() const { return *static_cast<std::atomic<std::uint64_t>*>(memory_); }
  Seen* entries() const { return reinterpret_cast<Seen*>(static_cast<char*>(memory_) + 64); }
  std::size_t capacity_;
  void* memory_;
};

// What a group got, from the logs of its members in the order in which they held it.
struct Ledger {
  std::map<std::uint64_t, std::uint64_t> next_of_key;  // ordinal that each key has reached
  std::uint64_t unique = 0, redelivered = 0;
  std::string fault;  // the first; empty: order held and nothing is missing before what came

  void add_member(const SharedLog& log) {
    std::map<std::uint64_t, std::uint64_t> last;        // of each key, at this member
    std::map<std::uint32_t, std::uint64_t> last_place;  // of each partition, at this member
    for (const auto& seen : log.seen()) {
      const auto place = last_place.find(seen.partition);
      if (place != last_place.end() && seen.sequence <= place->second) note("a sequence went back", seen);
      last_place[seen.partition] = seen.sequence;
      const auto mine = last.find(seen.key_hash);
      if (mine != last.end() && seen.ordinal != mine->second + 1) note("a key's order is broken", seen);
      last[seen.key_hash] = seen.ordinal;
      auto& next = next_of_key[seen.key_hash];
      if (seen.ordinal > next) note("records of a key are missing", seen);
      if (seen.ordinal < next) ++redelivered;
      if (seen.ordinal == next) ++next, ++unique;
    }
  }

 private:
  void note(const char* what, const Seen& seen) {
    if (fault.empty())
      fault = std::string(what) + ": partition " + std::to_string(seen.partition) + " sequence " +
              std::to_string(seen.sequence) + " ordinal " + std::to_string(seen.ordinal);
  }
};

}  // namespace fabric::testing
