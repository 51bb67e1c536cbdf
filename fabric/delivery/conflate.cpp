#include "fabric/delivery/conflate.hpp"

#include <algorithm>
#include <utility>

#include "ipc/clock.hpp"

namespace fabric {

Conflater::Conflater(Consumer& consumer, ConflateOptions options) : consumer_(consumer), options_(options) {
  options_.most_keys = std::max<std::size_t>(options_.most_keys, 1);
  options_.most_records = std::max<std::uint64_t>(options_.most_records, 1);
}

void Conflater::keep(const Delivery& delivery) {
  auto& latest = latest_[std::string(as_text(delivery.event.envelope.key))];
  if (latest.arrival != 0) {
    ++replaced_;
    consumer_.ack(latest.delivery);
  }
  latest.delivery = copy_delivery(delivery, latest.bytes);
  latest.arrival = ++arrivals_;
}

bool Conflater::is_due(const std::string& key, std::uint64_t now_ns) const {
  if (options_.interval_ns == 0 || latest_.size() >= options_.most_keys) return true;
  const auto last = handed_out_ns_.find(key);
  return last == handed_out_ns_.end() || now_ns - last->second >= options_.interval_ns;
}

std::uint64_t Conflater::poll(const Consumer::Handler& handler, const Consumer::GapHandler& gaps) {
  for (std::uint64_t taken = 0; taken < options_.most_records && latest_.size() < options_.most_keys;) {
    const auto records = consumer_.poll([&](const Delivery& delivery) { keep(delivery); }, gaps,
                                        std::min<std::uint64_t>(options_.most_records - taken,
                                                                options_.most_keys - latest_.size()));
    if (records == 0) break;
    taken += records;
  }
  const auto now_ns = ipc::monotonic_ns();
  std::vector<std::pair<std::uint64_t, const std::string*>> due;
  for (const auto& [key, latest] : latest_)
    if (is_due(key, now_ns)) due.emplace_back(latest.arrival, &key);
  std::sort(due.begin(), due.end());
  for (const auto& [arrival, key] : due) {
    const auto entry = latest_.find(*key);
    handler(entry->second.delivery);
    consumer_.ack(entry->second.delivery);
    if (options_.interval_ns != 0) handed_out_ns_[*key] = now_ns;
    latest_.erase(entry);
  }
  if (handed_out_ns_.size() > 2 * options_.most_keys)
    std::erase_if(handed_out_ns_, [&](const auto& one) { return now_ns - one.second >= options_.interval_ns; });
  return due.size();
}

void Conflater::wait(std::uint64_t timeout_ns) {
  const auto now_ns = ipc::monotonic_ns();
  for (const auto& [key, latest] : latest_) {
    const auto last = handed_out_ns_.find(key);
    const auto due_ns = last == handed_out_ns_.end() ? now_ns : last->second + options_.interval_ns;
    timeout_ns = std::min(timeout_ns, due_ns > now_ns ? due_ns - now_ns : 0);
  }
  if (timeout_ns != 0) consumer_.wait(timeout_ns);
}

}  // namespace fabric
