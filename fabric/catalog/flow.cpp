#include "fabric/catalog/flow.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace fabric::catalog {
namespace {

constexpr double kNodeHeight = 30, kRowGap = 14, kColumnGap = 50, kMargin = 12, kLetter = 7.2, kPadding = 28,
                 kWayHeight = 8;
constexpr int kSweeps = 8;

// A node of the layered graph, or a way point of a long edge.
struct Spot {
  std::size_t node = 0;
  bool way = false;
  std::size_t column = 0;
  double y = 0;
  std::vector<std::size_t> before{}, behind{};  // places in the columns next to it
};

// Marks edges that close a cycle when nodes are visited in order, and gives each node the column behind its last
// predecessor.
class Layers {
 public:
  explicit Layers(Flow& flow) : flow_(flow), out_(flow.nodes.size()), state_(flow.nodes.size(), 0) {
    std::vector<std::size_t> entering(flow.nodes.size(), 0);
    for (std::size_t i = 0; i < flow.edges.size(); ++i) {
      out_[flow.edges[i].from].push_back(i);
      ++entering[flow.edges[i].to];
    }
    // Sources first, so that what starts a flow stands at its left.
    for (std::size_t i = 0; i < flow.nodes.size(); ++i)
      if (entering[i] == 0) visit(i);
    for (std::size_t i = 0; i < flow.nodes.size(); ++i) visit(i);
    assign();
  }

 private:
  // Depth first, without recursion: a catalog may be a long chain.
  void visit(std::size_t root) {
    if (state_[root] != 0) return;
    std::vector<std::pair<std::size_t, std::size_t>> stack{{root, 0}};
    state_[root] = 1;
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next == out_[node].size()) {
        state_[node] = 2;
        finished_.push_back(node);
        stack.pop_back();
        continue;
      }
      auto& edge = flow_.edges[out_[node][next++]];
      if (state_[edge.to] == 1)
        edge.back = true;
      else if (state_[edge.to] == 0) {
        state_[edge.to] = 1;
        stack.emplace_back(edge.to, 0);
      }
    }
  }

  // In reverse order of finishing, every forward edge goes from an earlier to a later node; so do back edges once
  // turned.
  void assign() {
    std::vector<std::vector<std::size_t>> turned(flow_.nodes.size());
    for (const auto& edge : flow_.edges)
      turned[edge.back ? edge.to : edge.from].push_back(edge.back ? edge.from : edge.to);
    for (auto node = finished_.rbegin(); node != finished_.rend(); ++node)
      for (const auto to : turned[*node])
        flow_.nodes[to].column = std::max(flow_.nodes[to].column, flow_.nodes[*node].column + 1);
    // A source stands right before what it leads to, not at the far left.
    std::vector<bool> has_before(flow_.nodes.size(), false);
    for (const auto& edge : flow_.edges) has_before[edge.back ? edge.from : edge.to] = true;
    for (std::size_t i = 0; i < flow_.nodes.size(); ++i) {
      if (has_before[i] || turned[i].empty()) continue;
      auto nearest = flow_.nodes[turned[i].front()].column;
      for (const auto to : turned[i]) nearest = std::min(nearest, flow_.nodes[to].column);
      flow_.nodes[i].column = nearest - 1;
    }
  }

  Flow& flow_;
  std::vector<std::vector<std::size_t>> out_;
  std::vector<unsigned char> state_;
  std::vector<std::size_t> finished_;
};

// Orders the columns, and places nodes and way points.
class Drawing {
 public:
  explicit Drawing(Flow& flow) : flow_(flow), ways_(flow.edges.size()) {
    for (std::size_t i = 0; i < flow.nodes.size(); ++i) add({.node = i, .column = flow.nodes[i].column});
    for (std::size_t i = 0; i < flow.edges.size(); ++i) add_ways(i);
    for (int sweep = 0; sweep < kSweeps; ++sweep) order(sweep % 2 == 0);
    place_rows();
    place_columns();
    for (std::size_t i = 0; i < flow.edges.size(); ++i) draw(i);
  }

 private:
  std::size_t add(Spot place) {
    if (columns_.size() <= place.column) columns_.resize(place.column + 1);
    columns_[place.column].push_back(places_.size());
    places_.push_back(std::move(place));
    return places_.size() - 1;
  }

  void add_ways(std::size_t index) {
    const auto& edge = flow_.edges[index];
    const auto from = edge.back ? edge.to : edge.from, to = edge.back ? edge.from : edge.to;
    auto last = from;  // nodes are the first places
    for (auto column = flow_.nodes[from].column + 1; column < flow_.nodes[to].column; ++column) {
      const auto way = add({.node = index, .way = true, .column = column});
      ways_[index].push_back(way);
      connect(last, way);
      last = way;
    }
    connect(last, to);
  }

  void connect(std::size_t left, std::size_t right) {
    places_[left].behind.push_back(right);
    places_[right].before.push_back(left);
  }

  void order(bool forward) {
    std::vector<double> rank(places_.size());
    for (const auto& column : columns_)
      for (std::size_t i = 0; i < column.size(); ++i)
        rank[column[i]] = static_cast<double>(i) / static_cast<double>(column.size());
    const auto sort = [&](std::vector<std::size_t>& column) {
      std::map<std::size_t, double> centre;
      for (const auto place : column) {
        const auto& next = forward ? places_[place].before : places_[place].behind;
        double sum = 0;
        for (const auto other : next) sum += rank[other];
        centre[place] = next.empty() ? rank[place] : sum / static_cast<double>(next.size());
      }
      std::stable_sort(column.begin(), column.end(), [&](auto a, auto b) { return centre[a] < centre[b]; });
      for (std::size_t i = 0; i < column.size(); ++i)
        rank[column[i]] = static_cast<double>(i) / static_cast<double>(column.size());
    };
    if (forward)
      for (auto& column : columns_) sort(column);
    else
      for (auto column = columns_.rbegin(); column != columns_.rend(); ++column) sort(*column);
  }

