#include "fabric/contract/registry_names.hpp"

#include <utility>

#include "fabric/event/uri.hpp"

namespace fabric::contract {
namespace {

std::string dataschema_of(const Registered& registered) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "evf:";
  for (const unsigned char byte : registered.subject) {
    if (kPlain.find(static_cast<char>(byte)) != std::string_view::npos) {
      uri += static_cast<char>(byte);
    } else {
      uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return uri + "/" + std::to_string(registered.version);
}

}  // namespace

RegistryNames::RegistryNames(Registry registry) : registry_(std::move(registry)) {}

// What is not known is asked for again: it may be registered later.
const RegistryNames::Known& RegistryNames::look_up(std::uint32_t id) const {
  static const Known kNobody;
  const std::lock_guard lock(mutex_);
  if (const auto found = known_.find(id); found != known_.end()) return found->second;
  const auto registered = registry_.by_id(id);
  if (!registered) return kNobody;
  const auto schema = registry_.schema(*registered);
  Known known{.exists = true,
              .subject = registered->subject,
              .dataschema = dataschema_of(*registered),
              .replacement = {},
              .media_type = media_type(registered->format),
              .deprecation = registered->deprecation,
              .schema = schema ? *schema : nullptr};
  if (known.deprecation && is_uri(known.deprecation->replacement)) known.replacement = known.deprecation->replacement;
  return known_.emplace(id, std::move(known)).first->second;
}

std::optional<fabric::SchemaName> RegistryNames::name_of(std::uint32_t schema) const {
  const auto& known = look_up(schema);
  if (!known.exists) return std::nullopt;
  std::optional<fabric::Deprecation> deprecation;
  if (known.deprecation) {
    deprecation.emplace();
    deprecation->from = Timestamp::of_unix_ns(known.deprecation->since_ns);
    if (known.deprecation->sunset_ns != 0) deprecation->sunset = Timestamp::of_unix_ns(known.deprecation->sunset_ns);
    deprecation->migration = known.replacement;
  }
  return fabric::SchemaName{.type = known.subject,
                            .dataschema = known.dataschema,
                            .datacontenttype = known.media_type,
                            .deprecation = deprecation};
}

std::shared_ptr<const Schema> RegistryNames::schema(std::uint32_t id) const { return look_up(id).schema; }

}  // namespace fabric::contract
