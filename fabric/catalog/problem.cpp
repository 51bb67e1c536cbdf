#include "fabric/catalog/problem.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "fabric/catalog/text.hpp"

namespace fabric::catalog {
namespace {

constexpr std::size_t kMaxQuoted = 60;

}  // namespace

std::string to_string(const Place& place) {
  if (place.line == 0) return place.file;
  return place.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

std::string_view to_string(Severity severity) noexcept { return severity == Severity::error ? "error" : "warning"; }

std::string to_string(const Problem& problem) {
  const auto where = to_string(problem.place);
  return (where.empty() ? "" : where + ": ") + std::string(to_string(problem.severity)) + ": " + problem.message +
         " [" + problem.rule + "]";
}

void Problems::error(Place place, std::string rule, std::string message) {
  all_.push_back({Severity::error, std::move(place), std::move(rule), std::move(message)});
}

void Problems::warning(Place place, std::string rule, std::string message) {
  all_.push_back({Severity::warning, std::move(place), std::move(rule), std::move(message)});
}

void Problems::add(const Problems& others) { all_.insert(all_.end(), others.all_.begin(), others.all_.end()); }

std::size_t Problems::errors() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(all_.begin(), all_.end(), [](const auto& problem) { return problem.severity == Severity::error; }));
}

void Problems::sort() {
  const auto key = [](const Problem& problem) {
    return std::tie(problem.place.file, problem.place.line, problem.place.column);
  };
  std::stable_sort(all_.begin(), all_.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

std::string hint(std::string_view word, const std::vector<std::string>& candidates, std::string_view otherwise) {
  const auto near = nearest(word, candidates, kMaxQuoted);
  return near.empty() ? "; " + std::string(otherwise) : "; did you mean '" + near + "'?";
}

std::string in_quotes(std::string_view text) {
  const bool cut = text.size() > kMaxQuoted;
  auto shown = text.substr(0, kMaxQuoted);
  if (cut)  // not within a character
    while (!shown.empty() && (static_cast<unsigned char>(text[shown.size()]) & 0xc0) == 0x80) shown.remove_suffix(1);
  return "'" + printable(shown) + (cut ? "..." : "") + "'";
}

}  // namespace fabric::catalog
