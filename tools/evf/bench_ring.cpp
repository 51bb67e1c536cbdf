// The two sides of a measured ring. Production code, instantiated as it is shipped; `--checksum off` is another
// instantiation that exists in this file only, so that no branch for it is in anybody's way.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "ipc/ring_reader.hpp"
#include "ipc/ring_writer.hpp"
#include "tools/evf/bench_pair.hpp"

namespace fabric::evf::bench {

struct WithoutChecksums : ipc::FreeRunning {};

}  // namespace fabric::evf::bench

template <>
inline constexpr bool fabric::ipc::kChecksums<fabric::evf::bench::WithoutChecksums> = false;

namespace fabric::evf::bench {
namespace {

constexpr std::uint32_t kLastRecord = 1;  // its schema: the partner stops
constexpr std::uint64_t kAckEvery = 16;   // round trips
constexpr std::uint64_t kMostPerPoll = 1024;
constexpr std::uint64_t kWaitNs = 100'000'000;  // at most, in the kernel
constexpr std::uint32_t kPausesWhenFull = 64;

std::string forth(const std::string& directory) { return directory + "/forth.ring"; }
std::string back(const std::string& directory) { return directory + "/back.ring"; }

void stamp(std::vector<std::byte>& payload, std::uint64_t value) noexcept {
  std::memcpy(payload.data(), &value, sizeof value);
}
std::uint64_t stamp_of(std::span<const std::byte> payload) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, payload.data(), sizeof value);
  return value;
}

template <class Schedule>
class RingSide final : public Side {
 public:
  using Publisher = ipc::BasicPublisher<Schedule>;
  using Reader = ipc::BasicReader<Schedule>;

  RingSide(const Case& what, SharedMemory& shared, std::optional<Publisher> publisher, std::optional<Reader> reader)
      : what_(what),
        shared_(shared),
        publisher_(std::move(publisher)),
        reader_(std::move(reader)),
        idler_(what.wait),
        payloads_(what.batch, std::vector<std::byte>(what.size_bytes, std::byte{0x5a})) {
    for (const auto& payload : payloads_) spans_.emplace_back(payload);
  }

  void lead(const Order& order, Watch& watch, Histogram& round_trips) override {
    const bool sent =
        what_.measure == Measure::latency ? lead_round_trips(order, watch, round_trips) : lead_stream(order, watch);
    if (!sent) return;
    stamp(payloads_[0], kEnd);
    publish(1, watch, {.schema = kLastRecord});
  }

  Answer follow(const Order&, Watch& watch) override {
    return what_.measure == Measure::latency ? follow_round_trips(watch) : follow_stream(watch);
  }

 private:
  // The first `count` payloads. Waits while the ring is full. False: it is over.
  bool publish(std::uint64_t count, Watch& watch, ipc::RecordOptions options = {}) {
    for (std::uint64_t done = 0; done < count;) {
      auto outcome = ipc::PublishOutcome::published;
      std::size_t published = 1;
      if (count == 1) {
        outcome = publisher_->publish(spans_[0], options);
      } else {
        outcome = publisher_->publish_batch(std::span(spans_).subspan(done, count - done), published, options);
      }
      if (outcome == ipc::PublishOutcome::published) return true;
      if (outcome != ipc::PublishOutcome::back_pressure) return fail(ipc::to_string(outcome));
      if (count != 1) done += published;
      for (std::uint32_t i = 0; i < kPausesWhenFull; ++i) {
        if (watch.over()) return false;
      }
    }
    return true;
  }

  // The next record copied out, as a handler would keep it. False: it is over.
  bool receive(std::vector<std::byte>& payload, std::uint32_t& schema, Watch& watch) {
    ipc::RecordView view;
    for (;;) {
      const auto outcome = reader_->next(view);
      if (outcome == ipc::ReadOutcome::record) break;
      if (outcome != ipc::ReadOutcome::empty) return fail(ipc::to_string(outcome));
      if (watch.over()) return false;
      const auto target = reader_->wait_target();
      idler_.idle({&target, 1}, kWaitNs);
    }
    idler_.delivered(1);
    if (view.payload.size() != payload.size()) return fail("a record has another size than was published");
    std::memcpy(payload.data(), view.payload.data(), view.payload.size());
    schema = view.schema;
    return true;
  }

  void ack_now_and_then() {
    if (reader_->position() - reader_->acked() >= kAckEvery && !reader_->ack()) fail("fenced");
  }

  // Open loop: a round trip counts from when it was due, so that one slow answer is felt by all that had to wait behind
  // it.
  bool lead_round_trips(const Order& order, Watch& watch, Histogram& round_trips) {
    auto answer = payloads_[0];
    std::uint32_t schema = 0;
    const Budget budget(order);
    const auto start = clock_.now_ns();
    auto now = start;
    for (std::uint64_t i = 0; !budget.spent(i, now); ++i) {
      auto due = now;
      if (what_.rate > 0) {
        due = start + static_cast<std::uint64_t>(static_cast<double>(i) * 1e9 / what_.rate);
        while (clock_.now_ns() < due) {
          if (watch.over()) return false;
        }
      }
      stamp(payloads_[0], i);
      if (!publish(1, watch) || !receive(answer, schema, watch)) return false;
      now = clock_.now_ns();
      round_trips.record(now - due);
      if (stamp_of(answer) != i) return fail("an answer does not carry the stamp of its question");
      ack_now_and_then();
    }
    return true;
  }

