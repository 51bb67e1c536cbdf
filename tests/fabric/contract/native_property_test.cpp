// Native schemas that nobody thought of: generated pairs, and whether the verdict agrees with what really decodes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>

#include "fabric/contract/native.hpp"
#include "fabric/contract/native_value.hpp"

namespace fabric::contract {
namespace {

constexpr NativeType kScalars[] = {NativeType::boolean, NativeType::i8,  NativeType::u16,
                                   NativeType::i32,     NativeType::u32, NativeType::i64,
                                   NativeType::u64,     NativeType::f32, NativeType::f64};

// A field without a place.
NativeField some_field(const std::string& name) {
  NativeField field{.name = name};
  field.type = *rc::gen::elementOf(std::vector<NativeType>(std::begin(kScalars), std::end(kScalars)));
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
      field.type = NativeType::text;
      break;
    case 1:
      field.type = NativeType::bytes;
      break;
    case 2:
      field.type = NativeType::enumeration;
      break;
    case 3:
      field.array = {static_cast<std::uint32_t>(*rc::gen::inRange(1, 4))};
      break;
    default:
      break;
  }
  field.bytes = width_of(field.type);
  if (field.type == NativeType::text || field.type == NativeType::bytes)
    field.bytes = static_cast<std::uint32_t>(*rc::gen::inRange(1, 6));
  if (field.type == NativeType::enumeration) {
    auto made = std::make_shared<NativeEnum>(NativeEnum{.name = "E", .base = NativeType::u8});
    const auto count = *rc::gen::inRange(1, 4);
    for (int i = 0; i < count; ++i) made->values.push_back({"e" + std::to_string(i), i});
    made->open = *rc::gen::inRange(0, 4) == 0;
    field.enumeration = made;
    field.bytes = 1;
  }
  return field;
}

std::uint32_t alignment_of(const NativeField& field) {
  const auto width = field.enumeration ? 1 : width_of(field.type);
  return std::max<std::uint32_t>(width, 1);
}

// Places fields as a compiler does, or where they are; closes the struct behind the last.
void lay_out(NativeStruct& record, bool again) {
  std::uint32_t end = 0, alignment = 1;
  for (auto& field : record.fields) {
    const auto wanted = alignment_of(field);
    alignment = std::max(alignment, wanted);
    if (again || field.offset < end) field.offset = (end + wanted - 1) / wanted * wanted;
    end = field.end();
  }
  record.size = (end + alignment - 1) / alignment * alignment;
}

std::shared_ptr<const NativeSchema> finished(NativeStruct root, std::size_t required_fields) {
  root.name = "T";
  NativeLayout layout{.root = std::move(root)};
  const auto optional = std::min(required_fields, layout.root.fields.size());
  layout.required = optional == layout.root.fields.size() ? layout.root.size : layout.root.fields[optional].offset;
  layout.defaults.resize(layout.root.size);
  auto made = NativeSchema::make(std::move(layout));
  RC_ASSERT(made.has_value());
  return *made;
}

// What people do to structs, good and bad.
NativeStruct evolved(const NativeStruct& old) {
  auto changed = old;
  auto& fields = changed.fields;
  const auto any = [&] { return *rc::gen::inRange<std::size_t>(0, fields.size()); };
  switch (*rc::gen::inRange(0, 7)) {
    case 0:
    case 1:
    case 2: {
      auto added = some_field("new");
      const auto aligned = *rc::gen::arbitrary<bool>();
      added.offset = aligned ? old.size : fields.back().end();
      added.offset = (added.offset + alignment_of(added) - 1) / alignment_of(added) * alignment_of(added);
      fields.push_back(added);
      lay_out(changed, false);
      break;
    }
    case 3:
      fields.insert(fields.begin() + static_cast<std::ptrdiff_t>(any()), some_field("new"));
      lay_out(changed, true);
      break;
    case 4: {
      auto& field = fields[any()];
      const auto offset = field.offset;
      field = some_field(field.name);
      field.offset = offset;
      lay_out(changed, true);
      break;
    }
    case 5:
      fields[any()].name = "renamed";
      break;
    default:
      if (fields.size() > 1) {
        fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(any()));
        lay_out(changed, *rc::gen::arbitrary<bool>());
      }
  }
  return changed;
}

