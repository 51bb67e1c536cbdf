#pragma once
// A process on a file system whose mappings do not hold a file's description, as overlayfs.

#include "ipc/file_lock.hpp"
#include "tests/support/mounts.hpp"

namespace fabric::ipc {

struct KeptLockPeer {
  static void let_mappings_hold(bool hold) { KeptLock::mappings_hold_ = hold; }
};

namespace testing {

// For a Child: `directory` becomes an overlay, or, where no mount is permitted, looks like one to this process.
inline void lose_kept_locks(const std::string& directory) {
  if (!fabric::testing::unshare_mounts() || !fabric::testing::mount_overlay(directory))
    KeptLockPeer::let_mappings_hold(false);
}

}  // namespace testing
}  // namespace fabric::ipc
