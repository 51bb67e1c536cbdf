#include "fabric/contract/registry_state.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "fabric/json.hpp"

namespace fabric::contract {
namespace {

namespace bj = boost::json;
using ipc::ErrorCode;
using ipc::make_error;

constexpr std::int64_t kEntryVersion = 1;
constexpr std::array<std::string_view, 5> kOps{"register", "delete", "mode", "deprecate", "restore"};

ipc::Error corrupt(const std::string& what) { return make_error(ErrorCode::corrupt, what); }
ipc::Error newer(const std::string& what) {
  return make_error(ErrorCode::incompatible, what + "; it was written by a newer release, use that one");
}

// Takes the keys of an entry's head. The first problem stays; what was not taken is unknown.
class Head {
 public:
  explicit Head(const bj::object& object) noexcept : object_(object) {}

  const bj::value* take(std::string_view key) {
    const auto* found = object_.if_contains(bj::string_view(key.data(), key.size()));
    if (found != nullptr) ++taken_;
    return found;
  }
  std::string text(std::string_view key) {
    const auto* value = take(key);
    if (value != nullptr && value->is_string()) return std::string(value->get_string());
    complain(key);
    return {};
  }
  std::uint64_t number(std::string_view key, std::uint64_t highest) {
    const auto* value = take(key);
    if (value != nullptr && value->is_int64() && value->get_int64() >= 0) {
      const auto number = static_cast<std::uint64_t>(value->get_int64());
      if (number <= highest) return number;
    }
    complain(key);
    return 0;
  }
  bool has(std::string_view key) const { return object_.contains(bj::string_view(key.data(), key.size())); }
  void complain(std::string_view key) {
    if (problem_.empty()) problem_ = "\"" + std::string(key) + "\" is missing or makes no sense";
  }
  const std::string& problem() const noexcept { return problem_; }
  bool took_all() const noexcept { return taken_ == object_.size(); }

