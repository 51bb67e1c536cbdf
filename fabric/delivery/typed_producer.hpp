#pragma once
// Publishing described C++ structs (contract/native_describe.hpp) under their contract:
//
//   auto orders = TypedProducer<Order>::open(*fabric, *registry, "orders", {.subject = "orders.placed"});
//   orders->publish("MSFT", order);                       // the payload is the struct's bytes
//   auto claim = orders->claim("MSFT");                   // or in place, nothing is copied
//   claim->id = 17;
//   claim.commit();
//
// One thread at a time. No allocation, no system call but the ring's own. All else as ContractProducer, which it
// contains.

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "fabric/contract/native_describe.hpp"
#include "fabric/delivery/contract_producer.hpp"

namespace fabric {

// An event under construction, where it will lie. It begins as T{}; out of scope without commit it never was.
template <class T>
class TypedClaim {
 public:
  explicit operator bool() const noexcept { return event_ != nullptr; }
  const SentEvent& why() const noexcept { return sent_; }  // why there is no claim
  T* operator->() const noexcept { return event_; }
  T& operator*() const noexcept { return *event_; }
  // On back-pressure the claim stays and may be committed again. Valid as long as the claim.
  const SentEvent& commit() noexcept {
    if (event_ == nullptr) return sent_;
    ipc::RecordOptions options{.schema = contract_->schema_id(), .sequence = &sent_.sequence, .route = routed_.route};
    if (head_ != 0) options.flags = ipc::kExtended;
    sent_.ring = claim_.commit(head_ + sizeof(T), options);
    sent_.outcome = ContractProducer::outcome_of(sent_.ring);
    if (sent_.ring == ipc::PublishOutcome::moved) [[unlikely]]
      sent_ = publish_elsewhere();
    if (sent_) event_ = nullptr;
    return sent_;
  }

 private:
  template <class>
  friend class TypedProducer;
  // Everything is made where it stays: a copy would wait for what was just written to it.
  TypedClaim(ContractProducer& contract, std::span<const std::byte> key) noexcept
      : contract_(&contract),
        routed_(contract.producer().route(key)),
        head_(key.empty() ? 0 : envelope_bytes(Envelope{.key = key})),
        claim_(contract.producer().publisher(routed_.partition).claim(may_be_sent(key) ? head_ + sizeof(T) : 1)) {
    sent_.partition = routed_.partition;
    if (!may_be_sent(key)) {
      sent_.outcome = contract_->allowed() ? SendOutcome::too_large : SendOutcome::contract;
    } else if (!claim_) {
      sent_.ring = claim_.outcome();
      sent_.outcome = ContractProducer::outcome_of(sent_.ring);
    } else {
      if (head_ != 0) encode_envelope(Envelope{.key = key}, claim_.bytes().first(head_));
      event_ = std::construct_at(reinterpret_cast<T*>(claim_.bytes().data() + head_));
    }
  }
  bool may_be_sent(std::span<const std::byte> key) const noexcept {
    return contract_->allowed() && key.size() <= kMaxKeyBytes;
  }
  // The topic has grown since the claim, and the key belongs to another partition: copied there.
  SentEvent publish_elsewhere() noexcept {
    Event event;
    if (head_ != 0 && !decode_block(claim_.bytes().first(head_), event)) return sent_;
    return contract_->publish(event.envelope.key, std::as_bytes(std::span(event_, 1)));
  }
  ContractProducer* contract_;
  Producer::Routed routed_;
  std::size_t head_;  // bytes of the envelope in front
  ipc::Claim claim_;
  SentEvent sent_;
  T* event_ = nullptr;
};

template <class T>
class TypedProducer {
 public:
  // Errors: invalid_argument (native_schema<T>()), those of ContractProducer::open.
  static Result<TypedProducer> open(const Fabric& fabric, const contract::Registry& registry, const std::string& topic,
                                    const ContractOptions& options = {}) {
    const auto& schema = contract::native_schema<T>();
    if (!schema) return schema.error();
    auto producer = ContractProducer::open(fabric, registry, topic, **schema, options);
    if (!producer) return producer.error();
    return TypedProducer(std::move(*producer));
  }

