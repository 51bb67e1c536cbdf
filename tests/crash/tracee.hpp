#pragma once
// A child process that is stopped at a chosen instruction (ptrace, x86-64).
//
// The child executes int3 where its region begins and where it ends. record() single-steps through the region and
// writes down every instruction pointer. To reach step k, another child of the same parent (so with the same addresses)
// runs at full speed into a breakpoint that lies shortly before k and is passed rarely, and is single-stepped from
// there: hundreds of points a second, however far into the region. The recording itself goes in chunks, each by a child
// of its own that gets there as fast: single-stepped all the way, a child would see its clock run out and take other
// branches. A system call is one step; a repeated string instruction is one step per repetition. A child that took
// another path (a clock was renewed) reaches its end; that is noticed. Needs no privilege: a process may trace its own
// children. A child never outlives its tracer (PTRACE_O_EXITKILL).

#include <sys/types.h>

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/crash/notes.hpp"

namespace fabric::ipc::crash {

class Trace {
 public:
  void add(std::uint64_t instruction);
  void drop(std::size_t steps);  // the last ones
  std::size_t steps() const noexcept { return instructions_.size(); }
  std::uint64_t instruction(std::size_t step) const noexcept { return instructions_[step]; }

  // A step at or before `step` from which it is cheap to go on: run into a breakpoint there, the `hits`-th time it is
  // met.
  struct Landing {
    std::size_t step = 0;
    std::uint32_t hits = 0;  // 0: the beginning of the region, without a breakpoint
  };
  Landing landing_for(std::size_t step) const noexcept;

 private:
  std::vector<std::uint64_t> instructions_;  // [i] is executed as step i
  std::vector<std::uint32_t> occurrence_;    // how often instructions_[i] was executed up to and with step i
  std::unordered_map<std::uint64_t, std::uint32_t> counts_;
};

class Tracee {
 public:
  // Forks; the child runs `body` and exits. Returns when the child stands at the beginning of its region.
  Tracee(Notes& notes, const std::function<void()>& body);
  ~Tracee();
  Tracee(const Tracee&) = delete;
  Tracee& operator=(const Tracee&) = delete;

  // Goes to the end of what `trace` has and single-steps on from there, adding up to `most` steps.
  enum class Recorded : std::uint8_t { more, end, strayed };  // strayed: it did not get there; nothing was added
  Recorded record(Trace& trace, std::size_t most);
  // Goes to step `step`. False: the region ended before it (another path was taken); the child stands at its end.
  bool advance(const Trace& trace, std::size_t step);
  // Ends it here. Its death is known when this returns.
  void kill();
  // Lets it run on to its own exit.
  void finish();

  pid_t pid() const noexcept { return pid_; }
  // What went wrong with the child itself: a signal, an exit code, a hang; empty: nothing.
  const std::string& fault() const noexcept { return fault_; }

 private:
  enum class Stop : std::uint8_t { trap, gone };

  Stop resume(int request);
  Stop wait();
  bool in_region() const noexcept { return pid_ > 0 && notes_->phase.load() == Phase::region; }
  std::uint64_t instruction_pointer() const;
  bool run_into(std::uint64_t instruction, std::uint32_t hits);

  Notes* notes_;
  pid_t pid_ = -1;
  std::string fault_;
};

// "module+offset (symbol)" for messages; feed the offset to addr2line.
std::string describe_instruction(std::uint64_t instruction);

}  // namespace fabric::ipc::crash
