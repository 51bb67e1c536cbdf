#include "ipc/segment.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/mounts.hpp"
#include "tests/support/seccomp.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::ipc {
namespace {

using fabric::testing::Channel;
using fabric::testing::Child;
using fabric::testing::kill_at_system_call;
using fabric::testing::TempDir;

constexpr std::uint64_t kBytes = 16 * kSegmentGranularity;

void fill_with(std::span<std::byte> bytes, int value) { std::memset(bytes.data(), value, bytes.size()); }

bool all_are(std::span<const std::byte> bytes, int value) {
  return std::all_of(bytes.begin(), bytes.end(), [&](std::byte byte) { return byte == std::byte(value); });
}

Result<Segment> create(const std::string& path, const CreateOptions& options = {.bytes = kBytes}) {
  return Segment::create(path, options, [](std::span<std::byte> bytes) { fill_with(bytes, 7); });
}

std::size_t files_in(const std::string& directory) {
  const std::filesystem::directory_iterator files(directory);
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

unsigned mode_of(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777U;
}

ErrorCode failure_of(const Result<Segment>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? ErrorCode::invalid_argument : result.error().code;
}

class SegmentTest : public ::testing::Test {
 protected:
  TempDir directory_;
  const std::string path_ = directory_.file("ring");
};

TEST_F(SegmentTest, WhatIsCreatedIsAttachedWhole) {
  auto created = create(path_);
  ASSERT_TRUE(created) << created.error().message;
  auto attached = Segment::attach(path_, {});
  ASSERT_TRUE(attached) << attached.error().message;
  EXPECT_EQ(attached->bytes().size(), kBytes);
  EXPECT_TRUE(all_are(attached->bytes(), 7));
  EXPECT_EQ(attached->identity(), created->identity());
  created->bytes()[100] = std::byte{9};
  EXPECT_EQ(attached->bytes()[100], std::byte{9});
  EXPECT_EQ(files_in(directory_.path()), 1U) << "the private file must be gone";
}

TEST_F(SegmentTest, NoDescriptorStaysOpen) {
  const std::size_t before = files_in("/proc/self/fd");
  const auto created = create(path_);
  const auto attached = Segment::attach(path_, {.access = Access::read_write});
  ASSERT_TRUE(created && attached);
  EXPECT_EQ(files_in("/proc/self/fd"), before);
}

TEST_F(SegmentTest, SpaceIsAllocatedAtCreation) {
  const auto created = Segment::create(path_, {.bytes = 64 * kSegmentGranularity}, nullptr);
  ASSERT_TRUE(created);
  struct stat status = {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, 64 * kSegmentGranularity);
}

TEST_F(SegmentTest, ExistingFileIsNotTouched) {
  std::ofstream(path_) << "mine";
  const auto created = create(path_);
  EXPECT_EQ(failure_of(created), ErrorCode::already_exists);
  EXPECT_NE(created.error().message.find(path_), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(path_), 4U);
  EXPECT_EQ(files_in(directory_.path()), 1U);
  std::filesystem::remove(path_);
  ASSERT_EQ(::symlink("nowhere", path_.c_str()), 0);
  EXPECT_EQ(failure_of(create(path_)), ErrorCode::already_exists);
}

TEST_F(SegmentTest, BadArgumentsAreRefused) {
  EXPECT_EQ(failure_of(create(path_, {.bytes = 0})), ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(create(path_, {.bytes = kSegmentGranularity + 1})), ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(create(path_, {.bytes = ~std::uint64_t{4095}})), ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(create(path_, {.bytes = kBytes, .mode = 04755})), ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(create(path_, {.bytes = kBytes, .group = "no such group"})), ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(create(directory_.path() + "/")), ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(create(directory_.file(".."))), ErrorCode::invalid_argument);
  EXPECT_EQ(failure_of(create(directory_.file("missing/ring"))), ErrorCode::not_found);
  EXPECT_EQ(files_in(directory_.path()), 0U);
}

TEST_F(SegmentTest, ModeIsExactWhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{077}, mode_t{0777}}) {
    Child child([&](const Channel&) {
      ::umask(mask);
      if (::geteuid() == 0 && (::chmod(directory_.path().c_str(), 0777) != 0 || ::setuid(65534) != 0)) return 1;
      return create(path_, {.bytes = kBytes, .mode = 0664}) ? 0 : 2;
    });
    EXPECT_EQ(child.wait(), 0) << "umask " << mask;
    EXPECT_EQ(mode_of(path_), 0664U);
    std::filesystem::remove(path_);
  }
}

