// evf demo: this machine's package history, or any lines, through real processes; ends with an audit.

#include <fmt/format.h>

#include "tools/evf/demo_audit.hpp"
#include "tools/evf/demo_input.hpp"
#include "tools/evf/demo_ledger.hpp"
#include "tools/evf/demo_report.hpp"
#include "tools/evf/demo_run.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {
namespace {

constexpr std::uint32_t kWantedRecords = 200'000, kMostRecords = 20'000'000;
constexpr double kLeastRate = 50'000, kWantedSeconds = 4;

struct Arguments {
  demo::InputOptions input{.path = "", .key_field = 0, .max_lines = 1'000'000, .root = ""};
  std::string topic = "demo";
  std::uint32_t passes = 0;    // 0: as many as kWantedRecords need
  std::optional<double> rate;  // 0: as fast as it goes
  demo::Sabotage sabotage = demo::Sabotage::none;
};

void parse_pace(Arguments& arguments, const std::string& text) {
  if (text == "max") {
    arguments.rate = 0;
    return;
  }
  arguments.rate = parse_rate(text);
  if (!arguments.rate) refuse_value("--rate", "'" + text + "' is no rate; write 50000, 50k/s or max");
}

// A number from 1 on.
void add_number(CLI::App& app, const std::string& names, std::uint32_t& value, std::uint32_t most,
                const std::string& description) {
  const auto parse = [&value, names, most](const std::string& text) {
    const auto number = parse_size(text);
    if (!number || *number == 0 || *number > most)
      refuse_value(names, fmt::format("'{}' is no number from 1 to {}", text, most));
    value = static_cast<std::uint32_t>(*number);
  };
  app.add_option_function<std::string>(names, parse, description)->type_name("N");
}

// What is missing in the plan follows from the size of the input. 0, or the exit code of what does not fit.
int complete(demo::Plan& plan, const Arguments& arguments) {
  const auto lines = plan.input.lines().size();
  plan.passes =
      arguments.passes != 0 ? arguments.passes : static_cast<std::uint32_t>((kWantedRecords + lines - 1) / lines);
  if (std::uint64_t{plan.passes} * lines > kMostRecords)
    return fail(kUsage,
                fmt::format("{} passes of {} lines are more than {} records", plan.passes, format_count(lines),
                            format_count(kMostRecords)),
                "use a smaller --repeat or --limit");
  plan.rate = arguments.rate.value_or(std::max(kLeastRate, plan.records() / kWantedSeconds));
  const auto victims = plan.victims();
  if (plan.sabotage == demo::Sabotage::swap && victims.first == victims.second)
    return fail(kUsage, "no key comes twice, so no two of its records can be swapped", "use --repeat 2 or more");
  return kOk;
}

int run(const Context& context, const Arguments& arguments) {
  auto input = demo::Input::read(arguments.input);
  if (!input) return fail(input.error());
  demo::Plan plan{.input = std::move(*input), .directory = directory_of(context), .topic = arguments.topic};
  plan.sabotage = arguments.sabotage;
  if (const int code = complete(plan, arguments); code != kOk) return code;
  const auto fabric = open_fabric(context, true);
  if (!fabric) return fail(fabric.error());
  plan.directory = fabric->directory();
  const auto ledger = demo::Ledger::create(plan);
  if (!ledger) return fail(ledger.error());
  const auto facts = demo::run_plan(plan, *ledger);
  if (!facts) return fail(facts.error());
  const auto audit = demo::audit(plan, *ledger);
  context.json ? demo::print_report_json(plan, *facts, *ledger, audit)
               : demo::print_report(plan, *facts, *ledger, audit);
  if (audit.holds()) return kOk;
  return fail(kFailed, fmt::format("the audit failed: {}", plural(audit.findings(), "finding")),
              plan.sabotage == demo::Sabotage::none ? "please report this with the output of --json"
                                                    : "as --sabotage intended");
}

}  // namespace

void add_demo(CLI::App& app, Context& context) {
  const auto arguments = std::make_shared<Arguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "demo",
                .description = "Run real input through real processes, kill one, and audit the result.",
                .details = "Without FILE the package history of this machine (/var/log/dpkg.log, else\n"
                           "/var/lib/dpkg/status), keyed by package. Two processes publish to a topic of four\n"
                           "partitions, two groups consume it; half way a consumer is killed with SIGKILL and a\n"
                           "other member takes its part. At the end an audit compares what was published with what each\n"
                           "group was given; if it does not hold, the exit code is 1. The topic stays for you\n"
                           "to explore; the next demo replaces it.\n"
                           "--sabotage lose|swap|tear makes one record go wrong, to prove that the audit fails.",
                .examples = "  evf demo\n"
                            "  evf demo /var/log/syslog --key-field 5\n"
                            "  journalctl -o cat -n 10000 | evf demo - --json",
                .json = true},
               [&context, arguments] { return run(context, *arguments); });
  sub->add_option("FILE", arguments->input.path, "Lines to publish; - for standard input (the package history)");
  add_number(*sub, "--key-field", arguments->input.key_field, 1000, "The word of a line that is its key, from 1 (1)");
  add_number(*sub, "--repeat", arguments->passes, kMostRecords,
             "How often the input is published (until 200,000 records)");
  add_number(*sub, "--limit", arguments->input.max_lines, kMostRecords, "Lines that are read at most (1000000)");
  sub->add_option_function<std::string>(
         "--rate", [arguments](const std::string& text) { parse_pace(*arguments, text); },
         "Records a second, or max (what takes about 4 s)")
      ->type_name("RATE");
  sub->add_option("--topic", arguments->topic, "Its name (demo)")->type_name("NAME");
  add_choice<demo::Sabotage>(
      *sub, "--sabotage", arguments->sabotage,
      {{"lose", demo::Sabotage::lose}, {"swap", demo::Sabotage::swap}, {"tear", demo::Sabotage::tear}},
      "Make one record go wrong, to see the audit fail")
      ->group("");
  sub->add_option("--root", arguments->input.root)->group("");
}

}  // namespace fabric::evf
