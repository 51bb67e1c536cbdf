#pragma once
// The seven compatibility modes, as in Confluent's registry: who has to be able to read whom when a schema is added to a subject.
//
//   mode                    the new schema reads old data    old schemas read new data     old ones
//   none                    -                                -                             -
//   backward                yes                              -                             the latest
//   forward                 -                                yes                           the latest
//   full                    yes                              yes                           the latest
//   *_transitive            as above                         as above                      all that are not deleted
//
// Backward: consumers are upgraded first. Forward: producers first. Full: in any order. Thread-safe; nothing here keeps state.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "fabric/contract/schema.hpp"

namespace fabric::contract {

// Stored in the registry: values never change.
enum class Mode : std::uint8_t {
  none = 0,
  backward = 1,
  forward = 2,
  full = 3,
  backward_transitive = 5,
  forward_transitive = 6,
  full_transitive = 7,
};
inline constexpr Mode kModes[] = {Mode::none, Mode::backward, Mode::forward, Mode::full,
                                  Mode::backward_transitive, Mode::forward_transitive, Mode::full_transitive};
// "none", "backward", ..., "backward-transitive", ...; mode_named() takes either case, and '_' for '-'.
std::string_view to_string(Mode mode) noexcept;
std::optional<Mode> mode_named(std::string_view name);
inline constexpr bool reads_old(Mode mode) noexcept { return (static_cast<unsigned>(mode) & 1) != 0; }
inline constexpr bool is_read_by_old(Mode mode) noexcept { return (static_cast<unsigned>(mode) & 2) != 0; }
inline constexpr bool is_transitive(Mode mode) noexcept { return (static_cast<unsigned>(mode) & 4) != 0; }

struct VersionedSchema {
  std::uint32_t version = 0;
  std::shared_ptr<const Schema> schema;
};

// A violation, and the version that it breaks.
struct Incompatibility {
  std::uint32_t version = 0;
  bool new_reads_old = true;  // true: the new schema cannot read data of that version; false: that version cannot read new data
  Violation violation;
};

// What stands against adding `schema` to `versions` (ascending, without deleted ones); empty: nothing. A change of format breaks every
// mode but none (rule "format-changed").
std::vector<Incompatibility> incompatibilities(const Schema& schema, const std::vector<VersionedSchema>& versions, Mode mode);

}  // namespace fabric::contract
