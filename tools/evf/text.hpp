#pragma once
// Values as people read them; fabric/text.hpp has bytes of unknown origin. Pure functions, thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fabric/text.hpp"

namespace fabric::evf {

std::string format_count(std::uint64_t value);                   // "1,234,567"
std::string format_bytes(std::uint64_t bytes);                   // "64 KiB"
std::string format_duration(std::uint64_t ns);                   // "1.5 ms", "3m 07s"
std::string format_time(std::uint64_t unix_ns);                  // "2026-10-02T12:00:00.123456789Z"
std::string plural(std::uint64_t count, std::string_view noun);  // "1 record", "2 records"

// Words of a text that begins in column `from`, wrapped before `width` and continued in column `indent`.
std::string wrap(std::string_view text, std::size_t from, std::size_t indent, std::size_t width);

}  // namespace fabric::evf
