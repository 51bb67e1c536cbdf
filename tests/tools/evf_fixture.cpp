#include "tests/tools/evf_fixture.hpp"

#include <fstream>
#include <sstream>

namespace fabric::evf::testing {

std::vector<Json> EvfFixture::lines_of(const std::string& ndjson) {
  std::vector<Json> objects;
  std::istringstream lines(ndjson);
  for (std::string line; std::getline(lines, line);) {
    objects.push_back(Json::parse(line, nullptr, false));
    EXPECT_TRUE(objects.back().is_object()) << line;
  }
  return objects;
}

void EvfFixture::write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string EvfFixture::read_file(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

void EvfFixture::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const auto byte = static_cast<char>(file.get() ^ (1 << bit));
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
  ASSERT_TRUE(file.good()) << path;
}

std::uint64_t EvfFixture::find_in_file(const std::string& path, const std::string& text) {
  const auto at = read_file(path).find(text);
  EXPECT_NE(at, std::string::npos) << text << " is not in " << path;
  return at;
}

std::string length_prefixed(const std::vector<std::string>& payloads) {
  std::string bytes;
  for (const auto& payload : payloads) {
    for (unsigned i = 0; i < 4; ++i) bytes += static_cast<char>(payload.size() >> (8 * i) & 0xff);
    bytes += payload;
  }
  return bytes;
}

}  // namespace fabric::evf::testing
