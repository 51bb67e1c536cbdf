#include "fabric/json.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <unordered_set>
#include <vector>

namespace fabric::json {
namespace {

namespace bj = boost::json;

constexpr std::size_t kMaxDepth = 128;

std::string place(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto start = before.rfind('\n') + 1;  // 0 on the first line: npos + 1
  return "line " + std::to_string(line) + ", column " + std::to_string(before.size() - start + 1) + ": ";
}

// Steps through text that is JSON.
class Scanner {
 protected:
  explicit Scanner(std::string_view text) : text_(text) {}
  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  std::string_view string() {
    const auto start = at_++;
    while (text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    ++at_;
    return text_.substr(start, at_ - start);
  }
  // A number or a word.
  std::string_view plain() {
    const auto start = at_;
    while (at_ < text_.size() && std::string_view(",]} \t\r\n").find(text_[at_]) == std::string_view::npos) ++at_;
    return text_.substr(start, at_ - start);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// The first duplicate key; Boost keeps the last one silently.
class Duplicates : Scanner {
 public:
  explicit Duplicates(std::string_view text) : Scanner(text) {}
  // Offset of the key, or npos.
  std::size_t find() {
    value();
    return duplicate_;
  }
  const std::string& key() const { return key_; }

 private:
  void value() {
    space();
    switch (text_[at_]) {
      case '{': return object();
      case '[': return array();
      case '"': string(); return;
      default: plain();
    }
  }
  void array() {
    for (++at_, space(); text_[at_] != ']'; space()) {
      if (text_[at_] == ',') ++at_;
      value();
    }
    ++at_;
  }
  void object() {
    std::unordered_set<std::string> keys;
    for (++at_, space(); text_[at_] != '}'; space()) {
      if (text_[at_] == ',') ++at_;
      space();
      const auto start = at_;
      auto name = bj::value_to<std::string>(bj::parse(string()));
      if (const auto [key, added] = keys.insert(std::move(name)); !added && duplicate_ == std::string_view::npos) {
        duplicate_ = start;
        key_ = *key;
      }
      space();
      ++at_;  // the colon
      value();
    }
    ++at_;
  }

  std::size_t duplicate_ = std::string_view::npos;
  std::string key_;
};

// Gives every floating-point number the nearest value: Boost's own is off in the last bit where there are many digits or a large
// exponent, so what was printed would not read back as the same number.
class Numbers : Scanner {
 public:
  explicit Numbers(std::string_view text) : Scanner(text) {}
  void correct(bj::value& value) {
    space();
    if (auto* array = value.if_array()) {
      ++at_;
      for (auto& element : *array) next(element);
      leave();
    } else if (auto* object = value.if_object()) {
      ++at_;
      for (auto& pair : *object) {  // in the order of the text, since no key is there twice
        to_next();
        string();
        space();
        ++at_;  // the colon
        correct(pair.value());
      }
      leave();
    } else if (value.is_string()) {
      string();
    } else {
      const auto text = plain();
      double nearest = 0;
      if (value.is_double() && std::from_chars(text.data(), text.data() + text.size(), nearest).ec == std::errc())
        value = nearest;
    }
  }

 private:
  void to_next() {
    space();
    if (text_[at_] == ',') ++at_;
    space();
  }
  void next(bj::value& value) {
    to_next();
    correct(value);
  }
  void leave() {
    space();
    ++at_;  // the closing bracket
  }
};

void print_double(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
  if (std::string_view(digits, static_cast<std::size_t>(end - digits)).find_first_of(".e") == std::string_view::npos)
    out += ".0";  // so that it reads back as the same kind of number
}

void break_line(std::string& out, unsigned indent, unsigned level) {
  if (indent == 0) return;
  out += '\n';
  out.append(std::size_t{indent} * level, ' ');
}

void print_to(const bj::value& value, unsigned indent, unsigned level, std::string& out);

void print_array(const bj::array& array, unsigned indent, unsigned level, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i != 0) out += ',';
    break_line(out, indent, level + 1);
    print_to(array[i], indent, level + 1, out);
  }
  if (!array.empty()) break_line(out, indent, level);
  out += ']';
}

void print_object(const bj::object& object, unsigned indent, unsigned level, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : object) {
    if (!std::exchange(first, false)) out += ',';
    break_line(out, indent, level + 1);
    out += quote(key);
    out += indent == 0 ? ":" : ": ";
    print_to(value, indent, level + 1, out);
  }
  if (!object.empty()) break_line(out, indent, level);
  out += '}';
}

void print_to(const bj::value& value, unsigned indent, unsigned level, std::string& out) {
  switch (value.kind()) {
    case bj::kind::double_: return print_double(value.get_double(), out);
    case bj::kind::array: return print_array(value.get_array(), indent, level, out);
    case bj::kind::object: return print_object(value.get_object(), indent, level, out);
    default: out += bj::serialize(value);
  }
}

}  // namespace

ipc::Result<bj::value> parse(std::string_view text) {
  bj::parse_options options;
  options.max_depth = kMaxDepth;
  bj::parser parser({}, options);
  boost::system::error_code error;
  const auto read = parser.write_some(text.data(), text.size(), error);
  const auto refuse = [&](std::size_t offset, const std::string& what) {
    return ipc::make_error(ipc::ErrorCode::invalid_argument, place(text, offset) + what);
  };
  if (error) return refuse(read, error == bj::error::incomplete ? "the JSON ends too early" : error.message());
  if (const auto rest = text.find_first_not_of(" \t\r\n", read); rest != std::string_view::npos)
    return refuse(rest, "more text behind the JSON value");
  Duplicates duplicates(text);
  if (const auto offset = duplicates.find(); offset != std::string_view::npos)
    return refuse(offset, "the key " + quote(duplicates.key()) + " is there twice");
  auto value = parser.release();
  Numbers(text).correct(value);
  return value;
}

std::string print(const bj::value& value, unsigned indent) {
  std::string out;
  print_to(value, indent, 0, out);
  return out;
}

std::string quote(std::string_view text) { return bj::serialize(bj::string_view(text.data(), text.size())); }

bj::value sorted(const bj::value& value) {
  return sorted(value, [](const bj::value& leaf) { return leaf; });
}

bj::value sorted(const bj::value& value, Leaf leaf) {
  if (const auto* array = value.if_array()) {
    bj::array result;
    result.reserve(array->size());
    for (const auto& element : *array) result.push_back(sorted(element, leaf));
    return result;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return leaf(value);
  std::vector<const bj::key_value_pair*> pairs;
  for (const auto& pair : *object) pairs.push_back(&pair);
  std::sort(pairs.begin(), pairs.end(), [](const auto* a, const auto* b) { return a->key() < b->key(); });
  bj::object result;
  for (const auto* pair : pairs) result.emplace(pair->key(), sorted(pair->value(), leaf));
  return result;
}

bj::value merge_patch(const bj::value& target, const bj::value& patch) {
  if (!patch.is_object()) return patch;
  auto result = target.is_object() ? target.get_object() : bj::object();
  for (const auto& [key, change] : patch.get_object()) {
    if (change.is_null()) {
      result.erase(key);
      continue;
    }
    const auto* old = result.if_contains(key);
    result[key] = merge_patch(old != nullptr ? *old : bj::value(), change);
  }
  return result;
}

}  // namespace fabric::json
