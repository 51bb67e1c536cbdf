#pragma once
// Whether a producer may write events of a subject with the schema that it has: decided when it attaches, before it can
// write a byte.
//
// | its schema in the subject | producer may register          | may only check              |
// | not there, or deleted     | registered, if the mode lets it | refused: unregistered       |
// | there, incompatible (1)   | refused: incompatible           | the same                    |
// | there, after its sunset   | refused: sunset                 | the same                    |
// | there, deprecated         | accepted, with a warning        | the same                    |
// | there                     | accepted                        | the same                    |
//
// (1) Versions that came after it, or a change of mode, may stand against a schema that was compatible when it was
// registered. With the modes that have readers upgraded first (backward, full) the latest version has to read what this
// producer writes; with those that have older readers (forward, full) the version before has to; transitive: all later,
// all earlier ones. Mode none: nobody.
//
// Thread-safe. Blocks on the file system.

#include <string>
#include <vector>

#include "fabric/contract/registry.hpp"

namespace fabric::contract {

enum class Standing : std::uint8_t { accepted, deprecated, sunset, incompatible, unregistered };
std::string_view to_string(Standing standing) noexcept;
inline constexpr bool may_write(Standing standing) noexcept { return standing <= Standing::deprecated; }

struct AttachOptions {
  bool register_new = true;  // false: only what is registered already may be written
  std::uint64_t now_ns = 0;  // Unix time; 0: the clock's
};

struct Attachment {
  Standing standing = Standing::unregistered;
  Registered schema{};                          // valid where there is one
  bool created = false;                         // registered just now
  std::vector<Incompatibility> incompatible{};  // all that stands against it
};

// Errors: those of Registry::register_schema.
Result<Attachment> attach_schema(const Registry& registry, const std::string& subject, const Schema& schema,
                                 const AttachOptions& options = {});
// The same of a schema that was attached before, by those who may go on writing for days. Registers nothing.
Result<Attachment> check_attached(const Registry& registry, const Registered& attached, std::uint64_t now_ns = 0);
// A refusal or a warning as one sentence, with what to do; empty when there is nothing to say.
std::string explain(const Attachment& attachment, const std::string& subject);

}  // namespace fabric::contract
