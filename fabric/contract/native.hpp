#pragma once
// Schemas of native C++ structs: the bytes of a trivially copyable struct are the payload. native_describe.hpp makes
// them from a type, native_model.hpp has their text, tools read them from files.
//
// A payload may be longer than its schema says (a newer producer appended fields: a prefix read) and shorter (an older
// one lacks optional fields: they have their defaults). So a struct evolves by appending optional fields. What a reader
// cannot make of a writer's data, rule by rule:
//
// | rule                    | the reader's field ...                                                      |
// | required-field-missing  | lies behind the writer's last byte, and is required                         |
// | optional-field-required | is required, the writer may leave it out                                    |
// | field-in-padding        | lies in bytes that the writer leaves as padding (alignas moves it behind)   |
// | field-overlaps          | lies on another field of the writer: inserted in the middle, or replaced    |
// | field-renamed           | has place and type of a field that has another name there                   |
// | field-moved             | lies elsewhere                                                              |
// | type-widened, -narrowed | is a wider (narrower) number                                                |
// | sign-changed            | is an integer of the same width, with (without) a sign                      |
// | type-changed            | is of another type altogether; an array, or not                             |
// | array-length-changed    | is an array of other extents                                                |
// | length-changed          | is text (bytes) of another length                                           |
// | nested-struct-resized   | is a struct of another size; the smaller of the two does not end its payload |
// | enumerator-unknown      | is an enum without one of the writer's enumerators                          |
// | enumerator-renamed      | is an enum with another name for a value                                    |
// | enumerator-renumbered   | is an enum with another value for a name                                    |
// | enum-opened             | is a closed enum, the writer's is open                                      |
// | payload-too-short       | (no field: the writer's shortest payload lacks padding that the reader has) |
//
// Names of structs and enums are not compared. Immutable, thread-safe.

#include <memory>
#include <string>
#include <vector>

#include "fabric/contract/native_model.hpp"
#include "fabric/contract/schema.hpp"

namespace fabric::contract {

// In order of the reader's fields.
std::vector<Violation> native_violations(const NativeLayout& reader, const NativeLayout& writer);

class NativeSchema final : public Schema {
 public:
  // Errors: those of check_layout().
  static Result<std::shared_ptr<const NativeSchema>> make(NativeLayout layout);

  const NativeLayout& layout() const noexcept { return layout_; }

  Format format() const noexcept override { return Format::native; }
  const std::string& canonical() const noexcept override { return canonical_; }
  const std::string& name() const noexcept override { return layout_.root.name; }
  std::vector<Violation> cannot_read(const Schema& writer) const override;
  Result<void> validate(std::span<const std::byte> payload) const override;
  Result<std::string> to_json(std::span<const std::byte> payload) const override;
  // A payload of the whole size; optional fields that are not named have their defaults.
  Result<std::vector<std::byte>> from_json(std::string_view json) const override;
  // A payload that lacks a field which is changed grows to the whole size.
  Result<std::vector<std::byte>> edit(std::span<const std::byte> payload, std::string_view patch) const override;

 private:
  explicit NativeSchema(NativeLayout layout);
  NativeLayout layout_;
  std::string canonical_;
};

class NativeFormat final : public SchemaFormat {
 public:
  Format format() const noexcept override { return Format::native; }
  Result<std::shared_ptr<const Schema>> parse(std::string_view text) const override;
};

}  // namespace fabric::contract
