// evf bench: the ring on this machine, beside what this machine can do at all.

#include "tools/evf/bench.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "tools/evf/bench_host.hpp"
#include "tools/evf/bench_report.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {
namespace {

using bench::Case;
using bench::Measure;
using bench::Plan;

constexpr std::uint32_t kSmallest = 8, kLargest = 1U << 20;
constexpr std::uint64_t kSmallestRing = 64 << 10, kLargestRing = 256 << 20;

struct Options {
  Measure measure = Measure::latency;
  std::vector<std::uint32_t> sizes{32, 256, 1024, 4096};
  std::vector<ipc::WriterMode> writers{ipc::WriterMode::one, ipc::WriterMode::many};
  std::vector<bool> checksums{true};
  double seconds = 2;
  std::uint64_t count = 0;
  std::uint64_t ring_bytes = 0;
  std::uint32_t samples = 5, batch = 64;
  std::optional<std::array<int, 2>> cpus;
  double rate = 0;
  ipc::WaitStrategy wait = ipc::WaitStrategy::spin;
};

// A directory of its own, removed with everything in it.
class Workspace {
 public:
  static Result<Workspace> make(const std::string& parent) {
    auto path = parent + "/evf-bench-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return ipc::system_error("make a directory in " + parent, errno);
    return Workspace(std::move(path));
  }
  Workspace(Workspace&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Workspace& operator=(Workspace&&) = delete;
  ~Workspace() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  explicit Workspace(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// --dir or $EVF_DIR where they exist, so that its file system is measured; else memory.
std::string parent_directory(const Context& context) {
  const auto named = directory_of(context);
  if (!context.directory.empty() || std::filesystem::is_directory(named)) return named;
  return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path().string();
}

Plan plan_of(const Options& options, const std::string& directory, const std::array<int, 2>& cpus) {
  Plan plan{.cases = {}, .directory = directory, .cpus = cpus, .samples = options.samples, .count = options.count};
  plan.sample_ns = static_cast<std::uint64_t>(options.seconds * 1e9 / options.samples);
  if (options.measure == Measure::throughput) plan.sample_ns /= 2;  // the copy takes as long as the ring
  for (const auto size : options.sizes)
    for (const auto writers : options.writers)
      for (const bool checksum : options.checksums)
        plan.cases.push_back({.measure = options.measure,
                              .writers = writers,
                              .wait = options.wait,
                              .checksum = checksum,
                              .size_bytes = size,
                              .batch = options.measure == Measure::latency ? 1 : options.batch,
                              .ring_bytes = options.ring_bytes,
                              .rate = options.rate});
  return plan;
}

void show_progress(const Plan& plan, const Case& what, std::uint32_t samples, std::uint32_t void_samples) {
  Output errors(STDERR_FILENO);
  if (!errors.terminal()) return;
  errors.write(fmt::format("\r\033[K{}/{}  {}  sample {}/{}{}", &what - plan.cases.data() + 1, plan.cases.size(),
                           bench::describe(what), samples + 1, plan.samples,
                           void_samples == 0 ? "" : fmt::format(", {} void", void_samples)));
  errors.flush();
}

void clear_progress() {
  Output errors(STDERR_FILENO);
  if (errors.terminal()) errors.write("\r\033[K");
  errors.flush();
}

int run_bench(const Context& context, const Options& options) {
  const auto cpus = options.cpus ? options.cpus : bench::choose_cpus();
  if (!cpus)
    return fail(kFailed, "two processes on one processor would only measure the scheduler",
                "allow this one two processors (taskset, cpuset)");
  for (const int cpu : *cpus)
    if (!bench::may_use(cpu))
      return fail(kUsage, fmt::format("--cpus: processor {} is not there, or not allowed", cpu),
                  "see nproc and taskset -p");
  catch_signals();
  const auto workspace = Workspace::make(parent_directory(context));
  if (!workspace) return fail(workspace.error());
  const auto plan = plan_of(options, workspace->path(), *cpus);
  auto host = bench::Host::look(*cpus);
  const auto stolen = bench::steal_ms();
  const auto rows = bench::run(plan, [&](const Case& what, std::uint32_t samples, std::uint32_t void_samples) {
    show_progress(plan, what, samples, void_samples);
  });
  clear_progress();
  if (!rows) return fail(rows.error());
  host.stolen_ms = bench::steal_ms() - stolen;
  for (const auto& row : *rows)
    if (row.samples == 0)
      note(fmt::format("{}: every sample is void: the machine is too busy; its figures mean little",
                       bench::describe(row.what)));
  if (context.json) {
    bench::print_json_report(host, *rows);
  } else {
    bench::print_report(host, *rows);
  }
  return kOk;
}

void add_sizes(CLI::App& app, Options& options) {
  app.add_option_function<std::vector<std::string>>(
         "--size",
         [&options](const std::vector<std::string>& words) {
           options.sizes.clear();
           for (const auto& word : words) {
             const auto size = parse_size(word);
             if (!size || *size < kSmallest || *size > kLargest)
               refuse_value("--size", fmt::format("'{}' is no size from {} to {}", word, format_bytes(kSmallest),
                                                  format_bytes(kLargest)));
             options.sizes.push_back(static_cast<std::uint32_t>(*size));
           }
         },
         "Bytes of a payload, several with commas (32,256,1024,4096)")
      ->delimiter(',')
      ->type_name("BYTES,...");
}

void add_cpus(CLI::App& app, Options& options) {
  app.add_option_function<std::string>(
         "--cpus",
         [&options](const std::string& text) {
           std::array<int, 2> cpus{};
           const auto* end = text.data() + text.size();
           const auto first = std::from_chars(text.data(), end, cpus[0]);
           const bool two = first.ec == std::errc() && first.ptr != end && *first.ptr == ',';
           const auto second = std::from_chars(two ? first.ptr + 1 : end, end, cpus[1]);
           if (!two || second.ec != std::errc() || second.ptr != end || cpus[0] == cpus[1])
             refuse_value("--cpus", fmt::format("'{}' is not two processors, such as 0,1", text));
           options.cpus = cpus;
         },
         "The two processors to pin to (two cores of this machine)")
      ->type_name("A,B");
}

void add_writers_and_checksum(CLI::App& app, Options& options) {
  using Modes = std::vector<ipc::WriterMode>;
  add_choice<Modes>(app, "--writers", options.writers,
                    {{"one", Modes{ipc::WriterMode::one}},
                     {"many", Modes{ipc::WriterMode::many}},
                     {"both", Modes{ipc::WriterMode::one, ipc::WriterMode::many}}},
                    "Ring for one writer or for many (both)");
  using Switches = std::vector<bool>;
  auto* checksum = add_choice<Switches>(
      app, "--checksum", options.checksums,
      {{"on", Switches{true}}, {"off", Switches{false}}, {"both", Switches{true, false}}},
      "Show what checksums cost: a build of the ring without them, which exists in this verb only (on)");
  checksum->expected(0, 1)->default_str("both");
}

void add_amount(CLI::App& app, Options& options) {
  app.add_option_function<double>(
         "--seconds",
         [&options](double seconds) {
           if (!(seconds > 0 && seconds <= 3600))
             refuse_value("--seconds", "more than 0 and at most 3600 are possible");
           options.seconds = seconds;
         },
         "Measured time of a row, all samples together (2)")
      ->type_name("S");
  app.add_option_function<std::uint64_t>(
         "--count",
         [&options](std::uint64_t count) {
           if (count == 0) refuse_value("--count", "at least 1");
           options.count = count;
         },
         "Records of a sample, instead of a time")
      ->type_name("N");
  add_count(app, "--samples", options.samples, "Samples of a row; its figures are their medians (5)")
      ->check(CLI::Range(1, 1000));
  add_size(app, "--ring", options.ring_bytes, "Bytes of the ring's slots")->type_name("BYTES");
}

CLI::App* add_measure(CLI::App& app, Context& context, Measure measure, const Verb& verb) {
  const auto options = std::make_shared<Options>();
  options->measure = measure;
  options->ring_bytes = measure == Measure::latency ? std::uint64_t{1} << 20 : std::uint64_t{4} << 20;
  auto* sub = add_verb(app, context, verb, [&context, options] {
    if (options->ring_bytes < kSmallestRing || options->ring_bytes > kLargestRing)
      refuse_value("--ring",
                   fmt::format("from {} to {} are possible", format_bytes(kSmallestRing), format_bytes(kLargestRing)));
    return run_bench(context, *options);
  });
  add_sizes(*sub, *options);
  add_writers_and_checksum(*sub, *options);
  add_choice<ipc::WaitStrategy>(*sub, "--wait", options->wait,
                                {{"spin", ipc::WaitStrategy::spin},
                                 {"yield", ipc::WaitStrategy::yield},
                                 {"back-off", ipc::WaitStrategy::back_off},
                                 {"block", ipc::WaitStrategy::block}},
                                "How readers wait (spin)");
  if (measure == Measure::latency) {
    sub->add_option_function<std::string>(
           "--rate",
           [options](const std::string& text) {
             const auto rate = parse_rate(text);
             if (!rate) refuse_value("--rate", fmt::format("'{}' is no rate, such as 100000/s or 100k/s", text));
             options->rate = *rate;
           },
           "Send at this rate, and count each round trip from when it was due")
        ->type_name("N/s");
  } else {
    add_count(*sub, "--batch", options->batch, "Records in one publish_batch(); 1: publish() each (64)")
        ->check(CLI::Range(1, 4096));
  }
  add_amount(*sub, *options);
  add_cpus(*sub, *options);
  return sub;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto* sub = add_verb(
      app, context,
      {.name = "bench",
       .description = "Measure the ring on this machine, beside the machine's own limits.",
       .details = "Two processes on two cores, interleaved with a bare cache-line round trip and a bare copy.\n"
                  "A sample is void and repeated if the machine's limit moved by more than 15 % meanwhile,\n"
                  "or (throughput) if others took more than 15 % of a processor.\n"
                  "The rings are made in --dir (or $EVF_DIR; else /dev/shm) and removed.",
       .directory = false});
  sub->require_subcommand(0, 1);
  add_measure(
      *sub, context, Measure::latency,
      {.name = "latency",
       .description = "Round trips over two rings, one message in flight.",
       .details = "Without --rate the next message leaves when the answer is there. With it messages are due at\n"
                  "fixed times, and a late one counts from when it was due (no coordinated omission).",
       .examples = "  evf bench latency\n  evf bench latency --size 32 --writers one --checksum both --json",
       .json = true});
  add_measure(*sub, context, Measure::throughput,
              {.name = "throughput",
               .description = "A lossless stream from one publisher to one reader.",
               .examples = "  evf bench throughput\n  evf bench throughput --size 32 --batch 1 --writers many",
               .json = true});
}

}  // namespace fabric::evf
