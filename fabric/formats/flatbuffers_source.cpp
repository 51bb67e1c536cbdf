// Texts to models: flatc's own parser reads .fbs, the reflection schema that it makes of it becomes the model.

#include <flatbuffers/idl.h>
#include <flatbuffers/reflection.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "fabric/formats/flatbuffers_model.hpp"
#include "fabric/formats/schema_source.hpp"

namespace fabric::formats::fb {
namespace {

namespace rf = reflection;
using ipc::Result;

constexpr std::size_t kMaxTypes = 4096;

ipc::Error refusal(std::string message) {
  return ipc::make_error(ipc::ErrorCode::invalid_argument, std::move(message));
}

bool is_identifier(std::string_view name) {
  const auto inside = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), inside);
}

// Identifiers with dots between them.
bool is_full_name(std::string_view name) {
  for (;;) {
    const auto dot = name.find('.');
    if (!is_identifier(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// Of a verified binary schema, which may still say anything.
class Reading {
 public:
  explicit Reading(const rf::Schema& schema) : schema_(schema) {}

  Result<Model> read() {
    for (const auto* object : *schema_.objects()) model_.objects.push_back(read_object(*object));
    for (const auto* type : *schema_.enums()) model_.enums.push_back(read_enum(*type));
    find_root();
    const auto unsorted = [](const auto& list) {
      return std::adjacent_find(list.begin(), list.end(),
                                [](const auto& a, const auto& b) { return a.name >= b.name; }) != list.end();
    };
    if (unsorted(model_.objects) || unsorted(model_.enums))
      complain("the schema's types are not in order of their names");
    if (!wrong_.empty()) return refusal(wrong_);
    return std::move(model_);
  }

 private:
  void complain(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  std::string name(const flatbuffers::String& text, bool full) {
    auto out = text.str();
    if (!(full ? is_full_name(out) : is_identifier(out))) complain("a binary schema holds a name that is none");
    return out;
  }

  template <class Attributed>
  std::optional<std::string> attribute(const Attributed& item, const char* key) {
    if (item.attributes() == nullptr) return std::nullopt;
    for (const auto* pair : *item.attributes())
      if (pair->key()->str() == key) return pair->value() == nullptr ? "" : pair->value()->str();
    return std::nullopt;
  }

  Type read_type(const rf::Type& type) {
    Type out{static_cast<Base>(type.base_type()), static_cast<Base>(type.element()), type.index(), type.fixed_length()};
    if (static_cast<unsigned>(type.base_type()) > static_cast<unsigned>(Base::array) ||
        static_cast<unsigned>(type.element()) > static_cast<unsigned>(Base::array)) {
      complain("a binary schema holds a type that is none");
      return {};
    }
    const auto item = out.item();
    const auto limit = item.base == Base::object ? schema_.objects()->size() : schema_.enums()->size();
    if (item.index < -1 || item.index >= static_cast<std::int64_t>(limit) ||
        (item.index < 0 && (item.base == Base::object || item.base == Base::union_))) {
      complain("a binary schema refers to a type that it does not hold");
      return {};
    }
    if (item.base == Base::vector || item.base == Base::array) complain("a binary schema holds a vector of vectors");
    return out;
  }

  Field read_field(const rf::Field& field) {
    Field out{.name = name(*field.name(), false), .type = read_type(*field.type()), .id = field.id()};
    out.offset = field.offset();
    out.default_integer = field.default_integer();
    out.default_real = field.default_real();
    out.required = field.required();
    out.deprecated = field.deprecated();
    out.key = field.key();
    out.optional = field.optional() && is_scalar(out.type.base);
    if (auto nested = attribute(field, "nested_flatbuffer")) {
      out.nested = *nested;
      if (!is_full_name(*nested)) complain("a binary schema holds a name that is none");
    }
    out.flexbuffer = attribute(field, "flexbuffer").has_value();
    return out;
  }

  Object read_object(const rf::Object& object) {
    Object out{.name = name(*object.name(), true), .is_struct = object.is_struct()};
    if (out.is_struct) {
      out.bytes = static_cast<std::size_t>(std::max(object.bytesize(), 0));
      out.align = static_cast<std::size_t>(std::max(object.minalign(), 1));
    }
    for (const auto* field : *object.fields()) out.fields.push_back(read_field(*field));
    std::sort(out.fields.begin(), out.fields.end(),
              [&](const Field& a, const Field& b) { return out.is_struct ? a.offset < b.offset : a.id < b.id; });
    return out;
  }

  Enum read_enum(const rf::Enum& type) {
    Enum out{.name = name(*type.name(), true), .is_union = type.is_union()};
    out.bit_flags = attribute(type, "bit_flags").has_value();
    out.base = read_type(*type.underlying_type()).base;
    for (const auto* value : *type.values()) {
      auto& added = out.values.emplace_back(Value{name(*value->name(), false), value->value(), {}});
      if (out.is_union && value->union_type() != nullptr) added.member = read_type(*value->union_type());
    }
    std::sort(out.values.begin(), out.values.end(), [&](const Value& a, const Value& b) {
      return out.base == Base::u64 ? static_cast<std::uint64_t>(a.number) < static_cast<std::uint64_t>(b.number)
                                   : a.number < b.number;
    });
    return out;
  }

  void find_root() {
    if (schema_.file_ident() != nullptr) model_.identifier = schema_.file_ident()->str();
    if (schema_.file_ext() != nullptr) model_.extension = schema_.file_ext()->str();
    const auto plain = [](const std::string& text) {
      return std::all_of(text.begin(), text.end(),
                         [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
    };
    if (!plain(model_.identifier) || !plain(model_.extension))
      complain("file_identifier and file_extension have to be printable ASCII without quotes");
    if (schema_.root_table() == nullptr) return complain("root_type is missing: which table is the event?");
    const auto root = schema_.root_table()->name()->str();
    for (std::size_t i = 0; i < model_.objects.size(); ++i)
      if (model_.objects[i].name == root) model_.root = static_cast<int>(i);
    if (model_.root < 0 || model_.root_table().is_struct) complain("root_type " + root + " is no table");
  }

  const rf::Schema& schema_;
  Model model_;
  std::string wrong_;
};

Result<Model> from_binary(std::string_view bytes) {
  // Copied, so that it is aligned.
  std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
  auto* data = reinterpret_cast<std::uint8_t*>(aligned.data());
  std::copy(bytes.begin(), bytes.end(), data);
  flatbuffers::Verifier verifier(data, bytes.size(), 64, 10'000'000);
  if (!rf::VerifySchemaBuffer(verifier)) return refusal("this is neither .fbs source nor a binary schema (.bfbs)");
  const auto& schema = *rf::GetSchema(data);
  if (schema.objects() == nullptr || schema.enums() == nullptr) return refusal("the binary schema is empty");
  if (schema.objects()->size() + schema.enums()->size() > kMaxTypes)
    return refusal("the schema has more than " + std::to_string(kMaxTypes) + " types");
  return Reading(schema).read();
}

// Skips white space, comments and what is between quotes; calls `word` with each identifier and what follows it.
template <class Word>
void each_word(std::string_view text, const Word& word) {
  for (std::size_t at = 0; at < text.size();) {
    const auto rest = text.substr(at);
    if (rest.starts_with("//")) {
      at += std::min(rest.find('\n'), rest.size());
    } else if (rest.starts_with("/*")) {
      at += std::min(rest.find("*/", 2), rest.size() - 2) + 2;
    } else if (rest[0] == '"' || rest[0] == '\'') {
      for (++at; at < text.size() && text[at] != rest[0]; ++at)
        if (text[at] == '\\') ++at;
      ++at;
    } else if (std::isalpha(static_cast<unsigned char>(rest[0])) != 0 || rest[0] == '_') {
      std::size_t length = 1;
      while (length < rest.size() && is_identifier(rest.substr(0, length + 1))) ++length;
      word(at, rest.substr(0, length));
      at += length;
    } else {
      ++at;
    }
  }
}

// flatc would look for included files wherever it runs.
Result<void> refuse_includes(std::string_view text) {
  Result<void> fine;
  each_word(text, [&](std::size_t at, std::string_view word) {
    if (!fine || word != "include") return;
    auto behind = text.substr(at + word.size());
    while (!behind.empty() && std::isspace(static_cast<unsigned char>(behind[0])) != 0) behind.remove_prefix(1);
    if (!behind.starts_with('"') && !behind.starts_with('\'') && !behind.starts_with('/')) return;
    const auto before = text.substr(0, at);
    const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    fine = refusal(place(line, at - (before.rfind('\n') + 1) + 1) +
                   "include is not supported; give one file, or a binary schema (flatc --binary --schema)");
  });
  return fine;
}

// The parser says "3: 7: error: what is wrong, originally at: ..." for each thing that it finds.
ipc::Error parser_error(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  std::size_t line = 0, column = 0;
  const auto* end = text.data() + text.size();
  auto [after_line, line_error] = std::from_chars(text.data(), end, line);
  if (line_error != std::errc() || end - after_line < 2) return refusal(std::string(text));
  auto [after_column, column_error] = std::from_chars(after_line + 2, end, column);
  if (column_error != std::errc()) return refusal(std::string(text));
  std::string_view what(after_column, static_cast<std::size_t>(end - after_column));
  for (const std::string_view prefix : {": ", "error: "})
    if (what.starts_with(prefix)) what.remove_prefix(prefix.size());
  return refusal(place(line, column) + std::string(what));
}

Result<Model> from_source(const std::string& text) {
  if (auto fine = refuse_includes(text); !fine) return fine.error();
  flatbuffers::IDLOptions options;
  options.lang_to_generate = flatbuffers::IDLOptions::kCpp;  // knows every feature; without a language some are refused
  options.no_warnings = true;
  options.binary_schema_builtins = true;
  flatbuffers::Parser parser(options);
  const char* no_directories[] = {nullptr};
  if (!parser.Parse(text.c_str(), no_directories)) return parser_error(parser.error_);
  if (parser.builder_.GetSize() != 0) return refusal("the text holds data as well as a schema");
  parser.Serialize();
  return from_binary({reinterpret_cast<const char*>(parser.builder_.GetBufferPointer()), parser.builder_.GetSize()});
}

bool is_binary_schema(std::string_view text) { return text.size() > 8 && text.substr(4, 4) == rf::SchemaIdentifier(); }

}  // namespace

Result<Model> read_flatbuffers_schema(std::string_view text) {
  if (text.size() > kMaxSchemaBytes)
    return refusal("the schema has " + std::to_string(text.size()) + " bytes, at most " +
                   std::to_string(kMaxSchemaBytes));
  std::string bytes;
  if (auto decoded = base64_decoded(text); decoded && is_binary_schema(*decoded)) {
    bytes = std::move(*decoded);
  } else if (is_binary_schema(text)) {
    bytes = text;
  } else if (is_binary(text)) {
    return refusal("this is neither .fbs source nor a binary schema (.bfbs)");
  }
  auto model = bytes.empty() ? from_source(std::string(text)) : from_binary(bytes);
  if (!model) return model;
  // What the parser makes of the canonical text has its invariants, whatever a binary schema said.
  const auto canonical = canonical_text(*model);
  auto again = from_source(canonical);
  if (!again) return refusal("the schema cannot be written as .fbs source: " + again.error().message);
  if (canonical_text(*again) != canonical)
    return refusal("the schema contradicts itself, or types of several namespaces have one name");
  return again;
}

}  // namespace fabric::formats::fb
