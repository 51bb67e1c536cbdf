#include "fabric/formats/flatbuffers_compare.hpp"

#include <algorithm>
#include <set>

namespace fabric::formats::fb {
namespace {

using contract::Violation;

std::string_view short_name(std::string_view full) { return full.substr(full.rfind('.') + 1); }

class Comparison {
 public:
  Comparison(const Model& reader, const Model& writer) : reader_(reader), writer_(writer) {}

  std::vector<Violation> run() {
    const auto &ours = reader_.root_table(), &theirs = writer_.root_table();
    if (ours.name != theirs.name)
      add(ours.name, "root-changed", "the reader's event is table " + ours.name + ", the writer's is " + theirs.name);
    if (!reader_.identifier.empty() && reader_.identifier != writer_.identifier)
      add(ours.name, "file-identifier-changed",
          "the reader asks for file identifier \"" + reader_.identifier + "\", the writer writes " +
              (writer_.identifier.empty() ? "none" : "\"" + writer_.identifier + "\""));
    pending_.emplace_back(reader_.root, writer_.root);
    while (!pending_.empty()) {  // a list instead of recursion: schemas may be nested as deeply as they like
      const auto pair = pending_.back();
      pending_.pop_back();
      if (!seen_.insert(pair).second) continue;
      objects(reader_.objects[static_cast<std::size_t>(pair.first)],
              writer_.objects[static_cast<std::size_t>(pair.second)]);
    }
    std::stable_sort(violations_.begin(), violations_.end(),
                     [](const Violation& a, const Violation& b) { return a.path < b.path; });
    return std::move(violations_);
  }

 private:
  void add(const std::string& path, const std::string& rule, const std::string& message) {
    violations_.push_back({path, rule, path + ": " + message});
  }

  void objects(const Object& reader, const Object& writer) {
    if (reader.is_struct) return structs(reader, writer);
    for (const auto& field : reader.fields) {
      const auto path = reader.name + "." + field.name;
      if (const auto* same = writer.find(field.name); same != nullptr && same->id != field.id)
        add(path, "field-moved",
            "its id is " + std::to_string(field.id) + " to the reader and " + std::to_string(same->id) +
                " to the writer");
      const auto* other = field.id < writer.fields.size() ? &writer.fields[field.id] : nullptr;
      if (other != nullptr) fields(path, field, *other);
      if (field.required && !field.deprecated && (other == nullptr || !other->required || other->deprecated))
        add(path, "required-added",
            std::string("the reader requires it, ") +
                (other == nullptr ? "the writer does not know it" : "to the writer it is optional"));
    }
  }

  void fields(const std::string& path, const Field& reader, const Field& writer) {
    if (reader.name != writer.name)
      add(path, "field-renamed",
          "id " + std::to_string(reader.id) + " is named " + reader.name + " by the reader and " + writer.name +
              " by the writer");
    if (!types(path, reader.type, writer.type)) return;
    if (is_scalar(reader.type.base) && reader.type.item().base != Base::utype) defaults(path, reader, writer);
    if (reader.key && !writer.key)
      add(path, "key-added", "the reader looks vectors up by it, the writer does not sort by it");
    if (reader.nested.empty() != writer.nested.empty() || short_name(reader.nested) != short_name(writer.nested) ||
        reader.flexbuffer != writer.flexbuffer)
      add(path, "nested-changed",
          "its bytes are " + nested_text(reader) + " to the reader and " + nested_text(writer) + " to the writer");
    else if (!reader.nested.empty())
      nested(reader.nested, writer.nested);
  }

  static std::string nested_text(const Field& field) {
    if (field.flexbuffer) return "a flexbuffer";
    return field.nested.empty() ? "plain" : "a nested " + field.nested;
  }

  void nested(const std::string& reader, const std::string& writer) {
    const auto index = [](const Model& model, const std::string& name) {
      for (std::size_t i = 0; i < model.objects.size(); ++i)
        if (model.objects[i].name == name) return static_cast<int>(i);
      return -1;
    };
    const auto ours = index(reader_, reader), theirs = index(writer_, writer);
    if (ours >= 0 && theirs >= 0) pending_.emplace_back(ours, theirs);
  }

