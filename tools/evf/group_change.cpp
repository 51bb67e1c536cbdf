// evf group reset, delete: moves or removes the cursors of a group that nobody reads for. A preview unless --execute.

#include <fmt/format.h>

#include <algorithm>

#include "ipc/gate.hpp"
#include "tools/evf/group.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"

namespace fabric::evf {
namespace {

struct Arguments {
  std::string group{}, topic{};
  std::optional<ipc::StartAt> to{};
  std::vector<std::uint32_t> partitions{};  // empty: all
  bool execute = false;
};

// One cursor: from where to where.
struct Move {
  std::uint32_t partition = 0;
  std::uint64_t from = 0, to = 0, head = 0;
};

bool is_chosen(const Arguments& arguments, std::uint32_t partition) {
  const auto& chosen = arguments.partitions;
  return chosen.empty() || std::find(chosen.begin(), chosen.end(), partition) != chosen.end();
}

// The group's cursors that are meant.
struct Chosen {
  std::shared_ptr<const Topic> topic;
  std::vector<PartitionView> views;
  std::vector<GroupPartition> partitions;  // into views
};

// An exit code other than kOk when there are none, or somebody reads.
int choose(const Context& context, const Arguments& arguments, Chosen& chosen) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const auto topic = open_topic(*fabric, arguments.topic, arguments.execute ? ipc::Access::read_write : ipc::Access::read_only);
  if (!topic) return fail(topic.error());
  chosen.topic = *topic;
  chosen.views = view_topic(**topic);
  const auto& views = chosen.views;
  const Owners owners(fabric->directory());
  for (const auto partition : arguments.partitions)
    if (partition >= views.size())
      return fail(kNotFound, fmt::format("topic '{}' has no partition {}", arguments.topic, partition),
                  fmt::format("it has 0 to {}", views.size() - 1));
  const auto partitions = partitions_of_group(views, arguments.group);
  if (partitions.empty()) return no_such_group(arguments.group, arguments.topic, views);
  for (const auto& partition : partitions) {
    if (partition.cursor == nullptr || !is_chosen(arguments, partition.view->partition)) continue;
    if (owners.alive(partition.cursor->owner))
      return fail(kFailed,
                  fmt::format("group '{}' is active: {} has partition {}", arguments.group,
                              owners.cell(partition.cursor->owner).text, partition.view->partition),
                  "stop its members first");
    chosen.partitions.push_back(partition);
  }
  if (chosen.partitions.empty())
    return fail(kNotFound, fmt::format("group '{}' has no cursor in these partitions", arguments.group),
                "leave --partition out for all");
  return kOk;
}

std::uint64_t target(const Move& move, const ipc::RingMap& map, bool gating, ipc::StartAt to) {
  auto sequence = ipc::find_start(map, to);
  if (gating)  // publishers respect nothing before that
    sequence = std::max(sequence, ipc::gate_floor(map, ipc::GateWord::limit(map.control->gate.load(std::memory_order_acquire))));
  return std::min(sequence, std::max(move.head, move.from));
}

Json moves_json(const std::vector<Move>& moves) {
  Json rows = Json::array();
  for (const auto& move : moves)
    rows.push_back(Json{{"partition", move.partition},
                        {"from", move.from},
                        {"to", move.to},
                        {"head", move.head},
                        {"redelivered", move.from > move.to ? move.from - move.to : 0},
                        {"skipped", move.to > move.from ? move.to - move.from : 0}});
  return rows;
}

void print_moves(const std::vector<Move>& moves) {
  Table table({">PART", ">FROM", ">TO", ">HEAD", "MEANS"});
  for (const auto& move : moves) {
    const Cell means = move.to < move.from   ? Cell(fmt::format("{} again", plural(move.from - move.to, "record")), Tone::warn)
                       : move.to > move.from ? Cell(fmt::format("{} skipped", plural(move.to - move.from, "record")), Tone::bad)
                                             : Cell("nothing changes");
    table.add({std::to_string(move.partition), format_count(move.from), format_count(move.to), format_count(move.head), means});
  }
  table.print();
}

int reset(const Context& context, const Arguments& arguments) {
  Chosen chosen;
  if (const auto code = choose(context, arguments, chosen); code != kOk) return code;
  std::vector<Move> moves;
  for (const auto& [view, cursor] : chosen.partitions) {
    Move move{.partition = view->partition, .from = cursor->position, .to = 0, .head = view->snapshot.head};
    move.to = target(move, view->map(), cursor->gating, *arguments.to);
    moves.push_back(move);
  }
  int code = kOk;
  if (arguments.execute) {
    for (auto& move : moves) {
      const auto& ring = chosen.topic->ring(move.partition);
      const auto moved = ipc::move_cursor(*ring, arguments.group, move.to);
      if (!moved) code = fail(moved.error());
      if (const auto now = ipc::find_cursor(ring->map(), arguments.group)) move.to = now->position;
    }
  }
  if (context.json) {
    print_json(Json{{"schema", "evf.group-reset/1"},
                    {"topic", arguments.topic},
                    {"group", arguments.group},
                    {"executed", arguments.execute},
                    {"moves", moves_json(moves)}});
  } else {
    print_moves(moves);
  }
  if (!arguments.execute) note("this was a preview; --execute moves the cursors");
  return code;
}

// Partitions that the topic has grown since we looked have got copies of the group's cursors.
int remove_from_grown(const Context& context, const Arguments& arguments, const Topic& topic) {
  if (!topic.is_outgrown() || !arguments.partitions.empty()) return kOk;
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const auto grown = fabric->grown(topic);
  if (!grown) return fail(grown.error());
  int code = kOk;
  for (auto partition = topic.partitions(); partition < (*grown)->partitions(); ++partition) {
    const auto deleted = ipc::delete_cursor(*(*grown)->ring(partition), arguments.group);
    if (!deleted && deleted.error().code != ErrorCode::not_found) code = fail(deleted.error());
  }
  return code;
}

int remove(const Context& context, const Arguments& arguments) {
  Chosen chosen;
  if (const auto code = choose(context, arguments, chosen); code != kOk) return code;
  int code = kOk;
  Table table({">PART", ">POSITION", ">LAG"});
  for (const auto& [view, cursor] : chosen.partitions) {
    table.add({std::to_string(view->partition), format_count(cursor->position), format_count(view->lag(*cursor).records)});
    if (!arguments.execute) continue;
    const auto deleted = ipc::delete_cursor(*chosen.topic->ring(view->partition), arguments.group);
    if (!deleted) code = fail(deleted.error());
  }
  if (arguments.execute)
    if (const auto more = remove_from_grown(context, arguments, *chosen.topic); more != kOk) code = more;
  if (context.json) {
    print_json(Json{{"schema", "evf.group-delete/1"},
                    {"topic", arguments.topic},
                    {"group", arguments.group},
                    {"executed", arguments.execute},
                    {"partitions", chosen.partitions.size()}});
  } else {
    table.print();
  }
  if (!arguments.execute) note("this was a preview; --execute deletes the cursors");
  return code;
}

void add_common(CLI::App& sub, Arguments& arguments, const std::string& what) {
  sub.add_option("GROUP", arguments.group, "The group")->required();
  sub.add_option("-t,--topic", arguments.topic, "The topic")->required();
  sub.add_option("--partition", arguments.partitions, "This partition alone; may be repeated (all)");
  sub.add_flag("--execute", arguments.execute, what);
}

}  // namespace

