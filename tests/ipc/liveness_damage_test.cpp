// The members file is input: what damage, replacement and refusals do to verdicts.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>

#include "ipc/checksum.hpp"
#include "ipc/liveness.hpp"
#include "tests/ipc/liveness_fixture.hpp"
#include "tests/support/seccomp.hpp"

namespace fabric::ipc {
namespace {

using LivenessDamage = Liveness;

TEST_F(LivenessDamage, GenerationRisesEvenWhenTheWallClockWentBack) {
  Child child = start_member();
  const MemberId id = child.hear();
  child.kill();
  ASSERT_TRUE(dies(id));
  const MemberId from_the_future = id + (MemberId{1} << 50);  // as if registered decades ahead
  const std::uint64_t entry[2] = {from_the_future, hash_bytes(&from_the_future, sizeof from_the_future)};
  overwrite(4096 + 80 * (id & kIndexMask), std::string(reinterpret_cast<const char*>(entry), sizeof entry));
  ASSERT_EQ(members().list().at(0).id, from_the_future);
  Child successor = start_member();
  EXPECT_EQ(successor.hear(), from_the_future + kMaxMembers);
  EXPECT_FALSE(members().is_alive(from_the_future));
}

TEST_F(LivenessDamage, WhereLocksAreRefusedNobodyIsDeclaredDeadAndNobodyJoins) {
  Child child = start_member();
  const MemberId id = child.hear();
  child.kill();
  ASSERT_TRUE(dies(id));
  Child refused([&](const Channel&) {
    if (!fabric::testing::refuse_system_call(SYS_fcntl, EINVAL)) return 1;
    if (!members().is_alive(id)) return 2;
    const auto joined = Membership::join(directory_.path());
    return !joined && joined.error().code == ErrorCode::unsupported ? 0 : 3;
  });
  EXPECT_EQ(refused.wait(), 0);
}

TEST_F(LivenessDamage, WithRandomBytesTheLockDecides) {
  Child child = start_member();
  const MemberId id = child.hear();
  const auto mine = Membership::join(directory_.path());
  ASSERT_TRUE(mine);
  for (unsigned seed = 0; seed < 20; ++seed) {
    fill_with_random_bytes(seed);
    EXPECT_TRUE(members().is_alive(id));
    EXPECT_TRUE(members().is_alive((*mine)->id()));
    EXPECT_EQ(members().list().size(), 2U);  // damaged, but held
  }
  child.kill();
  EXPECT_TRUE(dies(id));
  EXPECT_TRUE(members().is_alive((*mine)->id()));

  Child successor = start_member();  // registers in spite of the damage, and repairs its entry
  const MemberId later = successor.hear();
  EXPECT_GT(later, id);
  EXPECT_TRUE(members().is_alive(later));
  EXPECT_FALSE(members().is_alive(id));
}

TEST_F(LivenessDamage, DecisionTableOfOtherGenerations) {
  Child child = start_member();
  const MemberId id = child.hear();
  const MemberId not_yet_given = id + 5 * kMaxMembers;
  const MemberId other_index = id + 1;
  const MemberId of_an_earlier_file = (id & kIndexMask) | kMaxMembers;
  EXPECT_TRUE(members().is_alive(not_yet_given));
  EXPECT_FALSE(members().is_alive(other_index));
  EXPECT_TRUE(members().is_alive(of_an_earlier_file));
  child.kill();
  ASSERT_TRUE(dies(id));
  EXPECT_FALSE(members().is_alive(not_yet_given));
  EXPECT_TRUE(members().is_alive(of_an_earlier_file));
}

TEST_F(LivenessDamage, TruncatedFileLosesNamesOnly) {
  Child child = start_member();
  const MemberId id = child.hear();
  ASSERT_EQ(::truncate(members_file().c_str(), 0), 0);
  EXPECT_TRUE(members().is_alive(id));
  EXPECT_TRUE(members().list().empty());
  child.kill();
  EXPECT_TRUE(dies(id));
  Child successor = start_member();
  EXPECT_TRUE(members().is_alive(successor.hear()));
}

TEST_F(LivenessDamage, NothingIsKnownOfMembersOfADeletedFile) {
  Child child = start_member();
  const MemberId id = child.hear();
  ASSERT_EQ(::unlink(members_file().c_str()), 0);
  EXPECT_TRUE(members().is_alive(id));
  Child other = start_member();  // creates a new file and takes the same index of it
  const MemberId newer = other.hear();
  EXPECT_EQ(newer & kIndexMask, id & kIndexMask);
  EXPECT_TRUE(members().is_alive(newer));
  EXPECT_TRUE(members().is_alive(id));
}

TEST_F(LivenessDamage, WhatIsNoFileIsRefusedAndProvesNoDeath) {
  Child child = start_member();
  const MemberId id = child.hear();
  const Members early = members();
  child.kill();
  ASSERT_TRUE(dies(id));
  using Maker = std::function<int(const char*)>;
  const Maker makers[] = {[](const char* path) { return ::mkfifo(path, 0600); },
                          [](const char* path) { return ::mkdir(path, 0700); },
                          [](const char* path) { return ::symlink("/dev/null", path); }};
  for (const Maker& make : makers) {
    std::filesystem::remove_all(members_file());
    ASSERT_EQ(make(members_file().c_str()), 0);
    EXPECT_TRUE(early.is_alive(id));
    EXPECT_TRUE(early.list().empty());
    const auto opened = Members::open(directory_.path());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt);
    const auto joined = Membership::join(directory_.path());
    ASSERT_FALSE(joined);
    EXPECT_EQ(joined.error().code, ErrorCode::corrupt);
  }
}

TEST_F(LivenessDamage, ReadOnlyDirectoryCanBeWatchedButNotJoined) {
  Child child = start_member();
  const MemberId id = child.hear();
  ASSERT_EQ(::chmod(members_file().c_str(), 0444), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  Child watcher([&](const Channel& parent) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 1;
    const auto joined = Membership::join(directory_.path());
    if (joined || joined.error().code != ErrorCode::permission) return 2;
    parent.tell(members().is_alive(id) ? 1 : 0);
    parent.hear();
    return dies(id) ? 0 : 3;
  });
  EXPECT_EQ(watcher.hear(), 1U);
  child.kill();
  watcher.tell(0);
  EXPECT_EQ(watcher.wait(), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
}

TEST_F(LivenessDamage, WithoutDescriptorsNobodyIsDeclaredDead) {
  Child child = start_member();
  const MemberId id = child.hear();
  child.kill();
  ASSERT_TRUE(dies(id));
  const Members watcher = members();
  Child exhausted([&](const Channel&) {
    const rlimit none{0, 0};
    return ::setrlimit(RLIMIT_NOFILE, &none) == 0 && watcher.is_alive(id) ? 0 : 1;
  });
  EXPECT_EQ(exhausted.wait(), 0);
}

TEST_F(LivenessDamage, NamesAreMadePrintable) {
  const auto mine = Membership::join(directory_.path());
  ASSERT_TRUE(mine);
  const std::uint64_t name_of_first_entry = 4096 + 32;
  overwrite(name_of_first_entry, std::string(48, '\x1b'));
  const auto list = members().list();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].id, (*mine)->id());
  EXPECT_EQ(list[0].name, std::string(47, '?'));
}

}  // namespace
}  // namespace fabric::ipc
