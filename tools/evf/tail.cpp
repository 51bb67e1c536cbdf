// evf tail: records of a topic to standard output.

#include <fmt/format.h>

#include <cstring>

#include "fabric/delivery/filter.hpp"
#include "tools/evf/formats.hpp"
#include "tools/evf/pub_input.hpp"
#include "tools/evf/tail_filter.hpp"
#include "tools/evf/tail_format.hpp"
#include "tools/evf/tail_source.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {
namespace {

constexpr std::uint64_t kRecordsPerFlush = 1024;

struct Arguments {
  std::string topic;
  SourceOptions source;
  std::optional<ipc::StartAt> start;
  std::optional<std::uint64_t> limit;
  TailFormat format = TailFormat::lines;
  bool hex = false, cloudevents = false, no_gate = false, raw = false;
  std::vector<std::string> types, keys;
  bool integer_keys = false;
};

// One run: copies items to the output, acks what was written out, counts.
class Tail {
 public:
  Tail(Source& source, const Arguments& arguments, Filter filter, const contract::RegistryNames* contracts)
      : source_(&source), arguments_(&arguments), filter_(std::move(filter)), contracts_(contracts) {}

  int run() {
    bool more = arguments_->limit.value_or(1) != 0;
    while (more && !interrupted()) more = step();
    settle();
    return conclude();
  }

 private:
  // False: at the end.
  bool step() {
    const auto item = source_->next();
    switch (item.kind) {
      case Item::Kind::end:
        return false;
      case Item::Kind::idle:
        if (!settle()) return false;
        source_->wait();
        return true;
      case Item::Kind::record:
        if (filter_.empty() || filter_.lets_through(item.record, item.event)) {
          write(item);
          if (++records_ == arguments_->limit) return false;
        }
        return ++seen_ % kRecordsPerFlush != 0 || settle();
      case Item::Kind::lost:
        lost_ += item.range.end - item.range.first;
        break;
      case Item::Kind::damaged:
        ++damaged_;
        break;
      default:
        break;
    }
    write_gap(data(), arguments_->format, item);
    note(gap_text(item));
    return item.kind != Item::Kind::fenced || arguments_->source.follow || source_->held() != 0;
  }

  void write(const Item& item) {
    const auto why = write_record(data(), arguments_->format, item, contracts_);
    if (why.empty()) return;
    ++left_out_;
    note(fmt::format("partition {}: record {} is no CloudEvent and was left out: {}; --json shows it", item.partition,
                     item.record.sequence, printable(why)));
  }

  // Only what was written out is acked.
  bool settle() {
    if (!data().flush()) return false;
    source_->ack();
    return true;
  }

  int conclude() const {
    if (lost_ != 0 || damaged_ != 0)
      note(fmt::format("{} written, {} lost, {} damaged", plural(records_, "record"), format_count(lost_),
                       format_count(damaged_)));
    if (interrupted() && !arguments_->source.follow) return fail(kFailed, "interrupted", "the output is not complete");
    if (damaged_ != 0) return kCorrupt;
    return lost_ != 0 || left_out_ != 0 ? kFailed : kOk;
  }

