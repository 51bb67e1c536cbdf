#include "fabric/contract/registry.hpp"

#include <algorithm>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "fabric/json.hpp"
#include "fabric/numbered_files.hpp"
#include "ipc/clock.hpp"

namespace fabric::contract {

using ipc::ErrorCode;
using ipc::make_error;

// What all copies of a Registry have in common. Its functions expect the mutex to be held.
struct Registry::Shared {
  Shared(const std::string& directory, Formats known) : files(directory, "registry"), formats(std::move(known)) {}

  Result<std::size_t> refresh() {
    const auto first = next;
    const auto there = files.has(next);
    if (!there) return there.error();
    if (!*there && opened) return std::size_t{0};
    const auto end = files.read_from(next, [this](std::uint64_t number, std::span<const std::byte> bytes) {
      return take(number, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    });
    if (!end) return end.error();
    opened = true;
    return static_cast<std::size_t>(next - first);
  }

  Result<void> take(std::uint64_t number, std::string_view bytes) {
    const auto named = [&](ipc::Error error) {
      error.message = files.entry_path(number) + " " + error.message;
      if (error.code == ErrorCode::corrupt) error.message += "; restore it from a copy";
      return error;
    };
    const auto entry = decode_entry(bytes);
    if (!entry) return named(entry.error());
    if (auto applied = state.apply(*entry); !applied) return named(applied.error());
    next = number + 1;
    return {};
  }

  Result<void> settle() const { return next == 1 ? Result<void>() : files.sync(); }

  // What is to be added, decided on the state as read: an entry, or nothing to do, or a failure.
  using Decide = std::function<Result<std::optional<RegistryEntry>>()>;
  Result<void> add(const Decide& decide) {
    for (;;) {
      if (auto refreshed = refresh(); !refreshed) return refreshed.error();
      auto entry = decide();
      if (!entry) return entry.error();
      if (!*entry) return settle();  // others' entries are relied on from here on
      (*entry)->at_ns = ipc::unix_ns();
      const auto bytes = encode_entry(**entry);
      const auto ours = files.append(next, std::as_bytes(std::span(bytes)));
      if (!ours) return ours.error();
      if (!*ours) continue;
      return take(next, bytes);
    }
  }

  Result<std::shared_ptr<const Schema>> schema(const Registered& registered) {
    if (const auto known = parsed.find(registered.id); known != parsed.end()) return known->second;
    auto schema = formats.parse(registered.format, *registered.text);
    if (!schema) {
      auto error = schema.error();
      if (error.code != ErrorCode::unsupported) error.code = ErrorCode::corrupt;
      error.message = "version " + std::to_string(registered.version) + " of subject '" + registered.subject +
                      "': " + error.message;
      return error;
    }
    parsed.emplace(registered.id, *schema);
    return schema;
  }

  Result<std::vector<VersionedSchema>> schemas(std::string_view subject) {
    std::vector<VersionedSchema> live;
    const auto* known = state.find(subject);
    if (known == nullptr) return live;
    for (const auto& version : known->versions) {
      if (version.deleted) continue;
      auto one = schema(version);
      if (!one) return one.error();
      live.push_back({version.version, std::move(*one)});
    }
    return live;
  }

  Result<std::vector<Incompatibility>> compare(const std::string& subject, const Schema& schema) {
    const auto mode = state.mode(subject);
    if (mode == Mode::none) return std::vector<Incompatibility>();
    const auto live = schemas(subject);
    if (!live) return live.error();
    return incompatibilities(schema, *live, mode);
  }

  ipc::Error no_subject(std::string_view subject) const {
    return make_error(ErrorCode::not_found, "there is no subject '" + std::string(subject) + "' in " + files.path() +
                                                "; evf schema list shows what there is");
  }
  ipc::Error no_version(std::string_view subject, std::uint32_t version) const {
    if (state.find(subject) == nullptr) return no_subject(subject);
    return make_error(ErrorCode::not_found, "subject '" + std::string(subject) + "' has no version " +
                                                std::to_string(version) + "; evf schema show lists them");
  }

  std::mutex mutex;
  const NumberedFiles files;
  const Formats formats;
  RegistryState state;
  std::uint64_t next = 1;
  bool opened = false;
  std::unordered_map<std::uint32_t, std::shared_ptr<const Schema>> parsed;
};

Result<Registry> Registry::open(const Fabric& fabric, Formats formats) {
  Registry registry(std::make_shared<Shared>(fabric.directory(), std::move(formats)));
  if (auto read = registry.refresh(); !read) return read.error();
  return registry;
}

Result<std::size_t> Registry::refresh() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->refresh();
}

Result<void> Registry::settle() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->settle();
}

