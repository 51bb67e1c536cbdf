// Whose boot a ring is of, who holds it, and what may be done then (DESIGN.md, section 8): a container with a boot id of
// its own, or none, meets rings that live.

#include <fcntl.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "ipc/repair.hpp"
#include "tests/ipc/msync_hook.hpp"
#include "tests/ipc/ring_bytes.hpp"
#include "tests/ipc/ring_fixture.hpp"
#include "tests/support/child.hpp"
#include "tests/support/mounts.hpp"

namespace fabric::ipc::testing {
namespace {

using fabric::testing::Channel;
using fabric::testing::Child;
using fabric::testing::eventually;

constexpr char kBootIdFile[] = "/proc/sys/kernel/random/boot_id";
constexpr BootId kOther{1, 2, 3};

class BootTest : public RingFixture {
 protected:
  // In the file itself, under whoever has it mapped.
  void make_of_boot(const BootId& boot) const {
    auto bytes = read_bytes(path());
    seal_boots(bytes, boot);
    const Descriptor file(::open(path().c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(file.get(), bytes.data(), kPage, 0), static_cast<ssize_t>(kPage));
  }
  // A process that has the ring attached for writing, owns a line and a cursor, tells that, and stays.
  int user(const Channel& parent) {
    const auto ring = attach();
    auto out = publisher(ring);
    auto in = reader(ring, {.name = "group"});
    for (std::uint64_t i = 0; i < 5; ++i) out.publish(bytes_of(numbered(i)));
    parent.tell(1);
    return Channel::stay();
  }
  void create_ring() { ASSERT_TRUE(RingFile::create(path(), options)); }
  Result<std::shared_ptr<Ring>> try_attach(Access access = Access::read_write) const {
    return Ring::attach(path(), {.access = access, .members_directory = directory()});
  }
  template <class T>
  static bool is_refused(const Result<T>& result, ErrorCode code, const char* text, int system_errno = 0) {
    if (result) return false;
    const auto& error = result.error();
    const bool as_expected = error.code == code && error.system_errno == system_errno;
    if (as_expected && error.message.find(text) != std::string::npos) return true;
    std::fprintf(stderr, "%s (errno %d)\n", error.message.c_str(), error.system_errno);
    return false;
  }
};

TEST_F(BootTest, ARingInUseIsNotRecoveredWhateverTheBootIds) {
  create_ring();
  Child using_it([this](const Channel& parent) { return user(parent); });
  using_it.hear();
  using_it.stop();
  for (const BootId& boot : {kOther, BootId{}}) {
    make_of_boot(boot);  // as if this process had another id than the one that uses it
    const auto before = read_bytes(path());
    EXPECT_TRUE(is_refused(try_attach(), ErrorCode::busy, "another boot id"));
    EXPECT_TRUE(is_refused(recover_ring(path()), ErrorCode::busy, "another boot id"));
    EXPECT_EQ(read_bytes(path()), before) << "nothing was changed";
    EXPECT_TRUE(try_attach(Access::read_only));
  }
  using_it.kill();
  ASSERT_TRUE(eventually([&] { return is_refused(try_attach(), ErrorCode::incompatible, "recover it"); }));
  const auto recovered = recover_ring(path());
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(recovered->records, 5U);
  EXPECT_TRUE(try_attach());
}

TEST_F(BootTest, TheHoldIsTheProcessesAndNotADescriptors) {
  create_ring();
  Child using_it([this](const Channel& parent) {
    const auto ring = attach();
    const auto grandchild = ::fork();
    if (grandchild == 0) return Channel::stay();
    parent.tell(static_cast<std::uint64_t>(grandchild));
    ::close(::open(path().c_str(), O_RDWR | O_CLOEXEC));  // this would drop a classic lock
    ::closefrom(3);
    ::raise(SIGSTOP);
    return 0;
  });
  const auto grandchild = static_cast<pid_t>(using_it.hear());
  using_it.wait_until_stopped();
  make_of_boot(kOther);
  EXPECT_TRUE(is_refused(recover_ring(path()), ErrorCode::busy, "another boot id"));
  using_it.kill();
  EXPECT_EQ(::kill(grandchild, 0), 0);
  EXPECT_TRUE(eventually([&] { return recover_ring(path()).has_value(); })) << "the child of the dead holds nothing";
  ::kill(grandchild, SIGKILL);
}

// The other side: a process whose boot id is not that of those who use the ring.
TEST_F(BootTest, AContainerWithABootIdOfItsOwnIsRefused) {
  create_ring();
  Child using_it([this](const Channel& parent) { return user(parent); });
  using_it.hear();
  const auto before = read_bytes(path());
  Child container([&](const Channel&) {
    const auto id = directory() + "/boot_id";
    std::ofstream(id) << "11111111-2222-4333-4444-555555555555\n";
    const bool mounted = fabric::testing::unshare_mounts() && fabric::testing::bind_mount(id, kBootIdFile);
    if (!mounted) make_of_boot(kOther);
    const auto in_file = read_bytes(path());
    if (!is_refused(try_attach(), ErrorCode::busy, "another boot id")) return 1;
    if (!is_refused(recover_ring(path()), ErrorCode::busy, "another boot id")) return 2;
    return read_bytes(path()) == in_file ? 0 : 3;
  });
  EXPECT_EQ(container.wait(), 0);
  EXPECT_EQ(read_bytes(path()).size(), before.size());
  using_it.kill();
}

int refuses_without_an_id(const std::string& ring, const std::string& directory) {
  const auto says = [](const auto& result) { return !result && result.error().message.find("boot_id") != std::string::npos; };
  if (boot_id()) return 1;
  if (!says(RingFile::attach(ring, {.access = Access::read_write}))) return 2;
  if (!says(RingFile::create(directory + "/new", {.slot_count = 16, .slot_bytes = 64}))) return 3;
  return says(recover_ring(ring)) ? 0 : 4;
}

TEST_F(BootTest, WithoutAnIdNothingIsCreatedAttachedOrRecovered) {
  create_ring();
  // By value: without a descriptor UndefinedBehaviorSanitizer cannot tell whether this fixture is one.
  const auto ring = path(), directory = this->directory();
  for (const bool other : {false, true}) {
    if (other) make_of_boot(kOther);
    const auto before = read_bytes(path());
    Child no_descriptor_left([&](const Channel&) {
      const rlimit none{0, 4096};
      if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 10;
      return refuses_without_an_id(ring, directory);
    });
    EXPECT_EQ(no_descriptor_left.wait(), 0);
    Child no_proc([&](const Channel&) {
      const rlimit none{0, 4096};
      const bool hidden = fabric::testing::unshare_mounts() && fabric::testing::mount_tmpfs("/proc", 1 << 20);
      if (!hidden && ::setrlimit(RLIMIT_NOFILE, &none) != 0) return 10;
      if (hidden && boot_id().error().code != ErrorCode::unsupported) return 11;
      if (hidden && !try_attach(Access::read_only)) return 12;
      return refuses_without_an_id(ring, directory);
    });
    EXPECT_EQ(no_proc.wait(), 0);
    EXPECT_EQ(read_bytes(path()), before);
    EXPECT_FALSE(std::filesystem::exists(directory + "/new"));
  }
}

// An id that says nothing is nobody's: such a ring is recovered like any other.
TEST_F(BootTest, ARingWithoutABootIdIsRecovered) {
  create_ring();
  make_of_boot({});
  EXPECT_TRUE(is_refused(try_attach(), ErrorCode::incompatible, "recover it"));
  ASSERT_TRUE(recover_ring(path()));
  EXPECT_TRUE(try_attach());
}

TEST_F(BootTest, WhileItIsRecoveredItIsNobodyElses) {
  create_ring();
  make_of_boot(kOther);
  Child recovering([this](const Channel&) {
    on_msync = [](void*, std::size_t) { on_msync = nullptr, ::raise(SIGSTOP); };
    return recover_ring(path()) ? 0 : 1;
  });
  recovering.wait_until_stopped();
  EXPECT_TRUE(is_refused(recover_ring(path()), ErrorCode::busy, "recovering", EAGAIN));
  EXPECT_TRUE(is_refused(try_attach(), ErrorCode::busy, "recovering", EAGAIN));
  make_of_boot(*boot_id());  // done but for the end of its hold
  EXPECT_TRUE(is_refused(try_attach(), ErrorCode::busy, "recovering", EAGAIN));
  recovering.resume();
  EXPECT_EQ(recovering.wait(), 0);
  EXPECT_TRUE(try_attach());
}

TEST_F(BootTest, AChildOfADeadRecovererKeepsNobodyOut) {
  create_ring();
  make_of_boot(kOther);
  Child recovering([this](const Channel& parent) {
    on_msync = [&](void*, std::size_t) {  // another thread forks just now
      on_msync = nullptr;
      const auto grandchild = ::fork();
      if (grandchild == 0) Channel::stay();
      parent.tell(static_cast<std::uint64_t>(grandchild));
      ::raise(SIGKILL);
    };
    return recover_ring(path()) ? 0 : 1;
  });
  const auto grandchild = static_cast<pid_t>(recovering.hear());
  EXPECT_EQ(recovering.wait(), -SIGKILL);
  EXPECT_EQ(::kill(grandchild, 0), 0);
  const auto recovered = recover_ring(path());
  EXPECT_TRUE(recovered) << recovered.error().message;
  ::kill(grandchild, SIGKILL);
}

// As soon as a file has its name others may write into it.
TEST_F(BootTest, ABootRecordDamagedDuringCreationIsAnError) {
  unsigned damaged = 0;
  for (unsigned nth = 0;; ++nth) {
    std::filesystem::remove(path());
    const auto ended = fabric::testing::stop_at_system_call(
        nth, [this] { static_cast<void>(RingFile::create(path(), options)); },
        [&] {
          const Descriptor file(::open(path().c_str(), O_WRONLY | O_CLOEXEC));
          const std::string junk(kPage - sizeof(RingHeader), 'x');
          if (file) damaged += ::pwrite(file.get(), junk.data(), junk.size(), sizeof(RingHeader)) > 0;
        });
    if (!ended) break;
    EXPECT_EQ(*ended, 0) << "damaged at call " << nth;
  }
  EXPECT_GT(damaged, 0U);
}

}  // namespace
}  // namespace fabric::ipc::testing
