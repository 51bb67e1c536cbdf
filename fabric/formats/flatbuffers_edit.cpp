#include "fabric/formats/flatbuffers_edit.hpp"

#include <boost/json/array.hpp>
#include <limits>

#include "fabric/formats/flatbuffers_json.hpp"
#include "fabric/json.hpp"

namespace fabric::formats::fb {
namespace {

namespace bj = boost::json;
using ipc::ErrorCode;
using ipc::Result;

ipc::Error refusal(const std::string& message) { return ipc::make_error(ErrorCode::invalid_argument, message); }

bool is_inline(const Model& model, const Type& type) {
  return is_scalar(type.base) || type.base == Base::array ||
         (type.base == Base::object && model.object(type).is_struct);
}

class InPlace {
 public:
  InPlace(const Model& model, const Survey& survey, std::span<const std::byte> payload)
      : model_(model), survey_(survey), encoder_(model, {payload.begin(), payload.end()}) {}

  // Set when the patch is fine, but the payload cannot be edited where it stands.
  bool stuck = false;

  Result<void> table(const Object& object, std::size_t at, const bj::object& patch) {
    if (patch.empty()) return {};
    if (survey_.shared.contains(at)) return give_up(object.name + " is used twice");
    Slots slots;
    for (const auto& [key, change] : patch) {
      const auto* field = object.find(std::string_view(key));
      if (field == nullptr || field->deprecated)
        return refusal(object.name + " has no field " + json::quote(std::string_view(key)));
      const auto done = field->type.item().base == Base::union_ || field->type.item().base == Base::utype
                            ? union_field(object, *field, at, patch, slots)
                            : plain_field(*field, at, change, slots);
      if (!done) return in_field(object, *field, done.error());
    }
    return place(object, at, slots);
  }
  std::vector<std::byte> take() { return encoder_.take(); }

 private:
  // Fields that come or go: their ids and what to put there, nullptr to remove it.
  struct Slot {
    const Field* field = nullptr;
    const bj::value* value = nullptr;
    const Type* referred = nullptr;    // a union's member
    const bj::array* types = nullptr;  // of a vector of unions
  };
  using Slots = std::map<std::uint16_t, Slot>;

  static ipc::Error in_field(const Object& object, const Field& field, const ipc::Error& error) {
    return error.message.starts_with("field ")
               ? error
               : refusal("field " + object.name + "." + field.name + ": " + error.message);
  }
  ipc::Error give_up(const std::string& why) {
    stuck = true;
    return refusal(why);
  }

  Result<void> plain_field(const Field& field, std::size_t table_at, const bj::value& change, Slots& slots) {
    const auto at = encoder_.view().field(table_at, field.id);
    if (change.is_null()) {
      if (field.required) return refusal("it is required");
      if (at != 0) slots[field.id] = {};
      return {};
    }
    if (at == 0) {
      slots[field.id] = {&field, &change};
      return {};
    }
    if (is_inline(model_, field.type)) return encoder_.put_inline(field.type, at, change, false);
    if (field.type.base == Base::object && change.is_object())
      return table(model_.object(field.type), encoder_.view().follow(at), change.get_object());
    return point(at, field.type, change);
  }

  // Writes a value at the end and points the offset at `at` there.
  Result<void> point(std::size_t at, const Type& type, const bj::value& value) {
    const auto to = encoder_.referred(type, value);
    if (!to) return to.error();
    encoder_.refer(at, *to);
    return {};
  }

  // Type and value together; the second of both to come by finds that it is done and does it again with the same
  // effect.
  Result<void> union_field(const Object& object, const Field& named, std::size_t table_at, const bj::object& patch,
                           Slots& slots) {
    const auto& field = named.type.item().base == Base::utype ? object.fields[named.id + 1U] : named;
    const auto& type_field = object.fields[field.id - 1U];
    const auto* value = patch.if_contains(field.name);
    const auto* type = patch.if_contains(type_field.name);
    if (slots.contains(field.id)) return {};
    const auto at = encoder_.view().field(table_at, field.id), type_at = encoder_.view().field(table_at, type_field.id);
    const bool removed =
        (value != nullptr && value->is_null()) || (value == nullptr && (type->is_null() || *type == "NONE"));
    if (removed) {
      if (field.required) return refusal("it is required");
      if (at != 0) slots[field.id] = {};
      if (type_at != 0) slots[type_field.id] = {};
      return {};
    }
    if (value == nullptr) return refusal("the type of a union is changed together with its value");
    const auto& union_type = model_.enumeration(field.type);
    if (field.type.base == Base::vector) return union_vector(field, type_field, type, *value, slots);
    auto number = type_at == 0 ? std::int64_t{0} : encoder_.view().integer(Base::u8, type_at);
    const bool same = type == nullptr;
    if (!same) {
      const auto chosen = union_member(union_type, *type);
      if (!chosen) return chosen.error();
      number = (*chosen)->number;
    }
    const auto* member = number == 0 ? nullptr : union_type.find(number);
    if (member == nullptr) return refusal("there is no " + type_field.name + " that says what it is");
    if (same && at != 0 && value->is_object() && !is_inline(model_, member->member) &&
        member->member.base == Base::object)
      return table(model_.object(member->member), encoder_.view().follow(at), value->get_object());
    if (!same) slots[type_field.id] = {&type_field, type};
    slots[field.id] = {&field, value, &member->member};
    return {};
  }

