#include "tests/crash/group_world.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "ipc/cursor.hpp"
#include "tests/fabric/delivery/held_time.hpp"

namespace fabric::crash {
namespace {

constexpr std::uint64_t kKeys = 6, kBakedOrdinals = 3;
constexpr unsigned kMostRounds = 3000, kRestRounds = 60;
constexpr std::uint8_t kSilent = 250;  // number of the member that occupies

constexpr std::size_t kPayloadBytes = 32, kDigits = 8;

// The ordinal, and a letter that goes with it, to the end.
std::string payload_of(std::uint64_t ordinal) {
  auto payload = std::to_string(ordinal);
  payload.resize(kPayloadBytes, static_cast<char>('a' + ordinal % 26));
  return payload;
}

bool is_whole(const Delivery& delivery) {
  const auto text = as_text(delivery.event.payload);
  std::uint64_t ordinal = 0;
  if (text.size() != kPayloadBytes) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + kDigits, ordinal);
  return error == std::errc() && *end == static_cast<char>('a' + ordinal % 26) &&
         std::memcmp(end, end + 1, static_cast<std::size_t>(text.data() + kPayloadBytes - end - 1)) == 0;
}

}  // namespace

Member::Member(GroupWorld& world, ConsumerOptions options) : world_(&world) {
  options.group = kGroup;
  options.on_change = [this](const PartitionChange&) { ++moves_; };
  auto joined = Consumer::join(world.fabric(), "orders", options);
  if (!joined) {
    world.fault(joined.error().message);
    std::abort();  // there is nobody to go on with
  }
  consumer_.emplace(std::move(*joined));
  ipc::ClockPeer::hold(ConsumerPeer::clock(*consumer_));
}

ConsumerId Member::id() const { return ConsumerPeer::id(*consumer_); }

void Member::pass_time(std::uint64_t ns) { ipc::ClockPeer::advance(ConsumerPeer::clock(*consumer_), ns); }

void Member::poll() {
  pass_time(kTickNs);
  consumer_->poll([this](const Delivery& delivery) {
    if (!is_whole(delivery)) return world_->fault("a handler was given a torn record");
    world_->ledger().add(delivery);
    if (!is_whole(delivery)) return world_->fault("a record was torn in its handler's hands");
    delivered_.emplace_back(delivery.partition, delivery.record.sequence);
  });
}

void Member::ack_backwards() {
  std::reverse(delivered_.begin(), delivered_.end());
  for (const auto& [partition, sequence] : delivered_) consumer_->ack(partition, sequence);
  delivered_.clear();
}

void Member::wake_up() {
  for (int i = 0; i < 20; ++i) poll();
  ack();
  for (const auto& state : consumer_->state()) {
    const auto cursor = ipc::find_cursor(world_->topic().ring(state.partition)->map(), kGroup);
    if (state.held && (!cursor || cursor->owner != consumer_->topic().ring(0)->member()))
      world_->fault("a member goes on with a partition that was taken from it");
  }
}

GroupWorld::GroupWorld(std::uint32_t partitions) : ledger_(kKeys), published_(kKeys) {
  fabric_.emplace(Fabric::open(directory_.path()).value());
  const auto created = fabric_->create_topic(
      {.name = "orders",
       .partitions = partitions,
       .ring = {.slot_count = 16, .slot_bytes = 128, .max_publishers = 4, .max_cursors = 2}});
  EXPECT_TRUE(created.has_value()) << created.error().message;
  topic_ = fabric_->topic("orders").value();
  members_.emplace_back(*this, ConsumerOptions{});
  publish(kBakedOrdinals);
  members_.clear();
  producer_.reset();
  image_.emplace(*topic_);
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const auto pid = ::fork();
  if (pid == 0) {
    const auto topic = Fabric::open(directory_.path()).value().topic("orders").value();
    const auto member = topic->ring(0)->member();
    _exit(::write(ends[1], &member, sizeof member) == sizeof member ? 0 : 1);
  }
  EXPECT_EQ(::read(ends[0], &dead_, sizeof dead_), static_cast<ssize_t>(sizeof dead_));
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  ::close(ends[0]);
  ::close(ends[1]);
}

void GroupWorld::reset() {
  members_.clear();
  producer_.reset();
  image_->restore();
  std::fill(published_.begin(), published_.end(), kBakedOrdinals);
  ledger_.clear();
  log_.reset();
}

