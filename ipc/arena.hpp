#pragma once
// The arena: room for payloads that do not fit a slot. Blocks of a fixed size, an extent is a run of adjacent blocks.
//
// Block word, value << 2 | state:
//   free                    anybody may take it
//   held(holder)            a publisher stages into it, or has committed and not stamped it yet
//   stamped(sequence)       record `sequence` uses it; free again once the gate has passed that sequence
//
// | found                                     | may be taken by an allocation                              |
// | free                                      | yes, CAS to held                                           |
// | stamped(s), s < limit - slot_count        | yes, CAS to held                                           |
// | stamped(s) otherwise                      | no: a gating reader may still need it                      |
// | held, its holder alive                    | no                                                         |
// | held, its holder gone                     | after stamping it with the last record's sequence          |
// | anything else (damage)                    | the same                                                   |
//
// A holder is a publisher line and its incarnation, so a block of a dead publisher never passes for one of its successor on the
// same line:
//     adopter                              new owner of line 3
//     block 7 is held by line 3, dead
//                                          adopts block 7, takes it again: held by line 3
//     CAS held(3) -> stamped               <- without the incarnation, steals a block in use
//
// Allocation goes round the arena, so old payloads stay readable for as long as there is room. Every step is one CAS, so a
// kill leaves each block in a row of the table. Lock-free; no system call (proof of death is the caller's).

#include "ipc/inspect.hpp"
#include "ipc/ring_file.hpp"

namespace fabric::ipc {

class Arena {
 public:
  explicit Arena(const RingMap& map) noexcept : map_(&map) {}

  static constexpr std::uint64_t word(std::uint64_t value, BlockState state) noexcept {
    return value << 2 | static_cast<std::uint64_t>(state);
  }
  static constexpr BlockState state(std::uint64_t word) noexcept { return static_cast<BlockState>(word & 3); }

  std::uint64_t capacity_bytes() const noexcept { return std::uint64_t{map_->arena_block_count} * map_->arena_block_bytes; }

  static constexpr std::uint64_t holder(std::uint64_t incarnation, std::uint32_t line) noexcept {
    return (incarnation << 13 | (line + 1)) & ((std::uint64_t{1} << 62) - 1);
  }

  // Takes adjacent blocks for `bytes`. `floor`: sequences below it are passed by the gate. One pass over the table.
  bool allocate(std::uint64_t bytes, std::uint64_t holder, std::uint64_t floor, ArenaReference& extent) noexcept {
    const auto wanted = (bytes + map_->arena_block_bytes - 1) / map_->arena_block_bytes;
    const auto total = map_->arena_block_count;
    if (wanted == 0 || wanted > total) return false;
    const auto held = word(holder, BlockState::held);
    const auto count = static_cast<std::uint32_t>(wanted);
    auto first = static_cast<std::uint32_t>(map_->control->arena_hint.load(std::memory_order_relaxed) % total);
    std::uint32_t scanned = 0;
    while (scanned < total + count) {
      if (first + count > total) {
        scanned += total - first;
        first = 0;
        continue;
      }
      std::uint32_t got = 0;
      while (got < count && take(first + got, held, floor)) ++got;
      if (got == count) {
        map_->control->arena_hint.store(first + count, std::memory_order_relaxed);
        extent = {first, count};
        return true;
      }
      release({first, got}, holder);
      scanned += got + 1;
      first = (first + got + 1) % total;
    }
    return false;
  }

  // Gives blocks back that no record refers to.
  void release(ArenaReference extent, std::uint64_t holder) noexcept {
    for (std::uint32_t i = 0; i < extent.block_count; ++i) exchange(extent.first_block + i, holder, word(0, BlockState::free));
  }

  // Binds blocks to the record that was committed with them.
  void stamp(ArenaReference extent, std::uint64_t holder, std::uint64_t sequence) noexcept {
    for (std::uint32_t i = 0; i < extent.block_count; ++i)
      exchange(extent.first_block + i, holder, word(sequence, BlockState::stamped));
  }

  // Stamps what nobody will: blocks whose holder is gone, and damaged words. `alive(line)` says whether the line has a live owner.
  // Returns how many. The stamp is the last record's sequence, looked for only after the proof that the holder is gone: before, the
  // holder could still commit a later one, and the block would be free too early. Nor later than that record: what is behind it (a
  // one-writer stride, say) may never be published as long as there is no room.
  template <class Alive>
  std::uint32_t adopt(Alive&& alive) noexcept {
    std::uint32_t adopted = 0;
    for (std::uint32_t i = 0; i < map_->arena_block_count; ++i) {
      auto seen = map_->blocks[i].load(std::memory_order_acquire);
      const bool gone = state(seen) == BlockState::held && holder_is_gone(seen >> 2, alive);
      const bool lost = gone || (state(seen) == BlockState::stamped && (seen >> 2) >= map_->tail()) || (seen & 3) == 3;
      if (!lost) continue;
      const auto head = find_head(*map_);
      const auto last = head == 0 ? word(0, BlockState::free) : word(head - 1, BlockState::stamped);
      if (map_->blocks[i].compare_exchange_strong(seen, last)) ++adopted;
    }
    return adopted;
  }

 private:
  bool take(std::uint32_t block, std::uint64_t held, std::uint64_t floor) noexcept {
    auto seen = map_->blocks[block].load(std::memory_order_acquire);
    const bool passed = state(seen) == BlockState::stamped && (seen >> 2) < floor;
    if (state(seen) != BlockState::free && !passed) return false;
    // SYNC: block-take (acquire pairs with the release of whoever freed or stamped it)
    return map_->blocks[block].compare_exchange_strong(seen, held, std::memory_order_acq_rel);
  }
  template <class Alive>
  bool holder_is_gone(std::uint64_t holder_value, Alive&& alive) const noexcept {
    const auto line = (holder_value & 0x1fff) - 1;
    if (line >= map_->max_publishers) return true;
    const auto incarnation = map_->publishers[line].incarnation.load(std::memory_order_acquire);
    if (holder(incarnation, static_cast<std::uint32_t>(line)) != holder_value) return true;
    return !alive(static_cast<std::uint32_t>(line));
  }
  void exchange(std::uint32_t block, std::uint64_t holder, std::uint64_t to) noexcept {
    auto expected = word(holder, BlockState::held);
    // A failure means that the table was damaged: then the block is not ours to touch, and adopt() reclaims it.
    map_->blocks[block].compare_exchange_strong(expected, to, std::memory_order_acq_rel);
  }

  const RingMap* map_;
};

}  // namespace fabric::ipc
