#pragma once
// Which records of its partitions a consumer wants. What it does not want is not delivered, and needs no ack: the cursor goes past it.
//
// A filter is asked on the reader's side, after the checksum: it saves the handler, not the read. One thread at a time: `types` remembers
// what schema ids stand for, and copies of every_nth() and at_most_every() share their counts.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fabric/delivery/type_filter.hpp"
#include "fabric/event/envelope.hpp"

namespace fabric {

// All that is said has to hold; what is empty says nothing.
struct Filter {
  TypeFilter types{};                        // one of these event types, by name
  std::vector<std::uint32_t> schemas{};      // one of these schema ids: an event type has one per version
  std::vector<std::string> keys{};           // one of these keys
  std::vector<std::string> key_prefixes{};   // a key that begins with one of these
  std::function<bool(const ipc::RecordView&, const Event&)> wants{};  // and whatever else; must not throw

  bool empty() const noexcept {
    return types.empty() && schemas.empty() && keys.empty() && key_prefixes.empty() && !wants;
  }
  bool lets_through(const ipc::RecordView& record, const Event& event);
};

// Every `n`th record of each key, beginning with its first; for Filter::wants. Remembers a count per key. n: at least 1.
std::function<bool(const ipc::RecordView&, const Event&)> every_nth(std::uint64_t n);
// Of each key at most one record in `interval_ns`, by the records' own time stamps, beginning with its first. What is in between is dropped, also
// the last: Conflater keeps that.
std::function<bool(const ipc::RecordView&, const Event&)> at_most_every(std::uint64_t interval_ns);

}  // namespace fabric
