#pragma once
// A topic as the read-only verbs show it: its rings with a snapshot of each, and who the owners of lines and cursors
// are. Writes nothing. Not thread-safe.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fabric/fabric.hpp"
#include "ipc/snapshot.hpp"
#include "tools/evf/terminal.hpp"

namespace fabric::evf {

// Members of a fabric directory by id, and whether they live, looked up once.
class Owners {
 public:
  explicit Owners(const std::string& directory);
  // Whether its death is not proven (0: nobody, not alive).
  bool alive(ipc::MemberId id) const;
  // The member that a reader belongs to; 0: none that is known.
  ipc::MemberId member_of(ipc::ReaderId reader) const noexcept;
  Cell cell(ipc::MemberId id) const;  // "4711 evf", "4711 evf, dead", "-"
  Json json(ipc::MemberId id) const;  // {"member", "pid", "name", "alive"} or null

 private:
  std::shared_ptr<const ipc::Members> members_;
  std::map<ipc::MemberId, ipc::MemberInfo> known_;
  mutable std::map<ipc::MemberId, bool> alive_;  // as first asked: a process may have lines in each of many thousand rings
};

struct PartitionView {
  std::uint32_t partition = 0;
  std::shared_ptr<ipc::Ring> ring;
  ipc::RingSnapshot snapshot;
  std::uint64_t now_ns = 0;  // on the ring's clock

  const ipc::RingMap& map() const noexcept { return ring->map(); }
  ipc::Lag lag(const ipc::CursorInfo& cursor) const noexcept { return ipc::lag_at(map(), cursor.position, now_ns); }
  const ipc::CursorInfo* cursor(std::uint32_t index) const noexcept;
};
std::vector<PartitionView> view_topic(const Topic& topic);
// Shows each topic, or only one, to `visit`, one after the other: thousands of them are not mapped at the same time. Topics that cannot be read are
// reported. Returns the exit code.
int for_each_topic(const Fabric& fabric, const std::string& only,
                   const std::function<void(const std::string& name, const std::vector<PartitionView>& views)>& visit);

// Who is waiting for whom, and since when; empty when the publisher is not blocked.
std::string blocked_text(const PartitionView& view, const ipc::PublisherInfo& publisher);
Json publisher_json(const PartitionView& view, const ipc::PublisherInfo& publisher, const Owners& owners);
Json cursor_json(const PartitionView& view, const ipc::CursorInfo& cursor, const Owners& owners);
// The cursor's name; of a nameless one its number.
std::string cursor_name(const ipc::CursorInfo& cursor);

}  // namespace fabric::evf
