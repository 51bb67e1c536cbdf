#pragma once
// What is wrong with a catalog, and where: every problem of a run is collected, none hides the next one. Values; not
// thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fabric::catalog {

// Where something stands. Lines and columns count from 1; line 0: the file as a whole, or no file at all.
struct Place {
  std::string file{};
  std::uint32_t line = 0, column = 0;
  friend bool operator==(const Place&, const Place&) = default;
};
// "sales.yaml:12:5", "sales.yaml", or nothing.
std::string to_string(const Place& place);

enum class Severity : std::uint8_t { warning, error };
std::string_view to_string(Severity severity) noexcept;

struct Problem {
  Severity severity = Severity::error;
  Place place{};
  std::string rule{};     // in kebab-case, the same for the same cause: "unknown-key", "two-owners"
  std::string message{};  // what is wrong; what to do
};
// "sales.yaml:12:5: error: unknown key 'ownr'; did you mean 'owner'? [unknown-key]"
std::string to_string(const Problem& problem);

class Problems {
 public:
  void error(Place place, std::string rule, std::string message);
  void warning(Place place, std::string rule, std::string message);
  void add(const Problems& others);

  const std::vector<Problem>& all() const noexcept { return all_; }
  bool empty() const noexcept { return all_.empty(); }
  std::size_t errors() const noexcept;
  std::size_t warnings() const noexcept { return all_.size() - errors(); }
  // In order of file, line, column; those of one place as they were found.
  void sort();

 private:
  std::vector<Problem> all_;
};

// "; did you mean 'owner'?", or "; " + otherwise.
std::string hint(std::string_view word, const std::vector<std::string>& candidates, std::string_view otherwise);
// Text of unknown origin in quotes, cut at 60 bytes, control bytes and broken UTF-8 as \xNN.
std::string in_quotes(std::string_view text);

}  // namespace fabric::catalog
