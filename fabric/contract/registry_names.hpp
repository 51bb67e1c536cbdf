#pragma once
// What a registry says of a schema id, in CloudEvents' words, and the schema itself, ready for use: for those who show or convert
// records of any kind. What an id stands for never changes; a deprecation is as of the first look at the id.
//
// Thread-safe. The first look at an id parses its schema, and may read new entries; later ones are a look into a map.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "fabric/contract/registry.hpp"
#include "fabric/event/schema_names.hpp"

namespace fabric::contract {

class RegistryNames final : public SchemaNames {
 public:
  explicit RegistryNames(Registry registry);

  // The dataschema is "evf:SUBJECT/VERSION".
  std::optional<fabric::SchemaName> name_of(std::uint32_t schema) const override;
  // nullptr: not known, or of a format that this process cannot read.
  std::shared_ptr<const Schema> schema(std::uint32_t id) const;

 private:
  struct Known {
    bool exists = false;
    std::string subject{}, dataschema{}, replacement{};
    std::string_view media_type{};
    std::optional<Deprecation> deprecation{};
    std::shared_ptr<const Schema> schema{};
  };
  const Known& look_up(std::uint32_t id) const;

  Registry registry_;
  mutable std::mutex mutex_;
  mutable std::map<std::uint32_t, Known> known_;  // nodes stay where they are: views into them are handed out
};

}  // namespace fabric::contract
