#include "tests/crash/world.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "ipc/repair.hpp"

namespace fabric::ipc::crash {
namespace {

// A wait that is longer than any that the bound allows, and far longer than the machine's hiccups.
constexpr std::uint64_t kBlockedNs = 4'000'000'000;
// A gap between two polls that is longer than this was not spent waiting: somebody else had the processor.
constexpr std::uint64_t kLongestPollNs = 50'000;

}  // namespace

World::World(const RingOptions& options) {
  void* page = ::mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  notes_ = new (page) Notes();
  auto created = RingFile::create(path(), options);
  EXPECT_TRUE(created.has_value()) << created.error().message;
  raw_.emplace(RingFile::attach_for_recovery(path()).value());
  ring_ = Ring::attach(path()).value();
  bake();
}

void World::detach() {
  other_.reset();
  successor_.reset();
  witnesses_.clear();
  ring_.reset();
}

void World::attach_again() {
  auto attached = Ring::attach(path());
  if (!attached) return fault("attach: " + attached.error().message);
  ring_ = *attached;
}

World::~World() { ::munmap(notes_, sizeof(Notes)); }

void World::bake() {
  other_.reset();
  successor_.reset();
  witnesses_.clear();
  const auto bytes = raw_->segment().bytes();
  image_.assign(bytes.begin(), bytes.end());
  for (const auto& note : published_) allow(note.number);
}

void World::reset() {
  other_.reset();
  successor_.reset();
  witnesses_.clear();
  published_.clear();
  required_.clear();
  faults_.clear();
  std::memcpy(map().base, image_.data(), image_.size());
  new (notes_) Notes();
}

void World::run_and_die(const std::function<void(Actor&)>& body) {
  const auto pid = ::fork();
  if (pid == 0) {
    Actor actor(*notes_, path());
    body(actor);
    _exit(0);
  }
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || status != 0)
    fault(std::string("a helper process failed: ") + notes_->failure.data());
}

bool World::open_witness(const std::string& name, bool durable) {
  const CursorOptions cursor{.name = name, .gating = true, .durable = durable, .take_over = true};
  auto attached = Reader::attach(ring_, {.cursor = cursor, .start = {StartAt::Kind::earliest, 0}});
  if (!attached) {
    if (attached.error().code != ErrorCode::busy) fault(attached.error().message);
    return false;
  }
  witnesses_.push_back({.name = name});
  witnesses_.back().in.emplace(std::move(*attached));
  return true;
}

Witness& World::witness(const std::string& name) {
  return *std::find_if(witnesses_.begin(), witnesses_.end(), [&](const auto& w) { return w.name == name; });
}

bool World::holds_cursor(const std::string& name) const {
  const auto found = find_cursor(map(), name);
  return found && found->owner == ring_->member() && found->gating;
}

void World::open(std::optional<Publisher>& out, PublisherOptions options) {
  auto attached = Publisher::attach(ring_, options);
  if (!attached) return fault("attach a publisher: " + attached.error().message);
  out.emplace(std::move(*attached));
}

PublishOutcome World::publish(Publisher& out, std::uint64_t series, std::size_t bytes) {
  const auto count = std::count_if(published_.begin(), published_.end(),
                                   [&](const auto& p) { return p.number / kSeries == series / kSeries; });
  std::array<std::byte, kArenaBytes> payload;
  Published note{.number = series + static_cast<std::uint64_t>(count)};
  fill_payload(std::span(payload).first(bytes), note.number);
  note.outcome = out.publish(std::span(payload).first(bytes), {.sequence = &note.sequence});
  published_.push_back(note);
  return note.outcome;
}

void World::go_on(Publisher& out, std::uint64_t series, std::uint64_t records, std::size_t bytes) {
  const auto started = monotonic_ns();
  for (std::uint64_t done = 0; done < records && faults_.empty();) {
    const auto outcome = publish(out, series, bytes);
    if (outcome == PublishOutcome::published) {
      ++done;
      const auto sequence = published_.back().sequence;
      for (auto& witness : witnesses_) await(witness, sequence);
      continue;
    }
    published_.pop_back();
    if (outcome != PublishOutcome::back_pressure && outcome != PublishOutcome::arena_full)
      return fault(std::string("another publisher was refused: ") + to_string(outcome));
    // Only what a reader has not settled yet, or a dead reader's cursor, may be in its way, and that passes.
    drain();
    if (monotonic_ns() - started > kBlockedNs)
      return fault(std::string("another publisher is blocked: ") + to_string(outcome));
  }
}

