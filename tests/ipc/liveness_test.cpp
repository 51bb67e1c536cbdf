#include "ipc/liveness.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/ipc/liveness_fixture.hpp"

namespace fabric::ipc {
namespace {

TEST_F(Liveness, NobodyHasRegistered) {
  EXPECT_TRUE(members().list().empty());
  EXPECT_FALSE(members().is_alive(0));
  EXPECT_FALSE(std::filesystem::exists(members_file()));
}

TEST_F(Liveness, KilledMemberIsDead) {
  Child child = start_member();
  const MemberId id = child.hear();
  ASSERT_NE(id, 0U);
  EXPECT_TRUE(members().is_alive(id));
  child.kill();
  EXPECT_TRUE(dies(id));
}

TEST_F(Liveness, StoppedMemberIsAlive) {
  Child child = start_member();
  const MemberId id = child.hear();
  child.stop();
  EXPECT_TRUE(members().is_alive(id));
  child.resume();
  EXPECT_TRUE(members().is_alive(id));
}

TEST_F(Liveness, LeavingIsDeath) {
  auto membership = Membership::join(directory_.path());
  ASSERT_TRUE(membership);
  const MemberId id = (*membership)->id();
  EXPECT_TRUE(members().is_alive(id));
  membership->reset();
  EXPECT_FALSE(members().is_alive(id));
}

TEST_F(Liveness, ForkedChildThatOutlivesItsParentDoesNotKeepItAlive) {
  // The member forks; its child tells the grandchild's pid and stays. The member is killed.
  Child parent([this](const Channel& test) {
    const auto membership = Membership::join(directory_.path());
    test.tell((*membership)->id());
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      test.tell((*membership)->owned_by_this_process() ? 1 : 0);
      test.tell(static_cast<std::uint64_t>(::getpid()));
    }
    return Channel::stay();
  });
  const MemberId id = parent.hear();
  EXPECT_EQ(parent.hear(), 0U) << "the child believes that it owns its parent's membership";
  const auto grandchild = static_cast<pid_t>(parent.hear());
  EXPECT_TRUE(members().is_alive(id));
  parent.kill();
  EXPECT_EQ(::kill(grandchild, 0), 0);
  EXPECT_TRUE(dies(id));
  ::kill(grandchild, SIGKILL);
}

TEST_F(Liveness, ForkedChildJoinsAnewAndItsDeathIsItsOwn) {
  const auto mine = Membership::join(directory_.path());
  ASSERT_TRUE(mine);
  Child child([&](const Channel& parent) {
    auto inherited = *mine;
    const auto anew = Membership::join(directory_.path());
    const auto again = Membership::join(directory_.path());
    parent.tell((*anew)->id());
    parent.tell((*anew)->owned_by_this_process() && *anew == *again && !inherited->owned_by_this_process() ? 1 : 0);
    inherited.reset();
    parent.tell(members().is_alive((*mine)->id()) ? 1 : 0);
    return Channel::stay();
  });
  const MemberId id = child.hear();
  EXPECT_NE(id, (*mine)->id());
  EXPECT_EQ(child.hear(), 1U);
  EXPECT_EQ(child.hear(), 1U);
  child.kill();
  EXPECT_TRUE(dies(id));
  EXPECT_TRUE(members().is_alive((*mine)->id()));
}

TEST_F(Liveness, DroppingAnInheritedMembershipDoesNotUnmapTheChildsOwnMemory) {
  auto mine = Membership::join(directory_.path());
  ASSERT_TRUE(mine);
  Child child([&](const Channel&) {
    // The parent's lock mapping does not exist here: its address is likely to be given to these.
    std::vector<char*> pages;
    for (int i = 0; i < 64; ++i) {
      void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      pages.push_back(static_cast<char*>(page));
    }
    mine->reset();
    for (char* page : pages) *page = 1;
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(Liveness, ClosingEveryDescriptorDoesNotKill) {
  Child child([this](const Channel& parent) {
    const auto membership = Membership::join(directory_.path());
    parent.tell((*membership)->id());
    ::close(::open(members_file().c_str(), O_RDWR | O_CLOEXEC));  // this would drop a classic fcntl lock
    ::closefrom(3);
    ::raise(SIGSTOP);
    return 0;
  });
  const MemberId id = child.hear();
  child.wait_until_stopped();
  EXPECT_TRUE(members().is_alive(id));
  child.kill();
  EXPECT_TRUE(dies(id));
}

TEST_F(Liveness, AnotherProgramInTheSameProcessIsNotTheMember) {
  Child child([this](const Channel& parent) {
    const auto membership = Membership::join(directory_.path());
    parent.tell((*membership)->id());
    ::execl("/bin/sleep", "sleep", "1000", nullptr);
    return 1;
  });
  const MemberId id = child.hear();
  EXPECT_TRUE(dies(id));
  EXPECT_EQ(::waitpid(child.pid(), nullptr, WNOHANG), 0) << "the process itself must still run";
}

TEST_F(Liveness, FormerMemberOfAnIndexIsDeadThoughTheIndexIsAliveAgain) {
  std::vector<MemberId> former;
  for (int i = 0; i < 3; ++i) {
    Child child = start_member();
    former.push_back(child.hear());
    child.kill();
  }
  Child child = start_member();
  const MemberId id = child.hear();
  EXPECT_TRUE(members().is_alive(id));
  for (const MemberId old : former) {
    EXPECT_EQ(old & kIndexMask, id & kIndexMask);
    EXPECT_LT(old, id);
    EXPECT_FALSE(members().is_alive(old));
  }
}

TEST_F(Liveness, MemberInsideOtherPidAndUserNamespaces) {
  Child container([&](const Channel& parent) {
    // Where namespaces are not permitted the rest still holds for a grandchild.
    const bool unshared = ::unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0 || ::unshare(CLONE_NEWPID) == 0;
    parent.tell(unshared ? 1 : 0);
    const pid_t grandchild = ::fork();
    if (grandchild == 0) return member(directory_.path(), parent);
    int status = 0;
    parent.hear();
    ::kill(grandchild, SIGKILL);
    ::waitpid(grandchild, &status, 0);
    parent.tell(0);
    return Channel::stay();
  });
  const bool inside = container.hear() == 1;
  const MemberId id = container.hear();
  const auto list = members().list();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].id, id);
  EXPECT_TRUE(list[0].alive);
  EXPECT_EQ(list[0].pid == 1, inside);
  container.tell(0);
  container.hear();
  EXPECT_TRUE(dies(id));
}

TEST_F(Liveness, TwoHandlesOfOneProcessShareTheirId) {
  const auto one = Membership::join(directory_.path());
  const std::string other_path = directory_.file("link");
  ASSERT_EQ(::symlink(directory_.path().c_str(), other_path.c_str()), 0);
  const auto two = Membership::join(other_path + "/.");
  ASSERT_TRUE(one && two);
  EXPECT_EQ(*one, *two);
  EXPECT_EQ((*two)->directory(), directory_.path());
  EXPECT_EQ(members().list().size(), 1U) << "the second did not even try to register";
  TempDir elsewhere;
  const auto three = Membership::join(elsewhere.path());
  ASSERT_TRUE(three);
  EXPECT_NE(*one, *three);
}

TEST_F(Liveness, ThreadsThatJoinAtOnceShareTheirId) {
  for (int round = 0; round < 50; ++round) {
    std::shared_ptr<Membership> found[4];
    std::vector<std::thread> threads;
    for (auto& mine : found) {
      threads.emplace_back([this, &mine] { mine = *Membership::join(directory_.path()); });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& mine : found) EXPECT_EQ(mine, found[0]);
    EXPECT_TRUE(members().is_alive(found[0]->id()));
  }
}

TEST_F(Liveness, AllIndicesHeld) {
  Child holder([this](const Channel& parent) {
    const auto first = Membership::join(directory_.path());  // creates the file
    const Descriptor file(::open(members_file().c_str(), O_RDWR | O_CLOEXEC));
    struct flock rest = {};
    rest.l_type = F_WRLCK;
    rest.l_start = kMemberLockOffset + 1;
    rest.l_len = kMaxMembers - 2;  // all but the last
    parent.tell(::fcntl(file.get(), F_OFD_SETLK, &rest) == 0 ? (*first)->id() : 0);
    return Channel::stay();
  });
  ASSERT_NE(holder.hear(), 0U);
  Child last = start_member();
  EXPECT_EQ(last.hear() & kIndexMask, kIndexMask);
  auto joined = Membership::join(directory_.path());
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, ErrorCode::no_space);
  EXPECT_NE(joined.error().message.find("4096"), std::string::npos);
  holder.kill();
  EXPECT_TRUE(eventually([this] { return Membership::join(directory_.path()).has_value(); }));
}

TEST_F(Liveness, ListTellsWhoIsThere) {
  Child child = start_member();
  const MemberId id = child.hear();
  const auto mine = Membership::join(directory_.path());
  ASSERT_TRUE(mine);
  auto list = members().list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].id, id);
  EXPECT_EQ(list[0].pid, child.pid());
  EXPECT_EQ(list[0].name, std::string(program_invocation_short_name).substr(0, 47));
  EXPECT_GT(list[0].registered_at_ns, 1'000'000'000'000'000'000);
  EXPECT_EQ(list[1].pid, ::getpid());
  child.kill();
  ASSERT_TRUE(dies(id));
  list = members().list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_FALSE(list[0].alive);
  EXPECT_TRUE(list[1].alive);
}

