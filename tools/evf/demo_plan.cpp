#include "tools/evf/demo_plan.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <iterator>

#include "ipc/checksum.hpp"

namespace fabric::evf::demo {

std::uint32_t Plan::publisher_of(std::uint32_t record) const noexcept {
  const auto key = line_of(record).key;
  // Other bits than those that pick the partition, so that both publishers meet in every partition.
  return static_cast<std::uint32_t>(ipc::hash_bytes(key.data(), key.size()) >> 32) % kPublishers;
}

void Plan::write_payload(std::uint32_t record, std::string& payload) const {
  payload.clear();
  fmt::format_to(std::back_inserter(payload), "#{} pass {}: {}", record, pass_of(record) + 1, line_of(record).text);
}

std::uint64_t Plan::content_hash(std::uint32_t record) const {
  std::string payload;
  write_payload(record, payload);
  return demo::content_hash(line_of(record).key, payload);
}

// The first record behind the middle whose key comes again.
Plan::Victims Plan::victims() const {
  const auto total = records();
  for (std::uint32_t first = total / 2; first < total; ++first) {
    const auto key = line_of(first).key_index;
    if (ordinal_of(first) + 1 == passes * input.lines_per_key()[key]) continue;
    for (auto second = first + 1; second < total; ++second) {
      if (line_of(second).key_index == key) return Victims{first, second};
    }
  }
  return {total / 2, total / 2};
}

std::uint64_t content_hash(std::string_view key, std::string_view payload) noexcept {
  return std::rotl(ipc::hash_bytes(key.data(), key.size()), 1) ^ ipc::hash_bytes(payload.data(), payload.size());
}

std::optional<std::uint32_t> record_number(std::string_view payload) noexcept {
  if (!payload.starts_with('#')) return std::nullopt;
  std::uint32_t number = 0;
  const auto* end = payload.data() + payload.size();
  const auto [after, fault] = std::from_chars(payload.data() + 1, end, number);
  if (fault != std::errc() || after == end || *after != ' ') return std::nullopt;
  return number;
}

}  // namespace fabric::evf::demo