  Answer follow_round_trips(Watch& watch) {
    std::uint32_t schema = 0;
    for (std::uint64_t records = 0;; ++records) {
      if (!receive(payloads_[0], schema, watch)) return {};
      if (schema == kLastRecord) {
        reader_->ack();
        return {.ok = true, .records = records};
      }
      if (!publish(1, watch)) return {};
      ack_now_and_then();
    }
  }

  bool lead_stream(const Order& order, Watch& watch) {
    const Budget budget(order);
    std::uint64_t sent = 0;
    for (std::uint64_t turn = 0; (turn * what_.batch % 64) != 0 || !budget.spent(sent, clock_.now_ns()); ++turn) {
      const auto count = order.count == 0 ? what_.batch : std::min<std::uint64_t>(what_.batch, order.count - sent);
      if (count == 0) break;
      for (std::uint64_t i = 0; i < count; ++i) stamp(payloads_[i], sent + i);
      if (!publish(count, watch)) return false;
      sent += count;
    }
    return true;
  }

  // Every sequence and every stamp is checked; the ring itself verifies the checksums. Sequences of a ring for many
  // writers may jump: a claim whose publisher lost its processor for longer than the ring's bound is void, and its
  // record comes with a later one.
  Answer follow_stream(Watch& watch) {
    std::uint64_t records = 0, first_ns = 0, sequence = reader_->position();
    bool ended = false, intact = true;
    const auto take = [&](const ipc::RecordView& view) {
      ended = view.schema == kLastRecord;
      const bool in_order =
          what_.writers == ipc::WriterMode::one ? view.sequence == sequence : view.sequence >= sequence;
      intact &=
          in_order && view.payload.size() == what_.size_bytes && stamp_of(view.payload) == (ended ? kEnd : records);
      sequence = view.sequence + 1;
      records += ended ? 0 : 1;
    };
    while (!ended && intact) {
      const auto result = reader_->poll(take, kMostPerPoll);
      if (result.records != 0) {
        if (first_ns == 0) first_ns = clock_.now_ns();
        if (!reader_->ack()) fail("fenced");
        idler_.delivered(result.records);
      }
      if (result.outcome == ipc::ReadOutcome::record) continue;
      if (result.outcome != ipc::ReadOutcome::empty) return fail(ipc::to_string(result.outcome)), Answer{};
      if (result.records == 0 && watch.over()) return {};
      const auto target = reader_->wait_target();
      if (!ended) idler_.idle({&target, 1}, kWaitNs);
    }
    if (!intact) fail(fmt::format("record {} of a stream has a wrong sequence, size or stamp", records));
    return {.ok = intact, .records = records, .ns = clock_.now_ns() - first_ns};
  }

  bool fail(std::string_view why) {
    shared_.fail(why);
    return false;
  }

  Case what_;
  SharedMemory& shared_;
  std::optional<Publisher> publisher_;
  std::optional<Reader> reader_;
  ipc::Idler idler_;
  ipc::Clock clock_;
  std::vector<std::vector<std::byte>> payloads_;
  std::vector<std::span<const std::byte>> spans_;
};

template <class Schedule>
ipc::Result<std::unique_ptr<Side>> attach(const Case& what, const std::string& directory, bool leads,
                                          SharedMemory& shared) {
  using Sides = RingSide<Schedule>;
  const bool answers = what.measure == Measure::latency;
  std::optional<typename Sides::Publisher> publisher;
  std::optional<typename Sides::Reader> reader;
  const ipc::AttachOptions options{.prefault = true};
  if (!leads || answers) {
    auto ring = ipc::Ring::attach(leads ? back(directory) : forth(directory), options);
    if (!ring) return ring.error();
    auto attached = Sides::Reader::attach(*ring, {.cursor = ipc::CursorOptions{.durable = false}});
    if (!attached) return attached.error();
    reader.emplace(std::move(*attached));
  }
  if (leads || answers) {
    auto ring = ipc::Ring::attach(leads ? forth(directory) : back(directory), options);
    if (!ring) return ring.error();
    auto attached = Sides::Publisher::attach(*ring);
    if (!attached) return attached.error();
    publisher.emplace(std::move(*attached));
  }
  return std::unique_ptr<Side>(new Sides(what, shared, std::move(publisher), std::move(reader)));
}

}  // namespace

ipc::RingOptions Case::ring() const noexcept {
  ipc::RingOptions options{.topic = "bench", .writers = writers};
  options.slot_bytes = (size_bytes + static_cast<std::uint32_t>(sizeof(ipc::SlotHeader)) + 63) / 64 * 64;
  options.slot_count = std::bit_floor(std::max<std::uint64_t>(ring_bytes / options.slot_bytes, 64));
  return options;
}

ipc::Result<void> create_rings(const Case& what, const std::string& directory) {
  for (const auto& path : {forth(directory), back(directory)}) {
    ::unlink(path.c_str());
    const auto created = ipc::RingFile::create(path, what.ring());
    if (!created) return created.error();
    if (what.measure == Measure::throughput) break;  // one way only
  }
  return {};
}

ipc::Result<std::unique_ptr<Side>> attach_side(const Case& what, const std::string& directory, bool leads,
                                               SharedMemory& shared) {
  return what.checksum ? attach<ipc::FreeRunning>(what, directory, leads, shared)
                       : attach<WithoutChecksums>(what, directory, leads, shared);
}

}  // namespace fabric::evf::bench
