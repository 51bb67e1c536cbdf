#pragma once
// Who is alive, proven by the kernel.
//
// Every fabric directory has a file `members`. A member holds an open-file-description lock (F_OFD_SETLK) on one byte
// of it and keeps that description alive by a mapping only: the descriptor is closed at once and the mapping is
// MADV_DONTFORK. So
//   - death of the process, by whatever means, releases the lock when its memory is torn down (no time-out);
//   - close() of any descriptor, even closefrom(3), does not release it (nothing is open);
//   - a forked child does not hold it (the mapping is not inherited), nor does an exec'd program;
//   - pid reuse is harmless (no pid is ever compared), and so are pid namespaces (containers share the inode).
// fork and exec are covered by file_lock.hpp, which says what remains.
//
// Where a mapping does not keep the lock (overlayfs) nobody is admitted: a fabric directory there is refused.
//
// A MemberId is never reused: index of the byte, and a generation that each registration raises before it takes the
// lock. Registrants of one index exclude each other by a second byte:
//
//     lock claim byte ── member byte free? ── write entry, of a later generation ── lock member byte ── keep
//
// Counter-example that this order prevents: a registrant takes the member byte first and is stopped before it has
// written its entry; the entry still names the dead predecessor, whose byte is locked, so it is alive for as long as the
// registrant stands still. Generations are microseconds of Unix time (raised above the entry's former one), so that ids given by a members
// file that was deleted meanwhile are recognised: they are older than the file.
//
// Decision table of is_alive(id):
//   | entry at the id's index           | lock of the byte | verdict                                            |
//   | the same id                       | held             | alive (or taken between the two looks: look again) |
//   | the same id                       | free             | dead                                               |
//   | intact, of a later generation     | any              | dead: somebody registered since the byte was free  |
//   | damaged, empty, of an earlier one | held             | alive                                              |
//   | damaged, empty, of an earlier one | free             | dead                                               |
// The id is older than the file, or the file is missing, unreadable or no file: unknown, which counts as alive, so that
// nothing is reclaimed. (Not for an entry with the same id.) Id 0 is nobody: dead.
//
// What delays a proof of death: the kernel tears memory down after it has written a core dump, so a large one keeps its
// process alive for as long as that takes. Bound it (ulimit -c, coredump_filter) where fail-over must be quick.
//
// Everything in the file but the locks is input: entries and header carry a hash, so damage gives a wrong or missing
// name, and a verdict of death never while the lock is held (but by intact bytes that were forged). Deleting the file
// under live members is a mistake, caught unless the wall clock was also set back: do not.
//
// The file: a header, then kMaxMembers entries, all read by pread and written by pwrite (no SIGBUS, whatever its size).
// The lock of index i is the byte kMemberLockOffset + i, beyond the data; its claim byte lies kMaxMembers behind it and
// is held during a registration only.
//
//   0        4096                                  4096 + 4096 * 80            1 << 32
//   | header | entry 0 | entry 1 | ... | entry 4095 |        (nothing)         | 4096 + 4096 lock bytes, no data

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ipc/file_lock.hpp"
#include "ipc/result.hpp"

namespace fabric::ipc {

using MemberId = std::uint64_t;  // generation << 12 | index; 0 is nobody
inline constexpr std::uint32_t kMaxMembers = 4096;

inline constexpr std::int64_t kMemberLockOffset = std::int64_t{1} << 32;

struct MemberInfo {
  MemberId id = 0;                    // 0: its entry is damaged; shown while its lock is held
  std::int64_t pid = 0;               // as the member saw itself (its own namespace)
  std::int64_t registered_at_ns = 0;  // Unix time
  std::string name;                   // the program's name, at most 47 bytes, printable ASCII
  bool alive = false;
};

// Looks at others; needs no membership and only read permission. Thread-safe. Movable.
class Members {
 public:
  // `directory`: a fabric directory. A missing members file means that nobody has ever registered: not an error.
  // Errors: not_found (directory), permission, corrupt (members is no regular file).
  static Result<Members> open(const std::string& directory);
  // Four or five system calls (open, pread, fcntl, close), 1-2 us; does not wait. See the table above.
  bool is_alive(MemberId id) const noexcept;
  // The member that registered last at its index, of whose id only the lowest `bits` (at least 12) are known. 0: there is none, its entry is
  // damaged, or its id ends otherwise. Three system calls.
  MemberId find(std::uint64_t low, unsigned bits) const noexcept;
  // The last member of every index that was ever used, dead ones too; empty when there is no file.
  std::vector<MemberInfo> list() const;

 private:
  std::string path_;
};

// This process's registration in one directory; one per directory and process, shared by all its handles.
// Thread-safe: immutable after join.
class Membership {
 public:
  // Registers on first use, creating the members file (`mode` exactly) if need be; later calls return the same object,
  // also by another path to the directory. In a forked child it registers anew, as another member. Blocks on the file
  // system. Errors: permission, not_found (directory), no_space (4096 live members), corrupt (members is no regular
  // file), incompatible (members of another layout), unsupported (no OFD locks, none that a mapping keeps, no
  // MADV_WIPEONFORK), system. Removes what killed creators of the members file left.
  static Result<std::shared_ptr<Membership>> join(const std::string& directory, mode_t mode = 0600);
  ~Membership();  // leaves: releases the lock
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  MemberId id() const noexcept { return id_; }
  // False in a forked child: the parent's handles must not be used there. One load of a MADV_WIPEONFORK page.
  bool owned_by_this_process() const noexcept { return lock_.owned(); }
  const std::string& directory() const noexcept { return directory_; }  // absolute, without symbolic links

 private:
  Membership() = default;
  static Result<std::shared_ptr<Membership>> enter(const std::string& directory, mode_t mode);

  std::string directory_;
  MemberId id_ = 0;
  KeptLock lock_;
};

}  // namespace fabric::ipc
