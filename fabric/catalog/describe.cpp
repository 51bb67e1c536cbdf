#include "fabric/catalog/describe.hpp"

namespace fabric::catalog {

std::string describe(const Sla& sla) {
  std::vector<std::string> lag, parts;
  if (sla.max_lag) lag.push_back(format_count(*sla.max_lag) + " records");
  if (sla.max_lag_ns) lag.push_back(format_duration(*sla.max_lag_ns));
  if (!lag.empty()) parts.push_back("lag at most " + joined(lag, " or "));
  if (sla.max_queue_ns) parts.push_back("queued at most " + format_duration(*sla.max_queue_ns));
  return parts.empty() ? "none" : joined(parts);
}

std::string describe(const Retention& retention) {
  std::vector<std::string> parts;
  if (retention.records) parts.push_back(format_count(*retention.records) + " records");
  if (retention.bytes) parts.push_back(format_bytes(*retention.bytes));
  if (retention.ns) parts.push_back(format_duration(*retention.ns));
  return parts.empty() ? "as the topic" : joined(parts);
}

std::string describe(const std::optional<Retry>& retry) {
  if (!retry) return "none";
  auto text = plural(retry->attempts, "attempt");
  if (retry->initial_ns) text += ", " + format_duration(*retry->initial_ns) + " apart";
  if (retry->max_ns) text += ", at most " + format_duration(*retry->max_ns);
  if (retry->jitter_thousandths) text += ", " + format_share(*retry->jitter_thousandths) + " jitter";
  return text + ", then " + std::string(to_string(retry->then));
}

std::string describe(const SchemaText& schema) {
  return "version " + std::to_string(schema.version) + ", " + std::string(contract::to_string(schema.format)) + ", " +
         std::string(contract::to_string(schema.mode));
}

std::string describe(const Deprecation& deprecation) {
  auto text = "since " + to_string(deprecation.since);
  if (deprecation.sunset) text += ", sunset " + to_string(*deprecation.sunset);
  if (!deprecation.replacement.empty()) text += ", use " + in_quotes(deprecation.replacement);
  return text;
}

std::string describe_reads(const Consumer& consumer) {
  if (consumer.reads_all) return "all fields";
  return consumer.reads.empty() ? "nothing" : joined(consumer.reads);
}

std::string describe_days(Date day, Date today) {
  const auto days = day.days - today.days;
  if (days == 0) return "today";
  return days > 0 ? "in " + plural(static_cast<std::uint64_t>(days), "day")
                  : plural(static_cast<std::uint64_t>(-days), "day") + " ago";
}

}  // namespace fabric::catalog
