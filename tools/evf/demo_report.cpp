#include "tools/evf/demo_report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "fabric/fabric.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf::demo {
namespace {

std::uint64_t since(std::uint64_t now, std::uint64_t then) { return now > then ? now - then : 0; }

std::string topic_directory(const Plan& plan) { return plan.directory + "/topics/" + plan.topic; }

// From SIGKILL to the other member, which takes what the victim had.
struct TakeOver {
  std::uint64_t held_ns = 0;          // until it held all partitions
  std::uint64_t first_record_ns = 0;  // until its first record of those; 0: nothing was left
};
TakeOver take_over_of(const RunFacts& facts, const Ledger& ledger) {
  TakeOver result{.held_ns = since(ledger.notes(kSurvivor).partitions_held_at_ns.load(), facts.killed_ns)};
  std::array<std::uint64_t, kPartitions> victims{}, others{};  // the last delivery of each partition before the kill
  for (const auto& entry : ledger.delivered(kVictim)) victims[entry.partition % kPartitions] = entry.delivered_at_ns;
  for (const auto& entry : ledger.delivered(kSurvivor)) {
    const auto partition = entry.partition % kPartitions;
    if (entry.delivered_at_ns < facts.killed_ns) {
      others[partition] = entry.delivered_at_ns;
    } else if (victims[partition] > others[partition]) {
      result.first_record_ns = since(entry.delivered_at_ns, facts.killed_ns);
      break;
    }
  }
  return result;
}

Cell finding(std::uint64_t count) { return {format_count(count), count == 0 ? Tone::plain : Tone::bad}; }

void print_fact(std::string_view title, const std::string& text) {
  print_line(fmt::format("  {}{}", toned(fmt::format("{:<11}", title), Tone::dim, STDOUT_FILENO), text));
}

void print_run(const Plan& plan, const RunFacts& facts, const Ledger& ledger, const Audit& audit) {
  const auto ns = std::max<std::uint64_t>(1, facts.ended_ns - facts.started_ns);
  const auto rate = static_cast<double>(audit.published) * 1e9 / static_cast<double>(ns);
  print_fact("input", fmt::format("{}{}: {}, {}, {}", printable(plan.input.source()),
                                  plan.input.cut() ? " (its beginning)" : "", plural(plan.input.lines().size(), "line"),
                                  plural(plan.input.lines_per_key().size(), "key") + " (" + plan.input.key_name() + ")",
                                  plan.passes == 1 ? "1 pass" : format_count(plan.passes) + " passes"));
  print_fact("topic", fmt::format("{}: {} partitions of {} slots of {}, {} in all", plan.topic, kPartitions,
                                  format_count(facts.slot_count), format_bytes(facts.slot_bytes),
                                  format_bytes(facts.file_bytes)));
  print_fact("processes", fmt::format("publishers {} and {}; {} {} and {}; {} {}", facts.pids[kPublisher0],
                                      facts.pids[kPublisher1], kGroups[0], facts.pids[kVictim], facts.pids[kSurvivor],
                                      kGroups[1], facts.pids[kOther]));
  print_fact("published", fmt::format("{} in {}, {} a second", plural(audit.published, "record"), format_duration(ns),
                                      format_count(static_cast<std::uint64_t>(rate))));
  const auto waits = ledger.notes(0).waits.load() + ledger.notes(1).waits.load();
  const auto waited_ns = ledger.notes(0).waited_ns.load() + ledger.notes(1).waited_ns.load();
  const std::string_view blamed = ledger.notes(ledger.notes(0).blamed[0] != '\0' ? 0 : 1).blamed.data();
  if (waits != 0)
    print_fact("waited",
               fmt::format("{} of back-pressure, {} in all, {}", format_count(waits), format_duration(waited_ns),
                           blamed.empty() ? "for nobody by name" : fmt::format("for group {}", blamed)));
}

void print_take_over(const RunFacts& facts, const Ledger& ledger, const Audit& audit) {
  const auto took = take_over_of(facts, ledger);
  print_fact("take-over",
             fmt::format("{} killed with SIGKILL after {}; {} held all partitions {} later", facts.pids[kVictim],
                         plural(ledger.delivered(kVictim).size(), "record"), facts.pids[kSurvivor],
                         toned(format_duration(took.held_ns), Tone::bold, STDOUT_FILENO)));
  print_fact("", took.first_record_ns == 0 ? "and had nothing left to deliver"
                                           : fmt::format("and delivered its first record after {}; {} came again",
                                                         format_duration(took.first_record_ns),
                                                         plural(audit.groups[0].redelivered, "unacked record")));
}

void print_groups(const Audit& audit) {
  Table deliveries({"group", ">delivered", ">unique", ">again", ">lost", ">out of order", ">torn", ">other"});
  Table latencies({"publish to delivery, ns", ">p50", ">p90", ">p99", ">p99.9", ">max"});
  for (const auto& group : audit.groups) {
    const auto other = group.foreign + group.misplaced + group.damaged + group.overrun + group.fenced;
    deliveries.add({group.name, format_count(group.delivered), format_count(group.unique),
                    format_count(group.redelivered), finding(group.lost), finding(group.out_of_order),
                    finding(group.torn), finding(other)});
    const auto& ns = group.latency_ns;
    latencies.add({group.name, format_count(ns.p50), format_count(ns.p90), format_count(ns.p99), format_count(ns.p999),
                   format_count(ns.max)});
  }
  deliveries.print("  ");
  print_line("");
  latencies.print("  ");
}

void print_verdict(const Audit& audit) {
  if (audit.holds()) {
    print_line(fmt::format("  {}  {} published = delivered, to each group; nothing lost, nothing torn,",
                           toned("audit holds", Tone::good, STDOUT_FILENO), format_count(audit.published)));
    print_line("               and the records of every key in their order");
    return;
  }
  print_line(
      fmt::format("  {}  {}", toned("AUDIT FAILED", Tone::bad, STDOUT_FILENO), plural(audit.findings(), "finding")));
  for (const auto& text : audit.examples) print_line("    " + text);
}

void print_next(const Plan& plan) {
  const auto dir = plan.directory == default_directory() ? "" : fmt::format(" --dir {}", plan.directory);
  print_line(fmt::format("  The ring lies in {}. Go on with:", topic_directory(plan)));
  print_line(fmt::format("    evf tail {}{} --from last-5", plan.topic, dir));
  print_line(fmt::format("    evf topic describe {}{}", plan.topic, dir));
  print_line(fmt::format("    evf lag {}{}", plan.topic, dir));
  print_line(fmt::format("    evf topic delete {}{}", plan.topic, dir));
}

Json json_of(const GroupAudit& group) {
  return {{"group", group.name},
          {"delivered", group.delivered},
          {"unique", group.unique},
          {"redelivered", group.redelivered},
          {"lost", group.lost},
          {"out_of_order", group.out_of_order},
          {"torn", group.torn},
          {"foreign", group.foreign},
          {"misplaced", group.misplaced},
          {"damaged", group.damaged},
          {"overrun", group.overrun},
          {"fenced", group.fenced},
          {"latency_ns",
           {{"p50", group.latency_ns.p50},
            {"p90", group.latency_ns.p90},
            {"p99", group.latency_ns.p99},
            {"p999", group.latency_ns.p999},
            {"max", group.latency_ns.max}}}};
}

Json json_of_processes(const RunFacts& facts, const Ledger& ledger) {
  Json processes = Json::array();
  for (std::uint32_t role = 0; role < kRoles; ++role) {
    const auto& notes = ledger.notes(role);
    Json process{{"role", kRoleNames[role]}, {"pid", facts.pids[role]}, {"records", notes.count.load()}};
    if (is_publisher(role))
      process["back_pressure"] = {{"waits", notes.waits.load()}, {"waited_ns", notes.waited_ns.load()}};
    if (role == kVictim) process["killed"] = "SIGKILL";
    processes.push_back(std::move(process));
  }
  return processes;
}

}  // namespace

