// The catalog as one page. What it is made of is escaped where it is written (html_text.hpp); no request leaves the
// page.

#include <algorithm>

#include "fabric/catalog/describe.hpp"
#include "fabric/catalog/export.hpp"
#include "fabric/catalog/html_card.hpp"
#include "fabric/catalog/html_graph.hpp"
#include "fabric/catalog/html_text.hpp"

namespace fabric::catalog {
namespace {

using html::element;
using html::escaped;
using html::href_of;
using html::id_of;
using html::link;

std::size_t count_of(const Catalog& catalog, Kind kind) {
  const auto all = catalog.messages();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const auto* message) { return message->kind == kind; }));
}

std::string head(const ExportOptions& options) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '" +
         std::string(html::kStyleHash) + "'; script-src '" + std::string(html::kScriptHash) +
         "'; base-uri 'none'; form-action 'none'\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n" +
         element("title", options.title) + "\n<style>" + std::string(html::kStyle) + "</style>\n</head>\n";
}

std::string banner(const Catalog& catalog, const ExportOptions& options) {
  std::string from = "as of " + to_string(options.today);
  if (options.snapshot != 0)
    from = "snapshot " + std::to_string(options.snapshot) +
           (options.applied_at.empty() ? "" : ", applied " + options.applied_at) + "; " + from;
  return "<body>\n<header class=\"top\">\n<div>" + element("h1", options.title) + "<p>" +
         plural(catalog.contexts.size(), "context") + ", " + plural(count_of(catalog, Kind::event), "event") + ", " +
         plural(count_of(catalog, Kind::command), "command") + ", " + plural(catalog.services().size(), "service") +
         " <span class=\"dim\">" + escaped(from) +
         "</span></p></div>\n<label class=\"search\" hidden><span>Search</span><input type=\"search\" "
         "placeholder=\"name, topic, service, field\" "
         "autocomplete=\"off\" spellcheck=\"false\"><output></output></label>\n</header>\n";
}

std::string menu(const Catalog& catalog) {
  std::string out = "<nav aria-label=\"Contents\">\n<a href=\"#overview\">Who talks to whom</a>\n";
  for (const auto& context : catalog.contexts) {
    out += "<div class=\"" + html::colour_of(catalog, context.name) + "\">\n" + link('c', context.name, "context") +
           "\n<ul>\n";
    for (const auto& message : context.messages)
      out += "<li data-for=\"" + id_of('m', message.name) + "\">" +
             link('m', message.name, std::string(to_string(message.kind)) + (message.deprecation ? " old" : "")) +
             "</li>\n";
    out += "</ul>\n</div>\n";
  }
  return out + "<a href=\"#services\">Services</a>\n</nav>\n";
}

std::string overview(const Catalog& catalog) {
  std::string out =
      "<section id=\"overview\">\n<h2>Who talks to whom</h2>\n<p class=\"legend\"><span class=\"key "
      "service\">service</span><span class=\"key event\">event</span>"
      "<span class=\"key command\">command</span>";
  for (const auto& context : catalog.contexts)
    out += "<a class=\"swatch " + html::colour_of(catalog, context.name) + "\" href=\"" + href_of('c', context.name) +
           "\">" + escaped(context.name) + "</a>";
  return out + "</p>\n<div class=\"graph\" tabindex=\"0\">\n" + html::graph(catalog) + "\n</div>\n</section>\n";
}

// What goes away, the soonest first.
std::string sunsets(const Catalog& catalog, const ExportOptions& options) {
  auto messages = catalog.messages();
  std::erase_if(messages, [](const auto* message) { return !message->deprecation; });
  if (messages.empty()) return {};
  std::stable_sort(messages.begin(), messages.end(), [](const auto* a, const auto* b) {
    return a->deprecation->sunset.value_or(Date{0x7fffffff}) < b->deprecation->sunset.value_or(Date{0x7fffffff});
  });
  std::string out =
      "<section id=\"deprecated\">\n<h2>Going away</h2>\n<div "
      "class=\"wide\"><table>\n<thead><tr><th>Name</th><th>Sunset</th><th>Use instead</th>"
      "<th>Still read by</th></tr></thead>\n<tbody>\n";
  for (const auto* message : messages) {
    const auto& deprecation = *message->deprecation;
    out += "<tr><td>" + link('m', message->name) + "</td><td>" +
           (deprecation.sunset ? to_string(*deprecation.sunset) + " " : "") +
           html::sunset_badge(*message, options.today) + "</td><td>" +
           (deprecation.replacement.empty() ? "nothing" : link('m', deprecation.replacement)) + "</td><td>";
    for (const auto& consumer : message->consumers) out += link('s', consumer.service, "who") + " ";
    out += std::string(message->consumers.empty() ? "nobody" : "") + "</td></tr>\n";
  }
  return out + "</tbody>\n</table></div>\n</section>\n";
}

std::string section(const Catalog& catalog, const Context& context, const ExportOptions& options) {
  auto out = "<section class=\"context " + html::colour_of(catalog, context.name) + "\" id=\"" +
             id_of('c', context.name) + "\">\n<h2>" + link('c', context.name) + "</h2>\n" +
             html::paragraphs(context.description) + "<p class=\"dim\">Owned by " + escaped(context.owner);
  if (!context.contact.empty()) out += " (" + escaped(context.contact) + ")";
  out += "</p>\n";
  for (const auto& message : context.messages) out += html::card(message, options);
  if (context.messages.empty()) out += "<p class=\"none\">It declares no events or commands.</p>\n";
  return out + "</section>\n";
}

std::string services(const Catalog& catalog) {
  std::string out =
      "<section id=\"services\">\n<h2>Services</h2>\n<div "
      "class=\"wide\"><table>\n<thead><tr><th>Service</th><th>Produces</th><th>Consumes</th></tr></thead>\n<tbody>\n";
  for (const auto& service : catalog.services()) {
    std::string produced, consumed;
    for (const auto* message : catalog.messages()) {
      if (std::find(message->producers.begin(), message->producers.end(), service) != message->producers.end())
        produced += link('m', message->name) + " ";
      if (message->consumer(service) != nullptr) consumed += link('m', message->name) + " ";
    }
    out += "<tr id=\"" + id_of('s', service) + "\"><th scope=\"row\">" + escaped(service) +
           "</th><td class=\"links\">" + produced + "</td><td class=\"links\">" + consumed + "</td></tr>\n";
  }
  return out + "</tbody>\n</table></div>\n</section>\n";
}

}  // namespace

std::string to_html(const Catalog& catalog, const ExportOptions& options) {
  auto out = head(options) + banner(catalog, options) + "<div class=\"page\">\n" + menu(catalog) + "<main>\n" +
             overview(catalog) + sunsets(catalog, options);
  for (const auto& context : catalog.contexts) out += section(catalog, context, options);
  return out + services(catalog) + "</main>\n</div>\n<script>" + std::string(html::kScript) +
         "</script>\n</body>\n</html>\n";
}

}  // namespace fabric::catalog
