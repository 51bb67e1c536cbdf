#include "fabric/delivery/producer.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "fabric/event/envelope_fields.hpp"
#include "fabric/topic_growth.hpp"
#include "ipc/clock.hpp"
#include "ipc/cursor.hpp"

namespace fabric {
namespace {

using ipc::PublishOutcome;

constexpr std::uint32_t kSpins = 64, kYields = 64;
constexpr std::uint64_t kShortestNapNs = 10'000, kLongestNapNs = 1'000'000;

bool is_worth_another_try(PublishOutcome outcome) noexcept {
  return outcome == PublishOutcome::back_pressure || outcome == PublishOutcome::arena_full ||
         outcome == PublishOutcome::moved || outcome == PublishOutcome::refused;
}

// The time between two tries: readers that are about to advance are met spinning, stopped ones cost next to nothing.
class Pause {
 public:
  explicit Pause(std::uint64_t timeout_ns) noexcept : start_ns_(ipc::monotonic_ns()), timeout_ns_(timeout_ns) {}
  // False: the time is up.
  bool wait() noexcept {
    const auto waited_ns = ipc::monotonic_ns() - start_ns_;
    if (waited_ns >= timeout_ns_) return false;
    if (++tries_ <= kSpins) return true;
    if (tries_ <= kSpins + kYields) return sched_yield() == 0;
    const auto ns = std::min(nap_ns_, timeout_ns_ - waited_ns);
    const timespec time{0, static_cast<long>(ns)};
    nanosleep(&time, nullptr);
    nap_ns_ = std::min(nap_ns_ * 2, kLongestNapNs);
    return true;
  }

 private:
  std::uint64_t start_ns_, timeout_ns_, nap_ns_ = kShortestNapNs;
  std::uint32_t tries_ = 0;
};

template <class Try>
Published try_within(std::uint64_t timeout_ns, const Try& try_once) noexcept {
  auto published = try_once();
  if (!is_worth_another_try(published.outcome)) return published;
  Pause pause(timeout_ns);
  while (is_worth_another_try(published.outcome) && pause.wait()) published = try_once();
  return published;
}

// With a key: envelope and payload side by side, in a private image of the slot or straight in the arena.
PublishOutcome publish_keyed(ipc::Publisher& publisher, std::span<const std::byte> key,
                             std::span<const std::byte> payload, const ipc::RecordOptions& options) noexcept {
  FieldCounter counter;
  counter.field(EnvelopeTag::key, {}, key);
  const auto head = counter.block_bytes();
  auto claim = publisher.claim(head + payload.size());
  if (!claim) return claim.outcome();
  FieldWriter writer(claim.bytes().first(head));
  writer.field(EnvelopeTag::key, {}, key);
  static_cast<void>(writer.finish());
  if (!payload.empty()) std::memcpy(claim.bytes().data() + head, payload.data(), payload.size());
  return claim.commit(head + payload.size(), options);
}

// With metadata: the same.
PublishOutcome publish_described(ipc::Publisher& publisher, std::span<const std::byte> key,
                                 std::span<const std::byte> payload, const EventAttributes& attributes,
                                 ipc::RecordOptions& options) noexcept {
  const auto head = envelope_bytes(key, attributes);
  if (!head) return PublishOutcome::too_large;
  if (*head == 0) return publisher.publish(payload, options);
  auto claim = publisher.claim(*head + payload.size());
  if (!claim) return claim.outcome();
  if (!encode_envelope(key, attributes, claim.bytes().first(*head))) return PublishOutcome::damaged;
  if (!payload.empty()) std::memcpy(claim.bytes().data() + *head, payload.data(), payload.size());
  options.flags = ipc::kExtended;
  return claim.commit(*head + payload.size(), options);
}

// Takes a publisher line in every partition from `first` on.
Result<std::deque<ipc::Publisher>> attach_publishers(const Topic& topic, std::uint32_t first, bool take_over) {
  std::deque<ipc::Publisher> publishers;
  for (auto partition = first; partition < topic.partitions(); ++partition) {
    auto publisher = ipc::Publisher::attach(topic.ring(partition), {.take_over = take_over});
    if (!publisher) return publisher.error();
    publishers.push_back(std::move(*publisher));
  }
  return publishers;
}

// From `first` on.
Result<std::vector<IdIndex>> index_ids(const Topic& topic, std::uint32_t first) {
  std::vector<IdIndex> ids;
  ids.reserve(topic.partitions() - first);
  for (auto partition = first; partition < topic.partitions(); ++partition) {
    auto index = IdIndex::open(topic.ring(partition));
    if (!index) return index.error();
    static_cast<void>(index->follow(topic.ring(partition)->map().tail()));  // what it does not reach now it does later
    ids.push_back(std::move(*index));
  }
  return ids;
}

// What is asked between claim and commit.
struct OnceQuestion {
  const EventId& id;
  std::uint32_t partition = 0;
  IdIndex* ids = nullptr;
  IdIndex::Known known{};

