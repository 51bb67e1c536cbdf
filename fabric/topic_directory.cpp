#include "fabric/topic_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "ipc/segment.hpp"

namespace fabric {
namespace {

using ipc::ErrorCode;
using ipc::make_error;
using ipc::MemberId;
using ipc::Result;
using ipc::system_error;

constexpr char kMark[] = ".deleted";
constexpr char kNoticeStem[] = ".deleting";

}  // namespace

Result<std::vector<std::string>> entries_of(int directory, const std::string& path) {
  const int own = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);  // with a position of its own
  if (own < 0) return system_error("open directory " + path, errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own), ::closedir);
  if (!stream) {
    ::close(own);
    return system_error("open directory " + path, ENOMEM);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const auto* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return system_error("read directory " + path, errno);
  return names;
}

// Where the file system cannot refuse to replace, nothing is there that could be replaced but an empty directory, or the
// mark of another who deletes the same.
int rename_new(int directory, const std::string& from, const std::string& to) noexcept {
  if (::renameat2(directory, from.c_str(), directory, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  return ::renameat(directory, from.c_str(), directory, to.c_str()) == 0 ? 0 : errno;
}

Result<TopicDirectory> TopicDirectory::open_any(const std::string& fabric_directory, const std::string& topic) {
  auto path = topic_path(fabric_directory, topic);
  ipc::Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) return TopicDirectory(std::move(path), std::move(directory));
  if (errno != ENOENT) return system_error("topic '" + topic + "' in " + fabric_directory, errno);
  return make_error(ErrorCode::not_found, "topic '" + topic + "' does not exist in " + fabric_directory +
                                              "; create it, or choose one of those that are there");
}

Result<TopicDirectory> TopicDirectory::open(const std::string& fabric_directory, const std::string& topic) {
  auto directory = open_any(fabric_directory, topic);
  if (!directory || !directory->is_deleted()) return directory;
  return make_error(ErrorCode::not_found, "topic '" + topic + "' is deleted in " + fabric_directory +
                                              "; create it, or choose one of those that are there");
}

bool TopicDirectory::is_deleted(const std::string& path) {
  struct stat mark {};
  return ::lstat((path + "/" + kMark).c_str(), &mark) == 0;
}

bool TopicDirectory::has(std::uint32_t partition) const noexcept {
  struct stat file {};
  return ::fstatat(directory_.get(), partition_name(partition).c_str(), &file, AT_SYMLINK_NOFOLLOW) == 0;
}

std::string TopicDirectory::path_in(const std::string& name) const {
  return "/proc/self/fd/" + std::to_string(directory_.get()) + "/" + name;
}

Result<void> TopicDirectory::link_partition(const std::string& name, std::uint32_t partition) const {
  const auto to = partition_name(partition);
  if (::linkat(directory_.get(), name.c_str(), directory_.get(), to.c_str(), 0) == 0 || errno == EEXIST) return {};
  return system_error("link " + path_ + "/" + to, errno);
}

void TopicDirectory::remove_private(const std::string& name) const noexcept { ::unlinkat(directory_.get(), name.c_str(), 0); }

bool TopicDirectory::is_deleted() const noexcept {
  struct stat mark {};
  return ::fstatat(directory_.get(), kMark, &mark, AT_SYMLINK_NOFOLLOW) == 0;
}

bool TopicDirectory::holds(std::uint32_t partition,
                           std::pair<std::uint64_t, std::uint64_t> identity) const noexcept {
  struct stat file {};
  return ::fstatat(directory_.get(), partition_name(partition).c_str(), &file, AT_SYMLINK_NOFOLLOW) == 0 &&
         file.st_dev == identity.first && file.st_ino == identity.second;
}

bool TopicDirectory::is_current() const noexcept {
  struct stat by_path {}, here {};
  return !is_deleted() && ::stat(path_.c_str(), &by_path) == 0 && ::fstat(directory_.get(), &here) == 0 &&
         by_path.st_dev == here.st_dev && by_path.st_ino == here.st_ino;
}

Result<void> TopicDirectory::unlink(const std::string& name) const {
  if (::unlinkat(directory_.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  return system_error("remove " + path_ + "/" + name, errno);
}

Result<std::vector<MemberId>> TopicDirectory::take_down_notices(const ipc::Members& members) const {
  auto names = entries_of(directory_.get(), path_);
  if (!names) return names.error();
  std::vector<MemberId> others;
  for (const auto& name : *names) {
    const auto owner = name.starts_with(kNoticeStem) ? owner_of(name) : std::nullopt;
    if (owner && !unlink(name) && members.is_alive(*owner)) others.push_back(*owner);
  }
  return others;
}

Result<bool> TopicDirectory::mark_deleted() const {
  const ipc::Descriptor mark(::openat(directory_.get(), kMark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (mark) return true;
  if (errno == EEXIST || errno == ENOENT) return false;  // ENOENT: the directory is removed already
  return system_error("delete " + path_, errno);
}

// The mark goes last: whoever sees it, or sees the files in place, knows what is so. What comes meanwhile goes as well.
Result<void> TopicDirectory::remove() const {
  for (bool found = true; found;) {
    auto names = entries_of(directory_.get(), path_);
    if (!names) return names.error();
    found = false;
    for (const auto& name : *names) {
      if (name == kMark) continue;
      found = true;
      if (auto done = unlink(name); !done) return done;
    }
  }
  if (auto done = unlink(kMark); !done) return done;
  if (::rmdir(path_.c_str()) == 0 || errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return {};
  return system_error("remove directory " + path_, errno);
}

Result<std::size_t> TopicDirectory::remove_leftovers(const ipc::Members& members) const {
  if (is_deleted()) {
    if (auto done = remove(); !done) return done.error();
    return std::size_t{1};
  }
  auto names = entries_of(directory_.get(), path_);
  if (!names) return names.error();
  std::size_t removed = 0;
  for (const auto& name : *names) {
    const auto owner = owner_of(name);
    if (!owner || members.is_alive(*owner)) continue;
    if (auto done = unlink(name); !done) return done.error();
    ++removed;
  }
  if (removed != names->size() && !has(0)) {  // of a grower that was killed while the topic was deleted
    if (auto files = ipc::remove_stale_temporaries(path_)) removed += *files;
  }
  if (removed == names->size() && ::rmdir(path_.c_str()) == 0) ++removed;
  return removed;
}

std::size_t TopicDirectory::count_leftovers() const {
  if (is_deleted()) return 1;
  const auto names = entries_of(directory_.get(), path_);
  if (!names) return 0;
  return count_temporaries(*names) + (names->empty() ? 1 : 0);
}

Result<DeletionNotice> DeletionNotice::post(const TopicDirectory& directory, MemberId self) {
  auto name = private_name(kNoticeStem, self);
  if (!name) return name.error();
  const ipc::Descriptor file(
      ::openat(directory.directory_.get(), name->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file) return DeletionNotice(directory, std::move(*name));
  return system_error("delete " + directory.path(), errno);
}

DeletionNotice::~DeletionNotice() {
  if (!name_.empty()) static_cast<void>(directory_->unlink(name_));
}

Result<bool> DeletionNotice::carry_out() {
  const int failure = rename_new(directory_->directory_.get(), name_, kMark);
  if (failure == 0) name_.clear();
  if (failure == 0 || failure == ENOENT || failure == EEXIST) return failure == 0;
  return system_error("delete " + directory_->path(), failure);
}

}  // namespace fabric
