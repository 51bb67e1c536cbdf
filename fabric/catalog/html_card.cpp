#include "fabric/catalog/html_card.hpp"

#include "fabric/catalog/describe.hpp"
#include "fabric/catalog/html_text.hpp"

namespace fabric::catalog::html {
namespace {

// What the search looks at, in lower case (ASCII).
std::string words_to_find(const Message& message, const std::optional<FieldList>& fields) {
  std::string text = message.name + " " + message.context + " " + message.topic + " " + message.key + " " +
                     message.owner + " " + std::string(to_string(message.kind)) + " " + message.description;
  if (message.deprecation) text += " deprecated";
  for (const auto& producer : message.producers) text += " " + producer;
  for (const auto& consumer : message.consumers) text += " " + consumer.service;
  if (fields)
    for (const auto& path : fields->paths()) text += " " + path;
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string chips(const std::vector<std::string>& fields) {
  std::string out;
  for (const auto& field : fields) out += element("code", field) + " ";
  return out;
}

std::string fact(std::string_view name, const std::string& markup) {
  return "<div><dt>" + escaped(name) + "</dt><dd>" + markup + "</dd></div>\n";
}

std::string traffic(const Message& message) {
  std::string out = "<div class=\"traffic\">\n<div class=\"from\"><h4>Produced by</h4>\n";
  if (message.producers.empty()) out += "<p class=\"none\">nobody</p>\n";
  for (const auto& producer : message.producers) out += link('s', producer, "who") + "\n";
  out += "</div>\n<div class=\"to\"><h4>" + std::string(message.kind == Kind::event ? "Consumed by" : "Handled by") +
         "</h4>\n";
  if (message.consumers.empty()) return out + "<p class=\"none\">nobody</p>\n</div>\n</div>\n";
  out += "<ul>\n";
  for (const auto& consumer : message.consumers) {
    const auto sla = message.sla_of(consumer);
    out += "<li>" + link('s', consumer.service, "who") + "<span class=\"reads\">";
    out += consumer.reads_all ? "all fields" : consumer.reads.empty() ? "no fields" : chips(consumer.reads);
    out += "</span>" + (sla.empty() ? "" : element("span", describe(sla), "sla")) + "</li>\n";
  }
  return out + "</ul>\n</div>\n</div>\n";
}

std::string facts(const Message& message) {
  std::string out = "<dl>\n" + fact("Topic", element("code", message.topic));
  out += fact("Key", message.key.empty() ? "none: unordered" : element("code", message.key));
  out += fact("Owner", escaped(message.owner));
  if (!message.retention.empty()) out += fact("Kept", escaped(describe(message.retention)));
  if (message.retry) out += fact("Retries", escaped(describe(message.retry)));
  if (!message.dead_letter.empty()) out += fact("Dead letters", element("code", message.dead_letter));
  return out + "</dl>\n";
}

std::string notice(const Message& message, Date today) {
  const auto& deprecation = *message.deprecation;
  auto out = "<div class=\"notice\"><p><strong>Deprecated</strong> since " + to_string(deprecation.since);
  if (deprecation.sunset)
    out +=
        "; refused from " + to_string(*deprecation.sunset) + " on (" + describe_days(*deprecation.sunset, today) + ")";
  out += ".";
  if (!deprecation.replacement.empty()) out += " Use " + link('m', deprecation.replacement) + ".";
  return out + "</p>" + paragraphs(deprecation.reason) + "</div>\n";
}

std::string fields_table(const FieldList& list) {
  std::string out =
      "<div class=\"wide\"><table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>\n";
  for (const auto& field : list.fields)
    out += "<tr><td>" + element("code", field.path) +
           (field.required ? "<span class=\"must\" title=\"required\">required</span>" : "") + "</td><td>" +
           escaped(field.type) + "</td><td>" + escaped(field.description) + "</td></tr>\n";
  return out + "</tbody></table></div>\n";
}

std::string source(const SchemaText& schema) { return "<pre><code>" + escaped_lines(schema.text) + "</code></pre>\n"; }

std::string schema(const Message& message, const std::optional<FieldList>& fields) {
  const auto& text = *message.schema;
  auto out = "<details><summary>Schema <span class=\"dim\">" + escaped(describe(text));
  if (fields && !fields->fields.empty()) out += "; " + plural(fields->fields.size(), "field");
  out += "</span></summary>\n";
  if (fields && !fields->fields.empty())
    return out + fields_table(*fields) + "<details><summary>As written <span class=\"dim\">" +
           escaped(text.file.empty() ? "inline" : text.file) + "</span></summary>\n" + source(text) +
           "</details>\n</details>\n";
  return out + source(text) + "</details>\n";
}

std::string history(const Message& message, const History& history) {
  const auto found = history.find(message.name);
  if (found == history.end() || found->second.size() < 2) return {};
  const auto& versions = found->second;
  auto out = "<details><summary>History <span class=\"dim\">" + plural(versions.size(), "version") +
             "</span></summary>\n<ol class=\"versions\">\n";
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    out += "<li><details><summary>Version " + std::to_string(version->schema.version) +
           " <span class=\"dim\">snapshot " + std::to_string(version->snapshot) + ", " + escaped(version->applied_at) +
           "; " + escaped(contract::to_string(version->schema.format)) + ", " +
           escaped(contract::to_string(version->schema.mode)) + "</span></summary>\n" + source(version->schema) +
           "</details></li>\n";
  }
  return out + "</ol></details>\n";
}

}  // namespace

std::string sunset_badge(const Message& message, Date today) {
  if (!message.deprecation) return {};
  const auto& sunset = message.deprecation->sunset;
  if (!sunset) return element("span", "deprecated", "badge warn");
  return element("span", (*sunset < today ? "sunset was " : "sunset ") + describe_days(*sunset, today),
                 *sunset <= today ? "badge bad" : "badge warn");
}

std::string card(const Message& message, const ExportOptions& options) {
  static const FieldListers kListers;
  const auto& listers = options.listers != nullptr ? *options.listers : kListers;
  const auto fields = message.schema ? listers.list(*message.schema) : std::nullopt;
  auto out = "<article class=\"card\" id=\"" + id_of('m', message.name) + "\" data-find=\"" +
             escaped(words_to_find(message, fields)) + "\">\n<header><h3>" + link('m', message.name) + "</h3>" +
             element("span", to_string(message.kind), message.kind == Kind::event ? "badge event" : "badge command");
  if (message.schema) out += element("span", "v" + std::to_string(message.schema->version), "badge");
  out += sunset_badge(message, options.today) + "</header>\n" + paragraphs(message.description);
  if (message.deprecation) out += notice(message, options.today);
  out += traffic(message) + facts(message);
  if (message.schema) out += schema(message, fields);
  if (options.history != nullptr) out += history(message, *options.history);
  return out + "</article>\n";
}

}  // namespace fabric::catalog::html
