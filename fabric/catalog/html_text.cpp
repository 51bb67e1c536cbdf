#include "fabric/catalog/html_text.hpp"

#include "fabric/catalog/text.hpp"

namespace fabric::catalog::html {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escaped_lines(std::string_view text) {
  std::string out, line;
  while (true) {
    const auto end = text.find('\n');
    line.clear();
    for (const char c : text.substr(0, end)) {
      if (c == '\t')
        line += "    ";
      else if (c != '\r')
        line += c;
    }
    out += escaped(line);
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string paragraphs(std::string_view text) {
  std::string out, paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) out += "<p>" + escaped(paragraph) + "</p>\n";
    paragraph.clear();
  };
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    if (line.empty())
      end_paragraph();
    else
      paragraph += (paragraph.empty() ? "" : " ") + std::string(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  end_paragraph();
  return out;
}

std::string element(std::string_view tag, std::string_view text, std::string_view css_class) {
  const std::string name(tag);
  return "<" + name + (css_class.empty() ? "" : " class=\"" + std::string(css_class) + "\"") + ">" + escaped(text) +
         "</" + name + ">";
}

std::string id_of(char kind, std::string_view name) { return std::string(1, kind) + "." + escaped(name); }

std::string href_of(char kind, std::string_view name) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "#" + std::string(1, kind) + ".";
  for (const char c : printable(name)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (plain)
      out += c;
    else
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

std::string link(char kind, std::string_view name, std::string_view css_class) {
  return "<a href=\"" + href_of(kind, name) + "\"" +
         (css_class.empty() ? "" : " class=\"" + std::string(css_class) + "\"") + ">" + escaped(name) + "</a>";
}

}  // namespace fabric::catalog::html
