#pragma once
// What the verbs of `evf group` share: a group's cursors in the partitions of a topic.

#include <string>
#include <vector>

#include "tools/evf/verb.hpp"
#include "tools/evf/view.hpp"

namespace fabric::evf {

// One partition of a topic as a group sees it. `cursor` points into the view's snapshot; null: the group has none there.
struct GroupPartition {
  const PartitionView* view = nullptr;
  const ipc::CursorInfo* cursor = nullptr;
};
// By partition; empty when the group has no cursor in the topic at all.
std::vector<GroupPartition> partitions_of_group(const std::vector<PartitionView>& views, const std::string& group);
// Names of the groups with a durable cursor in one of the partitions, sorted.
std::vector<std::string> groups_of(const std::vector<PartitionView>& views);
// Fails with the groups that there are.
int no_such_group(const std::string& group, const std::string& topic, const std::vector<PartitionView>& views);

void add_group_reset(CLI::App& app, Context& context);
void add_group_delete(CLI::App& app, Context& context);

}  // namespace fabric::evf
