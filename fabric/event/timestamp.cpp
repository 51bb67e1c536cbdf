#include "fabric/event/timestamp.hpp"

#include <chrono>
#include <cstdio>

namespace fabric {
namespace {

namespace chrono = std::chrono;

constexpr std::int64_t kDay = 86'400;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Reads the text from the front; the first thing that does not fit is remembered.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : rest_(text) {}

  unsigned number(std::size_t digits, const char* name) {
    unsigned value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest_.size() <= i || !is_digit(rest_[i]))
        return fail(std::string("its ") + name + " does not have " + std::to_string(digits) + " digits");
      value = value * 10 + static_cast<unsigned>(rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  void separator(char wanted, char also) {
    if (!take(wanted) && !take(also)) fail(std::string("a '") + wanted + "' is missing");
  }
  bool take(char wanted) noexcept {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::uint32_t fraction() {
    if (!take('.')) return 0;
    std::uint32_t value = 0;
    std::size_t digits = 0;
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), ++digits) {
      const auto digit = static_cast<std::uint32_t>(rest_.front() - '0');
      if (digits < 9)
        value = value * 10 + digit;
      else if (digit != 0)
        fail("it is finer than a nanosecond");
    }
    if (digits == 0) fail("no digits behind the '.'");
    for (; digits < 9; ++digits) value *= 10;
    return value;
  }
  unsigned fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return 0;
  }
  bool at_end() const noexcept { return rest_.empty(); }
  const std::string& why() const noexcept { return why_; }

 private:
  std::string_view rest_;
  std::string why_;
};

// Seconds east of UTC.
std::int64_t offset_of(Scanner& scanner) {
  if (scanner.take('Z') || scanner.take('z')) return 0;
  const bool west = scanner.take('-');
  if (!west && !scanner.take('+')) return scanner.fail("it has neither 'Z' nor an offset");
  const auto hours = scanner.number(2, "offset's hour");
  scanner.separator(':', ':');
  const auto minutes = scanner.number(2, "offset's minute");
  if (hours > 23 || minutes > 59) scanner.fail("its offset is out of range");
  const auto seconds = static_cast<std::int64_t>(hours) * 3600 + static_cast<std::int64_t>(minutes) * 60;
  return west ? -seconds : seconds;
}

bool ends_a_month(std::int64_t midnight) noexcept {
  const chrono::sys_days day{chrono::days{static_cast<int>(midnight / kDay)}};
  return midnight % kDay == 0 && chrono::year_month_day(day).day() == chrono::day{1};
}

}  // namespace

std::string to_string(const Timestamp& time) {
  const auto seconds = time.unix_seconds() - Timestamp::kFirst;  // not negative
  const chrono::sys_days day{chrono::days{static_cast<int>(seconds / kDay + Timestamp::kFirst / kDay)}};
  const chrono::year_month_day date{day};
  const auto of_day = static_cast<unsigned>(seconds % kDay);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02u:%02u:%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), of_day / 3600, of_day / 60 % 60,
                of_day % 60);
  std::string out = text;
  if (time.nanoseconds() != 0) {
    std::snprintf(text, sizeof text, ".%09u", time.nanoseconds());
    out += text;
    while (out.ends_with("000")) out.resize(out.size() - 3);
  }
  return out + 'Z';
}

std::string to_the_second(std::uint64_t unix_ns) {
  return to_string(Timestamp::of_unix_ns(unix_ns - unix_ns % 1'000'000'000));
}

ipc::Result<Timestamp> parse_timestamp(std::string_view text) {
  Scanner scanner(text);
  const auto year = scanner.number(4, "year");
  scanner.separator('-', '-');
  const auto month = scanner.number(2, "month");
  scanner.separator('-', '-');
  const auto day = scanner.number(2, "day");
  scanner.separator('T', 't');
  const auto hour = scanner.number(2, "hour");
  scanner.separator(':', ':');
  const auto minute = scanner.number(2, "minute");
  scanner.separator(':', ':');
  const auto second = scanner.number(2, "second");
  const auto nanoseconds = scanner.fraction();
  const auto offset = offset_of(scanner);
  if (!scanner.at_end()) scanner.fail("there is more behind it");
  const chrono::year_month_day date{chrono::year{static_cast<int>(year)}, chrono::month{month}, chrono::day{day}};
  if (!date.ok()) scanner.fail("there is no such day");
  if (hour > 23 || minute > 59 || second > 60) scanner.fail("there is no such time of day");
  const auto refuse = [&](const std::string& why) {
    return ipc::make_error(ipc::ErrorCode::invalid_argument, "no RFC 3339 time such as 2018-04-05T17:31:00Z: " + why);
  };
  if (!scanner.why().empty()) return refuse(scanner.why());
  const auto days = chrono::sys_days(date).time_since_epoch().count();
  const auto local =
      days * kDay + static_cast<std::int64_t>(hour) * 3600 + static_cast<std::int64_t>(minute) * 60 + second;
  const auto seconds = local - offset;
  if (second == 60 && !ends_a_month(seconds)) return refuse("there is no such leap second");
  const auto time = Timestamp::of(seconds, nanoseconds);
  if (!time) return refuse("in UTC it is outside of the years 0000 to 9999");
  return *time;
}

}  // namespace fabric
