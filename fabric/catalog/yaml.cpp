#include "fabric/catalog/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "fabric/catalog/text.hpp"

namespace fabric::catalog {
namespace {

struct TooMuch {
  YAML::Mark mark;
  std::string message;
};
struct SecondDocument {
  YAML::Mark mark;
};

Place place_of(const std::string& file, const YAML::Mark& mark) {
  if (mark.is_null() || mark.line < 0) return {.file = file};
  return {.file = file,
          .line = static_cast<std::uint32_t>(mark.line) + 1,
          .column = static_cast<std::uint32_t>(mark.column) + 1};
}

// Builds the tree from the parser's events: they carry what its nodes lose (places of keys, duplicates, anchors).
class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& file, Problems& problems) : file_(file), problems_(problems) {}
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, {}, anchor);
    add(node(YamlNode::Kind::null, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    problems_.error(place_of(file_, mark), "anchor",
                    "a catalog has no aliases; write the value out, or use 'defaults'");
    add(node(YamlNode::Kind::null, mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    auto made = node(YamlNode::Kind::text, mark);
    made.text = value;
    add(std::move(made));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or map that is not complete yet. Of a map: `keys` is one longer than `values` while a value is to come.
  struct Open {
    YamlNode node;
    std::map<std::string, Place> seen;
    bool dropped = false;  // the value to come belongs to a key that was refused
  };

  YamlNode node(YamlNode::Kind kind, const YAML::Mark& mark) {
    if (++nodes_ > kMaxYamlNodes)
      throw TooMuch{mark, "more than " + std::to_string(kMaxYamlNodes) +
                              " values in one file; split it: one file per bounded context"};
    const auto place = place_of(file_, mark);
    return {.kind = kind, .line = place.line, .column = place.column};
  }

  void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      problems_.error(place_of(file_, mark), "anchor",
                      "a catalog has no anchors; write the value out, or use 'defaults'");
    if (!tag.empty() && tag != "?" && tag != "!")
      problems_.error(place_of(file_, mark), "tag", "a catalog has no tags; remove " + in_quotes(tag));
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (open_.size() >= kMaxYamlDepth)
      throw TooMuch{mark, "nested more than " + std::to_string(kMaxYamlDepth) +
                              " deep; a catalog is flat, see its documentation"};
    check(mark, tag, anchor);
    open_.push_back({.node = node(kind, mark), .seen = {}});
  }

  void close() {
    auto done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }

  void add(YamlNode made) {
    if (open_.empty()) {
      root_ = std::move(made);
      return;
    }
    auto& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::map && !parent.dropped &&
        parent.node.keys.size() == parent.node.values.size())
      return add_key(parent, std::move(made));
    if (std::exchange(parent.dropped, false)) return;
    if (made.kind == YamlNode::Kind::null && parent.node.kind == YamlNode::Kind::map) {
      made.line = parent.node.keys.back().line;  // the parser's place of a value that is not there is somewhere behind
      made.column = parent.node.keys.back().column;
    }
    parent.node.values.push_back(std::move(made));
  }

  void add_key(Open& parent, YamlNode key) {
    const Place place{.file = file_, .line = key.line, .column = key.column};
    if (key.kind != YamlNode::Kind::text) {
      problems_.error(
          place, "wrong-type",
          "a key has to be text, not " + std::string(to_string(key.kind)) + "; write one word, or quote it");
      parent.dropped = true;
    } else if (key.text == "<<") {
      problems_.error(place, "anchor", "a catalog has no merge keys; write the values out, or use 'defaults'");
      parent.dropped = true;
    } else if (const auto [first, fresh] = parent.seen.emplace(key.text, place); !fresh) {
      problems_.error(place, "duplicate-key",
                      "the key " + in_quotes(key.text) + " is there twice; the first is in line " +
                          std::to_string(first->second.line));
      parent.dropped = true;
    } else {
      parent.node.keys.push_back(std::move(key));
    }
  }

  const std::string& file_;
  Problems& problems_;
  std::vector<Open> open_;
  YamlNode root_;
  std::size_t nodes_ = 0;
};

// Ends at the first sign of another document.
class NoMore final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { throw SecondDocument{mark}; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Whether the bytes are worth parsing: yaml-cpp replaces or stops at what is not text.
bool check_bytes(std::string_view text, const std::string& file, Problems& problems) {
  if (text.size() > kMaxYamlBytes) {
    problems.error({.file = file}, "too-large",
                   "the file has " + std::to_string(text.size()) +
                       " bytes, at most 1 MiB; split it: one file per bounded context");
    return false;
  }
  std::uint32_t line = 0;
  while (!text.empty()) {
    ++line;
    const auto end = text.find('\n');
    const auto row = text.substr(0, end);
    const auto bad = std::find_if(row.begin(), row.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r') || c == '\x7f';
    });
    if (bad != row.end() || !is_utf8(row)) {
      problems.error({.file = file,
                      .line = line,
                      .column = static_cast<std::uint32_t>(bad == row.end() ? 0 : bad - row.begin()) + 1},
                     "not-text",
                     bad == row.end() ? "this line is not UTF-8; save the file as UTF-8"
                                      : "a control byte " + in_quotes(std::string_view(&*bad, 1)) + "; remove it");
      return false;
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return true;
}

// What the parser says, in our words where we know what is meant.
std::string explain(const YAML::Exception& error) {
  return "this is not YAML: " + printable(error.msg) +
         "; check the indentation, and quote text that has ': ' or begins with a special character";
}

}  // namespace

std::string_view to_string(YamlNode::Kind kind) noexcept {
  switch (kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::text:
      return "text";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
  }
  return "?";
}

std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& file, Problems& problems) {
  if (!check_bytes(text, file, problems)) return std::nullopt;
  try {
    // Without what is blank at the end: yaml-cpp takes quoted text that ends there for complete.
    std::istringstream stream{std::string(text.substr(0, text.find_last_not_of(" \t\r\n") + 1))};
    YAML::Parser parser(stream);
    Builder builder(file, problems);
    if (!parser.HandleNextDocument(builder)) {
      problems.error({.file = file}, "empty", "the file is empty; begin it with 'catalog: 1' and 'context: NAME'");
      return std::nullopt;
    }
    NoMore no_more;
    parser.HandleNextDocument(no_more);
    return builder.take();
  } catch (const SecondDocument& second) {
    problems.error(place_of(file, second.mark), "several-documents",
                   "a second document begins; put each context in a file of its own");
  } catch (const TooMuch& much) {
    problems.error(place_of(file, much.mark), "too-large", much.message);
  } catch (const YAML::Exception& error) {
    problems.error(place_of(file, error.mark), "not-yaml", explain(error));
  } catch (const std::exception& error) {
    problems.error({.file = file}, "not-yaml", "this is not YAML: " + printable(error.what()) + "; rewrite it");
  }
  return std::nullopt;
}

}  // namespace fabric::catalog
