// What is no ring, or not this one's to use: each a clear error that names the path and says what to do. Through
// Ring::attach and RingFile::create; what a segment refuses by itself is in segment_test.cpp.

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "tests/ipc/ring_bytes.hpp"
#include "tests/ipc/ring_fixture.hpp"
#include "tests/support/child.hpp"
#include "tests/support/mounts.hpp"

namespace fabric::ipc::testing {
namespace {

using fabric::testing::Channel;
using fabric::testing::Child;

class RefusalTest : public RingFixture {
 protected:
  void SetUp() override {
    make_ring();
    whole = read_bytes(path());
  }
  void expect_refused(ErrorCode code, const std::string& advice) {
    for (const auto access : {Access::read_only, Access::read_write}) {
      const auto refused = Ring::attach(path(), {.access = access, .members_directory = directory()});
      ASSERT_FALSE(refused.has_value());
      const auto& error = refused.error();
      EXPECT_EQ(error.code, code) << error.message;
      EXPECT_NE(error.message.find(path()), std::string::npos) << error.message;
      EXPECT_NE(error.message.find(advice), std::string::npos) << error.message;
    }
  }
  void expect_refused(const Bytes& bytes, const std::string& advice) {
    write_bytes(path(), bytes);
    expect_refused(ErrorCode::corrupt, advice);
  }
  void change(std::size_t at) { whole[at] ^= std::byte{1}; }

  Bytes whole;
};

TEST_F(RefusalTest, TruncatedAnywhere) {
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 512) {
    SCOPED_TRACE(bytes);
    expect_refused(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)),
                   bytes % kPage == 0 && bytes != 0 ? "re-create the topic" : "; remove it, or check the path");
  }
}

TEST_F(RefusalTest, Extended) {
  for (const std::size_t more : {1U, 512U, 4096U, 1U << 20}) {
    SCOPED_TRACE(more);
    auto bytes = whole;
    bytes.resize(bytes.size() + more);
    expect_refused(bytes, more % kPage == 0 ? "truncated or extended: restore it" : "; remove it, or check the path");
  }
}

TEST_F(RefusalTest, NoFileAtAll) {
  ::remove(path().c_str());
  expect_refused(ErrorCode::not_found, "; check the path, or create it first");
}

TEST_F(RefusalTest, Directory) {
  ::remove(path().c_str());
  ASSERT_EQ(::mkdir(path().c_str(), 0700), 0);
  expect_refused(ErrorCode::corrupt, "is not a regular file; remove it");
}

TEST_F(RefusalTest, FifoIsRefusedAndNotWaitedFor) {
  ::remove(path().c_str());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  expect_refused(ErrorCode::corrupt, "is not a regular file; remove it");
}

TEST_F(RefusalTest, SymbolicLinkEvenToAGoodRing) {
  const auto target = path() + "_target";
  ASSERT_EQ(::rename(path().c_str(), target.c_str()), 0);
  ASSERT_EQ(::symlink(target.c_str(), path().c_str()), 0);
  expect_refused(ErrorCode::corrupt, "is a symbolic link");
}

TEST_F(RefusalTest, ForeignFiles) {
  Bytes zeros(8192), text(8192, std::byte{'x'});
  expect_refused(zeros, "not a ring file");
  expect_refused(text, "; check the path");
  whole[0] = std::byte{'e'};
  expect_refused(whole, "EVFRING1); check the path");
}

TEST_F(RefusalTest, EveryByteOfTheHeader) {
  for (std::size_t at = 0; at < sizeof(RingHeader); ++at) {
    if (at >= offsetof(RingHeader, layout_version) && at < offsetof(RingHeader, header_bytes)) continue;  // golden_test
    SCOPED_TRACE(at);
    change(at);
    expect_refused(whole, at < sizeof kRingMagic ? "; check the path" : "; run evf fsck");
    change(at);
  }
}

TEST_F(RefusalTest, SealedHeaderThatLies) {
  struct Lie {
    std::size_t at;
    std::uint64_t value;
    const char* message;
  };
  const Lie lies[] = {
      {offsetof(RingHeader, slot_count), 1U << 20, "offsets"},
      {offsetof(RingHeader, slot_count), 24, "slot_count 24"},
      {offsetof(RingHeader, file_bytes), 1 << 20, "offsets"},
      {offsetof(RingHeader, slots_offset), 0, "offsets"},
      {offsetof(RingHeader, arena_offset), ~std::uint64_t{0} << 12, "offsets"},
      {offsetof(RingHeader, slot_bytes), 0, "slot_bytes 0"},
      {offsetof(RingHeader, max_publishers), 0xffffffff, "max_publishers 4294967295"},
      {offsetof(RingHeader, arena_block_bytes), 0xffffffff00000040, "arena_block_count 4294967295"},
      {offsetof(RingHeader, sync), 7, "sync 7"},
      {offsetof(RingHeader, partition), 9, "partition 9"},
  };
  for (const auto& lie : lies) {
    SCOPED_TRACE(lie.message);
    auto bytes = whole;
    store_at(bytes, lie.at, lie.value);
    seal_header(bytes);
    expect_refused(bytes, lie.message);
    expect_refused(bytes, "; re-create the topic");
  }
}

