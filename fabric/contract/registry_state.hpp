#pragma once
// What a registry knows, as a fold over its entries: the same entries in the same order give the same state in every
// process. Internal to fabric/contract/; registry.hpp is what others use.
//
// An entry is one line of JSON and, behind it, the text of a schema:
//
//   {"v":1,"op":"register","at":1700000000000000000,"subject":"orders.placed","version":2,"id":17,"format":"native"}
//   {"name":"Order",...}
//
//   op         besides v, op, at (Unix time in ns)
//   register   subject, version, id, format; the text follows
//   delete     subject, version (left out: all of them)
//   mode       mode (null: back to the default), subject (left out: the default of all)
//   deprecate  subject, version, since, sunset (left out: none), replacement
//   restore    subject, version: it is not deprecated any more
//
// `v` is raised for what older releases could not read; they refuse it, as they refuse keys and ops that they do not
// know. Entries are input: one that does not follow from those before it is corrupt. Not thread-safe.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fabric/contract/compatibility.hpp"
#include "fabric/contract/schema.hpp"

namespace fabric::contract {

inline constexpr std::uint32_t kMaxSchemaId = (std::uint32_t{1} << 24) - 1;  // the record header has 24 bits
inline constexpr std::size_t kMaxSubject = 255;
inline constexpr std::size_t kMaxSchemaBytes = std::size_t{8} << 20;

struct Deprecation {
  std::uint64_t since_ns = 0;   // Unix time
  std::uint64_t sunset_ns = 0;  // from then on no producer may attach; 0: never
  std::string replacement{};    // for people: what to use instead
  bool is_over(std::uint64_t now_ns) const noexcept { return sunset_ns != 0 && now_ns >= sunset_ns; }
};

// A version of a subject.
struct Registered {
  std::string subject{};
  std::uint32_t version = 0;
  std::uint32_t id = 0;
  Format format = Format::native;
  std::shared_ptr<const std::string> text{};  // canonical
  std::uint64_t registered_at_ns = 0;
  bool deleted = false;
  std::optional<Deprecation> deprecation{};
};

enum class RegistryOp : std::uint8_t { register_schema, remove, set_mode, deprecate, restore };

struct RegistryEntry {
  RegistryOp op = RegistryOp::register_schema;
  std::uint64_t at_ns = 0;
  std::string subject{};
  std::uint32_t version = 0;  // 0: all
  std::uint32_t id = 0;
  Format format = Format::native;
  std::optional<Mode> mode{};
  Deprecation deprecation{};
  std::string text{};
};

std::string encode_entry(const RegistryEntry& entry);
// Errors: corrupt, incompatible (of a newer release).
Result<RegistryEntry> decode_entry(std::string_view bytes);

// 1 to kMaxSubject bytes without control characters and blanks at the ends. Errors: invalid_argument.
Result<void> check_subject(std::string_view subject);

class RegistryState {
 public:
  struct Subject {
    std::vector<Registered> versions;  // version n at n - 1
    std::optional<Mode> mode;
    std::map<std::pair<Format, std::string_view>, std::uint32_t>
        by_text;  // newest version; views into the versions' texts
  };

  // Errors: corrupt (it does not follow).
  Result<void> apply(const RegistryEntry& entry);

  const std::map<std::string, Subject, std::less<>>& subjects() const noexcept { return subjects_; }
  const Subject* find(std::string_view subject) const noexcept;
  const Registered* find(std::string_view subject, std::uint32_t version) const noexcept;
  // The newest version that has this id.
  const Registered* by_id(std::uint32_t id) const noexcept;
  const Registered* latest(std::string_view subject) const noexcept;  // not deleted
  // The newest version with this text, deleted ones too.
  const Registered* same(std::string_view subject, Format format, std::string_view text) const noexcept;
  Mode mode(std::string_view subject) const noexcept;
  Mode default_mode() const noexcept { return default_mode_; }
  std::uint32_t ids() const noexcept { return static_cast<std::uint32_t>(ids_.size()); }

 private:
  Result<void> apply_register(const RegistryEntry& entry);
  Result<void> apply_remove(const RegistryEntry& entry);

  std::map<std::string, Subject, std::less<>> subjects_;
  std::vector<std::pair<const Subject*, std::uint32_t>> ids_;  // id n at n - 1: where its newest version is
  Mode default_mode_ = Mode::backward;
};

}  // namespace fabric::contract
