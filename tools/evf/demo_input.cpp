#include "tools/evf/demo_input.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>

#include "fabric/event/envelope.hpp"
#include "ipc/file_lock.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf::demo {
namespace {

using ipc::ErrorCode;
using ipc::make_error;
using ipc::Result;
using ipc::system_error;

constexpr const char* kHistory = "/var/log/dpkg.log";
constexpr const char* kOlderHistory = "/var/log/dpkg.log.1";
constexpr const char* kDatabase = "/var/lib/dpkg/status";

// Appends what the descriptor has, up to kMaxInputBytes in all. True: there was more.
Result<bool> append_all(int descriptor, const std::string& name, std::vector<char>& bytes) {
  constexpr std::size_t kChunk = 1 << 20;
  for (;;) {
    if (bytes.size() >= kMaxInputBytes) return true;
    const auto before = bytes.size();
    bytes.resize(before + kChunk);
    const auto got = ::read(descriptor, bytes.data() + before, kChunk);
    const int failure = errno;
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return false;
    if (got > 0) continue;
    if (failure != EINTR) return system_error("read " + name, failure);
    if (interrupted())
      return make_error(ErrorCode::system, "interrupted while reading " + name + "; nothing was published");
  }
}

Result<bool> append_file(const std::string& path, std::vector<char>& bytes) {
  if (path == "-") return append_all(STDIN_FILENO, "standard input", bytes);
  const ipc::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("open " + path, errno);
  return append_all(file.get(), path, bytes);
}

// The package database as lines: "package version status".
std::vector<char> list_packages(std::string_view database) {
  std::string out, package, version, status;
  const auto field = [](std::string_view line, std::string_view name, std::string& value) {
    if (line.starts_with(name)) value = line.substr(name.size());
  };
  while (!database.empty() || !package.empty()) {
    const auto end = std::min(database.find('\n'), database.size());
    const auto line = database.substr(0, end);
    database.remove_prefix(std::min(end + 1, database.size()));
    field(line, "Package: ", package);
    field(line, "Version: ", version);
    field(line, "Status: ", status);
    if (!line.empty() && !database.empty()) continue;
    if (!package.empty()) out += fmt::format("{} {} {}\n", package, version.empty() ? "-" : version, status);
    package.clear(), version.clear(), status.clear();
  }
  return {out.begin(), out.end()};
}

bool has_content(const std::string& path) {
  const ipc::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  return file && ::read(file.get(), &byte, 1) == 1;
}

}  // namespace

std::string_view word_of(std::string_view line, std::uint32_t field) noexcept {
  constexpr std::string_view kBlank = " \t\r";
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    const auto end = std::min(line.find_first_of(kBlank), line.size());
    if (field <= 1) return line.substr(0, end);
    --field;
    line.remove_prefix(end);
    if (line.empty()) return {};
  }
}

std::string_view package_of(std::string_view line, std::uint32_t) noexcept {
  const auto action = word_of(line, 3);
  if (action == "startup" || action.empty()) return "dpkg";
  const auto package = word_of(line, action == "status" ? 5 : 4);
  return package.empty() ? "dpkg" : package.substr(0, package.find(':'));
}

Result<Input> Input::read(const InputOptions& options) {
  Input input;
  KeyOf key_of = word_of;
  auto field = std::max(options.key_field, 1U);
  input.key_name_ = fmt::format("word {}", field);
  Result<bool> more = false;
  const auto history = options.root + kHistory, older = options.root + kOlderHistory,
             database = options.root + kDatabase;
  if (!options.path.empty()) {
    input.source_ = options.path == "-" ? "standard input" : options.path;
    more = append_file(options.path, input.bytes_);
  } else if (has_content(history)) {
    input.source_ = history;
    if (options.key_field == 0) key_of = package_of, input.key_name_ = "package";
    if (has_content(older)) {
      input.source_ = older + " and " + history;
      more = append_file(older, input.bytes_);
      if (more && !input.bytes_.empty() && input.bytes_.back() != '\n') input.bytes_.push_back('\n');
    }
    if (more && !*more) more = append_file(history, input.bytes_);
  } else {
    input.source_ = database;
    if (options.key_field == 0) input.key_name_ = "package";
    more = append_file(database, input.bytes_);
    if (!more && more.error().code == ErrorCode::not_found)
      return make_error(ErrorCode::not_found,
                        fmt::format("this machine has no package history (neither {} nor {}); name a file to "
                                    "publish, or - for standard input",
                                    history, database));
    if (more) input.bytes_ = list_packages({input.bytes_.data(), input.bytes_.size()});
  }
  if (!more) return more.error();
  input.cut_ = *more;
  if (auto split = input.split(key_of, field, options.max_lines); !split) return split.error();
  return input;
}

Result<void> Input::split(KeyOf key_of, std::uint32_t field, std::uint64_t max_lines) {
  std::unordered_map<std::string_view, std::uint32_t> keys;
  std::string_view rest(bytes_.data(), bytes_.size());
  for (std::uint64_t number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (end == rest.size() && cut_ && !lines_.empty()) break;  // half a line
    const auto text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (text.empty()) continue;
    if (lines_.size() == max_lines) {
      cut_ = true;
      break;
    }
    const auto key = key_of(text, field);
    if (text.size() > kMaxLineBytes)
      return make_error(ErrorCode::invalid_argument,
                        fmt::format("line {} of {} has {} bytes; the demo takes lines up to {}", number, source_,
                                    format_count(text.size()), format_bytes(kMaxLineBytes)));
    if (key.size() > kMaxKeyBytes)
      return make_error(
          ErrorCode::invalid_argument,
          fmt::format("the key ({}) of line {} of {} has {} bytes, at most {} are allowed; choose another word with "
                      "--key-field",
                      key_name_, number, source_, format_count(key.size()), kMaxKeyBytes));
    const auto [found, is_new] = keys.emplace(key, static_cast<std::uint32_t>(keys.size()));
    if (is_new) lines_per_key_.push_back(0);
    lines_.push_back({text, key, found->second, lines_per_key_[found->second]++});
  }
  if (!lines_.empty()) return {};
  return make_error(ErrorCode::invalid_argument,
                    source_ + " has no lines; name a file that has some, or - for standard input");
}

}  // namespace fabric::evf::demo
