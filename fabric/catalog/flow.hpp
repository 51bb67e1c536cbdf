#pragma once
// Services and messages as a graph, and a layered drawing of it: columns from left to right, few crossings, the same
// every time. Thread-safe.
//
// The steps are those of Sugiyama, Tagawa and Toda (1981): edges that close a cycle are turned round for the layout,
// nodes go into the column behind their last predecessor, edges that span columns get way points, and columns are
// ordered by the barycenters of their neighbours in a few sweeps. Linear in nodes and edges but for the sorting.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fabric/catalog/model.hpp"

namespace fabric::catalog {

struct FlowNode {
  const Message* message = nullptr;  // nullptr: a service
  std::string name{};
  // Set by lay_out(): the left upper corner, in pixels.
  double x = 0, y = 0, width = 0, height = 0;
  std::size_t column = 0;
};
struct Point {
  double x = 0, y = 0;
};
struct FlowEdge {
  std::size_t from = 0, to = 0;  // nodes
  bool command = false;
  bool back = false;          // against the columns' direction
  std::vector<Point> path{};  // set by lay_out(): from `from` to `to`, way points between
};
struct Flow {
  std::vector<FlowNode> nodes{};
  std::vector<FlowEdge> edges{};
  double width = 0, height = 0;
};

// Services that neither produce nor consume do not exist; messages without either stand alone.
Flow flow_of(const Catalog& catalog);
void lay_out(Flow& flow);

// Messages in the order in which they follow from each other as far as that can be told: by column, then as declared.
std::vector<const Message*> messages_in_flow(const Catalog& catalog);

}  // namespace fabric::catalog
