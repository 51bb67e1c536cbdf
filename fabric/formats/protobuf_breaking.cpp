// breaking_changes() of protobuf.hpp: rules that need to know which schema is the older one.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <functional>
#include <set>

#include "fabric/formats/protobuf.hpp"
#include "fabric/formats/protobuf_schema.hpp"
#include "fabric/formats/protobuf_types.hpp"

namespace fabric::formats {
namespace {

namespace pb = google::protobuf;
using contract::Violation;

// The first number of [start, end) that `newer` neither reserves nor uses; `end`: there is none.
template <class Descriptor, class Uses>
long first_free(const Descriptor& newer, long start, long end, long inclusive, const Uses& uses) {
  for (auto number = start; number < end;) {
    auto next = number;
    for (int i = 0; i < newer.reserved_range_count(); ++i) {
      const auto& range = *newer.reserved_range(i);
      if (range.start <= number && number < range.end + inclusive) next = range.end + inclusive;
    }
    if (next == number && !uses(static_cast<int>(number))) return number;
    number = std::max(next, number + 1);
  }
  return end;
}

class Changes {
 public:
  std::vector<Violation> violations;

  explicit Changes(const pb::DescriptorPool& newer) : newer_(newer) {}

  void file(const pb::FileDescriptor& older) {
    if (older.package() == "google.protobuf" || !seen_.insert(&older).second) return;
    for (int i = 0; i < older.dependency_count(); ++i) file(*older.dependency(i));
    for (int i = 0; i < older.message_type_count(); ++i) message(*older.message_type(i));
    for (int i = 0; i < older.enum_type_count(); ++i) enumeration(*older.enum_type(i));
    const auto* newer = newer_.FindFileByName(older.name());
    if (newer != nullptr && newer->syntax() != older.syntax())
      add(older.name(), "syntax-changed",
          std::string("the file was ") + pb::FileDescriptor::SyntaxName(older.syntax()) + " and is now " +
              pb::FileDescriptor::SyntaxName(newer->syntax()));
  }

 private:
  void add(const std::string& path, const std::string& rule, const std::string& message) {
    violations.push_back({path, rule, path + ": " + message});
  }

  void message(const pb::Descriptor& older) {
    if (older.options().map_entry()) return;
    const auto* newer = newer_.FindMessageTypeByName(older.full_name());
    if (newer == nullptr) return add(older.full_name(), "message-removed", "the message is gone");
    for (const auto* field : all_fields(older)) kept_field(*field, *newer);
    for (const auto* field : all_fields(*newer)) new_field(*field, older);
    for (int i = 0; i < older.real_oneof_decl_count(); ++i)
      if (newer->FindOneofByName(older.oneof_decl(i)->name()) == nullptr)
        add(older.oneof_decl(i)->full_name(), "oneof-removed", "the oneof is gone");
    reservations(
        older, *newer, 0, [&](int number) { return newer->FindFieldByNumber(number) != nullptr; },
        [&](const std::string& name) { return newer->FindFieldByName(name) != nullptr; });
    for (int i = 0; i < older.nested_type_count(); ++i) message(*older.nested_type(i));
    for (int i = 0; i < older.enum_type_count(); ++i) enumeration(*older.enum_type(i));
  }

  void kept_field(const pb::FieldDescriptor& older, const pb::Descriptor& newer) {
    const auto* field = older.is_extension() ? newer_.FindExtensionByNumber(&newer, older.number())
                                             : newer.FindFieldByNumber(older.number());
    const auto number = std::to_string(older.number());
    if (field == nullptr) {
      if (!newer.IsReservedNumber(older.number())) {
        add(older.full_name(), "field-removed", "the field is gone, but its number " + number + " is not reserved");
      } else if (!newer.IsReservedName(older.name())) {
        add(older.full_name(), "field-name-unreserved", "the field is gone, but its name is not reserved");
      }
      return;
    }
    const auto oneof = [](const pb::FieldDescriptor& of) {
      return of.real_containing_oneof() == nullptr ? std::string("no oneof")
                                                   : "oneof " + of.real_containing_oneof()->name();
    };
    if (oneof(older) != oneof(*field)) {
      add(older.full_name(), "field-oneof-changed", "it was in " + oneof(older) + " and is now in " + oneof(*field));
    } else if (!older.is_repeated() && !field->is_repeated() && older.has_presence() != field->has_presence()) {
      add(older.full_name(), "presence-changed",
          older.has_presence() ? "whether it is set was known and is no more" : "whether it is set is known now");
    }
  }

