#pragma once
// Descriptors and open-file-description (OFD) locks that prove that a process lives.
//
// Such a lock belongs to the open description, not to the process: it goes when the last reference to the description
// goes. A KeptLock makes a mapping that last reference. The descriptor is closed at once and the mapping is not
// inherited by fork, so the lock lives exactly as long as this process's memory (or until release()):
//
//     open ── F_OFD_SETLK ── mmap(MAP_SHARED) + MADV_DONTFORK ── close
//     └────────────────────── ForkWindow ───────────────────────┘
//
// Counter-example that ForkWindow prevents: another thread forks between open and close. The child inherits the
// descriptor, hence the description, hence the lock, and keeps a dead parent "alive" for as long as it runs. ForkWindow
// is a mutex that fork(3) takes too. What remains: fork by raw clone(2) or _Fork(3), which run no handlers, and
// children that share the memory (vfork, CLONE_VM). All of these err to the safe side: the dead is believed alive for
// longer.
//
// Not every file system lets a mapping hold the description: on overlayfs (the root of a container) it holds the file
// underneath, and the lock goes with the descriptor although the process lives. check_kept_locks() finds that out by
// trying, and whoever keeps a lock asks it first: a process that cannot prove that it lives must not take part.
//
// Thread-safe: functions and ForkWindow; objects are not.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "ipc/result.hpp"

namespace fabric::ipc {

// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int descriptor = -1) noexcept : descriptor_(descriptor) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }
  int get() const noexcept { return descriptor_; }
  void reset() noexcept;

 private:
  int descriptor_;
};

// While one exists, fork(3) in this process waits. Hold it from open to close of a description that carries a lock, run
// nothing but system calls under it (an allocator with fork handlers of its own could deadlock), and do not nest it.
class ForkWindow {
 public:
  ForkWindow() noexcept;
  ~ForkWindow();
  ForkWindow(const ForkWindow&) = delete;
  ForkWindow& operator=(const ForkWindow&) = delete;
};

enum class LockKind : std::uint8_t { shared, exclusive };

// Locks one byte, without waiting. Returns 0, EAGAIN (held through another description) or another errno. A shared lock
// needs a readable descriptor, an exclusive one a writable one.
int try_lock(int descriptor, LockKind kind, std::int64_t offset) noexcept;

// What is held on the byte through other descriptions; a readable descriptor suffices. Empty: cannot be told.
enum class HeldLock : std::uint8_t { none, shared, exclusive };
std::optional<HeldLock> held_lock(int descriptor, std::int64_t offset) noexcept;
// Whether any is.
std::optional<bool> is_locked(int descriptor, std::int64_t offset) noexcept;

// Keeps a description, and with it its locks, alive. Movable.
class KeptLock {
 public:
  KeptLock() noexcept = default;
  ~KeptLock() { release(); }
  KeptLock(KeptLock&& other) noexcept
      : mapping_(std::exchange(other.mapping_, nullptr)), owned_(std::exchange(other.owned_, nullptr)) {}
  KeptLock& operator=(KeptLock&& other) noexcept {
    if (this != &other) {
      release();
      mapping_ = std::exchange(other.mapping_, nullptr);
      owned_ = std::exchange(other.owned_, nullptr);
    }
    return *this;
  }

  // Takes hold of the description of `descriptor` (a regular file), which the caller closes before its ForkWindow ends.
  // Returns 0 or errno.
  int keep(int descriptor) noexcept;
  // Lets go. In a forked child, which holds nothing, it only forgets.
  void release() noexcept;
  // Whether this process holds it: false when empty, and false in a forked child. One load.
  bool owned() const noexcept { return owned_ != nullptr && *owned_ != 0; }

 private:
  void* mapping_ = nullptr;         // MAP_SHARED, MADV_DONTFORK, never accessed: a reference to the description
  std::uint64_t* owned_ = nullptr;  // a private page with MADV_WIPEONFORK: 1 here, 0 in a child

  friend struct KeptLockPeer;  // tests: a file system whose mappings hold nothing
  static std::atomic<bool> mappings_hold_;
};

// Whether a KeptLock on the file at `path` outlives its descriptor: takes one on a random byte far behind the data and
// looks for it through another description. Returns 0, EOPNOTSUPP (it does not), or errno. Takes a ForkWindow.
int check_kept_locks(const char* path) noexcept;

// Device and inode: tells whether a path still names the file that is meant.
using FileIdentity = std::pair<std::uint64_t, std::uint64_t>;

// Opens `path` for writing, locks one byte and keeps the lock, all in a ForkWindow of its own; check_kept_locks()
// included. Returns 0, EAGAIN (another description holds it), ESTALE (the path names another file than `identity`),
// EOPNOTSUPP (cannot be kept here), or errno.
int hold_lock(const char* path, FileIdentity identity, LockKind kind, std::int64_t offset, KeptLock& lock) noexcept;

// The failure of one of the above, with what to do. `what`: "lock FILE to do this".
Error lock_error(const std::string& what, int failure);

}  // namespace fabric::ipc
