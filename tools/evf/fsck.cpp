// evf fsck: is a ring file what it claims to be?

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "fabric/topic_route.hpp"
#include "ipc/check.hpp"
#include "ipc/ring.hpp"
#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/values.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {
namespace {

struct Checked {
  std::string path;
  std::optional<Error> error;  // not even a ring
  ipc::RingHeader header{};
  bool of_this_boot = true;
  ipc::RingCheck check;

  bool sound() const noexcept { return !error && check.sound(); }
};

// The words that the event layer keeps in the ring: where keys belong when the topic grows.
void check_route(const ipc::RingFile& file, std::size_t most_problems, ipc::RingCheck& check) {
  const auto& control = *file.map().control;
  const auto word = control.route.load(std::memory_order_seq_cst);
  const auto born = file.header().partition_count;
  const auto count = RouteWord::read(word).count;
  if (word == 0 || (RouteWord::valid(word) && is_reachable(born, count))) return;
  ++check.problem_count;
  if (check.problems.size() >= most_problems) return;
  const auto offset = reinterpret_cast<const std::byte*>(&control.route) - file.map().base;
  check.problems.push_back({.kind = ipc::ProblemKind::control,
                            .sequence = std::nullopt,
                            .offset = static_cast<std::uint64_t>(offset),
                            .what = fmt::format("route word {:#x} is no count of partitions from {}", word, born)});
}

Checked check_file(const std::string& path, std::size_t most_problems) {
  Checked checked{.path = path, .error = {}, .check = {}};
  const auto file = ipc::RingFile::attach(path, {.access = ipc::Access::read_only});
  if (!file) {
    checked.error = file.error();
    auto& message = checked.error->message;
    if (const auto advice = message.find("; run evf fsck"); advice != std::string::npos)
      message = message.substr(0, advice) + "; restore the file, or delete and re-create the topic";
    return checked;
  }
  checked.header = file->header();
  checked.of_this_boot = file->of_this_boot();
  checked.check = ipc::check_ring(file->map(), most_problems);
  check_route(*file, most_problems, checked.check);
  return checked;
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// The ring files of a directory, by partition.
Result<std::vector<std::string>> rings_in(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(directory.c_str()), ::closedir);
  if (!handle) return ipc::system_error("open directory " + printable(directory), errno);
  std::vector<std::string> names;
  while (const auto* entry = ::readdir(handle.get()))
    if (std::string_view(entry->d_name).ends_with(".ring")) names.emplace_back(entry->d_name);
  if (names.empty())
    return ipc::make_error(ErrorCode::not_found, printable(directory) + " has no ring files; name a topic or a file");
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return std::pair(std::atoi(a.c_str()), a) < std::pair(std::atoi(b.c_str()), b);
  });
  for (auto& name : names) name = directory + "/" + name;
  return names;
}

// A topic's files are found even if they are damaged: fsck must not depend on what it checks.
Result<std::vector<std::string>> files_of(const Context& context, const std::string& target) {
  if (target.find('/') == std::string::npos) {
    const auto directory = directory_of(context) + "/topics/" + target;
    if (!target.starts_with('.') && is_directory(directory)) return rings_in(directory);
    if (!exists(target)) {
      const auto fabric = open_fabric(context);
      const auto topic = fabric ? open_topic(*fabric, target, ipc::Access::read_only) : fabric.error();
      return topic ? ipc::make_error(ErrorCode::not_found, target + " has no files; create it again") : topic.error();
    }
  }
  if (is_directory(target)) return rings_in(target);
  return std::vector<std::string>{target};
}

Json checked_json(const Checked& checked) {
  Json json{{"path", checked.path}, {"sound", checked.sound()}};
  if (checked.error) {
    json["error"] = {{"code", to_string(checked.error->code)}, {"message", checked.error->message}};
    return json;
  }
  const auto& check = checked.check;
  Json slots, problems = Json::array();
  for (std::size_t i = 0; i < check.slots.size(); ++i) {
    std::string name = to_string(static_cast<ipc::SlotCondition>(i));
    std::replace(name.begin(), name.end(), ' ', '_');
    slots[name] = check.slots[i];
  }
  for (const auto& problem : check.problems)
    problems.push_back({{"kind", to_string(problem.kind)},
                        {"sequence", problem.sequence ? Json(*problem.sequence) : Json()},
                        {"offset", problem.offset},
                        {"what", problem.what}});
  json["topic"] = std::string(checked.header.topic, strnlen(checked.header.topic, sizeof checked.header.topic));
  json["partition"] = checked.header.partition;
  json["layout_version"] = checked.header.layout_version;
  json["of_this_boot"] = checked.of_this_boot;
  json["first"] = check.first;
  json["end"] = check.end;
  json["slots"] = std::move(slots);
  json["abandoned"] = check.abandoned;
  json["problem_count"] = check.problem_count;
  json["problems"] = std::move(problems);
  return json;
}

