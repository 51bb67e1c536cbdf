#pragma once
// The names in a fabric directory: of topics, of their files, and of what is still in the making.
//
//   topics/NAME/P.ring                    partition P of a topic
//   STEM.<member>.<random>.tmp            made by the member with this id (both 16 hexadecimal digits) for as long as it
//                                         lives: the id is never used again and its death is proven by the kernel
//                                         (ipc/liveness.hpp), so what the dead left is recognised by its name
//
// Pure functions but private_name(). Thread-safe.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/liveness.hpp"
#include "ipc/result.hpp"

namespace fabric {

inline constexpr std::uint32_t kMaxPartitions = 1024;
inline constexpr std::size_t kMaxTopicName = 120;

// Errors: invalid_argument, saying which rule the name breaks.
ipc::Result<void> check_topic_name(const std::string& name);

std::string topics_directory(const std::string& fabric_directory);
std::string topic_path(const std::string& fabric_directory, const std::string& topic);
std::string partition_name(std::uint32_t partition);  // in the topic's directory

// A name that nobody else has or will ever have. `stem` starts with a dot. Errors: system.
ipc::Result<std::string> private_name(std::string_view stem, ipc::MemberId self);
// Whose private name it is; nullopt: not one of ours.
std::optional<ipc::MemberId> owner_of(std::string_view name);
// How many of them are names of something that is still in the making, or never was finished.
std::size_t count_temporaries(const std::vector<std::string>& names);

}  // namespace fabric
