#include "fabric/fabric.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "fabric/topic_files.hpp"
#include "ipc/checksum.hpp"
#include "ipc/clock.hpp"
#include "ipc/cursor.hpp"
#include "ipc/repair.hpp"

namespace fabric {
namespace {

using ipc::make_error;
using ipc::system_error;

constexpr std::uint64_t kRecoveryPatienceNs = 10'000'000'000;
constexpr auto kRecoveryNap = std::chrono::milliseconds(2);

// Files for a group that cannot get into the fabric directory would be of no use to it.
Result<void> check_mode(const std::string& directory, mode_t wanted) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) return system_error("fabric directory " + directory, errno);
  const bool group = (wanted & 060) != 0 && (info.st_mode & 010) == 0;
  const bool others = (wanted & 06) != 0 && (info.st_mode & 01) == 0;
  if (!group && !others) return {};
  char text[32];
  std::snprintf(text, sizeof text, "%03o", static_cast<unsigned>(info.st_mode & 0777));
  return make_error(ErrorCode::invalid_argument, std::string("a mode for ") + (group ? "the group" : "others") +
                                                     " is of no use: fabric directory " + directory + " has mode " +
                                                     text + "; chmod " + (group ? "g" : "o") + "+rwx it first" +
                                                     (group ? " (and chgrp it)" : ""));
}

Result<void> create_partitions(const std::string& directory, const TopicOptions& options) {
  for (std::uint32_t partition = 0; partition < options.partitions; ++partition) {
    auto ring = options.ring;
    ring.topic = options.name;
    ring.partition = partition;
    ring.partition_count = options.partitions;
    auto file = ipc::RingFile::create(partition_file(directory, partition), ring);
    if (file) continue;
    auto error = file.error();
    error.message = "topic '" + options.name + "', partition " + std::to_string(partition) + ": " + error.message;
    return error;
  }
  if (auto done = adopt_mode(directory, partition_file(directory, 0)); !done) return done;
  return options.ring.sync == ipc::SyncMode::none ? Result<void>() : sync_directory(directory);
}

// A file must be where its header says that it belongs.
Result<void> check_place(const ipc::RingHeader& header, const std::string& topic, std::uint32_t partition,
                         std::uint32_t partitions, const std::string& path) {
  const std::string name(header.topic, strnlen(header.topic, sizeof header.topic));
  if (name == topic && header.partition == partition && header.partition_count == partitions) return {};
  return make_error(ErrorCode::corrupt, path + ": this is partition " + std::to_string(header.partition) + " of " +
                                            std::to_string(header.partition_count) + " of topic '" + name + "', not " +
                                            std::to_string(partition) + " of " + std::to_string(partitions) + " of '" +
                                            topic + "'; move the file back, or restore the topic");
}

Result<std::uint32_t> count_partitions(const std::string& directory, const std::string& topic) {
  const auto path = partition_file(directory, 0);
  auto file = ipc::RingFile::attach(path, {.access = ipc::Access::read_only});
  if (!file) return file.error();
  const auto count = file->header().partition_count;
  if (count == 0 || count > kMaxPartitions)
    return make_error(ErrorCode::corrupt,
                      path + ": its header says " + std::to_string(count) + " partitions; run evf fsck");
  if (auto placed = check_place(file->header(), topic, 0, count, path); !placed) return placed.error();
  return count;
}

bool is_of_earlier_boot(const std::string& path) {
  auto file = ipc::RingFile::attach(path, {.access = ipc::Access::read_only});
  return file && !file->of_this_boot();
}

// Attaches; a ring of an earlier boot is recovered on the way, by us or by whoever was quicker.
Result<std::shared_ptr<ipc::Ring>> attach_ring(const std::string& path, const ipc::AttachOptions& options) {
  const auto until_ns = ipc::monotonic_ns() + kRecoveryPatienceNs;
  for (;;) {
    auto ring = ipc::Ring::attach(path, options);
    const bool to_recover = !ring && ring.error().code == ErrorCode::incompatible &&
                            options.access == ipc::Access::read_write && is_of_earlier_boot(path);
    if (!to_recover) return ring;
    auto recovered = ipc::recover_ring(path);
    if (recovered) continue;
    if (recovered.error().code != ErrorCode::busy || ipc::monotonic_ns() >= until_ns) return recovered.error();
    std::this_thread::sleep_for(kRecoveryNap);
  }
}

std::string describe_member(const std::vector<ipc::MemberInfo>& members, ipc::MemberId id) {
  for (const auto& member : members)
    if (member.id == id) return "process " + std::to_string(member.pid) + " (" + member.name + ")";
  return "a live process";
}

// Busy, naming the first live publisher or owner of a cursor.
Result<void> check_unused(const std::string& fabric_directory, const std::string& topic, const std::string& path) {
  auto file = ipc::RingFile::attach(path, {.access = ipc::Access::read_only});
  if (!file) return file.error();
  auto members = ipc::Members::open(fabric_directory);
  if (!members) return members.error();
  const auto busy = [&](ipc::MemberId owner, const std::string& what) {
    return make_error(ErrorCode::busy, "topic '" + topic + "' is in use: " + describe_member(members->list(), owner) +
                                           " " + what + " " + path + "; stop it, or delete by force");
  };
  const auto& map = file->map();
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
    const auto owner = map.publishers[i].owner.load(std::memory_order_acquire);
    if (owner != 0 && members->is_alive(owner)) return busy(owner, "publishes to");
  }
  for (const auto& cursor : ipc::list_cursors(map)) {
    if (cursor.owner != 0 && members->is_alive(cursor.owner))
      return busy(cursor.owner, "owns cursor '" + cursor.name + "' of");
  }
  return {};
}

}  // namespace

