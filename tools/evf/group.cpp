// evf group list, describe: the groups of a fabric, and how one of them divides its partitions.

#include "tools/evf/group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "ipc/clock.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {

std::vector<GroupPartition> partitions_of_group(const std::vector<PartitionView>& views, const std::string& group) {
  std::vector<GroupPartition> found;
  bool any = false;
  for (const auto& view : views) {
    const auto& cursors = view.snapshot.cursors;
    const auto cursor =
        std::find_if(cursors.begin(), cursors.end(), [&](const auto& one) { return one.durable && one.name == group; });
    found.push_back({&view, cursor == cursors.end() ? nullptr : &*cursor});
    any = any || found.back().cursor != nullptr;
  }
  if (!any) found.clear();
  return found;
}

std::vector<std::string> groups_of(const std::vector<PartitionView>& views) {
  std::set<std::string> names;
  for (const auto& view : views)
    for (const auto& cursor : view.snapshot.cursors)
      if (cursor.durable) names.insert(cursor.name);
  return {names.begin(), names.end()};
}

int no_such_group(const std::string& group, const std::string& topic, const std::vector<PartitionView>& views) {
  const auto names = groups_of(views);
  return fail(kNotFound, fmt::format("topic '{}' has no group '{}'", topic, group),
              names.empty() ? "a consumer makes one: evf tail --group"
                            : fmt::format("there are: {}", fmt::join(names, ", ")));
}

namespace {

// Sums over a topic.
struct GroupSummary {
  std::string topic, group;
  std::size_t partitions = 0, owned = 0, members = 0, asking = 0;
  std::uint64_t lag_records = 0, worst_age_ns = 0;
  bool gating = false;
};

GroupSummary summarize(const std::string& topic, const std::string& group, const std::vector<GroupPartition>& partitions,
                       const Owners& owners) {
  GroupSummary sum{.topic = topic, .group = group};
  std::set<ipc::ReaderId> members, asking;
  for (const auto& [view, cursor] : partitions) {
    if (cursor == nullptr) continue;
    ++sum.partitions;
    sum.gating = cursor->gating;
    if (owners.alive(cursor->owner)) {
      ++sum.owned;
      members.insert(ipc::reader_id(cursor->owner, ipc::LeaseWord::reader(cursor->lease)));
    }
    if (owners.alive(owners.member_of(cursor->requested_by))) asking.insert(cursor->requested_by);
    const auto lag = view->lag(*cursor);
    sum.lag_records += lag.records;
    if (lag.records != 0) sum.worst_age_ns = std::max(sum.worst_age_ns, lag.age_ns);
  }
  members.insert(asking.begin(), asking.end());
  sum.members = members.size();
  sum.asking = asking.size();
  return sum;
}

const char* state_of(const GroupSummary& sum) {
  if (sum.owned == 0) return "inactive";
  if (sum.asking != 0) return "rebalancing";
  return sum.owned < sum.partitions ? "partly active" : "active";
}

Json summary_json(const GroupSummary& sum) {
  return Json{{"topic", sum.topic},          {"group", sum.group},     {"state", state_of(sum)},
              {"members", sum.members},      {"partitions", sum.partitions}, {"owned_partitions", sum.owned},
              {"lag_records", sum.lag_records}, {"worst_age_ns", sum.worst_age_ns}, {"gating", sum.gating}};
}

// All groups of a topic, by name, each as partitions_of_group() has it.
std::map<std::string, std::vector<GroupPartition>> all_groups(const std::vector<PartitionView>& views) {
  std::map<std::string, std::vector<GroupPartition>> groups;
  for (std::size_t i = 0; i < views.size(); ++i) {
    for (const auto& cursor : views[i].snapshot.cursors) {
      if (!cursor.durable) continue;
      auto& partitions = groups[cursor.name];
      if (partitions.empty())
        for (const auto& view : views) partitions.push_back({&view, nullptr});
      if (partitions[i].cursor == nullptr) partitions[i].cursor = &cursor;
    }
  }
  return groups;
}

int list(const Context& context, const std::string& only) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const Owners owners(fabric->directory());
  Json rows = Json::array();
  Table table({"TOPIC", "GROUP", "STATE", ">MEMBERS", ">PARTITIONS", ">LAG", ">AGE", "GATES"});
  const int code = for_each_topic(*fabric, only, [&](const std::string& name, const std::vector<PartitionView>& views) {
    for (const auto& [group, partitions] : all_groups(views)) {
      const auto sum = summarize(name, group, partitions, owners);
      if (context.json) rows.push_back(summary_json(sum));
      const Tone tone = sum.owned == 0 && sum.lag_records != 0 ? Tone::warn : Tone::plain;
      table.add({name,
                 group,
                 {state_of(sum), tone},
                 std::to_string(sum.members),
                 sum.owned == sum.partitions ? std::to_string(sum.partitions)
                                             : fmt::format("{} of {}", sum.owned, sum.partitions),
                 format_count(sum.lag_records),
                 sum.lag_records == 0 ? "-" : format_duration(sum.worst_age_ns),
                 sum.gating ? "yes" : "no"});
    }
  });
  if (context.json) {
    print_json(Json{{"schema", "evf.group-list/1"}, {"groups", std::move(rows)}});
  } else if (table.empty()) {
    if (code == kOk) note("no groups; a consumer makes one: evf tail TOPIC --group NAME");
  } else {
    table.print();
  }
  return code;
}

