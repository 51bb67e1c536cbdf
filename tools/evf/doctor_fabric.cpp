#include <fmt/format.h>

#include <memory>

#include "ipc/check.hpp"
#include "ipc/clock.hpp"
#include "ipc/repair.hpp"
#include "ipc/snapshot.hpp"
#include "tools/evf/doctor.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/view.hpp"

namespace fabric::evf {
namespace {

constexpr std::uint64_t kBlockedTooLongNs = 1'000'000'000;

struct RingPlace {
  std::string topic;
  std::uint32_t partition = 0;
  std::string path;

  std::string label() const { return fmt::format("{}/{}", topic, partition); }
};

// "orders/0, orders/1 and 3 more"
std::string join(const std::vector<std::string>& labels) {
  std::string text;
  for (std::size_t i = 0; i < labels.size() && i < 4; ++i) text += (i == 0 ? "" : ", ") + labels[i];
  return labels.size() > 4 ? fmt::format("{} and {} more", text, labels.size() - 4) : text;
}

// What dead processes still own, and where.
struct Dead {
  std::string check, noun;
  std::size_t total = 0;
  std::vector<std::string> labels{};

  void count(const RingPlace& place, std::size_t found) {
    total += found;
    if (found != 0) labels.push_back(place.label());
  }
};

// The examination of one fabric: what can be attached goes through all further checks.
class FabricDoctor {
 public:
  explicit FabricDoctor(const DoctorOptions& options) : options_(options), owners_(options.directory) {}

  std::vector<Finding> run() {
    const auto fabric = Fabric::open(options_.directory, false);
    if (!fabric && fabric.error().code == ErrorCode::not_found) {
      add("fabric", Health::ok, options_.directory + " does not exist yet");
      return std::move(findings_);
    }
    const auto names = fabric ? fabric->topic_names() : fabric.error();
    if (!names) {
      add("fabric", Health::fail, names.error().message, "check its owner and mode, or use --dir");
      return std::move(findings_);
    }
    add("fabric", Health::ok, fmt::format("{}: {}", options_.directory, plural(names->size(), "topic")));
    check_members();
    check_temporaries(*fabric);
    find_rings(*fabric, *names);
    check_layouts();
    check_boots();
    check_dead();
    check_back_pressure();
    if (options_.deep) check_records();
    return std::move(findings_);
  }

 private:
  void add(std::string check, Health health, std::string detail, std::string advice = {}) {
    findings_.push_back({std::move(check), health, std::move(detail), std::move(advice)});
  }
  void check_members();
  void check_temporaries(const Fabric& fabric);
  void find_rings(const Fabric& fabric, const std::vector<std::string>& topics);
  void check_layouts();
  void check_boots();
  void check_dead();
  void report_dead(const Dead& dead);
  void check_back_pressure();
  void check_records();
  std::shared_ptr<ipc::Ring> attach(const RingPlace& place, ipc::Access access, Error& error) const;

