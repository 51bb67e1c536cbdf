// evf list, and evf topic list.

#include <fmt/format.h>

#include <set>

#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/topic.hpp"
#include "tools/evf/view.hpp"

namespace fabric::evf {
namespace {

struct Row {
  std::string name;
  std::optional<Error> error;
  std::uint32_t partitions = 0;
  const char* writers = "";
  std::uint64_t file_bytes = 0, records = 0, retained = 0, publishers_alive = 0;
  std::set<std::string> groups;
};

Row look_at(const Fabric& fabric, const std::string& name, const Owners& owners) {
  Row row{.name = name, .error = {}, .groups = {}};
  const auto topic = fabric.topic(name, ipc::Access::read_only);
  if (!topic) {
    row.error = topic.error();
    return row;
  }
  row.partitions = (*topic)->partitions();
  row.writers = (*topic)->ring(0)->map().writers == ipc::WriterMode::one ? "one" : "many";
  for (const auto& view : view_topic(**topic)) {
    row.file_bytes += view.ring->file().header().file_bytes;
    row.records += view.snapshot.head;
    row.retained += view.snapshot.retained();
    for (const auto& publisher : view.snapshot.publishers) row.publishers_alive += owners.alive(publisher.owner);
    for (const auto& cursor : view.snapshot.cursors)
      if (!cursor.name.empty()) row.groups.insert(cursor.name);
  }
  return row;
}

Json row_json(const Row& row) {
  if (row.error)
    return {{"topic", row.name}, {"error", {{"code", to_string(row.error->code)}, {"message", row.error->message}}}};
  return {{"topic", row.name},
          {"partitions", row.partitions},
          {"writers", row.writers},
          {"records", row.records},
          {"retained", row.retained},
          {"file_bytes", row.file_bytes},
          {"publishers_alive", row.publishers_alive},
          {"groups", row.groups}};
}

void print_rows(const std::vector<Row>& rows, const std::string& directory) {
  if (rows.empty()) {
    note(fmt::format("no topics in {}; evf topic create makes one", directory));
    return;
  }
  Table table({"TOPIC", ">PARTS", "WRITERS", ">RECORDS", ">RETAINED", ">BYTES", ">PUBS", "GROUPS"});
  for (const auto& row : rows) {
    if (row.error) {
      table.add({row.name, "-", {to_string(row.error->code), Tone::bad}});
      continue;
    }
    std::string groups;
    for (const auto& group : row.groups) groups += (groups.empty() ? "" : ", ") + printable(group);
    table.add({row.name, std::to_string(row.partitions), row.writers, format_count(row.records), format_count(row.retained),
               format_bytes(row.file_bytes), format_count(row.publishers_alive), groups});
  }
  table.print();
}

int list(const Context& context) {
  const auto fabric = open_fabric(context);
  if (!fabric) return fail(fabric.error());
  const auto names = fabric->topic_names();
  if (!names) return fail(names.error());
  const Owners owners(fabric->directory());
  std::vector<Row> rows;
  for (const auto& name : *names) rows.push_back(look_at(*fabric, name, owners));
  if (context.json) {
    Json topics = Json::array();
    for (const auto& row : rows) topics.push_back(row_json(row));
    print_json(Json{{"schema", "evf.list/1"}, {"directory", fabric->directory()}, {"topics", std::move(topics)}});
  } else {
    print_rows(rows, fabric->directory());
  }
  int code = kOk;
  for (const auto& row : rows)
    if (row.error) code = fail(*row.error);
  return code;
}

Verb verb_of(std::string examples) {
  return {.name = "list",
          .description = "List topics with what they hold and who uses them.",
          .details =
              "RECORDS counts all that were ever published, RETAINED those that can be read now,\n"
              "PUBS the publishers that are alive.",
          .examples = std::move(examples),
          .json = true};
}

}  // namespace

void add_list(CLI::App& app, Context& context) {
  add_verb(app, context, verb_of("  evf list\n  evf list --json | jq '.topics[].topic'"),
           [&context] { return list(context); });
}

void add_topic_list(CLI::App& topic, Context& context) {
  add_verb(topic, context, verb_of("  evf topic list"), [&context] { return list(context); });
}

}  // namespace fabric::evf
