#pragma once
// Decisions for generators, drawn from bytes that RapidCheck makes and shrinks: fewer and smaller bytes are simpler
// decisions. When the bytes are used up, every decision is the first one.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fabric::formats::testing {

class Choices {
 public:
  explicit Choices(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}

  // Less than `count`, which is at least 1 and at most 256.
  std::size_t below(std::size_t count) { return byte() % count; }
  bool chance(std::size_t in) { return below(in) == in - 1; }
  // Small numbers, large ones, and those at the edges.
  std::uint64_t number() {
    switch (below(4)) {
      case 0:
        return below(8);
      case 1:
        return ~std::uint64_t{0} - below(8);
      case 2:
        return std::uint64_t{1} << below(64);
      default:
        break;
    }
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  std::string text() {
    static constexpr const char* kPieces[] = {"a", "", "0", "\"", "\\", "ä", "\xf0\x9f\x98\x80", "\n", "true", " "};
    std::string out;
    for (auto pieces = below(4); pieces > 0; --pieces) out += kPieces[below(std::size(kPieces))];
    return out;
  }
  template <class List>
  auto& pick(List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::uint8_t byte() { return at_ < bytes_.size() ? bytes_[at_++] : std::uint8_t{0}; }

  std::vector<std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

}  // namespace fabric::formats::testing
