#include "fabric/fabric.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "fabric/topic_attach.hpp"
#include "fabric/topic_directory.hpp"
#include "fabric/topic_files.hpp"
#include "fabric/topic_growth.hpp"
#include "ipc/clock.hpp"
#include "ipc/cursor.hpp"

namespace fabric {
namespace {

using ipc::make_error;
using ipc::system_error;

constexpr auto kNap = std::chrono::milliseconds(2);
constexpr std::size_t kTopicsLookedInto = 64;  // for what the killed left, by each create and delete
constexpr int kMostGenerations = 100;  // of a topic that is deleted and made anew while we look at it

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
    auto file = ipc::RingFile::create(directory + "/" + partition_name(partition), ring);
    if (file) continue;
    auto error = file.error();
    error.message = "topic '" + options.name + "', partition " + std::to_string(partition) + ": " + error.message;
    return error;
  }
  if (auto done = adopt_mode(directory, directory + "/" + partition_name(0)); !done) return done;
  return options.ring.sync == ipc::SyncMode::none ? Result<void>() : sync_directory(directory);
}

Result<std::uint32_t> count_partitions(const ipc::RingHeader& header, const std::string& topic,
                                       const std::string& path) {
  const auto count = header.partition_count;
  if (count == 0 || count > kMaxPartitions)
    return make_error(ErrorCode::corrupt,
                      path + ": its header says " + std::to_string(count) + " partitions; run evf fsck");
  if (auto placed = check_place(header, topic, 0, count, path); !placed) return placed.error();
  return count;
}

Error changes_all_the_time(const std::string& topic) {
  return make_error(ErrorCode::busy, "topic '" + topic + "' is deleted and made anew all the time; try again");
}

// What `attach(path)` makes of every partition.
template <class Attach, class File = typename std::invoke_result_t<Attach, std::string>::value_type>
Result<std::vector<File>> attach_partitions(const std::string& directory, const std::string& name,
                                            const Attach& attach) {
  std::vector<File> files;
  std::uint32_t base = 1, count = 1;
  for (std::uint32_t partition = 0; partition < count; ++partition) {
    const auto path = directory + "/" + partition_name(partition);
    auto file = attach(path);
    if (!file) return file.error();
    const auto& header = file_of(*file).header();
    if (partition == 0) {
      auto counted = count_partitions(header, name, path);
      if (!counted) return counted.error();
      base = count = *counted;
    }
    if (auto placed = check_place(header, name, partition, born_count(base, partition), path); !placed)
      return placed.error();
    // A route says that the topic has grown only once the files are there.
    if (const auto route = route_of(file_of(*file).map(), base, partition)) count = std::max(count, route->existing());
    files.push_back(std::move(*file));
  }
  return files;
}

// Attaches all partitions, of one generation of the topic: partitions are attached by path one after another, so
// it is checked afterwards that they lie in one directory and that the topic's name still stands for it.
template <class Attach>
auto attach_one_generation(const std::string& fabric_directory, const std::string& name, const Attach& attach)
    -> decltype(attach_partitions(fabric_directory, name, attach)) {
  if (auto named = check_topic_name(name); !named) return named.error();
  for (int generation = 0; generation < kMostGenerations; ++generation) {
    auto directory = TopicDirectory::open(fabric_directory, name);
    if (!directory) return directory.error();
    auto files = attach_partitions(directory->path(), name, attach);
    if (directory->is_current() && (!files || are_in(*directory, *files))) return files;
  }
  return changes_all_the_time(name);
}

Result<ipc::RingFile> attach_to_look(const std::string& path) {
  return ipc::RingFile::attach(path, {.access = ipc::Access::read_only});
}

std::string describe_member(const ipc::Members& members, ipc::MemberId id) {
  for (const auto& member : members.list())
    if (member.id == id) return "process " + std::to_string(member.pid) + " (" + member.name + ")";
  return "a live process";
}

// Busy, naming the first live publisher or owner of a cursor.
Result<void> check_unused(const ipc::Members& members, const std::string& topic, const ipc::RingFile& file) {
  const auto busy = [&](ipc::MemberId owner, const std::string& what) {
    return make_error(ErrorCode::busy, "topic '" + topic + "' is in use: " + describe_member(members, owner) + " " +
                                           what + " " + file.path() + "; stop it, or delete by force");
  };
  const auto& map = file.map();
  for (std::uint32_t i = 0; i < map.max_publishers; ++i) {
    const auto owner = map.publishers[i].owner.load(std::memory_order_acquire);
    if (owner != 0 && members.is_alive(owner)) return busy(owner, "publishes to");
  }
  for (const auto& cursor : ipc::list_cursors(map)) {
    if (cursor.owner != 0 && members.is_alive(cursor.owner))
      return busy(cursor.owner, "owns cursor '" + cursor.name + "' of");
  }
  return {};
}

