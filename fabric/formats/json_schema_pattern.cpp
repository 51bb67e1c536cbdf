#include "fabric/formats/json_schema_pattern.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>

#include "fabric/json.hpp"

namespace fabric::formats::jsonschema {
namespace {

// White space of ECMA-262, and all else, as the inside of a character class.
constexpr std::string_view kSpace =
    R"(\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";
constexpr std::string_view kNoSpace =
    R"(\x{0}-\x{8}\x{e}-\x{1f}!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e})"
    R"(\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff})";

// General categories by their long names; RE2 knows the short ones.
constexpr std::pair<std::string_view, std::string_view> kCategories[] = {
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
};

std::string code_point(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "\\x{%x}", value);
  return text;
}

class Translator {
 public:
  explicit Translator(std::string_view expression) : in_(expression) {}

  ipc::Result<std::string> run() {
    while (at_ < in_.size() && wrong_.empty()) step();
    if (wrong_.empty()) return std::move(out_);
    return ipc::make_error(ipc::ErrorCode::invalid_argument, wrong_);
  }

 private:
  bool starts(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  void refuse(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
  }

  void step() {
    switch (in_[at_]) {
      case '\\':
        return escape(false);
      case '[':
        return character_class();
      case '(':
        return group();
      case '.':
        ++at_;
        out_ += R"([^\n\r\x{2028}\x{2029}])";
        return;
      default:
        out_ += in_[at_++];
    }
  }

  void group() {
    if (starts("(?=") || starts("(?!") || starts("(?<=") || starts("(?<!"))
      return refuse("look-around is not supported: it needs backtracking");
    if (starts("(?:")) {
      at_ += 3;
    } else if (starts("(?<")) {
      const auto end = in_.find('>', at_);
      if (end == std::string_view::npos) return refuse("the name of a group does not end");
      at_ = end + 1;
    } else if (starts("(?")) {
      return refuse("there is nothing to repeat behind '('");
    } else {
      ++at_;
    }
    out_ += "(?:";
  }

  void character_class() {
    ++at_;
    const bool negated = starts("^");
    if (negated) ++at_;
    if (starts("]")) {
      ++at_;
      out_ += negated ? R"([\x{0}-\x{10ffff}])" : R"([^\x{0}-\x{10ffff}])";
      return;
    }
    out_ += negated ? "[^" : "[";
    while (at_ < in_.size() && in_[at_] != ']' && wrong_.empty()) {
      if (in_[at_] == '\\')
        escape(true);
      else if (in_[at_] == '[' || in_[at_] == '^')
        (out_ += '\\') += in_[at_++];
      else
        out_ += in_[at_++];
    }
    if (at_ >= in_.size()) return refuse("a character class does not end");
    out_ += ']';
    ++at_;
  }

  void escape(bool in_class) {
    if (++at_ >= in_.size()) return refuse("a backslash stands at the end");
    const char letter = in_[at_++];
    switch (letter) {
      case 'd':
      case 'D':
      case 'w':
      case 'W':
      case 't':
      case 'n':
      case 'r':
      case 'f':
      case 'v':
        (out_ += '\\') += letter;
        return;
      case 's':
      case 'S':
        if (!in_class) out_ += '[';
        out_ += letter == 's' ? kSpace : kNoSpace;
        if (!in_class) out_ += ']';
        return;
      case 'b':
        out_ += in_class ? R"(\x{8})" : R"(\b)";
        return;
      case 'B':
        if (in_class) return refuse("\\B stands in a character class");
        out_ += R"(\B)";
        return;
      case '0':
        if (at_ < in_.size() && in_[at_] >= '0' && in_[at_] <= '9') return refuse("an octal escape");
        out_ += R"(\x{0})";
        return;
      case 'c':
        if (at_ >= in_.size() || ((in_[at_] | 0x20) < 'a' || (in_[at_] | 0x20) > 'z'))
          return refuse("\\c needs a letter");
        out_ += code_point(static_cast<std::uint32_t>(in_[at_++] & 0x1f));
        return;
      case 'x':
        return literal(hexadecimal(2));
      case 'u':
        return unicode();
      case 'p':
      case 'P':
        return property(letter);
      case 'k':
        return refuse("back-references are not supported: they need backtracking");
      default:
        return punctuation(letter);
    }
  }

  void punctuation(char letter) {
    if (letter >= '1' && letter <= '9') return refuse("back-references are not supported: they need backtracking");
    if (std::string_view("^$\\.*+?()[]{}|/-").find(letter) == std::string_view::npos)
      return refuse(std::string("unknown escape \\") + letter);
    (out_ += '\\') += letter;
  }

  void literal(std::optional<std::uint32_t> value) {
    if (value) out_ += code_point(*value);
  }

  std::optional<std::uint32_t> hexadecimal(std::size_t digits) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      const auto digit = at_ < in_.size()
                             ? std::string_view("0123456789abcdef").find(static_cast<char>(in_[at_] | 0x20))
                             : std::string_view::npos;
      if (digit == std::string_view::npos) {
        refuse("a hexadecimal escape is too short");
        return std::nullopt;
      }
      value = value * 16 + static_cast<std::uint32_t>(digit);
    }
    return value;
  }

