#include "tools/evf/tail_source.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "fabric/topic_growth.hpp"
#include "fabric/topic_route.hpp"
#include "ipc/clock.hpp"

namespace fabric::evf {
namespace {

constexpr std::uint64_t kLookAgainNs = 5'000'000;
constexpr std::uint64_t kStalledNs = 100'000'000;  // what nobody has finished by then, nobody will
constexpr std::uint64_t kLongestBoundNs = 1'000'000'000;
constexpr std::uint64_t kLongestWaitNs = 100'000'000;

}  // namespace

Source::Source(const Fabric& fabric, std::shared_ptr<const Topic> topic, SourceOptions options)
    : fabric_(fabric),
      topic_(std::move(topic)),
      options_(std::move(options)),
      idler_(options_.group.empty() ? ipc::WaitStrategy::back_off : ipc::WaitStrategy::block) {}

Result<Source> Source::open(const Fabric& fabric, const std::shared_ptr<const Topic>& topic, const SourceOptions& options) {
  if (options.partition && *options.partition >= topic->partitions())
    return ipc::make_error(ErrorCode::invalid_argument, "topic '" + topic->name() + "' has no partition " +
                                                            std::to_string(*options.partition) + "; it has 0 to " +
                                                            std::to_string(topic->partitions() - 1));
  Source source(fabric, topic, options);
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t i = 0; i < topic->partitions(); ++i)
    if (!options.partition || *options.partition == i) wanted.push_back(i);
  source.starts_.assign(wanted.size(), options.start);
  if (options.start.kind == ipc::StartAt::Kind::last) source.starts_ = last_of_all(*topic, wanted, options.start.value);
  for (const auto number : wanted)
    source.partitions_.push_back({.number = number, .end = ipc::find_head(topic->ring(number)->map())});
  if (!options.group.empty())
    source.sharing_ = std::make_unique<Sharing>(
        *topic, wanted, Sharing::Options{.group = options.group, .balance = options.follow && !options.partition, .gating = options.gating});
  if (auto shared = source.share(); !shared) return shared.error();
  return source;
}

ipc::ReaderOptions Source::reader_options(std::uint32_t index) const {
  ipc::ReaderOptions options{.cursor = std::nullopt, .start = starts_[index]};
  if (!options_.group.empty()) options.cursor = ipc::CursorOptions{.name = options_.group, .gating = options_.gating};
  return options;
}

// The new partitions from their beginning: whoever reads the topic has read on up to there.
Result<void> Source::follow_growth() {
  if (!options_.follow || options_.partition || !topic_->is_outgrown()) return {};
  auto grown = fabric_.grown(*topic_);
  if (!grown) return grown.error();
  const auto before = std::exchange(topic_, std::move(*grown))->partitions();
  std::vector<std::uint32_t> more;
  for (auto number = before; number < topic_->partitions(); ++number) {
    more.push_back(number);
    partitions_.push_back({.number = number});
    starts_.push_back({ipc::StartAt::Kind::sequence, 0});
    const auto& parent = topic_->ring(*parent_of(topic_->base(), number))->map();
    const auto cursor = sharing_ ? ipc::find_cursor(parent, options_.group) : std::nullopt;
    if (!cursor) continue;
    if (auto placed = place_cursor(*topic_->ring(number), options_.group, cursor->gating, 0, false); !placed) return placed;
  }
  if (sharing_) sharing_->extend(*topic_, more);
  return {};
}

bool Source::is_held_back(Partition& partition) {
  if (partition.hand_over.is_over() || options_.partition) return false;
  return !partition.hand_over.look(*topic_, [this](std::uint32_t parent) -> std::optional<std::uint64_t> {
    const auto ours = std::find_if(partitions_.begin(), partitions_.end(),
                                   [&](const auto& each) { return each.number == parent && each.reader; });
    if (ours != partitions_.end() && finished(*ours)) return std::nullopt;  // as far as we read it
    if (sharing_) {
      const auto cursor = ipc::find_cursor(topic_->ring(parent)->map(), options_.group);
      return cursor ? std::optional(cursor->position) : std::nullopt;
    }
    return ours != partitions_.end() ? std::optional(ours->acked_until) : std::nullopt;
  });
}