  Source* source_;
  const Arguments* arguments_;
  Filter filter_;
  const contract::RegistryNames* contracts_;
  std::uint64_t seen_ = 0, records_ = 0, lost_ = 0, damaged_ = 0, left_out_ = 0;
};

int check_arguments(const Context& context, Arguments& arguments) {
  for (auto& key : arguments.keys) {
    if (!arguments.integer_keys) break;
    auto bytes = integer_key(key);
    if (!bytes)
      return fail(kUsage, fmt::format("--key '{}' is no integer of 64 bits", printable(key)), "use --key-type text");
    key = std::move(*bytes);
  }
  const bool has_format = arguments.format != TailFormat::lines;
  if (context.json + arguments.hex + arguments.cloudevents + has_format > 1)
    return fail(kUsage, "--json, --hex, --cloudevents and --format exclude each other", "choose one");
  if (context.json) arguments.format = TailFormat::json;
  if (arguments.hex) arguments.format = TailFormat::hex;
  if (arguments.cloudevents) arguments.format = TailFormat::cloudevents;
  auto& source = arguments.source;
  if (arguments.no_gate && source.group.empty())
    return fail(kUsage, "--no-gate goes with --group", "a tail without a group never gates");
  if (source.group.size() > ipc::kMaxName)
    return fail(kUsage, fmt::format("--group has {}", plural(source.group.size(), "byte")), "use at most 63");
  source.gating = !arguments.no_gate;
  const bool from_now_on = source.follow && source.group.empty();
  using Kind = ipc::StartAt::Kind;
  source.start = arguments.start.value_or(ipc::StartAt{from_now_on ? Kind::latest : Kind::earliest, 0});
  if (arguments.format == TailFormat::length_prefixed && data().terminal())
    return fail(kUsage, "length-prefixed records would spoil the terminal", "redirect the output, or use --hex");
  return kOk;
}

// What the given start cannot mean for this topic.
void explain_start(const Topic& topic, const Arguments& arguments) {
  if (!arguments.start) return;
  for (std::uint32_t i = 0; i < topic.partitions(); ++i) {
    const auto& map = topic.ring(i)->map();
    if (arguments.source.partition.value_or(i) != i) continue;
    if (!arguments.source.group.empty()) {
      const auto cursor = ipc::find_cursor(map, arguments.source.group);
      if (cursor)
        note(fmt::format("partition {}: group '{}' goes on at {}; --from is for new groups", i,
                         printable(arguments.source.group), cursor->position));
      continue;
    }
    const bool sequence = arguments.start->kind == ipc::StartAt::Kind::sequence;
    const auto start = ipc::find_start(map, *arguments.start);
    if (sequence && start != arguments.start->value)
      note(fmt::format("partition {}: sequence {} is not retained; starting at {}", i, arguments.start->value, start));
  }
}

int tail(const Context& context, Arguments& arguments) {
  if (const int code = check_arguments(context, arguments); code != kOk) return code;
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const bool observer = arguments.source.group.empty();
  const auto topic = open_topic(*fabric, arguments.topic, observer ? ipc::Access::read_only : ipc::Access::read_write);
  if (!topic) return fail(topic.error());
  std::optional<contract::Registry> registry;
  if (!arguments.raw || !arguments.types.empty()) {
    auto opened = contract::Registry::open(*fabric, formats());
    if (!opened) return fail(opened.error());
    registry = std::move(*opened);
  }
  Filter filter{.keys = arguments.keys};
  if (!arguments.types.empty()) {
    if (auto known = check_types(*fabric, *registry, arguments.topic, arguments.types); !known) return fail(known.error());
    filter.types = {*registry, arguments.types};
  }
  explain_start(**topic, arguments);
  auto source = Source::open(*fabric, *topic, arguments.source);
  if (!source) return fail(source.error());
  for (const auto partition : source->owned_by_others())
    note(fmt::format("partition {} of group '{}' is read by another member; see evf lag {}", partition,
                     printable(arguments.source.group), arguments.topic));
  for (const auto& late : source->late_starts())
    note(
        fmt::format("partition {}: group '{}' starts at {} instead of {}: publishers may already write there; a tail "
                    "without --group "
                    "shows what is retained",
                    late.partition, printable(arguments.source.group), late.position, late.wanted));
  if (source->held() == 0 && !arguments.source.follow)
    return fail(kFailed, "there is nothing left to read for this member",
                "use --follow to stand by, or another --group");
  if (arguments.raw) return Tail(*source, arguments, std::move(filter), nullptr).run();
  const contract::RegistryNames contracts(*registry);
  return Tail(*source, arguments, std::move(filter), &contracts).run();
}

void add_options(CLI::App& sub, Arguments& arguments) {
  sub.add_option("TOPIC", arguments.topic, "The topic")->required();
  sub.add_option_function<std::string>(
         "--from",
         [&arguments](const std::string& text) {
           arguments.start = parse_start(text);
           if (!arguments.start)
             refuse_value(
                 "--from",
                 "'" + text +
                     "' is no place; write earliest, latest, last-100, a sequence, -5m or 2026-10-02T12:00:00Z");
         },
         "Where to start: earliest, latest, last-N, a sequence, or a time (RFC 3339, or before now: -5m)")
      ->type_name("PLACE");
  sub.add_flag("--follow", arguments.source.follow, "Wait for more; Ctrl-C ends it");
  sub.add_option("-g,--group", arguments.source.group, "Join as a consumer of this group, and ack what was written")
      ->type_name("NAME");
  sub.add_flag("--no-gate", arguments.no_gate, "The group does not hold publishers up; it may lose records");
  sub.add_option_function<std::string>(
         "-p,--partition",
         [&arguments](const std::string& text) {
           const auto number = parse_size(text);
           if (!number || *number > 0xffff)
             refuse_value("--partition", "'" + text + "' is no partition; write 0, 1, ...");
           arguments.source.partition = static_cast<std::uint32_t>(*number);
         },
         "Only this one (all, in the order of time)")
      ->type_name("N");
  sub.add_option_function<std::string>(
         "-n,--limit",
         [&arguments](const std::string& text) {
           arguments.limit = parse_size(text);
           if (!arguments.limit) refuse_value("--limit", "'" + text + "' is no number");
         },
         "End after so many records")
      ->type_name("N");
  sub.add_option("-t,--type", arguments.types, "Only events of this type, in all versions; repeatable")
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_choice<bool>(sub, "--key-type", arguments.integer_keys, {{"text", false}, {"int", true}},
                   "What --key is, as in evf pub (text)");
  sub.add_option("-k,--key", arguments.keys, "Only records with this key; repeatable")
      ->type_name("KEY")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_choice<TailFormat>(sub, "-f,--format", arguments.format,
                         {{"lines", TailFormat::lines}, {"length-prefixed", TailFormat::length_prefixed}},
                         "How payloads are written (lines)");
  sub.add_flag("--hex", arguments.hex, "Payloads as hexadecimal bytes with offsets");
  sub.add_flag("--raw", arguments.raw, "Payloads as they are, also where a contract says how to show them as JSON");
  sub.add_flag("--cloudevents", arguments.cloudevents, "Events as structured CloudEvents 1.0 in JSON, one a line");
}

}  // namespace

