#include "fabric/formats/flatbuffers_payload.hpp"
#include "fabric/formats/schema_source.hpp"

namespace fabric::formats::fb {
namespace {

using ipc::Result;

class Verification {
 public:
  Verification(const Model& model, std::span<const std::byte> payload)
      : model_(model), bytes_(payload), budget_(payload.size() * 16 + (1U << 20)) {}

  bool whole() {
    where_ = model_.root_table().name;
    if (bytes_.size() > kMaxPayloadBytes)
      return refuse(0, "the payload has more than " + std::to_string(kMaxPayloadBytes) + " bytes");
    if (bytes_.size() < 8) return refuse(0, "the payload is too short");
    if (!model_.identifier.empty()) {
      const std::string_view found(reinterpret_cast<const char*>(bytes_.span().data()) + 4, 4);
      if (found != model_.identifier) return refuse(4, "the file identifier is not \"" + model_.identifier + "\"");
    }
    std::size_t root = 0;
    return offset(0, root) && table(model_.root_table(), root, 0);
  }

  Survey survey{};
  std::string error{};

 private:
  bool refuse(std::size_t at, const std::string& what) {
    if (error.empty()) error = "byte " + std::to_string(at) + ": " + where_ + ": " + what;
    return false;
  }

  bool range(std::size_t at, std::size_t bytes, std::size_t align) {
    if (at > bytes_.size() || bytes > bytes_.size() - at) return refuse(at, "it goes beyond the end");
    if (at % align != 0) return refuse(at, "it is not aligned to " + std::to_string(align) + " bytes");
    if (bytes > budget_) return refuse(at, "the same parts are used too often");
    budget_ -= bytes;
    return true;
  }

  bool offset(std::size_t at, std::size_t& to) {
    if (!range(at, 4, 4)) return false;
    to = bytes_.follow(at);
    return to != at || refuse(at, "the offset is zero");
  }

  bool table(const Object& object, std::size_t at, int depth) {
    if (depth > kMaxTableNesting)
      return refuse(at, "more than " + std::to_string(kMaxTableNesting) + " tables are nested");
    if (!range(at, 4, 4)) return false;
    // Signed, so that the table of fields may lie on either side.
    const auto vtable = static_cast<std::int64_t>(at) - bytes_.load<std::int32_t>(at);
    if (vtable < 0 || !range(static_cast<std::size_t>(vtable), 4, 2))
      return refuse(at, "its table of fields lies outside");
    const auto bytes = bytes_.load<std::uint16_t>(static_cast<std::size_t>(vtable));
    if (bytes < 4 || bytes % 2 != 0) return refuse(at, "its table of fields has a wrong size");
    if (!range(static_cast<std::size_t>(vtable), bytes, 2)) return false;
    if (!survey.tables.insert(at).second) survey.shared.insert(at);
    for (auto id = object.fields.size(); id < bytes_.slots(at); ++id)
      if (bytes_.field(at, id) != 0) survey.unknown = true;
    for (const auto& known : object.fields)
      if (!field(object, known, at, depth)) return false;
    return true;
  }

  bool field(const Object& object, const Field& known, std::size_t table, int depth) {
    const auto at = bytes_.field(table, known.id);
    const auto before = where_;
    where_ = object.name + "." + known.name;
    bool fine = true;
    if (at == 0) {
      fine = !known.required || refuse(table, "it is required, but not there");
    } else if (at - table < 4) {
      fine = refuse(table, "its place is inside of the table's own offset");
    } else if (known.type.item().base == Base::union_) {
      fine = union_field(known, table, at, depth);
    } else {
      fine = value(known.type, at, depth);
    }
    where_ = before;
    return fine;
  }

  // A value at its inline place.
  bool value(const Type& type, std::size_t at, int depth) {
    if (!range(at, model_.inline_bytes(type), model_.inline_align(type))) return false;
    std::size_t to = 0;
    switch (type.base) {
      case Base::string:
        return offset(at, to) && string(to);
      case Base::vector:
        return offset(at, to) && vector(type.item(), to, depth);
      case Base::object:
        return model_.object(type).is_struct || (offset(at, to) && table(model_.object(type), to, depth + 1));
      default:
        return true;
    }
  }

