#include "tests/fabric/catalog/toy_format.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "fabric/json.hpp"

namespace fabric::catalog::testing {
namespace {

namespace bj = boost::json;
using contract::Result;

class ToySchema final : public contract::Schema {
 public:
  explicit ToySchema(bj::value value) : value_(std::move(value)), canonical_(json::print(json::sorted(value_))) {}
  contract::Format format() const noexcept override { return contract::Format::json_schema; }
  const std::string& canonical() const noexcept override { return canonical_; }
  const std::string& name() const noexcept override { return name_; }
  std::vector<contract::Violation> cannot_read(const Schema& other) const override {
    const auto& writer = dynamic_cast<const ToySchema&>(other);
    const auto old_properties = writer.properties();
    std::vector<contract::Violation> found;
    for (const auto& [key, property] : properties()) {
      const auto path = "/properties/" + std::string(key);
      const auto* old = old_properties.if_contains(key);
      if (old != nullptr && *old != property)
        found.push_back({path, "type-changed", json::print(*old) + " became " + json::print(property)});
      if (requires_field(key) && !writer.requires_field(key))
        found.push_back({path, "required-field-added", "writers may leave it out"});
    }
    return found;
  }
  Result<void> validate(std::span<const std::byte>) const override { return unsupported(); }
  Result<std::string> to_json(std::span<const std::byte>) const override { return unsupported(); }
  Result<std::vector<std::byte>> from_json(std::string_view) const override { return unsupported(); }
  Result<std::vector<std::byte>> edit(std::span<const std::byte>, std::string_view) const override {
    return unsupported();
  }

 private:
  static ipc::Error unsupported() { return ipc::make_error(ipc::ErrorCode::unsupported, "a toy"); }
  bj::object properties() const {
    const auto* found = value_.get_object().if_contains("properties");
    return found == nullptr ? bj::object() : found->as_object();
  }
  bool requires_field(std::string_view key) const {
    const auto* found = value_.get_object().if_contains("required");
    return found != nullptr && std::any_of(found->as_array().begin(), found->as_array().end(), [&](const auto& name) {
             return name.is_string() && name.get_string() == key;
           });
  }
  bj::value value_;
  std::string canonical_, name_ = "toy";
};

class ToyFormat final : public contract::SchemaFormat {
 public:
  contract::Format format() const noexcept override { return contract::Format::json_schema; }
  Result<std::shared_ptr<const contract::Schema>> parse(std::string_view text) const override {
    auto value = json::parse(text);
    if (!value) return value.error();
    if (!value->is_object()) return ipc::make_error(ipc::ErrorCode::invalid_argument, "no object");
    return std::shared_ptr<const contract::Schema>(std::make_shared<ToySchema>(std::move(*value)));
  }
};

}  // namespace

std::shared_ptr<const contract::SchemaFormat> toy_format() { return std::make_shared<ToyFormat>(); }

const contract::Formats& toy_formats() {
  static const contract::Formats kFormats = [] {
    contract::Formats formats;
    formats.add(toy_format());
    return formats;
  }();
  return kFormats;
}

}  // namespace fabric::catalog::testing