Result<void> Source::share() {
  shared_ns_ = ipc::monotonic_ns();
  if (auto followed = follow_growth(); !followed) return followed;
  if (!sharing_) {
    for (std::uint32_t i = 0; i < partitions_.size(); ++i)
      if (auto taken = take(i, {.partition = partitions_[i].number}); !taken) return taken.error();
    return {};
  }
  const auto& step = sharing_->look(shared_ns_);
  for (std::uint32_t i = 0; i < partitions_.size(); ++i) {
    const auto number = partitions_[i].number;
    partitions_[i].giving = std::binary_search(step.give.begin(), step.give.end(), number);
    const auto due = std::find_if(step.take.begin(), step.take.end(),
                                  [&](const auto& take) { return take.partition == number; });
    if (due == step.take.end()) continue;
    if (auto taken = take(i, *due); !taken) return taken.error();
  }
  return {};
}

Result<void> Source::take(std::uint32_t index, const Sharing::Take& due) {
  auto& partition = partitions_[index];
  if (partition.reader) return {};
  const auto& ring = topic_->ring(partition.number);
  const auto cursor = sharing_ ? ipc::find_cursor(ring->map(), options_.group) : std::nullopt;
  const auto wanted = ipc::find_start(ring->map(), starts_[index]);
  auto how = reader_options(index);
  if (how.cursor && due.by_force) {
    how.cursor->take_over = true;
    how.cursor->only_from_epoch = due.owner_changes;
  }
  auto reader = ipc::Reader::attach(ring, how);
  if (!reader && reader.error().code == ErrorCode::busy) return {};
  if (!reader) return reader.error();
  partition.acked_until = reader->position();
  if (!cursor && reader->position() > wanted) late_starts_.push_back({partition.number, wanted, reader->position()});
  partition.reader.emplace(std::move(*reader));
  partition.hand_over = HandOver(*topic_, partition.number);
  if (sharing_) sharing_->took(partition.number, shared_ns_);
  return {};
}

std::size_t Source::held() const noexcept {
  return static_cast<std::size_t>(std::count_if(partitions_.begin(), partitions_.end(),
                                                [](const auto& partition) { return partition.reader.has_value(); }));
}

std::vector<std::uint32_t> Source::owned_by_others() const {
  std::vector<std::uint32_t> numbers;
  for (const auto& partition : partitions_)
    if (!partition.reader) numbers.push_back(partition.number);
  return numbers;
}

bool Source::finished(const Partition& partition) const noexcept {
  return !partition.pending && !options_.follow && (!partition.reader || partition.reader->position() >= partition.end);
}

Item Source::next() {
  const bool share_now = options_.follow && (sharing_ || held() != partitions_.size() || topic_->is_outgrown());
  if (share_now && ipc::monotonic_ns() - shared_ns_ >= kLookAgainNs)
    static_cast<void>(share());  // what fails now is tried again
  Partition* oldest = nullptr;
  bool more = false;
  for (auto& partition : partitions_) {
    if (finished(partition)) continue;
    more = true;
    if (partition.giving || is_held_back(partition)) continue;
    if (!partition.pending && partition.reader)
      if (auto item = fill(partition)) return *item;
    if (partition.pending && (oldest == nullptr || partition.pending->timestamp_ns < oldest->pending->timestamp_ns))
      oldest = &partition;
  }
  if (oldest != nullptr) return hand_out(*oldest);
  return {.kind = more ? Item::Kind::idle : Item::Kind::end};
}

// Reads one record into `pending`; something else than a record is returned.
std::optional<Item> Source::fill(Partition& partition) {
  auto& reader = *partition.reader;
  ipc::RecordView view;
  Item item{.partition = partition.number};
  switch (reader.next(view)) {
    case ipc::ReadOutcome::record:
      partition.pending = view;
      return std::nullopt;
    case ipc::ReadOutcome::empty:
      return pass_unfinished(partition);
    case ipc::ReadOutcome::lost:
      item.kind = Item::Kind::lost;
      item.range = reader.lost_range();
      break;
    case ipc::ReadOutcome::damaged:
      item.kind = Item::Kind::damaged;
      item.range = {view.sequence, view.sequence + 1};
      item.raw = view.payload;
      break;
    case ipc::ReadOutcome::fenced:
    case ipc::ReadOutcome::wrong_process:
      item.kind = Item::Kind::fenced;
      partition.reader.reset();
      if (sharing_) sharing_->gave(partition.number);
      return item;
  }
  partition.acked_until = reader.position();
  return item;
}

