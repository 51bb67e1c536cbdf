#include "fabric/delivery/filter.hpp"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

namespace fabric {
namespace {

// A value per key. Copies share it, as copies of a std::function are made freely.
using PerKey = std::unordered_map<std::string, std::uint64_t>;

std::pair<std::uint64_t&, bool> value_of(PerKey& values, const Event& event) {
  const auto [entry, is_new] = values.try_emplace(std::string(as_text(event.envelope.key)), 0);
  return {entry->second, is_new};
}

}  // namespace

bool Filter::lets_through(const ipc::RecordView& record, const Event& event) {
  if (!types.empty() && !types.lets_through(record.schema, event)) return false;
  const auto key = as_text(event.envelope.key);
  if (!schemas.empty() && std::find(schemas.begin(), schemas.end(), record.schema) == schemas.end()) return false;
  if (!keys.empty() && std::find(keys.begin(), keys.end(), key) == keys.end()) return false;
  if (!key_prefixes.empty() && std::none_of(key_prefixes.begin(), key_prefixes.end(),
                                            [&](const auto& prefix) { return key.starts_with(prefix); }))
    return false;
  return !wants || wants(record, event);
}

std::function<bool(const ipc::RecordView&, const Event&)> every_nth(std::uint64_t n) {
  return [n = std::max<std::uint64_t>(n, 1), counts = std::make_shared<PerKey>()](const auto&, const Event& event) {
    return value_of(*counts, event).first++ % n == 0;
  };
}

std::function<bool(const ipc::RecordView&, const Event&)> at_most_every(std::uint64_t interval_ns) {
  return [interval_ns, delivered = std::make_shared<PerKey>()](const ipc::RecordView& record, const Event& event) {
    const auto [at_ns, is_new] = value_of(*delivered, event);
    if (!is_new && record.timestamp_ns - at_ns < interval_ns) return false;
    at_ns = record.timestamp_ns;
    return true;
  };
}

}  // namespace fabric