// True: deleted. False: somebody attached meanwhile, or another deleted it. (topic_directory.hpp, the left column.)
Result<bool> delete_unused(const std::string& fabric_directory, const std::string& name,
                           const TopicDirectory& directory, ipc::MemberId self) {
  auto notice = DeletionNotice::post(directory, self);
  if (!notice) return notice.error();
  auto files = attach_partitions(directory.path(), name, attach_to_look);
  if (!files) return files.error();
  if (!are_in(directory, *files)) return false;
  auto members = ipc::Members::open(fabric_directory);
  if (!members) return members.error();
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: topic-in-use
  for (const auto& file : *files)
    if (auto unused = check_unused(*members, name, file); !unused) return unused.error();
  return notice->carry_out();
}

}  // namespace

std::string default_directory() {
  const char* configured = std::getenv("EVF_DIR");
  return configured != nullptr && *configured != '\0' ? configured : "/dev/shm/eventfabric";
}

Topic::Topic(std::string name, std::vector<std::shared_ptr<ipc::Ring>> rings)
    : name_(std::move(name)),
      rings_(std::move(rings)),
      base_(rings_[0]->file().header().partition_count),
      route_word_(rings_[0]->map().control->route.load(std::memory_order_seq_cst)) {
  if (has_outgrown(route_word_)) route_word_ = ~std::uint64_t{0};  // announced while we attached: no word that it can have
}

bool Topic::has_outgrown(std::uint64_t route_word) const noexcept {
  const auto route = read_route(route_word, base_, 0);
  return route && route->existing() > partitions();
}

std::uint32_t Topic::partition_of(std::span<const std::byte> key) const noexcept {
  if (key.empty()) return 0;
  return place_of(hash_of_key(key), base_, [this](std::uint32_t partition) {
    if (partition >= partitions()) return std::uint32_t{0};
    const auto route = route_of(rings_[partition]->map(), base_, partition);
    return route ? route->count : 0;
  });
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
  return topic_path(directory_, topic) + "/" + partition_name(partition);
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
  static_cast<void>(fabric::remove_leftovers(directory_, kTopicsLookedInto));  // others' may not be ours to remove
  const auto path = topic_path(directory_, options.name);
  if (TopicDirectory::is_deleted(path))
    return make_error(ErrorCode::busy, "topic '" + options.name + "' is deleted in " + directory_ +
                                           ", but its files are not removed yet; try again, or run evf doctor --fix "
                                           "as their owner");
  if (::access(path.c_str(), F_OK) == 0)
    return make_error(ErrorCode::already_exists, "topic '" + options.name + "' exists in " + directory_ +
                                                     "; choose another name, or delete it first");
  auto building = PrivateDirectory::create(directory_, options.name, (*self)->id());
  if (!building) return building.error();
  if (auto built = create_partitions(building->path(), options); !built) return built;
  if (auto published = building->publish(directory_, options.name); !published) return published;
  return options.ring.sync == ipc::SyncMode::none ? Result<void>() : sync_directory(topics_directory(directory_));
}

Result<void> Fabric::delete_topic(const std::string& name, bool force) const {
  if (auto named = check_topic_name(name); !named) return named;
  std::shared_ptr<ipc::Membership> self;
  for (int generation = 0; generation < kMostGenerations; ++generation) {
    auto directory = TopicDirectory::open(directory_, name);
    if (!directory) return directory.error();
    if (!self) {
      auto prepared = prepare_directory(directory_);
      if (!prepared) return prepared.error();
      self = std::move(*prepared);
    }
    const auto deleted =
        force ? directory->mark_deleted() : delete_unused(directory_, name, *directory, self->id());
    if (deleted && *deleted) {
      static_cast<void>(fabric::remove_leftovers(directory_, kTopicsLookedInto));
      return directory->remove();
    }
    if (!deleted && directory->is_current()) return deleted.error();
  }
  return changes_all_the_time(name);
}

Result<std::vector<std::string>> Fabric::topic_names() const { return list_topics(directory_); }

Result<TopicInfo> Fabric::describe_topic(const std::string& name) const {
  auto files = attach_one_generation(directory_, name, attach_to_look);
  if (!files) return files.error();
  TopicInfo info{.name = name, .partitions = static_cast<std::uint32_t>(files->size()), .header = (*files)[0].header()};
  info.base = info.header.partition_count;
  for (std::uint32_t partition = 0; partition < info.partitions; ++partition) {
    const auto& file = (*files)[partition];
    const auto route = route_of(file.map(), info.base, partition);
    info.growing = info.growing || (route && route->count < info.partitions);
    info.file_bytes += file.header().file_bytes;
  }
  return info;
}

