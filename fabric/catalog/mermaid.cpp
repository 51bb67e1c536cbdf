// Mermaid: https://mermaid.js.org/syntax/flowchart.html and sequenceDiagram.html

#include <algorithm>
#include <map>

#include "fabric/catalog/describe.hpp"
#include "fabric/catalog/export.hpp"
#include "fabric/catalog/flow.hpp"

namespace fabric::catalog {
namespace {

// Characters that end or format a label become entities; control bytes become spaces.
std::string label(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (std::string_view("\"#;<>&`\\{}[]()|%:@*_~").find(c) != std::string_view::npos)
      out += "#" + std::to_string(static_cast<unsigned>(static_cast<unsigned char>(c))) + ";";
    else
      out += c;
  }
  return out.empty() ? " " : out;
}

// Short identifiers: names as they are could be words of Mermaid ("end", "graph").
class Identifiers {
 public:
  explicit Identifiers(char letter) : letter_(letter) {}
  std::string of(const std::string& name) {
    return letter_ + std::to_string(known_.emplace(name, known_.size()).first->second);
  }

 private:
  char letter_;
  std::map<std::string, std::size_t> known_;
};

}  // namespace

std::string to_mermaid(const Catalog& catalog) {
  Identifiers messages('m'), services('s');
  std::string out = "flowchart LR\n";
  for (const auto& service : catalog.services()) out += "  " + services.of(service) + "[\"" + label(service) + "\"]\n";
  std::size_t number = 0;
  for (const auto& context : catalog.contexts) {
    out += "  subgraph c" + std::to_string(number++) + "[\"" + label(context.name) + "\"]\n";
    for (const auto& message : context.messages) {
      const bool event = message.kind == Kind::event;
      out += "    " + messages.of(message.name) + (event ? "([\"" : "{{\"") + label(message.name) +
             (event ? "\"])" : "\"}}");
      out += std::string(":::") + (message.deprecation ? "deprecated" : event ? "event" : "command") + "\n";
    }
    out += "  end\n";
  }
  for (const auto* message : catalog.messages()) {
    const std::string arrow = message->kind == Kind::event ? " --> " : " -.-> ";
    for (const auto& producer : message->producers)
      out += "  " + services.of(producer) + arrow + messages.of(message->name) + "\n";
    for (const auto& consumer : message->consumers)
      out += "  " + messages.of(message->name) + arrow + services.of(consumer.service) + "\n";
  }
  return out +
         "  classDef event fill:#dbeafe,stroke:#1d4ed8,color:#0f172a\n"
         "  classDef command fill:#fef3c7,stroke:#b45309,color:#0f172a\n"
         "  classDef deprecated fill:#f1f5f9,stroke:#64748b,color:#475569,stroke-dasharray:4\n";
}

std::string to_mermaid_sequence(const Catalog& catalog) {
  Identifiers services('s');
  std::string out = "sequenceDiagram\n";
  const auto order = messages_in_flow(catalog);
  auto declare = [&, declared = std::map<std::string, bool>()](const std::string& service) mutable {
    if (declared.emplace(service, true).second)
      out += "  participant " + services.of(service) + " as " + label(service) + "\n";
  };
  for (const auto* message : order) {
    for (const auto& producer : message->producers) declare(producer);
    for (const auto& consumer : message->consumers) declare(consumer.service);
  }
  for (const auto* message : order)
    for (const auto& producer : message->producers)
      for (const auto& consumer : message->consumers)
        out += "  " + services.of(producer) + (message->kind == Kind::event ? "-)" : "->>") +
               services.of(consumer.service) + ": " + label(message->name) + "\n";
  return out;
}

}  // namespace fabric::catalog
