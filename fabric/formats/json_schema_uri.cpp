#include "fabric/formats/json_schema_uri.hpp"

#include <algorithm>
#include <cctype>

namespace fabric::formats::jsonschema {
namespace {

struct Parts {
  std::string_view scheme{}, authority{}, path{}, query{}, fragment{};  // each with its punctuation
};

Parts split(std::string_view uri) {
  Parts parts;
  const auto take = [&](std::size_t count) {
    const auto taken = uri.substr(0, count);
    uri.remove_prefix(taken.size());
    return taken;
  };
  const auto colon = uri.find_first_of(":/?#");
  if (colon != std::string_view::npos && colon != 0 && uri[colon] == ':') parts.scheme = take(colon + 1);
  if (uri.starts_with("//")) parts.authority = take(std::min(uri.find_first_of("/?#", 2), uri.size()));
  parts.path = take(std::min(uri.find_first_of("?#"), uri.size()));
  parts.query = take(std::min(uri.find('#'), uri.size()));
  parts.fragment = uri;
  return parts;
}

std::string without_dots(std::string_view path) {
  std::string result;
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./")) {
      path.remove_prefix(2);
    } else if (path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/." || path == "/..") {
      if (path == "/..") result.resize(result.rfind('/') == std::string::npos ? 0 : result.rfind('/'));
      result += '/';
      return result;
    } else if (path.starts_with("/../")) {
      path.remove_prefix(3);
      result.resize(result.rfind('/') == std::string::npos ? 0 : result.rfind('/'));
    } else if (path == "." || path == "..") {
      return result;
    } else {
      const auto end = std::min(path.find('/', 1), path.size());
      result += path.substr(0, end);
      path.remove_prefix(end);
    }
  }
  return result;
}

std::string merged(const Parts& base, std::string_view path) {
  if (!base.authority.empty() && base.path.empty()) return "/" + std::string(path);
  const auto slash = base.path.rfind('/');
  return std::string(slash == std::string_view::npos ? "" : base.path.substr(0, slash + 1)) + std::string(path);
}

}  // namespace

std::string resolve_uri(std::string_view base_uri, std::string_view reference) {
  const auto base = split(base_uri), other = split(reference);
  const auto join = [](std::string_view scheme, std::string_view authority, std::string_view path,
                       std::string_view query, std::string_view fragment) {
    std::string result;
    for (const auto part : {scheme, authority, path, query, fragment}) result += part;
    return result;
  };
  if (!other.scheme.empty())
    return join(other.scheme, other.authority, without_dots(other.path), other.query, other.fragment);
  if (!other.authority.empty())
    return join(base.scheme, other.authority, without_dots(other.path), other.query, other.fragment);
  if (other.path.empty())
    return join(base.scheme, base.authority, base.path, other.query.empty() ? base.query : other.query, other.fragment);
  const auto path = other.path.starts_with('/') ? without_dots(other.path) : without_dots(merged(base, other.path));
  return join(base.scheme, base.authority, path, other.query, other.fragment);
}

std::string_view without_fragment(std::string_view uri) noexcept { return uri.substr(0, uri.find('#')); }

std::string fragment_of(std::string_view uri) {
  const auto hash = uri.find('#');
  if (hash == std::string_view::npos) return "";
  uri.remove_prefix(hash + 1);
  std::string result;
  for (std::size_t i = 0; i < uri.size(); ++i) {
    if (uri[i] == '%' && i + 2 < uri.size() && std::isxdigit(static_cast<unsigned char>(uri[i + 1])) != 0 &&
        std::isxdigit(static_cast<unsigned char>(uri[i + 2])) != 0) {
      result += static_cast<char>(std::stoi(std::string(uri.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      result += uri[i];
    }
  }
  return result;
}

}  // namespace fabric::formats::jsonschema
