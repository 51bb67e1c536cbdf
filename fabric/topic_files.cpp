#include "fabric/topic_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "fabric/numbered_files.hpp"
#include "fabric/topic_directory.hpp"
#include "ipc/clock.hpp"
#include "ipc/file_lock.hpp"
#include "ipc/segment.hpp"

namespace fabric {
namespace {

using ipc::ErrorCode;
using ipc::make_error;
using ipc::Result;
using ipc::system_error;

// Names in a directory. Errors: not_found, permission, system.
Result<std::vector<std::string>> entries_at(const std::string& path) {
  const ipc::Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return system_error("open directory " + path, errno);
  return entries_of(directory.get(), path);
}

// The same of DIR/topics, which need not be there yet.
Result<std::vector<std::string>> entries_of_topics(const std::string& fabric_directory) {
  auto names = entries_at(topics_directory(fabric_directory));
  if (!names && names.error().code == ErrorCode::not_found) return std::vector<std::string>();
  return names;
}

// Partition files, and what a killed creator left beside them: nothing is deeper than one level.
Result<void> remove_tree(const std::string& path) {
  auto names = entries_at(path);
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

Result<std::shared_ptr<ipc::Membership>> prepare_directory(const std::string& fabric_directory) {
  struct stat directory {};
  if (::stat(fabric_directory.c_str(), &directory) != 0)
    return system_error("fabric directory " + fabric_directory, errno);
  const mode_t mode = directory.st_mode & 07777;
  auto member = ipc::Membership::join(fabric_directory, mode & 0666);
  if (!member) return member.error();
  if (auto done = follow_directory(fabric_directory + "/members", directory, mode & 0666); !done) return done.error();
  if (auto done = prepare_subdirectory(fabric_directory, "topics"); !done) return done.error();
  return member;
}

Result<void> prepare_subdirectory(const std::string& fabric_directory, const std::string& name) {
  struct stat directory {};
  if (::stat(fabric_directory.c_str(), &directory) != 0)
    return system_error("fabric directory " + fabric_directory, errno);
  const auto path = fabric_directory + "/" + name;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_error("create directory " + path, errno);
  return follow_directory(path, directory, directory.st_mode & 07777);
}

Result<PrivateDirectory> PrivateDirectory::create(const std::string& fabric_directory, const std::string& topic,
                                                  ipc::MemberId self) {
  auto name = private_name("." + topic, self);
  if (!name) return name.error();
  auto path = topic_path(fabric_directory, *name);
  if (::mkdir(path.c_str(), 0700) != 0) return system_error("create directory " + path, errno);
  return PrivateDirectory(std::move(path));
}

PrivateDirectory::~PrivateDirectory() {
  if (!path_.empty()) static_cast<void>(remove_tree(path_));
}

Result<void> PrivateDirectory::publish(const std::string& fabric_directory, const std::string& topic) {
  const auto to = topic_path(fabric_directory, topic);
  const int failure = rename_new(AT_FDCWD, path_, to);
  if (failure == EEXIST || failure == ENOTEMPTY || failure == ENOTDIR)
    return make_error(ErrorCode::already_exists, "topic '" + topic + "' exists in " + fabric_directory +
                                                     "; choose another name, or delete it first");
  if (failure != 0) return system_error("rename " + path_ + " to " + to, failure);
  path_.clear();
  return {};
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

Result<std::size_t> count_leftovers(const std::string& fabric_directory) {
  auto own = entries_at(fabric_directory);
  if (!own) return own.error();
  auto names = entries_of_topics(fabric_directory);
  if (!names) return names.error();
  auto found = count_temporaries(*own) + count_temporaries(*names);
  for (const auto& name : *names) {
    if (!check_topic_name(name)) continue;
    if (const auto topic = TopicDirectory::open_any(fabric_directory, name)) found += topic->count_leftovers();
  }
  for (const auto* name : kNumberedDirectories) {
    const auto more = NumberedFiles(fabric_directory, name).count_leftovers();
    if (!more) return more;
    found += *more;
  }
  return found;
}

Result<std::size_t> remove_leftovers(const std::string& fabric_directory, std::size_t most_topics) {
  auto names = entries_of_topics(fabric_directory);
  if (!names) return names.error();
  auto members = ipc::Members::open(fabric_directory);
  if (!members) return members.error();
  std::size_t removed = 0;
  Result<std::size_t> outcome(removed);
  const auto note = [&](const Result<std::size_t>& done) {
    if (done) removed += *done;
    if (!done && outcome) outcome = done.error();
  };
  const auto first = names->size() > most_topics ? ipc::monotonic_ns() % names->size() : 0;
  std::size_t topics = 0;
  for (std::size_t i = 0; i < names->size(); ++i) {
    const auto& name = (*names)[(first + i) % names->size()];
    if (const auto owner = owner_of(name); owner && !members->is_alive(*owner)) {
      const auto done = remove_tree(topic_path(fabric_directory, name));
      note(done ? Result<std::size_t>(1) : done.error());
    } else if (check_topic_name(name) && topics++ < most_topics) {
      if (const auto topic = TopicDirectory::open_any(fabric_directory, name)) note(topic->remove_leftovers(*members));
    }
  }
  for (const auto* name : kNumberedDirectories) note(NumberedFiles(fabric_directory, name).remove_leftovers());
  return outcome ? Result<std::size_t>(removed) : outcome;
}

Result<std::size_t> remove_temporary_files(const std::string& fabric_directory) {
  auto names = entries_of_topics(fabric_directory);
  if (!names) return names.error();
  auto removed = ipc::remove_stale_temporaries(fabric_directory);
  for (const auto& name : *names) {
    if (!removed) return removed;
    if (!check_topic_name(name)) continue;
    auto more = ipc::remove_stale_temporaries(topic_path(fabric_directory, name));
    if (more) {
      *removed += *more;
    } else if (more.error().code != ErrorCode::not_found && more.error().system_errno != ENOTDIR) {
      return more;
    }
  }
  return removed;
}

Result<std::vector<std::string>> list_topics(const std::string& fabric_directory) {
  auto names = entries_of_topics(fabric_directory);
  if (!names) return names;
  std::erase_if(*names, [&](const std::string& name) {
    if (!check_topic_name(name)) return true;
    const auto path = topic_path(fabric_directory, name);
    struct stat file {};
    return TopicDirectory::is_deleted(path) || ::stat((path + "/" + partition_name(0)).c_str(), &file) != 0 ||
           !S_ISREG(file.st_mode);
  });
  std::sort(names->begin(), names->end());
  return names;
}

}  // namespace fabric
