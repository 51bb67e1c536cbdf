#pragma once
// Which ids the retained records of a partition have: how a repeat is recognised (fabric/DESIGN.md, "Publishing once").
//
// The log is the state. The index is this process's own, made from the records: nothing of it is shared, so no kill can
// damage it and there is nothing to recover. It costs 16 bytes per slot of the ring, and looks at each record once.
// Every hit is verified against the record itself, checksum included, so two ids with one hash are told apart.
//
// Invariants:
//   X1 Every retained record below followed() whose claim was finished then, and which is readable, is found by its id.
//   X2 A claim that was not is in unfinished_, until it is finished or no longer retained; beyond kMostUnfinished of
//   them follow() stops. X3 Slot i stands for one sequence only: the last one below followed() that is congruent to it.
//
// Not thread-safe. No allocation after construction, but for the copy of a large record that is verified.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "fabric/event/event_id.hpp"
#include "fabric/fabric.hpp"
#include "ipc/ring_reader.hpp"
#include "ipc/standing.hpp"

namespace fabric {

class IdIndex {
 public:
  static constexpr std::size_t kMostUnfinished = 4096;

  // Of the records of `ring` from `from` on. Errors: those of Reader::attach. Looks at nothing yet.
  static Result<IdIndex> open(std::shared_ptr<ipc::Ring> ring, std::uint64_t from = 0);

  // Looks at all records below `end`, which is at most the tail, but at no more than `most`, and once more at claims
  // that were unfinished. Claims that are so for longer than the ring's bound are voided, as by a reader: not while
  // their publisher goes on. False: it did not come that far, or too many claims are unfinished; try again.
  bool follow(std::uint64_t end, std::uint64_t most = ~std::uint64_t{0}) noexcept;
  std::uint64_t followed() const noexcept { return followed_; }
  // What lies before counts for nothing any more.
  void forget_before(std::uint64_t sequence) noexcept { from_ = std::max(from_, sequence); }

  // A retained record below `end` with this id; the first one.
  std::optional<std::uint64_t> find(const EventId& id, std::uint64_t end) noexcept;

  // Whether there is a record with this id below the claim `sequence`, or may be: what Admission::admit has to know.
  enum class Answer : std::uint8_t { fresh, repeated, in_flight };
  struct Known {
    Answer answer = Answer::fresh;
    std::uint64_t sequence = 0;  // repeated: of the record that is there
  };
  Known ask(const EventId& id, std::uint64_t sequence) noexcept;

  // Of the id as it is stored; never 0.
  static std::uint64_t hash(const EventId& id) noexcept;

 private:
  IdIndex(ipc::Reader reader, std::uint64_t from);
  struct Unfinished {
    std::uint64_t sequence, since_ns;
  };
  void look_again() noexcept;
  void drop_finished(std::uint64_t now_ns) noexcept;
  bool void_overdue(std::uint64_t now_ns) noexcept;
  bool look_at(std::uint64_t sequence) noexcept;
  bool is_announced(std::uint64_t announced, std::uint64_t end) const noexcept;
  std::uint64_t hash_of_record(std::uint64_t sequence) noexcept;
  void remember(std::uint64_t sequence, std::uint64_t hash) noexcept;
  void forget(std::uint64_t slot) noexcept;
  void forget_all() noexcept;
  bool has_id(std::uint64_t sequence, const EventId& id) noexcept;
  const ipc::Ring& ring() const noexcept { return reader_.ring(); }
  std::uint64_t bucket_of(std::uint64_t hash) const noexcept { return hash & mask_; }
  std::uint64_t sequence_of(std::uint64_t slot) const noexcept {  // X3
    return followed_ - 1 - ((followed_ - 1 - slot) & mask_);
  }

  ipc::Reader reader_;  // an observer: verifies hits
  std::uint64_t mask_, followed_, from_;
  // A hash table whose entries are the ring's slots: hashes_ 0 has no id. Chains are rings: tails_ is slot + 1 of the
  // last entry (0: none), next_ of that one is the first. What comes last goes last, so the first is the next to be
  // forgotten: one id over and over costs no walk.
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> next_, tails_;
  std::vector<Unfinished> unfinished_;  // ascending
  std::vector<std::byte> block_;        // of the record that is looked at: others may write to it meanwhile
};

}  // namespace fabric