  double height_of(std::size_t place) const { return places_[place].way ? kWayHeight : kNodeHeight; }

  // Rows one below the other, columns centred; then each place moves towards its neighbours as far as those above and
  // below let it.
  void place_rows() {
    double tallest = 0;
    std::vector<double> heights;
    for (const auto& column : columns_) {
      double height = 0;
      for (const auto place : column) height += height_of(place) + kRowGap;
      heights.push_back(height);
      tallest = std::max(tallest, height);
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      double y = kMargin + (tallest - heights[i]) / 2;
      for (const auto place : columns_[i]) {
        places_[place].y = y;
        y += height_of(place) + kRowGap;
      }
    }
    flow_.height = tallest + 2 * kMargin - kRowGap;
    for (int sweep = 0; sweep < 6 * kSweeps; ++sweep)
      for (std::size_t i = 0; i < columns_.size(); ++i) relax(columns_[sweep % 2 == 0 ? i : columns_.size() - 1 - i]);
  }

  void relax(const std::vector<std::size_t>& column) {
    for (std::size_t i = 0; i < column.size(); ++i) {
      auto& place = places_[column[i]];
      double sum = 0;
      std::size_t count = 0;
      for (const auto* side : {&place.before, &place.behind})
        for (const auto other : *side) {
          sum += places_[other].y + height_of(other) / 2;
          ++count;
        }
      if (count == 0) continue;
      const auto least = i == 0 ? kMargin : places_[column[i - 1]].y + height_of(column[i - 1]) + kRowGap;
      const auto most =
          (i + 1 == column.size() ? flow_.height - kMargin : places_[column[i + 1]].y - kRowGap) - height_of(column[i]);
      if (most >= least) place.y = std::clamp(sum / static_cast<double>(count) - height_of(column[i]) / 2, least, most);
    }
  }

  void place_columns() {
    double x = kMargin;
    for (const auto& column : columns_) {
      double width = 0;
      for (const auto place : column)
        if (!places_[place].way) width = std::max(width, flow_.nodes[places_[place].node].width);
      lefts_.push_back(x);
      widths_.push_back(width);
      for (const auto place : column) {
        if (places_[place].way) continue;
        auto& node = flow_.nodes[places_[place].node];
        node.x = x + (width - node.width) / 2;
        node.y = places_[place].y;
      }
      x += width + kColumnGap;
    }
    flow_.width = x - kColumnGap + kMargin;
  }

  void draw(std::size_t index) {
    auto& edge = flow_.edges[index];
    const auto& left = flow_.nodes[edge.back ? edge.to : edge.from];
    const auto& right = flow_.nodes[edge.back ? edge.from : edge.to];
    edge.path.push_back({left.x + left.width, left.y + left.height / 2});
    for (const auto way : ways_[index]) {
      const auto column = places_[way].column;
      edge.path.push_back({lefts_[column], places_[way].y + kWayHeight / 2});
      edge.path.push_back({lefts_[column] + widths_[column], places_[way].y + kWayHeight / 2});
    }
    edge.path.push_back({right.x, right.y + right.height / 2});
    if (edge.back) std::reverse(edge.path.begin(), edge.path.end());
  }

  Flow& flow_;
  std::vector<Spot> places_;
  std::vector<std::vector<std::size_t>> columns_, ways_;
  std::vector<double> lefts_, widths_;
};

}  // namespace

Flow flow_of(const Catalog& catalog) {
  Flow flow;
  std::map<std::string, std::size_t> services;
  const auto service = [&](const std::string& name) {
    const auto [known, fresh] = services.emplace(name, flow.nodes.size());
    if (fresh) flow.nodes.push_back({.name = name});
    return known->second;
  };
  for (const auto* message : catalog.messages()) {
    std::vector<std::size_t> producers;
    for (const auto& producer : message->producers) producers.push_back(service(producer));
    const auto node = flow.nodes.size();
    flow.nodes.push_back({.message = message, .name = message->name});
    const bool command = message->kind == Kind::command;
    for (const auto producer : producers) flow.edges.push_back({.from = producer, .to = node, .command = command});
    for (const auto& consumer : message->consumers)
      flow.edges.push_back({.from = node, .to = service(consumer.service), .command = command});
  }
  for (auto& node : flow.nodes) {
    std::size_t letters = 0;
    for (const char c : printable(node.name)) letters += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    node.width = static_cast<double>(letters) * kLetter + kPadding;
    node.height = kNodeHeight;
  }
  return flow;
}

void lay_out(Flow& flow) {
  const Layers layers(flow);
  const Drawing drawing(flow);
}

std::vector<const Message*> messages_in_flow(const Catalog& catalog) {
  auto flow = flow_of(catalog);
  const Layers layers(flow);
  std::stable_sort(flow.nodes.begin(), flow.nodes.end(),
                   [](const auto& a, const auto& b) { return a.column < b.column; });
  std::vector<const Message*> messages;
  for (const auto& node : flow.nodes)
    if (node.message != nullptr) messages.push_back(node.message);
  return messages;
}

}  // namespace fabric::catalog
