#include "fabric/catalog/map_reader.hpp"

#include <algorithm>

namespace fabric::catalog {

MapReader::MapReader(const YamlNode& node, std::string what, const std::string& file, Problems& problems)
    : node_(node), what_(std::move(what)), file_(file), problems_(problems) {
  if (!valid())
    problems_.error(
        place(), "wrong-type",
        what_ + " has to be a map, not " + std::string(to_string(node.kind)) + "; write KEY: VALUE below it");
}

std::optional<std::size_t> MapReader::index_of(std::string_view key) const {
  const auto found =
      std::find_if(node_.keys.begin(), node_.keys.end(), [&](const auto& known) { return known.text == key; });
  if (found == node_.keys.end()) return std::nullopt;
  return static_cast<std::size_t>(found - node_.keys.begin());
}

Place MapReader::key_place(std::string_view key) const {
  const auto index = index_of(key);
  return index ? place_of(node_.keys[*index]) : place();
}

const YamlNode* MapReader::take(std::string_view key) {
  asked_.emplace_back(key);
  const auto index = index_of(key);
  if (!index) return nullptr;
  const auto& value = node_.values[*index];
  if (value.kind != YamlNode::Kind::null) return &value;
  problems_.error(place_of(node_.keys[*index]), "no-value",
                  "'" + std::string(key) + "' of " + what_ + " has no value; give it one, or remove it");
  return nullptr;
}

const YamlNode* MapReader::need(std::string_view key, std::string_view why) {
  const auto* value = take(key);
  if (value == nullptr && !index_of(key) && valid())
    problems_.error(place(), "missing-key", what_ + " has no '" + std::string(key) + "'; " + std::string(why));
  return value;
}

bool MapReader::is(const YamlNode& node, YamlNode::Kind kind, const std::string& name) {
  if (node.kind == kind) return true;
  problems_.error(place_of(node), "wrong-type",
                  name + " of " + what_ + " has to be " + std::string(to_string(kind)) + ", not " +
                      std::string(to_string(node.kind)) +
                      (kind == YamlNode::Kind::list  ? "; write [a, b]"
                       : kind == YamlNode::Kind::map ? "; write KEY: VALUE below it"
                                                     : "; write one value"));
  return false;
}

std::string MapReader::text(std::string_view key) {
  const auto* node = take(key);
  if (node == nullptr || !is(*node, YamlNode::Kind::text, "'" + std::string(key) + "'")) return {};
  auto text = node->text;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.empty())
    problems_.error(place_of(*node), "no-value",
                    "'" + std::string(key) + "' of " + what_ + " is empty; give it a value, or remove it");
  return text;
}

std::string MapReader::needed_text(std::string_view key, std::string_view why) {
  if (index_of(key)) return text(key);
  need(key, why);
  return {};
}

void MapReader::finish(const std::vector<std::pair<std::string, std::string>>& extra) {
  for (const auto& key : node_.keys) {
    if (std::find(asked_.begin(), asked_.end(), key.text) != asked_.end()) continue;
    const auto special =
        std::find_if(extra.begin(), extra.end(), [&](const auto& pair) { return pair.first == key.text; });
    auto known = asked_;
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    const auto advice =
        special == extra.end() ? hint(key.text, known, "allowed: " + joined(known)) : "; " + special->second;
    problems_.error(place_of(key), "unknown-key", "unknown key " + in_quotes(key.text) + " in " + what_ + advice);
  }
}

}  // namespace fabric::catalog
