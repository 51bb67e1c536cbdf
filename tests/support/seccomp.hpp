#pragma once
// A seccomp filter as containers have: from then on one system call is refused.

namespace fabric::testing {

// From here on system call `number` (SYS_...) answers `system_errno` in this thread, and in what it forks. Cannot be
// undone: call it in a child. Needs no privilege. False: seccomp is not available.
bool refuse_system_call(unsigned number, unsigned system_errno);

}  // namespace fabric::testing
