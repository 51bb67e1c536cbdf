#include "fabric/catalog/diff.hpp"

#include <algorithm>
#include <set>

#include "fabric/catalog/describe.hpp"
#include "fabric/catalog/schema_change.hpp"

namespace fabric::catalog {
namespace {

std::string or_none(const std::string& text) { return text.empty() ? "none" : in_quotes(text); }

// Collects what changed in one message or context.
class Comparison {
 public:
  Comparison(std::string context, std::string subject, std::vector<Change>& changes)
      : context_(std::move(context)), subject_(std::move(subject)), changes_(changes) {}

  void add(Impact impact, ChangeKind kind, std::string part, std::string rule, std::string message) {
    changes_.push_back({impact, kind, context_, subject_, std::move(part), std::move(rule), std::move(message)});
  }
  // A value that is text; `name` says what it is.
  void text(Impact impact, const std::string& part, const std::string& name, const std::string& before,
            const std::string& after) {
    if (before == after) return;
    const auto kind = before.empty() ? ChangeKind::added : after.empty() ? ChangeKind::removed : ChangeKind::changed;
    auto rule = part + "-changed";
    std::replace(rule.begin(), rule.end(), '_', '-');
    add(impact, kind, part, std::move(rule), name + " was " + before_or_none(before) + ", is " + before_or_none(after));
  }
  // A longer text: that it changed is enough.
  void prose(const std::string& part, const std::string& before, const std::string& after) {
    if (before != after) add(Impact::documentation, ChangeKind::changed, part, part + "-changed", part + " rewritten");
  }

