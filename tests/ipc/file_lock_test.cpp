#include "ipc/file_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/child.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::ipc {
namespace {

using fabric::testing::Channel;
using fabric::testing::Child;
using fabric::testing::TempDir;

class FileLock : public ::testing::Test {
 protected:
  Descriptor open() const { return Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); }
  static FileIdentity identity_of(const Descriptor& file) {
    struct stat status = {};
    EXPECT_EQ(::fstat(file.get(), &status), 0);
    return {status.st_dev, status.st_ino};
  }

  TempDir directory_;
  const std::string path_ = directory_.file("file");
};

TEST_F(FileLock, DescriptorClosesOnceAndMoves) {
  Descriptor first = open();
  const int number = first.get();
  Descriptor second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT: what a move leaves behind is part of the contract
  EXPECT_EQ(second.get(), number);
  second = Descriptor();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(FileLock, ExclusiveExcludesAndSharedShares) {
  const Descriptor one = open(), two = open();
  EXPECT_EQ(is_locked(two.get(), 5), false);
  EXPECT_EQ(try_lock(one.get(), LockKind::exclusive, 5), 0);
  EXPECT_EQ(is_locked(two.get(), 5), true);
  EXPECT_EQ(is_locked(one.get(), 5), false) << "its own lock does not count";
  EXPECT_EQ(is_locked(two.get(), 6), false) << "one byte only";
  EXPECT_EQ(try_lock(two.get(), LockKind::exclusive, 5), EAGAIN);
  EXPECT_EQ(try_lock(two.get(), LockKind::shared, 5), EAGAIN);
  EXPECT_EQ(try_lock(one.get(), LockKind::shared, 5), 0);
  EXPECT_EQ(try_lock(two.get(), LockKind::shared, 5), 0);
  EXPECT_EQ(is_locked(-1, 5), std::nullopt);
  EXPECT_EQ(try_lock(-1, LockKind::shared, 5), EBADF);
}

TEST_F(FileLock, KeptUntilReleasedThoughNothingIsOpen) {
  const Descriptor watcher = open();
  KeptLock lock;
  EXPECT_FALSE(lock.owned());
  {
    const ForkWindow window;
    const Descriptor file = open();
    ASSERT_EQ(try_lock(file.get(), LockKind::exclusive, 5), 0);
    ASSERT_EQ(lock.keep(file.get()), 0);
  }
  EXPECT_TRUE(lock.owned());
  EXPECT_EQ(is_locked(watcher.get(), 5), true);
  KeptLock other = std::move(lock);
  EXPECT_TRUE(other.owned());
  EXPECT_FALSE(lock.owned());  // NOLINT: as above
  EXPECT_EQ(is_locked(watcher.get(), 5), true);

  Child child([&](const Channel&) {
    const bool inherited = other.owned();
    other.release();
    return inherited ? 1 : 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(is_locked(watcher.get(), 5), true) << "a child's release is not its parent's";

  other.release();
  EXPECT_EQ(is_locked(watcher.get(), 5), false);
  other.release();
}

TEST_F(FileLock, TellsWhichKindIsHeld) {
  const Descriptor one = open(), two = open();
  EXPECT_EQ(held_lock(two.get(), 5), HeldLock::none);
  EXPECT_EQ(try_lock(one.get(), LockKind::shared, 5), 0);
  EXPECT_EQ(held_lock(two.get(), 5), HeldLock::shared);
  EXPECT_EQ(try_lock(one.get(), LockKind::exclusive, 5), 0);
  EXPECT_EQ(held_lock(two.get(), 5), HeldLock::exclusive);
  EXPECT_EQ(held_lock(-1, 5), std::nullopt);
}

TEST_F(FileLock, HoldsAByteOfTheFileThatIsMeant) {
  const Descriptor watcher = open();
  const auto file = identity_of(watcher);
  EXPECT_EQ(check_kept_locks(path_.c_str()), 0);
  KeptLock one, two, alone;
  EXPECT_EQ(hold_lock(path_.c_str(), file, LockKind::shared, 5, one), 0);
  EXPECT_EQ(hold_lock(path_.c_str(), file, LockKind::shared, 5, two), 0);
  EXPECT_EQ(hold_lock(path_.c_str(), file, LockKind::exclusive, 5, alone), EAGAIN);
  EXPECT_FALSE(alone.owned());
  one.release();
  EXPECT_EQ(held_lock(watcher.get(), 5), HeldLock::shared);
  two.release();
  EXPECT_EQ(held_lock(watcher.get(), 5), HeldLock::none);
  EXPECT_EQ(hold_lock(path_.c_str(), file, LockKind::exclusive, 5, alone), 0);
  EXPECT_EQ(hold_lock(path_.c_str(), file, LockKind::shared, 5, one), EAGAIN);
  EXPECT_EQ(hold_lock(path_.c_str(), {file.first, file.second + 1}, LockKind::shared, 6, one), ESTALE);
  EXPECT_EQ(hold_lock(directory_.file("missing").c_str(), file, LockKind::shared, 6, one), ENOENT);
}

TEST_F(FileLock, WhatCannotBeMappedCannotBeKept) {
  KeptLock lock;
  EXPECT_EQ(lock.keep(-1), EBADF);
  EXPECT_FALSE(lock.owned());
}

}  // namespace
}  // namespace fabric::ipc
