#include "ipc/file_lock.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace fabric::ipc {

namespace {

constexpr std::size_t kPage = 4096;  // the kernel rounds lengths up to its own page
constexpr std::int64_t kTrialLocks = std::int64_t{1} << 60;  // no other lock lies in [2^60, 2^60 + 2^48)
constexpr int kTrials = 8;

constinit std::mutex fork_mutex;  // no constructor to run and none to destroy it: threads may outlive static objects

void guard_forks() noexcept {
  static const int registered = ::pthread_atfork([] { fork_mutex.lock(); },     // before
                                                 [] { fork_mutex.unlock(); },   // in the parent
                                                 [] { fork_mutex.unlock(); });  // in the child
  static_cast<void>(registered);
}

// At load, before there are threads: a fork in the middle of a lazy registration would leave the child waiting for it.
[[maybe_unused]] const bool guarded = (guard_forks(), true);

struct flock lock_of(short type, std::int64_t offset) noexcept {
  struct flock lock = {};  // l_pid must be 0 for OFD locks
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = offset;
  lock.l_len = 1;
  return lock;
}

}  // namespace

void Descriptor::reset() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

ForkWindow::ForkWindow() noexcept {
  guard_forks();  // for static objects of others, which may come before ours
  fork_mutex.lock();
}

ForkWindow::~ForkWindow() { fork_mutex.unlock(); }

int try_lock(int descriptor, LockKind kind, std::int64_t offset) noexcept {
  struct flock lock = lock_of(kind == LockKind::exclusive ? F_WRLCK : F_RDLCK, offset);
  if (::fcntl(descriptor, F_OFD_SETLK, &lock) == 0) return 0;
  return errno == EACCES ? EAGAIN : errno;  // POSIX lets a system say either
}

std::optional<HeldLock> held_lock(int descriptor, std::int64_t offset) noexcept {
  struct flock lock = lock_of(F_WRLCK, offset);
  if (::fcntl(descriptor, F_OFD_GETLK, &lock) != 0) return std::nullopt;
  if (lock.l_type == F_UNLCK) return HeldLock::none;
  return lock.l_type == F_RDLCK ? HeldLock::shared : HeldLock::exclusive;
}

std::optional<bool> is_locked(int descriptor, std::int64_t offset) noexcept {
  const auto held = held_lock(descriptor, offset);
  if (!held) return std::nullopt;
  return *held != HeldLock::none;
}

std::atomic<bool> KeptLock::mappings_hold_{true};

int KeptLock::keep(int descriptor) noexcept {
  release();
  void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno;
  owned_ = static_cast<std::uint64_t*>(page);
  *owned_ = 1;
  int failure = ::madvise(page, kPage, MADV_WIPEONFORK) == 0 ? 0 : errno;
  if (failure == 0) {
    const bool holds = mappings_hold_.load(std::memory_order_relaxed);  // relaxed: a test sets it before
    void* mapping = holds ? ::mmap(nullptr, kPage, PROT_NONE, MAP_SHARED, descriptor, 0)
                          : ::mmap(nullptr, kPage, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) {
      failure = errno;
    } else {
      mapping_ = mapping;
      failure = ::madvise(mapping, kPage, MADV_DONTFORK) == 0 ? 0 : errno;
    }
  }
  if (failure != 0) release();
  return failure;
}

void KeptLock::release() noexcept {
  // In a child the mapping does not exist, and its address may by now be somebody else's.
  if (owned() && mapping_ != nullptr) ::munmap(mapping_, kPage);
  if (owned_ != nullptr) ::munmap(owned_, kPage);
  mapping_ = nullptr;
  owned_ = nullptr;
}

namespace {

int open_for_lock(const char* path) noexcept {
  return ::open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

// A random byte: what it shows is our own lock, never somebody else's trial.
int try_kept_lock(const char* path) noexcept {
  const Descriptor witness(open_for_lock(path));
  Descriptor file(open_for_lock(path));
  if (!witness || !file) return errno;
  std::int64_t offset = 0;
  if (::getrandom(&offset, 6, 0) != 6) return EAGAIN;
  offset += kTrialLocks;
  if (const int failure = try_lock(file.get(), LockKind::exclusive, offset); failure != 0) return failure;
  KeptLock kept;
  if (const int failure = kept.keep(file.get()); failure != 0) return failure;
  file.reset();
  return is_locked(witness.get(), offset) == true ? 0 : EOPNOTSUPP;
}

}  // namespace

int check_kept_locks(const char* path) noexcept {
  const ForkWindow window;
  int failure = EAGAIN;
  for (int i = 0; i < kTrials && failure == EAGAIN; ++i) failure = try_kept_lock(path);
  return failure;
}

int hold_lock(const char* path, FileIdentity identity, LockKind kind, std::int64_t offset, KeptLock& lock) noexcept {
  if (const int failure = check_kept_locks(path); failure != 0) return failure;
  const ForkWindow window;
  const Descriptor file(open_for_lock(path));
  struct stat status = {};
  if (!file || ::fstat(file.get(), &status) != 0) return errno;
  if (FileIdentity{status.st_dev, status.st_ino} != identity) return ESTALE;
  const int failure = try_lock(file.get(), kind, offset);
  return failure != 0 ? failure : lock.keep(file.get());
}

Error lock_error(const std::string& what, int failure) {
  if (failure == EOPNOTSUPP) {
    return {ErrorCode::unsupported, failure,
            what + ": this file system (overlayfs, as in a container's root, is one) drops a lock with its descriptor, so "
                   "nobody who uses it can be proven alive; use a directory on tmpfs (/dev/shm), ext4, xfs or btrfs, in a "
                   "container a volume"};
  }
  Error error = system_error(what, failure);
  if (failure == EINVAL || failure == ENOLCK) {
    error.code = ErrorCode::unsupported;
    error.message += "; needs open-file-description locks and MADV_WIPEONFORK (Linux 4.14, a local file system)";
  }
  return error;
}

}  // namespace fabric::ipc
