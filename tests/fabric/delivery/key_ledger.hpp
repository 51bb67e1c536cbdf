#pragma once
// How far each key has come, in memory that outlives every process of a test: any number of members write to it at the same time.
//
// Keys are "key0", "key1", ...; payloads are ordinals of the key, from 0. A record that comes is either the next of its key, or has come
// before. Anything else is a fault: records were lost, or their order was.

#include <sys/mman.h>

#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "fabric/delivery/consumer.hpp"

namespace fabric::testing {

class KeyLedger {
 public:
  explicit KeyLedger(std::uint64_t keys) : keys_(keys) {
    memory_ = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) std::abort();
    for (std::uint64_t i = 0; i < keys_ + 3; ++i) new (words() + i) std::atomic<std::uint64_t>(0);
  }
  ~KeyLedger() { ::munmap(memory_, bytes()); }
  KeyLedger(const KeyLedger&) = delete;
  KeyLedger& operator=(const KeyLedger&) = delete;

  static std::string key(std::uint64_t number) { return "key" + std::to_string(number); }

  void add(const Delivery& delivery) {
    const auto number = number_in(as_text(delivery.event.envelope.key).substr(3));
    const auto ordinal = number_in(as_text(delivery.event.payload));
    if (number >= keys_) return static_cast<void>(words()[keys_ + 1].fetch_add(1));
    auto& next = words()[number];
    std::uint64_t expected = ordinal;
    if (next.compare_exchange_strong(expected, ordinal + 1)) return;
    words()[keys_ + (ordinal < expected ? 0 : 1)].fetch_add(1);
  }
  std::uint64_t unique() const {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < keys_; ++i) sum += words()[i].load();
    return sum;
  }
  std::uint64_t redelivered() const { return words()[keys_].load(); }
  std::uint64_t faults() const { return words()[keys_ + 1].load(); }
  void clear() {
    for (std::uint64_t i = 0; i < keys_ + 3; ++i) words()[i].store(0);
  }
  // Publishers go on until they are told to stop.
  void stop_publishing() { words()[keys_ + 2].store(1); }
  bool stopped() const { return words()[keys_ + 2].load() != 0; }

 private:
  // The largest number where it does not begin with one.
  static std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = ~std::uint64_t{0};
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  std::size_t bytes() const { return (keys_ + 3) * sizeof(std::atomic<std::uint64_t>); }
  std::atomic<std::uint64_t>* words() const { return static_cast<std::atomic<std::uint64_t>*>(memory_); }
  std::uint64_t keys_;
  void* memory_;
};

}  // namespace fabric::testing
