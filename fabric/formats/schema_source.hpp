#pragma once
// What the formats share in reading schemas: binary ones as text, places, exceptions. Functions without state, thread-safe.

#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "fabric/text.hpp"
#include "ipc/result.hpp"

namespace fabric::formats {

// The longest schema text that is read, in bytes; the longest payload that is decoded on the control plane.
inline constexpr std::size_t kMaxSchemaBytes = 4U << 20;
inline constexpr std::size_t kMaxPayloadBytes = 64U << 20;

// Holds a byte that text does not: a control character other than white space, or what is not UTF-8.
bool is_binary(std::string_view text) noexcept;

// Of texts that people may have wrapped or cut short: white space is skipped, padding may be missing. nullopt: not base64.
std::optional<std::string> base64_decoded(std::string_view text);

// Calls `function`, which returns a Result. The libraries throw where they find a bug of their own, and when memory is short;
// both must not cross ours, and become an error of `name`.
template <class Function>
auto guarded(ipc::ErrorCode code, const std::string& name, Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& failure) {
    return ipc::make_error(code, name + ": " + failure.what());
  }
}

// "line 3, column 7: "; both count from 1. Column 0: only the line.
std::string place(std::size_t line, std::size_t column);

}  // namespace fabric::formats