  // Whether the values can be compared further.
  bool types(const std::string& path, const Type& reader, const Type& writer) {
    const auto ours = reader.item(), theirs = writer.item();
    const bool same = reader.base == writer.base && reader.length == writer.length && ours.base == theirs.base &&
                      (ours.index < 0) == (theirs.index < 0) &&
                      (ours.index < 0 || short_name(reader_.text(ours)) == short_name(writer_.text(theirs)));
    const bool same_kind =
        same && (ours.base != Base::object || reader_.object(ours).is_struct == writer_.object(theirs).is_struct);
    if (!same_kind) {
      add(path, "type-changed",
          "it is " + kind_text(reader_, reader) + " to the reader and " + kind_text(writer_, writer) +
              " to the writer");
      return false;
    }
    if (ours.base == Base::object) pending_.emplace_back(ours.index, theirs.index);
    if (ours.base != Base::object && ours.index >= 0 && seen_enums_.emplace(ours.index, theirs.index).second)
      enums(reader_.enumeration(ours), writer_.enumeration(theirs));
    return true;
  }

  static std::string kind_text(const Model& model, const Type& type) {
    const auto item = type.item();
    std::string kind;
    if (item.base == Base::object) kind = model.object(item).is_struct ? "struct " : "table ";
    if (item.base != Base::object && item.index >= 0)
      kind = item.base == Base::union_ ? "union " : "enum (" + std::string(to_string(item.base)) + ") ";
    return kind + model.text(type);
  }

  void defaults(const std::string& path, const Field& reader, const Field& writer) {
    const auto text = [](const Field& field) {
      if (field.optional) return std::string("null");
      if (is_float(field.type.base)) return std::to_string(field.default_real);
      return field.type.base == Base::u64 ? std::to_string(static_cast<std::uint64_t>(field.default_integer))
                                          : std::to_string(field.default_integer);
    };
    const bool same_real = reader.default_real == writer.default_real ||
                           (reader.default_real != reader.default_real && writer.default_real != writer.default_real);
    const bool same = is_float(reader.type.base) ? same_real : reader.default_integer == writer.default_integer;
    if (reader.optional == writer.optional && same) return;
    add(path, "default-changed",
        "when it is not written, it is " + text(writer) + " to the writer and " + text(reader) + " to the reader");
  }

  void structs(const Object& reader, const Object& writer) {
    const auto layout = [](const Model& model, const Object& object) {
      std::string out = std::to_string(object.bytes) + " bytes aligned to " + std::to_string(object.align) + ":";
      for (const auto& field : object.fields)
        out += " " + field.name + " " + std::string(short_name(model.text(field.type))) + " at " +
               std::to_string(field.offset) + ",";
      out.pop_back();
      return out;
    };
    const auto ours = layout(reader_, reader), theirs = layout(writer_, writer);
    if (ours != theirs)
      return add(reader.name, "struct-changed",
                 "structs are frozen; it is " + ours + " to the reader, and " + theirs + " to the writer");
    for (std::size_t i = 0; i < reader.fields.size(); ++i)
      types(reader.name + "." + reader.fields[i].name, reader.fields[i].type, writer.fields[i].type);
  }

  void enums(const Enum& reader, const Enum& writer) {
    if (reader.bit_flags != writer.bit_flags)
      add(reader.name, "enum-value-changed", "only one side has it as bit_flags");
    for (const auto& value : writer.values) {
      const auto number = std::to_string(value.number);
      if (const auto* same = reader.find(value.name)) {
        if (same->number != value.number)
          add(reader.name + "." + value.name, "enum-value-changed",
              "it is " + std::to_string(same->number) + " to the reader and " + number + " to the writer");
        else
          members(reader.name + "." + value.name, *same, value);
      } else if (const auto* renamed = reader.find(value.number)) {
        add(reader.name + "." + renamed->name, "enum-value-renamed",
            number + " is named " + renamed->name + " by the reader and " + value.name + " by the writer");
        members(reader.name + "." + renamed->name, *renamed, value);
      }
    }
  }

  // Of unions; enums have none.
  void members(const std::string& path, const Value& reader, const Value& writer) {
    const auto &ours = reader.member, &theirs = writer.member;
    if (ours.base == Base::none && theirs.base == Base::none) return;
    const bool same = ours.base == theirs.base &&
                      (ours.base != Base::object ||
                       (reader_.object(ours).is_struct == writer_.object(theirs).is_struct &&
                        short_name(reader_.object(ours).name) == short_name(writer_.object(theirs).name)));
    if (!same)
      return add(
          path, "union-member-changed",
          "it is " + kind_text(reader_, ours) + " to the reader and " + kind_text(writer_, theirs) + " to the writer");
    if (ours.base == Base::object) pending_.emplace_back(ours.index, theirs.index);
  }

  const Model &reader_, &writer_;
  std::vector<Violation> violations_;
  std::vector<std::pair<int, int>> pending_;
  std::set<std::pair<int, int>> seen_, seen_enums_;
};

}  // namespace

std::vector<Violation> violations(const Model& reader, const Model& writer) { return Comparison(reader, writer).run(); }

}  // namespace fabric::formats::fb
