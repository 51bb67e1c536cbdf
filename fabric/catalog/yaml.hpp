#pragma once
// The part of YAML that a catalog is written in, as a tree with places: one document of maps, lists and text.
//
// Every scalar is text; what it means is the reader's business, so `no`, `1.10` and 0x10 stay as they were written.
// Refused, each with its place: duplicate keys, keys that are no text, anchors, aliases and merge keys (so nothing can
// be expanded: a small file is a small tree), tags, several documents, more than 1 MiB, 50,000 nodes or 24 levels,
// bytes that are not UTF-8. Thread-safe; no exception comes out.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/catalog/problem.hpp"

namespace fabric::catalog {

inline constexpr std::size_t kMaxYamlBytes = 1 << 20, kMaxYamlNodes = 50'000, kMaxYamlDepth = 24;

struct YamlNode {
  enum class Kind : std::uint8_t { null, text, list, map };
  Kind kind = Kind::null;
  std::uint32_t line = 0, column = 0;  // from 1
  std::string text{};                  // of a text
  std::vector<YamlNode> keys{};        // of a map: texts, each once, in the file's order
  std::vector<YamlNode> values{};      // of a map: one for each key; of a list: its elements
};
// "text", "a list", "a map", "nothing".
std::string_view to_string(YamlNode::Kind kind) noexcept;

// nullopt: there is no tree, and at least one problem says why. A tree may come with problems as well. `file` is for
// places only.
std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& file, Problems& problems);

}  // namespace fabric::catalog
