#include "fabric/delivery/consumer.hpp"

#include <time.h>

#include <algorithm>
#include <numeric>

#include "ipc/cursor.hpp"

namespace fabric {
namespace {

using ipc::make_error;
using ipc::ReadOutcome;

constexpr std::uint64_t kLookAgainNs = 1'000'000;

void nap(std::uint64_t ns) noexcept {
  const timespec time{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  nanosleep(&time, nullptr);
}

Result<std::vector<std::uint32_t>> wanted_partitions(const Topic& topic, const ConsumerOptions& options) {
  auto wanted = options.partitions;
  if (wanted.empty()) {
    wanted.resize(topic.partitions());
    std::iota(wanted.begin(), wanted.end(), 0U);
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (wanted.back() < topic.partitions()) return wanted;
  return make_error(ErrorCode::invalid_argument, "topic '" + topic.name() + "' has no partition " +
                                                     std::to_string(wanted.back()) + "; it has 0 to " +
                                                     std::to_string(topic.partitions() - 1));
}

Result<void> check_options(const ConsumerOptions& options) {
  if (options.most_per_partition == 0)
    return make_error(ErrorCode::invalid_argument,
                      "most_per_partition is 0, so nothing would ever be polled; use at least 1");
  if (options.read_only && !options.group.empty())
    return make_error(
        ErrorCode::invalid_argument,
        "group '" + options.group + "' cannot read only: its cursor has to be written; leave out one of both");
  return {};
}

Result<std::shared_ptr<const Topic>> attach(const Fabric& fabric, const std::string& topic, ConsumerOptions& options) {
  if (!options.read_only) {
    auto attached = fabric.topic(topic, ipc::Access::read_write);
    const bool may_observe = !attached && attached.error().code == ErrorCode::permission && options.group.empty();
    if (!may_observe) return attached;
  }
  options.read_only = true;
  if (options.wait == ipc::WaitStrategy::block) options.wait = ipc::WaitStrategy::back_off;  // nobody could wake us
  return fabric.topic(topic, ipc::Access::read_only);
}

}  // namespace

Consumer::Consumer(std::shared_ptr<const Topic> topic, ConsumerOptions options, std::vector<std::uint32_t> wanted)
    : topic_(std::move(topic)),
      options_(std::move(options)),
      wanted_(std::move(wanted)),
      readers_(topic_->partitions()),
      idler_(options_.wait) {
  targets_.reserve(wanted_.size());
}

Result<Consumer> Consumer::join(const Fabric& fabric, const std::string& topic, const ConsumerOptions& options) {
  if (auto checked = check_options(options); !checked) return checked.error();
  auto settled = options;
  auto attached = attach(fabric, topic, settled);
  if (!attached) return attached.error();
  auto wanted = wanted_partitions(**attached, options);
  if (!wanted) return wanted.error();
  Consumer consumer(std::move(*attached), std::move(settled), std::move(*wanted));
  if (auto taken = consumer.take_partitions(); !taken) return taken.error();
  return consumer;
}

// Whether nobody alive owns the group's cursor there.
bool Consumer::is_free(const ipc::Ring& ring) const {
  const auto cursor = ipc::find_cursor(ring.map(), options_.group);
  return !cursor || !ring.is_alive(cursor->owner);
}

// Takes what is free. The first error other than busy ends it: what was taken until then is held.
Result<void> Consumer::take_partitions() {
  looked_for_partitions_ns_ = clock_.now_ns();
  for (const auto partition : wanted_) {
    const auto& ring = topic_->ring(partition);
    if (readers_[partition]) continue;
    ipc::ReaderOptions how{.cursor = std::nullopt, .start = options_.start};
    if (!options_.group.empty()) {
      if (!is_free(*ring)) continue;
      how.cursor = ipc::CursorOptions{.name = options_.group, .gating = options_.gating};
    }
    auto reader = ipc::Reader::attach(ring, how);
    if (reader) {
      readers_[partition].emplace(std::move(*reader));
      ++held_;
    } else if (reader.error().code != ErrorCode::busy) {
      return reader.error();
    }
  }
  return {};
}

void Consumer::drop(std::uint32_t partition) noexcept {
  readers_[partition].reset();
  --held_;
}

std::uint64_t Consumer::poll(const Handler& handler, const GapHandler& gaps) {
  if (held_ != wanted_.size() && clock_.now_ns() - looked_for_partitions_ns_ >= kLookAgainNs) {
    const auto taken = take_partitions();
    trouble_ = taken ? std::nullopt : std::optional(taken.error());
  }
  std::uint64_t delivered = 0;
  for (const auto partition : wanted_) {
    if (readers_[partition]) delivered += poll_partition(partition, handler, gaps);
  }
  if (delivered != 0) idler_.delivered(delivered);
  return delivered;
}

std::uint64_t Consumer::poll_partition(std::uint32_t partition, const Handler& handler, const GapHandler& gaps) {
  auto& reader = *readers_[partition];
  std::uint64_t delivered = 0;
  ipc::RecordView view;
  for (std::uint64_t i = 0; i < options_.most_per_partition; ++i) {
    Gap gap{.partition = partition, .why = reader.next(view)};
    switch (gap.why) {
      case ReadOutcome::record:
        delivered += hand_over(partition, view, handler, gaps) ? 1 : 0;
        continue;
      case ReadOutcome::empty:
        return delivered;
      case ReadOutcome::lost:
        gap.range = reader.lost_range();
        break;
      case ReadOutcome::damaged:
        gap.range = {view.sequence, view.sequence + 1};
        gap.raw = view.payload;
        break;
      case ReadOutcome::fenced:
      case ReadOutcome::wrong_process:
        gap.range = {reader.acked(), reader.position()};
        drop(partition);
        if (gaps) gaps(gap);
        return delivered;
    }
    if (gaps) gaps(gap);
  }
  return delivered;
}

// False: it was no event, and went to `gaps`.
bool Consumer::hand_over(std::uint32_t partition, const ipc::RecordView& view, const Handler& handler,
                         const GapHandler& gaps) {
  if (const auto event = decode_event(view)) {
    handler({.partition = partition, .record = view, .event = *event});
    return true;
  }
  if (gaps) {
    gaps({.partition = partition,
          .why = ReadOutcome::damaged,
          .range = {view.sequence, view.sequence + 1},
          .raw = view.payload});
  }
  return false;
}

bool Consumer::ack() {
  bool held_all = true;
  for (const auto partition : wanted_) {
    if (!readers_[partition] || readers_[partition]->ack()) continue;
    drop(partition);
    held_all = false;
  }
  return held_all;
}

void Consumer::wait(std::uint64_t timeout_ns) {
  targets_.clear();
  for (const auto partition : wanted_) {
    if (readers_[partition]) targets_.push_back(readers_[partition]->wait_target());
  }
  if (held_ != wanted_.size()) timeout_ns = std::min(timeout_ns, kLookAgainNs);
  if (targets_.empty()) return nap(timeout_ns);
  idler_.idle(targets_, timeout_ns);
}

std::vector<PartitionState> Consumer::state() const {
  std::vector<PartitionState> states;
  states.reserve(wanted_.size());
  for (const auto partition : wanted_) {
    const auto& map = topic_->ring(partition)->map();
    PartitionState state{.partition = partition, .head = ipc::find_head(map)};
    if (readers_[partition]) {
      state.held = true;
      state.position = readers_[partition]->position();
      state.acked = options_.group.empty() ? state.position : readers_[partition]->acked();
    } else if (const auto cursor = ipc::find_cursor(map, options_.group)) {
      state.position = state.acked = cursor->position;
    }
    states.push_back(state);
  }
  return states;
}

}  // namespace fabric
