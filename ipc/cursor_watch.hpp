#pragma once
// How the members of a group see each other at one partition: who owns its cursor, until when, and who asks for it.
//
// Everything here is a hint. Who may ack is decided by the owner word and the epoch alone (cursor_line.hpp), so a lease or request
// that is stale, torn off by a kill, or nonsense moves a partition too early or too late, and never loses a record or lets two
// members ack it. What the words mean to the group is fabric/delivery/assignment.hpp.
//
// Thread-safe but for one CursorWatch, which remembers where it found its cursor: one thread at a time. Lock-free; no system call but
// wake_sleepers() when somebody sleeps.

#include <memory>
#include <string>

#include "ipc/cursor.hpp"
#include "ipc/ring.hpp"

namespace fabric::ipc {

// Whether that reader's process is alive; false also for an id that no process has. Five to eight system calls, none for our own.
bool is_alive(const Ring& ring, ReaderId reader) noexcept;

struct CursorSight {
  bool exists = false, gating = false;
  MemberId owner = 0;               // dead or alive; 0: nobody
  std::uint64_t lease = 0;          // LeaseWord, the owner's own; 0: it has written none
  ReaderId requested_by = 0;        // dead or alive
  std::uint64_t owner_changes = 0;  // differs whenever the owner may have changed in between
};

class CursorWatch {
 public:
  CursorWatch(std::shared_ptr<const Ring> ring, const std::string& name);

  // The cursor of the name as it is now. Costs two cache lines, once it was found.
  CursorSight look() noexcept;

  // Asks the owner for the partition, in place of `instead_of` (as seen), and wakes it if it sleeps. False: somebody else asks.
  bool request(ReaderId asker, ReaderId instead_of) noexcept;
  // Takes the request back, if it is still there.
  void withdraw(ReaderId asker) noexcept;
  // Whoever asked is forgotten: the cursor has a new owner.
  void forget_requests() noexcept;
  // Writes the lease, a LeaseWord, if this process is the owner and `owner_changes` is still the same. False: it is not. (One that is stopped
  // between the look and the store writes over its successor's, which writes its own again when it next looks.)
  bool renew(std::uint64_t lease, std::uint64_t owner_changes) noexcept;
  // Wakes who waits for records of this ring: there is a partition to take.
  void wake() noexcept;

 private:
  CursorLine* find() noexcept;
  CursorLine* find_writable() noexcept;

  std::shared_ptr<const Ring> ring_;
  std::uint64_t hash_;
  std::uint32_t index_;  // where it was last; max_cursors: nowhere
};

}  // namespace fabric::ipc
