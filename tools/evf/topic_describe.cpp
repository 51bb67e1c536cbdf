// evf topic describe: geometry, and where everybody stands.

#include <fmt/format.h>

#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/topic.hpp"
#include "tools/evf/view.hpp"

namespace fabric::evf {
namespace {

std::string sync_text(const ipc::RingHeader& header) {
  switch (header.sync) {
    case ipc::SyncMode::none:
      return "none";
    case ipc::SyncMode::async:
      return "async";
    case ipc::SyncMode::every:
      return fmt::format("every-{}", header.sync_every);
    case ipc::SyncMode::always:
      return "always";
  }
  return "?";
}

const char* writers_text(const ipc::RingHeader& header) {
  return header.writers == ipc::WriterMode::one ? "one" : "many";
}

std::uint64_t arena_bytes(const ipc::RingHeader& header) {
  return std::uint64_t{header.arena_block_count} * header.arena_block_bytes;
}

void print_geometry(const TopicInfo& info, const std::vector<PartitionView>& views, const std::string& directory) {
  const auto& header = info.header;
  const auto now = views.front().now_ns;
  const auto created = static_cast<std::uint64_t>(header.created_at_ns);
  const auto row = [](std::string_view name, const std::string& value) {
    print_line(fmt::format("  {} {}", toned(fmt::format("{:<11}", name), Tone::dim, data().descriptor()), value));
  };
  print_line(toned(info.name, Tone::bold, data().descriptor()));
  row("directory", directory);
  row("created", fmt::format("{} ({} ago)", format_time(created).substr(0, 19) + "Z",
                             format_duration(now > created ? now - created : 0)));
  row("partitions", fmt::format("{}, {} writer{} each, {} of files", info.partitions, writers_text(header),
                                header.writers == ipc::WriterMode::one ? "" : "s", format_bytes(info.file_bytes)));
  if (info.growing) row("growing", fmt::format("half way; evf topic grow {} --partitions {} completes it", info.name, info.partitions));
  row("slots", fmt::format("{} of {} each: payloads up to {} inline", format_count(header.slot_count),
                           format_bytes(header.slot_bytes), format_bytes(views.front().map().inline_capacity())));
  row("arena", header.arena_block_count == 0 ? "none: larger payloads are refused"
                                             : fmt::format("{} in blocks of {}", format_bytes(arena_bytes(header)),
                                                           format_bytes(header.arena_block_bytes)));
  row("limits",
      fmt::format("{}, {}", plural(header.max_publishers, "publisher"), plural(header.max_cursors, "cursor")));
  row("void after", fmt::format("{}, sync {}", format_duration(header.void_after_ns), sync_text(header)));
}

void print_partitions(const std::vector<PartitionView>& views) {
  Table table({">PART", ">OLDEST", ">HEAD", ">RETAINED", ">UNACKED", ">HORIZON", "NEWEST"});
  for (const auto& view : views) {
    const auto& snapshot = view.snapshot;
    const auto share = ipc::unacked_share(view.map(), snapshot);
    const auto age = snapshot.newest_ns && view.now_ns > *snapshot.newest_ns ? view.now_ns - *snapshot.newest_ns : 0;
    table.add({std::to_string(view.partition),
               format_count(snapshot.oldest),
               format_count(snapshot.head),
               format_count(snapshot.retained()),
               {fmt::format("{:.0f}%", share * 100), share >= 0.99 ? Tone::bad
                                                     : share > 0.8 ? Tone::warn
                                                                   : Tone::plain},
               format_count(snapshot.horizon),
               snapshot.newest_ns ? format_duration(age) + " ago" : "-"});
  }
  print_line("");
  table.print();
}

void print_publishers(const std::vector<PartitionView>& views, const Owners& owners) {
  Table table({">PART", ">LINE", "PUBLISHER", ">PUBLISHED", ">VOIDED", "BLOCKED"});
  for (const auto& view : views)
    for (const auto& publisher : view.snapshot.publishers)
      table.add({std::to_string(view.partition),
                 std::to_string(publisher.index),
                 owners.cell(publisher.owner),
                 format_count(publisher.published),
                 format_count(publisher.voided),
                 {blocked_text(view, publisher), Tone::bad}});
  print_line("");
  if (table.empty()) return print_line("no publishers");
  table.print();
}

void print_cursors(const std::vector<PartitionView>& views, const Owners& owners) {
  Table table({">PART", "GROUP", "KIND", ">POSITION", ">LAG", "OWNER"});
  for (const auto& view : views)
    for (const auto& cursor : view.snapshot.cursors)
      table.add({std::to_string(view.partition), cursor_name(cursor),
                 fmt::format("{}{}", cursor.gating ? "gating" : "overrun", cursor.durable ? "" : ", brief"),
                 format_count(cursor.position), format_count(view.lag(cursor).records), owners.cell(cursor.owner)});
  print_line("");
  if (table.empty()) return print_line("no groups");
  table.print();
}

Json partition_json(const PartitionView& view, const Owners& owners) {
  const auto& snapshot = view.snapshot;
  Json publishers = Json::array();
  for (const auto& publisher : snapshot.publishers) publishers.push_back(publisher_json(view, publisher, owners));
  Json cursors = Json::array();
  for (const auto& cursor : snapshot.cursors) cursors.push_back(cursor_json(view, cursor, owners));
  const auto use = ipc::count_blocks(view.map());
  return {{"partition", view.partition},
          {"path", view.ring->path()},
          {"oldest", snapshot.oldest},
          {"head", snapshot.head},
          {"retained", snapshot.retained()},
          {"unacked_share", ipc::unacked_share(view.map(), snapshot)},
          {"limit", snapshot.limit},
          {"horizon", snapshot.horizon},
          {"lease_epoch", snapshot.lease_epoch},
          {"lease_line", snapshot.lease_line ? Json(*snapshot.lease_line) : Json()},
          {"newest_ns", snapshot.newest_ns ? Json(*snapshot.newest_ns) : Json()},
          {"oldest_ns", snapshot.oldest_ns ? Json(*snapshot.oldest_ns) : Json()},
          {"arena_blocks",
           {{"free", use.free},
            {"held", use.held},
            {"needed", use.needed},
            {"passed", use.passed},
            {"orphaned", use.orphaned}}},
          {"publishers", std::move(publishers)},
          {"cursors", std::move(cursors)}};
}

void print_topic_json(const TopicInfo& info, const std::vector<PartitionView>& views, const Owners& owners) {
  const auto& header = info.header;
  Json partitions = Json::array();
  for (const auto& view : views) partitions.push_back(partition_json(view, owners));
  print_json(Json{{"schema", "evf.topic/1"},
                  {"topic", info.name},
                  {"layout_version", header.layout_version},
                  {"writers", writers_text(header)},
                  {"slots", header.slot_count},
                  {"slot_bytes", header.slot_bytes},
                  {"arena_bytes", arena_bytes(header)},
                  {"arena_block_bytes", header.arena_block_bytes},
                  {"max_publishers", header.max_publishers},
                  {"max_cursors", header.max_cursors},
                  {"void_after_ns", header.void_after_ns},
                  {"sync", sync_text(header)},
                  {"created_at_ns", header.created_at_ns},
                  {"base_partitions", info.base},
                  {"growing", info.growing},
                  {"file_bytes", info.file_bytes},
                  {"partitions", std::move(partitions)}});
}

int describe(const Context& context, const std::string& name) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const auto topic = open_topic(*fabric, name, ipc::Access::read_only);
  if (!topic) return fail(topic.error());
  const auto info = fabric->describe_topic(name);
  if (!info) return fail(info.error());
  const auto views = view_topic(**topic);
  const Owners owners(fabric->directory());
  if (context.json) {
    print_topic_json(*info, views, owners);
    return kOk;
  }
  print_geometry(*info, views, fabric->directory());
  print_partitions(views);
  print_publishers(views, owners);
  print_cursors(views, owners);
  return kOk;
}

}  // namespace

void add_topic_describe(CLI::App& topic, Context& context) {
  const auto name = std::make_shared<std::string>();
  auto* sub = add_verb(topic, context,
                       {.name = "describe",
                        .description = "Show a topic's geometry, partitions, publishers and groups.",
                        .details = "UNACKED is the share of the ring that the slowest gating group has not acked; at\n"
                                   "100% publishers wait for it. HORIZON: no claim at or above it was ever contested.",
                        .examples = "  evf topic describe orders\n  evf topic describe orders --json",
                        .json = true},
                       [&context, name] { return describe(context, *name); });
  sub->add_option("TOPIC", *name, "The topic")->required();
}

}  // namespace fabric::evf
