#include "tools/evf/tail_filter.hpp"

#include <algorithm>
#include <set>

#include "fabric/delivery/consumer.hpp"
#include "fabric/text.hpp"

namespace fabric::evf {
namespace {

// Adds what retained records say of themselves, up to the first claim that is not finished in each partition.
Result<void> add_types_in(const Fabric& fabric, const std::string& topic, std::set<std::string, std::less<>>& types) {
  auto observer = Consumer::join(fabric, topic, {.wait = ipc::WaitStrategy::back_off, .read_only = true});
  if (!observer) return observer.error();
  const auto end = observer->state();
  const auto at_the_end = [&] {
    const auto now = observer->state();
    return std::equal(now.begin(), now.end(), end.begin(),
                      [](const auto& here, const auto& there) { return here.position >= there.head; });
  };
  const auto take = [&](const Delivery& delivery) {
    const auto type = delivery.event.envelope.type();
    if (!type.empty() && types.find(type) == types.end()) types.emplace(type);
  };
  while (observer->poll(take) != 0 && !at_the_end()) {
  }
  return {};
}

}  // namespace

Result<void> check_types(const Fabric& fabric, const contract::Registry& registry, const std::string& topic,
                         const std::vector<std::string>& types) {
  std::set<std::string, std::less<>> known;
  const auto subjects = registry.subjects();
  if (!subjects) return subjects.error();
  for (const auto& subject : *subjects) known.insert(subject.name);
  const auto unknown = [&] {
    return std::find_if(types.begin(), types.end(), [&](const auto& type) { return !known.contains(type); });
  };
  if (unknown() == types.end()) return {};
  if (auto added = add_types_in(fabric, topic, known); !added) return added.error();
  const auto first = unknown();
  if (first == types.end()) return {};
  const auto hint = nearest(*first, {known.begin(), known.end()}, ipc::kMaxName * 4);
  return ipc::make_error(ErrorCode::not_found,
                         "there is no event type '" + printable(*first) + "'; " +
                             (hint.empty() ? "evf schema list shows those that are registered, and topic '" + topic +
                                                 "' has no record that says so itself"
                                           : "did you mean '" + printable(hint) + "'?"));
}

}  // namespace fabric::evf
