#include "fabric/catalog/model.hpp"

#include <algorithm>
#include <set>

namespace fabric::catalog {

Place Places::find(std::string_view path) const {
  while (true) {
    if (const auto found = known_.find(path); found != known_.end()) return found->second;
    if (path.empty()) return {};
    const auto dot = path.rfind('.');
    path = path.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
}

std::string_view to_string(Exhaustion exhaustion) noexcept {
  switch (exhaustion) {
    case Exhaustion::dead_letter:
      return "dead-letter";
    case Exhaustion::park:
      return "park";
    case Exhaustion::stop:
      return "stop";
  }
  return "unknown";
}

std::string_view to_string(Kind kind) noexcept { return kind == Kind::event ? "event" : "command"; }

const Consumer* Message::consumer(std::string_view service) const noexcept {
  const auto found =
      std::find_if(consumers.begin(), consumers.end(), [&](const auto& c) { return c.service == service; });
  return found == consumers.end() ? nullptr : &*found;
}

Sla Message::sla_of(const Consumer& consumer) const noexcept {
  auto merged = consumer.sla;
  if (!merged.max_lag) merged.max_lag = sla.max_lag;
  if (!merged.max_lag_ns) merged.max_lag_ns = sla.max_lag_ns;
  if (!merged.max_queue_ns) merged.max_queue_ns = sla.max_queue_ns;
  return merged;
}

const Context* Catalog::context(std::string_view name) const noexcept {
  const auto found = std::find_if(contexts.begin(), contexts.end(), [&](const auto& c) { return c.name == name; });
  return found == contexts.end() ? nullptr : &*found;
}

const Message* Catalog::find(std::string_view message) const noexcept {
  for (const auto& context : contexts)
    for (const auto& candidate : context.messages)
      if (candidate.name == message) return &candidate;
  return nullptr;
}

std::vector<const Message*> Catalog::messages() const {
  std::vector<const Message*> all;
  for (const auto& context : contexts)
    for (const auto& message : context.messages) all.push_back(&message);
  return all;
}

std::vector<const Message*> Catalog::on_topic(std::string_view topic) const {
  auto all = messages();
  std::erase_if(all, [&](const auto* message) { return message->topic != topic; });
  return all;
}

std::vector<std::string> Catalog::services() const {
  std::set<std::string> names;
  for (const auto* message : messages()) {
    names.insert(message->producers.begin(), message->producers.end());
    for (const auto& consumer : message->consumers) names.insert(consumer.service);
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> Catalog::topics() const {
  std::set<std::string> names;
  for (const auto* message : messages())
    if (!message->topic.empty()) names.insert(message->topic);
  return {names.begin(), names.end()};
}

}  // namespace fabric::catalog
