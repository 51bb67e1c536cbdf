// Producer::publish_batch: many records of one key with one claim.
//
// The ring copies payloads that lie in one piece, so envelope and payload are put side by side first, in a buffer that
// stays in the cache. A keyed publish does that, too; what is saved is a claim, a time stamp and a look for sleepers
// per record.

#include <algorithm>
#include <array>
#include <cstring>

#include "fabric/delivery/producer.hpp"
#include "fabric/event/envelope_fields.hpp"

namespace fabric {
namespace {

using ipc::PublishOutcome;

constexpr std::size_t kMostRecords = 64, kMostBytes = 16384;

// Records that are about to be published, each with the same block in front.
class Stage {
 public:
  // `most_bytes`: what fits a slot.
  Stage(std::span<const std::byte> key, std::size_t most_bytes) noexcept
      : head_(head_bytes(key)), most_bytes_(std::min(most_bytes, kMostBytes)) {
    if (key.empty() || head_ > most_bytes_) return;
    FieldWriter writer{std::span<std::byte>(bytes_).first(head_)};
    writer.field(EnvelopeTag::key, {}, key);
    static_cast<void>(writer.finish());
  }
  // Takes as many from the front as there is room for; none: the first does not fit a slot.
  std::span<const std::span<const std::byte>> fill(std::span<const std::span<const std::byte>> payloads) noexcept {
    std::size_t count = 0, used = 0;
    while (count < std::min(payloads.size(), kMostRecords) && fits(payloads[count], used)) {
      auto* record = bytes_.data() + used;
      if (used != 0) std::memcpy(record, bytes_.data(), head_);
      if (!payloads[count].empty()) std::memcpy(record + head_, payloads[count].data(), payloads[count].size());
      const auto bytes = head_ + payloads[count].size();
      records_[count++] = {record, bytes};
      used += (bytes + kBlockUnit - 1) / kBlockUnit * kBlockUnit;
    }
    return std::span(records_).first(count);
  }

 private:
  static std::size_t head_bytes(std::span<const std::byte> key) noexcept {
    FieldCounter counter;
    counter.field(EnvelopeTag::key, {}, key);
    return counter.block_bytes();
  }
  bool fits(std::span<const std::byte> payload, std::size_t used) const noexcept {
    return payload.size() <= most_bytes_ && head_ + payload.size() <= most_bytes_ &&
           head_ + payload.size() <= kMostBytes - used;
  }

  std::size_t head_, most_bytes_;
  alignas(64) std::array<std::byte, kMostBytes> bytes_;
  std::array<std::span<const std::byte>, kMostRecords> records_;
};

// As many from the front as fit a slot each.
std::span<const std::span<const std::byte>> that_fit(std::span<const std::span<const std::byte>> payloads,
                                                     std::size_t most_bytes) noexcept {
  const auto large = std::find_if(payloads.begin(), payloads.end(), [&](auto one) { return one.size() > most_bytes; });
  return payloads.first(static_cast<std::size_t>(large - payloads.begin()));
}

}  // namespace

Published Producer::publish_batch(std::span<const std::byte> key, std::span<const std::span<const std::byte>> payloads,
                                  std::size_t& published, std::uint32_t schema) noexcept {
  published = 0;
  Published result{.partition = router_.partition_of(key)};
  if (key.size() > kMaxKeyBytes) {
    result.outcome = PublishOutcome::too_large;
    return result;
  }
  const auto inline_bytes = publishers_[result.partition].ring().map().inline_capacity();
  ipc::RecordOptions options{.schema = schema & kMaxSchema, .sequence = &result.sequence};
  if (!key.empty()) options.flags = ipc::kExtended;
  Stage stage(key, inline_bytes);
  std::uint32_t moves = 0;
  while (result && published < payloads.size()) {
    const auto rest = payloads.subspan(published);
    const auto records = key.empty() ? that_fit(rest, inline_bytes) : stage.fill(rest);
    std::size_t done = 0;
    if (!records.empty()) {
      result.partition = router_.partition_of(key);
      options.route = router_.word(result.partition);
      result.outcome = publishers_[result.partition].publish_batch(records, done, options);
      if (result.outcome == PublishOutcome::moved && ++moves <= kMostMoves) result.outcome = follow_growth();
    } else {
      const auto one = publish(key, rest.front(), schema);
      result.outcome = one.outcome;
      result.partition = one.partition;
      done = one || one.outcome == PublishOutcome::sync_failed ? 1 : 0;
      if (done != 0) result.sequence = one.sequence;
    }
    published += done;
  }
  return result;
}

}  // namespace fabric
