// evf doctor: whether host and fabric are fit, and what to do if not.

#include "tools/evf/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

constexpr std::size_t kWidth = 80, kColumn = 21;

Tone tone_of(Health health) noexcept {
  switch (health) {
    case Health::ok:
    case Health::fixed:
      return Tone::good;
    case Health::warn:
      return Tone::warn;
    case Health::fail:
      return Tone::bad;
  }
  return Tone::plain;
}

void print_findings(const std::vector<Finding>& findings) {
  const int descriptor = data().descriptor();
  for (const auto& finding : findings) {
    const auto health = toned(fmt::format("{:<5}", to_string(finding.health)), tone_of(finding.health), descriptor);
    print_line(
        fmt::format("{} {:<14} {}", health, finding.check, wrap(printable(finding.detail), kColumn, kColumn, kWidth)));
    if (!finding.advice.empty())
      print_line(std::string(kColumn, ' ') +
                 toned(wrap("> " + finding.advice, kColumn, kColumn + 2, kWidth), Tone::dim, descriptor));
  }
}

void print_findings_json(const std::vector<Finding>& findings, bool healthy) {
  Json rows = Json::array();
  for (const auto& finding : findings)
    rows.push_back({{"check", finding.check},
                    {"health", to_string(finding.health)},
                    {"detail", finding.detail},
                    {"advice", finding.advice.empty() ? Json() : Json(finding.advice)}});
  print_json(Json{{"schema", "evf.doctor/1"}, {"healthy", healthy}, {"checks", std::move(rows)}});
}

int examine(const Context& context, DoctorOptions options) {
  options.directory = directory_of(context);
  auto findings = check_host(options.directory);
  for (auto& finding : check_fabric(options)) findings.push_back(std::move(finding));
  const auto count = [&](Health health) {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& finding) { return finding.health == health; });
  };
  const auto fails = count(Health::fail), warnings = count(Health::warn);
  if (context.json) {
    print_findings_json(findings, fails == 0);
  } else {
    print_findings(findings);
    const auto verdict =
        fails != 0      ? fmt::format("unhealthy: {} to attend to", plural(static_cast<std::uint64_t>(fails), "check"))
        : warnings != 0 ? fmt::format("healthy, with {}", plural(static_cast<std::uint64_t>(warnings), "warning"))
                        : std::string("healthy");
    print_line("");
    print_line(toned(verdict, fails != 0 ? Tone::bad : warnings != 0 ? Tone::warn : Tone::good, data().descriptor()));
  }
  return fails == 0 ? kOk : kUnhealthy;
}

}  // namespace

const char* to_string(Health health) noexcept {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::fixed:
      return "fixed";
    case Health::warn:
      return "warn";
    case Health::fail:
      return "fail";
  }
  return "?";
}

void add_doctor(CLI::App& app, Context& context) {
  const auto options = std::make_shared<DoctorOptions>();
  auto* sub =
      add_verb(app, context,
               {.name = "doctor",
                .description = "Check host and fabric, and say what to do.",
                .details = "Looks only, unless --fix is given. Then it gives back what dead processes left\n"
                           "(publisher lines, cursors, temporary files; their death is proven by the kernel) and\n"
                           "recovers rings of an earlier boot. Nothing that may still be in use is touched.\n\n"
                           "Exit code 4 when a check fails; warnings alone leave it at 0.",
                .examples = "  evf doctor\n  evf doctor --deep --json\n  evf doctor --fix --dir /var/lib/ledger",
                .json = true},
               [&context, options] { return examine(context, *options); });
  sub->add_flag("--deep", options->deep, "Verify every record's checksum, too");
  sub->add_flag("--fix", options->fix, "Repair what is safe to repair");
}

}  // namespace fabric::evf
