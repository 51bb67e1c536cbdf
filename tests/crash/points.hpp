#pragma once
// The points of a sweep: at every instruction of a child's region it is killed, or stopped while the others go on.
//
// For each point the stage is set, the child forked and brought to the point, the others go on, and everything is audited. With
// EVF_FULL=1 in the environment all points run; otherwise a contiguous part that begins at a seeded place (EVF_SEED) and ends with the
// time (EVF_SWEEP_MS for one sweep). The count of points is printed either way.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/crash/tracee.hpp"

namespace fabric::ipc::crash {

enum class Mode : std::uint8_t { kill, stop };

// What is swept: shared memory, a child, and who goes on beside it. Faults are collected, so that they are told with their instruction.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual Notes& notes() = 0;
  virtual void begin_point() = 0;
  // In the child.
  virtual void child() = 0;
  // While it is stopped, or after its death; and when it has finished undisturbed.
  virtual void meanwhile() = 0;
  // After its end: the audit.
  virtual void end_point() = 0;
  virtual void fault(std::string text) = 0;
  virtual const std::vector<std::string>& faults() const = 0;  // of this point
  virtual std::string summary() const { return ""; }
};

struct PointOptions {
  std::string name{};
  Mode mode = Mode::kill;
  bool whole = false;           // all points, whatever the time
  std::uint64_t budget_ms = 700;  // otherwise, unless EVF_SWEEP_MS says something else
};
void run_points(Stage& stage, const PointOptions& options);

}  // namespace fabric::ipc::crash