std::string default_directory() {
  const char* configured = std::getenv("EVF_DIR");
  return configured != nullptr && *configured != '\0' ? configured : "/dev/shm/eventfabric";
}

std::uint32_t Topic::partition_of(std::span<const std::byte> key) const noexcept {
  if (key.empty()) return 0;
  return static_cast<std::uint32_t>(ipc::hash_bytes(key.data(), key.size()) % rings_.size());
}

Result<Fabric> Fabric::open(const std::string& directory, bool create) {
  if (directory.empty())
    return make_error(ErrorCode::invalid_argument,
                      "the fabric directory has an empty name; leave it out for the default");
  std::error_code fault;
  auto path = std::filesystem::absolute(directory, fault).lexically_normal().string();
  if (fault) return system_error("find fabric directory " + directory, fault.value());
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  if (create && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error("create fabric directory " + path, errno);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return system_error("fabric directory " + path, errno);
  if (!S_ISDIR(info.st_mode))
    return make_error(ErrorCode::invalid_argument, path + " is no directory; name a directory for the fabric");
  if (::access(path.c_str(), R_OK | X_OK) != 0) return system_error("fabric directory " + path, errno);
  return Fabric(std::move(path));
}

std::string Fabric::partition_path(const std::string& topic, std::uint32_t partition) const {
  return partition_file(topics_directory(directory_) + "/" + topic, partition);
}

Result<void> Fabric::create_topic(const TopicOptions& options) const {
  if (auto named = check_topic_name(options.name); !named) return named;
  if (options.partitions == 0 || options.partitions > kMaxPartitions)
    return make_error(ErrorCode::invalid_argument, "topic '" + options.name +
                                                       "': " + std::to_string(options.partitions) +
                                                       " partitions; use 1 to " + std::to_string(kMaxPartitions));
  if (auto fits = check_mode(directory_, options.ring.file.mode); !fits) return fits;
  auto self = prepare_directory(directory_);
  if (!self) return self.error();
  static_cast<void>(remove_private_leftovers(directory_));  // others' may not be ours to remove
  if (::access((topics_directory(directory_) + "/" + options.name).c_str(), F_OK) == 0)
    return make_error(ErrorCode::already_exists, "topic '" + options.name + "' exists in " + directory_ +
                                                     "; choose another name, or delete it first");
  auto building = PrivateDirectory::create(directory_, options.name, (*self)->id());
  if (!building) return building.error();
  if (auto built = create_partitions(building->path(), options); !built) return built;
  if (auto published = building->publish(directory_, options.name); !published) return published;
  return options.ring.sync == ipc::SyncMode::none ? Result<void>() : sync_directory(topics_directory(directory_));
}

// The topic's directory. Errors: invalid_argument, not_found.
Result<std::string> Fabric::existing_topic(const std::string& name) const {
  if (auto named = check_topic_name(name); !named) return named.error();
  auto path = topics_directory(directory_) + "/" + name;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return path;
  if (errno != ENOENT) return system_error("topic '" + name + "' in " + directory_, errno);
  return make_error(ErrorCode::not_found, "topic '" + name + "' does not exist in " + directory_ +
                                              "; create it, or choose one of those that are there");
}

Result<void> Fabric::delete_topic(const std::string& name, bool force) const {
  auto path = existing_topic(name);
  if (!path) return path.error();
  if (!force) {
    auto partitions = count_partitions(*path, name);
    if (!partitions) return partitions.error();
    for (std::uint32_t partition = 0; partition < *partitions; ++partition) {
      if (auto unused = check_unused(directory_, name, partition_file(*path, partition)); !unused) return unused;
    }
  }
  auto self = prepare_directory(directory_);
  if (!self) return self.error();
  auto taken = PrivateDirectory::take_topic(directory_, name, (*self)->id());
  if (!taken) return taken.error();
  static_cast<void>(remove_private_leftovers(directory_));
  return taken->remove();
}

Result<std::vector<std::string>> Fabric::topic_names() const { return list_topics(directory_); }

Result<TopicInfo> Fabric::describe_topic(const std::string& name) const {
  auto path = existing_topic(name);
  if (!path) return path.error();
  auto partitions = count_partitions(*path, name);
  if (!partitions) return partitions.error();
  TopicInfo info{.name = name, .partitions = *partitions};
  for (std::uint32_t partition = 0; partition < *partitions; ++partition) {
    const auto file_path = partition_file(*path, partition);
    auto file = ipc::RingFile::attach(file_path, {.access = ipc::Access::read_only});
    if (!file) return file.error();
    if (auto placed = check_place(file->header(), name, partition, *partitions, file_path); !placed)
      return placed.error();
    if (partition == 0) info.header = file->header();
    info.file_bytes += file->header().file_bytes;
  }
  return info;
}

Result<std::shared_ptr<const Topic>> Fabric::topic(const std::string& name, ipc::Access access) const {
  auto path = existing_topic(name);
  if (!path) return path.error();
  auto partitions = count_partitions(*path, name);
  if (!partitions) return partitions.error();
  std::shared_ptr<Topic> topic(new Topic);
  topic->name_ = name;
  for (std::uint32_t partition = 0; partition < *partitions; ++partition) {
    const auto file_path = partition_file(*path, partition);
    auto ring = attach_ring(file_path, {.access = access, .members_directory = directory_});
    if (!ring) return ring.error();
    if (auto placed = check_place((*ring)->file().header(), name, partition, *partitions, file_path); !placed)
      return placed.error();
    topic->rings_.push_back(std::move(*ring));
  }
  return std::shared_ptr<const Topic>(std::move(topic));
}

Result<std::size_t> Fabric::remove_leftovers() const { return remove_private_leftovers(directory_); }

}  // namespace fabric
