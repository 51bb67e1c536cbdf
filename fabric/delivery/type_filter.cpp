#include "fabric/delivery/type_filter.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace fabric {

TypeFilter::TypeFilter(contract::Registry registry, std::vector<std::string> types)
    : types_(std::move(types)), registry_(std::move(registry)) {
  std::sort(types_.begin(), types_.end());
}

bool TypeFilter::is_wanted(std::string_view type) const noexcept {
  return std::binary_search(types_.begin(), types_.end(), type, std::less<>());
}

bool TypeFilter::lets_described_through(std::uint32_t schema, const Event& event) {
  const auto own = event.envelope.type();
  if (!own.empty()) return is_wanted(own);
  return schema == last_schema_ ? last_wanted_ : lets_schema_through(schema);
}

// Only what the registry has decided for good is remembered.
bool TypeFilter::lets_schema_through(std::uint32_t schema) {
  auto known = wanted_.find(schema);
  if (known == wanted_.end()) {
    if (schema == 0 || !registry_) return false;
    const auto registered = registry_->by_id(schema);
    const bool missing = !registered && registered.error().code == ErrorCode::not_found;
    trouble_ = registered || missing ? std::string() : registered.error().message;
    if (!registered) return !missing;
    known = wanted_.emplace(schema, is_wanted(registered->subject)).first;
  }
  last_schema_ = schema;
  last_wanted_ = known->second;
  return last_wanted_;
}

}  // namespace fabric
