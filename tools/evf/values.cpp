#include "tools/evf/values.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include "ipc/clock.hpp"

namespace fabric::evf {
namespace {

constexpr double kLargest = 18446744073709549568.0;  // the largest double below 2^64

// The number at the front of the text, and what follows it. No sign, no exponent.
std::optional<double> take_number(std::string_view& text) {
  const auto end = text.find_first_not_of("0123456789.");
  const auto digits = text.substr(0, end);
  if (digits.empty() || digits.front() == '.' || digits.back() == '.') return std::nullopt;
  double value = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || rest != digits.data() + digits.size()) return std::nullopt;
  text.remove_prefix(digits.size());
  return value;
}

std::optional<std::uint64_t> whole(std::string_view text) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Unit {
  std::string_view name;
  double factor;
};

std::optional<double> unit_factor(std::string_view name, std::span<const Unit> units) {
  for (const auto& unit : units)
    if (unit.name == name) return unit.factor;
  return std::nullopt;
}

// A fixed number of digits at the front of the text.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count || text.substr(0, count).find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  const auto value = whole(text.substr(0, count));
  text.remove_prefix(count);
  return static_cast<int>(*value);
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_fraction_ns(std::string_view& text) {
  if (!take(text, '.')) return 0;
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  if (end == 0 || end > 9) return std::nullopt;
  auto value = static_cast<std::int64_t>(*whole(text.substr(0, end)));
  for (auto i = end; i < 9; ++i) value *= 10;
  text.remove_prefix(end);
  return value;
}

std::optional<std::int64_t> take_offset_s(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return 0;
  const bool behind = take(text, '-');
  if (!behind && !take(text, '+')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const auto seconds = *hours * 3600 + *minutes * 60;
  return behind ? -seconds : seconds;
}

std::optional<std::uint64_t> parse_rfc3339(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || (!take(text, 'T') && !take(text, 't') && !take(text, ' '))) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  const auto fraction = second ? take_fraction_ns(text) : std::nullopt;
  const auto offset = fraction ? take_offset_s(text) : std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!offset || !text.empty() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto days = std::chrono::sys_days{date}.time_since_epoch().count();
  const auto seconds = std::int64_t{days} * 86400 + *hour * 3600 + *minute * 60 + *second - *offset;
  if (seconds < 0) return std::nullopt;
  return static_cast<std::uint64_t>(seconds) * 1'000'000'000 + static_cast<std::uint64_t>(*fraction);
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<Unit, 13> kUnits{{{"", 1},
                                                {"B", 1},
                                                {"K", 0x1p10},
                                                {"M", 0x1p20},
                                                {"G", 0x1p30},
                                                {"T", 0x1p40},
                                                {"k", 0x1p10},
                                                {"KiB", 0x1p10},
                                                {"MiB", 0x1p20},
                                                {"GiB", 0x1p30},
                                                {"TiB", 0x1p40},
                                                {"m", 0x1p20},
                                                {"g", 0x1p30}}};
  if (const auto plain = whole(text)) return plain;
  const auto number = take_number(text);
  const auto factor = number ? unit_factor(text, kUnits) : std::nullopt;
  if (!factor) return std::nullopt;
  const auto bytes = *number * *factor;
  if (bytes > kLargest || bytes != std::floor(bytes)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::optional<std::uint64_t> parse_duration_ns(std::string_view text) {
  static constexpr std::array<Unit, 8> kUnits{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
  const auto number = take_number(text);
  if (number && *number == 0 && text.empty()) return 0;
  const auto factor = number ? unit_factor(text, kUnits) : std::nullopt;
  if (!factor || *number * *factor > kLargest) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(std::min(*number * *factor, 0x1p62)));
}

std::optional<double> parse_rate(std::string_view text) {
  static constexpr std::array<Unit, 7> kUnits{
      {{"", 1}, {"/s", 1}, {"k/s", 1e3}, {"K/s", 1e3}, {"M/s", 1e6}, {"/m", 1.0 / 60}, {"/h", 1.0 / 3600}}};
  const auto number = take_number(text);
  const auto factor = number ? unit_factor(text, kUnits) : std::nullopt;
  if (!factor || *number * *factor < 1.0 / 86400) return std::nullopt;
  return *number * *factor;
}

std::optional<std::uint64_t> parse_time_ns(std::string_view text, std::uint64_t now_ns) {
  if (!text.empty() && text.front() == '-') {
    const auto before = parse_duration_ns(text.substr(1));
    if (!before) return std::nullopt;
    return now_ns - std::min(now_ns, *before);
  }
  return parse_rfc3339(text);
}

std::optional<ipc::StartAt> parse_start(std::string_view text) {
  using Kind = ipc::StartAt::Kind;
  if (text == "earliest") return ipc::StartAt{Kind::earliest, 0};
  if (text == "latest") return ipc::StartAt{Kind::latest, 0};
  if (text.starts_with("last-")) {
    const auto count = whole(text.substr(5));
    if (!count) return std::nullopt;
    return ipc::StartAt{Kind::last, *count};
  }
  if (const auto sequence = whole(text)) return ipc::StartAt{Kind::sequence, *sequence};
  if (const auto time = parse_time_ns(text, ipc::unix_ns())) return ipc::StartAt{Kind::time, *time};
  return std::nullopt;
}

std::string shown_name(const std::string& names) {
  const auto comma = names.rfind(',');
  return comma == std::string::npos ? names : names.substr(comma + 1);
}

void refuse_value(const std::string& names, const std::string& why) {
  throw CLI::ValidationError(shown_name(names), why);
}

CLI::Option* add_size(CLI::App& app, const std::string& names, std::uint64_t& value, const std::string& description) {
  auto* option = app.add_option_function<std::string>(
      names,
      [&value, names](const std::string& text) {
        const auto size = parse_size(text);
        if (!size) refuse_value(names, fmt::format("'{}' is no size; write 65536, 64K, 16M or 1G", text));
        value = *size;
      },
      description);
  return option->type_name("SIZE");
}

CLI::Option* add_count(CLI::App& app, const std::string& names, std::uint32_t& value, const std::string& description) {
  auto* option = app.add_option_function<std::string>(
      names,
      [&value, names](const std::string& text) {
        const auto count = parse_size(text);
        if (!count || *count > std::numeric_limits<std::uint32_t>::max())
          refuse_value(names, fmt::format("'{}' is no number in range; write 4, 64 or 4K", text));
        value = static_cast<std::uint32_t>(*count);
      },
      description);
  return option->type_name("N");
}

CLI::Option* add_duration(CLI::App& app, const std::string& names, std::optional<std::uint64_t>& value_ns,
                          const std::string& description) {
  auto* option = app.add_option_function<std::string>(
      names,
      [&value_ns, names](const std::string& text) {
        value_ns = parse_duration_ns(text);
        if (!value_ns) refuse_value(names, fmt::format("'{}' is no duration; write 250us, 1ms, 30s, 5m or 2h", text));
      },
      description);
  return option->type_name("DURATION");
}

}  // namespace fabric::evf