TEST_F(SegmentTest, GroupByNumber) {
  // A process may give its file to its own group; root to any.
  const gid_t group = ::geteuid() == 0 ? 4242 : ::getegid();
  ASSERT_TRUE(create(path_, {.bytes = kBytes, .mode = 0660, .group = std::to_string(group)}));
  struct stat status = {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_gid, group);
  EXPECT_EQ(mode_of(path_), 0660U);
}

TEST_F(SegmentTest, GroupThatTheCreatorIsNotInIsAPermissionError) {
  Child child([&](const Channel&) {
    if (::geteuid() == 0) {
      if (::chmod(directory_.path().c_str(), 0777) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) return 1;
    }
    const auto created = create(path_, {.bytes = kBytes, .group = "root"});
    return !created && created.error().code == ErrorCode::permission ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(files_in(directory_.path()), 0U);
}

TEST_F(SegmentTest, OfTwoCreatorsExactlyOneWins) {
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> ready{0}, won{0}, refused{0};
    const auto contend = [&](int value) {
      const auto created = Segment::create(path_, {.bytes = kBytes}, [&](std::span<std::byte> bytes) {
        fill_with(bytes, value);
        ++ready;
        while (ready < 3) std::this_thread::yield();  // all are about to link
      });
      if (created) {
        ++won;
        EXPECT_TRUE(all_are(Segment::attach(path_, {})->bytes(), value));
      } else if (created.error().code == ErrorCode::already_exists) {
        ++refused;
      }
    };
    std::vector<std::thread> threads;
    for (int value = 1; value <= 3; ++value) threads.emplace_back(contend, value);
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(won, 1);
    ASSERT_EQ(refused, 2);
    std::filesystem::remove(path_);
  }
}

TEST_F(SegmentTest, KillAtEverySystemCallOfCreationLeavesNothingOrTheWhole) {
  unsigned nth = 0, whole = 0;
  for (; kill_at_system_call(nth, [this] { static_cast<void>(create(path_)); }); ++nth) {
    SCOPED_TRACE("killed at call " + std::to_string(nth));
    if (std::filesystem::exists(path_)) {
      ++whole;
      const auto attached = Segment::attach(path_, {});
      ASSERT_TRUE(attached) << attached.error().message;
      EXPECT_EQ(attached->bytes().size(), kBytes);
      EXPECT_TRUE(all_are(attached->bytes(), 7));
    }
    const std::size_t leftover = files_in(directory_.path()) - (std::filesystem::exists(path_) ? 1 : 0);
    EXPECT_LE(leftover, 1U);
    const auto removed = remove_stale_temporaries(directory_.path());
    ASSERT_TRUE(removed);
    EXPECT_EQ(*removed, leftover);
    std::filesystem::remove(path_);
    EXPECT_EQ(files_in(directory_.path()), 0U);
  }
  EXPECT_GT(nth, 15U);
  EXPECT_GT(whole, 0U);
}

TEST_F(SegmentTest, TemporaryOfALiveCreatorIsKept) {
  Child creator([this](const Channel& parent) {
    return Segment::create(path_, {.bytes = kBytes},
                           [&](std::span<std::byte>) {
                             parent.tell(0);
                             parent.hear();
                             parent.tell(0);
                             Channel::stay();
                           })
               ? 0
               : 1;
  });
  creator.hear();
  EXPECT_FALSE(std::filesystem::exists(path_)) << "visible before it is whole";
  EXPECT_EQ(*remove_stale_temporaries(directory_.path()), 0U);
  creator.stop();
  EXPECT_EQ(*remove_stale_temporaries(directory_.path()), 0U);
  EXPECT_EQ(files_in(directory_.path()), 1U);
  creator.resume();
  creator.kill();
  EXPECT_EQ(*remove_stale_temporaries(directory_.path()), 1U);
  EXPECT_EQ(files_in(directory_.path()), 0U);
}

// The cleaner is another process: it may find the private file between its creation and its lock.
TEST_F(SegmentTest, CleanerNeverBreaksACreation) {
  Child cleaner([this](const Channel&) {
    for (;;) {
      if (!remove_stale_temporaries(directory_.path())) return 1;
    }
  });
  for (int i = 0; i < 5000; ++i) {
    const auto created = create(path_);
    ASSERT_TRUE(created) << created.error().message;
    std::filesystem::remove(path_);
  }
}

TEST_F(SegmentTest, OnlyTemporariesAreCleaned) {
  const char* const others[] = {".ring.tmp", "ring.0123456789abcdef.tmp", ".ring.0123456789abcdeg.tmp",
                                ".0123456789abcdef.tmp", ".ring.0123456789abcdef.tmp~"};
  for (const char* name : others) std::ofstream(directory_.file(name)) << "data";
  std::filesystem::create_directory(directory_.file(".a.0123456789abcdef.tmp"));
  ASSERT_EQ(::mkfifo(directory_.file(".b.0123456789abcdef.tmp").c_str(), 0600), 0);
  std::ofstream(directory_.file(".c.0123456789abcdef.tmp")) << "stale";
  EXPECT_EQ(*remove_stale_temporaries(directory_.path()), 1U);
  EXPECT_EQ(files_in(directory_.path()), std::size(others) + 2);
  EXPECT_EQ(remove_stale_temporaries(directory_.file("missing")).error().code, ErrorCode::not_found);
}

// A mounted file system of 64 KiB where mounting is permitted, else a file-size limit: full either way.
TEST_F(SegmentTest, LackOfSpaceIsAnErrorAndLeavesNothing) {
  Child child([this](const Channel&) {
    const rlimit limit{65536, 65536};
    const bool mounted = ::unshare(CLONE_NEWNS) == 0 &&
                         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=64k") == 0;
    if (!mounted && ::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto created = create(path_, {.bytes = 128 * 1024});
    const bool refused = !created && created.error().code == ErrorCode::no_space &&
                         created.error().message.find(path_) != std::string::npos;
    const bool clean = files_in(directory_.path()) == 0;
    const bool smaller_one_fits = create(path_, {.bytes = 32 * 1024}).has_value();
    return refused && clean && smaller_one_fits ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(SegmentTest, FileSizeLimitIsAnErrorAndNoSignal) {
  Child child([this](const Channel&) {
    const rlimit limit{4096, 4096};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto created = create(path_);  // SIGXFSZ has its default action: it would end this process
    return !created && created.error().code == ErrorCode::no_space ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(files_in(directory_.path()), 0U);
}

// As `cp --sparse` and many archives restore it: the zeros are holes.
void write_sparse(const std::string& path) {
  std::ofstream(path, std::ios::binary) << std::string(kSegmentGranularity, '\7');
  ASSERT_EQ(::truncate(path.c_str(), kBytes), 0);
}

std::uint64_t allocated_bytes(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST_F(SegmentTest, HolesAreFilledWhenItIsAttachedForWriting) {
  write_sparse(path_);
  ASSERT_TRUE(Segment::attach(path_, {}));
  EXPECT_LT(allocated_bytes(path_), kBytes) << "a reader changes nothing";
  const auto attached = Segment::attach(path_, {.access = Access::read_write});
  ASSERT_TRUE(attached) << attached.error().message;
  EXPECT_GE(allocated_bytes(path_), kBytes);
  EXPECT_TRUE(all_are(attached->bytes().first(kSegmentGranularity), 7));
  EXPECT_TRUE(all_are(attached->bytes().subspan(kSegmentGranularity), 0));
}

TEST_F(SegmentTest, HolesThatCannotBeFilledAreAnErrorAndNoSignalLater) {
  write_sparse(path_);
  ASSERT_TRUE(create(directory_.file("whole")));
  const auto refused = [&](unsigned failure, ErrorCode code) {
    Child child([&](const Channel&) {
      if (!fabric::testing::refuse_system_call(SYS_fallocate, failure)) return 1;
      const auto attached = Segment::attach(path_, {.access = Access::read_write});
      if (attached || attached.error().code != code) return 2;
      if (attached.error().message.find("holes") == std::string::npos) return 3;
      return Segment::attach(path_, {}) && Segment::attach(directory_.file("whole"), {.access = Access::read_write}) ? 0
                                                                                                                    : 4;
    });
    return child.wait();
  };
  EXPECT_EQ(refused(ENOSPC, ErrorCode::no_space), 0);
  EXPECT_EQ(refused(EOPNOTSUPP, ErrorCode::unsupported), 0) << "it has to be copied without holes";
}

// The same on a file system that is really full, where mounting is permitted; stores are made into every page.
TEST_F(SegmentTest, NoStoreMeetsAFullFileSystem) {
  Child child([this](const Channel&) {
    const bool mounted =
        fabric::testing::unshare_mounts() && fabric::testing::mount_tmpfs(directory_.path(), 2 * kBytes);
    const auto fill_up = [this] {
      std::ofstream filler(directory_.file("filler"), std::ios::binary);
      for (const std::string page(kSegmentGranularity, 'x'); filler.write(page.data(), kSegmentGranularity).flush();) {
      }
    };
    write_sparse(path_);
    if (!mounted && !fabric::testing::refuse_system_call(SYS_fallocate, ENOSPC)) return 1;
    if (mounted) fill_up();
    const auto full = Segment::attach(path_, {.access = Access::read_write});
    if (full || full.error().code != ErrorCode::no_space) return 2;
    if (!mounted) return 0;
    std::filesystem::remove(directory_.file("filler"));
    auto attached = Segment::attach(path_, {.access = Access::read_write});
    if (!attached) return 3;
    fill_up();
    fill_with(attached->bytes(), 9);  // SIGBUS, if a page had no block
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(SegmentTest, ReadOnlyMappingIsReadOnly) {
  ASSERT_TRUE(create(path_));
  auto attached = Segment::attach(path_, {});
  ASSERT_TRUE(attached);
  Child writer([&](const Channel&) {
    ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it first
    attached->bytes()[0] = std::byte{1};
    return 0;
  });
  EXPECT_EQ(writer.wait(), -SIGSEGV);
  // Nor can it be made writable: the file itself was opened for reading.
  EXPECT_EQ(::mprotect(attached->bytes().data(), kSegmentGranularity, PROT_READ | PROT_WRITE), -1);
  EXPECT_TRUE(all_are(attached->bytes(), 7));
}

// Expects that `path` is refused as corrupt, with `reason` in the message.
void expect_refusal(const std::string& path, Access access, const char* reason) {
  const auto attached = Segment::attach(path, {.access = access});
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, ErrorCode::corrupt);
  EXPECT_NE(attached.error().message.find(reason), std::string::npos) << attached.error().message;
}

TEST_F(SegmentTest, WhatCannotBeASegmentIsRefused) {
  EXPECT_EQ(failure_of(Segment::attach(path_, {})), ErrorCode::not_found);
  for (const auto access : {Access::read_only, Access::read_write}) {
    std::ofstream(path_).close();
    expect_refusal(path_, access, "empty");
    ASSERT_EQ(::truncate(path_.c_str(), 3 * 4096 + 1), 0);
    expect_refusal(path_, access, "truncated");
    std::filesystem::remove(path_);
    ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
    expect_refusal(path_, access, "not a regular file");
    std::filesystem::remove(path_);
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    expect_refusal(path_, access, "not a regular file");  // at once: no writer comes
    std::filesystem::remove(path_);
    ASSERT_TRUE(create(directory_.file("other")));
    ASSERT_EQ(::symlink("other", path_.c_str()), 0);
    expect_refusal(path_, access, "symbolic link");
    std::filesystem::remove(path_);
    std::filesystem::remove(directory_.file("other"));
  }
  expect_refusal("/dev/zero", Access::read_write, "not a regular file");
}

TEST_F(SegmentTest, PermissionsAreRespected) {
  ASSERT_TRUE(create(path_, {.bytes = kBytes, .mode = 0444}));
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  Child child([this](const Channel&) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 1;
    if (!Segment::attach(path_, {})) return 2;
    if (failure_of(Segment::attach(path_, {.access = Access::read_write})) != ErrorCode::permission) return 3;
    return failure_of(create(directory_.file("new"))) == ErrorCode::permission ? 0 : 4;
  });
  EXPECT_EQ(child.wait(), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
}

TEST_F(SegmentTest, FailureToLockInMemoryIsAnErrorAndLeavesNothing) {
  ASSERT_TRUE(create(directory_.file("other")));
  Child child([this](const Channel&) {
    if (::geteuid() == 0 && (::chmod(directory_.path().c_str(), 0777) != 0 ||
                             ::chmod(directory_.file("other").c_str(), 0666) != 0 || ::setuid(65534) != 0)) {
      return 1;
    }
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) return 2;
    const auto created = create(path_, {.bytes = kBytes, .lock = true});
    if (created || created.error().message.find("RLIMIT_MEMLOCK") == std::string::npos) return 3;
    if (std::filesystem::exists(path_) || files_in(directory_.path()) != 1) return 4;
    return Segment::attach(directory_.file("other"), {.lock = true}) ? 5 : 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

std::size_t pages_of_self(const char* field, const void* address) {
  char start[32];
  std::snprintf(start, sizeof start, "%lx-", reinterpret_cast<unsigned long>(address));
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.rfind(start, 0) == 0) inside = true;
    if (inside && line.rfind(field, 0) == 0) return std::stoul(line.substr(std::strlen(field))) * 1024 / 4096;
  }
  return 0;
}

TEST_F(SegmentTest, PrefaultMapsEveryPageAndChangesNothing) {
  ASSERT_TRUE(create(path_));
  for (const auto access : {Access::read_only, Access::read_write}) {
    const auto lazy = Segment::attach(path_, {.access = access});
    const auto eager = Segment::attach(path_, {.access = access, .huge_pages = true, .prefault = true});
    ASSERT_TRUE(lazy && eager);
    EXPECT_EQ(pages_of_self("Rss:", lazy->bytes().data()), 0U);
    EXPECT_EQ(pages_of_self("Rss:", eager->bytes().data()), kBytes / 4096);
    EXPECT_TRUE(all_are(eager->bytes(), 7));
  }
  const auto locked = Segment::attach(path_, {.lock = true});
  ASSERT_TRUE(locked) << locked.error().message;
  EXPECT_EQ(pages_of_self("Locked:", locked->bytes().data()), kBytes / 4096);
}

TEST_F(SegmentTest, SyncReachesTheFileAndRefusesWhatIsOutside) {
  auto segment = create(path_);
  ASSERT_TRUE(segment);
  EXPECT_TRUE(segment->sync(0, kBytes, true));
  EXPECT_TRUE(segment->sync(4097, 1, true));
  EXPECT_TRUE(segment->sync(kBytes, 0, false));
  EXPECT_EQ(segment->sync(1, kBytes, true).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(segment->sync(~std::uint64_t{0}, 2, true).error().code, ErrorCode::invalid_argument);
}

TEST_F(SegmentTest, IdentityTellsAReplacedFile) {
  const auto old = create(path_);
  std::filesystem::remove(path_);
  const auto replaced = create(path_);
  ASSERT_TRUE(old && replaced);
  EXPECT_NE(old->identity(), replaced->identity());
  EXPECT_TRUE(all_are(old->bytes(), 7)) << "the mapping keeps the deleted file";
}

}  // namespace
}  // namespace fabric::ipc