void add_tail(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "tail",
                .description = "Write the records of a topic to standard output.",
                .details = "Without --group it only looks: read-only, it leaves no trace and holds nobody up. It\n"
                           "starts with the earliest record, with --follow at the latest. With --group it reads on\n"
                           "where the group stands, takes the partitions that nobody reads, and acks records after\n"
                           "they were written out. Partitions are merged in the order of time.\n\n"
                           "--type and --key leave records out: --limit counts what is left, --from last-N what\n"
                           "there is, and a group acks what was left out. A type is what the event says, else the\n"
                           "subject of its schema; one that neither the registry nor the topic knows is refused.\n\n"
                           "--json writes one object a line: type \"record\" (partition, sequence, time, key,\n"
                           "payload, schema; what is not UTF-8 is in base64, and payload_encoding says so;\n"
                           "cloudevent: its attributes as CloudEvents 1.0 has them), or \"lost\", \"damaged\",\n"
                           "\"unfinished\" with the range [first, end).\n\n"
                           "--cloudevents writes what evf pub --format cloudevents reads, into any fabric: ids and\n"
                           "sources stay. A record whose attributes break the rules of CloudEvents is left out.\n\n"
                           "Exit code 1 when records were lost to an overrun or left out, 5 when damage was seen.",
                .examples = "  evf tail orders --from last-10\n"
                            "  evf tail orders --follow --group billing\n"
                            "  evf tail orders --type orders.placed --key customer-17\n"
                            "  evf tail orders --from -5m --json | jq -r .payload\n"
                            "  evf tail orders --cloudevents > orders.ndjson\n"
                            "  evf tail frames --partition 0 --hex --limit 1",
                .json = true},
               [&context, arguments] { return tail(context, *arguments); });
  add_options(*sub, *arguments);
}

}  // namespace fabric::evf
