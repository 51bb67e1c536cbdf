#include "fabric/contract/attach.hpp"

#include "fabric/event/timestamp.hpp"
#include "ipc/clock.hpp"

namespace fabric::contract {
namespace {

// Note (1) of the header: which of `versions` cannot read what is written with `schema`, version `own` of them.
std::vector<Incompatibility> readers_lost(const Schema& schema, std::uint32_t own,
                                          const std::vector<VersionedSchema>& versions, Mode mode) {
  std::vector<Incompatibility> found;
  const auto ask = [&](const VersionedSchema& reader) {
    if (reader.schema->format() != schema.format()) {
      found.push_back({.version = reader.version,
                       .new_reads_old = false,
                       .violation = {.path = "",
                                     .rule = "format-changed",
                                     .message = "version " + std::to_string(reader.version) + " is of format " +
                                                std::string(to_string(reader.schema->format()))}});
      return;
    }
    for (auto& violation : reader.schema->cannot_read(schema))
      found.push_back({.version = reader.version, .new_reads_old = false, .violation = std::move(violation)});
  };
  for (std::size_t i = 0; i < versions.size(); ++i) {
    const bool is_latest = i + 1 == versions.size();
    const bool is_before = versions[i].version < own && (is_latest || versions[i + 1].version >= own);
    if (versions[i].version > own && reads_old(mode) && (is_transitive(mode) || is_latest)) ask(versions[i]);
    if (versions[i].version < own && is_read_by_old(mode) && (is_transitive(mode) || is_before)) ask(versions[i]);
  }
  return found;
}

Result<void> judge(const Registry& registry, Attachment& attachment, std::uint64_t now_ns) {
  const auto& registered = attachment.schema;
  attachment.standing = Standing::unregistered;
  if (registered.deleted) return {};
  const auto mode = registry.mode(registered.subject);
  if (!mode) return mode.error();
  if (*mode != Mode::none) {
    const auto versions = registry.schemas(registered.subject);
    if (!versions) return versions.error();
    const auto own = registry.schema(registered);
    if (!own) return own.error();
    attachment.incompatible = readers_lost(**own, registered.version, *versions, *mode);
  }
  if (!attachment.incompatible.empty()) {
    attachment.standing = Standing::incompatible;
  } else if (!registered.deprecation) {
    attachment.standing = Standing::accepted;
  } else {
    attachment.standing =
        registered.deprecation->is_over(now_ns != 0 ? now_ns : ipc::unix_ns()) ? Standing::sunset : Standing::deprecated;
  }
  return {};
}

}  // namespace

std::string_view to_string(Standing standing) noexcept {
  switch (standing) {
    case Standing::accepted:
      return "accepted";
    case Standing::deprecated:
      return "deprecated";
    case Standing::sunset:
      return "sunset";
    case Standing::incompatible:
      return "incompatible";
    case Standing::unregistered:
      return "unregistered";
  }
  return "unknown";
}

Result<Attachment> attach_schema(const Registry& registry, const std::string& subject, const Schema& schema,
                                 const AttachOptions& options) {
  Attachment attachment;
  if (options.register_new) {
    auto registered = registry.register_schema(subject, schema);
    if (!registered) return registered.error();
    attachment.created = registered->created;
    if (!*registered) {
      attachment.standing = Standing::incompatible;
      attachment.incompatible = std::move(registered->incompatible);
      return attachment;
    }
    attachment.schema = std::move(registered->schema);
  } else {
    auto found = registry.find(subject, schema);
    if (!found && found.error().code == ipc::ErrorCode::not_found) return attachment;
    if (!found) return found.error();
    attachment.schema = std::move(*found);
    if (auto settled = registry.settle(); !settled) return settled.error();
  }
  if (auto judged = judge(registry, attachment, options.now_ns); !judged) return judged.error();
  return attachment;
}

Result<Attachment> check_attached(const Registry& registry, const Registered& attached, std::uint64_t now_ns) {
  if (auto refreshed = registry.refresh(); !refreshed) return refreshed.error();
  auto now = registry.by_id(attached.id);  // its newest version, if it was deleted and registered again
  if (!now) return now.error();
  Attachment attachment{.schema = std::move(*now)};
  if (auto judged = judge(registry, attachment, now_ns); !judged) return judged.error();
  return attachment;
}

std::string explain(const Attachment& attachment, const std::string& subject) {
  const auto version = "version " + std::to_string(attachment.schema.version) + " of subject '" + subject + "'";
  const auto instead = [&] {
    const auto& text = attachment.schema.deprecation->replacement;
    return "; use " + (text.empty() ? std::string("a newer version") : text);
  };
  switch (attachment.standing) {
    case Standing::accepted:
      return {};
    case Standing::deprecated:
      return version + " is deprecated since " + to_the_second(attachment.schema.deprecation->since_ns) +
             (attachment.schema.deprecation->sunset_ns == 0
                  ? ""
                  : ", refused from " + to_the_second(attachment.schema.deprecation->sunset_ns)) +
             instead();
    case Standing::sunset:
      return version + " may not be published any more since " + to_the_second(attachment.schema.deprecation->sunset_ns) +
             instead();
    case Standing::unregistered:
      return "subject '" + subject + "' has no version with this schema; register it (evf schema register)";
    case Standing::incompatible:
      break;
  }
  const auto& first = attachment.incompatible.front();
  const auto more = attachment.incompatible.size() - 1;
  return "the schema is incompatible with version " + std::to_string(first.version) + " of subject '" + subject +
         "': " + (first.violation.path.empty() ? "" : first.violation.path + ": ") + first.violation.rule + ": " +
         first.violation.message + (more == 0 ? "" : " (and " + std::to_string(more) + " more)") +
         "; see evf schema check";
}

}  // namespace fabric::contract
