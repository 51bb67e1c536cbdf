#pragma once
// A directory with members that are real processes.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <string>

#include "ipc/liveness.hpp"
#include "tests/support/child.hpp"
#include "tests/support/temp_dir.hpp"

namespace fabric::ipc {

using fabric::testing::Channel;
using fabric::testing::Child;
using fabric::testing::eventually;
using fabric::testing::TempDir;

inline constexpr MemberId kIndexMask = kMaxMembers - 1;

// A member that tells its id and stays.
inline int member(const std::string& directory, const Channel& parent) {
  const auto membership = Membership::join(directory);
  parent.tell(membership ? (*membership)->id() : 0);
  return Channel::stay();
}

class Liveness : public ::testing::Test {
 protected:
  Child start_member() {
    return Child([this](const Channel& parent) { return member(directory_.path(), parent); });
  }
  Members members() const {
    auto opened = Members::open(directory_.path());
    EXPECT_TRUE(opened) << opened.error().message;
    return *opened;
  }
  std::string members_file() const { return directory_.file("members"); }
  bool dies(MemberId id) const {
    return eventually([&] { return !members().is_alive(id); });
  }
  void overwrite(std::uint64_t offset, const std::string& bytes) const {
    const Descriptor file(::open(members_file().c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
  }
  void fill_with_random_bytes(unsigned seed) const {
    std::mt19937 random(seed);
    std::string bytes(std::filesystem::file_size(members_file()), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    overwrite(0, bytes);
  }

  TempDir directory_;
};

}  // namespace fabric::ipc
