#include "ipc/segment.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <memory>
#include <string_view>
#include <vector>

#include "ipc/file_lock.hpp"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

namespace fabric::ipc {

namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr std::size_t kRandomDigits = 16;
constexpr std::size_t kTail = 1 + kRandomDigits + kTemporarySuffix.size();  // what follows the name: .<digits>.tmp
constexpr int kTemporaryTries = 100;
constexpr std::int64_t kTemporaryLock = std::int64_t{1} << 62;  // the byte that a creator locks, beyond any data

// What mapped_region asks of a "memory mappable": opened by us, with the flags that Boost's file_mapping lacks.
struct Mappable {
  int descriptor;
  boost::interprocess::mapping_handle_t get_mapping_handle() const noexcept { return {descriptor, false}; }
};

// Signals to this thread wait. tmpfs undoes an interrupted allocation, so a profiler's timer could starve it forever.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &former_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &former_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t former_;
};

// A creator's private file: locked from before it can be mistaken for a dead creator's, and removed with its owner.
struct Temporary {
  explicit Temporary(std::string file_path) noexcept : path(std::move(file_path)) {}
  ~Temporary() {
    if (!path.empty()) ::unlink(path.c_str());
  }
  Temporary(Temporary&& other) noexcept : path(std::exchange(other.path, {})), lock(std::move(other.lock)) {}
  Temporary& operator=(Temporary&&) = delete;

  std::string path;
  KeptLock lock;  // dropped after the file is unlinked: members go after the destructor's body
};

std::pair<std::string, std::string> split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

std::string temporary_path(const std::string& path) {
  std::uint64_t random = 0;
  while (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) {
  }
  char digits[kRandomDigits + 1];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(random));
  const auto [directory, name] = split(path);
  return directory + "/." + name + "." + digits + std::string(kTemporarySuffix);
}

bool is_temporary_name(std::string_view name) noexcept {
  if (name.size() < kTail + 2 || name.front() != '.' || !name.ends_with(kTemporarySuffix)) return false;
  const std::string_view random = name.substr(name.size() - kTail, 1 + kRandomDigits);
  return random.front() == '.' && random.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

// Creates and locks `path`. EAGAIN: a cleaner held or deleted it in the moment before it was locked; try another name.
int create_locked(const char* path, KeptLock& lock) noexcept {
  ForkWindow window;
  const Descriptor file(::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return errno;
  int failure = ::fchmod(file.get(), 0600) == 0 ? 0 : errno;  // whatever the umask took away
  if (failure == 0) failure = try_lock(file.get(), LockKind::exclusive, kTemporaryLock);
  struct stat status = {};
  if (failure == 0 && ::fstat(file.get(), &status) != 0) failure = errno;
  if (failure == 0 && status.st_nlink == 0) failure = EAGAIN;
  if (failure == 0) failure = lock.keep(file.get());
  if (failure != 0) ::unlink(path);
  return failure;
}

Result<Temporary> create_temporary(const std::string& path) {
  int failure = 0;
  for (int i = 0; i < kTemporaryTries; ++i) {
    Temporary temporary(temporary_path(path));
    failure = create_locked(temporary.path.c_str(), temporary.lock);
    if (failure != 0) {
      temporary.path.clear();
    } else if (failure = check_kept_locks(temporary.path.c_str()); failure == 0) {
      return temporary;
    } else if (failure == ENOENT) {
      failure = EAGAIN;  // a cleaner has deleted it, because its lock was not kept
    }
    if (failure == EAGAIN || failure == EEXIST) continue;
    break;
  }
  return lock_error("create " + path, failure);
}

Result<void> allocate(int descriptor, const std::string& path, std::uint64_t bytes) {
  const std::string what = "allocate " + std::to_string(bytes) + " bytes for " + path;
  rlimit limit = {};
  // Asked first, because exceeding it would kill the process by SIGXFSZ.
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < bytes) {
    return make_error(ErrorCode::no_space, what + ": the limit of file sizes is " + std::to_string(limit.rlim_cur) +
                                               " bytes; raise it (ulimit -f) or ask for less");
  }
  int failure = 0;
  {
    SignalsBlocked blocked;
    failure = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  }
  if (failure != 0) return system_error(what, failure);
  return {};
}

// Whether no block is missing, for certain and without a call that takes its time: tmpfs counts exactly, and looks at
// every page when it is asked to allocate (0.2 ms per MiB). More than its size: a huge page reaches beyond the end.
bool is_allocated(int descriptor, const struct stat& status) noexcept {
  constexpr decltype(statfs::f_type) kTmpfs = 0x01021994;
  struct statfs file_system = {};
  return ::fstatfs(descriptor, &file_system) == 0 && file_system.f_type == kTmpfs &&
         status.st_blocks * 512 == status.st_size;
}

// Fills the holes of a file that others may be using. Not posix_fallocate: where the file system allocates nothing it
// reads and writes bytes, and so takes back what another process stores in between.
Result<void> fill_holes(int descriptor, const struct stat& status, const std::string& path) {
  if (is_allocated(descriptor, status)) return {};
  int failure = 0;
  do {
    SignalsBlocked blocked;
    failure = ::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, status.st_size) == 0 ? 0 : errno;
  } while (failure == EINTR);
  const bool whole = status.st_blocks * 512 >= status.st_size;
  if (failure == 0 || (whole && (failure == EOPNOTSUPP || failure == ENOSYS))) return {};
  Error error = system_error("attach " + path + " for writing: allocate its " + std::to_string(status.st_size) + " bytes",
                             failure);
  if (!whole) error.message += "; the file has holes, as a sparse copy has";
  return error;
}

