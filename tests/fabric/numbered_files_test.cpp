// The append-only sequence: dense, the same for everybody, safe from processes that are killed or stopped anywhere in
// it.
#include "fabric/numbered_files.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/fabric/fabric_fixture.hpp"

namespace fabric::testing {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> texts(const NumberedFiles& files, std::uint64_t first = 1) {
  std::vector<std::string> found;
  const auto end = files.read_from(first, [&](std::uint64_t number, std::span<const std::byte> entry) {
    EXPECT_EQ(number, first + found.size());
    found.emplace_back(as_text(entry));
    return Result<void>();
  });
  EXPECT_TRUE(end.has_value()) << end.error().message;
  if (end) {
    EXPECT_EQ(*end, first + found.size());
  }
  return found;
}

class NumberedFilesTest : public FabricFixture {
 protected:
  NumberedFiles files() const { return NumberedFiles(directory(), "registry"); }
  void fill(std::uint64_t count) const {
    for (std::uint64_t i = 1; i <= count; ++i) ASSERT_NO_FAILURE(files().append(i, as_bytes(std::to_string(i))));
  }
  std::string pack() const { return files().path() + "/1.pack"; }
};

void overwrite(const std::string& path, std::uint64_t offset, const std::string& bytes) {
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file << bytes;
  ASSERT_TRUE(file.flush().good());
}

TEST_F(NumberedFilesTest, NumbersAreDenseFromOne) {
  EXPECT_EQ(must(files().last()), 0U);
  EXPECT_FALSE(must(files().has(1)));
  EXPECT_THAT(texts(files()), ElementsAre());
  EXPECT_EQ(must(files().append(as_bytes("a"))), 1U);
  EXPECT_EQ(must(files().append(as_bytes(""))), 2U);
  EXPECT_TRUE(must(files().append(3, as_bytes("c"))));
  EXPECT_FALSE(must(files().append(3, as_bytes("d")))) << "taken";
  EXPECT_FAILURE(files().append(5, as_bytes("e")), ErrorCode::invalid_argument, "gap");
  EXPECT_FAILURE(files().append(0, as_bytes("e")), ErrorCode::invalid_argument, "gap");
  EXPECT_EQ(must(files().last()), 3U);
  EXPECT_THAT(texts(files()), ElementsAre("a", "", "c"));
  EXPECT_THAT(texts(files(), 3), ElementsAre("c"));
  EXPECT_EQ(must(files().count_leftovers()), 0U);
}

TEST_F(NumberedFilesTest, FilesFollowTheFabricDirectory) {
  ASSERT_EQ(::chmod(directory().c_str(), 0750), 0);
  fill(1);
  struct stat status {};
  ASSERT_EQ(::stat(files().path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750U);
  ASSERT_EQ(::stat(files().entry_path(1).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0440U);
}

TEST_F(NumberedFilesTest, PacksHoldWhatTheEntriesHold) {
  fill(kEntriesPerPack + 3);
  ASSERT_TRUE(std::filesystem::exists(pack()));
  const auto with_pack = texts(files());
  ASSERT_EQ(with_pack.size(), kEntriesPerPack + 3);
  EXPECT_EQ(with_pack[kEntriesPerPack - 1], std::to_string(kEntriesPerPack));
  std::filesystem::remove(pack());
  EXPECT_EQ(texts(files()), with_pack) << "entry by entry";
  EXPECT_TRUE(std::filesystem::exists(pack())) << "whoever reads all makes it again";
}

TEST_F(NumberedFilesTest, DamageNamesTheFile) {
  fill(kEntriesPerPack + 2);
  const auto number = kEntriesPerPack + 1;
  const auto path = files().entry_path(number);
  const auto nothing = [](std::uint64_t, std::span<const std::byte>) { return Result<void>(); };
  for (std::uint64_t offset = 0; offset < std::filesystem::file_size(path); ++offset) {
    std::string byte(1, 0);
    std::ifstream(path, std::ios::binary).seekg(static_cast<std::streamoff>(offset)).read(byte.data(), 1);
    overwrite(path, offset, std::string(1, static_cast<char>(byte[0] ^ 4)));
    const auto read = files().read(number);
    ASSERT_FALSE(read.has_value()) << offset;
    EXPECT_THAT(read.error().message, ::testing::HasSubstr(path)) << offset;
    EXPECT_FALSE(files().read_from(1, nothing).has_value()) << offset;
    overwrite(path, offset, byte);
    ASSERT_NO_FAILURE(files().read(number));
  }
  std::filesystem::resize_file(path, 70);
  EXPECT_FAILURE(files().read(number), ErrorCode::corrupt, "truncated");
  std::filesystem::resize_file(path, 10);
  EXPECT_FAILURE(files().read(number), ErrorCode::corrupt, "truncated");
  std::filesystem::copy_file(files().entry_path(number + 1), path, std::filesystem::copy_options::overwrite_existing);
  EXPECT_FAILURE(files().read(number), ErrorCode::corrupt, "moved here");
  std::filesystem::remove(path);
  EXPECT_FAILURE(files().read_from(1, nothing), ErrorCode::corrupt, "is missing");
  overwrite(pack(), 100, "x");
  EXPECT_FAILURE(files().read_from(1, nothing), ErrorCode::corrupt, "it is made again");
}

TEST_F(NumberedFilesTest, ANewerLayoutIsRefusedAsSuch) {
  fill(1);
  overwrite(files().entry_path(1), 8, std::string("\2", 1));
  EXPECT_FAILURE(files().read(1), ErrorCode::incompatible, "use a newer release");
}

// Whatever it did so far, the next one goes on, and what a killed one left is removed.
TEST_F(NumberedFilesTest, KilledAtAnySystemCallItLeavesAllOrNothing) {
  fill(1);
  std::uint64_t acked = 1;
  unsigned nth = 0;
  std::set<bool> outcomes;
  for (;; ++nth) {
    const auto number = must(files().last()) + 1;
    const auto killed =
        kill_at_system_call(nth, [&] { static_cast<void>(files().append(number, as_bytes("written by a child"))); });
    if (!killed) break;
    const auto there = must(files().has(number));
    outcomes.insert(there);
    if (there) {
      EXPECT_EQ(as_text(must(files().read(number))), "written by a child");
    }
    EXPECT_NO_FATAL_FAILURE(acked = must(files().append(as_bytes("next"))));
    EXPECT_EQ(acked, number + (there ? 1 : 0));
    static_cast<void>(must(files().remove_leftovers()));
    EXPECT_EQ(must(files().count_leftovers()), 0U) << nth;
  }
  EXPECT_GT(nth, 10U);
  EXPECT_EQ(outcomes.size(), 2U) << "both ends of link() were met";
  EXPECT_EQ(texts(files()).size(), must(files().last()));
}

// One that is stopped there takes nobody's number, and is told when its own is gone.
TEST_F(NumberedFilesTest, StoppedAtAnySystemCallItHoldsNobodyUp) {
  fill(1);
  for (unsigned nth = 0;; ++nth) {
    const auto number = must(files().last()) + 1;
    bool was_there = false;
    const auto code = stop_at_system_call(
        nth,
        [&] {
          const auto ours = files().append(number, as_bytes("stopped"));
          if (!ours) std::_Exit(9);
        },
        [&] {
          was_there = must(files().has(number));
          const auto ours = must(files().append(number, as_bytes("went on")));
          EXPECT_EQ(ours, !was_there) << nth;
          EXPECT_EQ(must(files().remove_leftovers()), 0U) << "its maker lives";
        });
    if (!code) break;
    EXPECT_EQ(*code, 0) << nth;
    EXPECT_EQ(as_text(must(files().read(number))), was_there ? "stopped" : "went on") << nth;
  }
  EXPECT_EQ(texts(files()).size(), must(files().last()));
  EXPECT_EQ(must(files().count_leftovers()), 0U);
}

TEST_F(NumberedFilesTest, LeftoversAreCountedAndRemovedWithTheFabrics) {
  fill(1);
  ASSERT_TRUE(std::filesystem::exists(files().path()));
  std::ofstream(files().path() + "/.entry.0000000000001001.0123456789abcdef.tmp") << "x";
  EXPECT_EQ(must(open().count_leftovers()), 1U);
  EXPECT_EQ(must(open().remove_leftovers()), 0U) << "a member from before the members file counts as alive";
}

}  // namespace
}  // namespace fabric::testing
