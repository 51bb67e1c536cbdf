#pragma once
// Reads one map of a catalog file: every key is asked for once, what was not asked for is unknown, and each problem has
// its place. Of one thread.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabric/catalog/text.hpp"
#include "fabric/catalog/yaml.hpp"

namespace fabric::catalog {

class MapReader {
 public:
  // `what`: what the map describes, as in "event 'OrderPlaced'". A node of another kind is reported, and read as an
  // empty map.
  MapReader(const YamlNode& node, std::string what, const std::string& file, Problems& problems);

  const std::string& what() const noexcept { return what_; }
  Place place() const { return place_of(node_); }
  Place place_of(const YamlNode& node) const { return {.file = file_, .line = node.line, .column = node.column}; }
  // The key's own place, for what is wrong with the pair as a whole; the map's when it is absent.
  Place key_place(std::string_view key) const;
  bool has(std::string_view key) const { return index_of(key).has_value(); }
  bool valid() const noexcept { return node_.kind == YamlNode::Kind::map; }

  // nullptr: absent, or without a value (reported).
  const YamlNode* take(std::string_view key);
  // Absence is reported, with `why` behind it: "; write ...".
  const YamlNode* need(std::string_view key, std::string_view why);
  // Of a text; absent: empty. Without the line break at its end.
  std::string text(std::string_view key);
  std::string needed_text(std::string_view key, std::string_view why);
  // A text that `parse` understands; `allowed` says what that is.
  template <class Value>
  std::optional<Value> value(std::string_view key, std::optional<Value> (*parse)(std::string_view),
                             std::string_view allowed) {
    const auto* node = take(key);
    if (node == nullptr || !is(*node, YamlNode::Kind::text, std::string("'") + std::string(key) + "'"))
      return std::nullopt;
    auto parsed = parse(node->text);
    if (!parsed)
      problems_.error(
          place_of(*node), "bad-value",
          std::string(key) + " is " + in_quotes(node->text) + " in " + what_ + "; write " + std::string(allowed));
    return parsed;
  }
  // Reports a node of another kind.
  bool is(const YamlNode& node, YamlNode::Kind kind, const std::string& name);
  // Reports keys that nobody asked for. `extra`: "KEY": what to do instead.
  void finish(const std::vector<std::pair<std::string, std::string>>& extra = {});

 private:
  std::optional<std::size_t> index_of(std::string_view key) const;

  const YamlNode& node_;
  std::string what_;
  const std::string& file_;
  Problems& problems_;
  std::vector<std::string> asked_;
};

}  // namespace fabric::catalog