  DoctorOptions options_;
  Owners owners_;
  std::vector<Finding> findings_;
  std::vector<RingPlace> rings_;
  std::vector<std::pair<RingPlace, std::shared_ptr<ipc::Ring>>> attached_;  // read-only, of this boot
  std::vector<RingPlace> of_other_boots_;
};

void FabricDoctor::check_members() {
  const auto members = ipc::Members::open(options_.directory);
  if (!members) return add("members", Health::fail, members.error().message, "check the mode of the members file");
  std::size_t alive = 0, gone = 0;
  for (const auto& member : members->list()) ++(member.alive ? alive : gone);
  add("members", Health::ok, fmt::format("{} alive, {} gone (their entries are used again)", alive, gone));
}

void FabricDoctor::check_temporaries(const Fabric& fabric) {
  const auto before = fabric.count_leftovers();
  if (!before) return add("temporaries", Health::fail, before.error().message, "run doctor as their owner");
  if (*before == 0) return add("temporaries", Health::ok, "none");
  if (!options_.fix)
    return add("temporaries", Health::warn,
               plural(*before, "file") + " of creations and deletions that are in progress or were killed",
               "evf doctor --fix removes those of dead processes");
  const auto removed = fabric.remove_leftovers();
  const auto left = removed ? fabric.count_leftovers() : removed;
  if (!left) return add("temporaries", Health::fail, left.error().message, "run doctor as their owner");
  add("temporaries", *removed != 0 ? Health::fixed : Health::ok,
      fmt::format("removed {}, {} in use", *removed, *left));
}

// By file, not by topic: one damaged ring must not hide the others.
void FabricDoctor::find_rings(const Fabric& fabric, const std::vector<std::string>& topics) {
  for (const auto& topic : topics) {
    const auto info = fabric.describe_topic(topic);
    const auto partitions = info ? info->partitions : 1;
    for (std::uint32_t i = 0; i < partitions; ++i) rings_.push_back({topic, i, fabric.partition_path(topic, i)});
  }
}

std::shared_ptr<ipc::Ring> FabricDoctor::attach(const RingPlace& place, ipc::Access access, Error& error) const {
  auto ring = ipc::Ring::attach(place.path, {.access = access, .members_directory = options_.directory});
  if (ring) return *ring;
  error = ring.error();
  return nullptr;
}

void FabricDoctor::check_layouts() {
  std::size_t sound = 0;
  for (const auto& place : rings_) {
    Error error;
    auto ring = attach(place, ipc::Access::read_only, error);
    if (!ring) {
      add("layout", Health::fail, fmt::format("{}: {}", place.label(), error.message),
          "evf fsck says more; restore or re-create it");
    } else {
      ++sound;
      if (ring->file().of_this_boot()) {
        attached_.emplace_back(place, std::move(ring));
      } else {
        of_other_boots_.push_back(place);
      }
    }
  }
  if (sound == rings_.size())
    add("layout", Health::ok, fmt::format("{} of layout version {}", plural(sound, "ring"), ipc::kLayoutVersion));
}

void FabricDoctor::check_boots() {
  if (of_other_boots_.empty()) return add("boot", Health::ok, "all rings are of this boot");
  std::vector<std::string> labels;
  for (const auto& place : of_other_boots_) labels.push_back(place.label());
  if (!options_.fix)
    return add("boot", Health::warn, "written before the last reboot: " + join(labels),
               "evf doctor --fix recovers them, and so does the first publisher");
  for (const auto& place : of_other_boots_) {
    const auto recovered = ipc::recover_ring(place.path);
    if (recovered) {
      const auto damaged =
          recovered->damaged_cursors == 0
              ? std::string()
              : fmt::format("; {} with a damaged position began again at {}",
                            plural(recovered->damaged_cursors, "cursor"), recovered->first);
      add("boot", Health::fixed,
          fmt::format("{}: recovered {}, the next sequence is {}{}", place.label(), plural(recovered->records, "record"),
                      recovered->tail, damaged));
      Error error;
      if (auto ring = attach(place, ipc::Access::read_only, error)) attached_.emplace_back(place, std::move(ring));
    } else {
      add("boot", Health::fail, fmt::format("{}: {}", place.label(), recovered.error().message),
          "run doctor as its owner");
    }
  }
}

// Lines and cursors of dead owners: counted in all rings, then given back by reclaim_dead().
void FabricDoctor::check_dead() {
  Dead lines{"publishers", "line"}, cursors{"groups", "cursor"};
  for (const auto& [place, ring] : attached_) {
    std::size_t in_lines = 0, in_cursors = 0;
    for (const auto& publisher : ipc::list_publishers(ring->map())) in_lines += !owners_.alive(publisher.owner);
    for (const auto& cursor : ipc::list_cursors(ring->map()))
      in_cursors += cursor.owner != 0 && !owners_.alive(cursor.owner);
    lines.count(place, in_lines);
    cursors.count(place, in_cursors);
    if (!options_.fix || in_lines + in_cursors == 0) continue;
    Error error;
    const auto writable = attach(place, ipc::Access::read_write, error);
    if (!writable)
      return add("publishers", Health::fail, fmt::format("{}: {}", place.label(), error.message),
                 "run doctor as its owner");
    ipc::reclaim_dead(*writable);
  }
  report_dead(lines);
  report_dead(cursors);
}

void FabricDoctor::report_dead(const Dead& dead) {
  if (dead.total == 0) return add(dead.check, Health::ok, fmt::format("no {} of dead processes", dead.noun));
  const auto what = fmt::format("{}{} of dead processes in {}", options_.fix ? "gave back " : "",
                                plural(dead.total, dead.noun), join(dead.labels));
  if (options_.fix) return add(dead.check, Health::fixed, what);
  add(dead.check, Health::warn, what, "evf doctor --fix gives them back; the next publisher or reader does, too");
}

// Publishers that wait for a group that nobody reads for will wait for ever.
void FabricDoctor::check_back_pressure() {
  const auto before = findings_.size();
  for (const auto& [place, ring] : attached_) {
    const auto snapshot = ipc::take_snapshot(ring->map());
    for (const auto& cursor : snapshot.cursors) {
      if (cursor.index != snapshot.slowest || owners_.alive(cursor.owner)) continue;
      if (ipc::unacked_share(ring->map(), snapshot) < 0.8) continue;
      bool blocked = false;
      for (const auto& publisher : snapshot.publishers)
        blocked = blocked || (owners_.alive(publisher.owner) && publisher.blocked_since_ns != 0 &&
                              ipc::monotonic_ns() > publisher.blocked_since_ns + kBlockedTooLongNs);
      add("back-pressure", blocked ? Health::fail : Health::warn,
          fmt::format("{}: group {} {} publishers, and nobody reads for it", place.label(), cursor_name(cursor),
                      blocked ? "blocks" : "will soon block"),
          fmt::format("start its consumer: evf tail {} --group {}", place.topic, cursor_name(cursor)));
    }
  }
  if (findings_.size() == before) add("back-pressure", Health::ok, "no group without a reader holds publishers up");
}

void FabricDoctor::check_records() {
  std::uint64_t whole = 0;
  std::size_t damaged = 0;
  for (const auto& [place, ring] : attached_) {
    const auto check = ipc::check_ring(ring->map(), 1);
    whole += check.count(ipc::SlotCondition::whole);
    if (check.sound()) continue;
    ++damaged;
    add("records", Health::fail,
        fmt::format("{}: {}, first: {}", place.label(), plural(check.problem_count, "problem"),
                    check.problems.front().what),
        fmt::format("evf fsck {} lists them; readers leave damaged records out", place.topic));
  }
  if (damaged == 0) add("records", Health::ok, fmt::format("{} verified", plural(whole, "checksum")));
}

}  // namespace

std::vector<Finding> check_fabric(const DoctorOptions& options) { return FabricDoctor(options).run(); }

}  // namespace fabric::evf
