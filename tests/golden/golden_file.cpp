#include "tests/golden/golden_file.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace fabric::testing {
namespace {

constexpr std::size_t kPerLine = 16;

}  // namespace

ipc::testing::Bytes read_golden(const std::string& name) {
  const auto path = std::string(EVF_SOURCE_DIR "/tests/golden/") + name;
  std::ifstream file(path);
  if (!file) {
    std::perror(path.c_str());
    std::abort();
  }
  ipc::testing::Bytes bytes;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("bytes ")) {
      bytes.resize(std::stoul(line.substr(6)));
      continue;
    }
    const auto colon = line.find(": ");
    const auto offset = std::stoul(line.substr(0, colon), nullptr, 16);
    for (std::size_t i = 0; i < kPerLine; ++i)
      bytes.at(offset + i) = static_cast<std::byte>(std::stoul(line.substr(colon + 2 + i * 2, 2), nullptr, 16));
  }
  return bytes;
}

void write_golden(const std::string& path, const std::string& comment, const ipc::testing::Bytes& bytes) {
  std::ostringstream text;
  text << "# " << comment << "\nbytes " << bytes.size() << '\n';
  char digits[16];
  for (std::size_t at = 0; at + kPerLine <= bytes.size(); at += kPerLine) {
    const auto line = std::span(bytes).subspan(at, kPerLine);
    if (std::all_of(line.begin(), line.end(), [](std::byte b) { return b == std::byte{0}; })) continue;
    std::snprintf(digits, sizeof digits, "%06zx: ", at);
    text << digits;
    for (const auto byte : line) {
      std::snprintf(digits, sizeof digits, "%02x", std::to_integer<unsigned>(byte));
      text << digits;
    }
    text << '\n';
  }
  std::ofstream(path) << text.str();
}

}  // namespace fabric::testing
