#include "fabric/delivery/producer.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "fabric/event/envelope_fields.hpp"
#include "ipc/clock.hpp"
#include "ipc/cursor.hpp"

namespace fabric {
namespace {

using ipc::PublishOutcome;

constexpr std::uint32_t kSpins = 64, kYields = 64;
constexpr std::uint64_t kShortestNapNs = 10'000, kLongestNapNs = 1'000'000;

bool is_worth_another_try(PublishOutcome outcome) noexcept {
  return outcome == PublishOutcome::back_pressure || outcome == PublishOutcome::arena_full ||
         outcome == PublishOutcome::refused;
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
                                 ipc::RecordOptions options) noexcept {
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

// Takes a publisher line in every partition.
Result<std::vector<ipc::Publisher>> attach_publishers(const Topic& topic, const ProducerOptions& options) {
  std::vector<ipc::Publisher> publishers;
  publishers.reserve(topic.partitions());
  for (std::uint32_t partition = 0; partition < topic.partitions(); ++partition) {
    auto publisher = ipc::Publisher::attach(topic.ring(partition), {.take_over = options.take_over});
    if (!publisher) return publisher.error();
    publishers.push_back(std::move(*publisher));
  }
  return publishers;
}

Result<std::vector<IdIndex>> index_ids(const Topic& topic) {
  std::vector<IdIndex> ids;
  ids.reserve(topic.partitions());
  for (std::uint32_t partition = 0; partition < topic.partitions(); ++partition) {
    auto index = IdIndex::open(topic.ring(partition));
    if (!index) return index.error();
    static_cast<void>(index->follow(topic.ring(partition)->map().tail()));  // what it does not reach now it does later
    ids.push_back(std::move(*index));
  }
  return ids;
}

// What is asked between claim and commit.
struct OnceQuestion {
  IdIndex& ids;
  const EventId& id;
  IdIndex::Known known{};

  static bool admit(void* context, std::uint64_t sequence) noexcept {
    auto& question = *static_cast<OnceQuestion*>(context);
    question.known = question.ids.ask(question.id, sequence);
    return question.known.answer == IdIndex::Answer::fresh;
  }
};

}  // namespace

Result<Producer> Producer::open(const Fabric& fabric, const std::string& topic, const ProducerOptions& options) {
  for (;;) {
    auto attached = fabric.topic(topic, ipc::Access::read_write);
    if (!attached) return attached.error();
    auto publishers = attach_publishers(**attached, options);
    auto confirmed = fabric.confirm(**attached);
    if (!confirmed) return confirmed.error();
    if (!*confirmed) continue;  // deleted meanwhile: it is not found now, or it is another one
    if (!publishers) return publishers.error();
    auto ids = options.idempotent ? index_ids(**attached) : Result<std::vector<IdIndex>>(std::vector<IdIndex>());
    if (!ids) return ids.error();
    return Producer(std::move(*attached), std::move(*publishers), std::move(*ids));
  }
}

Published Producer::publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                            std::uint32_t schema) noexcept {
  Published published{.partition = topic_->partition_of(key)};
  if (key.size() > kMaxKeyBytes) {
    published.outcome = PublishOutcome::too_large;
    return published;
  }
  auto& publisher = publishers_[published.partition];
  ipc::RecordOptions options{.schema = schema & kMaxSchema, .sequence = &published.sequence};
  if (key.empty()) {
    published.outcome = publisher.publish(payload, options);
  } else {
    options.flags = ipc::kExtended;
    published.outcome = publish_keyed(publisher, key, payload, options);
  }
  return published;
}

Published Producer::publish_within(std::span<const std::byte> key, std::span<const std::byte> payload,
                                   std::uint64_t timeout_ns, std::uint32_t schema) noexcept {
  return try_within(timeout_ns, [&]() noexcept { return publish(key, payload, schema); });
}

Published Producer::publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                            const EventAttributes& attributes, std::uint32_t schema) noexcept {
  Published published{.partition = topic_->partition_of(key)};
  if (!ids_.empty()) {
    const auto id =
        attributes.id.empty() && attributes.passed_on != nullptr ? attributes.passed_on->id() : attributes.id;
    if (!id.empty()) return publish_once(published.partition, id, key, payload, attributes, schema);
  }
  published.outcome = publish_described(publishers_[published.partition], key, payload, attributes,
                                        {.schema = schema & kMaxSchema, .sequence = &published.sequence});
  return published;
}

// Asked before as well: what is known already costs no claim. (Each try during another's claim would leave a void
// behind, and tries come fast.)
Published Producer::publish_once(std::uint32_t partition, const EventId& id, std::span<const std::byte> key,
                                 std::span<const std::byte> payload, const EventAttributes& attributes,
                                 std::uint32_t schema) noexcept {
  Published published{.partition = partition};
  if (!topic_->ring(partition)->owned_by_this_process()) {
    published.outcome = PublishOutcome::wrong_process;
    return published;
  }
  OnceQuestion question{.ids = ids_[partition], .id = id};
  const ipc::Admission admission{.announced = IdIndex::hash(id), .admit = OnceQuestion::admit, .context = &question};
  published.outcome = PublishOutcome::refused;
  if (OnceQuestion::admit(&question, ipc::find_head(topic_->ring(partition)->map())))
    published.outcome =
        publish_described(publishers_[partition], key, payload, attributes,
                          {.schema = schema & kMaxSchema, .sequence = &published.sequence, .admission = &admission});
  if (published.outcome != PublishOutcome::refused || question.known.answer != IdIndex::Answer::repeated)
    return published;
  // Whoever published it may have been killed before it was written back.
  const auto sequence = question.known.sequence;
  return {.outcome = publishers_[partition].write_back(sequence),
          .partition = partition,
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
