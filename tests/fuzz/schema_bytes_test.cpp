// The fuzz body in every preset: the seeds and what comes of them by seeded random edits. The same inputs every time.

#include "tests/fuzz/schema_bytes.hpp"

#include <gtest/gtest.h>

#include <random>

namespace fabric::fuzz {
namespace {

using Input = std::vector<std::uint8_t>;

Input edited(Input input, std::mt19937_64& random) {
  static constexpr std::uint8_t kInteresting[] = {0, 1, 4, 0x7f, 0x80, 0xff, '{', '}', ';', ':', '"', '='};
  for (auto edits = 1 + random() % 4; edits > 0 && input.size() > 1; --edits) {
    const auto at = 1 + random() % (input.size() - 1);
    switch (random() % 5) {
      case 0:
        input[at] ^= static_cast<std::uint8_t>(1U << random() % 8);
        break;
      case 1:
        input[at] = kInteresting[random() % std::size(kInteresting)];
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random()));
        break;
      default:
        input.erase(input.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  return input;
}

class SchemaBytesTest : public ::testing::TestWithParam<SchemaTarget (*)()> {};

TEST_P(SchemaBytesTest, SeedsAreSurvived) {
  const SchemaBytes target(GetParam()());
  target.attack({});
  for (const auto& seed : target.seeds()) target.attack(seed);
}

TEST_P(SchemaBytesTest, RandomPayloadsAreSurvived) {
  const SchemaBytes target(GetParam()());
  const auto seed = target.seeds().front();
  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) target.attack(edited(seed, random));
}

TEST_P(SchemaBytesTest, RandomTextsAreSurvived) {
  const SchemaBytes target(GetParam()());
  const auto seeds = target.seeds();
  std::mt19937_64 random(5);
  for (int i = 0; i < 2'000; ++i) target.attack(edited(seeds[1 + random() % (seeds.size() - 1)], random));
}

INSTANTIATE_TEST_SUITE_P(Protobuf, SchemaBytesTest, ::testing::Values(&protobuf_target));
INSTANTIATE_TEST_SUITE_P(FlatBuffers, SchemaBytesTest, ::testing::Values(&flatbuffers_target));

}  // namespace
}  // namespace fabric::fuzz