  void unicode() {
    if (starts("{")) {
      const auto end = in_.find('}', at_);
      if (end == std::string_view::npos || end - at_ < 2 || end - at_ > 7)
        return refuse("\\u{...} needs 1 to 6 digits");
      const auto digits = end - ++at_;
      const auto value = hexadecimal(digits);
      ++at_;
      return literal(value);
    }
    auto value = hexadecimal(4);
    if (value && *value >= 0xd800 && *value < 0xdc00 && starts("\\u")) {
      at_ += 2;
      const auto low = hexadecimal(4);
      if (low && (*low < 0xdc00 || *low > 0xdfff)) return refuse("half of a surrogate pair");
      if (low) value = 0x10000 + ((*value - 0xd800) << 10) + (*low - 0xdc00);
    }
    literal(value);
  }

  void property(char letter) {
    const auto end = starts("{") ? in_.find('}', at_) : std::string_view::npos;
    if (end == std::string_view::npos) return refuse("\\p needs a property in braces");
    auto name = in_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    for (const std::string_view prefix : {"General_Category=", "gc=", "Script=", "sc="})
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    const auto* category = std::find_if(std::begin(kCategories), std::end(kCategories),
                                        [&](const auto& entry) { return entry.first == name; });
    if (category != std::end(kCategories)) name = category->second;
    ((((out_ += '\\') += letter) += '{') += name) += '}';
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_, wrong_;
};

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(const std::string& expression) : matcher(expression, options()) {}
  static RE2::Options options() {
    RE2::Options options(RE2::Quiet);
    options.set_never_capture(true);
    return options;
  }
  RE2 matcher;
};

ipc::Result<std::string> to_re2(std::string_view expression) { return Translator(expression).run(); }

ipc::Result<Pattern> Pattern::compile(std::string_view expression) {
  const auto refuse = [&](const std::string& why) {
    return ipc::make_error(ipc::ErrorCode::invalid_argument,
                           "the regular expression " + json::quote(expression) + " cannot be used: " + why);
  };
  const auto translated = to_re2(expression);
  if (!translated) return refuse(translated.error().message);
  Pattern pattern;
  pattern.text_ = expression;
  auto compiled = std::make_shared<Compiled>(*translated);
  if (!compiled->matcher.ok()) return refuse(compiled->matcher.error());
  pattern.compiled_ = std::move(compiled);
  return pattern;
}

bool Pattern::found_in(std::string_view utf8) const {
  return RE2::PartialMatch(re2::StringPiece(utf8.data(), utf8.size()), compiled_->matcher);
}

}  // namespace fabric::formats::jsonschema