  Result<void> union_vector(const Field& field, const Field& type_field, const bj::value* types,
                            const bj::value& values, Slots& slots) {
    if (types == nullptr || !types->is_array())
      return refusal("there is no array " + type_field.name + " with its types");
    slots[type_field.id] = {&type_field, types};
    slots[field.id] = {&field, &values, nullptr, &types->get_array()};
    return {};
  }

  // Gives the table a vtable of its own, with these slots changed.
  Result<void> place(const Object& object, std::size_t table_at, const Slots& slots) {
    if (slots.empty()) return {};
    const auto before = encoder_.view();
    const auto count = std::max<std::size_t>(before.slots(table_at), slots.rbegin()->first + std::size_t{1});
    std::vector<std::uint16_t> vtable(count + 2);
    for (std::size_t id = 0; id < before.slots(table_at); ++id)
      vtable[id + 2] = before.load<std::uint16_t>(before.vtable(table_at) + 4 + 2 * id);
    std::size_t bytes = before.load<std::uint16_t>(before.vtable(table_at) + 2);
    std::vector<std::pair<const Slot*, std::size_t>> added;
    for (const auto& [id, slot] : slots) {
      vtable[id + std::size_t{2}] = 0;
      if (slot.field == nullptr) continue;
      const auto size = model_.inline_bytes(slot.field->type);
      const auto at = encoder_.append(size, model_.inline_align(slot.field->type));
      bytes = std::max(bytes, at + size - table_at);
      if (bytes > std::numeric_limits<std::uint16_t>::max())
        return give_up(object.name + "." + slot.field->name + " would lie more than 65535 bytes behind its table");
      vtable[id + std::size_t{2}] = static_cast<std::uint16_t>(at - table_at);
      added.emplace_back(&slot, at);
    }
    vtable[0] = static_cast<std::uint16_t>(vtable.size() * 2);
    vtable[1] = static_cast<std::uint16_t>(bytes);
    const auto at = encoder_.append(vtable.size() * 2, 2);
    for (std::size_t i = 0; i < vtable.size(); ++i) encoder_.store(at + 2 * i, vtable[i]);
    encoder_.store(table_at,
                   static_cast<std::int32_t>(static_cast<std::int64_t>(table_at) - static_cast<std::int64_t>(at)));
    for (const auto& [slot, where] : added)
      if (auto filled = fill(*slot, where); !filled) return in_field(object, *slot->field, filled.error());
    return {};
  }

  Result<void> fill(const Slot& slot, std::size_t at) {
    const auto& type = slot.field->type;
    if (slot.types != nullptr) {
      const auto to = encoder_.union_vector(model_.enumeration(type), *slot.types, *slot.value);
      if (!to) return to.error();
      encoder_.refer(at, *to);
      return {};
    }
    if (slot.referred != nullptr) return point(at, *slot.referred, *slot.value);
    if (type.base == Base::utype) {
      const auto chosen = union_member(model_.enumeration(type), *slot.value);
      if (!chosen) return chosen.error();
      return encoder_.put_inline({Base::utype, Base::none, -1, 0}, at, bj::value((*chosen)->number));
    }
    if (is_inline(model_, type)) return encoder_.put_inline(type, at, *slot.value);
    // A new part has no members that null could remove.
    return point(at, type, json::merge_patch(bj::value(), *slot.value));
  }

  const Model& model_;
  const Survey& survey_;
  Encoder encoder_;
};

// Union types that are changed with their value do not merge with the former member's fields.
Result<std::vector<std::byte>> anew(const Model& model, std::span<const std::byte> payload, const bj::object& patch) {
  return encode(model, json::merge_patch(to_value(model, Bytes(payload)), patch));
}

}  // namespace

Result<std::vector<std::byte>> edit(const Model& model, std::span<const std::byte> payload, const bj::object& patch) {
  const auto found = survey(model, payload);
  if (!found) return found.error();
  InPlace editing(model, *found, payload);
  if (const auto edited = editing.table(model.root_table(), Bytes(payload).root(), patch); !edited) {
    if (!editing.stuck) return edited.error();
    if (!found->unknown) return anew(model, payload, patch);
    return refusal(edited.error().message +
                   ", and fields that this schema does not know keep the payload from being written anew");
  }
  return editing.take();
}

}  // namespace fabric::formats::fb
