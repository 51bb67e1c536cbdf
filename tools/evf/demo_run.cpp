#include "tools/evf/demo_run.hpp"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "fabric/event/envelope.hpp"
#include "fabric/fabric.hpp"
#include "ipc/clock.hpp"
#include "ipc/cursor.hpp"
#include "tools/evf/demo_processes.hpp"
#include "tools/evf/demo_progress.hpp"
#include "tools/evf/demo_worker.hpp"
#include "tools/evf/terminal.hpp"

namespace fabric::evf::demo {
namespace {

using ipc::make_error;

constexpr std::uint64_t kWatchNs = 500'000, kStuckNs = 20'000'000'000;
constexpr std::uint64_t kSlots = 8192;
constexpr std::uint32_t kSlotBytes = 256;

// Only where a record does not fit a slot.
std::uint64_t arena_bytes(const Plan& plan) {
  std::uint64_t largest = 0;
  for (const auto& line : plan.input.lines()) {
    constexpr std::uint64_t kNumbers = sizeof "#4294967295 pass 4294967295: ";
    largest = std::max(largest, envelope_bytes({.key = as_bytes(line.key)}) + kNumbers + line.text.size());
  }
  if (largest <= kSlotBytes - sizeof(ipc::SlotHeader)) return 0;
  return std::max<std::uint64_t>(4 << 20, largest * 8);
}

// Only what a demo made is replaced: it is empty, or it has the demo's groups.
bool is_of_a_demo(const Topic& topic) {
  bool empty = true, groups = true;
  for (std::uint32_t partition = 0; partition < topic.partitions(); ++partition) {
    const auto& map = topic.ring(partition)->map();
    empty = empty && map.tail() == 0;
    for (const auto* group : kGroups) groups = groups && ipc::find_cursor(map, group).has_value();
  }
  return empty || groups;
}

ipc::Result<void> make_topic(const Fabric& fabric, const Plan& plan) {
  const TopicOptions options{
      .name = plan.topic,
      .partitions = kPartitions,
      .ring = {.slot_count = kSlots, .slot_bytes = kSlotBytes, .arena_bytes = arena_bytes(plan)}};
  auto made = fabric.create_topic(options);
  if (made || made.error().code != ErrorCode::already_exists) return made;
  const auto old = fabric.topic(plan.topic, ipc::Access::read_only);
  if (!old) return old.error();
  if (!is_of_a_demo(**old))
    return make_error(
        ErrorCode::already_exists,
        fmt::format(
            "topic '{}' in {} was not made by evf demo, so it is not replaced; choose another name with --topic",
            plan.topic, fabric.directory()));
  if (auto removed = fabric.delete_topic(plan.topic); !removed) return removed.error();
  return fabric.create_topic(options);
}

class Run {
 public:
  Run(const Plan& plan, const Ledger& ledger, const Fabric& fabric)
      : plan_(plan), ledger_(ledger), fabric_(fabric), processes_(ledger), progress_(plan, ledger) {}

  ipc::Result<RunFacts> run() {
    if (auto described = describe(); !described) return described.error();
    // The one that is to be killed comes first: whatever the other one gets, it gets after it.
    for (const std::uint32_t role : {kVictim, kSurvivor, kOther}) {
      if (auto started = start_consumer(role); !started) return started.error();
    }
    if (auto divided = watch("the partitions were divided", [&] { return is_divided(); }); !divided) return divided.error();
    facts_.started_ns = ipc::monotonic_ns();
    for (const std::uint32_t role : {kPublisher0, kPublisher1}) {
      if (auto started = processes_.start(role, [&] { return run_publisher(plan_, ledger_, role); }); !started)
        return started.error();
    }
    if (auto done = watch("half of the records were delivered", [&] { return is_half_way(); }); !done)
      return done.error();
    facts_.killed_ns = ipc::monotonic_ns();
    processes_.kill(kVictim);
    ledger_.control().released.store(1, std::memory_order_release);
    if (auto done = watch("everything was delivered", [&] { return everything_is_acked(); }); !done)
      return done.error();
    facts_.ended_ns = ipc::monotonic_ns();
    ledger_.control().stop.store(1, std::memory_order_release);
    if (auto done = watch("the consumers ended", [&] { return nobody_runs(); }); !done) return done.error();
    progress_.clear();
    for (std::uint32_t role = 0; role < kRoles; ++role) facts_.pids[role] = processes_.pid(role);
    return facts_;
  }

