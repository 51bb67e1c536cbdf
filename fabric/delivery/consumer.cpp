#include "fabric/delivery/consumer.hpp"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <utility>

#include "fabric/topic_names.hpp"
#include "ipc/cursor.hpp"

namespace fabric {
namespace {

using ipc::make_error;
using ipc::ReadOutcome;

constexpr std::uint64_t kLookAgainAtLastNs = 10'000'000;
constexpr std::uint64_t kLooksCost = 10;  // the group is looked at for one part in so many of the time
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

Delivery copy_delivery(const Delivery& delivery, std::vector<std::byte>& bytes) {
  bytes.assign(delivery.record.payload.begin(), delivery.record.payload.end());
  auto copy = delivery;
  copy.record.payload = bytes;
  static_cast<void>(decode_event(copy.record, copy.event));  // it was one before
  return copy;
}

// While one exists, readers that are dropped stay: poll() is using them.
class Consumer::Polling {
 public:
  explicit Polling(Consumer& consumer) noexcept : consumer_(consumer) { consumer_.polling_ = true; }
  ~Polling() {
    consumer_.polling_ = false;
    for (const auto partition : consumer_.wanted_) {
      auto& held = consumer_.held_[partition];
      if (held && held->dropped) held.reset();
    }
  }
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;

 private:
  Consumer& consumer_;
};

Consumer::Held::Held(ipc::Reader taken)
    : reader(std::move(taken)),
      acks(reader.ring().map().slot_count),
      delivered_until(reader.position()),
      read_until(reader.position()),
      rewind_to(kNoLimit) {
  acks.reset(delivered_until);
}

Consumer::Consumer(const Fabric& fabric, std::shared_ptr<const Topic> topic, ConsumerOptions options,
                   std::vector<std::uint32_t> wanted)
    : fabric_(fabric),
      topic_(std::move(topic)),
      options_(std::move(options)),
      joined_(topic_->partitions()),
      wanted_(std::move(wanted)),
      held_(topic_->partitions()),
      troubles_(topic_->partitions()),
      idler_(options_.wait),
      look_again_ns_(kLookAgainNs) {
  wanted_.reserve(kMaxPartitions);
  targets_.reserve(wanted_.size());
  if (options_.group.empty()) return;
  sharing_ = std::make_unique<Sharing>(
      *topic_, wanted_,
      Sharing::Options{.group = options_.group, .lease_ns = options_.lease_ns, .balance = options_.partitions.empty(),
                       .gating = options_.gating});
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
    consumer.share(kConfirmWithinNs);
    if (consumer.deleted_) continue;  // meanwhile: it is not found now, or it is another one
    if (consumer.failed_ == consumer.wanted_.size()) return *consumer.trouble_;
    return consumer;
  }
}

// False: a live member has it.
Result<bool> Consumer::take_partition(const Sharing::Take& take) {
  ipc::ReaderOptions how{.cursor = std::nullopt, .start = start_in(take.partition, take.partition >= joined_)};
  if (sharing_) {
    how.cursor =
        ipc::CursorOptions{.name = options_.group, .gating = options_.gating, .take_over = take.by_force};
    if (take.by_force) how.cursor->only_from_epoch = take.owner_changes;
  }
  auto reader = ipc::Reader::attach(topic_->ring(take.partition), how);
  if (!reader && reader.error().code == ErrorCode::busy) return false;
  if (!reader) return reader.error();
  Held held(std::move(*reader));
  if (options_.dedupe)
    if (auto indexed = index_ids(take.partition, held); !indexed) return indexed.error();
  held_[take.partition].emplace(std::move(held));
  held_[take.partition]->possession = ++possessions_;
  held_[take.partition]->hand_over = HandOver(*topic_, take.partition);
  took_ = true;
  ++partitions_held_;
  if (sharing_) sharing_->took(take.partition, clock_.now_ns());
  return true;
}

// Looks at the group, and whether the topic has grown: before, and again after we have perhaps made cursors.
void Consumer::share(std::uint64_t confirm_within_ns) {
  took_ = false;
  auto trouble = follow_growth();
  divide(confirm_within_ns);
  if (took_) {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: growth-cursor
    if (auto later = follow_growth()) trouble = std::move(later);
  }
  if (trouble && !trouble_) trouble_ = std::move(trouble);
}

// Takes what is due to us, gives what is not.
void Consumer::divide(std::uint64_t confirm_within_ns) {
  const auto now_ns = shared_ns_ = clock_.now_ns();
  if (!sharing_) {
    std::vector<Sharing::Take> missing;
    for (const auto partition : wanted_)
      if (!held_[partition]) missing.push_back({.partition = partition});
    return take_all(missing, confirm_within_ns);
  }
  const auto& step = sharing_->look(now_ns);
  look_again_ns_ = std::clamp(kLooksCost * (clock_.now_ns() - now_ns), kLookAgainNs, kLookAgainAtLastNs);
  giving_ = 0;
  for (const auto partition : wanted_) {
    if (!holds(partition)) continue;
    auto& give_by_ns = held_[partition]->give_by_ns;
    if (!std::binary_search(step.give.begin(), step.give.end(), partition)) {
      give_by_ns = 0;  // who asked for it is gone
      continue;
    }
    if (give_by_ns == 0) give_by_ns = now_ns + std::min(options_.hand_over_ns, ~std::uint64_t{0} - now_ns);
    ++giving_;
  }
  if (giving_ != 0) give_when_acked(now_ns);
  take_all(step.take, confirm_within_ns);
}

// As long as the topic is the one that its name stands for.
void Consumer::take_all(const std::vector<Sharing::Take>& takes, std::uint64_t confirm_within_ns) {
  if (deleted_) return;
  trouble_.reset();
  failed_ = 0;
  for (auto& trouble : troubles_) trouble.clear();
  std::vector<std::uint32_t> taken;
  for (const auto& take : takes) {
    if (held_[take.partition]) continue;  // on_change has polled
    const auto done = take_partition(take);
    if (done && *done) taken.push_back(take.partition);
    if (done) continue;
    ++failed_;
    if (sharing_) sharing_->failed(take.partition, clock_.now_ns());
    troubles_[take.partition] = done.error().message;
    if (trouble_) continue;
    trouble_ = done.error();
    trouble_->message = "topic '" + topic_->name() + "', partition " + std::to_string(take.partition) + ": " +
                        trouble_->message;
  }
  if (taken.empty()) return;
  const auto confirmed = sharing_ ? fabric_.confirm(*topic_, confirm_within_ns) : Result<bool>(true);
  if (confirmed && *confirmed) {
    if (!options_.on_change) return;
    for (const auto partition : taken)
      if (holds(partition)) options_.on_change({.partition = partition, .position = held_[partition]->reader.position()});
    return;
  }
  for (const auto partition : taken) drop(partition, std::nullopt);
  deleted_ = confirmed.has_value();
  failed_ += static_cast<std::uint32_t>(taken.size());
  trouble_ = confirmed ? make_error(ErrorCode::not_found, "topic '" + topic_->name() + "' was deleted; join it again")
                       : confirmed.error();
}

// Outside of poll()'s round: what is given away has no record in anybody's hands, or its time is up.
void Consumer::give_when_acked(std::uint64_t now_ns) {
  for (const auto partition : wanted_) {
    if (!holds(partition) || held_[partition]->give_by_ns == 0) continue;
    const auto& held = *held_[partition];
    if (held.acks.floor() < std::min(held.reader.position(), held.rewind_to) && now_ns < held.give_by_ns) continue;
    if (!move_cursor(partition, held.acks.floor())) continue;
    drop(partition, held.reader.holds_cursor() ? PartitionChange::Kind::given : PartitionChange::Kind::lost);
  }
}

// The reader goes now, or when poll() is done with it.
void Consumer::drop(std::uint32_t partition, std::optional<PartitionChange::Kind> why) {
  if (!holds(partition)) return;
  auto& held = held_[partition];
  --partitions_held_;
  const auto position = held->reader.acked();
  if (polling_) {
    held->dropped = true;
  } else {
    held.reset();
  }
  if (sharing_) sharing_->gave(partition);
  if (why && options_.on_change) options_.on_change({.partition = partition, .kind = *why, .position = position});
}

std::uint64_t Consumer::poll(const Handler& handler, const GapHandler& gaps, std::uint64_t most) {
  if (polling_ || most == 0) return 0;
  if ((sharing_ || partitions_held_ != wanted_.size() || topic_->is_outgrown()) && clock_.now_ns() - shared_ns_ >= look_again_ns_) share(0);
  std::uint64_t delivered = 0;
  {
    const Polling polling(*this);
    const auto first = turn_;
    for (std::size_t i = 0; i < wanted_.size() && delivered < most; ++i) {
      const auto partition = wanted_[(first + i) % wanted_.size()];
      turn_ = (first + i + 1) % wanted_.size();  // also when a handler throws: its partition comes last the next time
      if (holds(partition) && held_[partition]->give_by_ns == 0 && !is_held_back(*held_[partition]))
        delivered += poll_partition(partition, handler, gaps, most - delivered);
    }
    if (delivered < most) turn_ = 0;
  }
  if (delivered != 0) idler_.delivered(delivered);
  return delivered;
}

// The next read of the partition begins at the record that was nacked, or at the oldest one, if publishers have passed it.
void Consumer::rewind(std::uint32_t partition, Held& held, const GapHandler& gaps) {
  const auto sequence = std::exchange(held.rewind_to, kNoLimit);
  if (sequence == kNoLimit) return;
  const auto sought = held.reader.seek({ipc::StartAt::Kind::sequence, sequence});
  if (!sought) return;  // fenced: the next read says so
  held.delivered_until = sequence;
  if (*sought > sequence && gaps) gaps({.partition = partition, .why = ReadOutcome::lost, .range = {sequence, *sought}});
}

// False: the cursor was taken from us before the copy was whole; the next read says so.
bool Consumer::copy_out(Held& held, ipc::RecordView& view) {
  if (copy_.size() < view.payload.size()) copy_.resize(view.payload.size());
  ipc::copy_shared(copy_.data(), view.payload.data(), view.payload.size());
  view.payload = {copy_.data(), view.payload.size()};
  return held.reader.is_protected();
}

// False: nothing was delivered. It was acked before a nack brought it again, or it is no event, and went to `gaps`.
[[gnu::always_inline]] inline bool Consumer::deliver(Held& held, Delivery& delivery, const Handler& handler, const GapHandler& gaps) {
  const auto partition = delivery.partition;
  auto& view = delivery.record;
  if (options_.lease_ns != 0) {
    renew_lease();  // from record to record there is progress
    if (options_.gating && !copy_out(held, view)) return false;
  }
  if (view.sequence != held.delivered_until) held.acks.mark(held.delivered_until, view.sequence);
  held.delivered_until = view.sequence + 1;
  held.read_until = std::max(held.read_until, held.delivered_until);
  if (held.acks.is_acked(view.sequence)) return false;
  if (!decode_event(view, delivery.event)) {
    held.acks.mark(view.sequence, view.sequence + 1);
    if (gaps) {
      gaps({.partition = partition,
            .why = ReadOutcome::damaged,
            .range = {view.sequence, view.sequence + 1},
            .raw = view.payload});
    }
    return false;
  }
  if (!options_.filter.empty() && !options_.filter.lets_through(view, delivery.event)) {
    held.acks.mark(view.sequence, view.sequence + 1);
    return false;
  }
  if (held.ids && is_repeat(held, delivery)) return false;
  if (options_.ack == AckMode::manual) {
    handler(delivery);
    return true;
  }
  try {
    handler(delivery);
  } catch (...) {
    if (holds(partition)) {
      held.rewind_to = std::min(held.rewind_to, view.sequence);
      move_cursor(partition, view.sequence);
    }
    throw;
  }
  return true;
}

std::uint64_t Consumer::poll_partition(std::uint32_t partition, const Handler& handler, const GapHandler& gaps,
                                       std::uint64_t most) {
  auto& held = *held_[partition];
  rewind(partition, held, gaps);
  std::uint64_t delivered = 0;
  // Filled where it is handed out: a copy would wait for what was just written to it, 3 ns a record.
  Delivery delivery{.partition = partition, .record = {}, .event = {}, .topic = topic_.get(), .possession = held.possession};
  auto& view = delivery.record;
  for (std::uint64_t i = 0;
       i < options_.most_per_partition && delivered < most && holds(partition) && held.rewind_to == kNoLimit; ++i) {
    Gap gap{.partition = partition, .why = held.reader.next(view)};
    switch (gap.why) {
      case ReadOutcome::record:
        delivered += deliver(held, delivery, handler, gaps) ? 1 : 0;
        continue;
      case ReadOutcome::empty:
        i = options_.most_per_partition - 1;
        continue;
      case ReadOutcome::lost:
        gap.range = held.reader.lost_range();
        if (held.ids) held.ids->forget_before(held.reader.started());
        break;
      case ReadOutcome::damaged:
        gap.range = {view.sequence, view.sequence + 1};
        gap.raw = view.payload;
        break;
      case ReadOutcome::fenced:
      case ReadOutcome::wrong_process:
        gap.range = {held.reader.acked(), held.reader.position()};
        drop(partition, PartitionChange::Kind::lost);
        break;
    }
    if (gaps) gaps(gap);
  }
  if (!holds(partition)) return delivered;
  if (held.rewind_to == kNoLimit) {  // what was stepped over at the end (void claims, damage) needs no ack
    held.acks.mark(held.delivered_until, held.reader.position());
    held.delivered_until = held.reader.position();
  }
  // Without automatic acks it follows what needs no ack, too: a ring full of that would hold publishers up for ever.
  const auto done = options_.ack == AckMode::automatic ? std::min(held.delivered_until, held.rewind_to) : held.acks.floor();
  if (sharing_ && done > held.reader.acked()) move_cursor(partition, done);
  return delivered;
}

// Acks everything below `position`. False: fenced; the partition is dropped.
bool Consumer::move_cursor(std::uint32_t partition, std::uint64_t position) {
  auto& held = *held_[partition];
  if (held.reader.position() < position) {  // it was to read again, because of a nack, what is acked by now
    held.rewind_to = position;
    rewind(partition, held, {});
  }
  if (!held.reader.ack(position)) {
    drop(partition, PartitionChange::Kind::lost);
    return false;
  }
  settle(held, position);
  return true;
}

// Everything below `position` is acked. What was nacked and is acked now does not come again.
void Consumer::settle(Held& held, std::uint64_t position) {
  if (held.acks.above() != 0) {
    held.acks.mark(held.acks.floor(), position);
  } else if (position > held.acks.floor()) {
    held.acks.reset(position);
  }
  if (held.rewind_to == kNoLimit) return;
  held.rewind_to = std::max(held.rewind_to, held.acks.floor());
  if (held.rewind_to >= held.delivered_until) held.rewind_to = kNoLimit;
}

bool Consumer::ack() {
  renew_lease();
  bool held_all = true;
  for (const auto partition : wanted_) {
    if (!holds(partition)) continue;
    auto& held = *held_[partition];
    held.read_until = std::max(held.read_until, held.reader.position());
    held_all = move_cursor(partition, std::min(held.reader.position(), held.rewind_to)) && held_all;
  }
  if (giving_ != 0 && !polling_) give_when_acked(clock_.now_ns());
  return held_all;
}

bool Consumer::ack(std::uint32_t partition, std::uint64_t sequence) {
  if (partition >= held_.size() || !holds(partition)) return false;
  renew_lease();
  auto& held = *held_[partition];
  if (sequence >= held.read_until) return false;
  const auto floor = held.acks.floor();
  held.acks.mark(sequence, sequence + 1);
  if (held.acks.floor() == floor) return true;
  return move_cursor(partition, held.acks.floor());
}

bool Consumer::nack(std::uint32_t partition, std::uint64_t sequence) {
  if (partition >= held_.size() || !holds(partition)) return false;
  auto& held = *held_[partition];
  if (held.acks.is_acked(sequence) || sequence >= held.read_until) return false;
  if (sequence < held.delivered_until) held.rewind_to = std::min(held.rewind_to, sequence);  // otherwise it is to come again already
  return true;
}

void Consumer::run(std::stop_token stop, const Handler& handler, const GapHandler& gaps) {
  constexpr std::uint64_t kLookForStopNs = 100'000'000;
  while (!stop.stop_requested())
    if (poll(handler, gaps) == 0) wait(kLookForStopNs);
}

void Consumer::renew_lease() {
  if (sharing_ && options_.lease_ns != 0) sharing_->renew(clock_.now_ns());
}

void Consumer::wait(std::uint64_t timeout_ns) {
  targets_.clear();
  for (const auto partition : wanted_) {
    const auto target = wait_target(partition);
    if (!target) continue;
    if (held_[partition]->rewind_to != kNoLimit) return;
    targets_.push_back(*target);
  }
  if (targets_.size() != wanted_.size()) timeout_ns = std::min(timeout_ns, look_again_ns_);
  if (sharing_ && options_.lease_ns != 0) timeout_ns = std::min(timeout_ns, options_.lease_ns / 8);
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
      const auto& held = *held_[partition];
      state.held = true;
      state.giving = held.give_by_ns != 0;
      state.held_back = !held.hand_over.is_over();
      state.position = held.reader.position();
      state.acked = sharing_ ? held.reader.acked() : state.position;
    } else if (const auto cursor = cursor_in(partition)) {
      state.position = state.acked = cursor->position;
    }
    states.push_back(state);
  }
  return states;
}

}  // namespace fabric
