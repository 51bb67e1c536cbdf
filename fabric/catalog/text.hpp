#pragma once
// Values as people write and read them in a catalog: durations, counts, sizes, dates, names.
// fabric/text.hpp has bytes of unknown origin. Pure functions, thread-safe. nullopt always means: not one.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/text.hpp"

namespace fabric::catalog {

// "250us", "50ms", "1.5s", "2m", "1h", "7d"; a number without a unit is refused. Nanoseconds, at least 1, at most 100
// years.
std::optional<std::uint64_t> parse_duration_ns(std::string_view text);
// The largest unit that says it exactly: "50ms", "90s", "7d".
std::string format_duration(std::uint64_t ns);
// "1000", "10k", "2M", "1G": powers of 1000.
std::optional<std::uint64_t> parse_count(std::string_view text);
std::string format_count(std::uint64_t count);  // "1000", "10k", "2M"
// "4096", "64KiB", "256MiB", "1GiB": powers of 1024.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
std::string format_bytes(std::uint64_t bytes);
// "20%" or "0.2": a share from 0 to 1, in thousandths.
std::optional<std::uint32_t> parse_share(std::string_view text);
std::string format_share(std::uint32_t thousandths);  // "20%", "12.5%"

// A day in UTC, counted from 1970-01-01.
struct Date {
  std::int32_t days = 0;
  friend auto operator<=>(const Date&, const Date&) = default;
};
std::optional<Date> parse_date(std::string_view text);  // "2026-10-02", a day that exists, years 1970 to 9999
std::string to_string(Date date);
Date today();

// Contexts, services, events and commands: a letter, then letters, digits, '.', '_', '-'; 1 to 120 bytes.
bool is_name(std::string_view text) noexcept;
inline constexpr std::string_view kNameRule =
    "a name begins with a letter and has letters, digits, '.', '_' and '-', 120 at most";
// "order_id", "address.city", "lines[].sku".
bool is_field_path(std::string_view text) noexcept;
inline constexpr std::string_view kFieldRule = "write a field as name, outer.inner or list[].inner";

// The words of a name: "OrderPlaced", "order_placed" and "order.placed" are both {"order", "placed"}.
std::vector<std::string> words_of(std::string_view name);
// Whether it reads like something that happened (the last word is a past participle) or like a request (the first word
// is a verb). English only, and a guess: for warnings.
bool reads_like_event(std::string_view name);
bool reads_like_command(std::string_view name);

// "1 event", "2 events".
std::string plural(std::uint64_t count, std::string_view noun);
std::string joined(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace fabric::catalog
