#pragma once
// What a record's schema id stands for in CloudEvents. Implemented by the registry; the envelope leaves out what it
// says.

#include <cstdint>
#include <optional>
#include <string_view>

#include "fabric/event/timestamp.hpp"

namespace fabric {

// The extension "deprecation". Views live as long as the resolver.
struct Deprecation {
  std::optional<Timestamp> from{};    // when it was declared
  std::optional<Timestamp> sunset{};  // from when on it is not supported
  std::string_view migration{};       // a URI that tells what to use instead; empty: none
};

struct SchemaName {
  std::string_view type{};             // the event type: the registry's subject
  std::string_view dataschema{};       // a URI that names subject and version; empty: none
  std::string_view datacontenttype{};  // the media type of the schema's format; empty: none
  std::optional<Deprecation> deprecation{};
};

// Thread-safe. Views that it hands out live as long as it does.
class SchemaNames {
 public:
  virtual ~SchemaNames() = default;
  // `schema`: not 0. nullopt: not known here.
  virtual std::optional<SchemaName> name_of(std::uint32_t schema) const = 0;
};

}  // namespace fabric
