#include "fabric/catalog/html_graph.hpp"

#include <cmath>

#include "fabric/catalog/html_text.hpp"

namespace fabric::catalog::html {
namespace {

constexpr std::size_t kColours = 8;
constexpr double kWidest = 1'500;

// Pixels to a tenth: short, and the same on every machine.
std::string number(double value) {
  const auto tenths = std::lround(value * 10);
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(std::abs(tenths % 10)));
}

std::string point(const Point& at) { return number(at.x) + " " + number(at.y); }

// Between columns a curve that leaves and arrives level; through a column (between two way points) a straight line.
std::string curve(const std::vector<Point>& path) {
  std::string out = "M" + point(path.front());
  for (std::size_t i = 1; i < path.size(); ++i) {
    const auto& a = path[i - 1];
    const auto& b = path[i];
    if (i % 2 == 0) {
      out += "L" + point(b);
      continue;
    }
    const auto middle = (a.x + b.x) / 2;
    out += "C" + point({middle, a.y}) + " " + point({middle, b.y}) + " " + point(b);
  }
  return out;
}

std::string node_text(const Catalog& catalog, const FlowNode& node, std::size_t index) {
  const bool service = node.message == nullptr;
  std::string kind = service
                         ? "service"
                         : std::string(to_string(node.message->kind)) + " " + colour_of(catalog, node.message->context);
  if (!service && node.message->deprecation) kind += " old";
  const auto radius = service ? 4 : node.message->kind == Kind::event ? 15 : 0;
  auto out = "<a href=\"" + href_of(service ? 's' : 'm', node.name) + "\" class=\"node " + kind + "\" data-n=\"" +
             std::to_string(index) + "\">";
  out += "<title>" +
         escaped(service ? "service " + node.name
                         : std::string(to_string(node.message->kind)) + " of " + node.message->context) +
         "</title>";
  if (!service && node.message->kind == Kind::command) {
    const auto left = node.x, right = node.x + node.width, top = node.y, bottom = node.y + node.height, cut = 10.0;
    out += "<polygon points=\"" + point({left + cut, top}) + "," + point({right - cut, top}) + "," +
           point({right, (top + bottom) / 2}) + "," + point({right - cut, bottom}) + "," + point({left + cut, bottom}) +
           "," + point({left, (top + bottom) / 2}) + "\"/>";
  } else {
    out += "<rect x=\"" + number(node.x) + "\" y=\"" + number(node.y) + "\" width=\"" + number(node.width) +
           "\" height=\"" + number(node.height) + "\" rx=\"" + std::to_string(radius) + "\"/>";
  }
  return out + "<text x=\"" + number(node.x + node.width / 2) + "\" y=\"" + number(node.y + node.height / 2) + "\">" +
         escaped(node.name) + "</text></a>\n";
}

}  // namespace

std::string colour_of(const Catalog& catalog, std::string_view context) {
  for (std::size_t i = 0; i < catalog.contexts.size(); ++i)
    if (catalog.contexts[i].name == context) return "k" + std::to_string(i % kColours);
  return "k0";
}

std::string graph(const Catalog& catalog) {
  auto flow = flow_of(catalog);
  lay_out(flow);
  const auto width = number(flow.width), height = number(flow.height);
  // One that is not much wider than a page is made to fit it; others are scrolled.
  auto out = std::string("<svg") + (flow.width > 960 && flow.width < kWidest ? " class=\"fit\"" : "") + " width=\"" +
             width + "\" height=\"" + height + "\" viewBox=\"0 0 " + width + " " + height +
             "\" role=\"img\" aria-label=\"Services, and the events and commands between them\">\n"
             "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
             "markerUnits=\"userSpaceOnUse\" "
             "orient=\"auto\"><path d=\"M0 .8L7 4L0 7.2z\"/></marker></defs>\n";
  for (const auto& edge : flow.edges) {
    const auto& message = flow.nodes[edge.from].message != nullptr ? flow.nodes[edge.from] : flow.nodes[edge.to];
    out += "<path class=\"edge" + std::string(edge.command ? " ask " : " ") +
           colour_of(catalog, message.message->context) + "\" data-a=\"" + std::to_string(edge.from) + "\" data-b=\"" +
           std::to_string(edge.to) + "\" d=\"" + curve(edge.path) + "\" marker-end=\"url(#tip)\"/>\n";
  }
  for (std::size_t i = 0; i < flow.nodes.size(); ++i) out += node_text(catalog, flow.nodes[i], i);
  return out + "</svg>";
}

}  // namespace fabric::catalog::html
