#pragma once
// Owning a cursor line. Whoever changes one owns it first (ipc/DESIGN.md, section 7: invariants and decision table).
//
// Three words, always changed in this order:
//   owner     CAS from a dead or absent member to ourselves; by force from any
//   state     CAS: the generation rises; what the line is used for is decided by the word found now, not by one seen before
//   position  CAS: the epoch rises
// Then the new owner acts, by CAS from the words that it left itself, and clears `owner` last. So
//   - killed between any two steps it leaves a line whose owner is dead, which the next one takes as it stands;
//   - stopped, it holds the line until it goes on, or until another takes the line by force: that raises generation and
//     epoch, so every later step of the first one fails;
//   - an ack of the former owner counts until the epoch has risen, and fails from then on.
//
// The lowest bit of the epoch says that the position is on its way: it was set, and publishers may not respect it yet (gate.hpp).
// Whoever takes such a line joins the gate first. Without it a cursor that a mover left half way would gate at a place that a
// refresh in flight has not seen:
//
//     publisher                    mover                        next owner
//     load gate = (L, j)
//     scan: cursor 3 stands at L
//                                  cursor 3 := L - N            (killed here)
//                                                               reads at L - N in place
//     CAS gate (L, j) -> (L + N, j)                             <- its record is overwritten
//
// To join at every take-over would do as well, but joins are 4,095 under one limit, and the members of a group whose first record
// kills them would use them up.
//
// A cursor that does not outlive its reader is never handed on: who takes its line clears it away. From the first step on it gates
// nobody (gate.hpp, is_abandoned), so a publisher that is stopped while it clears a dead reader away holds up no other one.
//
// The threads of one process are one member: they own lines one after the other, under CursorLock.

#include <mutex>
#include <string>

#include "ipc/gate.hpp"
#include "ipc/ring.hpp"

namespace fabric::ipc {

// Held while this process owns lines that it does not keep. A child forked meanwhile does not inherit it locked.
class CursorLock {
 public:
  CursorLock() noexcept;
  explicit CursorLock(std::try_to_lock_t) noexcept;
  explicit operator bool() const noexcept { return lock_.owns_lock(); }

 private:
  std::unique_lock<std::mutex> lock_;
};

enum class Taking : std::uint8_t {
  taken,
  alive,    // its owner is alive
  changed,  // the line is not what it was, or others change it at the same time: look again
};

enum class Placing : std::uint8_t {
  placed,
  refused,  // the gate refuses (kRefused); the position is what it was
  lost,     // another member took the line by force
};

// A line that this member owns, or tries to. Plain data; what it holds is given back by free() or give_back() alone.
// All calls under CursorLock, on a ring of this process, and bounded.
class HeldLine {
 public:
  HeldLine(const Ring& ring, std::uint32_t index) noexcept;
  // A line that this member took earlier and has kept, with the words it had then.
  HeldLine(const Ring& ring, std::uint32_t index, std::uint64_t state, std::uint64_t position) noexcept;

  // Takes a line in use, which the caller found as `seen`. It is held on success only.
  Taking take(std::uint64_t seen, bool force) noexcept;
  // Takes a free line for a cursor named `name`: joining at `start`, gating already, not yet respected.
  Taking create(const std::string& name, std::uint64_t hash, std::uint8_t flags, std::uint64_t start) noexcept;

  // Whether it is ours still. What comes after may fail all the same.
  bool is_held() const noexcept;
  // Sets the position to `sequence`, or as near after it as publishers still allow.
  Placing place(std::uint64_t sequence) noexcept;
  // Where the cursor begins (layout.hpp, `started`).
  std::uint64_t started() const noexcept;
  void begin_at(std::uint64_t sequence) noexcept;
  // joining -> active.
  bool activate() noexcept;
  // Nobody's line any more; its epoch rises. False: another member has it.
  bool free() noexcept;
  // Clears the owner, if we still are.
  void give_back() noexcept;

  std::uint32_t index() const noexcept { return index_; }
  std::uint64_t state_word() const noexcept { return state_; }
  std::uint64_t position_word() const noexcept { return position_; }
  std::string name() const;

 private:
  bool raise_generation(std::uint64_t seen) noexcept;
  bool raise_epoch() noexcept;
  bool set_state(std::uint64_t word) noexcept;
  bool set_position(std::uint64_t sequence, bool settled) noexcept;

  const Ring* ring_;
  CursorLine* line_;
  std::uint32_t index_;
  std::uint64_t state_ = 0, position_ = 0;  // as we left them: what our next step expects
};

std::string load_name(const CursorLine& line);

}  // namespace fabric::ipc
