#pragma once
// Output: a buffered writer for data, aligned tables for people, colours where they are wanted, and how a run is
// interrupted. Not thread-safe.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace fabric::evf {

using Json = nlohmann::ordered_json;  // keys come out in the order in which they were put in

// Colours only on a terminal, and not with NO_COLOR or TERM=dumb.
enum class Tone : unsigned char { plain, bold, dim, good, warn, bad };
bool is_terminal(int descriptor) noexcept;
std::size_t terminal_width(int descriptor) noexcept;  // 0: no terminal
std::string toned(std::string_view text, Tone tone, int descriptor);

// Data for one descriptor. Errors are remembered: nothing is written after the first.
class Output {
 public:
  explicit Output(int descriptor) noexcept : descriptor_(descriptor), terminal_(is_terminal(descriptor)) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  int descriptor() const noexcept { return descriptor_; }
  bool terminal() const noexcept { return terminal_; }
  void write(std::string_view bytes);
  // False: not everything reached the descriptor. Blocks; gives up when the run is interrupted.
  bool flush();
  bool failed() const noexcept { return error_ != 0; }
  bool closed() const noexcept;  // the reader of a pipe went away: no fault of ours
  int error() const noexcept { return error_; }

 private:
  int descriptor_;
  bool terminal_;
  int error_ = 0;
  std::string buffer_;
};

// Standard output of this run; run_command() flushes it at the end and turns a failure into the exit code.
Output& data();

void print_line(std::string_view line);  // to data(), with a newline
void print_json(const Json& object);     // one line; bytes that are not UTF-8 are replaced

struct Cell {
  Cell(std::string content, Tone how = Tone::plain) : text(std::move(content)), tone(how) {}
  Cell(const char* content) : text(content) {}
  std::string text;
  Tone tone = Tone::plain;
};

// Columns as wide as their widest cell, two blanks between them. A title that starts with '>' is right-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const noexcept { return rows_.empty(); }
  void print(std::string_view indent = "") const;

 private:
  struct Column {
    std::string title;
    bool right;
  };
  void print_row(const std::vector<Cell>& row, const std::vector<std::size_t>& widths, std::string_view indent) const;
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// SIGINT, SIGTERM and SIGHUP set a flag and end blocking calls; a closed pipe is an error of write(). Once per run.
void catch_signals() noexcept;
bool interrupted() noexcept;

}  // namespace fabric::evf