TEST_F(Liveness, FileHasExactlyTheModeAskedForAndErrorsNameTheDirectory) {
  const mode_t former = ::umask(077);
  const auto joined = Membership::join(directory_.path(), 0664);
  ::umask(former);
  ASSERT_TRUE(joined);
  struct stat status = {};
  ASSERT_EQ(::stat(members_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0664U);

  const std::string missing = directory_.file("missing");
  const auto nowhere = Membership::join(missing);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::not_found);
  EXPECT_NE(nowhere.error().message.find(missing), std::string::npos);
  EXPECT_EQ(Members::open(missing).error().code, ErrorCode::not_found);
}

TEST_F(Liveness, KillAtEverySystemCallOfJoinLeavesNoGhost) {
  unsigned calls = 0;
  for (bool created : {false, true}) {  // with and without a members file to begin with
    for (unsigned nth = 0;; ++nth, ++calls) {
      if (!created) std::filesystem::remove(members_file());
      if (!fabric::testing::kill_at_system_call(nth, [this] { Membership::join(directory_.path()).has_value(); }))
        break;
      for (const MemberInfo& info : members().list()) {
        EXPECT_TRUE(eventually([&] { return !members().is_alive(info.id); })) << "killed at call " << nth;
      }
      Child next = start_member();
      const MemberId id = next.hear();
      ASSERT_NE(id, 0U) << "killed at call " << nth;
      EXPECT_EQ(id & kIndexMask, 0U) << "the index of the dead is free again";
      EXPECT_TRUE(members().is_alive(id));
      next.kill();
    }
  }
  EXPECT_GT(calls, 30U);
}

