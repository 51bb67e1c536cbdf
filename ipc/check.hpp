#pragma once
// Whether a ring is what it claims to be: every retained record, the verdicts, the control words, publishers, cursors and the arena's
// block table. What `evf fsck` runs; for monitors too.
//
// Read-only: works on live rings, dead ones and copied files. A live ring changes under the check, so whatever looks wrong is
// looked at again before it is called damage, and words are loaded in an order in which they bound each other. Unfinished claims are no
// damage: a live publisher finishes them, a reader settles those of a dead one.
// Every word is input. Allocates; at most `most_problems` are described, all are counted. Thread-safe. Cost: reads the ring once.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipc/inspect.hpp"

namespace fabric::ipc {

enum class ProblemKind : std::uint8_t { record, verdict, control, publisher, cursor, arena };
const char* to_string(ProblemKind kind) noexcept;

struct Problem {
  ProblemKind kind = ProblemKind::record;
  std::optional<std::uint64_t> sequence;
  std::uint64_t offset = 0;  // bytes from the start of the file
  std::string what;          // with the values found
};

struct RingCheck {
  std::uint64_t first = 0, end = 0;            // sequences looked at
  std::array<std::uint64_t, 6> slots{};        // by SlotCondition
  std::uint64_t abandoned = 0;                 // of the unfinished: no publisher intends to finish them
  std::uint64_t problem_count = 0;
  std::vector<Problem> problems;               // the first ones

  std::uint64_t count(SlotCondition condition) const noexcept { return slots[static_cast<std::size_t>(condition)]; }
  bool sound() const noexcept { return problem_count == 0; }
};

RingCheck check_ring(const RingMap& map, std::size_t most_problems = 20);

}  // namespace fabric::ipc
