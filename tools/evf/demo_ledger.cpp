#include "tools/evf/demo_ledger.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace fabric::evf::demo {
namespace {

// Room for what is delivered again after a take-over, many times over.
constexpr std::size_t kRedeliveries = 1 << 20;

template <class Entry>
bool append_to(Entry* log, std::size_t capacity, Notes& notes, const Entry& entry) noexcept {
  const auto at = notes.count.load(std::memory_order_relaxed);
  if (at >= capacity) return false;
  log[at] = entry;
  notes.count.store(at + 1, std::memory_order_release);
  return true;
}

}  // namespace

void Notes::fail(std::string_view why) noexcept {
  const auto bytes = std::min(why.size(), failure.size() - 1);
  std::memcpy(failure.data(), why.data(), bytes);
  failure[bytes] = '\0';
}

ipc::Result<Ledger> Ledger::create(const Plan& plan) {
  Ledger ledger;
  ledger.publish_capacity_ = plan.records();
  ledger.delivery_capacity_ = std::size_t{plan.records()} + kRedeliveries;
  const auto consumers = kRoles - kFirstConsumer;
  ledger.bytes_ = sizeof(Control) + kFirstConsumer * ledger.publish_capacity_ * sizeof(PublishEntry) +
                  consumers * ledger.delivery_capacity_ * sizeof(DeliveryEntry);
  auto* memory =
      ::mmap(nullptr, ledger.bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return ipc::system_error("reserve " + std::to_string(ledger.bytes_) + " bytes for the ledger", errno);
  ledger.memory_ = memory;
  ledger.control_ = new (memory) Control;
  auto* at = static_cast<std::byte*>(memory) + sizeof(Control);
  for (auto*& log : ledger.publishers_) {
    log = reinterpret_cast<PublishEntry*>(at);
    at += ledger.publish_capacity_ * sizeof(PublishEntry);
  }
  for (auto role = kFirstConsumer; role < kRoles; ++role) {
    ledger.consumers_[role] = reinterpret_cast<DeliveryEntry*>(at);
    at += ledger.delivery_capacity_ * sizeof(DeliveryEntry);
  }
  return ledger;
}

Ledger::Ledger(Ledger&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      bytes_(other.bytes_),
      control_(other.control_),
      publishers_(other.publishers_),
      consumers_(other.consumers_),
      publish_capacity_(other.publish_capacity_),
      delivery_capacity_(other.delivery_capacity_) {}

Ledger::~Ledger() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

bool Ledger::append(std::uint32_t publisher, const PublishEntry& entry) const noexcept {
  return append_to(publishers_[publisher], publish_capacity_, notes(publisher), entry);
}

bool Ledger::append(std::uint32_t consumer, const DeliveryEntry& entry) const noexcept {
  return append_to(consumers_[consumer], delivery_capacity_, notes(consumer), entry);
}

std::span<const PublishEntry> Ledger::published(std::uint32_t publisher) const noexcept {
  return {publishers_[publisher], notes(publisher).count.load(std::memory_order_acquire)};
}

std::span<const DeliveryEntry> Ledger::delivered(std::uint32_t consumer) const noexcept {
  return {consumers_[consumer], notes(consumer).count.load(std::memory_order_acquire)};
}

}  // namespace fabric::evf::demo