void World::go_on_two_laps(Publisher& out, std::uint64_t series, std::size_t bytes) {
  go_on(out, series, 2 * map().slot_count + 3, bytes);
  const auto end = map().tail() + map().slot_count - 3;
  while (faults_.empty() && map().tail() < end) {
    if (publish(out, series, bytes) == PublishOutcome::published) continue;
    published_.pop_back();
    return;
  }
}

void World::go_on_while_possible(Publisher& out, std::uint64_t series) {
  for (std::uint64_t i = 0; i < 2 * map().slot_count; ++i) {
    if (publish(out, series) != PublishOutcome::published) {
      published_.pop_back();
      return;
    }
    drain();
  }
}

// One read. Anything that a gating reader must never see is a fault.
ReadOutcome World::look(Witness& witness) {
  RecordView view;
  const auto outcome = witness.in->next(view);
  if (outcome == ReadOutcome::record) {
    const auto number = number_in(view.payload);
    if (!number) fault("reader " + witness.name + " was given a torn payload at " + std::to_string(view.sequence));
    witness.seen.push_back({view.sequence, number.value_or(0)});
  } else if (outcome != ReadOutcome::empty) {
    fault("reader " + witness.name + " at " + std::to_string(witness.in->position()) + ": " + to_string(outcome));
  }
  return outcome;
}

// The record is committed: how long does the reader not get it because of what lies before?
void World::await(Witness& witness, std::uint64_t sequence) {
  const auto started = monotonic_ns();
  auto last = started;
  std::uint64_t waited = 0;
  while (witness.in->position() <= sequence && faults_.empty()) {
    look(witness);
    const auto now = monotonic_ns();
    waited += std::min(now - last, kLongestPollNs);
    last = now;
    if (now - started > kBlockedNs)
      return fault("reader " + witness.name + " is blocked at " + std::to_string(witness.in->position()) + " before " +
                   std::to_string(sequence));
  }
  longest_delay_ns_ = std::max(longest_delay_ns_, waited);
  if (!witness.in->ack()) fault("reader " + witness.name + " was fenced");
}

void World::drain(Witness& witness) {
  while (faults_.empty() && look(witness) == ReadOutcome::record) {
  }
  if (!witness.in->ack()) fault("reader " + witness.name + " was fenced");
}

void World::drain() {
  for (auto& witness : witnesses_) drain(witness);
}

void World::fault(std::string text) { faults_.push_back(std::move(text)); }

void World::audit() {
  other_.reset();
  successor_.reset();
  drain();
  if (faults_.empty()) audit_agreement();
  if (faults_.empty()) use_as_new();
  if (faults_.empty()) audit_agreement();
  if (faults_.empty()) audit_acknowledged();
  if (faults_.empty()) audit_order();
  witnesses_.clear();
  if (faults_.empty()) audit_lines();
}

// A new publisher and a new reader have a full lap, and the whole arena at once.
void World::use_as_new() {
  reclaim_dead(*ring_);
  std::optional<Publisher> out;
  open(out);
  if (!out) return;
  open_witness("fresh");
  go_on(*out, kFresh, map().slot_count + 1);
  if (map().arena_block_count == 0 || !faults_.empty()) return;
  const auto bytes = std::uint64_t{map().arena_block_count} * map().arena_block_bytes;
  const auto until = monotonic_ns() + kBlockedNs;
  while (!out->claim(bytes)) {
    if (monotonic_ns() > until) return fault("the arena is not wholly free again after everything was acked");
  }
}

// R1, from three sides: two readers that went along, and one that replays what is retained.
void World::audit_agreement() {
  const auto& first = witnesses_.front().seen;
  for (const auto& witness : witnesses_) {
    const auto common = std::min(first.size(), witness.seen.size());
    if (!std::equal(first.end() - static_cast<std::ptrdiff_t>(common), first.end(),
                    witness.seen.end() - static_cast<std::ptrdiff_t>(common)))
      return fault("readers " + witnesses_.front().name + " and " + witness.name + " saw different records");
  }
  auto replay = Reader::attach(ring_, {.start = {StartAt::Kind::earliest, 0}});
  if (!replay) return fault(replay.error().message);
  const auto from = replay->position();
  std::vector<Sight> retained;
  for (const auto& sight : first)
    if (sight.sequence >= from) retained.push_back(sight);
  RecordView view;
  std::vector<Sight> again;
  ReadOutcome outcome;
  while ((outcome = replay->next(view)) == ReadOutcome::record || outcome == ReadOutcome::lost) {
    if (outcome == ReadOutcome::record) {
      again.push_back({view.sequence, number_in(view.payload).value_or(0)});
      continue;
    }
    // No gating reader needs an arena payload any more, so it may be gone; a slot may not.
    const auto lost = replay->lost_range();
    if (map().arena_block_count == 0 || lost.end != lost.first + 1)
      return fault("a replay lost records that are retained");
    std::erase_if(retained, [&](const Sight& sight) { return sight.sequence == lost.first; });
  }
  if (outcome != ReadOutcome::empty) return fault(std::string("a replay ended with: ") + to_string(outcome));
  if (retained != again) fault("a replay differs from what was delivered live");
}

