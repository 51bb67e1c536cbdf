#pragma once
// How a topic gets more partitions while everybody goes on (fabric/DESIGN.md, "Growing", has the steps, what a kill at
// each leaves, and the proof of the order). Internal to fabric/; users ask Fabric::grow_topic().
//
// Thread-safe: the functions; one thread at a time for a Growth. Not for hot paths: they block on the file system.

#include <memory>
#include <string>
#include <vector>

#include "fabric/topic_directory.hpp"
#include "fabric/topic_route.hpp"
#include "ipc/ring.hpp"

namespace fabric {

class Topic;

using Rings = std::vector<std::shared_ptr<ipc::Ring>>;

// One grower. Everything it does is idempotent and decided by CAS or link(), so others may do the same at the same
// time, or after it.
class Growth {
 public:
  // `rings`: all that there are, attached for writing; they lie in `directory`. References are kept.
  Growth(const TopicDirectory& directory, std::string topic, std::string fabric_directory, ipc::MemberId self,
         Rings& rings);

  // Doubles until there are `partitions`. Errors: those of Fabric::grow_topic.
  ipc::Result<void> grow_to(std::uint32_t partitions);
  // Completes what others have begun.
  ipc::Result<void> finish();

 private:
  std::uint32_t count_completed() const noexcept;
  ipc::Result<void> double_from(std::uint32_t count);
  ipc::Result<void> create_children(std::uint32_t count);
  ipc::Result<bool> announce(std::uint32_t count);
  ipc::Result<void> copy_cursors(std::uint32_t count);
  ipc::Result<void> flip(std::uint32_t count);
  ipc::Result<void> write_back(std::uint32_t first, std::uint32_t end);

  const TopicDirectory* directory_;
  std::string topic_, fabric_directory_;
  ipc::MemberId self_;
  Rings* rings_;
  std::uint32_t base_;
};

// After rings of an earlier boot were recovered: what of a hand-over was on its way to the disk then is done again
// before anybody publishes.
ipc::Result<void> complete_growth(const std::string& fabric_directory, const std::string& topic, Rings& rings);

// The group's cursor in a new partition: at `start`, and nobody's, unless it is there. With `force` who has it without
// having written a lease (a stopped grower) is fenced. Errors: those of acquire_cursor; busy only with `force`.
ipc::Result<void> place_cursor(const ipc::Ring& ring, const std::string& name, bool gating, std::uint64_t start,
                               bool force);

// To be called before the first publish into `partition` by a publisher that has seen its parent's new route:
// everything that was published in the parent for the old one lies below the parent's tail of now, which is written
// down for consumers (ControlLines::follows), once and for all. The same for the parents of the parent. No system call
// unless somebody sleeps.
void mark_hand_over(const Topic& topic, std::uint32_t partition) noexcept;
// What the keys of `partition`, which has a parent, had there before lies below this; the head, if nobody has written it down.
std::uint64_t end_of_hand_over(const Topic& topic, std::uint32_t partition) noexcept;

}  // namespace fabric
