#include "fabric/topic_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>

#include "ipc/file_lock.hpp"

namespace fabric {
namespace {

using ipc::ErrorCode;
using ipc::make_error;
using ipc::Result;
using ipc::system_error;

constexpr char kTopicsName[] = "/topics";
constexpr char kPrivateSuffix[] = ".tmp";

std::string topic_path(const std::string& fabric_directory, const std::string& topic) {
  return topics_directory(fabric_directory) + "/" + topic;
}

// Names in a directory, without "." and "..". Errors: not_found, permission.
Result<std::vector<std::string>> entries_of(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return system_error("open directory " + path, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const auto* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return system_error("read directory " + path, errno);
  return names;
}

// Partition files, and what a killed creator left beside them: nothing is deeper than one level.
Result<void> remove_tree(const std::string& path) {
  auto names = entries_of(path);
  if (!names) {
    if (names.error().code == ErrorCode::not_found) return {};
    return names.error();
  }
  for (const auto& name : *names) {
    const auto file = path + "/" + name;
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return system_error("remove " + file, errno);
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return system_error("remove directory " + path, errno);
  return {};
}

std::string hexadecimal(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

Result<std::string> private_path(const std::string& fabric_directory, const std::string& topic, ipc::MemberId self) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random)
    return system_error("getrandom for a private name", errno);
  return topics_directory(fabric_directory) + "/." + topic + "." + hexadecimal(self) + "." + hexadecimal(random) +
         kPrivateSuffix;
}

// The member in ".NAME.<16 digits>.<16 digits>.tmp"; nullopt: not one of ours.
std::optional<ipc::MemberId> owner_of(std::string_view name) {
  constexpr std::size_t kTail = 1 + 16 + 1 + 16 + sizeof kPrivateSuffix - 1;
  if (name.size() < kTail + 2 || name.front() != '.' || !name.ends_with(kPrivateSuffix)) return std::nullopt;
  const auto tail = name.substr(name.size() - kTail);
  if (tail[0] != '.' || tail[17] != '.') return std::nullopt;
  ipc::MemberId owner = 0;
  const auto [end, fault] = std::from_chars(tail.data() + 1, tail.data() + 17, owner, 16);
  if (fault != std::errc() || end != tail.data() + 17 || owner == 0) return std::nullopt;
  return owner;
}

// Renames without replacing anything; where the file system cannot say so, rename(2) still refuses to replace a
// directory that is not empty.
int rename_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

// Mode and group of the fabric directory decide who takes part, so what lies in it follows them. Only its owner can do
// it.
Result<void> follow_directory(const std::string& path, const struct stat& directory, mode_t mode) {
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0) return system_error("stat " + path, errno);
  if (now.st_uid != ::geteuid()) return {};
  if (now.st_gid != directory.st_gid && ::chown(path.c_str(), static_cast<uid_t>(-1), directory.st_gid) != 0)
    return system_error("give " + path + " the group of its fabric directory", errno);
  if ((now.st_mode & 07777) != mode && ::chmod(path.c_str(), mode) != 0) return system_error("chmod " + path, errno);
  return {};
}

}  // namespace

Result<void> check_topic_name(const std::string& name) {
  const auto bad = [&](const std::string& why) {
    return make_error(ErrorCode::invalid_argument,
                      "topic name '" + name + "' " + why + "; use 1 to 120 of the characters A-Z a-z 0-9 . _ -");
  };
  if (name.empty()) return bad("is empty");
  if (name.size() > kMaxTopicName) return bad("has " + std::to_string(name.size()) + " bytes");
  if (name.front() == '.') return bad("starts with a dot");
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (!std::all_of(name.begin(), name.end(), allowed)) return bad("has other characters");
  return {};
}

std::string topics_directory(const std::string& fabric_directory) { return fabric_directory + kTopicsName; }

std::string partition_file(const std::string& topic_directory, std::uint32_t partition) {
  return topic_directory + "/" + std::to_string(partition) + ".ring";
}

Result<std::shared_ptr<ipc::Membership>> prepare_directory(const std::string& fabric_directory) {
  struct stat directory {};
  if (::stat(fabric_directory.c_str(), &directory) != 0)
    return system_error("fabric directory " + fabric_directory, errno);
  const mode_t mode = directory.st_mode & 07777;
  auto member = ipc::Membership::join(fabric_directory, mode & 0666);
  if (!member) return member.error();
  if (auto done = follow_directory(fabric_directory + "/members", directory, mode & 0666); !done) return done.error();
  const auto topics = topics_directory(fabric_directory);
  if (::mkdir(topics.c_str(), 0700) != 0 && errno != EEXIST) return system_error("create directory " + topics, errno);
  if (auto done = follow_directory(topics, directory, mode); !done) return done.error();
  return member;
}

Result<PrivateDirectory> PrivateDirectory::create(const std::string& fabric_directory, const std::string& topic,
                                                  ipc::MemberId self) {
  auto path = private_path(fabric_directory, topic, self);
  if (!path) return path.error();
  if (::mkdir(path->c_str(), 0700) != 0) return system_error("create directory " + *path, errno);
  return PrivateDirectory(std::move(*path));
}

Result<PrivateDirectory> PrivateDirectory::take_topic(const std::string& fabric_directory, const std::string& topic,
                                                      ipc::MemberId self) {
  auto path = private_path(fabric_directory, topic, self);
  if (!path) return path.error();
  const auto from = topic_path(fabric_directory, topic);
  if (const int failure = rename_new(from, *path); failure != 0) return system_error("take " + from + " away", failure);
  return PrivateDirectory(std::move(*path));
}

PrivateDirectory::~PrivateDirectory() {
  if (!path_.empty()) static_cast<void>(remove_tree(path_));
}

Result<void> PrivateDirectory::publish(const std::string& fabric_directory, const std::string& topic) {
  const auto to = topic_path(fabric_directory, topic);
  const int failure = rename_new(path_, to);
  if (failure == EEXIST || failure == ENOTEMPTY || failure == ENOTDIR)
    return make_error(ErrorCode::already_exists, "topic '" + topic + "' exists in " + fabric_directory +
                                                     "; choose another name, or delete it first");
  if (failure != 0) return system_error("rename " + path_ + " to " + to, failure);
  path_.clear();
  return {};
}

Result<void> PrivateDirectory::remove() {
  auto removed = remove_tree(path_);
  if (removed) path_.clear();
  return removed;
}

Result<void> adopt_mode(const std::string& topic_directory, const std::string& file) {
  struct stat of_file {};
  if (::stat(file.c_str(), &of_file) != 0) return system_error("stat " + file, errno);
  struct stat of_directory {};
  if (::stat(topic_directory.c_str(), &of_directory) != 0) return system_error("stat " + topic_directory, errno);
  const mode_t readable = of_file.st_mode & 044;
  if (of_directory.st_gid != of_file.st_gid &&
      ::chown(topic_directory.c_str(), static_cast<uid_t>(-1), of_file.st_gid) != 0)
    return system_error("chown " + topic_directory, errno);
  if (::chmod(topic_directory.c_str(), 0700 | readable | readable >> 2) != 0)
    return system_error("chmod " + topic_directory, errno);
  return {};
}

Result<void> sync_directory(const std::string& path) {
  const ipc::Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return system_error("open directory " + path, errno);
  if (::fsync(directory.get()) != 0 && errno != EINVAL) return system_error("write back directory " + path, errno);
  return {};
}

Result<std::size_t> remove_private_leftovers(const std::string& fabric_directory) {
  const auto topics = topics_directory(fabric_directory);
  auto names = entries_of(topics);
  if (!names) {
    if (names.error().code == ErrorCode::not_found) return std::size_t{0};
    return names.error();
  }
  auto members = ipc::Members::open(fabric_directory);
  if (!members) return members.error();
  std::size_t removed = 0;
  for (const auto& name : *names) {
    const auto owner = owner_of(name);
    if (!owner || members->is_alive(*owner)) continue;
    if (auto done = remove_tree(topics + "/" + name); !done) return done.error();
    ++removed;
  }
  return removed;
}

Result<std::vector<std::string>> list_topics(const std::string& fabric_directory) {
  const auto topics = topics_directory(fabric_directory);
  auto names = entries_of(topics);
  if (!names) {
    if (names.error().code == ErrorCode::not_found) return std::vector<std::string>();
    return names.error();
  }
  std::erase_if(*names, [&](const std::string& name) {
    struct stat file {};
    return !check_topic_name(name) || ::stat(partition_file(topics + "/" + name, 0).c_str(), &file) != 0 ||
           !S_ISREG(file.st_mode);
  });
  std::sort(names->begin(), names->end());
  return names;
}

}  // namespace fabric
