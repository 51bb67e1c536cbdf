#pragma once
// The files of a topic: how they appear whole, disappear whole, and are found. Used by fabric.cpp only.
//
//   DIR/members                          who lives; its mode and group follow DIR
//   DIR/topics/NAME/0.ring ...           a topic
//   DIR/topics/.NAME.<member>.<random>.tmp/   one that is being made or deleted by the member with this id
//   (hexadecimal)
//
// A member killed half way leaves only such a private directory. Its id is never used again and its death is proven by
// the kernel (ipc/liveness.hpp), so whoever makes or deletes a topic next removes what the dead left. Thread-safe: all
// functions. Not for hot paths.

#include <string>
#include <vector>

#include "ipc/liveness.hpp"
#include "ipc/result.hpp"

namespace fabric {

inline constexpr std::uint32_t kMaxPartitions = 1024;
inline constexpr std::size_t kMaxTopicName = 120;

// Errors: invalid_argument, saying which rule the name breaks.
ipc::Result<void> check_topic_name(const std::string& name);

std::string topics_directory(const std::string& fabric_directory);
std::string partition_file(const std::string& topic_directory, std::uint32_t partition);

// Registers this process in DIR/members and makes DIR/topics; both get mode and group of DIR.
// Errors: permission, not_found, those of Membership::join.
ipc::Result<std::shared_ptr<ipc::Membership>> prepare_directory(const std::string& fabric_directory);

// A private directory of this process; removed with what is in it unless it was published or has taken over a topic's
// files.
class PrivateDirectory {
 public:
  // An empty one, mode 0700. Errors: permission, no_space, system.
  static ipc::Result<PrivateDirectory> create(const std::string& fabric_directory, const std::string& topic,
                                              ipc::MemberId self);
  // Renames the topic's directory to a private one: nobody finds it any more. Errors: not_found, permission, system.
  static ipc::Result<PrivateDirectory> take_topic(const std::string& fabric_directory, const std::string& topic,
                                                  ipc::MemberId self);

  PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory();

  const std::string& path() const noexcept { return path_; }
  // Renames it to topics/NAME. Errors: already_exists, permission, system.
  ipc::Result<void> publish(const std::string& fabric_directory, const std::string& topic);
  // Removes it now and says what stood in the way. Errors: permission, system.
  ipc::Result<void> remove();

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Gives a topic's directory the mode that fits its files' (read on them means read and search on it) and their group.
ipc::Result<void> adopt_mode(const std::string& topic_directory, const std::string& file);
// Writes a directory's entries back to the device. A no-op on tmpfs.
ipc::Result<void> sync_directory(const std::string& path);

// Removes the private directories of dead members; returns how many.
ipc::Result<std::size_t> remove_private_leftovers(const std::string& fabric_directory);
// Names of all topics, sorted.
ipc::Result<std::vector<std::string>> list_topics(const std::string& fabric_directory);

}  // namespace fabric