 private:
  const bj::object& object_;
  std::size_t taken_ = 0;
  std::string problem_;
};

void take_mode(Head& head, RegistryEntry& entry) {
  if (head.has("subject")) entry.subject = head.text("subject");
  const auto* mode = head.take("mode");
  if (mode != nullptr && mode->is_null() && !entry.subject.empty()) return;
  if (mode != nullptr && mode->is_string())
    entry.mode = mode_named(std::string_view(mode->get_string().data(), mode->get_string().size()));
  if (!entry.mode) head.complain("mode");
}

void take_body(Head& head, RegistryEntry& entry, std::string_view text) {
  constexpr std::uint64_t kMostVersions = ~std::uint32_t{0};
  constexpr std::uint64_t kMostNs = ~std::uint64_t{0} >> 1;
  if (entry.op == RegistryOp::set_mode) return take_mode(head, entry);
  entry.subject = head.text("subject");
  if (entry.op != RegistryOp::remove || head.has("version"))
    entry.version = static_cast<std::uint32_t>(head.number("version", kMostVersions));
  if (entry.op == RegistryOp::register_schema) {
    entry.id = static_cast<std::uint32_t>(head.number("id", kMaxSchemaId));
    const auto format = format_named(head.text("format"));
    if (!format) head.complain("format");
    entry.format = format.value_or(Format::native);
    entry.text = text;
  } else if (entry.op == RegistryOp::deprecate) {
    entry.deprecation.since_ns = head.number("since", kMostNs);
    if (head.has("sunset")) entry.deprecation.sunset_ns = head.number("sunset", kMostNs);
    entry.deprecation.replacement = head.text("replacement");
  }
}

}  // namespace

std::string encode_entry(const RegistryEntry& entry) {
  bj::object head{
      {"v", kEntryVersion}, {"op", bj::string(kOps[static_cast<std::size_t>(entry.op)])}, {"at", entry.at_ns}};
  if (entry.op != RegistryOp::set_mode || !entry.subject.empty()) head["subject"] = entry.subject;
  if (entry.op != RegistryOp::set_mode && entry.version != 0) head["version"] = entry.version;
  if (entry.op == RegistryOp::register_schema) {
    head["id"] = entry.id;
    head["format"] = bj::string(to_string(entry.format));
  } else if (entry.op == RegistryOp::set_mode) {
    head["mode"] = entry.mode ? bj::value(bj::string(to_string(*entry.mode))) : bj::value();
  } else if (entry.op == RegistryOp::deprecate) {
    head["since"] = entry.deprecation.since_ns;
    if (entry.deprecation.sunset_ns != 0) head["sunset"] = entry.deprecation.sunset_ns;
    head["replacement"] = entry.deprecation.replacement;
  }
  return json::print(head) + "\n" + entry.text;
}

Result<RegistryEntry> decode_entry(std::string_view bytes) {
  const auto line = bytes.find('\n');
  if (line == std::string_view::npos) return corrupt("has no head");
  const auto value = json::parse(bytes.substr(0, line));
  if (!value || !value->is_object()) return corrupt("its head is no JSON object");
  Head head(value->get_object());
  const auto version = head.number("v", ~std::uint64_t{0} >> 1);
  if (!head.problem().empty()) return corrupt(head.problem());
  if (version != kEntryVersion) return newer("is of version " + std::to_string(version));
  RegistryEntry entry;
  const auto op = head.text("op");
  const auto* known = std::find(kOps.begin(), kOps.end(), op);
  if (known == kOps.end()) return newer("has the unknown operation " + json::quote(op));
  entry.op = static_cast<RegistryOp>(known - kOps.begin());
  entry.at_ns = head.number("at", ~std::uint64_t{0} >> 1);
  take_body(head, entry, bytes.substr(line + 1));
  if (!head.problem().empty()) return corrupt(head.problem());
  if (!head.took_all()) return newer("has keys that this release does not know");
  return entry;
}

Result<void> check_subject(std::string_view subject) {
  const auto bad = [&](const std::string& why) {
    return make_error(ErrorCode::invalid_argument,
                      "subject " + json::quote(subject) + " " + why +
                          "; use 1 to 255 bytes without blanks at the ends and control characters");
  };
  if (subject.empty()) return bad("is empty");
  if (subject.size() > kMaxSubject) return bad("has " + std::to_string(subject.size()) + " bytes");
  if (subject.front() == ' ' || subject.back() == ' ') return bad("begins or ends with a blank");
  const auto is_control = [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; };
  if (std::any_of(subject.begin(), subject.end(), is_control)) return bad("has control characters");
  return {};
}

const RegistryState::Subject* RegistryState::find(std::string_view subject) const noexcept {
  const auto found = subjects_.find(subject);
  return found == subjects_.end() ? nullptr : &found->second;
}

const Registered* RegistryState::find(std::string_view subject, std::uint32_t version) const noexcept {
  const auto* known = find(subject);
  return known == nullptr || version == 0 || version > known->versions.size() ? nullptr : &known->versions[version - 1];
}

const Registered* RegistryState::by_id(std::uint32_t id) const noexcept {
  if (id == 0 || id > ids_.size()) return nullptr;
  const auto& [subject, version] = ids_[id - 1];
  return &subject->versions[version - 1];
}

const Registered* RegistryState::latest(std::string_view subject) const noexcept {
  const auto* known = find(subject);
  if (known == nullptr) return nullptr;
  const auto found =
      std::find_if(known->versions.rbegin(), known->versions.rend(), [](const auto& one) { return !one.deleted; });
  return found == known->versions.rend() ? nullptr : &*found;
}

const Registered* RegistryState::same(std::string_view subject, Format format, std::string_view text) const noexcept {
  const auto* known = find(subject);
  if (known == nullptr) return nullptr;
  const auto found = known->by_text.find({format, text});
  return found == known->by_text.end() ? nullptr : &known->versions[found->second - 1];
}

Mode RegistryState::mode(std::string_view subject) const noexcept {
  const auto* known = find(subject);
  return known == nullptr ? default_mode_ : known->mode.value_or(default_mode_);
}

Result<void> RegistryState::apply_register(const RegistryEntry& entry) {
  const auto* old = find(entry.subject);
  const auto next = old == nullptr ? 1 : old->versions.size() + 1;
  if (entry.version != next)
    return corrupt("registers version " + std::to_string(entry.version) + " of subject '" + entry.subject + "', but " +
                   std::to_string(next) + " is next");
  const auto* twin = same(entry.subject, entry.format, entry.text);
  const auto id = twin == nullptr ? ids() + 1 : twin->id;
  if (entry.id != id)
    return corrupt("gives the id " + std::to_string(entry.id) + ", but it has to be " + std::to_string(id));
  auto& subject = subjects_[entry.subject];
  subject.versions.push_back({.subject = entry.subject,
                              .version = entry.version,
                              .id = id,
                              .format = entry.format,
                              .text = twin == nullptr ? std::make_shared<const std::string>(entry.text) : twin->text,
                              .registered_at_ns = entry.at_ns});
  subject.by_text[{entry.format, *subject.versions.back().text}] = entry.version;
  if (id > ids_.size()) ids_.resize(id);
  ids_[id - 1] = {&subject, entry.version};
  return {};
}

Result<void> RegistryState::apply_remove(const RegistryEntry& entry) {
  const auto known = subjects_.find(entry.subject);
  if (known == subjects_.end() || entry.version > known->second.versions.size())
    return corrupt("deletes what is not there: version " + std::to_string(entry.version) + " of subject '" +
                   entry.subject + "'");
  for (auto& version : known->second.versions)
    if (entry.version == 0 || version.version == entry.version) version.deleted = true;
  return {};
}

Result<void> RegistryState::apply(const RegistryEntry& entry) {
  if (entry.op == RegistryOp::set_mode && entry.subject.empty()) {
    default_mode_ = entry.mode.value_or(Mode::backward);
    return {};
  }
  if (auto fine = check_subject(entry.subject); !fine) return corrupt(fine.error().message);
  switch (entry.op) {
    case RegistryOp::register_schema:
      return apply_register(entry);
    case RegistryOp::remove:
      return apply_remove(entry);
    case RegistryOp::set_mode:
      subjects_[entry.subject].mode = entry.mode;
      return {};
    case RegistryOp::deprecate:
    case RegistryOp::restore:
      break;
  }
  if (find(entry.subject, entry.version) == nullptr)
    return corrupt("is about version " + std::to_string(entry.version) + " of subject '" + entry.subject +
                   "', which is not there");
  auto& version = subjects_[entry.subject].versions[entry.version - 1];
  version.deprecation = entry.op == RegistryOp::deprecate ? std::optional(entry.deprecation) : std::nullopt;
  return {};
}

}  // namespace fabric::contract
