#include "tools/evf/demo_progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "tools/evf/terminal.hpp"
#include "tools/evf/text.hpp"

namespace fabric::evf::demo {
namespace {

constexpr std::uint64_t kEveryNs = 100'000'000;
constexpr std::uint64_t kBarWidth = 24;

void write_error(std::string_view text) {
  Output errors(STDERR_FILENO);
  errors.write(text);
  errors.flush();
}

std::string bar(std::uint64_t done, std::uint64_t all) {
  const auto filled = std::min(kBarWidth, all == 0 ? kBarWidth : done * kBarWidth / all);
  return std::string(filled, '#') + std::string(kBarWidth - filled, '.');
}

}  // namespace

Progress::Progress(const Plan& plan, const Ledger& ledger)
    : plan_(plan), ledger_(ledger), terminal_(is_terminal(STDERR_FILENO)) {}

void Progress::show(std::uint64_t now_ns) {
  if (!terminal_ || now_ns - shown_ns_ < kEveryNs) return;
  shown_ns_ = now_ns;
  shown_ = true;
  const auto published = ledger_.published(kPublisher0).size() + ledger_.published(kPublisher1).size();
  const auto first = ledger_.delivered(kVictim).size() + ledger_.delivered(kSurvivor).size();
  const auto killed = ledger_.control().released.load(std::memory_order_relaxed) != 0;
  write_error(fmt::format("\r\033[K{} {:>3}%  published {}  {} {}{}  {} {}", bar(published, plan_.records()),
                          published * 100 / std::max<std::uint64_t>(1, plan_.records()), format_count(published),
                          kGroups[0], format_count(first), killed ? toned(" (one member)", Tone::warn, STDERR_FILENO) : "",
                          kGroups[1], format_count(ledger_.delivered(kOther).size())));
}

void Progress::clear() {
  if (shown_) write_error("\r\033[K");
  shown_ = false;
}

}  // namespace fabric::evf::demo
