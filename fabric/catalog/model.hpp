#pragma once
// START HERE. What events and commands there are, who owns them, who may produce and consume them, and what is promised
// about them.
//
// A catalog is written as one YAML file per bounded context (README.md has the whole schema), read by load_files()
// (load.hpp), checked by lint() (lint.hpp) and compared by compare() (diff.hpp). Applied to a fabric it becomes a
// numbered snapshot (snapshot.hpp), which every process reads by Snapshot::load(). Values; a Catalog that is not
// changed any more may be read from all threads.
//
// Invariants of a catalog that came from load_files() without errors, or from a snapshot: names obey is_name() and are
// unique over events and commands of all contexts; topics obey the fabric's rule; contexts are sorted by name, messages
// stand in the file's order.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fabric/catalog/problem.hpp"
#include "fabric/catalog/text.hpp"
#include "fabric/contract/compatibility.hpp"

namespace fabric::catalog {

// Where the parts of a message or context stand in their file, by path: "key", "consumers.billing.order_id",
// "deprecation.sunset". Not part of a catalog's value: snapshots have none.
class Places {
 public:
  void add(std::string path, Place place) { known_.insert_or_assign(std::move(path), std::move(place)); }
  // Of the longest path that is known and begins `path`; the empty path is the whole.
  Place find(std::string_view path) const;
  // Whether it was written, even if it could not be read.
  bool has(std::string_view path) const { return known_.find(path) != known_.end(); }
  friend bool operator==(const Places&, const Places&) noexcept { return true; }

 private:
  std::map<std::string, Place, std::less<>> known_;
};

// Promises about a consumer's progress; absent: nothing is promised.
struct Sla {
  std::optional<std::uint64_t> max_lag{};       // records behind the head
  std::optional<std::uint64_t> max_lag_ns{};    // age of the oldest record that is not acked
  std::optional<std::uint64_t> max_queue_ns{};  // from commit to the start of the handler
  bool empty() const noexcept { return !max_lag && !max_lag_ns && !max_queue_ns; }
  friend bool operator==(const Sla&, const Sla&) = default;
};

struct Consumer {
  std::string service{};
  bool reads_all = true;             // it may look at every field
  std::vector<std::string> reads{};  // otherwise these: "order_id", "address.city", "lines[].sku"
  Sla sla{};                         // replaces the message's, member by member
  friend bool operator==(const Consumer&, const Consumer&) = default;
};

// How long records are kept at least; absent: as the topic was created.
struct Retention {
  std::optional<std::uint64_t> records{}, bytes{}, ns{};
  bool empty() const noexcept { return !records && !bytes && !ns; }
  friend bool operator==(const Retention&, const Retention&) = default;
};

// Stored: values never change.
enum class Exhaustion : std::uint8_t { dead_letter = 1, park = 2, stop = 3 };
inline constexpr Exhaustion kExhaustions[] = {Exhaustion::dead_letter, Exhaustion::park, Exhaustion::stop};
std::string_view to_string(Exhaustion exhaustion) noexcept;  // "dead-letter", "park", "stop"

struct Retry {
  std::uint32_t attempts = 1;  // the first one counts
  std::optional<std::uint64_t> initial_ns{}, max_ns{};
  std::optional<std::uint32_t> jitter_thousandths{};
  Exhaustion then = Exhaustion::dead_letter;
  friend bool operator==(const Retry&, const Retry&) = default;
};

struct Deprecation {
  Date since{};
  std::optional<Date> sunset{};  // from this day on it is refused
  std::string replacement{};     // another event or command; may be empty
  std::string reason{};
  friend bool operator==(const Deprecation&, const Deprecation&) = default;
};

struct SchemaText {
  contract::Format format = contract::Format::json_schema;
  std::uint32_t version = 1;
  contract::Mode mode = contract::Mode::backward;
  std::string text{};  // as it was written
  std::string file{};  // where it came from, relative to the catalog's file; empty: inline
  friend bool operator==(const SchemaText&, const SchemaText&) = default;
};

enum class Kind : std::uint8_t { event = 1, command = 2 };
std::string_view to_string(Kind kind) noexcept;  // "event", "command"

// An event (a fact; any number of consumers) or a command (a request; exactly one, its handler).
struct Message {
  Kind kind = Kind::event;
  std::string name{};
  std::string context{};
  std::string description{};
  std::string owner{};  // the context's unless it has its own
  std::string topic{};
  std::string key{};  // the field that picks the partition; empty: unkeyed
  std::optional<SchemaText> schema{};
  std::vector<std::string> producers{};  // services
  std::vector<Consumer> consumers{};
  Sla sla{};
  Retention retention{};
  std::optional<Retry> retry{};
  std::string dead_letter{};  // topic; may be empty
  std::optional<Deprecation> deprecation{};
  Places places{};

  const Consumer* consumer(std::string_view service) const noexcept;
  // The consumer's own promises, and the message's where it has none.
  Sla sla_of(const Consumer& consumer) const noexcept;
  friend bool operator==(const Message&, const Message&) = default;
};

struct Context {
  std::string name{};
  std::string description{};
  std::string owner{};              // the team that answers for it
  std::string contact{};            // mail, chat or link
  std::vector<Message> messages{};  // events, then commands
  Places places{};
  friend bool operator==(const Context&, const Context&) = default;
};

struct Catalog {
  std::vector<Context> contexts{};

  const Context* context(std::string_view name) const noexcept;
  const Message* find(std::string_view message) const noexcept;
  // All messages, by context.
  std::vector<const Message*> messages() const;
  std::vector<const Message*> on_topic(std::string_view topic) const;
  // Names of all services, sorted.
  std::vector<std::string> services() const;
  std::vector<std::string> topics() const;  // dead-letter topics are not among them
  friend bool operator==(const Catalog&, const Catalog&) = default;
};

}  // namespace fabric::catalog
