#include "tools/evf/bench_host.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

#include "ipc/clock.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf::bench {
namespace {

constexpr int kMostCpus = 1024;

// First line of a file of /proc or /sys; empty where there is none.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return printable(line);
}

std::string or_unknown(std::string text) { return text.empty() ? "unknown" : text; }

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return printable(line.substr(line.find(':') + 2));
  return "unknown";
}

std::string siblings_of(int cpu) {
  return first_line(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
}

}  // namespace

bool may_use(int cpu) {
  cpu_set_t set;
  return cpu >= 0 && cpu < kMostCpus && ::sched_getaffinity(0, sizeof set, &set) == 0 &&
         CPU_ISSET(static_cast<unsigned>(cpu), &set);
}

std::optional<std::array<int, 2>> choose_cpus() {
  std::vector<int> usable;
  for (int cpu = 0; cpu < kMostCpus; ++cpu)
    if (may_use(cpu)) usable.push_back(cpu);
  if (usable.size() < 2) return std::nullopt;
  const auto siblings = siblings_of(usable[0]);
  for (std::size_t i = 1; i < usable.size(); ++i)
    if (siblings.empty() || siblings_of(usable[i]) != siblings) return std::array{usable[0], usable[i]};
  return std::array{usable[0], usable[1]};
}

std::uint64_t steal_ms() {
  std::ifstream file("/proc/stat");
  std::string word;
  std::uint64_t ticks = 0;
  file >> word;
  for (int field = 0; field < 8; ++field) file >> ticks;  // user nice system idle iowait irq softirq steal
  const auto per_second = ::sysconf(_SC_CLK_TCK);
  return file && per_second > 0 ? ticks * 1000 / static_cast<std::uint64_t>(per_second) : 0;
}

Host Host::look(const std::array<int, 2>& pinned) {
  utsname system{};
  ::uname(&system);
  const auto source = or_unknown(first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  return {.cpu = cpu_model(),
          .kernel = fmt::format("{} {}", system.sysname, system.release),
          .governor =
              or_unknown(first_line(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", pinned[0]))),
          .compiler = EVF_COMPILER,
          .flags = EVF_FLAGS,
          .build = EVF_BUILD_TYPE,
          .clock = fmt::format("{} (kernel: {})", ipc::Clock::uses_counter() ? "time-stamp counter" : "clock_gettime",
                               source),
          .huge_pages = or_unknown(first_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled")),
          .version = EVF_VERSION,
          .cores = std::thread::hardware_concurrency(),
          .pinned = pinned,
          .load = load,
          .stolen_ms = 0};
}

Json Host::json() const {
  return {{"cpu", cpu},           {"cores", cores}, {"pinned_to", pinned},      {"kernel", kernel},
          {"governor", governor}, {"clock", clock}, {"huge_pages", huge_pages}, {"compiler", compiler},
          {"build", build},       {"flags", flags}, {"version", version},       {"load_before", load},
          {"steal_ms", stolen_ms}};
}

void Host::print() const {
  print_line(fmt::format("{}, {}, governor {}", cpu, plural(cores, "processor"), governor));
  print_line(fmt::format("{}, clock: {}, huge pages for shared memory: {}", kernel, clock, huge_pages));
  print_line(fmt::format("eventfabric {}, {}, {} {}", version, compiler, build, flags));
  print_line(fmt::format("pinned to processors {} and {}, load before {:.2f}, stolen meanwhile {} ms", pinned[0],
                         pinned[1], load, stolen_ms));
}

}  // namespace fabric::evf::bench
