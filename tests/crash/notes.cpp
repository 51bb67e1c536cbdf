#include "tests/crash/notes.hpp"

#include <unistd.h>

#include "tests/support/clock_peer.hpp"

namespace fabric::ipc::crash {
namespace {

// Opens what a publisher and a reader keep from others.
struct PublisherPeer : Publisher {
  static Clock& clock(Publisher& of) noexcept { return of.*&PublisherPeer::clock_; }
};
struct ReaderPeer : Reader {
  static Clock& clock(Reader& of) noexcept { return of.*&ReaderPeer::clock_; }
};

std::byte filling(std::uint64_t number) noexcept { return static_cast<std::byte>((number * 31 + 7) & 0xff); }

}  // namespace

void fill_payload(std::span<std::byte> bytes, std::uint64_t number) noexcept {
  std::memset(bytes.data(), std::to_integer<int>(filling(number)), bytes.size());
  std::memcpy(bytes.data(), &number, sizeof number);
}

std::optional<std::uint64_t> number_in(std::span<const std::byte> bytes) noexcept {
  std::uint64_t number = 0;
  if (bytes.size() != kInlineBytes && bytes.size() != kArenaBytes) return std::nullopt;
  std::memcpy(&number, bytes.data(), sizeof number);
  const auto rest = bytes.subspan(sizeof number);
  const bool whole = rest[0] == filling(number) && std::memcmp(rest.data(), rest.data() + 1, rest.size() - 1) == 0;
  return whole ? std::optional(number) : std::nullopt;
}

void Actor::begin() noexcept {
  notes_->phase.store(Phase::region);
  asm volatile("int3" ::: "memory");
}

void Actor::end() noexcept {
  notes_->phase.store(Phase::after);
  asm volatile("int3" ::: "memory");
}

void Actor::fail(const std::string& why) noexcept {
  std::strncpy(notes_->failure.data(), why.c_str(), notes_->failure.size() - 1);
  _exit(3);
}

std::shared_ptr<Ring> Actor::attach() {
  auto ring = Ring::attach(path_);
  if (!ring) fail(ring.error().message);
  return *ring;
}

Publisher Actor::publisher(const std::shared_ptr<Ring>& ring, PublisherOptions options) {
  auto attached = Publisher::attach(ring, options);
  if (!attached) fail(attached.error().message);
  ClockPeer::hold(PublisherPeer::clock(*attached));
  return std::move(*attached);
}

Reader Actor::reader(const std::shared_ptr<Ring>& ring, CursorOptions cursor, StartAt start) {
  auto attached = Reader::attach(ring, {.cursor = std::move(cursor), .start = start});
  if (!attached) fail(attached.error().message);
  ClockPeer::hold(ReaderPeer::clock(*attached));
  return std::move(*attached);
}

void Actor::pass_time(Reader& in, std::uint64_t ns) noexcept { ClockPeer::advance(ReaderPeer::clock(in), ns); }

Published& Actor::note_attempt(std::uint64_t number) noexcept {
  const auto index = notes_->attempted.load();
  if (index == notes_->publishes.size()) fail("too many publishes to note");
  auto& note = notes_->publishes[index];
  note = {.number = number};
  notes_->attempted.store(index + 1);
  return note;
}

PublishOutcome Actor::publish(Publisher& out, std::uint64_t number, std::size_t bytes) noexcept {
  std::array<std::byte, kArenaBytes> payload;
  fill_payload(std::span(payload).first(bytes), number);
  auto& note = note_attempt(number);
  std::uint64_t sequence = 0;
  note.outcome = out.publish(std::span(payload).first(bytes), {.sequence = &sequence});
  note.sequence = sequence;
  notes_->returned.fetch_add(1);
  return note.outcome;
}

// Of a batch only the count is told; the sequence of the last one is that of the options.
PublishOutcome Actor::publish_batch(Publisher& out, std::uint64_t first_number, std::size_t count) noexcept {
  std::array<std::array<std::byte, kInlineBytes>, 8> payloads;
  std::array<std::span<const std::byte>, 8> spans;
  const auto first = notes_->attempted.load();
  for (std::size_t i = 0; i < count; ++i) {
    fill_payload(payloads[i], first_number + i);
    spans[i] = payloads[i];
    note_attempt(first_number + i).sequence = ~std::uint64_t{0};
  }
  std::size_t published = 0;
  const auto outcome = out.publish_batch(std::span(spans).first(count), published);
  for (std::size_t i = 0; i < count; ++i)
    notes_->publishes[first + i].outcome = i < published ? PublishOutcome::published : outcome;
  notes_->returned.fetch_add(static_cast<std::uint32_t>(count));
  return outcome;
}

void Actor::claim(Publisher& out, std::uint64_t number, std::size_t bytes, bool commit) noexcept {
  auto claim = out.claim(bytes);
  if (!claim) return;
  if (!commit) return fill_payload(claim.bytes(), ~number);
  fill_payload(claim.bytes(), number);
  auto& note = note_attempt(number);
  std::uint64_t sequence = 0;
  note.outcome = claim.commit(bytes, {.sequence = &sequence});
  note.sequence = sequence;
  notes_->returned.fetch_add(1);
}

ReadOutcome Actor::read(Reader& in) noexcept {
  RecordView view;
  const auto outcome = in.next(view);
  const auto index = notes_->delivered.load();
  if (outcome == ReadOutcome::empty || index == notes_->deliveries.size()) return outcome;
  auto& note = notes_->deliveries[index];
  note = {.first = view.sequence, .end = view.sequence + 1, .outcome = outcome};
  if (outcome == ReadOutcome::record) note.number = number_in(view.payload).value_or(~std::uint64_t{0});
  if (outcome == ReadOutcome::lost) note.first = in.lost_range().first, note.end = in.lost_range().end;
  notes_->delivered.store(index + 1);
  return outcome;
}

}  // namespace fabric::ipc::crash
