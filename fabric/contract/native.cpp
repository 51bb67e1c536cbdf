#include "fabric/contract/native.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "fabric/contract/native_value.hpp"
#include "fabric/json.hpp"

namespace fabric::contract {

NativeSchema::NativeSchema(NativeLayout layout) : layout_(std::move(layout)), canonical_(print_layout(layout_)) {}

Result<std::shared_ptr<const NativeSchema>> NativeSchema::make(NativeLayout layout) {
  if (auto fine = check_layout(layout); !fine) return fine.error();
  return std::shared_ptr<const NativeSchema>(new NativeSchema(std::move(layout)));
}

std::vector<Violation> NativeSchema::cannot_read(const Schema& writer) const {
  const auto* native = dynamic_cast<const NativeSchema*>(&writer);
  if (native == nullptr)
    return {{.path = "",
             .rule = "format-changed",
             .message = "the writer's schema is of format " + std::string(to_string(writer.format()))}};
  return native_violations(layout_, native->layout_);
}

Result<void> NativeSchema::validate(std::span<const std::byte> payload) const {
  return check_payload(layout_, payload);
}

Result<std::string> NativeSchema::to_json(std::span<const std::byte> payload) const {
  const auto value = to_value(layout_, payload);
  if (!value) return value.error();
  return json::print(*value);
}

Result<std::vector<std::byte>> NativeSchema::from_json(std::string_view json) const {
  const auto value = json::parse(json);
  if (!value) return value.error();
  std::vector<std::byte> payload(layout_.root.size);
  if (auto written = from_value({layout_, true}, *value, payload); !written) return written.error();
  return payload;
}

Result<std::vector<std::byte>> NativeSchema::edit(std::span<const std::byte> payload, std::string_view patch) const {
  if (auto valid = check_payload(layout_, payload); !valid) return valid.error();
  const auto changes = json::parse(patch);
  if (!changes) return changes.error();
  std::vector<std::byte> edited(payload.begin(), payload.end());
  const auto* object = changes->if_object();
  const bool grows = object != nullptr && std::any_of(object->begin(), object->end(), [&](const auto& pair) {
                       const auto* field = layout_.root.find(std::string_view(pair.key().data(), pair.key().size()));
                       return field != nullptr && field->end() > payload.size();
                     });
  if (grows)
    edited.insert(edited.end(), layout_.defaults.begin() + static_cast<std::ptrdiff_t>(payload.size()),
                  layout_.defaults.end());
  // Never shorter than the struct while it is written: what is behind the end is not touched.
  const auto length = edited.size();
  edited.resize(std::max<std::size_t>(length, layout_.root.size));
  if (auto written = from_value({layout_, false}, *changes, std::span(edited).first(layout_.root.size)); !written)
    return written.error();
  edited.resize(length);
  return edited;
}

Result<std::shared_ptr<const Schema>> NativeFormat::parse(std::string_view text) const {
  auto layout = parse_layout(text);
  if (!layout) return layout.error();
  auto schema = NativeSchema::make(std::move(*layout));
  if (!schema) return schema.error();
  return std::shared_ptr<const Schema>(std::move(*schema));
}

}  // namespace fabric::contract
