// hash_bytes() is XXH3-64 of the library, whatever the length and the alignment, inline or by wide vectors.

#include "ipc/checksum.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace fabric::ipc {
namespace {

TEST(Checksum, IsXxh3WhateverTheLength) {
  std::vector<std::uint8_t> bytes(20'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 131 + (i >> 8));
  for (const std::size_t offset : {0U, 1U, 32U}) {
    for (std::size_t length = 0; length < 5000; length += length < 1100 ? 1 : 97)
      ASSERT_EQ(hash_bytes(bytes.data() + offset, length), XXH3_64bits(bytes.data() + offset, length)) << length;
    EXPECT_EQ(hash_bytes(bytes.data() + offset, 19'000), XXH3_64bits(bytes.data() + offset, 19'000));
  }
}

// A change of library or dispatch must not change what is in a ring file.
TEST(Checksum, ValuesAreThoseOfTheLayout) {
  EXPECT_EQ(hash_bytes("", 0), 0x2d06800538d394c2U);  // the specification's value of nothing
  EXPECT_EQ(hash_bytes("eventfabric", 11), 0x58534160c9dd0c3bU);
  const std::vector<std::uint8_t> zeros(1024);
  EXPECT_EQ(hash_bytes(zeros.data(), zeros.size()), 0xde5f15ab6daf7941U);
}

}  // namespace
}  // namespace fabric::ipc
