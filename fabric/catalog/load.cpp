#include "fabric/catalog/load.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "fabric/catalog/message_reader.hpp"

namespace fabric::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 1'000;

std::optional<std::uint32_t> parse_version(std::string_view text) {
  return text == "1" ? std::optional(1U) : std::nullopt;
}

void read_messages(const FileReader& reader, MapReader& map, Kind kind, const Defaults& defaults, Context& context) {
  const auto section = std::string(to_string(kind)) + "s";
  const auto* node = map.take(section);
  if (node == nullptr || !map.is(*node, YamlNode::Kind::map, "'" + section + "'")) return;
  for (std::size_t i = 0; i < node->keys.size(); ++i) {
    auto message = read_message(reader, kind, node->keys[i], node->values[i], defaults);
    message.context = context.name;
    context.messages.push_back(std::move(message));
  }
}

// One problem for each but the first of what may be there only once.
class Once {
 public:
  Once(Problems& problems, std::string rule) : problems_(problems), rule_(std::move(rule)) {}
  // `again` makes the message of the place where it was first.
  template <class Again>
  bool add(const std::string& name, const Place& place, Again again) {
    const auto [first, fresh] = seen_.emplace(name, place);
    if (!fresh) problems_.error(place, rule_, again(to_string(first->second)));
    return fresh;
  }

 private:
  Problems& problems_;
  std::string rule_;
  std::map<std::string, Place> seen_;
};

Catalog merge(std::vector<Context> contexts, Problems& problems) {
  Once names(problems, "duplicate-context"), messages(problems, "two-owners");
  Catalog catalog;
  for (auto& context : contexts) {
    const bool fresh =
        context.name.empty() || names.add(context.name, context.places.find("context"), [&](const std::string& first) {
          return "context " + in_quotes(context.name) + " is there already, in " + first +
                 "; a context has one file: merge the two, or rename one";
        });
    std::erase_if(context.messages, [&](const Message& message) {
      return !messages.add(message.name, message.places.find(""), [&](const std::string& first) {
        return in_quotes(message.name) + " is declared already, in " + first +
               "; an event or command belongs to one context: keep one, or rename one";
      });
    });
    if (fresh) catalog.contexts.push_back(std::move(context));
  }
  std::stable_sort(catalog.contexts.begin(), catalog.contexts.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });
  return catalog;
}

bool is_yaml(const fs::path& path) { return path.extension() == ".yaml" || path.extension() == ".yml"; }

Result<std::vector<std::string>> files_of(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (is_yaml(entry->path()) && entry->is_regular_file(ignored)) files.push_back(entry->path().string());
  }
  if (error) return ipc::system_error("read directory " + printable(directory), error.value());
  if (files.empty())
    return ipc::make_error(ipc::ErrorCode::not_found, "there are no *.yaml files in " + printable(directory) +
                                                          "; name the files or their directory");
  std::sort(files.begin(), files.end());
  return files;
}

// The text of a catalog's file; a problem says why not.
std::optional<std::string> read_file(const std::string& path, Problems& problems) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > kMaxYamlBytes) {
    problems.error(
        {.file = path}, "too-large",
        "the file has " + std::to_string(size) + " bytes, at most 1 MiB; split it: one file per bounded context");
    return std::nullopt;
  }
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (stream && stream.peek() != std::ifstream::traits_type::eof()) text << stream.rdbuf();
  if (!stream.is_open() || stream.bad()) {
    problems.error({.file = path}, "unreadable", "the file cannot be read; check that it exists, and its permissions");
    return std::nullopt;
  }
  return text.str();
}

}  // namespace

std::optional<Context> read_context(std::string_view text, const std::string& file, Problems& problems) {
  const auto root = parse_yaml(text, file, problems);
  if (!root) return std::nullopt;
  const FileReader reader{.file = file, .problems = problems};
  MapReader map(*root, "the file", file, problems);
  if (!map.valid()) return std::nullopt;
  map.need("catalog", "begin it with catalog: 1, the version of this form");
  map.value("catalog", parse_version, "1: this release knows no other version");
  Context context;
  context.places.add("", map.place());
  context.places.add("context", map.key_place("context"));
  context.name = map.needed_text("context", "write context: NAME, the bounded context that owns what follows");
  if (!context.name.empty() && !is_name(context.name))
    problems.error(map.key_place("context"), "bad-name",
                   in_quotes(context.name) + " is no name for a context; " + std::string(kNameRule));
  context.description = map.text("description");
  context.places.add("owner", map.key_place("owner"));
  context.owner = map.needed_text("owner", "write owner: TEAM, who answers for it");
  context.contact = map.text("contact");
  auto defaults = Defaults{};
  if (const auto* node = map.take("defaults")) defaults = read_defaults(reader, *node);
  defaults.owner = context.owner;
  read_messages(reader, map, Kind::event, defaults, context);
  read_messages(reader, map, Kind::command, defaults, context);
  map.finish();
  return context;
}

Result<std::vector<std::string>> catalog_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const auto& path : paths) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status))
      return ipc::make_error(ipc::ErrorCode::not_found, "there is no file or directory " + printable(path) +
                                                            "; name catalog files or their directory");
    if (!fs::is_directory(status)) {
      if (!fs::is_regular_file(status))
        return ipc::make_error(
            ipc::ErrorCode::invalid_argument,
            printable(path) + " is neither a file nor a directory; name catalog files or their directory");
      files.push_back(path);
      continue;
    }
    const auto found = files_of(path);
    if (!found) return found.error();
    files.insert(files.end(), found->begin(), found->end());
  }
  if (files.size() > kMaxFiles)
    return ipc::make_error(
        ipc::ErrorCode::invalid_argument,
        std::to_string(files.size()) + " catalog files, at most 1000; merge contexts that belong together");
  return files;
}

Result<Catalog> load_files(const std::vector<std::string>& paths, Problems& problems) {
  const auto files = catalog_files(paths);
  if (!files) return files.error();
  std::vector<Context> contexts;
  for (const auto& file : *files)
    if (const auto text = read_file(file, problems))
      if (auto context = read_context(*text, file, problems)) contexts.push_back(std::move(*context));
  return merge(std::move(contexts), problems);
}

Catalog load_texts(const std::vector<std::pair<std::string, std::string>>& files, Problems& problems) {
  std::vector<Context> contexts;
  for (const auto& [file, text] : files)
    if (auto context = read_context(text, file, problems)) contexts.push_back(std::move(*context));
  return merge(std::move(contexts), problems);
}

}  // namespace fabric::catalog
