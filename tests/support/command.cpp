#include "tests/support/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace fabric::testing {
namespace {

constexpr std::chrono::seconds kPatience{60};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::abort();
}

std::pair<int, int> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  return {ends[0], ends[1]};
}

void close_end(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

[[noreturn]] void execute(const std::vector<std::string>& arguments, const CommandOptions& options, int in, int out,
                          int err) {
  ::dup2(in, STDIN_FILENO);
  if (options.output_file) out = ::open(options.output_file->c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (options.user && (::setgid(*options.user) != 0 || ::setuid(*options.user) != 0)) fail("setuid");
  ::signal(SIGPIPE, SIG_DFL);
  std::vector<char*> words;
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  fail(words[0]);
}

// False: the stream has ended.
bool read_some(int descriptor, std::string& to) {
  std::array<char, 65536> buffer;
  const auto got = ::read(descriptor, buffer.data(), buffer.size());
  if (got > 0) to.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace

Command::Command(const std::vector<std::string>& arguments, CommandOptions options) : options_(std::move(options)) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto [child_in, in] = make_pipe();
  const auto [out, child_out] = make_pipe();
  const auto [err, child_err] = make_pipe();
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) execute(arguments, options_, child_in, child_out, child_err);
  for (const int descriptor : {child_in, child_out, child_err}) ::close(descriptor);
  in_ = in;
  out_ = out;
  err_ = err;
  ::fcntl(in_, F_SETFL, O_NONBLOCK);
  push();
}

Command::~Command() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (int* descriptor : {&in_, &out_, &err_}) close_end(*descriptor);
}

void Command::signal(int number) const { ::kill(pid_, number); }

void Command::feed(const std::string& text) {
  options_.input += text;
  push();
}

void Command::close_output() { close_end(out_); }

void Command::close_input() {
  options_.keep_input_open = false;
  push();
}

// Writes as much of the input as fits the pipe, and closes it when all is in.
void Command::push() {
  if (in_ < 0) return;
  if (!options_.input.empty()) {
    const auto written = ::write(in_, options_.input.data(), options_.input.size());
    if (written > 0) options_.input.erase(0, static_cast<std::size_t>(written));
    if (written < 0 && errno != EAGAIN) options_.input.clear();  // it reads no more
  }
  if (options_.input.empty() && !options_.keep_input_open) close_end(in_);
}

// Moves bytes in all directions once. False: nothing happened for that long, or all streams have ended.
bool Command::pump(std::chrono::milliseconds patience) {
  if (out_ < 0 && err_ < 0) return false;
  const bool feeding = in_ >= 0 && !options_.input.empty();
  std::array<pollfd, 3> ends{{{out_, POLLIN, 0}, {err_, POLLIN, 0}, {feeding ? in_ : -1, POLLOUT, 0}}};
  if (::poll(ends.data(), ends.size(), static_cast<int>(patience.count())) <= 0) return false;
  if (ends[0].revents != 0 && !read_some(out_, result_.out)) close_end(out_);
  if (ends[1].revents != 0 && !read_some(err_, result_.err)) close_end(err_);
  if (ends[2].revents != 0) push();
  return true;
}

bool Command::wait_for_lines(std::size_t lines) {
  while (static_cast<std::size_t>(std::count(result_.out.begin(), result_.out.end(), '\n')) < lines)
    if (!pump(kPatience)) return false;
  return true;
}

bool Command::wait_for_error(const std::string& text) {
  while (result_.err.find(text) == std::string::npos)
    if (!pump(kPatience)) return false;
  return true;
}

Finished Command::wait() {
  close_input();
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (pump(std::chrono::milliseconds(100)) || out_ >= 0 || err_ >= 0) {
    if (std::chrono::steady_clock::now() < end) continue;
    result_.err += "\n(killed by the test: out of patience)\n";
    ::kill(pid_, SIGKILL);
    break;
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) != pid_)
    if (errno != EINTR) fail("waitpid");
  pid_ = -1;
  result_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return std::move(result_);
}

Finished run(const std::vector<std::string>& arguments, CommandOptions options) {
  return Command(arguments, std::move(options)).wait();
}

}  // namespace fabric::testing
