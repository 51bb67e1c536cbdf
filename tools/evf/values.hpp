#pragma once
// Values as people write them: sizes, durations, rates, times, places in a ring; and options that take them. A value
// that cannot be parsed ends the command with exit code 2 and says what is allowed. Thread-safe.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ipc/inspect.hpp"

namespace fabric::evf {

// "65536", "64K", "16M", "1G", "2T" (powers of 1024; also KiB, MiB, GiB). nullopt: not a size.
std::optional<std::uint64_t> parse_size(std::string_view text);
// "250us", "1ms", "1.5s", "2m", "1h", "3d", "0"; a bare number other than 0 has no unit and is refused. Nanoseconds.
std::optional<std::uint64_t> parse_duration_ns(std::string_view text);
// "100000/s", "100k/s", "600/m", "100000"; records a second, at least one in a day.
std::optional<double> parse_rate(std::string_view text);
// RFC 3339 ("2026-10-02T12:00:00Z", "...+02:00", with or without fraction) or before now ("-5m"). Unix nanoseconds.
std::optional<std::uint64_t> parse_time_ns(std::string_view text, std::uint64_t now_ns);
// "earliest", "latest", "last-100", a sequence, or a time as above.
std::optional<ipc::StartAt> parse_start(std::string_view text);

CLI::Option* add_size(CLI::App& app, const std::string& names, std::uint64_t& value, const std::string& description);
CLI::Option* add_count(CLI::App& app, const std::string& names, std::uint32_t& value, const std::string& description);
CLI::Option* add_duration(CLI::App& app, const std::string& names, std::optional<std::uint64_t>& value_ns,
                          const std::string& description);

// The name that an error shows: "--limit" of "-n,--limit".
std::string shown_name(const std::string& names);
[[noreturn]] void refuse_value(const std::string& names, const std::string& why);

// An option whose value is one of a few words.
template <class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& names, Value& value,
                        const std::vector<std::pair<std::string, Value>>& choices, const std::string& description) {
  std::string words;
  for (const auto& [word, chosen] : choices) words += (words.empty() ? "" : "|") + word;
  const auto choose = [&value, names, choices, words](const std::string& text) {
    for (const auto& [word, chosen] : choices) {
      if (word != text) continue;
      value = chosen;
      return;
    }
    refuse_value(names, "'" + text + "' is not one of " + words);
  };
  return app.add_option_function<std::string>(names, choose, description)->type_name(words);
}

}  // namespace fabric::evf