void print_report(const Plan& plan, const RunFacts& facts, const Ledger& ledger, const Audit& audit) {
  print_line(toned("Event Fabric demo", Tone::bold, STDOUT_FILENO));
  print_line("");
  print_run(plan, facts, ledger, audit);
  print_take_over(facts, ledger, audit);
  print_line("");
  print_groups(audit);
  print_line("");
  print_verdict(audit);
  print_line("");
  print_next(plan);
}

void print_report_json(const Plan& plan, const RunFacts& facts, const Ledger& ledger, const Audit& audit) {
  const auto took = take_over_of(facts, ledger);
  Json groups = Json::array();
  for (const auto& group : audit.groups) groups.push_back(json_of(group));
  const auto ns = facts.ended_ns - facts.started_ns;
  print_json(Json{{"schema", "evf.demo/1"},
                  {"ok", audit.holds()},
                  {"input",
                   {{"source", plan.input.source()},
                    {"cut", plan.input.cut()},
                    {"key", plan.input.key_name()},
                    {"lines", plan.input.lines().size()},
                    {"keys", plan.input.lines_per_key().size()},
                    {"passes", plan.passes}}},
                  {"topic", plan.topic},
                  {"directory", plan.directory},
                  {"partitions", kPartitions},
                  {"records", audit.records},
                  {"published", audit.published},
                  {"unpublished", audit.unpublished},
                  {"duration_ns", ns},
                  {"groups", groups},
                  {"take_over", {{"held_ns", took.held_ns}, {"first_record_ns", took.first_record_ns}}},
                  {"processes", json_of_processes(facts, ledger)},
                  {"findings", audit.findings()},
                  {"examples", audit.examples}});
}

}  // namespace fabric::evf::demo
