#pragma once
// A topic's directory, held open: what is looked up in it is of this topic, whatever its path names meanwhile. And how a
// topic is deleted without anybody losing it who has begun to use it.
//
//   topics/NAME/0.ring ...                        the topic
//   topics/NAME/.deleting.<member>.<random>.tmp   a notice: this member wants to delete it if nobody uses it
//   topics/NAME/.deleted                          the mark: there is no topic here any more; its files are being removed
//
// | who deletes                                   | who begins to use it (Fabric::confirm)                             |
// | 1. posts a notice                             | 1. takes publisher lines or cursors                                |
// | 2. looks for live owners of lines and cursors | 2. takes down every notice, whosever it is                         |
// | 3. renames the notice to the mark             | 3. looks for the mark, then whether its files are still in place   |
// | 4. removes the files, the mark, the directory |    if not: gives everything back and looks for the topic again     |
//
// Either the left looks (2) after the right took its lines (1), and is refused. Or it looked before; then its notice was
// there before those lines, so the right takes it down (2) and step 3 of the left fails, or step 3 of the left came
// first and the right finds mark or missing files (3). SYNC: topic-in-use. Everything is decided by one rename of a name
// that is used once, so nobody waits for one who was stopped, and nobody repairs after one who was killed: a notice
// without its next step means nothing, and behind a mark anybody may do step 4. A forced delete makes the mark at once.
//
// *New partitions* (topic_growth.hpp). Who grows a topic makes a file under a private name in its directory, looks whether the
// topic is still there, links the file to the partition's name, and removes the private one. Who deletes removes what it finds until it
// finds nothing but the mark. A private name that came before that last look is found, and after it what it was linked to; one that came
// later is not linked any more, as the topic's files are gone. So no partition comes to lie in a directory that is no topic.
//
// Nothing is ever moved or removed by the topic's path but an empty directory: the path may name a later topic by then.
// A process that may use a topic but not write in its directory cannot take down notices; it ignores those of the dead
// and waits for the living.
//
// Thread-safe: const functions. Movable. Not for hot paths.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fabric/topic_names.hpp"
#include "ipc/file_lock.hpp"
#include "ipc/liveness.hpp"
#include "ipc/result.hpp"

namespace fabric {

// Names in an open directory, without "." and "..". Errors: permission, system.
ipc::Result<std::vector<std::string>> entries_of(int directory, const std::string& path);
// Renames in a directory (AT_FDCWD: anywhere); `to` must not exist. 0 or errno: EEXIST or ENOTEMPTY if it does.
int rename_new(int directory, const std::string& from, const std::string& to) noexcept;

class TopicDirectory {
 public:
  // Errors: not_found (no topic of that name, or it is deleted), permission, system.
  static ipc::Result<TopicDirectory> open(const std::string& fabric_directory, const std::string& topic);
  // The same, of a deleted topic as well.
  static ipc::Result<TopicDirectory> open_any(const std::string& fabric_directory, const std::string& topic);

  const std::string& path() const noexcept { return path_; }
  bool is_deleted() const noexcept;
  static bool is_deleted(const std::string& path);
  // Whether partition `partition` is this file (device and inode).
  bool holds(std::uint32_t partition, std::pair<std::uint64_t, std::uint64_t> identity) const noexcept;
  bool has(std::uint32_t partition) const noexcept;
  // The way to a file of this directory, whatever its path stands for by then. Needs /proc.
  std::string path_in(const std::string& name) const;
  // Gives the file the partition's name as well, unless there is one. Errors: not_found (it was removed: the topic is deleted), permission,
  // no_space, system.
  ipc::Result<void> link_partition(const std::string& name, std::uint32_t partition) const;
  void remove_private(const std::string& name) const noexcept;
  // Whether the topic's name still stands for this directory.
  bool is_current() const noexcept;

  // Takes down the notices. Returns the live members whose notices this process may not take down.
  ipc::Result<std::vector<ipc::MemberId>> take_down_notices(const ipc::Members& members) const;
  // Makes the mark. False: it was there, or the directory is removed. Errors: permission, no_space, system.
  ipc::Result<bool> mark_deleted() const;
  // Step 4 of a deleted topic. Errors: permission, system; then the mark stays.
  ipc::Result<void> remove() const;
  // What killed members left: the rest of a deleted topic, their notices, an empty directory. Returns how many.
  ipc::Result<std::size_t> remove_leftovers(const ipc::Members& members) const;
  // How many of these there are; temporary files and notices of the living as well.
  std::size_t count_leftovers() const;

 private:
  friend class DeletionNotice;
  TopicDirectory(std::string path, ipc::Descriptor directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}
  ipc::Result<void> unlink(const std::string& name) const;

  std::string path_;
  ipc::Descriptor directory_;
};

// Step 1 and step 3 of a delete. Taken down with its owner, which must not outlive the directory.
class DeletionNotice {
 public:
  // Errors: permission, no_space, system.
  static ipc::Result<DeletionNotice> post(const TopicDirectory& directory, ipc::MemberId self);
  DeletionNotice(DeletionNotice&& other) noexcept
      : directory_(other.directory_), name_(std::exchange(other.name_, {})) {}
  DeletionNotice& operator=(DeletionNotice&&) = delete;
  ~DeletionNotice();

  // The topic is deleted. False: somebody took the notice down, or another deleted it.
  ipc::Result<bool> carry_out();

 private:
  DeletionNotice(const TopicDirectory& directory, std::string name) : directory_(&directory), name_(std::move(name)) {}
  const TopicDirectory* directory_;
  std::string name_;
};

}  // namespace fabric
