#include "fabric/topic_growth.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "fabric/fabric.hpp"
#include "fabric/topic_attach.hpp"
#include "fabric/topic_files.hpp"
#include "ipc/cursor.hpp"
#include "ipc/inspect.hpp"
#include "ipc/waiter.hpp"

namespace fabric {
namespace {

using ipc::make_error;
using ipc::system_error;

constexpr char kPrivateStem[] = ".growing";
constexpr auto kNap = std::chrono::milliseconds(1);
constexpr int kTries = 200, kPoliteTries = 10;

// Like partition 0, but for its place.
Result<ipc::RingOptions> options_like(const ipc::RingFile& first, const std::string& topic) {
  struct stat file {};
  if (::stat(first.path().c_str(), &file) != 0) return system_error("stat " + first.path(), errno);
  const auto& header = first.header();
  ipc::RingOptions options{.topic = topic,
                           .writers = header.writers,
                           .slot_count = header.slot_count,
                           .slot_bytes = header.slot_bytes,
                           .arena_bytes = std::uint64_t{header.arena_block_bytes} * header.arena_block_count,
                           .arena_block_bytes = std::max(header.arena_block_bytes, std::uint32_t{64}),
                           .max_publishers = header.max_publishers,
                           .max_cursors = header.max_cursors,
                           .void_after_ns = header.void_after_ns,
                           .sync = header.sync,
                           .sync_every = header.sync_every};
  options.file.mode = file.st_mode & 0777;
  if (file.st_gid != ::getegid()) options.file.group = std::to_string(file.st_gid);
  return options;
}

std::string possible_numbers(std::uint32_t base, std::uint32_t present) {
  std::string text;
  for (auto count = 2 * present; is_reachable(base, count); count *= 2)
    text += (text.empty() ? "" : ", ") + std::to_string(count);
  return text.empty() ? "it cannot grow any more" : "it can have " + text;
}

Error deleted_meanwhile(const std::string& topic) {
  return make_error(ErrorCode::not_found,
                    "topic '" + topic + "' was deleted while it grew; create it, or choose another");
}

Error damaged_route(const ipc::Ring& ring) {
  return make_error(ErrorCode::corrupt,
                    ring.path() + ": its route word is damaged; run evf fsck, or create the topic anew");
}

// Files under private names in the topic's directory; gone with this, but for those that were linked to another name as
// well.
class PrivateFiles {
 public:
  explicit PrivateFiles(const TopicDirectory& directory) : directory_(&directory) {}
  ~PrivateFiles() {
    for (const auto& [name, partition] : names_) directory_->remove_private(name);
  }
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;
  void add(std::string name, std::uint32_t partition) { names_.emplace_back(std::move(name), partition); }
  const std::vector<std::pair<std::string, std::uint32_t>>& names() const noexcept { return names_; }

