#pragma once
// What a consumer of a partition that its topic has grown waits for: that everything which its keys had in the
// partition before is done with.
//
//     partition q follows its parent p at S (ControlLines::follows)
//       p:  ... records of the keys that now belong to q ... | S: only keys that stay
//       q:                                                     their next records
//
// So nothing of q is delivered before the group has acked everything of p below S. The same holds between p and its own
// parent, which matters where p never got a record. Who has no place in p (no cursor of the group there, an observer
// that does not read it) does not wait.
//
// Not thread-safe: of one consumer. No system call. Words that are damaged make it wait for no more than what p holds
// now.

#include <cstdint>
#include <vector>

#include "fabric/fabric.hpp"

namespace fabric {

class HandOver {
 public:
  HandOver() = default;
  HandOver(const Topic& topic, std::uint32_t partition);

  bool is_over() const noexcept { return links_.empty(); }
  // Whether it is over now; then it is for good. `done_below(partition)`: an optional with the sequence below which
  // everything there is done.
  template <class DoneBelow>
  bool look(const Topic& topic, const DoneBelow& done_below) {
    std::erase_if(links_, [&](Link& link) {
      if (!find_end(topic, link)) return false;
      const auto done = done_below(link.parent);
      return !done || *done >= link.end;
    });
    return links_.empty();
  }

 private:
  static constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
  struct Link {
    std::uint32_t partition, parent;
    std::uint64_t end = kUnknown;  // of what the parent had before
  };
  static bool find_end(const Topic& topic, Link& link) noexcept;
  std::vector<Link> links_;
};

}  // namespace fabric
