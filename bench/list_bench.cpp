// How long it takes to list a large fabric: 10,000 topics, 1,000 groups (EVF_LIST_TOPICS, EVF_LIST_GROUPS say otherwise), by the command itself, a
// process each time, its output thrown away. The topics are of one small partition each; group n is on topic n, and again from the first one on.
// CTest runs it with 200 and 20 (see CMakeLists.txt).

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "bench/bench_ring.hpp"
#include "fabric/fabric.hpp"
#include "ipc/cursor.hpp"

namespace fabric::bench {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class World {
 public:
  World() : fabric_(value_or_abort(Fabric::open(workspace_.path()))) {
    for (std::uint64_t i = 0; i < topics; ++i) {
      const auto made = fabric_.create_topic(
          {.name = name_of(i), .ring = {.slot_count = 16, .slot_bytes = 64, .max_publishers = 2, .max_cursors = 2}});
      if (!made) std::fprintf(stderr, "bench: %s\n", made.error().message.c_str());
      if (!made) std::abort();
    }
    for (std::uint64_t i = 0; i < groups && topics != 0; ++i) {
      const auto topic = value_or_abort(fabric_.topic(name_of(i % topics)));
      const ipc::CursorOptions cursor{.name = "group-" + std::to_string(i)};
      static_cast<void>(value_or_abort(ipc::Reader::attach(topic->ring(0), {.cursor = cursor})));
    }
  }
  const std::string& path() const { return workspace_.path(); }
  const std::uint64_t topics = from_environment("EVF_LIST_TOPICS", 10'000);
  const std::uint64_t groups = from_environment("EVF_LIST_GROUPS", 1'000);

 private:
  static std::string name_of(std::uint64_t number) { return "topic-" + std::to_string(number); }
  Workspace workspace_;
  Fabric fabric_;
};

const World& world() {
  static const World kWorld;
  return kWorld;
}

// The command's exit code.
int run(std::vector<std::string> words) {
  words.insert(words.begin(), EVF_COMMAND);
  if (words.back() != "--version") words.insert(words.end(), {"--dir", world().path()});
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  int status = -1;
  if (posix_spawn(&child, EVF_COMMAND, &actions, nullptr, arguments.data(), environ) == 0) waitpid(child, &status, 0);
  posix_spawn_file_actions_destroy(&actions);
  return status;
}

void list(benchmark::State& state, const std::vector<std::string>& words) {
  static_cast<void>(world());
  for (auto _ : state)
    if (run(words) != 0) return state.SkipWithError("evf failed");
  state.counters["topics"] = static_cast<double>(world().topics);
  state.counters["groups"] = static_cast<double>(world().groups);
}

BENCHMARK_CAPTURE(list, start, {"--version"})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, list, {"list"})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, list_json, {"list", "--json"})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, topic_list, {"topic", "list"})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, group_list, {"group", "list"})->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(list, lag, {"lag"})->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fabric::bench
