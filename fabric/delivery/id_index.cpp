#include "fabric/delivery/id_index.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "fabric/event/envelope.hpp"
#include "ipc/verdict.hpp"

namespace fabric {
namespace {

using ipc::Standing;

// Of an id as it stands in the envelope: its form, then its bytes.
std::uint64_t hash_encoded(std::span<const std::byte> encoded) noexcept {
  return std::max<std::uint64_t>(ipc::hash_bytes(encoded.data(), encoded.size()), 1);
}

// The extension block at the front of a record. What comes of one that is changed meanwhile, decode_block() says.
std::span<const std::byte> copy_block(std::span<const std::byte> record, std::span<std::byte> copy) noexcept {
  std::byte head[2]{};
  if (record.size() < sizeof head) return {};
  ipc::copy_shared(head, record.data(), sizeof head);
  const auto bytes = std::to_integer<std::size_t>(head[0]) | std::to_integer<std::size_t>(head[1]) << 8;
  if (bytes > record.size() || bytes > copy.size()) return {};
  ipc::copy_shared(copy.data(), record.data(), bytes);
  return copy.first(bytes);
}

}  // namespace

Result<IdIndex> IdIndex::open(std::shared_ptr<ipc::Ring> ring, std::uint64_t from) {
  auto reader = ipc::Reader::attach(std::move(ring), {.start = {ipc::StartAt::Kind::earliest, 0}});
  if (!reader) return reader.error();
  return IdIndex(std::move(*reader), from);
}

IdIndex::IdIndex(ipc::Reader reader, std::uint64_t from)
    : reader_(std::move(reader)),
      mask_(ring().map().mask),
      followed_(from),
      from_(from),
      hashes_(mask_ + 1),
      next_(mask_ + 1),
      tails_(mask_ + 1),
      block_(kMaxEnvelopeBytes) {
  unfinished_.reserve(kMostUnfinished);
}

std::uint64_t IdIndex::hash(const EventId& id) noexcept {
  std::array<std::byte, 1 + kMaxIdBytes> encoded;
  encoded[0] = static_cast<std::byte>(id.form());
  const auto bytes = id.bytes().first(std::min(id.bytes().size(), kMaxIdBytes));
  std::memcpy(encoded.data() + 1, bytes.data(), bytes.size());
  return hash_encoded(std::span(encoded).first(1 + bytes.size()));
}

bool IdIndex::follow(std::uint64_t end, std::uint64_t most) noexcept {
  if (!unfinished_.empty()) look_again();
  if (end <= followed_) return true;
  const auto slots = mask_ + 1;
  if (end - followed_ > slots) {  // most of it, or all, was overwritten meanwhile
    forget_all();
    followed_ = end - slots;
  }
  const auto until = followed_ + std::min(end - followed_, most);
  while (followed_ < until)
    if (!look_at(followed_)) return false;
  return until == end;
}

// The next one.
bool IdIndex::look_at(std::uint64_t sequence) noexcept {
  const auto standing = ipc::standing_of(ring(), sequence);
  if (standing == Standing::unfinished) {
    if (unfinished_.size() == kMostUnfinished) return false;
    unfinished_.push_back({.sequence = sequence, .since_ns = ipc::monotonic_ns()});
  }
  forget(sequence & mask_);
  followed_ = sequence + 1;
  if (standing == Standing::record) remember(sequence, hash_of_record(sequence));
  return true;
}

void IdIndex::look_again() noexcept {
  const auto now_ns = ipc::monotonic_ns();
  drop_finished(now_ns);
  if (void_overdue(now_ns)) drop_finished(now_ns);
}

// Whoever finishes one goes on with the next: its time begins now.
void IdIndex::drop_finished(std::uint64_t now_ns) noexcept {
  const auto& map = ring().map();
  auto next = ~std::uint64_t{0};
  std::size_t kept = 0;
  for (auto claim : unfinished_) {
    if (followed_ - claim.sequence > mask_ + 1 || !ipc::is_retained(map, claim.sequence)) continue;
    const auto standing = ipc::standing_of(ring(), claim.sequence);
    if (standing == Standing::unfinished) {
      if (claim.sequence == next) claim.since_ns = now_ns;
      unfinished_[kept++] = claim;
      continue;
    }
    next = claim.sequence + 1;
    if (standing == Standing::record) remember(claim.sequence, hash_of_record(claim.sequence));
  }
  unfinished_.erase(unfinished_.begin() + static_cast<std::ptrdiff_t>(kept), unfinished_.end());
}

// Of each run the first, if its time is up, and by the same fence those behind it whose time is up as well: the rest of
// its claim. Without the first they wait: whoever has it goes on.
bool IdIndex::void_overdue(std::uint64_t now_ns) noexcept {
  const auto& map = ring().map();
  if (!ring().writable() || !ring().owned_by_this_process() || map.writers != ipc::WriterMode::many) return false;
  bool any = false;
  for (std::size_t i = 0; i < unfinished_.size();) {
    const auto first = unfinished_[i].sequence;
    auto overdue = first;
    for (auto next = first; i < unfinished_.size() && unfinished_[i].sequence == next; ++i, ++next)
      if (overdue == next && now_ns - unfinished_[i].since_ns >= map.void_after_ns) ++overdue;
    if (overdue == first) continue;
    ipc::void_range(map, first, overdue);
    any = true;
  }
  return any;
}

bool IdIndex::is_announced(std::uint64_t announced, std::uint64_t end) const noexcept {
  return std::any_of(unfinished_.begin(), unfinished_.end(), [&](const Unfinished& claim) {
    return claim.sequence < end && ipc::is_announced(ring(), claim.sequence, announced);
  });
}

// 0: it has none, or is not readable (any more).
std::uint64_t IdIndex::hash_of_record(std::uint64_t sequence) noexcept {
  const auto& map = ring().map();
  const auto record = ipc::look_at_record(map, sequence);
  if ((ipc::ContentWord::flags(record.header.content) & ipc::kExtended) == 0) return 0;
  const auto block = copy_block(record.payload, block_);
  Event event;
  if (!decode_block(block, event)) return 0;
  const auto id = event.envelope.field(EnvelopeTag::id);
  if (id.empty()) return 0;
  return ipc::is_retained(map, sequence) ? hash_encoded(id) : 0;
}

void IdIndex::remember(std::uint64_t sequence, std::uint64_t hash) noexcept {
  if (hash == 0) return;
  const auto slot = sequence & mask_;
  forget(slot);
  const auto link = static_cast<std::uint32_t>(slot + 1);
  auto& tail = tails_[bucket_of(hash)];
  hashes_[slot] = hash;
  next_[slot] = tail == 0 ? link : std::exchange(next_[tail - 1], link);
  tail = link;
}

void IdIndex::forget(std::uint64_t slot) noexcept {
  if (hashes_[slot] == 0) return;
  const auto link = static_cast<std::uint32_t>(slot + 1);
  auto& tail = tails_[bucket_of(std::exchange(hashes_[slot], 0))];
  auto before = tail;
  while (next_[before - 1] != link) before = next_[before - 1];
  next_[before - 1] = next_[slot];
  if (tail == link) tail = before == link ? 0 : before;
}

void IdIndex::forget_all() noexcept {
  std::fill(hashes_.begin(), hashes_.end(), 0);
  std::fill(tails_.begin(), tails_.end(), 0);
}

std::optional<std::uint64_t> IdIndex::find(const EventId& id, std::uint64_t end) noexcept {
  const auto wanted = hash(id);
  const auto tail = tails_[bucket_of(wanted)];
  for (auto link = tail; link != 0;) {
    link = next_[link - 1];
    const auto sequence = sequence_of(link - 1);
    if (hashes_[link - 1] == wanted && from_ <= sequence && sequence < end && has_id(sequence, id)) return sequence;
    if (link == tail) break;
  }
  return std::nullopt;
}

// A claim that finishes between the looks is found by the last one; one that does not is either ours to fear, or says
// that it is another's.
IdIndex::Known IdIndex::ask(const EventId& id, std::uint64_t sequence) noexcept {
  if (!follow(sequence)) return {Answer::in_flight};
  if (!unfinished_.empty()) {
    if (is_announced(hash(id), sequence)) return {Answer::in_flight};
    look_again();
  }
  const auto there = find(id, sequence);
  return there ? Known{Answer::repeated, *there} : Known{};
}

bool IdIndex::has_id(std::uint64_t sequence, const EventId& id) noexcept {
  if (!ipc::is_retained(ring().map(), sequence)) return false;
  const auto sought = reader_.seek({ipc::StartAt::Kind::sequence, sequence});
  ipc::RecordView view;
  if (!sought || *sought != sequence || reader_.next(view) != ipc::ReadOutcome::record || view.sequence != sequence)
    return false;
  Event event;
  return decode_event(view, event) && event.envelope.id() == id;
}

}  // namespace fabric
