#pragma once
// Who publishes what, known to everybody before anything runs: so that the audit needs to believe nobody.
//
// Record r is line r % lines of pass r / lines. A key belongs to one publisher, so the order of its records is defined.
// Immutable; thread-safe.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/evf/demo_input.hpp"

namespace fabric::evf::demo {

inline constexpr std::uint32_t kPublishers = 2, kPartitions = 4;
inline constexpr std::array<const char*, 2> kGroups{"inventory", "notify"};

// A deliberate fault, to show that the audit finds it.
enum class Sabotage : std::uint8_t {
  none,
  lose,  // a record is counted as published and is not
  swap,  // two records of one key change places
  tear,  // a record is published with one byte changed
};

struct Plan {
  Input input;
  std::string directory, topic;
  std::uint32_t passes = 1;
  double rate = 0;  // records a second, of both publishers; 0: as fast as they can
  Sabotage sabotage = Sabotage::none;

  std::uint32_t records() const noexcept { return static_cast<std::uint32_t>(input.lines().size()) * passes; }
  std::uint32_t pass_of(std::uint32_t record) const noexcept {
    return record / static_cast<std::uint32_t>(input.lines().size());
  }
  const Line& line_of(std::uint32_t record) const noexcept { return input.lines()[record % input.lines().size()]; }
  // Its place among all records of its key, from 0.
  std::uint32_t ordinal_of(std::uint32_t record) const noexcept {
    const auto& line = line_of(record);
    return pass_of(record) * input.lines_per_key()[line.key_index] + line.ordinal;
  }
  std::uint32_t publisher_of(std::uint32_t record) const noexcept;
  // The payload: "#<record> pass <pass>: <line>".
  void write_payload(std::uint32_t record, std::string& payload) const;
  // What a record must look like, key and payload.
  std::uint64_t content_hash(std::uint32_t record) const;
  // `first` is lost or torn by sabotage, or changes places with `second`, the next record of its key. Where no key
  // comes twice they are the same.
  struct Victims {
    std::uint32_t first, second;
  };
  Victims victims() const;
};

std::uint64_t content_hash(std::string_view key, std::string_view payload) noexcept;
// The record's number in a payload; nullopt: not one of ours.
std::optional<std::uint32_t> record_number(std::string_view payload) noexcept;

}  // namespace fabric::evf::demo