Result<std::shared_ptr<const Topic>> Fabric::topic(const std::string& name, ipc::Access access) const {
  auto rings = attach_one_generation(directory_, name, [&](const std::string& path) {
    return attach_ring(path, {.access = access, .members_directory = directory_});
  });
  if (!rings) return rings.error();
  const auto was_recovered = [](const auto& ring) { return ring->file().boots() != 0; };
  if (access == ipc::Access::read_write && std::any_of(rings->begin(), rings->end(), was_recovered)) {
    if (auto done = complete_growth(directory_, name, *rings); !done) return done.error();
  }
  return std::shared_ptr<const Topic>(new Topic(name, std::move(*rings)));
}

Result<std::shared_ptr<const Topic>> Fabric::grown(const Topic& topic) const {
  const auto access = topic.ring(0)->writable() ? ipc::Access::read_write : ipc::Access::read_only;
  const auto count_now = [](const auto& rings, std::uint32_t base) {
    std::uint32_t count = 0;
    for (std::uint32_t partition = 0; partition < rings.size(); ++partition)
      if (const auto route = route_of(rings[partition]->map(), base, partition)) count = std::max(count, route->existing());
    return count;
  };
  auto directory = TopicDirectory::open(directory_, topic.name());
  if (!directory) return directory.error();
  auto rings = topic.rings_;
  for (auto count = count_now(rings, topic.base()); count > rings.size(); count = count_now(rings, topic.base())) {
    auto attached = attach_more(*directory, topic.name(), topic.base(), count,
                                {.access = access, .members_directory = directory_}, rings);
    if (!attached && directory->is_current()) return attached.error();
    if (!attached) break;
  }
  if (!directory->is_current() || directory->is_deleted() || !are_in(*directory, rings))
    return make_error(ErrorCode::not_found, "topic '" + topic.name() + "' was deleted; attach again");
  return std::shared_ptr<const Topic>(new Topic(topic.name(), std::move(rings)));
}

// Grows the topic that has the name; looks for it again if that is deleted meanwhile.
Result<void> Fabric::grow_topic(const std::string& name, std::uint32_t partitions) const {
  if (auto named = check_topic_name(name); !named) return named;
  auto self = prepare_directory(directory_);
  if (!self) return self.error();
  static_cast<void>(fabric::remove_leftovers(directory_));  // others' may not be ours to remove
  for (int generation = 0; generation < kMostGenerations; ++generation) {
    auto directory = TopicDirectory::open(directory_, name);
    if (!directory) return directory.error();
    auto attached = topic(name, ipc::Access::read_write);
    if (!attached) return attached.error();
    auto rings = (*attached)->rings_;
    if (!are_in(*directory, rings)) continue;
    auto done = Growth(*directory, name, directory_, (*self)->id(), rings).grow_to(partitions);
    if (directory->is_current() && !directory->is_deleted()) return done;
  }
  return changes_all_the_time(name);
}

// topic_directory.hpp, the right column.
Result<bool> Fabric::confirm(const Topic& topic, std::uint64_t timeout_ns) const {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: topic-in-use
  const auto& members = topic.ring(0)->members();
  const auto start_ns = ipc::monotonic_ns();
  for (;;) {
    auto directory = TopicDirectory::open(directory_, topic.name());
    if (!directory && directory.error().code == ErrorCode::not_found) return false;
    if (!directory) return directory.error();
    auto deleters = directory->take_down_notices(members);
    if (!deleters) return deleters.error();
    if (deleters->empty()) return !directory->is_deleted() && are_in(*directory, topic.rings_);
    if (ipc::monotonic_ns() - start_ns >= timeout_ns)
      return make_error(ErrorCode::busy, "topic '" + topic.name() + "' is being deleted by " +
                                             describe_member(members, deleters->front()) +
                                             ", whose notice this process may not take down; try again");
    std::this_thread::sleep_for(kNap);
  }
}

Result<std::size_t> Fabric::count_leftovers() const { return fabric::count_leftovers(directory_); }

Result<std::size_t> Fabric::remove_leftovers() const {
  auto removed = fabric::remove_leftovers(directory_);
  if (!removed) return removed;
  auto files = remove_temporary_files(directory_);
  if (!files) return files;
  return *removed + *files;
}

}  // namespace fabric