 private:
  static std::string before_or_none(const std::string& text) { return or_none(text); }
  std::string context_, subject_;
  std::vector<Change>& changes_;
};

void compare_producers(const Message& before, const Message& after, Comparison& found) {
  const std::set<std::string> old(before.producers.begin(), before.producers.end()),
      now(after.producers.begin(), after.producers.end());
  for (const auto& name : now)
    if (!old.contains(name))
      found.add(Impact::compatible, ChangeKind::added, "producers." + name, "producer-added",
                in_quotes(name) + " may produce it");
  for (const auto& name : old)
    if (!now.contains(name))
      found.add(Impact::compatible, ChangeKind::removed, "producers." + name, "producer-removed",
                in_quotes(name) + " may not produce it any more");
}

void compare_consumers(const Message& before, const Message& after, Comparison& found) {
  for (const auto& consumer : after.consumers) {
    const auto part = "consumers." + consumer.service;
    const auto* old = before.consumer(consumer.service);
    if (old == nullptr) {
      found.add(Impact::compatible, ChangeKind::added, part, "consumer-added",
                in_quotes(consumer.service) + " reads " + describe_reads(consumer));
      continue;
    }
    if (old->reads_all != consumer.reads_all || old->reads != consumer.reads)
      found.add(Impact::compatible, ChangeKind::changed, part, "reads-changed",
                in_quotes(consumer.service) + " read " + describe_reads(*old) + ", reads " + describe_reads(consumer));
    if (old->sla != consumer.sla)
      found.add(
          Impact::compatible, ChangeKind::changed, part + ".sla", "sla-changed",
          "SLA of " + in_quotes(consumer.service) + " was " + describe(old->sla) + ", is " + describe(consumer.sla));
  }
  for (const auto& consumer : before.consumers)
    if (after.consumer(consumer.service) == nullptr)
      found.add(Impact::compatible, ChangeKind::removed, "consumers." + consumer.service, "consumer-removed",
                in_quotes(consumer.service) + " does not read it any more");
}

void compare_policies(const Message& before, const Message& after, Comparison& found) {
  const auto policy = [&](const std::string& part, const std::string& was, const std::string& is) {
    if (was != is)
      found.add(Impact::compatible, ChangeKind::changed, part, part + "-changed", part + " was " + was + ", is " + is);
  };
  policy("sla", describe(before.sla), describe(after.sla));
  policy("retention", describe(before.retention), describe(after.retention));
  policy("retry", describe(before.retry), describe(after.retry));
  found.text(Impact::compatible, "dead_letter", "dead-letter topic", before.dead_letter, after.dead_letter);
  if (before.deprecation == after.deprecation) return;
  const auto kind = !before.deprecation  ? ChangeKind::added
                    : !after.deprecation ? ChangeKind::removed
                                         : ChangeKind::changed;
  found.add(Impact::documentation, kind, "deprecation", "deprecation-changed",
            !before.deprecation ? "deprecated " + describe(*after.deprecation)
            : !after.deprecation
                ? "not deprecated any more"
                : "was deprecated " + describe(*before.deprecation) + ", is " + describe(*after.deprecation));
}

void compare_schemas(const Message& before, const Message& after, const CompareOptions& options, Comparison& found) {
  if (!before.schema && !after.schema) return;
  if (!before.schema) {
    found.add(Impact::compatible, ChangeKind::added, "schema", "schema-added",
              "has a schema: " + describe(*after.schema));
  } else if (!after.schema) {
    found.add(Impact::breaking, ChangeKind::removed, "schema", "schema-removed",
              "has no schema any more; it was " + describe(*before.schema));
  } else {
    static const std::vector<SchemaVersion> kNone;
    const std::vector<SchemaVersion>* earlier = &kNone;
    if (options.history != nullptr)
      if (const auto known = options.history->find(before.name); known != options.history->end())
        earlier = &known->second;
    for (auto& change : compare_schema(*before.schema, *after.schema, *earlier, options.formats))
      found.add(change.impact, ChangeKind::changed, "schema", std::move(change.rule), std::move(change.message));
  }
}

void compare_messages(const Message& before, const Message& after, const CompareOptions& options,
                      std::vector<Change>& changes) {
  Comparison found(after.context, after.name, changes);
  const auto first = static_cast<std::ptrdiff_t>(changes.size());
  if (before.kind != after.kind)
    found.add(Impact::breaking, ChangeKind::changed, "kind", "kind-changed",
              "was an " + std::string(to_string(before.kind)) + ", is a " + std::string(to_string(after.kind)));
  found.text(Impact::breaking, "context", "owner context", before.context, after.context);
  found.text(Impact::breaking, "topic", "topic", before.topic, after.topic);
  found.text(Impact::breaking, "key", "partition key", before.key, after.key);
  compare_schemas(before, after, options, found);
  compare_producers(before, after, found);
  compare_consumers(before, after, found);
  compare_policies(before, after, found);
  found.text(Impact::documentation, "owner", "owner", before.owner, after.owner);
  found.prose("description", before.description, after.description);
  std::stable_sort(changes.begin() + first, changes.end(),
                   [](const auto& a, const auto& b) { return a.impact > b.impact; });
}

void compare_context(const Context* before, const Context& after, std::vector<Change>& changes) {
  Comparison found(after.name, "", changes);
  if (before == nullptr)
    return found.add(Impact::compatible, ChangeKind::added, "", "context-added", "context of " + after.owner);
  found.text(Impact::documentation, "owner", "owner", before->owner, after.owner);
  found.text(Impact::documentation, "contact", "contact", before->contact, after.contact);
  found.prose("description", before->description, after.description);
}

void removed(const Message& message, std::vector<Change>& changes) {
  std::vector<std::string> readers;
  for (const auto& consumer : message.consumers) readers.push_back(in_quotes(consumer.service));
  Comparison found(message.context, message.name, changes);
  if (readers.empty())
    found.add(Impact::compatible, ChangeKind::removed, "", "message-removed",
              std::string(to_string(message.kind)) + " that nobody reads");
  else
    found.add(Impact::breaking, ChangeKind::removed, "", "message-removed",
              std::string(to_string(message.kind)) + " that " + joined(readers) +
                  (readers.size() == 1 ? " reads" : " read") + "; remove its consumers first");
}

}  // namespace

std::string_view to_string(Impact impact) noexcept {
  switch (impact) {
    case Impact::documentation:
      return "documentation";
    case Impact::compatible:
      return "compatible";
    case Impact::breaking:
      return "breaking";
  }
  return "?";
}

std::string_view to_string(ChangeKind kind) noexcept {
  switch (kind) {
    case ChangeKind::added:
      return "added";
    case ChangeKind::removed:
      return "removed";
    case ChangeKind::changed:
      return "changed";
  }
  return "?";
}

std::vector<Change> compare(const Catalog& before, const Catalog& after, const CompareOptions& options) {
  std::vector<Change> changes;
  std::set<std::string> names;
  for (const auto& context : before.contexts) names.insert(context.name);
  for (const auto& context : after.contexts) names.insert(context.name);
  for (const auto& name : names) {
    const auto* now = after.context(name);
    const auto* old = before.context(name);
    if (now != nullptr) {
      compare_context(old, *now, changes);
      for (const auto& message : now->messages) {
        if (const auto* was = before.find(message.name))
          compare_messages(*was, message, options, changes);
        else
          Comparison(name, message.name, changes)
              .add(Impact::compatible, ChangeKind::added, "", "message-added",
                   std::string(to_string(message.kind)) + " on topic " + in_quotes(message.topic));
      }
    } else {
      Comparison(name, "", changes)
          .add(Impact::documentation, ChangeKind::removed, "", "context-removed", "context of " + old->owner);
    }
    if (old == nullptr) continue;
    for (const auto& message : old->messages)
      if (after.find(message.name) == nullptr) removed(message, changes);
  }
  return changes;
}

Impact impact_of(const std::vector<Change>& changes) noexcept {
  auto worst = Impact::documentation;
  for (const auto& change : changes) worst = std::max(worst, change.impact);
  return worst;
}

}  // namespace fabric::catalog
