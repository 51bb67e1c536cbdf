#pragma once
// The files of all topics: how a topic appears whole, who may get at it, what is found, and what the killed left. How it
// disappears: topic_directory.hpp. Names: topic_names.hpp. Internal to fabric/; tools ask fabric.hpp.
//
//   DIR/members                      who lives; its mode and group follow DIR
//   DIR/topics/NAME/0.ring ...       a topic
//   DIR/topics/.NAME.<...>.tmp/      one that is being made
//
// Thread-safe: all functions. Not for hot paths.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fabric/topic_names.hpp"
#include "ipc/liveness.hpp"
#include "ipc/result.hpp"

namespace fabric {

// Registers this process in DIR/members and makes DIR/topics; both get mode and group of DIR.
// Errors: permission, not_found, those of Membership::join.
ipc::Result<std::shared_ptr<ipc::Membership>> prepare_directory(const std::string& fabric_directory);

// DIR/NAME with mode and group of DIR, unless it is there. Errors: permission, not_found (DIR), no_space, system.
ipc::Result<void> prepare_subdirectory(const std::string& fabric_directory, const std::string& name);

// A private directory of this process; removed with what is in it unless it was published.
class PrivateDirectory {
 public:
  // An empty one, mode 0700. Errors: permission, no_space, system.
  static ipc::Result<PrivateDirectory> create(const std::string& fabric_directory, const std::string& topic,
                                              ipc::MemberId self);

  PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory();

  const std::string& path() const noexcept { return path_; }
  // Renames it to topics/NAME. Errors: already_exists, permission, system.
  ipc::Result<void> publish(const std::string& fabric_directory, const std::string& topic);

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Gives a topic's directory the mode that fits its files' (read on them means read and search on it) and their group.
ipc::Result<void> adopt_mode(const std::string& topic_directory, const std::string& file);
// Writes a directory's entries back to the device. A no-op on tmpfs.
ipc::Result<void> sync_directory(const std::string& path);

// Temporary files and directories (also of numbered_files.hpp), rests of deleted topics, notices: of the killed, and of
// those that are at work.
ipc::Result<std::size_t> count_leftovers(const std::string& fabric_directory);
// Removes what killed creators and deleters of topics left; goes on behind what it cannot remove, and returns the first
// such failure at the end. Looks into at most `most_topics` of the topics' directories, beginning anywhere: who creates or deletes does not pay
// for thousands of others each time.
ipc::Result<std::size_t> remove_leftovers(const std::string& fabric_directory, std::size_t most_topics = ~std::size_t{0});
// Removes the temporary files of killed creators of rings and of the members file.
ipc::Result<std::size_t> remove_temporary_files(const std::string& fabric_directory);
// Names of all topics, sorted.
ipc::Result<std::vector<std::string>> list_topics(const std::string& fabric_directory);

}  // namespace fabric
