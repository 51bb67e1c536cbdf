#include "fabric/catalog/problem.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "fabric/catalog/text.hpp"

namespace fabric::catalog {
namespace {

constexpr std::size_t kMaxQuoted = 60;

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

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

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > kMaxQuoted) return {};
  std::string best;
  auto best_distance = std::min<std::size_t>(word.size() / 2, 3) + 1;
  for (const auto& candidate : candidates) {
    if (candidate.size() > 2 * kMaxQuoted) continue;
    const auto distance = edit_distance(word, candidate);
    const bool begins = word.size() >= 3 && candidate.starts_with(word);
    if (distance < best_distance || (begins && best.empty())) {
      best = candidate;
      best_distance = std::min(best_distance, distance);
    }
  }
  return best;
}

std::string hint(std::string_view word, const std::vector<std::string>& candidates, std::string_view otherwise) {
  const auto near = nearest(word, candidates);
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