  bool string(std::size_t at) {
    if (!range(at, 4, 4) || !range(at + 4, bytes_.length(at), 1) || !range(at + 4 + bytes_.length(at), 1, 1))
      return false;
    if (bytes_.load<char>(at + 4 + bytes_.length(at)) != 0)
      return refuse(at, "the string does not end with a zero byte");
    return is_utf8(bytes_.string(at)) || refuse(at, "the string is not UTF-8");
  }

  bool vector(const Type& item, std::size_t at, int depth) {
    if (!range(at, 4, 4)) return false;
    const auto count = bytes_.length(at), bytes = model_.inline_bytes(item);
    if (!range(at + 4, count * bytes, count == 0 ? 1 : model_.inline_align(item))) return false;
    if (item.base != Base::string && (item.base != Base::object || model_.object(item).is_struct)) return true;
    for (std::size_t i = 0; i < count; ++i)
      if (!value(item, at + 4 + i * bytes, depth)) return false;
    return true;
  }

  bool union_field(const Field& known, std::size_t table, std::size_t at, int depth) {
    const auto& type = model_.enumeration(known.type);
    const auto type_at = bytes_.field(table, known.id - 1U);  // the model has its type's field in front of each union
    std::size_t to = 0, types = 0;
    if (type_at != 0 && type_at - table < 4) return refuse(table, "its place is inside of the table's own offset");
    if (known.type.base == Base::union_) {
      if (type_at == 0) return refuse(at, "the union has a value but no type");
      return range(type_at, 1, 1) && member(type, bytes_.load<std::uint8_t>(type_at), at, depth);
    }
    if (!offset(at, to) || !range(to, 4, 4)) return false;
    if (type_at == 0 || !offset(type_at, types) || !range(types, 4, 4) || bytes_.length(types) != bytes_.length(to))
      return refuse(at, "the unions and their types are not equally many");
    const auto count = bytes_.length(to);
    if (!range(to + 4, count * 4, 4) || !range(types + 4, count, 1)) return false;
    for (std::size_t i = 0; i < count; ++i)
      if (!member(type, bytes_.load<std::uint8_t>(types + 4 + i), to + 4 + 4 * i, depth)) return false;
    return true;
  }

  bool member(const Enum& type, std::uint8_t number, std::size_t at, int depth) {
    if (number == 0) return range(at, 4, 4);  // in a vector of unions NONE has a place, whatever is there
    const auto* chosen = type.find(std::int64_t{number});
    std::size_t to = 0;
    if (chosen == nullptr) survey.unknown = true;
    if (!offset(at, to)) return false;
    if (chosen == nullptr) return range(to, 0, 1);
    if (chosen->member.base == Base::string) return string(to);
    const auto& object = model_.object(chosen->member);
    return object.is_struct ? range(to, object.bytes, object.align) : table(object, to, depth + 1);
  }

  const Model& model_;
  Bytes bytes_;
  std::size_t budget_;
  std::string where_;
};

}  // namespace

std::int64_t Bytes::integer(Base base, std::size_t at) const noexcept {
  switch (base) {
    case Base::i8:
      return load<std::int8_t>(at);
    case Base::i16:
      return load<std::int16_t>(at);
    case Base::u16:
      return load<std::uint16_t>(at);
    case Base::i32:
      return load<std::int32_t>(at);
    case Base::u32:
      return load<std::uint32_t>(at);
    case Base::i64:
    case Base::u64:
      return load<std::int64_t>(at);
    default:
      return load<std::uint8_t>(at);
  }
}

double Bytes::real(Base base, std::size_t at) const noexcept {
  return base == Base::f32 ? static_cast<double>(load<float>(at)) : load<double>(at);
}

Result<Survey> survey(const Model& model, std::span<const std::byte> payload) {
  Verification verification(model, payload);
  if (!verification.whole()) return ipc::make_error(ipc::ErrorCode::corrupt, verification.error);
  return std::move(verification.survey);
}

}  // namespace fabric::formats::fb
