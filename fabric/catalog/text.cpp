#include "fabric/catalog/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

namespace fabric::catalog {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr Unit kDurations[] = {{"d", 86'400'000'000'000},
                               {"h", 3'600'000'000'000},
                               {"m", 60'000'000'000},
                               {"s", 1'000'000'000},
                               {"ms", 1'000'000},
                               {"us", 1'000},
                               {"ns", 1}};
constexpr Unit kCounts[] = {{"G", 1'000'000'000}, {"M", 1'000'000}, {"k", 1'000}, {"", 1}};
constexpr Unit kBytes[] = {{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"", 1}};
constexpr std::uint64_t kMaxDurationNs = 36'525ULL * 86'400'000'000'000;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Digits with at most one point, times the unit behind them; exact to 1 unit.
template <std::size_t N>
std::optional<std::uint64_t> parse_units(std::string_view text, const Unit (&units)[N], std::uint64_t limit) {
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return !is_digit(c) && c != '.'; });
  const auto number = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  const auto name = text.substr(number.size());
  const auto unit = std::find_if(std::begin(units), std::end(units), [&](const Unit& u) { return u.name == name; });
  if (unit == std::end(units) || number.empty() || !is_digit(number.front()) || !is_digit(number.back()))
    return std::nullopt;
  const auto point = number.find('.');
  std::uint64_t whole = 0;
  const auto digits = number.substr(0, point);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), whole).ec != std::errc()) return std::nullopt;
  if (whole > limit / unit->factor) return std::nullopt;
  auto value = whole * unit->factor;
  if (point != std::string_view::npos) {
    auto place = unit->factor;
    for (const char digit : number.substr(point + 1)) {
      if (digit == '.' || (place % 10 != 0 && digit != '0')) return std::nullopt;
      place /= 10;
      value += static_cast<std::uint64_t>(digit - '0') * place;
    }
  }
  return value > limit ? std::nullopt : std::optional(value);
}

template <std::size_t N>
std::string format_units(std::uint64_t value, const Unit (&units)[N]) {
  for (const auto& unit : units)
    if (value != 0 && value % unit.factor == 0) return std::to_string(value / unit.factor) + std::string(unit.name);
  return std::to_string(value);
}

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr auto kParticiples = std::to_array<std::string_view>(
    {"sent",   "paid",   "built",  "sold",       "made",      "taken",     "begun",      "lost",
     "won",    "found",  "left",   "held",       "kept",      "bought",    "bound",      "broken",
     "chosen", "drawn",  "driven", "fallen",     "forgotten", "frozen",    "given",      "gone",
     "grown",  "hidden", "known",  "led",        "met",       "put",       "read",       "risen",
     "run",    "seen",   "set",    "shown",      "shut",      "split",     "spent",      "stolen",
     "stuck",  "torn",   "thrown", "understood", "written",   "withdrawn", "overridden", "rewritten",
     "caught", "taught", "done",   "rebuilt",    "reset",     "undone",    "resent"});
constexpr auto kVerbs = std::to_array<std::string_view>(
    {"accept",    "activate", "add",      "allocate",  "apply",       "approve",    "archive",  "assign",   "authorise",
     "authorize", "book",     "build",    "calculate", "cancel",      "capture",    "change",   "charge",   "check",
     "clear",     "close",    "complete", "confirm",   "create",      "deactivate", "debit",    "delete",   "deliver",
     "disable",   "dispatch", "enable",   "execute",   "expire",      "export",     "fetch",    "generate", "import",
     "increase",  "issue",    "lock",     "make",      "move",        "notify",     "open",     "pay",      "place",
     "prepare",   "print",    "process",  "publish",   "recalculate", "refund",     "register", "reject",   "release",
     "remove",    "rename",   "request",  "reserve",   "resend",      "reset",      "restart",  "run",      "schedule",
     "send",      "set",      "ship",     "start",     "stop",        "submit",     "suspend",  "transfer", "unlock",
     "update",    "validate", "verify",   "withdraw"});

}  // namespace

std::optional<std::uint64_t> parse_duration_ns(std::string_view text) {
  const auto value = parse_units(text, kDurations, kMaxDurationNs);
  return value == 0 ? std::nullopt : value;
}

std::string format_duration(std::uint64_t ns) { return format_units(ns, kDurations); }

std::optional<std::uint64_t> parse_count(std::string_view text) {
  return parse_units(text, kCounts, std::uint64_t{1} << 53);  // what JSON's readers keep exactly
}

std::string format_count(std::uint64_t count) { return format_units(count, kCounts); }

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  return parse_units(text, kBytes, std::uint64_t{1} << 53);
}

std::string format_bytes(std::uint64_t bytes) {
  const auto text = format_units(bytes, kBytes);
  return is_digit(text.back()) ? text + "B" : text;
}

std::optional<std::uint32_t> parse_share(std::string_view text) {
  static constexpr Unit kShares[] = {{"%", 10}, {"", 1000}};
  const auto value = parse_units(text, kShares, 1000);
  return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
}

std::string format_share(std::uint32_t thousandths) {
  return std::to_string(thousandths / 10) + (thousandths % 10 == 0 ? "" : "." + std::to_string(thousandths % 10)) + "%";
}

std::optional<Date> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t length) {
    int value = 0;
    for (const char digit : text.substr(at, length))
      value = is_digit(digit) && value >= 0 ? value * 10 + (digit - '0') : -1;
    return value;
  };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (year < 1970 || month < 1 || day < 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return Date{static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count())};
}

std::string to_string(Date date) {
  const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::days(date.days))};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                static_cast<unsigned>(day.day()));
  return text;
}

Date today() {
  return {static_cast<std::int32_t>(
      std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()).time_since_epoch().count())};
}

bool is_name(std::string_view text) noexcept {
  const auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= 120 && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), allowed);
}

bool is_field_path(std::string_view text) noexcept {
  if (text.empty() || text.size() > 400) return false;
  while (true) {
    const auto point = text.find('.');
    auto step = text.substr(0, point);
    while (step.ends_with("[]")) step.remove_suffix(2);
    const auto allowed = [](char c) {
      return static_cast<unsigned char>(c) > ' ' && c != '[' && c != ']' && c != '\x7f';
    };
    if (step.empty() || !std::all_of(step.begin(), step.end(), allowed)) return false;
    if (point == std::string_view::npos) return true;
    text.remove_prefix(point + 1);
  }
}

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  bool fresh = true;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!is_letter(c) && !is_digit(c)) {
      fresh = true;
      continue;
    }
    const bool upper = c >= 'A' && c <= 'Z';
    const bool after_lower = i > 0 && !(name[i - 1] >= 'A' && name[i - 1] <= 'Z');
    const bool before_lower = i + 1 < name.size() && name[i + 1] >= 'a' && name[i + 1] <= 'z';
    if (fresh || (upper && (after_lower || before_lower))) words.emplace_back();
    words.back() += lower(c);
    fresh = false;
  }
  return words;
}

bool reads_like_command(std::string_view name) {
  const auto words = words_of(name);
  return words.size() > 1 && contains(kVerbs, words.front()) && !contains(kParticiples, words.back()) &&
         !(words.back().size() > 4 && words.back().ends_with("ed"));
}

bool reads_like_event(std::string_view name) {
  const auto words = words_of(name);
  return words.size() > 1 && !contains(kVerbs, words.front()) &&
         (contains(kParticiples, words.back()) || (words.back().size() > 4 && words.back().ends_with("ed")));
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : std::string(separator)) + word;
  return out;
}

}  // namespace fabric::catalog
