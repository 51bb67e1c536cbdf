// The fuzz body in every preset: the seeds, and seeded random inputs for some seconds. The same inputs every time.

#include "tests/fuzz/ring_image.hpp"

#include <gtest/gtest.h>

#include <random>

#include "ipc/clock.hpp"

namespace fabric::fuzz {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class RingImageTest : public ::testing::Test {
 protected:
  static RingImage& image() {
    static RingImage attacked;
    return attacked;
  }
};

// Values that are near something: random, small, one bit, all ones but few.
std::uint64_t pick_value(std::mt19937_64& random) {
  switch (random() % 5) {
    case 0:
      return random() % 64;
    case 1:
      return random() >> random() % 64;
    case 2:
      return std::uint64_t{1} << random() % 64;
    case 3:
      return ~(random() % 256);
    default:
      return random();
  }
}

std::vector<std::uint8_t> pick_input(std::mt19937_64& random) {
  const auto unlikely = [&](std::uint64_t flag) { return random() % 16 == 0 ? flag : 0; };
  const auto image = (random() & kBaseMask) | unlikely(kBreakHeader) | unlikely(kBreakBoot);
  const auto actions = (random() & 0x7f) | (random() % 4 == 0 ? std::uint64_t{kRecover} : 0);
  std::vector<std::uint8_t> input{static_cast<std::uint8_t>(image), static_cast<std::uint8_t>(actions)};
  for (auto edits = 1 + random() % 12; edits > 0; --edits) {
    // The header is mended or refused: rarely worth it. The whole file is region 0.
    auto region = random() % kRegions;
    if (region <= 1) region = random() % kRegions;
    append_edit(input, {.place = static_cast<std::uint16_t>(random()),
                        .operation = static_cast<std::uint8_t>(region << 4 | random() % kEditKinds),
                        .argument = static_cast<std::uint8_t>(random()),
                        .value = pick_value(random)});
  }
  return input;
}

TEST_F(RingImageTest, SeedsAreSurvived) {
  for (const auto& seed : image().seeds()) image().attack(seed);
}

TEST_F(RingImageTest, RandomEditsAreSurvived) {
  const auto end = ipc::monotonic_ns() + 5 * kSecond;
  std::uint64_t inputs = 0;
  for (; ipc::monotonic_ns() < end; ++inputs) {
    std::mt19937_64 random(inputs);  // each input can be made again from its number
    image().attack(pick_input(random));
  }
  RecordProperty("inputs", std::to_string(inputs));
  EXPECT_GT(inputs, 20U);
}

TEST_F(RingImageTest, EveryTruncationIsSurvived) {
  auto whole = image().seeds().back();
  ASSERT_NE(whole[0] & kWhole, 0);
  while (whole.size() > 300) {
    image().attack(whole);
    whole.resize(whole.size() - 256);
  }
}

TEST_F(RingImageTest, RandomFilesAreSurvived) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 200; ++i) {
    auto input = image().seeds().back();
    const auto from = 2 + random() % (input.size() - 2);
    for (auto at = from; at < input.size() && at < from + random() % 2000; ++at)
      input[at] = static_cast<std::uint8_t>(random());
    image().attack(input);
  }
}

}  // namespace
}  // namespace fabric::fuzz
