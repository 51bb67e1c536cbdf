#include "ipc/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

namespace fabric::ipc {
namespace {

TEST(ResultTest, ErrnoIsMappedToACodeAndKept) {
  const struct {
    int system_errno;
    ErrorCode code;
  } table[] = {
      {ENOENT, ErrorCode::not_found},
      {EEXIST, ErrorCode::already_exists},
      {EACCES, ErrorCode::permission},
      {EPERM, ErrorCode::permission},
      {EROFS, ErrorCode::permission},
      {ENOSPC, ErrorCode::no_space},
      {EDQUOT, ErrorCode::no_space},
      {ENOSYS, ErrorCode::unsupported},
      {EOPNOTSUPP, ErrorCode::unsupported},
      {ENOTSUP, ErrorCode::unsupported},
      {EIO, ErrorCode::system},
      {EMFILE, ErrorCode::system},
      {ENOMEM, ErrorCode::system},
      {EINVAL, ErrorCode::system},
      {0, ErrorCode::system},
  };
  for (const auto& row : table) {
    const Error error = system_error("open /dev/shm/ring", row.system_errno);
    EXPECT_EQ(error.code, row.code) << row.system_errno;
    EXPECT_EQ(error.system_errno, row.system_errno);
    EXPECT_EQ(error.message.rfind("open /dev/shm/ring: ", 0), 0U) << error.message;
  }
}

TEST(ResultTest, MessageSaysWhatHappenedAndWhatToDo) {
  const Error error = system_error("allocate 4096 bytes for /dev/shm/ring", ENOSPC);
  EXPECT_EQ(
      error.message,
      "allocate 4096 bytes for /dev/shm/ring: No space left on device; free space, raise the limit, or ask for less");
}

TEST(ResultTest, EveryCodeHasANameOfItsOwn) {
  std::set<std::string> names;
  for (auto code = 0; code <= static_cast<int>(ErrorCode::system); ++code) {
    names.insert(to_string(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::system) + 1);
  EXPECT_EQ(names.count("unknown"), 0U);
  EXPECT_STREQ(to_string(static_cast<ErrorCode>(200)), "unknown");
}

TEST(ResultTest, SuccessAndFailure) {
  const Result<int> good = 5;
  const Result<int> bad = make_error(ErrorCode::busy, "topic t is in use");
  EXPECT_TRUE(good);
  EXPECT_EQ(*good, 5);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::busy);
  EXPECT_EQ(bad.error().system_errno, 0);
}

TEST(ResultDeathTest, ValueOfAFailureAbortsWithItsMessage) {
  const Result<int> bad = make_error(ErrorCode::busy, "topic t is in use");
  EXPECT_DEATH(static_cast<void>(bad.value()), "value\\(\\) of a failure: topic t is in use");
}

}  // namespace
}  // namespace fabric::ipc
