#pragma once
// START HERE. A fabric is a directory of topics; processes of one host meet in it, no daemon between them.
//
//   auto fabric = fabric::Fabric::open();                                     // $EVF_DIR, or /dev/shm/eventfabric
//   fabric->create_topic({.name = "orders", .partitions = 4});
//   auto producer = fabric::Producer::open(*fabric, "orders");                // delivery/producer.hpp
//   producer->publish(key, payload);
//   auto consumer = fabric::Consumer::join(*fabric, "orders", {.group = "billing"});   // delivery/consumer.hpp
//   consumer->poll([](const fabric::Delivery& delivery) { ... });
//   consumer->ack();
//
// On disk (or in memory):  DIR/members   DIR/topics/NAME/0.ring, 1.ring, ...
// A topic appears and disappears whole: it is made under another name and renamed, and deleted by one rename of a file
// in it (topic_directory.hpp). What creators and deleters leave that are killed half way is removed by the next
// create_topic() or delete_topic() once their death is proven. Who may take part is decided by mode and group of DIR, which `members` and `topics` follow; who may use a topic by those
// of its files (TopicOptions.ring.file). Thread-safe: Fabric and Topic are immutable after they were opened.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ipc/result.hpp"
#include "ipc/ring.hpp"

namespace fabric {

template <class T>
using Result = ipc::Result<T>;
using ipc::Error;
using ipc::ErrorCode;

// $EVF_DIR if set and not empty, otherwise /dev/shm/eventfabric.
std::string default_directory();

struct TopicOptions {
  std::string name{};            // 1-120 bytes of [A-Za-z0-9._-], not starting with '.'
  std::uint32_t partitions = 1;  // 1 to 1024; a key belongs to one of them
  ipc::RingOptions ring{};       // geometry of every partition; topic, partition and partition_count are filled in
};

// What the files of a topic say, read without attaching for writing.
struct TopicInfo {
  std::string name;
  std::uint32_t partitions = 0;
  std::uint32_t base = 0;        // with how many it was made
  bool growing = false;          // grow_topic() is at work, or was killed: once more completes it
  ipc::RingHeader header{};      // of partition 0
  std::uint64_t file_bytes = 0;  // of all partitions
};

class Topic {
 public:
  const std::string& name() const noexcept { return name_; }
  std::uint32_t partitions() const noexcept { return static_cast<std::uint32_t>(rings_.size()); }
  const std::shared_ptr<ipc::Ring>& ring(std::uint32_t partition) const { return rings_[partition]; }
  // XXH3-64 of the key modulo the number of partitions: the same from every process and binding. Empty keys go to
  // partition 0. While the topic grows, as far as it has come for this key now (topic_route.hpp).
  std::uint32_t partition_of(std::span<const std::byte> key) const noexcept;

  // With how many partitions it was made; it has doubled since, or not.
  std::uint32_t base() const noexcept { return base_; }
  // Whether there are more partitions by now: Fabric::grown() attaches them. One load while nothing changes.
  bool is_outgrown() const noexcept {
    const auto word = rings_[0]->map().control->route.load(std::memory_order_seq_cst);  // SYNC: growth-cursor
    return word != route_word_ && has_outgrown(word);
  }

 private:
  friend class Fabric;
  Topic(std::string name, std::vector<std::shared_ptr<ipc::Ring>> rings);
  bool has_outgrown(std::uint64_t route_word) const noexcept;
  std::string name_;
  std::vector<std::shared_ptr<ipc::Ring>> rings_;
  std::uint32_t base_;
  std::uint64_t route_word_;  // of partition 0, when it was attached
};

class Fabric {
 public:
  // Creates the directory (mode 0700 unless it exists; not its parents) unless `create` is false.
  // Errors: invalid_argument, not_found, permission, system.
  static Result<Fabric> open(const std::string& directory = default_directory(), bool create = true);

  const std::string& directory() const noexcept { return directory_; }

  // Errors: invalid_argument (name, partitions, geometry; a mode for others whom the fabric directory does not let in),
  // already_exists, no_space, permission. Atomic. Blocks on the file system.
  Result<void> create_topic(const TopicOptions& options) const;
  // Errors: not_found, busy (a live publisher, or a live reader with a cursor), corrupt or incompatible (so nobody can
  // tell who uses it), permission. With `force` nobody is asked. Processes that have it mapped keep what they have;
  // nobody else finds it any more. One that attaches at this moment either has it first, and then it is not deleted, or
  // finds it gone (Producer::open and Consumer::join see to that; others: confirm()). Atomic.
  Result<void> delete_topic(const std::string& name, bool force = false) const;
  // Names, sorted. Entries that are no topics are left out.
  Result<std::vector<std::string>> topic_names() const;
  Result<TopicInfo> describe_topic(const std::string& name) const;
  // Attaches to all partitions, all of one generation of the topic. Errors: not_found, permission, corrupt,
  // incompatible, busy. A ring on disk of an earlier boot is recovered first (read-write only; waits up to 10 s while
  // another process does it).
  Result<std::shared_ptr<const Topic>> topic(const std::string& name,
                                             ipc::Access access = ipc::Access::read_write) const;
  // Doubles the number of partitions until there are so many, while publishers and consumers go on. The order of each
  // key is kept: what a group gets from a new partition comes after everything it had from the old one. A grower that
  // was killed or is stopped half way holds nobody up, and the next one completes it; several may run at the same time.
  // Errors: invalid_argument (not the present number times a power of two; fewer; more than 1024), not_found, no_space,
  // permission, busy, corrupt. Blocks on the file system.
  Result<void> grow_topic(const std::string& name, std::uint32_t partitions) const;
  // The same topic with the partitions that it has grown since; the rings it had are shared. Errors: those of topic();
  // not_found: it was deleted meanwhile.
  Result<std::shared_ptr<const Topic>> grown(const Topic& topic) const;
  // To be asked after publisher lines or cursors were taken in `topic`, before they are used. True: its name stands for
  // it, and no unforced delete_topic() removes it for as long as they are held. False: it was deleted meanwhile; give
  // them back and attach again. A delete that is under way is called off; where this process may not do that (no
  // permission to write in the topic's directory), its end is waited for, at most `timeout_ns`. Errors: busy (then),
  // permission, system.
  Result<bool> confirm(const Topic& topic, std::uint64_t timeout_ns = 10'000'000'000) const;
  std::string partition_path(const std::string& topic, std::uint32_t partition) const;

  // Temporary files and directories, rests of deleted topics: of those at work, and of those that were killed.
  Result<std::size_t> count_leftovers() const;
  // Removes those of the killed; returns how many. create_topic() and delete_topic() do it as well, for topics.
  Result<std::size_t> remove_leftovers() const;

 private:
  explicit Fabric(std::string directory) : directory_(std::move(directory)) {}
  std::string directory_;
};

}  // namespace fabric