 private:
  ipc::Result<void> describe() {
    auto info = fabric_.describe_topic(plan_.topic);
    if (!info) return info.error();
    facts_.slot_count = info->header.slot_count;
    facts_.slot_bytes = info->header.slot_bytes;
    facts_.file_bytes = info->file_bytes;
    auto topic = fabric_.topic(plan_.topic, ipc::Access::read_only);
    if (!topic) return topic.error();
    topic_ = *topic;
    return {};
  }

  ipc::Result<void> start_consumer(std::uint32_t role) {
    const std::string group = kGroups[role == kOther ? 1 : 0];
    auto started = processes_.start(role, [&, role] { return run_consumer(plan_, ledger_, role, group); });
    if (!started) return started;
    return watch("a consumer was ready",
                 [&] { return ledger_.notes(role).ready.load(std::memory_order_acquire) != 0; });
  }

  // Until `done`; looks after the children meanwhile. Anything that counts upwards in the ledger is progress.
  template <class Done>
  ipc::Result<void> watch(const char* what, Done done) {
    std::uint64_t seen = 0, moved_ns = ipc::monotonic_ns();
    while (!done()) {
      if (interrupted()) return give_up("interrupted");
      if (auto reaped = processes_.reap(); !reaped) {
        progress_.clear();
        return reaped;
      }
      std::uint64_t sum = 0;
      for (const auto& notes : ledger_.control().notes)
        sum += notes.count.load(std::memory_order_relaxed) + notes.ready.load();
      const auto now_ns = ipc::monotonic_ns();
      if (sum != seen) seen = sum, moved_ns = now_ns;
      if (now_ns - moved_ns > kStuckNs) return give_up(fmt::format("nothing moved for 20 s before {}", what));
      progress_.show(now_ns);
      const timespec time{0, kWatchNs};
      nanosleep(&time, nullptr);
    }
    return {};
  }

  ipc::Error give_up(const std::string& why) {
    progress_.clear();
    return make_error(ErrorCode::system,
                      why + "; its processes were ended, topic '" + plan_.topic + "' is left as it was");
  }

  bool is_divided() const {
    for (const std::uint32_t role : {kVictim, kSurvivor})
      if (ledger_.notes(role).partitions_held.load(std::memory_order_acquire) != kPartitions / 2) return false;
    return true;
  }
  bool is_half_way() const {
    return ledger_.delivered(kVictim).size() + ledger_.delivered(kSurvivor).size() >= plan_.records() / 2;
  }

  bool everything_is_acked() const {
    if (processes_.running(kPublisher0) || processes_.running(kPublisher1)) return false;
    for (std::uint32_t partition = 0; partition < topic_->partitions(); ++partition) {
      const auto& map = topic_->ring(partition)->map();
      for (const auto* group : kGroups) {
        const auto cursor = ipc::find_cursor(map, group);
        if (!cursor || cursor->position < map.tail()) return false;
      }
    }
    return ledger_.notes(kSurvivor).partitions_held_at_ns.load(std::memory_order_acquire) > facts_.killed_ns;
  }

  bool nobody_runs() const {
    for (std::uint32_t role = 0; role < kRoles; ++role)
      if (processes_.running(role)) return false;
    return true;
  }

  const Plan& plan_;
  const Ledger& ledger_;
  const Fabric& fabric_;
  std::shared_ptr<const Topic> topic_;
  RunFacts facts_;
  Processes processes_;
  Progress progress_;
};

}  // namespace

ipc::Result<RunFacts> run_plan(const Plan& plan, const Ledger& ledger) {
  auto fabric = Fabric::open(plan.directory);
  if (!fabric) return fabric.error();
  if (auto made = make_topic(*fabric, plan); !made) return made.error();
  return Run(plan, ledger, *fabric).run();
}

}  // namespace fabric::evf::demo
