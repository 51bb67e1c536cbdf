#pragma once
// A point in time as CloudEvents and RFC 3339 know it: the years 0000 to 9999, in nanoseconds, in UTC. Values,
// thread-safe.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/result.hpp"

namespace fabric {

// Always within the range above: what is out of it cannot be made.
class Timestamp {
 public:
  static constexpr std::int64_t kFirst = -62'167'219'200;  // 0000-01-01T00:00:00Z in Unix seconds
  static constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31T23:59:59Z

  constexpr Timestamp() noexcept = default;  // the Unix epoch
  // nullopt: out of range, or a second has no such nanosecond.
  static constexpr std::optional<Timestamp> of(std::int64_t unix_seconds, std::uint32_t nanoseconds) noexcept {
    if (unix_seconds < kFirst || unix_seconds > kLast || nanoseconds >= kSecond) return std::nullopt;
    return Timestamp(unix_seconds, nanoseconds);
  }
  // Every value is in range.
  static constexpr Timestamp of_unix_ns(std::uint64_t ns) noexcept {
    return Timestamp(static_cast<std::int64_t>(ns / kSecond), static_cast<std::uint32_t>(ns % kSecond));
  }

  constexpr std::int64_t unix_seconds() const noexcept { return seconds_; }
  constexpr std::uint32_t nanoseconds() const noexcept { return nanoseconds_; }
  constexpr auto operator<=>(const Timestamp&) const noexcept = default;

 private:
  static constexpr std::uint32_t kSecond = 1'000'000'000;
  constexpr Timestamp(std::int64_t seconds, std::uint32_t nanoseconds) noexcept
      : seconds_(seconds), nanoseconds_(nanoseconds) {}
  std::int64_t seconds_ = 0;
  std::uint32_t nanoseconds_ = 0;
};

// "2018-04-05T17:31:00Z": UTC, with a fraction of 3, 6 or 9 digits where there is one.
std::string to_string(const Timestamp& time);
// The same, what is less than a second left out.
std::string to_the_second(std::uint64_t unix_ns);
// RFC 3339, section 5.6, with any offset. A leap second (23:59:60 in UTC, at the end of a month) is the first moment of
// the next minute, as Unix time has it. Errors: invalid_argument, which names the part that is wrong; also for digits
// beyond nanoseconds that are not zero.
ipc::Result<Timestamp> parse_timestamp(std::string_view text);

}  // namespace fabric
