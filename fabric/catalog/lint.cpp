#include "fabric/catalog/lint.hpp"

#include <map>
#include <set>

namespace fabric::catalog {
namespace {

std::string title(const Message& message) {
  return std::string(to_string(message.kind)) + " " + in_quotes(message.name);
}

// The checks of one message; `catalog` is what it refers to.
class MessageLint {
 public:
  MessageLint(const Catalog& catalog, const Message& message, const LintOptions& options, const FieldListers& listers,
              Problems& problems)
      : catalog_(catalog), message_(message), options_(options), listers_(listers), problems_(problems) {}

  void run() {
    check_words();
    check_schema();
    check_traffic();
    check_retention();
    check_dead_letter();
    if (message_.deprecation) check_deprecation(*message_.deprecation);
  }

 private:
  void error(std::string_view path, std::string rule, std::string text) {
    problems_.error(message_.places.find(path), std::move(rule), std::move(text));
  }
  void warning(std::string_view path, std::string rule, std::string text) {
    problems_.warning(message_.places.find(path), std::move(rule), std::move(text));
  }

  void check_words() {
    if (message_.description.empty() && !message_.places.has("description"))
      warning("", "no-description", title(message_) + " has no description; say what it means to the business");
    if (message_.kind == Kind::event && reads_like_command(message_.name))
      warning(
          "", "named-like-command",
          title(message_) + " is named like a command; name what happened, as in OrderPlaced, or make it a command");
    if (message_.kind == Kind::command && reads_like_event(message_.name))
      warning(
          "", "named-like-event",
          title(message_) +
              " is named like something that happened; name what is asked for, as in PlaceOrder, or make it an event");
  }

  void check_schema() {
    if (!message_.schema) {
      if (!message_.places.has("schema"))
        warning("", "no-schema", title(message_) + " has no schema; consumers can rely on nothing: add one");
      return;
    }
    if (options_.formats != nullptr && options_.formats->find(message_.schema->format) != nullptr) {
      const auto parsed = options_.formats->parse(message_.schema->format, message_.schema->text);
      if (!parsed) {
        const auto where =
            message_.schema->file.empty() ? "the inline schema" : "the schema " + in_quotes(message_.schema->file);
        return error("schema.text", "schema-invalid",
                     where + " of " + title(message_) + ": " + printable(parsed.error().message) + "; correct it");
      }
    }
    const auto fields = listers_.list(*message_.schema);
    if (!fields) return;
    const auto check = [&](std::string_view path, const std::string& who, const std::string& field) {
      if (!fields->has(field))
        error(path, "unknown-field",
              who + ", a field that the schema does not have" +
                  hint(field, fields->paths(), "add it to the schema, or remove it here"));
    };
    if (!message_.key.empty())
      check("key", "the key of " + title(message_) + " is " + in_quotes(message_.key), message_.key);
    for (const auto& consumer : message_.consumers)
      for (const auto& field : consumer.reads)
        check("consumers." + consumer.service + "." + field,
              in_quotes(consumer.service) + " reads " + in_quotes(field) + " of " + title(message_), field);
  }

  void check_traffic() {
    if (message_.producers.empty() && !message_.places.has("producers"))
      warning("", "no-producer", "nobody produces " + title(message_) + "; list its producers, or remove it");
    if (message_.consumers.empty() && !message_.sla.empty())
      warning("sla", "sla-without-consumer",
              title(message_) + " has an SLA, but no consumer; list its consumers, or remove the SLA");
  }

  void check_retention() {
    const auto& retention = message_.retention;
    for (const auto& consumer : message_.consumers) {
      const auto sla = message_.sla_of(consumer);
      const auto warn = [&](const std::string& kept, const std::string& lag) {
        warning("retention", "retention-below-lag",
                title(message_) + " is kept for " + kept + ", but " + in_quotes(consumer.service) + " may be " + lag +
                    " behind; keep more, or promise less");
      };
      if (retention.records && sla.max_lag && *retention.records < *sla.max_lag)
        warn(format_count(*retention.records) + " records", format_count(*sla.max_lag));
      if (retention.ns && sla.max_lag_ns && *retention.ns < *sla.max_lag_ns)
        warn(format_duration(*retention.ns), format_duration(*sla.max_lag_ns));
    }
  }