std::string lease_text(const ipc::CursorInfo& cursor) {
  if (cursor.lease == 0) return "-";
  const auto until_ms = ipc::LeaseWord::until_ms(cursor.lease);
  if (until_ms == ipc::LeaseWord::kForEver) return "until death";
  const auto now_ms = ipc::monotonic_ns() / 1'000'000;
  return until_ms <= now_ms ? "over" : format_duration((until_ms - now_ms) * 1'000'000);
}

Json partition_json(const GroupPartition& partition, const Owners& owners) {
  Json row{{"partition", partition.view->partition}};
  if (partition.cursor == nullptr) return row;
  const auto& cursor = *partition.cursor;
  row.update(cursor_json(*partition.view, cursor, owners));
  const auto until_ms = ipc::LeaseWord::until_ms(cursor.lease);
  row["reader"] = cursor.lease == 0 ? Json() : Json(ipc::LeaseWord::reader(cursor.lease));
  row["lease_until_monotonic_ns"] =
      cursor.lease == 0 || until_ms == ipc::LeaseWord::kForEver ? Json() : Json(until_ms * 1'000'000);
  row["requested_by"] = owners.json(owners.member_of(cursor.requested_by));
  return row;
}

void print_partitions(const std::vector<GroupPartition>& partitions, const Owners& owners) {
  Table table({">PART", ">POSITION", ">HEAD", ">LAG", ">AGE", "OWNER", "LEASE", "ASKED FOR BY"});
  for (const auto& [view, cursor] : partitions) {
    if (cursor == nullptr) {
      table.add({std::to_string(view->partition), "-", format_count(view->snapshot.head), "-", "-", "no cursor yet", "-", "-"});
      continue;
    }
    const auto lag = view->lag(*cursor);
    auto owner = owners.cell(cursor->owner);
    if (cursor->lease != 0) owner.text += fmt::format(" #{}", ipc::LeaseWord::reader(cursor->lease));
    const auto asker = owners.member_of(cursor->requested_by);
    table.add({std::to_string(view->partition),
               format_count(cursor->position),
               format_count(view->snapshot.head),
               format_count(lag.records),
               lag.records == 0 ? "-" : format_duration(lag.age_ns),
               owner,
               owners.alive(cursor->owner) ? lease_text(*cursor) : "-",
               owners.alive(asker) ? owners.cell(asker) : Cell("-")});
  }
  table.print("  ");
}

int describe(const Context& context, const std::string& group, const std::string& only) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const Owners owners(fabric->directory());
  Json rows = Json::array();
  int missing = kOk;
  const int code = for_each_topic(*fabric, only, [&](const std::string& name, const std::vector<PartitionView>& views) {
    const auto partitions = partitions_of_group(views, group);
    if (partitions.empty()) {
      if (!only.empty()) missing = no_such_group(group, only, views);
      return;
    }
    const auto sum = summarize(name, group, partitions, owners);
    auto row = summary_json(sum);
    row["cursors"] = Json::array();
    for (const auto& partition : partitions) row["cursors"].push_back(partition_json(partition, owners));
    rows.push_back(std::move(row));
    if (context.json) return;
    print_line(toned(fmt::format("{} of {}: {}, {}, {} behind", group, name, state_of(sum), plural(sum.members, "member"),
                                 plural(sum.lag_records, "record")),
                     Tone::bold, data().descriptor()));
    print_partitions(partitions, owners);
  });
  if (missing != kOk) return missing;
  if (code != kOk && !only.empty()) return code;
  if (rows.empty()) return fail(kNotFound, fmt::format("no topic has a group '{}'", group), "evf group list shows those that there are");
  if (context.json) print_json(Json{{"schema", "evf.group/1"}, {"groups", std::move(rows)}});
  return code;
}

void add_group_list(CLI::App& app, Context& context) {
  const auto topic = std::make_shared<std::string>();
  auto* sub = add_verb(app, context,
                       {.name = "list",
                        .description = "Show the groups, their members, and how far they are behind.",
                        .details = "inactive: no live member. rebalancing: a member asks for a partition of another.",
                        .examples = "  evf group list\n  evf group list orders --json",
                        .json = true},
                       [&context, topic] { return list(context, *topic); });
  sub->add_option("TOPIC", *topic, "One topic (all)");
}

void add_group_describe(CLI::App& app, Context& context) {
  const auto group = std::make_shared<std::string>(), topic = std::make_shared<std::string>();
  auto* sub = add_verb(app, context,
                       {.name = "describe",
                        .description = "Show who of a group has which partition, and where it stands.",
                        .details = "A member is a consumer of a process: 4711 app #2 is its second. LEASE is how long others\n"
                                   "wait for it when nothing is heard of it.",
                        .examples = "  evf group describe billing\n  evf group describe billing --topic orders --json",
                        .json = true},
                       [&context, group, topic] { return describe(context, *group, *topic); });
  sub->add_option("GROUP", *group, "The group")->required();
  sub->add_option("-t,--topic", *topic, "Of this topic alone (all)");
}

}  // namespace

void add_group(CLI::App& app, Context& context) {
  auto* group = add_verb(app, context,
                         {.name = "group",
                          .description = "List, describe, reset and delete consumer groups.",
                          .details = "evf group VERB --help says more.",
                          .directory = false});
  group->require_subcommand(0, 1);
  add_group_list(*group, context);
  add_group_describe(*group, context);
  add_group_reset(*group, context);
  add_group_delete(*group, context);
}

}  // namespace fabric::evf