// A payload that the schema may write: every byte chosen, padding too.
std::vector<std::byte> some_payload(const NativeSchema& writer) {
  const auto& layout = writer.layout();
  auto payload = *rc::gen::container<std::vector<std::byte>>(
      layout.root.size,
      rc::gen::map(rc::gen::inRange(0, 256), [](int value) { return static_cast<std::byte>(value); }));
  for (const auto& field : layout.root.fields) {
    const auto bytes = std::span(payload).subspan(field.offset, field.size());
    for (auto& byte : bytes) {
      if (field.type == NativeType::boolean) byte &= std::byte{1};
      if (field.type == NativeType::text) byte &= std::byte{0x7f};
      if (field.enumeration && !field.enumeration->open)
        byte = static_cast<std::byte>(
            field.enumeration->values[std::to_integer<std::size_t>(byte) % field.enumeration->values.size()].value);
    }
  }
  std::vector<std::size_t> lengths;
  for (std::size_t length = layout.required; length <= payload.size(); ++length)
    if (is_between_fields(layout.root, static_cast<std::uint32_t>(length))) lengths.push_back(length);
  payload.resize(*rc::gen::elementOf(lengths));
  return payload;
}

NativeStruct some_struct() {
  NativeStruct made;
  const auto count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) made.fields.push_back(some_field("f" + std::to_string(i)));
  lay_out(made, true);
  return made;
}

// What a reader that can read makes of a payload: valid, every field that both know has the writer's bytes, others
// their defaults.
void reads_right(const NativeSchema& reader, const NativeSchema& writer, const std::vector<std::byte>& payload) {
  const auto valid = reader.validate(payload);
  RC_ASSERT(valid.has_value());
  for (const auto& field : reader.layout().root.fields) {
    const auto* theirs = writer.layout().root.find(field.name);
    if (field.offset >= payload.size()) {
      RC_ASSERT(field.offset >= reader.layout().required);
      continue;
    }
    RC_ASSERT(theirs != nullptr);
    RC_ASSERT(theirs->offset == field.offset);
    RC_ASSERT(theirs->size() == field.size());
  }
}

// The schemas of these pairs differ in one place, so a violation has to show in some payload: it is invalid, or the
// same bytes mean something else (another name, type or place).
bool differs(const NativeStruct& reader, const NativeStruct& writer) {
  for (const auto& field : reader.fields) {
    const auto* theirs = writer.find(field.name);
    if (theirs == nullptr || theirs->offset != field.offset || theirs->type != field.type ||
        theirs->size() != field.size() || theirs->array != field.array)
      return true;
    if (field.enumeration) {
      if (theirs->enumeration->open && !field.enumeration->open) return true;
      if (theirs->enumeration->values.size() > field.enumeration->values.size()) return true;
    }
  }
  return false;
}

RC_GTEST_PROP(NativeProperty, WhatCanBeReadIsReadRight, ()) {
  const auto old_struct = some_struct();
  const auto writer = finished(old_struct, *rc::gen::inRange<std::size_t>(1, 7));
  const auto reader = finished(evolved(old_struct), *rc::gen::inRange<std::size_t>(1, 7));
  for (const auto& [one, other] : {std::pair(reader, writer), std::pair(writer, reader)}) {
    const auto violations = one->cannot_read(*other);
    RC_CLASSIFY(violations.empty(), "can be read");
    if (violations.empty()) {
      for (int i = 0; i < 5; ++i) reads_right(*one, *other, some_payload(*other));
    } else {
      RC_ASSERT(differs(one->layout().root, other->layout().root) || one->layout().required > other->layout().required);
    }
  }
}

RC_GTEST_PROP(NativeProperty, TextsAndPayloadsRoundTrip, ()) {
  const auto schema = finished(some_struct(), *rc::gen::inRange<std::size_t>(1, 7));
  const auto parsed = NativeFormat().parse(schema->canonical());
  RC_ASSERT(parsed.has_value());
  RC_ASSERT((*parsed)->canonical() == schema->canonical());
  const auto payload = some_payload(*schema);
  const auto json = schema->to_json(payload);
  RC_ASSERT(json.has_value());
  const auto made = schema->from_json(*json);
  RC_ASSERT(made.has_value());
  RC_ASSERT(*schema->to_json(*made) == *json);
}

RC_GTEST_PROP(NativeProperty, AnOlderConsumersEditKeepsWhatItDoesNotKnow, ()) {
  const auto old_struct = some_struct();
  auto grown = old_struct;
  auto added = some_field("new");
  added.offset = (old_struct.size + alignment_of(added) - 1) / alignment_of(added) * alignment_of(added);
  grown.fields.push_back(added);
  lay_out(grown, false);
  const auto reader = finished(old_struct, 7), writer = finished(grown, old_struct.fields.size());
  RC_ASSERT(reader->cannot_read(*writer).empty());
  const auto payload = some_payload(*writer), donor = some_payload(*reader);
  const auto edited = reader->edit(payload, *reader->to_json(donor));
  RC_ASSERT(edited.has_value());
  RC_ASSERT(edited->size() == payload.size());
  RC_ASSERT(*reader->to_json(*edited) == *reader->to_json(donor));
  RC_ASSERT(std::equal(payload.begin() + old_struct.size, payload.end(), edited->begin() + old_struct.size));
}

}  // namespace
}  // namespace fabric::contract
