#include "tools/evf/terminal.hpp"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace fabric::evf {
namespace {

constexpr std::size_t kFlushBytes = 64 * 1024;

volatile std::sig_atomic_t g_interrupted = 0;

void on_signal(int) { g_interrupted = 1; }

const char* escape_of(Tone tone) noexcept {
  switch (tone) {
    case Tone::bold:
      return "\033[1m";
    case Tone::dim:
      return "\033[2m";
    case Tone::good:
      return "\033[32m";
    case Tone::warn:
      return "\033[33m";
    case Tone::bad:
      return "\033[1;31m";
    default:
      return "";
  }
}

bool wants_colour(int descriptor) noexcept {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  return terminal != nullptr && std::string_view(terminal) != "dumb" && is_terminal(descriptor);
}

// Characters, not bytes; every character counts as one column.
std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

bool is_terminal(int descriptor) noexcept { return isatty(descriptor) == 1; }

std::size_t terminal_width(int descriptor) noexcept {
  if (!is_terminal(descriptor)) return 0;
  winsize size{};
  const bool known = ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
  return std::max<std::size_t>(40, known ? size.ws_col : 80);
}

std::string toned(std::string_view text, Tone tone, int descriptor) {
  if (tone == Tone::plain || text.empty() || !wants_colour(descriptor)) return std::string(text);
  return escape_of(tone) + std::string(text) + "\033[0m";
}

void Output::write(std::string_view bytes) {
  if (failed()) return;
  buffer_.append(bytes);
  if (buffer_.size() >= kFlushBytes) flush();
}

bool Output::flush() {
  std::size_t written = 0;
  while (!failed() && written < buffer_.size()) {
    const auto result = ::write(descriptor_, buffer_.data() + written, buffer_.size() - written);
    if (result >= 0) {
      written += static_cast<std::size_t>(result);
    } else if (errno == EAGAIN) {
      usleep(1000);  // somebody made the descriptor non-blocking
      if (interrupted()) error_ = EINTR;
    } else if (errno != EINTR || interrupted()) {
      error_ = errno;
    }
  }
  buffer_.clear();
  return !failed();
}

bool Output::closed() const noexcept { return error_ == EPIPE; }

Output& data() {
  static Output output(STDOUT_FILENO);
  return output;
}

void print_line(std::string_view line) {
  data().write(line);
  data().write("\n");
}

void print_json(const Json& object) { print_line(object.dump(-1, ' ', false, Json::error_handler_t::replace)); }

Table::Table(std::vector<std::string> titles) {
  for (auto& title : titles) {
    const bool right = title.starts_with('>');
    columns_.push_back({right ? title.substr(1) : std::move(title), right});
  }
}

void Table::print(std::string_view indent) const {
  std::vector<std::size_t> widths;
  std::vector<Cell> head;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto width = width_of(columns_[i].title);
    for (const auto& row : rows_)
      if (i < row.size()) width = std::max(width, width_of(row[i].text));
    widths.push_back(width);
    head.emplace_back(columns_[i].title, Tone::dim);
  }
  print_row(head, widths, indent);
  for (const auto& row : rows_) print_row(row, widths, indent);
}

void Table::print_row(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                      std::string_view indent) const {
  std::string line(indent);
  std::string gap;  // put before the next cell that says something: no trailing blanks
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string padding(widths[i] - std::min(widths[i], width_of(row[i].text)), ' ');
    if (columns_[i].right) gap += padding;
    if (!row[i].text.empty()) {
      line += gap + toned(row[i].text, row[i].tone, data().descriptor());
      gap.clear();
    }
    if (!columns_[i].right) gap += padding;
    gap += "  ";
  }
  print_line(line);
}

void catch_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = on_signal;  // no SA_RESTART: a blocked read or write ends
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);  // nohup stays in force
  }
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

bool interrupted() noexcept { return g_interrupted != 0; }

}  // namespace fabric::evf