ipc::CursorLine& GroupWorld::line(std::uint32_t partition) const { return topic_->ring(partition)->map().cursors[0]; }

Member& GroupWorld::join(ConsumerOptions options) { return members_.emplace_back(*this, std::move(options)); }

void GroupWorld::go_on(unsigned rounds) {
  for (unsigned i = 0; i < rounds && faults().empty(); ++i)
    for (auto& member : members_) member.round();
}

void GroupWorld::publish(unsigned times) {
  if (!producer_) producer_.emplace(Producer::open(*fabric_, "orders").value());
  for (unsigned i = 0; i < times; ++i) {
    for (std::uint64_t key = 0; key < kKeys; ++key) {
      const auto payload = payload_of(published_[key]);
      bool done = false;
      for (int tries = 0; tries < 3 && !done; ++tries) {
        done = static_cast<bool>(producer_->publish(as_bytes(testing::KeyLedger::key(key)), as_bytes(payload)));
        if (!done) go_on(2);
      }
      published_[key] += done ? 1 : 0;
    }
  }
}

void GroupWorld::occupy(std::uint32_t partition) {
  const auto member = topic_->ring(partition)->member();
  line(partition).owner.store(member);
  line(partition).lease.store(ipc::LeaseWord::make(ipc::LeaseWord::kForEver, false, kSilent, member));
}

void GroupWorld::orphan(std::uint32_t partition) {
  vacate(partition);
  line(partition).owner.store(dead_);
}

void GroupWorld::vacate(std::uint32_t partition, ConsumerId requester) {
  line(partition).owner.store(0);
  line(partition).lease.store(0);
  line(partition).requested_by.store(requester);
}

void GroupWorld::while_nobody_gives_way(const std::function<void()>& act) {
  std::vector<std::uint64_t> before;
  for (std::uint32_t p = 0; p < topic_->partitions(); ++p) {
    before.push_back(line(p).lease.load());
    line(p).lease.store(before.back() & ~(std::uint64_t{1} << 24));
  }
  act();
  for (std::uint32_t p = 0; p < topic_->partitions(); ++p) line(p).lease.store(before[p]);
}

bool GroupWorld::is_settled() {
  if (ledger_.unique() != std::accumulate(published_.begin(), published_.end(), std::uint64_t{0})) return false;
  std::uint32_t all = 0, least = ~0U, most = 0;
  for (const auto& member : members_) {
    all += member.held();
    least = std::min(least, member.held());
    most = std::max(most, member.held());
  }
  if (all != topic_->partitions() || most - least > 1) return false;
  for (std::uint32_t p = 0; p < topic_->partitions(); ++p) {
    const auto& map = topic_->ring(p)->map();
    const auto cursor = ipc::find_cursor(map, kGroup);
    if (!cursor || cursor->position != map.tail() || cursor->owner != topic_->ring(p)->member()) return false;
  }
  return true;
}

void GroupWorld::await(const char* what, const std::function<bool()>& holds) {
  for (unsigned i = 0; i < kMostRounds && faults().empty(); ++i) {
    if (holds()) return;
    go_on(1);
  }
  if (!faults().empty()) return;
  std::string state = what;
  for (auto& member : members_) state += ", holds " + std::to_string(member.held());
  state += ", ledger " + std::to_string(ledger_.unique());
  for (std::uint32_t p = 0; p < topic_->partitions(); ++p)
    state += ", partition " + std::to_string(p) + " at " + std::to_string(line(p).position.load() >> 12) + " of " +
             std::to_string(topic_->ring(p)->map().tail());
  fault(state);
}

void GroupWorld::audit() {
  if (members_.empty()) join();
  await("not everything is delivered and acked, or unevenly divided", [&] { return is_settled(); });
  const auto moves = [&] {
    return std::accumulate(members_.begin(), members_.end(), 0U, [](unsigned sum, const auto& member) { return sum + member.moves(); });
  };
  const auto before = moves();
  go_on(kRestRounds);
  if (faults().empty() && moves() != before) fault("partitions move without a cause");
  publish(3);
  await("the group does not go on as a new one", [&] { return is_settled(); });
  if (ledger_.faults() != 0) fault("records were left out, or a key's order was not kept");
}

}  // namespace fabric::crash