TEST_F(RefusalTest, OneBootRecordSufficesBothBrokenDoNot) {
  change(kBootOffsets[1]);
  write_bytes(path(), whole);
  EXPECT_TRUE(Ring::attach(path(), {.members_directory = directory()}).has_value());
  change(kBootOffsets[0] + 8);
  expect_refused(whole, "both boot records are damaged; restore the file");
}

// In a child, because limits and identities do not come back. The body returns the number of its failures.
int in_a_child(const std::function<void()>& body) {
  Child child([&](const Channel&) {
    body();
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  return child.wait();
}

void expect_no_space(const std::string& path, const RingOptions& options, const std::string& has) {
  const auto refused = RingFile::create(path, options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::no_space) << refused.error().message;
  for (const auto& part : {path, has, std::string("ask for less")})
    EXPECT_NE(refused.error().message.find(part), std::string::npos)
        << part << " is not in: " << refused.error().message;
}

RingOptions megabyte() { return {.slot_count = 1024, .slot_bytes = 1024}; }

TEST_F(RefusalTest, FileLargerThanTheLimit) {
  EXPECT_EQ(in_a_child([&] {
              const rlimit limit{64 << 10, 64 << 10};
              ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
              expect_no_space(path() + "2", megabyte(), "ulimit -f");
            }),
            0);
  EXPECT_FALSE(std::filesystem::exists(path() + "2"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory()), {}), 2)
      << "nothing but the ring and the members is left";
}

TEST_F(RefusalTest, FullFileSystemIsAnErrorAtCreationAndLeavesNothing) {
  const auto place = directory() + "/small";
  ASSERT_EQ(::mkdir(place.c_str(), 0700), 0);
  EXPECT_EQ(in_a_child([&] {
              // Where mounting is forbidden the host's own /dev/shm is too small for what is asked.
              const bool mounted = fabric::testing::unshare_mounts() && fabric::testing::mount_tmpfs(place, 256 << 10);
              auto wanted = megabyte();
              if (!mounted) wanted.slot_count = 1ULL << 30;
              expect_no_space(place + "/ring", wanted, "allocate ");
              EXPECT_EQ(std::distance(std::filesystem::directory_iterator(place), {}), 0) << "nothing is left";
              if (!mounted) return;
              EXPECT_TRUE(RingFile::create(place + "/fits",
                                           {.slot_count = 16, .slot_bytes = 64, .max_publishers = 2, .max_cursors = 2})
                              .has_value());
            }),
            0);
}

// As nobody, who owns nothing here; for a user other than root its own files are made as if they were another's.
void become_nobody() {
  if (::geteuid() == 0) {
    ASSERT_EQ(::setgid(65534), 0);
    ASSERT_EQ(::setuid(65534), 0);
  }
}

void expect_permission(const Error& error, const std::string& path) {
  EXPECT_EQ(error.code, ErrorCode::permission) << error.message;
  EXPECT_NE(error.message.find(path), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("; check owner, group and mode"), std::string::npos) << error.message;
}

TEST_F(RefusalTest, ReadOnlyDirectory) {
  ASSERT_EQ(::chmod(directory().c_str(), 0555), 0);
  EXPECT_EQ(in_a_child([&] {
              become_nobody();
              const auto refused = RingFile::create(path() + "2", options);
              ASSERT_FALSE(refused.has_value());
              expect_permission(refused.error(), path() + "2");
            }),
            0);
  ASSERT_EQ(::chmod(directory().c_str(), 0700), 0);
}

TEST_F(RefusalTest, AnothersRing) {
  ASSERT_EQ(::chmod(directory().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path().c_str(), ::geteuid() == 0 ? 0600 : 0), 0);
  EXPECT_EQ(in_a_child([&] {
              become_nobody();
              for (const auto access : {Access::read_only, Access::read_write}) {
                const auto refused = Ring::attach(path(), {.access = access, .members_directory = directory()});
                ASSERT_FALSE(refused.has_value());
                expect_permission(refused.error(), path());
              }
            }),
            0);
}

TEST_F(RefusalTest, AnothersRingThatMayBeReadIsReadOnly) {
  ASSERT_EQ(::chmod(directory().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path().c_str(), 0444), 0);
  ASSERT_EQ(::chmod((directory() + "/members").c_str(), 0444), 0);
  EXPECT_EQ(in_a_child([&] {
              become_nobody();
              const auto refused = Ring::attach(path(), {.members_directory = directory()});
              ASSERT_FALSE(refused.has_value());
              expect_permission(refused.error(), path());
              const auto watching =
                  Ring::attach(path(), {.access = Access::read_only, .members_directory = directory()});
              ASSERT_TRUE(watching.has_value()) << watching.error().message;
              EXPECT_TRUE(Reader::attach(*watching).has_value());
            }),
            0);
}

// The ring may be written, the members file may not: nobody could prove that this process lives.
TEST_F(RefusalTest, AnothersMembersFile) {
  ASSERT_EQ(::chmod(directory().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path().c_str(), 0666), 0);
  ASSERT_EQ(::chmod((directory() + "/members").c_str(), 0444), 0);
  EXPECT_EQ(in_a_child([&] {
              become_nobody();
              const auto refused = Ring::attach(path(), {.members_directory = directory()});
              ASSERT_FALSE(refused.has_value());
              expect_permission(refused.error(), directory() + "/members");
            }),
            0);
}

}  // namespace
}  // namespace fabric::ipc::testing
