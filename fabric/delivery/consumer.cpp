#include "fabric/delivery/consumer.hpp"

#include <time.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "ipc/cursor.hpp"

namespace fabric {
namespace {

using ipc::make_error;
using ipc::ReadOutcome;

constexpr std::uint64_t kLookAgainNs = 1'000'000;
constexpr std::uint64_t kConfirmWithinNs = 10'000'000'000;

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

// While one exists, readers that are dropped stay: poll() is using them.
class Consumer::Polling {
 public:
  explicit Polling(Consumer& consumer) noexcept : consumer_(consumer) { consumer_.polling_ = true; }
  ~Polling() {
    consumer_.polling_ = false;
    for (const auto partition : consumer_.wanted_) {
      if (!std::exchange(consumer_.dropped_[partition], 0)) continue;
      consumer_.readers_[partition].reset();
    }
  }
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;

 private:
  Consumer& consumer_;
};

Consumer::Consumer(const Fabric& fabric, std::shared_ptr<const Topic> topic, ConsumerOptions options,
                   std::vector<std::uint32_t> wanted)
    : fabric_(fabric),
      topic_(std::move(topic)),
      options_(std::move(options)),
      wanted_(std::move(wanted)),
      readers_(topic_->partitions()),
      dropped_(topic_->partitions()),
      troubles_(topic_->partitions()),
      idler_(options_.wait) {
  targets_.reserve(wanted_.size());
}

Result<Consumer> Consumer::join(const Fabric& fabric, const std::string& topic, const ConsumerOptions& options) {
  if (auto checked = check_options(options); !checked) return checked.error();
  for (;;) {
    auto settled = options;
    auto attached = attach(fabric, topic, settled);
    if (!attached) return attached.error();
    auto wanted = wanted_partitions(**attached, options);
    if (!wanted) return wanted.error();
    Consumer consumer(fabric, std::move(*attached), std::move(settled), std::move(*wanted));
    consumer.take_partitions(kConfirmWithinNs);
    if (consumer.deleted_) continue;  // meanwhile: it is not found now, or it is another one
    if (consumer.failed_ == consumer.wanted_.size()) return *consumer.trouble_;
    return consumer;
  }
}

// Whether nobody alive owns the group's cursor there.
bool Consumer::is_free(const ipc::Ring& ring) const {
  const auto cursor = ipc::find_cursor(ring.map(), options_.group);
  return !cursor || !ring.is_alive(cursor->owner);
}

// False: a live member has it.
Result<bool> Consumer::take_partition(std::uint32_t partition) {
  const auto& ring = topic_->ring(partition);
  ipc::ReaderOptions how{.cursor = std::nullopt, .start = options_.start};
  if (!options_.group.empty()) {
    if (!is_free(*ring)) return false;
    how.cursor = ipc::CursorOptions{.name = options_.group, .gating = options_.gating};
  }
  auto reader = ipc::Reader::attach(ring, how);
  if (!reader && reader.error().code == ErrorCode::busy) return false;
  if (!reader) return reader.error();
  readers_[partition].emplace(std::move(*reader));
  ++held_;
  return true;
}

// Takes what is free, as long as the topic is the one that its name stands for.
void Consumer::take_partitions(std::uint64_t confirm_within_ns) {
  looked_for_partitions_ns_ = clock_.now_ns();
  if (deleted_) return;
  trouble_.reset();
  failed_ = 0;
  std::vector<std::uint32_t> taken;
  for (const auto partition : wanted_) {
    troubles_[partition].clear();
    if (readers_[partition]) continue;
    const auto done = take_partition(partition);
    if (done && *done) taken.push_back(partition);
    if (done) continue;
    ++failed_;
    troubles_[partition] = done.error().message;
    if (trouble_) continue;
    trouble_ = done.error();
    trouble_->message = "topic '" + topic_->name() + "', partition " + std::to_string(partition) + ": " +
                        trouble_->message;
  }
  if (taken.empty() || options_.group.empty()) return;
  const auto confirmed = fabric_.confirm(*topic_, confirm_within_ns);
  if (confirmed && *confirmed) return;
  for (const auto partition : taken) drop(partition);
  deleted_ = confirmed.has_value();
  failed_ += static_cast<std::uint32_t>(taken.size());
  trouble_ = confirmed ? make_error(ErrorCode::not_found, "topic '" + topic_->name() + "' was deleted; join it again")
                       : confirmed.error();
}

// The reader goes now, or when poll() is done with it.
void Consumer::drop(std::uint32_t partition) noexcept {
  if (!holds(partition)) return;
  --held_;
  if (polling_) {
    dropped_[partition] = 1;
  } else {
    readers_[partition].reset();
  }
}

std::uint64_t Consumer::poll(const Handler& handler, const GapHandler& gaps, std::uint64_t most) {
  if (polling_ || most == 0) return 0;
  if (held_ != wanted_.size() && clock_.now_ns() - looked_for_partitions_ns_ >= kLookAgainNs) take_partitions(0);
  std::uint64_t delivered = 0;
  {
    const Polling polling(*this);
    const auto first = std::exchange(turn_, 0);
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      const auto partition = wanted_[(first + i) % wanted_.size()];
      if (holds(partition)) delivered += poll_partition(partition, handler, gaps, most - delivered);
      if (delivered < most) continue;
      turn_ = (first + i + 1) % wanted_.size();
      break;
    }
  }
  if (delivered != 0) idler_.delivered(delivered);
  return delivered;
}

std::uint64_t Consumer::poll_partition(std::uint32_t partition, const Handler& handler, const GapHandler& gaps,
                                       std::uint64_t most) {
  auto& reader = *readers_[partition];
  std::uint64_t delivered = 0;
  ipc::RecordView view;
  for (std::uint64_t i = 0; i < options_.most_per_partition && delivered < most && holds(partition); ++i) {
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
        break;
    }
    if (gaps) gaps(gap);
  }
  return delivered;
}

// False: it was no event, and went to `gaps`.
bool Consumer::hand_over(std::uint32_t partition, const ipc::RecordView& view, const Handler& handler,
                         const GapHandler& gaps) {
  Delivery delivery{.partition = partition, .record = view, .event = {}, .topic = topic_.get()};
  if (decode_event(view, delivery.event)) {
    handler(delivery);
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
    if (!holds(partition) || readers_[partition]->ack()) continue;
    drop(partition);
    held_all = false;
  }
  return held_all;
}

void Consumer::wait(std::uint64_t timeout_ns) {
  targets_.clear();
  for (const auto partition : wanted_) {
    if (holds(partition)) targets_.push_back(readers_[partition]->wait_target());
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
    PartitionState state{
        .partition = partition, .head = ipc::find_head(map), .trouble = troubles_[partition]};
    if (holds(partition)) {
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
