#pragma once
// Regular expressions of schemas: the syntax of ECMA-262 (with the flag u), matched by RE2 in time linear in the text
// and bounded memory, so a payload cannot make them run long or deep. What needs backtracking (back-references,
// look-around) is refused. Immutable and thread-safe.

#include <memory>
#include <string>
#include <string_view>

#include "ipc/result.hpp"

namespace fabric::formats::jsonschema {

class Pattern {
 public:
  // Errors: invalid_argument: what is wrong with the expression, or not supported in it.
  static ipc::Result<Pattern> compile(std::string_view expression);

  const std::string& text() const noexcept { return text_; }
  // Whether it matches somewhere in UTF-8 text: it is not anchored.
  bool found_in(std::string_view utf8) const;

 private:
  struct Compiled;
  Pattern() = default;
  std::string text_;
  std::shared_ptr<const Compiled> compiled_;
};

// The same expression in RE2's syntax.
ipc::Result<std::string> to_re2(std::string_view expression);

}  // namespace fabric::formats::jsonschema
