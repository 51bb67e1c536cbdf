#pragma once
// Where a Producer sends a key: the topic's route words as it last saw them, and what follows from them for every
// remainder of a hash.
//
// Invariant: place(h) is where the words in word() say that h belongs. A publisher names word(partition) to the ring,
// which refuses once the partition has another (ipc::RecordOptions::route), so what is stale here is found out before
// anything is published. Not thread-safe: used by its Producer alone. partition_of(): no allocation, one division and
// one load.

#include <cstdint>
#include <span>
#include <vector>

#include "fabric/fabric.hpp"
#include "fabric/topic_route.hpp"

namespace fabric {

class Router {
 public:
  // The words of all partitions of the topic, as they are now; places follow with rebuild().
  static std::vector<std::uint64_t> look(const Topic& topic);
  // How many partitions these words send keys to; 0: one is damaged.
  static std::uint32_t count_in(const Topic& topic, const std::vector<std::uint64_t>& words) noexcept;

  // `words` of all partitions of `topic`, none damaged, which send keys to no more than these. Marks the hand-over of
  // all that get some.
  void rebuild(const Topic& topic, std::vector<std::uint64_t> words);

  std::uint32_t partition_of(std::span<const std::byte> key) const noexcept {
    return key.empty() ? 0 : places_[hash_of_key(key) % places_.size()];
  }
  std::uint64_t word(std::uint32_t partition) const noexcept { return words_[partition]; }
  bool knows(std::uint32_t partition) const noexcept { return partition < words_.size(); }

 private:
  std::vector<std::uint32_t> places_;  // by hash mod their number
  std::vector<std::uint64_t> words_;   // by partition
};

}  // namespace fabric
