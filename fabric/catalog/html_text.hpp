#pragma once
// Text as HTML. Whatever stands in a catalog, nothing of it becomes markup. Pure functions, thread-safe. Internal to
// html*.cpp.

#include <string>
#include <string_view>

namespace fabric::catalog::html {

// One line: markup's characters become entities, control bytes and broken UTF-8 \xNN. For element content and quoted
// attributes.
std::string escaped(std::string_view text);
// The same with line breaks and tabs kept, for <pre>.
std::string escaped_lines(std::string_view text);
// Paragraphs of running text: "<p>...</p>" for each, parted by empty lines.
std::string paragraphs(std::string_view text);
// "<TAG>TEXT</TAG>", "<TAG class=\"CLASS\">TEXT</TAG>"; the text is escaped here.
std::string element(std::string_view tag, std::string_view text, std::string_view css_class = {});
// Where a thing has its place on the page, and a reference to it. `kind`: 'm' event or command, 'c' context, 's'
// service.
std::string id_of(char kind, std::string_view name);
std::string href_of(char kind, std::string_view name);
// An escaped name that leads there.
std::string link(char kind, std::string_view name, std::string_view css_class = {});

// The page's own style and script, with the hashes that its content security policy names (base64 of SHA-256; a test
// computes them again).
extern const std::string_view kStyle, kScript, kStyleHash, kScriptHash;

}  // namespace fabric::catalog::html
