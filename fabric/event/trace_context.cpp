#include "fabric/event/trace_context.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "fabric/text.hpp"

namespace fabric {
namespace {

constexpr std::size_t kLargeMember = 128, kMaxKey = 256, kMaxValue = 256;

template <std::size_t N>
bool all_zero(const std::array<std::uint8_t, N>& bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

template <std::size_t N>
bool parse_id(std::string_view text, std::array<std::uint8_t, N>& id) noexcept {
  return parse_hex(text, std::as_writable_bytes(std::span(id)));
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Leading spaces belong to the value, those before the key do not.
std::string_view next_member(std::string_view& rest) noexcept {
  const auto comma = rest.find(',');
  const auto member = trimmed(rest.substr(0, comma));
  rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  return member;
}

std::string_view key_of(std::string_view member) noexcept { return member.substr(0, member.find('=')); }

bool is_key(std::string_view key) noexcept {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !key.empty() && key.size() <= kMaxKey && plain(key.front()) &&
         std::all_of(key.begin(), key.end(),
                     [&](char c) { return plain(c) || std::string_view("_-*/@").find(c) != std::string_view::npos; });
}

bool is_value(std::string_view value) noexcept {
  return !value.empty() && value.size() <= kMaxValue && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != ',' && c != '='; });
}

bool is_member(std::string_view member) noexcept {
  const auto equals = member.find('=');
  return equals != std::string_view::npos && is_key(member.substr(0, equals)) && is_value(member.substr(equals + 1));
}

}  // namespace

std::optional<TraceParent> TraceParent::of(const TraceId& trace_id, const ParentId& parent_id,
                                           std::uint8_t flags) noexcept {
  if (all_zero(trace_id) || all_zero(parent_id)) return std::nullopt;
  TraceParent parent;
  parent.trace_id_ = trace_id;
  parent.parent_id_ = parent_id;
  parent.flags_ = flags;
  return parent;
}

std::optional<TraceParent> TraceParent::of_bytes(std::span<const std::byte> bytes) noexcept {
  if (bytes.size() != kTraceParentBytes) return std::nullopt;
  TraceId trace_id;
  ParentId parent_id;
  std::memcpy(trace_id.data(), bytes.data(), trace_id.size());
  std::memcpy(parent_id.data(), &bytes[trace_id.size()], parent_id.size());
  return of(trace_id, parent_id, std::to_integer<std::uint8_t>(bytes[kTraceParentBytes - 1]));
}

std::array<std::byte, kTraceParentBytes> TraceParent::bytes() const noexcept {
  std::array<std::byte, kTraceParentBytes> bytes;
  std::memcpy(bytes.data(), trace_id_.data(), trace_id_.size());
  std::memcpy(bytes.data() + trace_id_.size(), parent_id_.data(), parent_id_.size());
  bytes.back() = std::byte{flags_};
  return bytes;
}

std::string to_string(const TraceParent& parent) {
  const std::uint8_t flags[] = {parent.flags()};
  return "00-" + to_hex(std::as_bytes(std::span(parent.trace_id()))) + '-' +
         to_hex(std::as_bytes(std::span(parent.parent_id()))) + '-' + to_hex(std::as_bytes(std::span(flags)));
}

std::optional<TraceParent> parse_traceparent(std::string_view text) noexcept {
  std::array<std::uint8_t, 1> version, flags;
  TraceParent::TraceId trace_id;
  TraceParent::ParentId parent_id;
  if (text.size() < kTraceParentText || !parse_id(text.substr(0, 2), version) || version[0] == 0xff)
    return std::nullopt;
  const bool known = version[0] == 0;
  if (text.size() > kTraceParentText && (known || text[kTraceParentText] != '-')) return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  if (!parse_id(text.substr(3, 32), trace_id) || !parse_id(text.substr(36, 16), parent_id) ||
      !parse_id(text.substr(53, 2), flags))
    return std::nullopt;
  return TraceParent::of(trace_id, parent_id, known ? flags[0] : flags[0] & TraceParent::kSampled);
}

bool is_tracestate(std::string_view text) noexcept {
  std::array<std::string_view, kMaxTraceMembers> keys;
  std::size_t count = 0;
  for (auto rest = text; !rest.empty();) {
    const auto member = next_member(rest);
    if (member.empty()) continue;
    const auto known = std::span(keys).first(count);
    if (count == keys.size() || !is_member(member) ||
        std::find(known.begin(), known.end(), key_of(member)) != known.end())
      return false;
    keys[count++] = key_of(member);
  }
  return true;
}

std::string limit_tracestate(std::string_view text, std::size_t most_bytes) {
  std::vector<std::string_view> members;
  for (auto rest = text; !rest.empty();)
    if (const auto member = next_member(rest); !member.empty()) members.push_back(member);
  const auto bytes = [&] {
    auto sum = members.empty() ? 0 : members.size() - 1;  // the commas
    for (const auto member : members) sum += member.size();
    return sum;
  };
  while (!members.empty() && (bytes() > most_bytes || members.size() > kMaxTraceMembers)) {
    const auto large = std::find_if(members.rbegin(), members.rend(), [](auto m) { return m.size() > kLargeMember; });
    members.erase(large != members.rend() ? std::next(large).base() : std::prev(members.end()));
  }
  std::string out;
  for (const auto member : members) {
    if (!out.empty()) out += ',';
    out += member;
  }
  return out;
}

}  // namespace fabric