// R3: what was acknowledged is there once, where it was said to be; what was refused is not; the rest once or not at
// all.
void World::audit_acknowledged() {
  const auto& seen = witnesses_.front().seen;
  std::map<std::uint64_t, std::vector<std::uint64_t>> places;  // number -> sequences
  for (const auto& sight : seen) places[sight.number].push_back(sight.sequence);
  auto attempts = published_;
  const auto returned = notes_->returned.load();
  for (std::uint32_t i = 0; i < notes_->attempted.load(); ++i) attempts.push_back(notes_->publishes[i]);
  const auto unknown_from = published_.size() + returned;
  std::set<std::uint64_t> numbers = allowed_;
  for (const auto number : required_) {
    numbers.insert(number);
    if (places[number].size() != 1)
      fault("record " + std::to_string(number) + " was delivered " + std::to_string(places[number].size()) + " times");
  }
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const auto& attempt = attempts[i];
    numbers.insert(attempt.number);
    const auto& at = places[attempt.number];
    const bool known = i < unknown_from, acknowledged = known && attempt.outcome == PublishOutcome::published;
    if (at.size() > 1)
      fault("record " + std::to_string(attempt.number) + " was delivered " + std::to_string(at.size()) + " times");
    if (acknowledged && at.empty()) fault("record " + std::to_string(attempt.number) + " was acknowledged and is lost");
    if (known && !acknowledged && !at.empty())
      fault("record " + std::to_string(attempt.number) +
            " is there, but its publisher was told: " + to_string(attempt.outcome));
    if (acknowledged && !at.empty() && attempt.sequence != ~std::uint64_t{0} && at.front() != attempt.sequence)
      fault("record " + std::to_string(attempt.number) + " is not where its publisher was told");
  }
  for (const auto& sight : seen)
    if (!numbers.contains(sight.number)) fault("record " + std::to_string(sight.number) + " was never published");
}

void World::audit_deliveries() {
  drain();
  const auto& seen = witnesses_.front().seen;
  std::uint64_t expected = 0;
  for (std::uint32_t i = 0; i < notes_->delivered.load(); ++i) {
    const auto& got = notes_->deliveries[i];
    const auto begins = got.first, before = std::exchange(expected, got.end);
    const auto skipped = [&](const Sight& sight) { return sight.sequence >= before && sight.sequence < begins; };
    if (i > 0 && (begins < before || std::any_of(seen.begin(), seen.end(), skipped)))
      fault("the child read " + std::to_string(begins) + " after " + std::to_string(before));
    if (got.outcome == ReadOutcome::lost) continue;
    const auto same = [&](const Sight& sight) { return sight == Sight{got.first, got.number}; };
    if (got.outcome != ReadOutcome::record || std::none_of(seen.begin(), seen.end(), same))
      fault("the child read at " + std::to_string(begins) + ": " + to_string(got.outcome) + " " +
            std::to_string(got.number));
  }
}

void World::audit_order() {
  std::map<std::uint64_t, std::uint64_t> last;
  for (const auto& sight : witnesses_.front().seen) {
    auto& before = last[sight.number / kSeries];
    if (sight.number <= before)
      return fault("record " + std::to_string(sight.number) + " came after " + std::to_string(before));
    before = sight.number;
  }
}

// Nothing of anybody is left: lines, cursors.
void World::audit_lines() {
  reclaim_dead(*ring_);
  for (std::uint32_t i = 0; i < map().max_publishers; ++i) {
    const auto& line = map().publishers[i];
    expect(line.owner.load() == 0, "a publisher line has an owner although all are gone");
    expect(line.intent.load() == IntentWord::kNone, "a publisher line has an intent although all are gone");
  }
  for (std::uint32_t i = 0; i < map().max_cursors; ++i) {
    const auto& cursor = map().cursors[i];
    if (CursorWord::in_use(cursor.state.load()))
      expect(cursor.owner.load() == 0, "a cursor has an owner although all are gone");
  }
}

}  // namespace fabric::ipc::crash