Result<Registered> Registry::by_id(std::uint32_t id) const {
  const std::lock_guard lock(shared_->mutex);
  const auto* known = shared_->state.by_id(id);
  if (known == nullptr) {
    if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
    known = shared_->state.by_id(id);
  }
  if (known != nullptr) return *known;
  return make_error(ErrorCode::not_found, "there is no schema with the id " + std::to_string(id) + " in " +
                                              shared_->files.path() + "; evf schema list shows what there is");
}

Result<Registered> Registry::version(std::string_view subject, std::uint32_t version) const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  if (const auto* known = shared_->state.find(subject, version)) return *known;
  return shared_->no_version(subject, version);
}

Result<Registered> Registry::latest(std::string_view subject) const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  if (const auto* known = shared_->state.latest(subject)) return *known;
  if (shared_->state.find(subject) == nullptr) return shared_->no_subject(subject);
  return make_error(ErrorCode::not_found,
                    "subject '" + std::string(subject) + "' has no version that is not deleted; register one");
}

Result<std::vector<Registered>> Registry::versions(std::string_view subject, bool with_deleted) const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  const auto* known = shared_->state.find(subject);
  if (known == nullptr) return shared_->no_subject(subject);
  auto found = known->versions;
  if (!with_deleted) std::erase_if(found, [](const auto& one) { return one.deleted; });
  return found;
}

Result<Registered> Registry::find(std::string_view subject, const Schema& schema) const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  if (const auto* known = shared_->state.same(subject, schema.format(), schema.canonical())) return *known;
  return make_error(ErrorCode::not_found, "subject '" + std::string(subject) + "' has no version with this schema (" +
                                              schema.name() + "); register it");
}

Result<std::vector<SubjectSummary>> Registry::subjects() const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  std::vector<SubjectSummary> found;
  for (const auto& [name, subject] : shared_->state.subjects()) {
    SubjectSummary summary{
        .name = name, .versions = static_cast<std::uint32_t>(subject.versions.size()), .mode = subject.mode};
    for (const auto& version : subject.versions) {
      if (version.deleted)
        ++summary.deleted;
      else
        summary.latest = version.version;
    }
    found.push_back(std::move(summary));
  }
  return found;
}

Result<Mode> Registry::mode(std::string_view subject) const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  return shared_->state.mode(subject);
}

Result<Mode> Registry::default_mode() const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  return shared_->state.default_mode();
}

Result<std::shared_ptr<const Schema>> Registry::schema(const Registered& registered) const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->schema(registered);
}

Result<std::vector<VersionedSchema>> Registry::schemas(std::string_view subject) const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  if (shared_->state.find(subject) == nullptr) return shared_->no_subject(subject);
  return shared_->schemas(subject);
}

