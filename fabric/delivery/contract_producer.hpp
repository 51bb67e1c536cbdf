#pragma once
// A producer under contract: it writes events of one subject with one schema, and whether it may is decided when it
// attaches, before it can write a byte (contract/attach.hpp has the table). Of any format; typed_producer.hpp is for
// native structs.
//
// What was decided holds until check() is called: call it now and then (every second, say), so that a sunset or a
// change of the registry is obeyed without a restart. One thread at a time per producer. publish() as
// Producer::publish(): non-blocking, no allocation.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "fabric/contract/attach.hpp"
#include "fabric/delivery/producer.hpp"

namespace fabric {

enum class SendOutcome : std::uint8_t {
  published,
  back_pressure,  // also: the arena is full, or another is publishing this id now; nothing was published, try again
  too_large,      // the event or its key
  contract,       // check() found that it may not write any more; nothing was published
  failed,         // see SentEvent::ring
};
const char* to_string(SendOutcome outcome) noexcept;

struct SentEvent {
  SendOutcome outcome = SendOutcome::published;
  ipc::PublishOutcome ring = ipc::PublishOutcome::published;  // what the ring said, where it was asked
  std::uint32_t partition = 0;
  std::uint64_t sequence = 0;  // valid when published
  bool repeated = false;       // see Published::repeated
  explicit operator bool() const noexcept { return outcome == SendOutcome::published; }
};

struct ContractOptions {
  std::string subject{};        // the event's type; empty: the topic's name
  bool register_schema = true;  // false: only a schema that is registered already may be written
  // Called at open() and by check() with a sentence for the log, while the schema is deprecated.
  std::function<void(const std::string& warning)> on_warning{};
  // Filled by open() also when it refuses: all that stands against the schema.
  contract::Attachment* report = nullptr;
  ProducerOptions producer{};
  std::uint64_t now_ns = 0;  // Unix time at open(); 0: the clock's
};

class ContractProducer {
 public:
  // Errors: incompatible (the contract refuses: incompatible, sunset, unregistered; see `report`), those of
  // Producer::open and Registry::register_schema. The topic is attached last.
  static Result<ContractProducer> open(const Fabric& fabric, const contract::Registry& registry,
                                       const std::string& topic, const contract::Schema& schema,
                                       const ContractOptions& options = {});

  // Decides again, on what the registry says now. False: publish() refuses from now on (or until another check() finds
  // otherwise). Errors: those of Registry::refresh; then what was decided before holds. Blocks on the file system; one
  // system call when nothing has changed.
  Result<bool> check(std::uint64_t now_ns = 0);

  SentEvent publish(std::span<const std::byte> key, std::span<const std::byte> payload) noexcept {
    if (!allowed_) [[unlikely]]
      return {.outcome = SendOutcome::contract};
    return sent(producer_.publish(key, payload, schema_id_));
  }
  // With metadata, as Producer::publish().
  SentEvent publish(std::span<const std::byte> key, std::span<const std::byte> payload,
                    const EventAttributes& attributes) noexcept {
    if (!allowed_) [[unlikely]]
      return {.outcome = SendOutcome::contract};
    return sent(producer_.publish(key, payload, attributes, schema_id_));
  }
  // The same, waiting out back-pressure for at most `timeout_ns`. Blocks.
  SentEvent publish_within(std::span<const std::byte> key, std::span<const std::byte> payload,
                           std::uint64_t timeout_ns) noexcept {
    if (!allowed_) [[unlikely]]
      return {.outcome = SendOutcome::contract};
    return sent(producer_.publish_within(key, payload, timeout_ns, schema_id_));
  }
  SentEvent publish_within(std::span<const std::byte> key, std::span<const std::byte> payload, std::uint64_t timeout_ns,
                           const EventAttributes& attributes) noexcept {
    if (!allowed_) [[unlikely]]
      return {.outcome = SendOutcome::contract};
    return sent(producer_.publish_within(key, payload, timeout_ns, attributes, schema_id_));
  }

  // As Producer::publish_batch().
  SentEvent publish_batch(std::span<const std::byte> key, std::span<const std::span<const std::byte>> payloads,
                          std::size_t& published) noexcept {
    published = 0;
    if (!allowed_) [[unlikely]]
      return {.outcome = SendOutcome::contract};
    return sent(producer_.publish_batch(key, payloads, published, schema_id_));
  }

  std::uint32_t schema_id() const noexcept { return schema_id_; }
  const std::string& subject() const noexcept { return attachment_.schema.subject; }
  // As decided last: standing, version, deprecation.
  const contract::Attachment& attachment() const noexcept { return attachment_; }
  Producer& producer() noexcept { return producer_; }
  const Producer& producer() const noexcept { return producer_; }
  bool allowed() const noexcept { return allowed_; }

  static SentEvent sent(const Published& published) noexcept {
    return {.outcome = outcome_of(published.outcome),
            .ring = published.outcome,
            .partition = published.partition,
            .sequence = published.sequence,
            .repeated = published.repeated};
  }
  static SendOutcome outcome_of(ipc::PublishOutcome outcome) noexcept {
    if (outcome == ipc::PublishOutcome::published) [[likely]]
      return SendOutcome::published;
    if (outcome == ipc::PublishOutcome::back_pressure || outcome == ipc::PublishOutcome::arena_full ||
        outcome == ipc::PublishOutcome::refused)
      return SendOutcome::back_pressure;
    return outcome == ipc::PublishOutcome::too_large ? SendOutcome::too_large : SendOutcome::failed;
  }

 private:
  ContractProducer(Producer producer, contract::Registry registry, contract::Attachment attachment,
                   std::function<void(const std::string&)> on_warning)
      : producer_(std::move(producer)),
        registry_(std::move(registry)),
        attachment_(std::move(attachment)),
        on_warning_(std::move(on_warning)),
        schema_id_(attachment_.schema.id) {}

  Producer producer_;
  contract::Registry registry_;
  contract::Attachment attachment_;
  std::function<void(const std::string&)> on_warning_;
  std::uint32_t schema_id_;
  bool allowed_ = true;
};

}  // namespace fabric
