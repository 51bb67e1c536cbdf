#include "tests/hostile/actors.hpp"

#include <poll.h>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "ipc/check.hpp"
#include "ipc/event_handle.hpp"
#include "ipc/repair.hpp"
#include "ipc/ring_reader.hpp"
#include "ipc/ring_writer.hpp"
#include "ipc/snapshot.hpp"

namespace fabric::hostile {
namespace {

using namespace ipc;

constexpr int kCallsPerAttach = 500;

void rest() { std::this_thread::sleep_for(std::chrono::microseconds(300)); }

std::shared_ptr<Ring> attach(const Place& place, Access access, Beat& beat) {
  auto ring = Ring::attach(place.ring, {.access = access, .members_directory = place.directory});
  beat.beat();
  if (ring) return *ring;
  beat.bad.fetch_add(1);
  rest();
  return nullptr;
}

// A payload that can be checked from its first eight bytes and its size.
std::vector<std::byte> make_payload(std::uint64_t number, std::size_t bytes) {
  std::vector<std::byte> payload(bytes);
  for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<std::byte>(number * 31 + i);
  std::memcpy(payload.data(), &number, sizeof number);
  return payload;
}
bool is_whole(std::span<const std::byte> payload) {
  std::uint64_t number = 0;
  if (payload.size() < sizeof number) return false;
  std::memcpy(&number, payload.data(), sizeof number);
  const auto expected = make_payload(number, payload.size());
  return std::equal(payload.begin(), payload.end(), expected.begin(), expected.end());
}

// Polls. `in_place`: the payload lies in the mapping and may have been scribbled over since it was verified.
void read_some(Reader& in, const Stage& stage, Beat& beat, bool in_place) {
  RecordView view;
  for (int i = 0; i < kCallsPerAttach && !stage.stop; ++i) {
    const auto outcome = in.next(view);
    beat.beat();
    if (outcome == ReadOutcome::fenced) return;
    if (outcome == ReadOutcome::record) {
      beat.good.fetch_add(1);
      if (!is_whole(view.payload) && !in_place) beat.torn.fetch_add(1);
    } else if (outcome != ReadOutcome::empty) {
      beat.bad.fetch_add(1);
    }
    if (i % 3 == 2 && !in.ack()) return;
    if (i % 50 == 49) static_cast<void>(in.seek({static_cast<StartAt::Kind>(i / 50 % 5), view.timestamp_ns}));
    beat.beat();
  }
}

std::optional<Reader> join(const std::shared_ptr<Ring>& ring, std::optional<CursorOptions> cursor, Beat& beat) {
  auto reader = Reader::attach(ring, {.cursor = std::move(cursor), .start = {StartAt::Kind::earliest, 0}});
  beat.beat();
  if (reader) return std::move(*reader);
  beat.bad.fetch_add(1);
  rest();
  return std::nullopt;
}

int run_reader(const Place& place, const Stage& stage, Beat& beat, const std::optional<CursorOptions>& cursor,
               Access access) {
  while (!stage.stop) {
    const auto ring = attach(place, access, beat);
    if (!ring) continue;
    for (int i = 0; i < 10 && !stage.stop; ++i)
      if (auto in = join(ring, cursor, beat)) read_some(*in, stage, beat, cursor && cursor->gating);
  }
  return 0;
}

void publish_some(Publisher& out, const Stage& stage, Beat& beat, std::uint64_t& number) {
  for (int i = 0; i < kCallsPerAttach && !stage.stop; ++i) {
    ++number;
    const auto payload = make_payload(number, i % 7 == 3 ? 300 : 24 + number % 60);
    PublishOutcome outcome;
    if (i % 11 == 5) {
      const std::array<std::span<const std::byte>, 3> batch{payload, payload, payload};
      std::size_t published = 0;
      outcome = out.publish_batch(batch, published);
    } else {
      outcome = out.publish(payload);
    }
    beat.beat();
    (outcome == PublishOutcome::published ? beat.good : beat.bad).fetch_add(1);
    if (outcome == PublishOutcome::back_pressure || outcome == PublishOutcome::arena_full) rest();
    if (outcome == PublishOutcome::fenced || outcome == PublishOutcome::damaged || outcome == PublishOutcome::exhausted)
      return;
  }
}

}  // namespace

void Beat::beat() noexcept {
  const auto now = monotonic_ns();
  const auto took = now - at_ns.exchange(now);
  if (took > longest_ns.load()) longest_ns.store(took);
  calls.fetch_add(1);
}

int run_publisher(const Place& place, const Stage& stage, Beat& beat) {
  std::uint64_t number = 0;
  while (!stage.stop) {
    const auto ring = attach(place, Access::read_write, beat);
    if (!ring) continue;
    for (int i = 0; i < 10 && !stage.stop; ++i) {
      auto out = Publisher::attach(ring, {.take_over = i % 2 == 0});
      beat.beat();
      if (out) {
        publish_some(*out, stage, beat, number);
      } else {
        beat.bad.fetch_add(1);
        rest();
      }
    }
    beat.beat();
  }
  return 0;
}

int run_gating_reader(const Place& place, const Stage& stage, Beat& beat) {
  return run_reader(place, stage, beat, CursorOptions{.name = "group", .take_over = true}, Access::read_write);
}

int run_overrunnable_reader(const Place& place, const Stage& stage, Beat& beat) {
  return run_reader(place, stage, beat, CursorOptions{.name = "sampler", .gating = false, .take_over = true},
                    Access::read_write);
}

int run_observer(const Place& place, const Stage& stage, Beat& beat) {
  return run_reader(place, stage, beat, std::nullopt, Access::read_only);
}

int run_blocked_reader(const Place& place, const Stage& stage, Beat& beat) {
  while (!stage.stop) {
    const auto ring = attach(place, Access::read_write, beat);
    if (!ring) continue;
    auto in = join(ring, CursorOptions{.name = "", .durable = false}, beat);
    if (!in) continue;
    Idler idler(WaitStrategy::block);
    RecordView view;
    for (int i = 0; i < 20 * kCallsPerAttach && !stage.stop; ++i) {
      const auto outcome = in->next(view);
      const std::array targets{in->wait_target()};
      if (outcome == ReadOutcome::empty)
        idler.idle(targets, 20'000'000);
      else
        idler.delivered(1);
      if (outcome == ReadOutcome::record) beat.good.fetch_add(1);
      beat.beat();
      if (outcome == ReadOutcome::fenced || !in->ack()) break;
    }
  }
  return 0;
}

int run_event_loop(const Place& place, const Stage& stage, Beat& beat) {
  while (!stage.stop) {
    const auto ring = attach(place, Access::read_write, beat);
    if (!ring) continue;
    auto in = join(ring, std::nullopt, beat);
    auto handle = EventHandle::create();
    if (!in || !handle) continue;
    for (int i = 0; i < 100 && !stage.stop; ++i) {
      const auto polled = in->poll([](const RecordView&) {}, 100);
      beat.good.fetch_add(polled.records);
      handle->arm(std::array{in->wait_target()});
      pollfd readable{.fd = handle->descriptor(), .events = POLLIN, .revents = 0};
      ::poll(&readable, 1, 20);
      handle->clear();
      beat.beat();
    }
  }
  return 0;
}

int run_inspector(const Place& place, const Stage& stage, Beat& beat) {
  while (!stage.stop) {
    const auto ring = attach(place, Access::read_only, beat);
    if (!ring) continue;
    for (int i = 0; i < 20 && !stage.stop; ++i) {
      const auto snapshot = take_snapshot(ring->map());
      if (snapshot.retained() > ring->map().slot_count) beat.torn.fetch_add(1);
      for (const auto& cursor : snapshot.cursors)
        static_cast<void>(lag_at(ring->map(), cursor.position, ring_now_ns(ring->file())));
      static_cast<void>(count_blocks(ring->map()));
      beat.beat();
      if (!check_ring(ring->map(), 3).sound()) beat.bad.fetch_add(1);
      beat.beat();
      static_cast<void>(ring->members().list());
      beat.beat();
    }
    if (auto open = attach(place, Access::read_write, beat)) {
      static_cast<void>(reclaim_dead(*open));
      static_cast<void>(move_cursor(*open, "group", find_head(open->map()), true));
      static_cast<void>(delete_cursor(*open, "sampler"));
      static_cast<void>(recover_ring(place.ring));
      beat.beat();
    }
  }
  return 0;
}

}  // namespace fabric::hostile
