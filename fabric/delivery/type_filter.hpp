#pragma once
// Which event types a consumer wants, by name:
//
//   Filter filter{.types = {*registry, {"orders.placed", "orders.cancelled"}}};
//
// The type of a record is what its envelope says, else what its schema id stands for in the registry (the subject). So new versions of a
// wanted type are wanted as well, also those that are registered while the consumer runs.
//
// | the record                                   | is let through                                                       |
// | says its own type                            | if that is wanted                                                    |
// | has a schema id that the registry knows      | if the subject is wanted; decided once per id, then remembered       |
// | has a schema id that the registry does not know | no: a producer under contract registers before it publishes, so it is no event of a registered type; asked anew each time, as the id may be registered later |
// | the same, and the registry cannot be read    | yes: an entry that is damaged or of a newer release must not cost records; TypeFilter::trouble() has the reason |
// | has neither                                  | no                                                                   |
//
// Cost of a record whose envelope holds a key at most: a comparison with the id of the record before it, and a look into a small table
// where ids alternate. Records with more in their envelope are searched for their type. Only ids that nobody has registered cost a
// system call each.
//
// One thread at a time: it remembers. Copies are independent of each other, but share what the registry has read.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fabric/contract/registry.hpp"
#include "fabric/event/envelope.hpp"

namespace fabric {

class TypeFilter {
 public:
  TypeFilter() = default;  // wants everything
  // Empty `types`: everything. A type that nobody has registered is no error: it may come.
  TypeFilter(contract::Registry registry, std::vector<std::string> types);

  bool empty() const noexcept { return types_.empty(); }
  const std::vector<std::string>& types() const noexcept { return types_; }
  // May read new entries of the registry; see above. Does not throw but for memory.
  bool lets_through(std::uint32_t schema, const Event& event) {
    if (says_key_only(event.envelope)) [[likely]]
      return schema == last_schema_ ? last_wanted_ : lets_schema_through(schema);
    return lets_described_through(schema, event);
  }
  // Why the registry could not be read the last time that it was asked; empty: it could.
  const std::string& trouble() const noexcept { return trouble_; }

 private:
  static bool says_key_only(const Envelope& envelope) noexcept;
  bool lets_described_through(std::uint32_t schema, const Event& event);
  bool lets_schema_through(std::uint32_t schema);
  bool is_wanted(std::string_view type) const noexcept;

  std::vector<std::string> types_{};  // ascending
  std::optional<contract::Registry> registry_{};
  std::unordered_map<std::uint32_t, bool> wanted_{};  // by schema id; what an id stands for never changes
  std::uint32_t last_schema_ = 0;                     // 0: a record without a schema
  bool last_wanted_ = false;
  std::string trouble_{};
};

// Behind the key there is padding only, or there is no block at all.
inline bool TypeFilter::says_key_only(const Envelope& envelope) noexcept {
  constexpr std::size_t kFieldHead = 4;
  if (envelope.fields.empty()) return true;
  if (envelope.key.empty() || envelope.key.data() != envelope.fields.data() + kFieldHead) return false;
  const auto rest = envelope.fields.subspan(kFieldHead + envelope.key.size());
  return rest.empty() || rest[0] == static_cast<std::byte>(EnvelopeTag::end);
}

}  // namespace fabric