  bool admits_in(std::uint32_t where, IdIndex& index, std::uint64_t sequence) noexcept {
    partition = where;
    ids = &index;
    return admit(this, sequence);
  }
  static bool admit(void* context, std::uint64_t sequence) noexcept {
    auto& question = *static_cast<OnceQuestion*>(context);
    question.known = question.ids->ask(question.id, sequence);
    return question.known.answer == IdIndex::Answer::fresh;
  }
};

}  // namespace

Result<Producer> Producer::open(const Fabric& fabric, const std::string& topic, const ProducerOptions& options) {
  for (;;) {
    auto attached = fabric.topic(topic, ipc::Access::read_write);
    if (!attached) return attached.error();
    auto publishers = attach_publishers(**attached, 0, options.take_over);
    auto confirmed = fabric.confirm(**attached);
    if (!confirmed) return confirmed.error();
    if (!*confirmed) continue;  // deleted meanwhile: it is not found now, or it is another one
    if (!publishers) return publishers.error();
    auto ids = options.idempotent ? index_ids(**attached, 0) : Result<std::vector<IdIndex>>(std::vector<IdIndex>());
    if (!ids) return ids.error();
    Producer producer(fabric, std::move(*attached), std::move(*publishers), std::move(*ids));
    if (producer.follow_growth() != PublishOutcome::published) return *producer.trouble_;
    return producer;
  }
}

// The partitions that the topic has grown. Our lines in the old ones keep it from being deleted.
Result<void> Producer::attach_grown() {
  auto grown = fabric_.grown(*topic_);
  if (!grown) return grown.error();
  auto more = attach_publishers(**grown, topic_->partitions(), false);
  if (!more) return more.error();
  if (!ids_.empty()) {
    auto ids = index_ids(**grown, topic_->partitions());
    if (!ids) return ids.error();
    ids_.reserve(ids_.size() + ids->size());
    for (auto& index : *ids) ids_.push_back(std::move(index));
  }
  for (auto& publisher : *more) publishers_.push_back(std::move(publisher));
  topic_ = std::move(*grown);
  return {};
}

// `published`: the routes are known, try again. Words are looked at after the lines were taken, so that what a
// one-writer publisher claimed when it was attached was claimed for these words, or lies below the hand-over.
PublishOutcome Producer::follow_growth() noexcept try {
  for (;;) {
    auto words = Router::look(*topic_);
    const auto count = Router::count_in(*topic_, words);
    if (count == 0) {
      trouble_ =
          ipc::make_error(ErrorCode::corrupt, "topic '" + topic_->name() + "': a route word is damaged; run evf fsck");
      return PublishOutcome::damaged;
    }
    if (count > topic_->partitions()) {
      if (auto done = attach_grown(); !done) {
        trouble_ = done.error();
        return PublishOutcome::moved;
      }
      continue;
    }
    // A stride that was claimed for the old route, or when the line was taken, is not used any more: it lies below the
    // hand-over that rebuild() marks, and nobody behind that shall wait for it.
    for (std::uint32_t partition = 0; partition < topic_->partitions(); ++partition)
      if (words[partition] != (router_.knows(partition) ? router_.word(partition) : 0))
        publishers_[partition].give_up_claim();
    router_.rebuild(*topic_, std::move(words));
    trouble_.reset();
    return PublishOutcome::published;
  }
} catch (const std::exception& problem) {
  trouble_ = ipc::make_error(ErrorCode::system, problem.what());
  return PublishOutcome::moved;
}

// Where the key belongs, until it is there: at most two new routes for each doubling. More is damage.
template <class Send>
Published Producer::send(std::span<const std::byte> key, std::uint32_t schema, const Send& send_to) noexcept {
  Published published;  // returned where it is: a copy would wait for what was just written to it
  for (std::uint32_t moves = 0;; ++moves) {
    published.partition = router_.partition_of(key);
    ipc::RecordOptions options{
        .schema = schema & kMaxSchema, .sequence = &published.sequence, .route = router_.word(published.partition)};
    published.outcome = send_to(published.partition, options);
    if (published.outcome != PublishOutcome::moved) [[likely]]
      return published;
    const auto followed = moves < kMostMoves ? follow_growth() : PublishOutcome::damaged;
    if (followed == PublishOutcome::published) continue;
    published.outcome = followed;
    return published;
  }
}

Published Producer::publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                            std::uint32_t schema) noexcept {
  if (key.size() > kMaxKeyBytes) return {.outcome = PublishOutcome::too_large, .partition = router_.partition_of(key)};
  return send(key, schema, [&](std::uint32_t partition, ipc::RecordOptions& options) noexcept {
    auto& publisher = publishers_[partition];
    if (key.empty()) return publisher.publish(payload, options);
    options.flags = ipc::kExtended;
    return publish_keyed(publisher, key, payload, options);
  });
}