// At an uncommitted slot below the head. A reader that may write settles it; an observer cannot, and would stand before
// a dead publisher's claim for ever: after a while it reports the claim and goes on behind it.
std::optional<Item> Source::pass_unfinished(Partition& partition) {
  auto& reader = *partition.reader;
  const auto& map = reader.ring().map();
  const auto position = reader.position();
  const auto head = options_.follow ? ipc::find_head(map) : partition.end;
  if (position >= head) return std::nullopt;
  const auto now = ipc::monotonic_ns();
  if (partition.stalled_since_ns == 0 || partition.stalled_at != position) {
    partition.stalled_at = position;
    partition.stalled_since_ns = now;
  }
  if (now - partition.stalled_since_ns < kStalledNs + std::min(map.void_after_ns, kLongestBoundNs)) return std::nullopt;
  auto end = position;
  while (end < head && ipc::examine_slot(map, end) == ipc::SlotCondition::unfinished) ++end;
  const bool observer = options_.group.empty();
  if (end == position || (end == head && options_.follow) || (!observer && options_.follow)) return std::nullopt;
  Item item{.kind = Item::Kind::unfinished, .partition = partition.number, .range = {position, end}};
  if (!observer) {
    partition.end = position;  // a reader with a cursor skips nothing; it is at its end for this run
  } else if (!reader.seek({ipc::StartAt::Kind::sequence, end})) {
    return std::nullopt;
  }
  return item;
}

Item Source::hand_out(Partition& partition) {
  Item item{.kind = Item::Kind::record, .partition = partition.number, .record = *partition.pending};
  partition.pending.reset();
  partition.acked_until = item.record.sequence + 1;
  item.range = {item.record.sequence, item.record.sequence + 1};
  item.place = place_of(*topic_, partition.number, item.record.sequence);
  if (const auto event = decode_event(item.record)) {
    item.event = *event;
  } else {
    item.kind = Item::Kind::damaged;
    item.raw = item.record.payload;
  }
  return item;
}

void Source::ack() {
  if (!sharing_) return;
  for (auto& partition : partitions_) {
    if (!partition.reader) continue;
    static_cast<void>(partition.reader->ack(partition.acked_until));  // fenced: next() says so
    if (!std::exchange(partition.giving, false)) continue;
    partition.pending.reset();
    partition.reader.reset();
    sharing_->gave(partition.number);
  }
}

void Source::wait() {
  targets_.clear();
  for (const auto& partition : partitions_)
    if (partition.reader && !partition.giving && !finished(partition) && partition.hand_over.is_over())
      targets_.push_back(partition.reader->wait_target());
  const bool all = targets_.size() == partitions_.size();
  if (targets_.empty()) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(kLookAgainNs));
    return;
  }
  idler_.idle(targets_, all && options_.follow ? kLongestWaitNs : kLookAgainNs);
}

std::vector<ipc::StartAt> last_of_all(const Topic& topic, const std::vector<std::uint32_t>& partitions,
                                      std::uint64_t count) {
  struct Stamp {
    std::uint64_t time_ns, sequence;
    std::size_t index;
  };
  std::vector<Stamp> stamps;
  std::vector<ipc::StartAt> starts;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto& map = topic.ring(partitions[i])->map();
    const auto head = ipc::find_head(map);
    const auto oldest = std::min(ipc::oldest_sequence(map), head);
    starts.push_back({ipc::StartAt::Kind::sequence, head});
    std::uint64_t found = 0;
    for (auto sequence = head; sequence > oldest && found < count; --sequence) {
      const auto time = ipc::timestamp_of(map, sequence - 1);
      if (!time) continue;
      stamps.push_back({*time, sequence - 1, i});
      ++found;
    }
  }
  std::sort(stamps.begin(), stamps.end(), [](const Stamp& a, const Stamp& b) { return a.time_ns > b.time_ns; });
  if (stamps.size() > count) stamps.resize(count);
  for (const auto& stamp : stamps) starts[stamp.index].value = std::min(starts[stamp.index].value, stamp.sequence);
  return starts;
}

}  // namespace fabric::evf
