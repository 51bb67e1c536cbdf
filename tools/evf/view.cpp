#include "tools/evf/view.hpp"

#include <fmt/format.h>

#include "ipc/clock.hpp"
#include "tools/evf/text.hpp"
#include "tools/evf/verb.hpp"

namespace fabric::evf {

Owners::Owners(const std::string& directory) {
  auto members = ipc::Members::open(directory);
  if (!members) return;  // then nobody is known, and nobody's death is proven
  members_ = std::make_shared<const ipc::Members>(std::move(*members));
  for (auto& member : members_->list()) known_.emplace(member.id, member);
}

bool Owners::alive(ipc::MemberId id) const {
  if (id == 0 || !members_) return id != 0;
  auto known = alive_.find(id);
  if (known == alive_.end()) known = alive_.emplace(id, members_->is_alive(id)).first;
  return known->second;
}

ipc::MemberId Owners::member_of(ipc::ReaderId reader) const noexcept {
  if (reader == 0) return 0;
  for (const auto& [id, info] : known_)
    if (ipc::reader_id(id, static_cast<std::uint8_t>(reader)) == reader) return id;
  return 0;
}

Cell Owners::cell(ipc::MemberId id) const {
  if (id == 0) return "-";
  const auto found = known_.find(id);
  auto text = found == known_.end() ? fmt::format("member {:x}", id)
                                    : fmt::format("{} {}", found->second.pid, printable(found->second.name));
  if (alive(id)) return text;
  return {text + ", dead", Tone::warn};
}

Json Owners::json(ipc::MemberId id) const {
  if (id == 0) return nullptr;
  Json owner{{"member", id}};
  if (const auto found = known_.find(id); found != known_.end()) {
    owner["pid"] = found->second.pid;
    owner["name"] = found->second.name;
  }
  owner["alive"] = alive(id);
  return owner;
}

const ipc::CursorInfo* PartitionView::cursor(std::uint32_t index) const noexcept {
  for (const auto& cursor : snapshot.cursors)
    if (cursor.index == index) return &cursor;
  return nullptr;
}

std::vector<PartitionView> view_topic(const Topic& topic) {
  std::vector<PartitionView> views;
  for (std::uint32_t i = 0; i < topic.partitions(); ++i) {
    const auto& ring = topic.ring(i);
    views.push_back({.partition = i,
                     .ring = ring,
                     .snapshot = ipc::take_snapshot(ring->map()),
                     .now_ns = ipc::ring_now_ns(ring->file())});
  }
  return views;
}

int for_each_topic(const Fabric& fabric, const std::string& only,
                   const std::function<void(const std::string& name, const std::vector<PartitionView>& views)>& visit) {
  const auto names = only.empty() ? fabric.topic_names() : Result<std::vector<std::string>>(std::vector{only});
  if (!names) return fail(names.error());
  int code = kOk;
  for (const auto& name : *names) {
    const auto topic = open_topic(fabric, name, ipc::Access::read_only);
    if (topic) {
      visit(name, view_topic(**topic));
    } else {
      code = fail(topic.error());
    }
  }
  return code;
}

std::string cursor_name(const ipc::CursorInfo& cursor) {
  return cursor.name.empty() ? fmt::format("(cursor {})", cursor.index) : printable(cursor.name);
}

namespace {

std::uint64_t blocked_for_ns(const ipc::PublisherInfo& publisher) noexcept {
  const auto now = ipc::monotonic_ns();
  return publisher.blocked_since_ns == 0 || publisher.blocked_since_ns > now ? 0 : now - publisher.blocked_since_ns;
}

}  // namespace

std::string blocked_text(const PartitionView& view, const ipc::PublisherInfo& publisher) {
  if (publisher.blocked_since_ns == 0) return {};
  auto text = format_duration(blocked_for_ns(publisher));
  const auto* cursor = publisher.blocked_by ? view.cursor(*publisher.blocked_by) : nullptr;
  return cursor == nullptr ? text : text + " by " + cursor_name(*cursor);
}

Json publisher_json(const PartitionView& view, const ipc::PublisherInfo& publisher, const Owners& owners) {
  Json json{{"line", publisher.index},
            {"owner", owners.json(publisher.owner)},
            {"published", publisher.published},
            {"voided", publisher.voided},
            {"unfinished", publisher.claim_end - publisher.claim_first},
            {"blocked", nullptr}};
  if (publisher.blocked_since_ns != 0) {
    const auto* cursor = publisher.blocked_by ? view.cursor(*publisher.blocked_by) : nullptr;
    json["blocked"] = {{"for_ns", blocked_for_ns(publisher)}, {"by", cursor == nullptr ? Json() : Json(cursor->name)}};
  }
  return json;
}

Json cursor_json(const PartitionView& view, const ipc::CursorInfo& cursor, const Owners& owners) {
  const auto lag = view.lag(cursor);
  return {{"group", cursor.name},
          {"position", cursor.position},
          {"head", view.snapshot.head},
          {"lag_records", lag.records},
          {"lag_ns", lag.span_ns},
          {"age_ns", lag.age_ns},
          {"gating", cursor.gating},
          {"durable", cursor.durable},
          {"owner", owners.json(cursor.owner)},
          {"acked_at_ns", cursor.acked_at_ns}};
}

}  // namespace fabric::evf
