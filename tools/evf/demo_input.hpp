#pragma once
// What evf demo publishes: lines with a key each. By default the package history of this machine.
// Immutable after it was read; thread-safe.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/result.hpp"

namespace fabric::evf::demo {

inline constexpr std::uint64_t kMaxLineBytes = 1 << 20, kMaxInputBytes = std::uint64_t{256} << 20;

struct InputOptions {
  std::string path;             // a file, "-" for standard input; empty: the package history
  std::uint32_t key_field = 0;  // the key is this word of a line, from 1; 0: 1, and the package in the package history
  std::uint32_t max_lines = 0;  // reads no more than this
  std::string root;             // where /var is (tests)
};

struct Line {
  std::string_view text, key;
  std::uint32_t key_index = 0;  // into the keys
  std::uint32_t ordinal = 0;    // how many lines before it have the same key
};

class Input {
 public:
  Input(Input&&) = default;  // lines point into the bytes: a copy's would point into the original's
  Input& operator=(Input&&) = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  // Errors: not_found, permission, invalid_argument (empty; a line or key that is too long), system. Blocks until the
  // end of a pipe, or until it was interrupted.
  static ipc::Result<Input> read(const InputOptions& options);

  const std::string& source() const noexcept { return source_; }      // "/var/log/dpkg.log"
  const std::string& key_name() const noexcept { return key_name_; }  // "package", "word 2"
  const std::vector<Line>& lines() const noexcept { return lines_; }
  const std::vector<std::uint32_t>& lines_per_key() const noexcept { return lines_per_key_; }
  bool cut() const noexcept { return cut_; }  // there was more

 private:
  Input() = default;
  using KeyOf = std::string_view (*)(std::string_view line, std::uint32_t field);
  ipc::Result<void> split(KeyOf key_of, std::uint32_t field, std::uint64_t max_lines);

  std::string source_, key_name_;
  std::vector<char> bytes_;  // the lines' memory; a vector keeps its address when it is moved
  std::vector<Line> lines_;
  std::vector<std::uint32_t> lines_per_key_;
  bool cut_ = false;
};

// The word at `field` (from 1) of a line; empty if there are fewer.
std::string_view word_of(std::string_view line, std::uint32_t field) noexcept;
// The package that a line of dpkg.log is about, without its architecture; "dpkg" for a line about dpkg itself.
std::string_view package_of(std::string_view line, std::uint32_t) noexcept;

}  // namespace fabric::evf::demo
