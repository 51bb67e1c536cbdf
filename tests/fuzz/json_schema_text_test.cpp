// The fuzz body in every preset: the seeds and what comes of them by seeded random edits. The same inputs every time.

#include "tests/fuzz/json_schema_text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>

namespace fabric::fuzz {
namespace {

TEST(JsonSchemaText, SeedsAreSurvived) {
  read_hostile_schema({});
  for (const auto& seed : json_schema_seeds()) read_hostile_schema(seed);
}

TEST(JsonSchemaText, RandomEditsAreSurvived) {
  std::mt19937_64 random(3);
  const auto seeds = json_schema_seeds();
  const auto& words = json_schema_words();
  for (int i = 0; i < 10'000; ++i) {
    auto input = seeds[random() % seeds.size()];
    for (auto edits = 1 + random() % 3; edits > 0 && !input.empty(); --edits) {
      const auto at = static_cast<std::ptrdiff_t>(random() % input.size());
      const auto& word = words[random() % words.size()];
      switch (random() % 4) {
        case 0:
          input[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random());
          break;
        case 1:
          input.insert(input.begin() + at, word.begin(), word.end());
          break;
        case 2:
          input.erase(input.begin() + at,
                      input.begin() + std::min<std::ptrdiff_t>(at + 4, static_cast<std::ptrdiff_t>(input.size())));
          break;
        default: {
          // Where a value stands, so that it stays JSON.
          const auto colon = std::find(input.begin() + at, input.end(), ':');
          if (colon != input.end() && *std::next(colon) != '{' && *std::next(colon) != '[')
            input.erase(std::next(colon),
                        std::find_if(colon, input.end(), [](auto byte) { return byte == ',' || byte == '}'; }));
          if (colon != input.end()) input.insert(std::next(colon), word.begin(), word.end());
        }
      }
    }
    read_hostile_schema(input);
  }
}

}  // namespace
}  // namespace fabric::fuzz