// A registrant may be stopped anywhere, beside an entry and a lock that are its own or those of whoever died before.
TEST_F(Liveness, RegistrantStoppedAtAnySystemCallKeepsNoDeadMemberAlive) {
  unsigned nth = 0;
  for (;; ++nth) {
    Child predecessor = start_member();
    const MemberId dead = predecessor.hear();
    predecessor.kill();
    ASSERT_TRUE(dies(dead));
    MemberId newcomer = 0;
    const auto ended = fabric::testing::stop_at_system_call(
        nth, [this] { static_cast<void>(Membership::join(directory_.path())); },
        [&] {
          EXPECT_FALSE(members().is_alive(dead)) << "stopped at call " << nth;
          Child other = start_member();  // nor does it keep anybody out
          newcomer = other.hear();
          EXPECT_TRUE(members().is_alive(newcomer)) << "stopped at call " << nth;
        });
    if (!ended) break;
    EXPECT_EQ(*ended, 0);
    EXPECT_NE(newcomer, 0U);
  }
  EXPECT_GT(nth, 15U);
}

TEST_F(Liveness, WhatAKilledCreatorOfTheFileLeftIsRemovedByTheNextMember) {
  const auto leftovers = [this] {
    std::size_t found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
      found += entry.path().filename().string().starts_with(".members.");
    return found;
  };
  std::ofstream(directory_.file(".ring.0123456789abcdef.tmp")) << "not ours to remove";
  std::size_t found = 0;
  const auto join = [this] { static_cast<void>(Membership::join(directory_.path())); };
  for (unsigned nth = 0; fabric::testing::kill_at_system_call(nth, join); ++nth) {
    found += leftovers();
    ASSERT_TRUE(Membership::join(directory_.path()));
    EXPECT_EQ(leftovers(), 0U) << "killed at call " << nth;
    std::filesystem::remove(members_file());
  }
  EXPECT_GT(found, 10U);
  EXPECT_TRUE(std::filesystem::exists(directory_.file(".ring.0123456789abcdef.tmp")));
}

// Without the ForkWindow a child now and then inherits the open descriptor, or the mapping before its MADV_DONTFORK.
TEST_F(Liveness, ForkDuringAnotherThreadsJoinInheritsNothing) {
  std::atomic<bool> done{false};
  std::thread joiner([&] {
    while (!done) {
      Membership::join(directory_.path()).has_value();
      std::this_thread::yield();  // the mutex is not fair
    }
  });
  const std::string path = members_file();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  for (int i = 0; i < 400 && std::chrono::steady_clock::now() < end; ++i) {
    Child child([&](const Channel&) {
      std::error_code ignored;
      for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
        if (std::filesystem::read_symlink(entry.path(), ignored) == path) return 1;
      }
      std::ifstream maps("/proc/self/maps");
      for (std::string line; std::getline(maps, line);) {
        if (line.find(path) != std::string::npos) return 2;
      }
      return 0;
    });
    const int result = child.wait();
    EXPECT_EQ(result, 0) << (result == 1 ? "a descriptor" : "a mapping") << " was inherited";
    if (result != 0) break;
  }
  done = true;
  joiner.join();
}

}  // namespace
}  // namespace fabric::ipc