  void new_field(const pb::FieldDescriptor& newer, const pb::Descriptor& older) {
    if (older.IsReservedNumber(newer.number()))
      add(newer.full_name(), "reserved-reused", "its number " + std::to_string(newer.number()) + " was reserved");
    if (older.IsReservedName(newer.name())) add(newer.full_name(), "reserved-reused", "its name was reserved");
  }

  void enumeration(const pb::EnumDescriptor& older) {
    const auto* newer = newer_.FindEnumTypeByName(older.full_name());
    if (newer == nullptr) return add(older.full_name(), "enum-removed", "the enum is gone");
    for (int i = 0; i < older.value_count(); ++i) {
      const auto& value = *older.value(i);
      if (newer->FindValueByNumber(value.number()) == nullptr && !newer->IsReservedNumber(value.number()))
        add(older.full_name() + "." + value.name(), "enum-value-removed",
            "the value is gone, but its number " + std::to_string(value.number()) + " is not reserved");
    }
    for (int i = 0; i < newer->value_count(); ++i) {
      const auto& value = *newer->value(i);
      if (older.IsReservedNumber(value.number()) || older.IsReservedName(value.name()))
        add(newer->full_name() + "." + value.name(), "reserved-reused",
            "its name or its number " + std::to_string(value.number()) + " was reserved");
    }
    reservations(
        older, *newer, 1, [&](int number) { return newer->FindValueByNumber(number) != nullptr; },
        [&](const std::string& name) { return newer->FindValueByName(name) != nullptr; });
  }

  // What was reserved stays so; what is used again is reported where it is used. `inclusive`: 1 where ranges hold their
  // end.
  template <class Descriptor, class UsesNumber, class UsesName>
  void reservations(const Descriptor& older, const Descriptor& newer, long inclusive, const UsesNumber& uses_number,
                    const UsesName& uses_name) {
    for (int i = 0; i < older.reserved_range_count(); ++i) {
      const auto& range = *older.reserved_range(i);
      const auto free = first_free(newer, range.start, range.end + inclusive, inclusive, uses_number);
      if (free < range.end + inclusive)
        add(older.full_name(), "reserved-removed", "number " + std::to_string(free) + " is not reserved any more");
    }
    for (int i = 0; i < older.reserved_name_count(); ++i)
      if (!newer.IsReservedName(older.reserved_name(i)) && !uses_name(older.reserved_name(i)))
        add(older.full_name(), "reserved-removed", "name " + older.reserved_name(i) + " is not reserved any more");
  }

  const pb::DescriptorPool& newer_;
  std::set<const pb::FileDescriptor*> seen_;
};

}  // namespace

std::vector<Violation> breaking_changes(const contract::Schema& older, const contract::Schema& newer) {
  const auto* before = dynamic_cast<const ProtobufSchema*>(&older);
  const auto* after = dynamic_cast<const ProtobufSchema*>(&newer);
  if (before == nullptr || after == nullptr) return {};
  Changes changes(*after->message().file()->pool());
  changes.file(*before->message().file());
  std::stable_sort(changes.violations.begin(), changes.violations.end(),
                   [](const Violation& a, const Violation& b) { return a.path < b.path; });
  return std::move(changes.violations);
}

}  // namespace fabric::formats