Result<gid_t> group_id(const std::string& group) {
  gid_t number = 0;
  const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), number);
  if (error == std::errc() && end == group.data() + group.size()) return number;
  std::vector<char> buffer(1 << 16);
  struct group entry = {};
  struct group* found = nullptr;
  ::getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return make_error(ErrorCode::invalid_argument, "group " + group + " does not exist; give a name or a number");
  }
  return found->gr_gid;
}

Result<void> validate(const std::string& path, const CreateOptions& options) {
  const std::string name = split(path).second;
  if (name.empty() || name == "." || name == "..") {
    return make_error(ErrorCode::invalid_argument, "create \"" + path + "\": the path must end in a file name");
  }
  if (options.bytes == 0 || options.bytes % kSegmentGranularity != 0 ||
      options.bytes > static_cast<std::uint64_t>(PTRDIFF_MAX)) {
    return make_error(ErrorCode::invalid_argument, "create " + path + ": " + std::to_string(options.bytes) +
                                                       " bytes; give a positive multiple of 4096 below 2^63");
  }
  if ((options.mode & ~mode_t{0777}) != 0) {
    return make_error(ErrorCode::invalid_argument, "create " + path + ": mode may only hold permission bits (0777)");
  }
  return {};
}

Result<boost::interprocess::mapped_region> map(int descriptor, const std::string& path, std::uint64_t bytes,
                                               Access access) {
  using namespace boost::interprocess;
  try {
    return mapped_region(Mappable{descriptor}, access == Access::read_write ? read_write : read_only, 0,
                         static_cast<std::size_t>(bytes));
  } catch (const interprocess_exception& exception) {
    const int failure = static_cast<int>(exception.get_native_error());
    return system_error("map " + std::to_string(bytes) + " bytes of " + path, failure);
  }
}