 private:
  const TopicDirectory* directory_;
  std::vector<std::pair<std::string, std::uint32_t>> names_;
};

bool has_cursor(const ipc::Ring& ring, const std::string& name) {
  return ipc::find_cursor(ring.map(), name).has_value();
}

}  // namespace

Growth::Growth(const TopicDirectory& directory, std::string topic, std::string fabric_directory, ipc::MemberId self,
               Rings& rings)
    : directory_(&directory),
      topic_(std::move(topic)),
      fabric_directory_(std::move(fabric_directory)),
      self_(self),
      rings_(&rings),
      base_(rings[0]->file().header().partition_count) {}

// So many partitions all have their new route; 0: one is damaged.
std::uint32_t Growth::count_completed() const noexcept {
  auto least = static_cast<std::uint32_t>(rings_->size());
  for (std::uint32_t partition = 0; partition < rings_->size(); ++partition) {
    const auto route = route_of((*rings_)[partition]->map(), base_, partition);
    least = std::min(least, route ? route->count : 0);
  }
  return least;
}

Result<void> Growth::grow_to(std::uint32_t partitions) {
  const auto present = static_cast<std::uint32_t>(rings_->size());
  if (!is_reachable(base_, partitions) || partitions < present)
    return make_error(ErrorCode::invalid_argument, "topic '" + topic_ + "' has " + std::to_string(present) +
                                                       " partitions and cannot have " + std::to_string(partitions) +
                                                       ": they can be doubled only; " +
                                                       possible_numbers(base_, present));
  if (auto done = finish(); !done) return done;
  for (auto count = present; count < partitions; count *= 2)
    if (auto done = double_from(count); !done) return done;
  return {};
}

Result<void> Growth::finish() {
  for (;;) {
    const auto count = count_completed();
    if (count == rings_->size()) return {};
    if (count == 0)
      for (std::uint32_t partition = 0; partition < rings_->size(); ++partition)
        if (const auto& ring = (*rings_)[partition]; !route_of(ring->map(), base_, partition))
          return damaged_route(*ring);
    if (auto done = double_from(count); !done) return done;
  }
}

Result<void> Growth::double_from(std::uint32_t count) {
  if (auto done = create_children(count); !done) return done;
  auto attached = attach_more(*directory_, topic_, base_, 2 * count, {.members_directory = fabric_directory_}, *rings_);
  if (!attached) return attached;
  if (!are_in(*directory_, *rings_)) return deleted_meanwhile(topic_);
  const auto nobody_has_flipped = announce(count);
  if (!nobody_has_flipped) return nobody_has_flipped.error();
  if (*nobody_has_flipped) {
    if (auto done = copy_cursors(count); !done) return done;
  }
  return flip(count);
}

// Step 1. All of them are made before the first gets its name: one that finds no room leaves nothing behind.
Result<void> Growth::create_children(std::uint32_t count) {
  auto options = options_like((*rings_)[0]->file(), topic_);
  if (!options) return options.error();
  PrivateFiles files(*directory_);
  for (auto partition = static_cast<std::uint32_t>(rings_->size()); partition < 2 * count; ++partition) {
    if (directory_->has(partition)) continue;
    auto name = private_name(kPrivateStem, self_);
    if (!name) return name.error();
    options->partition = partition;
    options->partition_count = 2 * count;
    const auto file = ipc::RingFile::create(directory_->path_in(*name), *options);
    if (!file) {
      auto error = file.error();
      error.message = "topic '" + topic_ + "', new partition " + std::to_string(partition) + ": " + error.message;
      return error;
    }
    files.add(std::move(*name), partition);
  }
  // From here on whoever deletes the topic finds the private names, and with them what they are linked to
  // (topic_directory.hpp).
  if (directory_->is_deleted() || !directory_->holds(0, (*rings_)[0]->file().segment().identity()))
    return deleted_meanwhile(topic_);
  for (const auto& [name, partition] : files.names())
    if (auto linked = directory_->link_partition(name, partition); !linked) return linked;
  return files.names().empty() ? Result<void>() : sync_directory(directory_->path());
}

// Step 2. False: a partition has its new route already, so everything up to step 3 was done.
Result<bool> Growth::announce(std::uint32_t count) {
  bool nobody_has_flipped = true;
  for (std::uint32_t partition = 0; partition < count; ++partition) {
    auto& control = *(*rings_)[partition]->map().control;
    for (;;) {
      auto word = control.route.load(std::memory_order_seq_cst);
      const auto route = read_route(word, base_, partition);
      if (!route) return damaged_route(*(*rings_)[partition]);
      if (route->count > count) nobody_has_flipped = false;
      if (route->count > count || route->growing) break;
      const auto growing = RouteWord::make({.count = count, .growing = true});
      if (control.route.compare_exchange_strong(word, growing, std::memory_order_seq_cst))
        break;  // SYNC: growth-cursor
    }
    ipc::wake_sleepers(control);
  }
  if (auto done = write_back(0, count); !done) return done.error();
  return nobody_has_flipped;
}

// Step 3. Whoever creates a cursor after we have looked sees the announcement, and makes the copy itself.
Result<void> Growth::copy_cursors(std::uint32_t count) {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: growth-cursor
  for (std::uint32_t parent = 0; parent < count; ++parent) {
    const auto& from = *(*rings_)[parent];
    const auto& to = *(*rings_)[parent + count];
    for (const auto& cursor : ipc::list_cursors(from.map())) {
      if (!cursor.durable || cursor.joining) continue;
      if (auto placed = place_cursor(to, cursor.name, cursor.gating, 0, true); !placed) return placed;
      if (!has_cursor(from, cursor.name))
        static_cast<void>(ipc::delete_cursor(to, cursor.name));  // the group was deleted meanwhile
    }
  }
  return write_back(count, 2 * count);
}

// Step 4.
Result<void> Growth::flip(std::uint32_t count) {
  for (std::uint32_t partition = 0; partition < count; ++partition) {
    auto& control = *(*rings_)[partition]->map().control;
    auto growing = RouteWord::make({.count = count, .growing = true});
    control.route.compare_exchange_strong(growing, RouteWord::make({.count = 2 * count}),
                                          std::memory_order_seq_cst);  // SYNC: route
    ipc::wake_sleepers(control);
  }
  return write_back(0, count);
}

// Header, control lines, cursors: all that a step changes. A no-op in memory.
Result<void> Growth::write_back(std::uint32_t first, std::uint32_t end) {
  for (auto partition = first; partition < end; ++partition) {
    auto& file = (*rings_)[partition]->file();
    const auto& header = file.header();
    if (auto done = file.segment().sync(0, header.blocks_offset, true); !done) return done;
  }
  return {};
}

Result<void> complete_growth(const std::string& fabric_directory, const std::string& topic, Rings& rings) {
  const auto base = rings[0]->file().header().partition_count;
  const auto complete = [&](std::uint32_t partition) {
    const auto route = route_of(rings[partition]->map(), base, partition);
    return !route || route->count == rings.size();
  };
  bool all = true;
  for (std::uint32_t partition = 0; partition < rings.size(); ++partition) all = all && complete(partition);
  if (all) return {};
  auto directory = TopicDirectory::open(fabric_directory, topic);
  if (!directory) return directory.error();
  if (!are_in(*directory, rings)) return deleted_meanwhile(topic);
  return Growth(*directory, topic, fabric_directory, rings[0]->member(), rings).finish();
}

Result<void> place_cursor(const ipc::Ring& ring, const std::string& name, bool gating, std::uint64_t start,
                          bool force) {
  std::optional<Error> busy;
  for (int tries = 0; tries < kTries; ++tries) {
    const auto found = ipc::find_cursor(ring.map(), name);
    if (found && !found->joining && (!force || found->lease != 0 || !ring.is_alive(found->owner))) return {};
    ipc::CursorOptions options{.name = name, .gating = gating};
    if (force && found && tries >= kPoliteTries) {
      options.take_over = true;
      options.only_from_epoch = found->epoch;
    }
    const auto acquired = ipc::acquire_cursor(ring, options, start);
    if (acquired) {
      ipc::release_cursor(ring, *acquired);
      return {};
    }
    const auto& error = acquired.error();
    if (error.code == ErrorCode::invalid_argument && has_cursor(ring, name)) return {};  // made anew, of another kind
    if (error.code != ErrorCode::busy) return error;
    if (!force) return {};
    busy = error;
    std::this_thread::sleep_for(kNap);
  }
  return *busy;
}

std::uint64_t end_of_hand_over(const Topic& topic, std::uint32_t partition) noexcept {
  const auto follows = topic.ring(partition)->map().control->follows.load(std::memory_order_acquire);  // SYNC: hand-over
  const auto head = ipc::find_head(topic.ring(*parent_of(topic.base(), partition))->map());
  return follows == 0 ? head : std::min(follows - 1, head);
}

void mark_hand_over(const Topic& topic, std::uint32_t partition) noexcept {
  const auto parent = parent_of(topic.base(), partition);
  if (!parent) return;
  mark_hand_over(topic, *parent);
  auto& follows = topic.ring(partition)->map().control->follows;
  if (follows.load(std::memory_order_acquire) != 0) return;
  std::atomic_thread_fence(
      std::memory_order_seq_cst);  // SYNC: route (the new route was seen; claims for the old one lie below)
  const auto& old = topic.ring(*parent)->map();
  std::uint64_t unknown = 0;
  follows.compare_exchange_strong(unknown, old.tail() + 1, std::memory_order_seq_cst);  // SYNC: hand-over
}

}  // namespace fabric
