#include "tools/evf/help.hpp"

#include <sstream>

#include "tools/evf/text.hpp"

namespace fabric::evf {
namespace {

constexpr std::size_t kWidth = 80, kColumn = 26;

std::string entry(const std::string& left, const std::string& right) {
  std::string line = "  " + left;
  if (line.size() + 2 > kColumn) {
    line += "\n" + std::string(kColumn, ' ');
  } else {
    line.append(kColumn - line.size(), ' ');
  }
  return line + wrap(right, kColumn, kColumn, kWidth) + "\n";
}

std::string left_of(const CLI::Option* option) {
  if (!option->nonpositional()) return option->get_name();
  std::string left;
  for (const auto& name : option->get_snames()) left += "-" + name + ", ";
  for (const auto& name : option->get_lnames()) left += "--" + name + ", ";
  left.resize(left.size() - 2);
  if (option->get_items_expected_max() > 0) left += " " + option->get_type_name();
  return left;
}

std::string usage_of(const CLI::App* app) {
  std::string path;
  for (const auto* a = app; a != nullptr; a = a->get_parent()) path = a->get_name() + (path.empty() ? "" : " ") + path;
  std::string usage = "Usage: " + path;
  for (const auto* option : app->get_options())
    if (!option->nonpositional())
      usage += option->get_required() ? " " + option->get_name() : " [" + option->get_name() + "]";
  if (!app->get_subcommands({}).empty()) return usage + " VERB ...\n";
  return usage + " [OPTIONS]\n";
}

std::string options_of(const CLI::App* app, const std::string& title,
                       const std::function<bool(const CLI::Option*)>& wanted) {
  std::string out;
  for (const auto* option : app->get_options())
    if (wanted(option) && !option->get_description().empty()) out += entry(left_of(option), option->get_description());
  return out.empty() ? out : "\n" + title + ":\n" + out;
}

}  // namespace

std::string reflow(const std::string& text) {
  std::istringstream lines(text);
  std::string out, paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) out += wrap(paragraph, 0, 0, kWidth) + "\n";
    paragraph.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    const bool verbatim = line.empty() || line.front() == ' ';
    if (verbatim) {
      end_paragraph();
      out += line + "\n";
    } else {
      paragraph += line + " ";
    }
  }
  end_paragraph();
  return out;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const {
  auto out = wrap(app->get_description(), 0, 0, kWidth) + "\n\n" + usage_of(app);
  std::string verbs;
  for (const auto* verb : app->get_subcommands({})) verbs += entry(verb->get_name(), verb->get_description());
  if (!verbs.empty()) out += "\nVerbs:\n" + verbs;
  const auto in_group = [](const CLI::Option* option, const char* group) {
    return option->nonpositional() && option->get_group() == group;
  };
  out += options_of(app, "Arguments", [](const CLI::Option* option) { return !option->nonpositional(); });
  out += options_of(app, "Options", [&](const CLI::Option* option) { return in_group(option, "Options"); });
  out += options_of(app, "Common options", [&](const CLI::Option* option) { return in_group(option, "Common"); });
  auto footer = app->get_footer();
  footer.erase(0, footer.find_first_not_of('\n'));
  return footer.empty() ? out : out + "\n" + footer;
}

}  // namespace fabric::evf
