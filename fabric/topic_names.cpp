#include "fabric/topic_names.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

namespace fabric {
namespace {

constexpr std::string_view kPrivateSuffix = ".tmp";

std::string hexadecimal(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

ipc::Result<void> check_topic_name(const std::string& name) {
  const auto bad = [&](const std::string& why) {
    return ipc::make_error(ipc::ErrorCode::invalid_argument,
                           "topic name '" + name + "' " + why + "; use 1 to 120 of the characters A-Z a-z 0-9 . _ -");
  };
  if (name.empty()) return bad("is empty");
  if (name.size() > kMaxTopicName) return bad("has " + std::to_string(name.size()) + " bytes");
  if (name.front() == '.') return bad("starts with a dot");
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (!std::all_of(name.begin(), name.end(), allowed)) return bad("has other characters");
  return {};
}

std::string topics_directory(const std::string& fabric_directory) { return fabric_directory + "/topics"; }

std::string topic_path(const std::string& fabric_directory, const std::string& topic) {
  return topics_directory(fabric_directory) + "/" + topic;
}

std::string partition_name(std::uint32_t partition) { return std::to_string(partition) + ".ring"; }

ipc::Result<std::string> private_name(std::string_view stem, ipc::MemberId self) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random)
    return ipc::system_error("getrandom for a private name", errno);
  return std::string(stem) + "." + hexadecimal(self) + "." + hexadecimal(random) + std::string(kPrivateSuffix);
}

std::optional<ipc::MemberId> owner_of(std::string_view name) {
  constexpr std::size_t kTail = 1 + 16 + 1 + 16 + kPrivateSuffix.size();
  if (name.size() < kTail + 2 || name.front() != '.' || !name.ends_with(kPrivateSuffix)) return std::nullopt;
  const auto tail = name.substr(name.size() - kTail);
  if (tail[0] != '.' || tail[17] != '.') return std::nullopt;
  ipc::MemberId owner = 0;
  const auto [end, fault] = std::from_chars(tail.data() + 1, tail.data() + 17, owner, 16);
  if (fault != std::errc() || end != tail.data() + 17 || owner == 0) return std::nullopt;
  return owner;
}

std::size_t count_temporaries(const std::vector<std::string>& names) {
  return static_cast<std::size_t>(std::count_if(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with('.') && name.ends_with(kPrivateSuffix);
  }));
}

}  // namespace fabric