void add_group_reset(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub = add_verb(app, context,
                       {.name = "reset",
                        .description = "Move a group to another place: a preview unless --execute.",
                        .details = "Refused while a member is alive. A group that gates goes no further back than publishers\n"
                                   "respect: the preview shows where. Records passed over are not delivered to the group.",
                        .examples = "  evf group reset billing --topic orders --to earliest\n"
                                    "  evf group reset billing --topic orders --to -15m --execute\n"
                                    "  evf group reset billing --topic orders --partition 2 --to 4711 --execute",
                        .json = true},
                       [&context, arguments] { return reset(context, *arguments); });
  add_common(*sub, *arguments, "Move the cursors");
  sub->add_option_function<std::string>(
         "--to",
         [arguments](const std::string& text) {
           arguments->to = parse_start(text);
           if (!arguments->to)
             refuse_value("--to", "'" + text + "' is not a place; use earliest, latest, last-100, a sequence, or a time "
                                               "(2026-01-31T12:00:00Z, -5m)");
         },
         "earliest, latest, last-N, a sequence or a time")
      ->type_name("PLACE")
      ->required();
}

void add_group_delete(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub = add_verb(app, context,
                       {.name = "delete",
                        .description = "Delete a group's cursors: a preview unless --execute.",
                        .details = "Refused while a member is alive. A group of that name that joins later starts anew.",
                        .examples = "  evf group delete billing --topic orders --execute",
                        .json = true},
                       [&context, arguments] { return remove(context, *arguments); });
  add_common(*sub, *arguments, "Delete the cursors");
}

}  // namespace fabric::evf
