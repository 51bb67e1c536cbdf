// The fuzz body in every preset: the seeds and what comes of them by seeded random edits. The same inputs every time.

#include "tests/fuzz/envelope_bytes.hpp"

#include <gtest/gtest.h>

#include <random>

namespace fabric::fuzz {
namespace {

TEST(EnvelopeBytes, SeedsAreSurvived) {
  decode_hostile_envelope({});
  for (const auto& seed : envelope_seeds()) decode_hostile_envelope(seed);
}

TEST(EnvelopeBytes, RandomEditsAreSurvived) {
  std::mt19937_64 random(3);
  const auto seeds = envelope_seeds();
  for (int i = 0; i < 100'000; ++i) {
    auto input = seeds[random() % seeds.size()];
    if (random() % 2 == 0) input.resize(random() % 80, static_cast<std::uint8_t>(random() % 4));
    for (auto edits = random() % 6; edits > 0 && !input.empty(); --edits)
      input[random() % input.size()] = static_cast<std::uint8_t>(random() % 2 == 0 ? random() : random() % 12);
    decode_hostile_envelope(input);
  }
}

}  // namespace
}  // namespace fabric::fuzz