// Maps every page now. A read-write mapping is faulted for writing without changing a byte, even of a ring in use.
Result<void> populate(std::byte* base, std::size_t bytes, Access access, const std::string& path) {
  const int advice = access == Access::read_write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
  if (::madvise(base, bytes, advice) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return system_error("prefault " + path, errno);
  for (std::size_t at = 0; at < bytes; at += kSegmentGranularity) {  // before Linux 5.14
    auto* byte = reinterpret_cast<unsigned char*>(base + at);
    if (access == Access::read_write) {
      __atomic_fetch_or(byte, static_cast<unsigned char>(0), __ATOMIC_RELAXED);  // relaxed: adds nothing to the value
    } else {
      static_cast<void>(__atomic_load_n(byte, __ATOMIC_RELAXED));  // relaxed: the value is not used
    }
  }
  return {};
}

Result<void> prepare(boost::interprocess::mapped_region& region, const MapOptions& options, const std::string& path) {
  auto* base = static_cast<std::byte*>(region.get_address());
  const std::size_t bytes = region.get_size();
  if (options.huge_pages) ::madvise(base, bytes, MADV_HUGEPAGE);  // a hint: kernels without it lose nothing but speed
  if (options.prefault) {
    if (auto done = populate(base, bytes, options.access, path); !done) return done;
  }
  // mlock2 without flags is mlock, which the sanitizers turn into nothing.
  if (options.lock && ::mlock2(base, bytes, 0) != 0) {
    Error error = system_error("mlock " + std::to_string(bytes) + " bytes of " + path, errno);
    error.message += "; raise RLIMIT_MEMLOCK (ulimit -l) or grant CAP_IPC_LOCK";
    return error;
  }
  return {};
}

Result<void> set_owner_and_mode(int descriptor, const std::string& path, const CreateOptions& options) {
  if (!options.group.empty()) {
    const auto group = group_id(options.group);
    if (!group) return group.error();
    if (::fchown(descriptor, static_cast<uid_t>(-1), *group) != 0) {
      return system_error("give " + path + " to group " + options.group, errno);
    }
  }
  if (::fchmod(descriptor, options.mode) != 0) return system_error("set the mode of " + path, errno);
  return {};
}

// Makes the name survive power loss. File systems that cannot sync a directory say EINVAL: then nothing better exists.
Result<void> sync_directory(const std::string& path) {
  const Descriptor directory(::open(split(path).first.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return {};  // may be searched and written but not read
  if (::fsync(directory.get()) != 0 && errno != EINVAL && errno != EOPNOTSUPP) {
    return system_error("write back the directory of " + path, errno);
  }
  return {};
}

Result<void> publish(const Temporary& temporary, const std::string& path) {
  if (::link(temporary.path.c_str(), path.c_str()) == 0) return {};
  Error error = system_error("create " + path, errno);
  if (error.system_errno == EPERM || error.system_errno == EOPNOTSUPP) {
    error.code = ErrorCode::unsupported;
    error.message += "; this file system seems to have no hard links, use tmpfs, ext4, xfs or btrfs";
  }
  return error;
}

Error not_regular(const std::string& path, const char* reason) {
  return make_error(ErrorCode::corrupt, path + ": " + reason + "; remove it, or check the path");
}

// Refuses whatever cannot be one of our files. Before opening, because opening a FIFO or a device has effects.
Result<void> check_file(const struct stat& status, const std::string& path) {
  if (S_ISLNK(status.st_mode)) return not_regular(path, "is a symbolic link, not a regular file");
  if (!S_ISREG(status.st_mode)) return not_regular(path, "is not a regular file");
  if (status.st_size <= 0) return not_regular(path, "is empty");
  if (static_cast<std::uint64_t>(status.st_size) % kSegmentGranularity != 0) {
    return not_regular(path, "is truncated or foreign (its size is no multiple of 4096)");
  }
  return {};
}

FileIdentity identity_of(const struct stat& status) noexcept {
  return {status.st_dev, status.st_ino};
}

}  // namespace

Result<Segment> Segment::create(const std::string& path, const CreateOptions& options,
                                const std::function<void(std::span<std::byte>)>& fill) {
  if (auto valid = validate(path, options); !valid) return valid.error();
  auto temporary = create_temporary(path);
  if (!temporary) return temporary.error();
  // A description of its own: the locked one is closed already, so this one may stay open for as long as it takes.
  const Descriptor file(::open(temporary->path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  struct stat status = {};
  if (!file || ::fstat(file.get(), &status) != 0) return system_error("open " + temporary->path, errno);
  if (auto done = allocate(file.get(), path, options.bytes); !done) return done.error();
  if (auto done = set_owner_and_mode(file.get(), path, options); !done) return done.error();

  auto region = map(file.get(), path, options.bytes, Access::read_write);
  if (!region) return region.error();
  const MapOptions mapping{Access::read_write, options.huge_pages, options.prefault, options.lock};
  if (auto done = prepare(*region, mapping, path); !done) return done.error();
  Segment segment;
  segment.region_ = std::move(*region);
  segment.identity_ = identity_of(status);
  if (fill) fill(segment.bytes());
  if (::fsync(file.get()) != 0) return system_error("write back " + path, errno);

  if (auto done = publish(*temporary, path); !done) return done.error();
  if (auto done = sync_directory(path); !done) return done.error();
  return segment;
}

Result<Segment> Segment::attach(const std::string& path, const MapOptions& options) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return system_error("attach " + path, errno);
  if (auto valid = check_file(status, path); !valid) return valid.error();
  const int mode = options.access == Access::read_write ? O_RDWR : O_RDONLY;
  const Descriptor file(::open(path.c_str(), mode | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file || ::fstat(file.get(), &status) != 0) return system_error("attach " + path, errno);
  if (auto valid = check_file(status, path); !valid) return valid.error();  // it may have been replaced in between

  if (options.access == Access::read_write) {
    if (auto done = fill_holes(file.get(), status, path); !done) return done.error();
  }
  auto region = map(file.get(), path, static_cast<std::uint64_t>(status.st_size), options.access);
  if (!region) return region.error();
  if (auto done = prepare(*region, options, path); !done) return done.error();
  Segment segment;
  segment.region_ = std::move(*region);
  segment.identity_ = identity_of(status);
  return segment;
}

Result<void> Segment::sync(std::uint64_t offset, std::uint64_t bytes, bool wait) noexcept {
  const std::uint64_t size = region_.get_size();
  if (offset > size || bytes > size - offset) {
    return make_error(ErrorCode::invalid_argument, "sync [" + std::to_string(offset) + ", +" + std::to_string(bytes) +
                                                       "): outside of the segment of " + std::to_string(size));
  }
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t start = offset / page * page;
  auto* base = static_cast<std::byte*>(region_.get_address());
  if (::msync(base + start, bytes + (offset - start), wait ? MS_SYNC : MS_ASYNC) != 0) {
    return system_error("write back " + std::to_string(bytes) + " bytes", errno);
  }
  return {};
}

namespace {

// Deletes `name` when nobody holds its lock. The lock is held until it is gone: a creator between open and lock sees
// that.
bool remove_if_stale(int directory, const char* name) noexcept {
  struct stat status = {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) return false;
  ForkWindow window;  // the lock must not leak into a child, where it would keep its file from being cleaned
  const Descriptor file(::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file || try_lock(file.get(), LockKind::shared, kTemporaryLock) != 0) return false;
  return ::unlinkat(directory, name, 0) == 0;
}

}  // namespace

Result<std::size_t> remove_stale_temporaries(const std::string& directory, std::string_view name) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(directory.c_str()), &::closedir);
  if (!entries) return system_error("read the directory " + directory, errno);
  std::size_t removed = 0;
  errno = 0;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view found = entry->d_name;
    const bool wanted = is_temporary_name(found) && (name.empty() || found.substr(1, found.size() - 1 - kTail) == name);
    if (wanted && remove_if_stale(::dirfd(entries.get()), entry->d_name)) ++removed;
    errno = 0;
  }
  if (errno != 0) return system_error("read the directory " + directory, errno);
  return removed;
}

}  // namespace fabric::ipc