  void check_dead_letter() {
    const bool wanted = message_.retry && message_.retry->then == Exhaustion::dead_letter;
    if (message_.dead_letter.empty()) {
      if (wanted)
        error("retry", "dead-letter-missing",
              "retries of " + title(message_) +
                  " end in dead-letter, but it has no 'dead_letter'; name the topic, or write then: park or stop");
      return;
    }
    if (!wanted)
      warning("dead_letter", "dead-letter-unused",
              title(message_) + " names the dead-letter topic " + in_quotes(message_.dead_letter) +
                  ", but no retry policy ends there; write then: dead-letter, or remove it");
    if (message_.dead_letter == message_.topic)
      return error("dead_letter", "dead-letter-loop",
                   title(message_) + " has its own topic as dead-letter topic; name another");
    for (const auto* other : catalog_.on_topic(message_.dead_letter)) {
      warning("dead_letter", "dead-letter-shared",
              "the dead-letter topic " + in_quotes(message_.dead_letter) + " of " + title(message_) + " carries " +
                  title(*other) + " as well; name one of its own");
      break;
    }
  }

  void check_deprecation(const Deprecation& deprecation) {
    if (deprecation.sunset && *deprecation.sunset < deprecation.since)
      error("deprecation.sunset", "sunset-before-since",
            title(message_) + " has its sunset on " + to_string(*deprecation.sunset) +
                ", before it was deprecated, on " + to_string(deprecation.since) + "; correct one of the two");
    else if (deprecation.sunset && *deprecation.sunset <= options_.today && !message_.consumers.empty())
      warning("deprecation.sunset", "sunset-passed",
              "the sunset of " + title(message_) + " was on " + to_string(*deprecation.sunset) + ", and " +
                  plural(message_.consumers.size(), "consumer") + (message_.consumers.size() == 1 ? " is" : " are") +
                  " still declared; move them, or the date");
    if (!deprecation.replacement.empty()) check_replacement(deprecation.replacement);
  }

  void check_replacement(const std::string& name) {
    const std::string path = "deprecation.replacement";
    if (name == message_.name)
      return error(path, "self-replacement", title(message_) + " is replaced by itself; name another, or remove it");
    const auto* replacement = catalog_.find(name);
    if (replacement == nullptr) {
      std::vector<std::string> names;
      for (const auto* other : catalog_.messages())
        if (other->name != message_.name) names.push_back(other->name);
      return error(path, "unknown-replacement",
                   title(message_) + " is replaced by " + in_quotes(name) + ", which no context declares" +
                       hint(name, names, "declare it, or remove it"));
    }
    if (replacement->kind != message_.kind)
      warning(path, "replacement-kind",
              title(message_) + " is replaced by " + title(*replacement) +
                  "; an event replaces an event, a command a command");
    if (replacement->deprecation)
      warning(path, "replacement-deprecated",
              title(message_) + " is replaced by " + title(*replacement) +
                  ", which is deprecated as well; name what stays");
  }

  const Catalog& catalog_;
  const Message& message_;
  const LintOptions& options_;
  const FieldListers& listers_;
  Problems& problems_;
};

void check_topics(const Catalog& catalog, Problems& problems) {
  for (const auto& topic : catalog.topics()) {
    const Message* first = nullptr;
    for (const auto* message : catalog.on_topic(topic)) {
      if (first == nullptr) first = message;
      if (message->key != first->key)
        problems.warning(message->places.find("key"), "keys-differ",
                         title(*message) +
                             (message->key.empty() ? " has no key" : " has the key " + in_quotes(message->key)) +
                             ", but " + title(*first) + " on the same topic " + in_quotes(topic) +
                             (first->key.empty() ? " has none" : " has " + in_quotes(first->key)) +
                             "; their order holds only if both name the same entity");
    }
  }
}

}  // namespace

void lint(const Catalog& catalog, const LintOptions& options, Problems& problems) {
  static const FieldListers kListers;
  const auto& listers = options.listers != nullptr ? *options.listers : kListers;
  for (const auto& context : catalog.contexts) {
    if (context.description.empty() && !context.name.empty())
      problems.warning(context.places.find("context"), "no-description",
                       "context " + in_quotes(context.name) + " has no description; say what it is responsible for");
    for (const auto& message : context.messages) MessageLint(catalog, message, options, listers, problems).run();
  }
  check_topics(catalog, problems);
}

}  // namespace fabric::catalog
