#pragma once
// Who of a group should have which partition: what one member does next, from what it sees. A pure function.
//
// There is no coordinator and no list of members: everybody looks at the cursors of the group and takes one small step. Members are those
// who own a partition or ask for one. A partition counts for its owner, or for the one who asked for it while nobody owns it.
//
// | a partition            | and                                              | this member                                  |
// | nobody's               | nobody or we asked; we have less than our share  | takes it                                     |
// | nobody's               | another asked for it, or we have our share       | leaves it, until it has been nobody's for a while |
// | nobody's for a while   |                                                  | takes it: those who should have are stopped   |
// | another's, gives way   | its owner has at least two more than we have, counting what we asked for | asks for it          |
// | another's, and ours is the request | its owner has no more than one more than we have | takes the request back               |
// | ours                   | who asks for it has at least two less            | gives it away, once its records are acked     |
// | ours                   | otherwise                                        | keeps it                                      |
//
// Our share: partitions / members, rounded up. Every gift makes the sum of the squares of the members' counts smaller, and nothing but a
// join, a leave or a death makes it larger: so the steps come to an end, and then no two members differ by more than one partition, and
// nothing moves any more. What a member sees may be stale; then it asks or gives too early or too late, and sees more next time. Safety
// does not rest on it: ownership is the cursor's owner word and epoch (ipc/cursor_line.hpp).
// Source: work stealing by request, as thieves ask their victims; Kafka's cooperative-sticky assignor has the same fixed point with a
// coordinator. Thread-safe; allocates.

#include <cstdint>
#include <vector>

#include "ipc/cursor_watch.hpp"

namespace fabric {

// A member of a group: a consumer of a process. Several of one process are told apart.
using ConsumerId = ipc::ReaderId;

// One partition, as a member sees it.
struct PartitionSight {
  ConsumerId owner = 0;      // alive, with a lease that is not over; ourselves as well; 0: nobody
  bool gives_way = false;       // its owner hands it over on request
  ConsumerId requester = 0;  // alive; ourselves as well; 0: nobody
  bool overdue = false;         // has been nobody's for a while
};

// Indexes into what was seen, ascending.
struct AssignmentStep {
  std::vector<std::uint32_t> take, give, request, withdraw;
};

// `self`: this member. A member that does not `balance` (it was told which partitions to have) takes what is nobody's, and neither asks nor gives.
AssignmentStep next_step(ConsumerId self, const std::vector<PartitionSight>& seen, bool balance);

}  // namespace fabric