Published Producer::publish_within(std::span<const std::byte> key, std::span<const std::byte> payload,
                                   std::uint64_t timeout_ns, std::uint32_t schema) noexcept {
  return try_within(timeout_ns, [&]() noexcept { return publish(key, payload, schema); });
}

Published Producer::publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                            const EventAttributes& attributes, std::uint32_t schema) noexcept {
  if (!ids_.empty()) {
    const auto id =
        attributes.id.empty() && attributes.passed_on != nullptr ? attributes.passed_on->id() : attributes.id;
    if (!id.empty()) return publish_once(id, key, payload, attributes, schema);
  }
  return send(key, schema, [&](std::uint32_t partition, ipc::RecordOptions& options) noexcept {
    return publish_described(publishers_[partition], key, payload, attributes, options);
  });
}

// Asked before as well: what is known already costs no claim. (Each try during another's claim would leave a void
// behind, and tries come fast.) So are the partitions that the key was in before the topic grew: there nothing of it is
// published any more.
Published Producer::publish_once(const EventId& id, std::span<const std::byte> key, std::span<const std::byte> payload,
                                 const EventAttributes& attributes, std::uint32_t schema) noexcept {
  OnceQuestion question{.id = id};
  const ipc::Admission admission{.announced = IdIndex::hash(id), .admit = OnceQuestion::admit, .context = &question};
  auto published = send(key, schema, [&](std::uint32_t partition, ipc::RecordOptions& options) noexcept {
    if (!topic_->ring(partition)->owned_by_this_process()) return PublishOutcome::wrong_process;
    auto child = partition;
    for (auto parent = parent_of(topic_->base(), child); parent; parent = parent_of(topic_->base(), child = *parent))
      if (!question.admits_in(*parent, ids_[*parent], end_of_hand_over(*topic_, child))) return PublishOutcome::refused;
    if (!question.admits_in(partition, ids_[partition], ipc::find_head(topic_->ring(partition)->map())))
      return PublishOutcome::refused;
    options.admission = &admission;
    return publish_described(publishers_[partition], key, payload, attributes, options);
  });
  if (published.outcome != PublishOutcome::refused || question.known.answer != IdIndex::Answer::repeated)
    return published;
  // Whoever published it may have been killed before it was written back.
  const auto sequence = question.known.sequence;
  return {.outcome = publishers_[question.partition].write_back(sequence),
          .partition = question.partition,
          .sequence = sequence,
          .repeated = true};
}

Published Producer::publish_within(std::span<const std::byte> key, std::span<const std::byte> payload,
                                   std::uint64_t timeout_ns, const EventAttributes& attributes,
                                   std::uint32_t schema) noexcept {
  return try_within(timeout_ns, [&]() noexcept { return publish(key, payload, attributes, schema); });
}

PartitionBlame Producer::blame(std::uint32_t partition) const {
  const auto blame = publishers_[partition].blame();
  PartitionBlame named{.position = blame.position};
  const auto now_ns = ipc::monotonic_ns();
  if (blame.since_ns != 0 && blame.since_ns < now_ns) named.blocked_ns = now_ns - blame.since_ns;
  if (blame.cursor == ipc::Slowest::kNone) return named;
  for (auto& cursor : ipc::list_cursors(topic_->ring(partition)->map())) {
    if (cursor.index != blame.cursor) continue;
    named.cursor = std::move(cursor.name);
    named.owner = cursor.owner;
  }
  return named;
}

}  // namespace fabric
