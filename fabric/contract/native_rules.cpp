// The rules of native.hpp, one field after the other.

#include <algorithm>

#include "fabric/contract/native.hpp"

namespace fabric::contract {
namespace {

std::string joined(const std::string& path, const std::string& name) { return path.empty() ? name : path + "." + name; }

std::string shape(const NativeField& field) {
  std::string text(to_string(field.type));
  if (field.enumeration) text += " of " + std::string(to_string(field.enumeration->base));
  if (field.type == NativeType::text || field.type == NativeType::bytes)
    text += "(" + std::to_string(field.bytes) + ")";
  for (const auto extent : field.array) text += "[" + std::to_string(extent) + "]";
  return text;
}

bool is_float(NativeType type) noexcept { return type == NativeType::f32 || type == NativeType::f64; }

// Which rule a difference of two scalar types breaks.
std::string type_rule(NativeType reader, NativeType writer) {
  const bool numbers = (is_integer(reader) && is_integer(writer) && is_signed(reader) == is_signed(writer)) ||
                       (is_float(reader) && is_float(writer));
  if (numbers) return width_of(reader) > width_of(writer) ? "type-widened" : "type-narrowed";
  if (is_integer(reader) && is_integer(writer) && width_of(reader) == width_of(writer)) return "sign-changed";
  return "type-changed";
}

class Comparison {
 public:
  Comparison(const NativeLayout& reader, const NativeLayout& writer) noexcept : reader_(reader), writer_(writer) {}

  std::vector<Violation> run() {
    compare_structs({reader_.root, writer_.root, 0, true, true}, "");
    if (reader_.required > writer_.required && found_.empty())
      report("", "payload-too-short",
             "the reader wants " + std::to_string(reader_.required) + " bytes, the writer's payloads have " +
                 std::to_string(writer_.required) + " at least");
    return std::move(found_);
  }

 private:
  // Two structs in the same place of the payload, and whether they end with it.
  struct Pair {
    const NativeStruct& reader;
    const NativeStruct& writer;
    std::uint32_t at;
    bool reader_is_last, writer_is_last;
  };

  void report(const std::string& path, std::string rule, std::string message) {
    found_.push_back({.path = path, .rule = std::move(rule), .message = std::move(message)});
  }

  void compare_structs(const Pair& pair, const std::string& path) {
    for (const auto& field : pair.reader.fields) {
      const auto here = joined(path, field.name);
      if (const auto* other = pair.writer.find(field.name))
        compare_fields(pair, field, *other, here);
      else
        explain_missing(pair, field, here);
    }
  }

  void explain_missing(const Pair& pair, const NativeField& field, const std::string& path) {
    const auto at = pair.at + field.offset;
    const auto place = "byte " + std::to_string(at);
    if (at >= writer_.root.size) {
      if (at >= reader_.required) return;
      return report(path, "required-field-missing",
                    "is required, but the writer's data end at byte " + std::to_string(writer_.root.size) +
                        "; only optional fields may be appended");
    }
    const auto overlapped = std::find_if(pair.writer.fields.begin(), pair.writer.fields.end(), [&](const auto& other) {
      return other.offset < field.end() && field.offset < other.end();
    });
    if (overlapped == pair.writer.fields.end())
      return report(path, "field-in-padding",
                    "lies at " + place +
                        ", where the writer leaves padding that may hold anything; move it behind byte " +
                        std::to_string(writer_.root.size) + " (alignas)");
    const bool renamed = overlapped->offset == field.offset && shape(*overlapped) == shape(field) &&
                         pair.reader.find(overlapped->name) == nullptr;
    if (renamed)
      return report(path, "field-renamed", "is called '" + overlapped->name + "' by the writer, at the same " + place);
    report(path, "field-overlaps",
           "lies at " + place + ", where the writer has '" + overlapped->name + "'; new fields go to the end");
  }

  void compare_fields(const Pair& pair, const NativeField& reader, const NativeField& writer, const std::string& path) {
    const bool same_type = compare_types(reader, writer, path);
    if (reader.offset != writer.offset)
      return report(path, "field-moved",
                    "is at byte " + std::to_string(pair.at + reader.offset) + ", the writer's at byte " +
                        std::to_string(pair.at + writer.offset));
    if (!same_type) return;
    if (reader.enumeration) compare_enums(*reader.enumeration, *writer.enumeration, path);
    const auto at = pair.at + reader.offset;
    if (reader.record) return compare_nested(pair, reader, writer, path);
    check_presence(reader, at, path);
  }

  void check_presence(const NativeField& reader, std::uint32_t at, const std::string& path) {
    if (at + reader.size() > writer_.required && at < reader_.required)
      report(path, "optional-field-required", "is required, but the writer's payloads may end before it");
  }

  bool compare_types(const NativeField& reader, const NativeField& writer, const std::string& path) {
    const auto changed = [&](const std::string& rule) {
      report(path, rule, "is " + shape(reader) + ", the writer's is " + shape(writer));
      return false;
    };
    if (reader.type != writer.type) return changed(type_rule(reader.type, writer.type));
    if (reader.enumeration && reader.enumeration->base != writer.enumeration->base)
      return changed(type_rule(reader.enumeration->base, writer.enumeration->base));
    if (reader.array.size() != writer.array.size()) return changed("type-changed");
    if (reader.array != writer.array) return changed("array-length-changed");
    if (reader.type != NativeType::record && reader.bytes != writer.bytes) return changed("length-changed");
    return true;
  }

  void compare_nested(const Pair& pair, const NativeField& reader, const NativeField& writer, const std::string& path) {
    const bool reader_is_last = pair.reader_is_last && !reader.is_array() && &reader == &pair.reader.fields.back();
    const bool writer_is_last = pair.writer_is_last && !writer.is_array() && &writer == &pair.writer.fields.back();
    const bool fits = reader.bytes == writer.bytes || (reader.bytes < writer.bytes ? reader_is_last : writer_is_last);
    if (!fits)
      return report(path, "nested-struct-resized",
                    "has " + std::to_string(reader.bytes) + " bytes, the writer's " + std::to_string(writer.bytes) +
                        "; only a struct at the very end can grow");
    compare_structs({*reader.record, *writer.record, pair.at + reader.offset, reader_is_last, writer_is_last}, path);
  }

  void compare_enums(const NativeEnum& reader, const NativeEnum& writer, const std::string& path) {
    if (writer.open && !reader.open)
      report(path, "enum-opened", "is a closed enum, the writer's is open and has any value");
    for (const auto& [name, value] : writer.values) {
      const auto* known = reader.find(value);
      const auto* renumbered = reader.find(name);
      if (known != nullptr && (renumbered == nullptr || renumbered->value == value)) {
        const auto* alias = writer.find(known->name);
        if (renumbered == nullptr && (alias == nullptr || alias->value != value))
          report(path, "enumerator-renamed",
                 "calls " + std::to_string(value) + " '" + known->name + "', the writer calls it '" + name + "'");
      } else if (renumbered != nullptr) {
        report(path, "enumerator-renumbered",
               "'" + name + "' is " + std::to_string(renumbered->value) + ", the writer's is " + std::to_string(value));
      } else if (!reader.open) {
        report(path, "enumerator-unknown", "does not know the writer's '" + name + "' (" + std::to_string(value) + ")");
      }
    }
  }

  const NativeLayout& reader_;
  const NativeLayout& writer_;
  std::vector<Violation> found_;
};

}  // namespace

std::vector<Violation> native_violations(const NativeLayout& reader, const NativeLayout& writer) {
  return Comparison(reader, writer).run();
}

}  // namespace fabric::contract
