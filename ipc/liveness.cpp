#include "ipc/liveness.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <list>
#include <span>

#include "ipc/checksum.hpp"
#include "ipc/clock.hpp"
#include "ipc/segment.hpp"

namespace fabric::ipc {

namespace {

constexpr std::uint64_t kMagic = 0x534d454d42465645;  // "EVFBMEMS", little-endian
constexpr std::uint32_t kMembersVersion = 1;
constexpr std::uint32_t kIndexBits = 12;
constexpr std::uint64_t kMaxGeneration = (std::uint64_t{1} << (64 - kIndexBits)) - 1;
constexpr std::size_t kNameBytes = 48;
constexpr int kReplacedTries = 16;
static_assert(kMaxMembers == 1U << kIndexBits);

struct MembersHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t entry_bytes;
  std::uint64_t base;   // generation at the file's creation: ids up to it were given by an earlier file
  std::uint64_t guard;  // hash of all before
};
static_assert(sizeof(MembersHeader) == 32 && offsetof(MembersHeader, guard) == 24);

struct MemberEntry {
  std::uint64_t id;     // 0: never used
  std::uint64_t guard;  // hash of the id: tells damage, and a half written entry, from a successor
  std::int64_t pid;
  std::int64_t registered_at_ns;
  char name[kNameBytes];  // not trusted to be terminated
};
static_assert(sizeof(MemberEntry) == 80 && offsetof(MemberEntry, name) == 32);

constexpr std::uint64_t kEntriesAt = 4096;
constexpr std::uint64_t kFileBytes = kEntriesAt + kMaxMembers * sizeof(MemberEntry);
static_assert(kFileBytes % kSegmentGranularity == 0 && kFileBytes < kMemberLockOffset);

std::uint64_t generation_of(MemberId id) noexcept { return id >> kIndexBits; }
std::uint32_t index_of(MemberId id) noexcept { return static_cast<std::uint32_t>(id & (kMaxMembers - 1)); }
off_t entry_offset(std::uint32_t index) noexcept {
  return static_cast<off_t>(kEntriesAt + index * sizeof(MemberEntry));
}

std::uint64_t guard_of(const MembersHeader& header) noexcept {
  return hash_bytes(&header, offsetof(MembersHeader, guard));
}
std::uint64_t guard_of(const MemberEntry& entry) noexcept { return hash_bytes(&entry.id, sizeof entry.id); }

bool is_intact(const MemberEntry& entry, std::uint32_t index) noexcept {
  return entry.id != 0 && index_of(entry.id) == index && entry.guard == guard_of(entry);
}
bool is_intact(const MembersHeader& header) noexcept {
  return header.magic == kMagic && header.guard == guard_of(header);
}

std::uint64_t unix_us() noexcept { return std::max<std::uint64_t>(unix_ns() / 1000, 1); }

// Reads as much of `value` as the file has; the rest stays zero. False: not readable, or not a file.
template <class T>
bool read_at(int descriptor, off_t offset, T& value) noexcept {
  value = T{};
  return ::pread(descriptor, &value, sizeof value, offset) >= 0;
}

// The generation up to which ids belong to an earlier file; 0 where the header is damaged.
std::uint64_t base_of(int descriptor) noexcept {
  MembersHeader header;
  return read_at(descriptor, 0, header) && is_intact(header) ? header.base : 0;
}

int open_members(const char* path, int mode) noexcept {
  return ::open(path, mode | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

// Refuses what cannot be a members file before it is opened; true when there is none yet.
Result<bool> is_missing(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return true;
    return system_error("look at " + path, errno);
  }
  if (S_ISREG(status.st_mode)) return false;
  return make_error(ErrorCode::corrupt, path + " is not a regular file; remove it, or use another directory");
}

Result<std::string> absolute(const std::string& directory) {
  std::error_code failure;
  const auto path = std::filesystem::canonical(directory, failure);
  if (failure) return system_error("fabric directory " + directory, failure.value());
  if (!std::filesystem::is_directory(path, failure)) {
    return system_error("fabric directory " + directory, failure ? failure.value() : ENOTDIR);
  }
  return path.string();
}

std::string printable(std::span<const char> text) {
  std::string name(text.begin(), std::find(text.begin(), text.end(), '\0'));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return name;
}

Result<void> create_members_file(const std::string& path, mode_t mode) {
  MembersHeader header{kMagic, kMembersVersion, sizeof(MemberEntry), unix_us(), 0};
  header.guard = guard_of(header);
  CreateOptions options;
  options.bytes = kFileBytes;
  options.mode = mode;
  auto created = Segment::create(
      path, options, [&](std::span<std::byte> bytes) { std::memcpy(bytes.data(), &header, sizeof header); });
  if (!created && created.error().code != ErrorCode::already_exists) return created.error();  // else: another was first
  return {};
}

enum class Step : std::uint8_t { open, lock, read, write, keep };

const char* to_string(Step step) noexcept {
  switch (step) {
    case Step::open:
      return "open ";
    case Step::lock:
      return "lock a byte of ";
    case Step::read:
      return "read ";
    case Step::write:
      return "write ";
    case Step::keep:
      return "keep the lock on ";
  }
  return "";
}

struct Registration {
  int failure = 0;  // errno; ENOSPC at Step::lock: all indices are held
  Step step = Step::open;
  bool foreign_layout = false;
  bool replaced = false;  // the path names another file meanwhile
  MemberId id = 0;
  KeptLock lock;
};

int unlock(int descriptor, std::int64_t offset) noexcept {
  struct flock lock = {};
  lock.l_type = F_UNLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = offset;
  lock.l_len = 1;
  return ::fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

std::int64_t member_byte(std::uint32_t index) noexcept { return kMemberLockOffset + index; }
std::int64_t claim_byte(std::uint32_t index) noexcept { return kMemberLockOffset + kMaxMembers + index; }

// Locks the claim byte of an index that has no live member: nobody else can get one there until it is released.
int claim_index(int descriptor, std::uint32_t& index) noexcept {
  for (index = 0; index < kMaxMembers; ++index) {
    auto taken = is_locked(descriptor, member_byte(index));
    if (!taken) return errno;
    if (*taken) continue;
    const int failure = try_lock(descriptor, LockKind::exclusive, claim_byte(index));
    if (failure == EAGAIN) continue;
    if (failure != 0) return failure;
    taken = is_locked(descriptor, member_byte(index));  // again: only now nobody else can take it
    if (!taken) return errno;
    if (!*taken) return 0;
    if (const int refused = unlock(descriptor, claim_byte(index)); refused != 0) return refused;
  }
  return ENOSPC;
}

// Under the claim of `index`: raises the generation and writes the entry, by one pwrite.
int write_entry(int descriptor, std::uint32_t index, MemberEntry entry, MemberId& id) noexcept {
  MemberEntry former;
  if (!read_at(descriptor, entry_offset(index), former)) return errno;
  std::uint64_t generation = std::max(unix_us(), base_of(descriptor) + 1);
  if (is_intact(former, index)) generation = std::max(generation, generation_of(former.id) + 1);
  if (generation > kMaxGeneration) return EOVERFLOW;  // 142 years, or forged bytes
  id = entry.id = (generation << kIndexBits) | index;
  entry.guard = guard_of(entry);
  const ssize_t written = ::pwrite(descriptor, &entry, sizeof entry, entry_offset(index));
  if (written == static_cast<ssize_t>(sizeof entry)) return 0;
  return written < 0 ? errno : ENOSPC;
}

bool names_same_file(const char* path, int descriptor) noexcept {
  struct stat by_path = {}, by_descriptor = {};
  return ::lstat(path, &by_path) == 0 && ::fstat(descriptor, &by_descriptor) == 0 &&
         by_path.st_dev == by_descriptor.st_dev && by_path.st_ino == by_descriptor.st_ino;
}

// The whole registration on an existing file. System calls only: it runs in a ForkWindow.
Registration register_member(const char* path, const MemberEntry& entry) noexcept {
  Registration result;
  const auto failed = [&result](Step step, int failure) {
    result.step = step;
    result.failure = failure;
    return failure != 0;
  };
  const ForkWindow window;
  const Descriptor file(open_members(path, O_RDWR));
  if (failed(Step::open, file ? 0 : errno)) return result;
  MembersHeader header;
  if (failed(Step::read, read_at(file.get(), 0, header) ? 0 : errno)) return result;
  // A damaged header is lived with: entries and locks do not depend on it. An intact one of another layout is not ours.
  result.foreign_layout =
      is_intact(header) && (header.version != kMembersVersion || header.entry_bytes != sizeof(MemberEntry));
  if (result.foreign_layout) return result;
  std::uint32_t index = 0;
  if (failed(Step::lock, claim_index(file.get(), index))) return result;
  result.replaced = !names_same_file(path, file.get());
  if (result.replaced) return result;
  if (failed(Step::write, write_entry(file.get(), index, entry, result.id))) return result;
  if (failed(Step::lock, try_lock(file.get(), LockKind::exclusive, member_byte(index)))) return result;
  if (failed(Step::lock, unlock(file.get(), claim_byte(index)))) return result;
  failed(Step::keep, result.lock.keep(file.get()));
  return result;
}

Error registration_error(const Registration& result, const std::string& path) {
  if (result.foreign_layout) {
    return make_error(ErrorCode::incompatible, path + " has another layout version; use programs of one release");
  }
  if (result.step == Step::lock && result.failure == ENOSPC) {
    return make_error(ErrorCode::no_space, path + ": all " + std::to_string(kMaxMembers) +
                                               " members are alive; end some, or use another fabric directory");
  }
  const auto what = to_string(result.step) + path;
  const bool locking = result.step == Step::lock || result.step == Step::keep;
  return locking ? lock_error(what, result.failure) : system_error(what, result.failure);
}

// One per directory of this process. Entries are spliced in and out, so nothing is allocated or freed in a ForkWindow,
// which serves as its mutex: a child never finds it locked or half changed.
struct Registered {
  std::pair<std::uint64_t, std::uint64_t> directory;
  std::weak_ptr<Membership> membership;
};

std::list<Registered>& registry() noexcept {
  static auto& list = *new std::list<Registered>;  // never destroyed: threads may outlive static objects
  return list;
}
[[maybe_unused]] const auto& touched_at_load = registry();  // no lazy construction for a fork to cut in half

// Returns this process's membership of `directory`; `fresh` becomes it when there is none.
std::shared_ptr<Membership> find_or_insert(std::pair<std::uint64_t, std::uint64_t> directory,
                                           const std::shared_ptr<Membership>& fresh) {
  auto& list = registry();
  std::list<Registered> added, removed;
  std::shared_ptr<Membership> found;
  std::vector<std::shared_ptr<Membership>> inherited;  // let go of outside of the window
  if (fresh) added.push_back({directory, fresh});
  inherited.reserve(1);
  const ForkWindow window;
  for (auto at = list.begin(); at != list.end();) {
    const auto here = at++;
    if (here->membership.expired()) {
      removed.splice(removed.end(), list, here);
    } else if (here->directory == directory && !found) {
      found = here->membership.lock();
      if (found && found->owned_by_this_process()) continue;
      removed.splice(removed.end(), list, here);  // the parent's, or gone in this moment
      if (found && inherited.empty()) inherited.push_back(std::move(found));
      found.reset();
    }
  }
  if (!found && fresh) {
    list.splice(list.end(), added);
    found = fresh;
  }
  return found;
}

MemberEntry describe_this_process() noexcept {
  MemberEntry entry{};
  entry.pid = ::getpid();
  entry.registered_at_ns = static_cast<std::int64_t>(unix_ns());
  std::strncpy(entry.name, program_invocation_short_name, kNameBytes - 1);
  return entry;
}

}  // namespace

Result<Members> Members::open(const std::string& directory) {
  const auto path = absolute(directory);
  if (!path) return path.error();
  Members members;
  members.path_ = *path + "/members";
  const auto missing = is_missing(members.path_);
  if (!missing) return missing.error();
  if (*missing) return members;
  const Descriptor file(open_members(members.path_.c_str(), O_RDONLY));
  if (!file && errno != ENOENT) return system_error("open " + members.path_, errno);
  return members;
}

bool Members::is_alive(MemberId id) const noexcept {
  if (id == 0) return false;
  const Descriptor file(open_members(path_.c_str(), O_RDONLY));
  MemberEntry entry;
  const std::uint32_t index = index_of(id);
  if (!file || !read_at(file.get(), entry_offset(index), entry)) return true;  // unknown
  const bool intact = is_intact(entry, index);
  if (!(intact && entry.id == id)) {
    if (generation_of(id) <= base_of(file.get())) return true;  // of an earlier file: unknown
    if (intact && generation_of(entry.id) > generation_of(id)) return false;
  }
  return is_locked(file.get(), kMemberLockOffset + index).value_or(true);
}

MemberId Members::find(std::uint64_t low, unsigned bits) const noexcept {
  const Descriptor file(open_members(path_.c_str(), O_RDONLY));
  MemberEntry entry;
  const std::uint32_t index = index_of(low);
  if (!file || !read_at(file.get(), entry_offset(index), entry) || !is_intact(entry, index)) return 0;
  const auto mask = bits < 64 ? (std::uint64_t{1} << bits) - 1 : ~std::uint64_t{0};
  return ((entry.id ^ low) & mask) == 0 ? entry.id : 0;
}

std::vector<MemberInfo> Members::list() const {
  std::vector<MemberInfo> result;
  const Descriptor file(open_members(path_.c_str(), O_RDONLY));
  if (!file) return result;
  std::vector<MemberEntry> entries(kMaxMembers);
  if (::pread(file.get(), entries.data(), entries.size() * sizeof(MemberEntry), entry_offset(0)) <= 0) return result;
  for (std::uint32_t index = 0; index < kMaxMembers; ++index) {
    const MemberEntry& entry = entries[index];
    const bool intact = is_intact(entry, index);
    if (!intact && entry.id == 0 && entry.guard == 0) continue;  // never used
    const bool alive = is_locked(file.get(), kMemberLockOffset + index).value_or(true);
    if (intact) {
      result.push_back({entry.id, entry.pid, entry.registered_at_ns, printable({entry.name, kNameBytes - 1}), alive});
    } else if (alive) {
      result.push_back({0, 0, 0, "(damaged entry)", true});
    }
  }
  return result;
}

Result<std::shared_ptr<Membership>> Membership::enter(const std::string& directory, mode_t mode) {
  std::shared_ptr<Membership> membership(new Membership);
  membership->directory_ = directory;
  const std::string path = directory + "/members";
  const MemberEntry entry = describe_this_process();
  for (int i = 0; i < kReplacedTries; ++i) {
    const auto missing = is_missing(path);
    if (!missing) return missing.error();
    if (*missing) {
      if (auto created = create_members_file(path, mode); !created) return created.error();
    }
    if (check_kept_locks(path.c_str()) == EOPNOTSUPP) return lock_error("keep a lock on " + path, EOPNOTSUPP);
    Registration result = register_member(path.c_str(), entry);
    if (result.replaced || (result.step == Step::open && result.failure == ENOENT)) continue;
    if (result.foreign_layout || result.failure != 0) return registration_error(result, path);
    membership->id_ = result.id;
    membership->lock_ = std::move(result.lock);
    static_cast<void>(remove_stale_temporaries(directory, "members"));  // of creators that were killed
    return membership;
  }
  return make_error(ErrorCode::busy, path + " is replaced again and again; find out by whom");
}

Result<std::shared_ptr<Membership>> Membership::join(const std::string& directory, mode_t mode) {
  const auto path = absolute(directory);
  if (!path) return path.error();
  struct stat status = {};
  if (::stat(path->c_str(), &status) != 0) return system_error("fabric directory " + *path, errno);
  const std::pair<std::uint64_t, std::uint64_t> key{status.st_dev, status.st_ino};
  if (auto found = find_or_insert(key, nullptr)) return found;
  auto fresh = enter(*path, mode);
  if (!fresh) return fresh.error();
  return find_or_insert(key, *fresh);  // of two threads that came here, the second leaves again
}

Membership::~Membership() = default;

}  // namespace fabric::ipc
