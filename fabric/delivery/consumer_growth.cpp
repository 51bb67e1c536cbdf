// How a Consumer goes on when its topic grows: the rest of consumer.cpp.

#include <algorithm>
#include <atomic>

#include "fabric/delivery/consumer.hpp"
#include "fabric/topic_growth.hpp"
#include "fabric/topic_route.hpp"
#include "ipc/cursor.hpp"

namespace fabric {
namespace {

constexpr ipc::StartAt kFromTheBeginning{ipc::StartAt::Kind::sequence, 0};

}  // namespace

// Attaches the partitions that the topic has grown. The group's cursors in them are made here as well: the grower
// copies those that it finds, and whoever makes one in an old partition after that sees the announcement here.
std::optional<Error> Consumer::follow_growth() {
  if (deleted_ || !topic_->is_outgrown()) return std::nullopt;
  auto grown = fabric_.grown(*topic_);
  if (!grown) return grown.error();
  const auto before = topic_->partitions();
  former_.push_back(std::exchange(topic_, std::move(*grown)));
  held_.resize(topic_->partitions());
  troubles_.resize(topic_->partitions());
  std::optional<Error> trouble;
  std::vector<std::uint32_t> more;
  for (auto partition = before; partition < topic_->partitions(); ++partition) {
    const auto parent = *parent_of(topic_->base(), partition);
    if (sharing_) {
      const auto cursor = cursor_in(parent);
      const auto placed =
          cursor ? place_cursor(*topic_->ring(partition), options_.group, cursor->gating,
                                ipc::find_start(topic_->ring(partition)->map(), start_in(partition, true)), false)
                 : Result<void>();
      if (!placed && !trouble) trouble = placed.error();
    }
    if (!options_.partitions.empty() && !std::binary_search(wanted_.begin(), wanted_.end(), parent)) continue;
    more.push_back(partition);
    wanted_.push_back(partition);
  }
  if (sharing_) sharing_->extend(*topic_, more);
  return trouble;
}

// Where a cursor that does not exist yet begins. A group that was in the parent before the hand-over has all of the
// child before it. `follows`: we were there before the topic grew; so one that began just at the hand-over did, too.
ipc::StartAt Consumer::start_in(std::uint32_t partition, bool follows) const {
  const auto parent = parent_of(topic_->base(), partition);
  if (!parent) return options_.start;
  std::uint64_t began = 0;
  if (sharing_) {
    const auto cursor = cursor_in(*parent);
    if (!cursor) return options_.start;
    began = cursor->started;
  } else {
    if (!holds(*parent)) return options_.start;
    began = held_[*parent]->reader.started();
  }
  const auto word = topic_->ring(partition)->map().control->follows.load(std::memory_order_acquire);
  const bool was_there = word == 0 || began < word - 1 || (follows && began == word - 1);
  return was_there ? kFromTheBeginning : options_.start;
}

// Whether what its keys had in another partition before is not done with. Looks once in a millisecond.
bool Consumer::is_held_back(Held& held) {
  if (held.hand_over.is_over()) [[likely]]
    return false;
  const auto now_ns = clock_.now_ns();
  if (held.looked_ns != 0 && now_ns - held.looked_ns < kLookAgainNs) return true;
  held.looked_ns = now_ns;
  return !held.hand_over.look(*topic_, [this](std::uint32_t partition) -> std::optional<std::uint64_t> {
    if (!sharing_) return holds(partition) ? std::optional(held_[partition]->reader.position()) : std::nullopt;
    const auto cursor = cursor_in(partition);
    return cursor ? std::optional(cursor->position) : std::nullopt;
  });
}

// What wakes us up in a partition that we wait for; nullopt: nothing does, look again soon.
std::optional<ipc::WaitTarget> Consumer::wait_target(std::uint32_t partition) const {
  const auto& held = held_[partition];
  if (!holds(partition) || held->give_by_ns != 0 || !held->hand_over.is_over()) return std::nullopt;
  auto target = held->reader.wait_target();
  target.route = target.map->control->route.load(std::memory_order_seq_cst);  // the growth of the topic does, too
  const auto route = read_route(target.route, topic_->base(), partition);
  return route && route->existing() > topic_->partitions() ? std::nullopt : std::optional(target);
}

}  // namespace fabric