  SentEvent publish(std::span<const std::byte> key, const T& event) noexcept {
    return contract_.publish(key, bytes_of(event));
  }
  SentEvent publish(std::string_view key, const T& event) noexcept { return publish(as_bytes(key), event); }
  SentEvent publish_within(std::string_view key, const T& event, std::uint64_t timeout_ns) noexcept {
    return contract_.publish_within(as_bytes(key), bytes_of(event), timeout_ns);
  }
  // With metadata: an id, what caused it, ...
  SentEvent publish(std::string_view key, const T& event, const EventAttributes& attributes) noexcept {
    return contract_.publish(as_bytes(key), bytes_of(event), attributes);
  }
  SentEvent publish_within(std::string_view key, const T& event, std::uint64_t timeout_ns,
                           const EventAttributes& attributes) noexcept {
    return contract_.publish_within(as_bytes(key), bytes_of(event), timeout_ns, attributes);
  }

  // As Producer::publish_batch().
  SentEvent publish_batch(std::span<const std::byte> key, std::span<const T> events, std::size_t& published) noexcept;
  SentEvent publish_batch(std::string_view key, std::span<const T> events, std::size_t& published) noexcept {
    return publish_batch(as_bytes(key), events, published);
  }

  // Room for one event, see TypedClaim; one at a time.
  TypedClaim<T> claim(std::span<const std::byte> key) noexcept;
  TypedClaim<T> claim(std::string_view key) noexcept { return claim(as_bytes(key)); }

  // The same with integers as keys (event/key.hpp).
  SentEvent publish(KeyInteger auto key, const T& event) noexcept { return publish(IntegerKey(key).bytes(), event); }
  SentEvent publish_within(KeyInteger auto key, const T& event, std::uint64_t timeout_ns) noexcept {
    return contract_.publish_within(IntegerKey(key).bytes(), bytes_of(event), timeout_ns);
  }
  SentEvent publish_batch(KeyInteger auto key, std::span<const T> events, std::size_t& published) noexcept {
    return publish_batch(IntegerKey(key).bytes(), events, published);
  }
  TypedClaim<T> claim(KeyInteger auto key) noexcept { return claim(IntegerKey(key).bytes()); }

  Result<bool> check(std::uint64_t now_ns = 0) { return contract_.check(now_ns); }
  std::uint32_t schema_id() const noexcept { return contract_.schema_id(); }
  ContractProducer& contract() noexcept { return contract_; }
  const ContractProducer& contract() const noexcept { return contract_; }

 private:
  explicit TypedProducer(ContractProducer producer) : contract_(std::move(producer)) {}
  static std::span<const std::byte> bytes_of(const T& event) noexcept { return std::as_bytes(std::span(&event, 1)); }
  ContractProducer contract_;
};

template <class T>
SentEvent TypedProducer<T>::publish_batch(std::span<const std::byte> key, std::span<const T> events,
                                          std::size_t& published) noexcept {
  published = 0;
  std::array<std::span<const std::byte>, 64> batch;
  auto sent = contract_.publish_batch(key, {}, published);
  while (sent && published < events.size()) {
    const auto count = std::min(batch.size(), events.size() - published);
    for (std::size_t i = 0; i < count; ++i) batch[i] = bytes_of(events[published + i]);
    std::size_t done = 0;
    const auto before = sent.sequence;
    sent = contract_.publish_batch(key, std::span(batch).first(count), done);
    if (done == 0) sent.sequence = before;
    published += done;
  }
  return sent;
}

template <class T>
TypedClaim<T> TypedProducer<T>::claim(std::span<const std::byte> key) noexcept {
  static_assert(alignof(T) <= 8,
                "an event with an alignment above 8 cannot lie behind an envelope; publish() copies it");
  return TypedClaim<T>(contract_, key);
}

}  // namespace fabric
