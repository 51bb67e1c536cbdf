#include "ipc/file_lock.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace fabric::ipc {

namespace {

constexpr std::size_t kPage = 4096;  // the kernel rounds lengths up to its own page

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

std::optional<bool> is_locked(int descriptor, std::int64_t offset) noexcept {
  struct flock lock = lock_of(F_WRLCK, offset);
  if (::fcntl(descriptor, F_OFD_GETLK, &lock) != 0) return std::nullopt;
  return lock.l_type != F_UNLCK;
}

int KeptLock::keep(int descriptor) noexcept {
  release();
  void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno;
  owned_ = static_cast<std::uint64_t*>(page);
  *owned_ = 1;
  int failure = ::madvise(page, kPage, MADV_WIPEONFORK) == 0 ? 0 : errno;
  if (failure == 0) {
    void* mapping = ::mmap(nullptr, kPage, PROT_NONE, MAP_SHARED, descriptor, 0);
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

}  // namespace fabric::ipc
