// evf lag: how far each group is behind, in records and in time, and whom it holds up.

#include <fmt/format.h>

#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/verb.hpp"
#include "tools/evf/view.hpp"

namespace fabric::evf {
namespace {

struct TopicView {
  const std::string& name;
  const std::vector<PartitionView>& partitions;
};

void add_json(const TopicView& topic, const Owners& owners, Json& rows, Json& blocked) {
  for (const auto& view : topic.partitions) {
    const Json place{{"topic", topic.name}, {"partition", view.partition}};
    for (const auto& cursor : view.snapshot.cursors) {
      rows.push_back(place);
      rows.back().update(cursor_json(view, cursor, owners));
    }
    for (const auto& publisher : view.snapshot.publishers) {
      if (publisher.blocked_since_ns == 0) continue;
      blocked.push_back(place);
      blocked.back().update(publisher_json(view, publisher, owners));
    }
  }
}

// Rows of one group stand together: group first, then partition.
Table lag_table(const TopicView& topic, const Owners& owners) {
  std::vector<std::pair<const PartitionView*, const ipc::CursorInfo*>> rows;
  for (const auto& view : topic.partitions)
    for (const auto& cursor : view.snapshot.cursors) rows.emplace_back(&view, &cursor);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second->name < b.second->name; });
  Table table({"GROUP", ">PART", ">POSITION", ">HEAD", ">LAG", ">SPAN", ">AGE", "GATES", "OWNER"});
  for (const auto& [view, cursor] : rows) {
    const auto lag = view->lag(*cursor);
    const auto time = [&](std::uint64_t ns) { return lag.records == 0 ? "-" : format_duration(ns); };
    const auto share = static_cast<double>(lag.records) / static_cast<double>(view->map().slot_count);
    const auto tone = share >= 0.99 ? Tone::bad : share > 0.8 ? Tone::warn : Tone::plain;
    table.add({cursor_name(*cursor),
               std::to_string(view->partition),
               format_count(cursor->position),
               format_count(view->snapshot.head),
               {format_count(lag.records), tone},
               time(lag.span_ns),
               time(lag.age_ns),
               cursor->gating ? "yes" : "no",
               owners.cell(cursor->owner)});
  }
  return table;
}

void print_blocked(const TopicView& topic, const Owners& owners) {
  for (const auto& view : topic.partitions)
    for (const auto& publisher : view.snapshot.publishers)
      if (publisher.blocked_since_ns != 0)
        print_line(toned(fmt::format("  blocked: publisher {} of partition {} for {}",
                                     owners.cell(publisher.owner).text, view.partition, blocked_text(view, publisher)),
                         Tone::bad, data().descriptor()));
}

void print_topic(const TopicView& topic, const Owners& owners) {
  print_line(toned(topic.name, Tone::bold, data().descriptor()));
  const auto table = lag_table(topic, owners);
  if (table.empty()) {
    print_line("  no groups");
  } else {
    table.print("  ");
  }
  print_blocked(topic, owners);
}

int lag(const Context& context, const std::string& only) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const Owners owners(fabric->directory());
  Json rows = Json::array(), blocked = Json::array();
  std::size_t topics = 0;
  const int code = for_each_topic(*fabric, only, [&](const std::string& name, const std::vector<PartitionView>& views) {
    if (++topics != 1 && !context.json) print_line("");
    if (context.json) {
      add_json({name, views}, owners, rows, blocked);
    } else {
      print_topic({name, views}, owners);
    }
  });
  if (code != kOk && !only.empty()) return code;
  if (context.json) {
    print_json(Json{{"schema", "evf.lag/1"}, {"rows", std::move(rows)}, {"blocked", std::move(blocked)}});
  } else if (topics == 0) {
    note(fmt::format("no topics in {}; evf topic create makes one", fabric->directory()));
  }
  return code;
}

}  // namespace

void add_lag(CLI::App& app, Context& context) {
  const auto name = std::make_shared<std::string>();
  auto* sub =
      add_verb(app, context,
               {.name = "lag",
                .description = "Show how far each group is behind, and whom it holds up.",
                .details = "LAG counts records that are not acked; SPAN is the time from the first of them to the\n"
                           "newest record, AGE from the first of them to now. A group that GATES holds publishers\n"
                           "up when it is one ring behind; they are listed as blocked, with who blocks them.",
                .examples = "  evf lag\n  evf lag orders --json | jq '.rows[] | {group, partition, lag_records}'",
                .json = true},
               [&context, name] { return lag(context, *name); });
  sub->add_option("TOPIC", *name, "One topic (all)");
}

}  // namespace fabric::evf
