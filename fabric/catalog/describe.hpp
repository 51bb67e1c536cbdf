#pragma once
// Parts of a catalog as short phrases for people: "lag at most 10k records or 250ms". Pure functions, thread-safe.

#include <optional>
#include <string>

#include "fabric/catalog/model.hpp"

namespace fabric::catalog {

std::string describe(const Sla& sla);              // "lag at most 1k records or 2s, queued at most 50ms", "none"
std::string describe(const Retention& retention);  // "1M records, 256MiB, 7d", "as the topic"
std::string describe(
    const std::optional<Retry>& retry);          // "5 attempts, 10ms to 1s with 20% jitter, then dead-letter", "none"
std::string describe(const SchemaText& schema);  // "version 2, json-schema, backward"
std::string describe(const Deprecation& deprecation);  // "since 2026-01-01, sunset 2026-07-01, use 'OrderPlacedV2'"
std::string describe_reads(const Consumer& consumer);  // "all fields", "nothing", "order_id, total"
// "in 12 days", "today", "3 days ago".
std::string describe_days(Date day, Date today);

}  // namespace fabric::catalog