std::string file_label(const std::string& path) {
  const auto slash = path.rfind('/');
  return printable(slash == std::string::npos ? path : path.substr(slash + 1));
}

void print_summary(const std::vector<Checked>& all) {
  using Condition = ipc::SlotCondition;
  Table table({"FILE", ">CHECKED", ">WHOLE", ">VOID", ">UNFINISHED", ">GONE", ">DAMAGED", "STATE"});
  for (const auto& checked : all) {
    if (checked.error) {
      table.add({file_label(checked.path), "-", "-", "-", "-", "-", "-", {to_string(checked.error->code), Tone::bad}});
      continue;
    }
    const auto& check = checked.check;
    const auto count = [&](Condition condition) { return format_count(check.count(condition)); };
    table.add({file_label(checked.path), format_count(check.end - check.first), count(Condition::whole),
               count(Condition::voided), count(Condition::unfinished), count(Condition::payload_gone),
               count(Condition::damaged),
               check.sound() ? Cell("sound", Tone::good) : Cell(plural(check.problem_count, "problem"), Tone::bad)});
  }
  table.print();
}

void print_problems(const Checked& checked) {
  const auto& check = checked.check;
  print_line("");
  print_line(toned(printable(checked.path), Tone::bold, data().descriptor()));
  if (checked.error) return print_line("  " + printable(checked.error->message));
  Table table({"KIND", ">SEQUENCE", ">OFFSET", "PROBLEM"});
  for (const auto& problem : check.problems)
    table.add({to_string(problem.kind), problem.sequence ? format_count(*problem.sequence) : "-",
               fmt::format("{:#x}", problem.offset), problem.what});
  table.print("  ");
  if (check.problem_count > check.problems.size())
    print_line(fmt::format("  and {} more; --problems N shows more",
                           format_count(check.problem_count - check.problems.size())));
}

void print_remarks(const std::vector<Checked>& all) {
  std::uint64_t abandoned = 0;
  bool other_boot = false;
  for (const auto& checked : all) {
    abandoned += checked.check.abandoned;
    other_boot = other_boot || !checked.of_this_boot;
  }
  if (abandoned != 0)
    note(fmt::format("{} of dead publishers: no damage, the next reader settles them",
                     plural(abandoned, "unfinished claim")));
  if (other_boot) note("written before the last reboot; evf doctor --fix, or the first publisher, recovers it");
}

int fsck(const Context& context, const std::string& target, std::uint32_t most_problems) {
  const auto files = files_of(context, target);
  if (!files) return fail(files.error());
  std::vector<Checked> all;
  for (const auto& path : *files) all.push_back(check_file(path, most_problems));
  const bool single = all.size() == 1 && all.front().error.has_value();
  if (single && !context.json) return fail(*all.front().error);
  int code = kOk;
  for (const auto& checked : all) {
    if (checked.sound()) continue;
    code = std::max<int>(code, checked.error ? exit_code(checked.error->code) : kCorrupt);
  }
  if (context.json) {
    Json rings = Json::array();
    for (const auto& checked : all) rings.push_back(checked_json(checked));
    print_json(Json{{"schema", "evf.fsck/1"}, {"sound", code == kOk}, {"rings", std::move(rings)}});
    return code;
  }
  print_summary(all);
  for (const auto& checked : all)
    if (!checked.sound()) print_problems(checked);
  print_remarks(all);
  return code;
}

}  // namespace

void add_fsck(CLI::App& app, Context& context) {
  struct Arguments {
    std::string target;
    std::uint32_t most_problems = 20;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* sub =
      add_verb(app, context,
               {.name = "fsck",
                .description = "Check ring files: every record, every word.",
                .details = "Read-only, on live rings, dead ones and copied files. UNFINISHED claims are no damage:\n"
                           "their publishers finish them, or the next reader settles them. GONE are large payloads\n"
                           "whose room was used again after every gating group had passed them.\n\n"
                           "Exit code 5 when there is damage, or when the file is no ring.",
                .examples = "  evf fsck orders\n  evf fsck /mnt/backup/0.ring --json",
                .json = true},
               [&context, arguments] { return fsck(context, arguments->target, arguments->most_problems); });
  sub->add_option("TARGET", arguments->target, "A topic, a ring file, or a directory of them")->required();
  add_count(*sub, "--problems", arguments->most_problems, "How many problems are listed per file (20)");
}

}  // namespace fabric::evf
