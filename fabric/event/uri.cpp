#include "fabric/event/uri.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace fabric {
namespace {

bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_one_of(char c, std::string_view set) noexcept { return set.find(c) != std::string_view::npos; }

// Unreserved characters, sub-delims, escapes, and those of `more`.
bool consists_of(std::string_view text, std::string_view more) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3 || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    } else if (!is_alpha(c) && !is_digit(c) && !is_one_of(c, "-._~!$&'()*+,;=") && !is_one_of(c, more)) {
      return false;
    }
  }
  return true;
}

// What stands between brackets.
bool is_ip_literal(std::string_view text) noexcept {
  if (text.starts_with('v') || text.starts_with('V')) {
    const auto dot = text.find('.');
    return dot != std::string_view::npos && dot > 1 && dot + 1 < text.size() &&
           std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(dot), is_hex) &&
           text.find('%') == std::string_view::npos && consists_of(text.substr(dot + 1), ":");
  }
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), terminated.begin());
  in6_addr address;
  return inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

// [userinfo@]host[:port]
bool is_authority(std::string_view text) noexcept {
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    if (!consists_of(text.substr(0, at), ":")) return false;
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || !is_ip_literal(text.substr(1, end - 1))) return false;
    text.remove_prefix(end + 1);
    if (!text.empty() && text.front() != ':') return false;
    port = text.substr(std::min<std::size_t>(1, text.size()));
  } else {
    const auto colon = text.find(':');
    if (!consists_of(text.substr(0, colon), "")) return false;
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
  }
  return std::all_of(port.begin(), port.end(), is_digit);
}

// The text in front of the first of these characters; what begins with it stays in `rest`.
std::string_view take_until(std::string_view& rest, std::string_view ends) noexcept {
  const auto part = rest.substr(0, rest.find_first_of(ends));
  rest.remove_prefix(part.size());
  return part;
}

// A colon in the first segment ends a scheme.
bool has_scheme(std::string_view text) noexcept {
  const auto end = text.find_first_of(":/?#");
  return end != std::string_view::npos && text[end] == ':';
}

}  // namespace

bool is_uri_reference(std::string_view text) noexcept {
  if (has_scheme(text)) {
    const auto scheme = take_until(text, ":");
    if (scheme.empty() || !is_alpha(scheme.front())) return false;
    if (!std::all_of(scheme.begin(), scheme.end(),
                     [](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "+-."); }))
      return false;
    text.remove_prefix(1);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    if (!is_authority(take_until(text, "/?#"))) return false;
  }
  if (!consists_of(take_until(text, "?#"), ":@/")) return false;
  if (text.starts_with('?')) {
    text.remove_prefix(1);
    if (!consists_of(take_until(text, "#"), ":@/?")) return false;
  }
  return text.empty() || consists_of(text.substr(1), ":@/?");
}

bool is_uri(std::string_view text) noexcept { return has_scheme(text) && is_uri_reference(text); }

}  // namespace fabric
