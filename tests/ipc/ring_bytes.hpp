#pragma once
// Ring files as bytes: read, written, and with the checksums of header and boot records made to fit again after a
// change.

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "ipc/checksum.hpp"
#include "ipc/layout.hpp"

namespace fabric::ipc::testing {

using Bytes = std::vector<std::byte>;
using BootId = std::array<std::uint8_t, 16>;

inline Bytes read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  return {bytes.begin(), bytes.end()};
}

// Replaces the file: who has the former one mapped keeps it.
inline void write_bytes(const std::string& path, std::span<const std::byte> bytes) {
  ::remove(path.c_str());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

template <class T>
T load_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}
template <class T>
void store_at(std::span<std::byte> bytes, std::uint64_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

inline void seal_header(std::span<std::byte> file) {
  if (file.size() < sizeof(RingHeader)) return;
  auto header = load_at<RingHeader>(file, 0);
  header.header_checksum = 0;
  header.header_checksum = hash_bytes(&header, sizeof header);
  store_at(file, 0, header);
}

// Both boot records, as they are but of the boot `boot`.
inline void seal_boots(std::span<std::byte> file, const BootId& boot) {
  if (file.size() < kPage) return;
  const auto header = load_at<RingHeader>(file, 0);
  for (const auto offset : kBootOffsets) {
    auto record = load_at<BootRecord>(file, offset);
    std::memcpy(record.boot_id, boot.data(), boot.size());
    record.checksum = header.ring_id[0];
    record.checksum = hash_bytes(&record, sizeof record);
    store_at(file, offset, record);
  }
}

}  // namespace fabric::ipc::testing