Result<Registration> Registry::register_schema(const std::string& subject, const Schema& schema) const {
  if (auto fine = check_subject(subject); !fine) return fine.error();
  if (schema.canonical().size() > kMaxSchemaBytes)
    return make_error(ErrorCode::invalid_argument, "the schema has " + std::to_string(schema.canonical().size()) +
                                                       " bytes; at most " + std::to_string(kMaxSchemaBytes) + " fit");
  const std::lock_guard lock(shared_->mutex);
  auto& state = shared_->state;
  Registration outcome;
  const auto decide = [&]() -> Result<std::optional<RegistryEntry>> {
    outcome = {};
    const auto* twin = state.same(subject, schema.format(), schema.canonical());
    if (twin != nullptr && !twin->deleted) return std::nullopt;
    auto against = shared_->compare(subject, schema);
    if (!against) return against.error();
    outcome.incompatible = std::move(*against);
    if (!outcome) return std::nullopt;
    if (twin == nullptr && state.ids() == kMaxSchemaId)
      return make_error(ErrorCode::no_space, "all " + std::to_string(kMaxSchemaId) + " schema ids of " +
                                                 shared_->files.path() + " are used up; start another fabric");
    outcome.created = true;
    const auto* known = state.find(subject);
    return RegistryEntry{.op = RegistryOp::register_schema,
                         .subject = subject,
                         .version = known == nullptr ? 1 : static_cast<std::uint32_t>(known->versions.size() + 1),
                         .id = twin == nullptr ? state.ids() + 1 : twin->id,
                         .format = schema.format(),
                         .text = schema.canonical()};
  };
  if (auto added = shared_->add(decide); !added) return added.error();
  if (outcome) outcome.schema = *state.same(subject, schema.format(), schema.canonical());
  return outcome;
}

Result<std::vector<Incompatibility>> Registry::check(const std::string& subject, const Schema& schema) const {
  const std::lock_guard lock(shared_->mutex);
  if (auto refreshed = shared_->refresh(); !refreshed) return refreshed.error();
  const auto* twin = shared_->state.same(subject, schema.format(), schema.canonical());
  if (twin != nullptr && !twin->deleted) return std::vector<Incompatibility>();
  return shared_->compare(subject, schema);
}

Result<void> Registry::delete_version(const std::string& subject, std::uint32_t version) const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->add([&]() -> Result<std::optional<RegistryEntry>> {
    const auto* known = shared_->state.find(subject, version);
    if (known == nullptr) return shared_->no_version(subject, version);
    if (known->deleted)
      return make_error(ErrorCode::not_found, "version " + std::to_string(version) + " of subject '" + subject +
                                                  "' is deleted already; nothing was done");
    return RegistryEntry{.op = RegistryOp::remove, .subject = subject, .version = version};
  });
}

Result<void> Registry::delete_subject(const std::string& subject) const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->add([&]() -> Result<std::optional<RegistryEntry>> {
    if (shared_->state.latest(subject) == nullptr) return shared_->no_subject(subject);
    return RegistryEntry{.op = RegistryOp::remove, .subject = subject};
  });
}

Result<void> Registry::set_mode(const std::string& subject, std::optional<Mode> mode) const {
  if (auto fine = check_subject(subject); !fine) return fine.error();
  const std::lock_guard lock(shared_->mutex);
  return shared_->add([&]() -> Result<std::optional<RegistryEntry>> {
    const auto* known = shared_->state.find(subject);
    if (known == nullptr ? !mode : known->mode == mode) return std::nullopt;
    return RegistryEntry{.op = RegistryOp::set_mode, .subject = subject, .mode = mode};
  });
}

Result<void> Registry::set_default_mode(Mode mode) const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->add([&]() -> Result<std::optional<RegistryEntry>> {
    if (shared_->state.default_mode() == mode) return std::nullopt;
    return RegistryEntry{.op = RegistryOp::set_mode, .mode = mode};
  });
}

Result<void> Registry::deprecate(const std::string& subject, std::uint32_t version,
                                 std::optional<Deprecation> deprecation) const {
  if (deprecation && deprecation->since_ns == 0) deprecation->since_ns = ipc::unix_ns();
  const std::lock_guard lock(shared_->mutex);
  return shared_->add([&]() -> Result<std::optional<RegistryEntry>> {
    const auto* known = shared_->state.find(subject, version);
    if (known == nullptr || known->deleted) return shared_->no_version(subject, version);
    if (!deprecation && !known->deprecation) return std::nullopt;
    return RegistryEntry{.op = deprecation ? RegistryOp::deprecate : RegistryOp::restore,
                         .subject = subject,
                         .version = version,
                         .deprecation = deprecation.value_or(Deprecation{})};
  });
}

}  // namespace fabric::contract
